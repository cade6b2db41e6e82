"""Plants two copying heads into a model that has learned the words of the corpus and not yet to look back for them.

A network of this size finds out only after tens of millions of tokens that the name to write is one that was there
before. So one kv head of one layer is set by least squares: its keys tell names (and kinds of heroes) from other words,
its first query head asks for names, its second for kinds, everywhere; its values say which name it was, and
the output raises that name's logit. Training goes on from there and learns when to use it.
"""
import torch


@torch.no_grad()
def plant(model, docs, classes, layer=2, sharp=8.0, gain=5.0):
    """docs: lists of ids; classes: two sets of ids."""
    c, b = model.c, model.blocks[layer]
    got = {}
    hooks = [b.n1.register_forward_hook(lambda m, i, o: got.__setitem__("h", o)),
             model.norm.register_forward_hook(lambda m, i, o: got.__setitem__("x", i[0]))]
    hs, ids, rms = [], [], []
    for d in docs:
        model(torch.tensor([d]), torch.zeros(1, len(d), dtype=torch.long))
        hs.append(got["h"][0])
        ids += d
        rms.append(got["x"][0].pow(2).mean(-1).sqrt())
    for h in hooks:
        h.remove()
    H, ids, rms = torch.cat(hs), torch.tensor(ids), float(torch.cat(rms).mean())
    ridge = 0.01 * torch.eye(c["d"])
    solve = lambda X, y: torch.linalg.solve(X.t() @ X / len(X) + ridge, X.t() @ y / len(X))
    one = solve(H, torch.ones(len(H)))  # one . h is about 1 everywhere
    g, hd = c["heads"] // c["kv_heads"], c["hd"]
    kv = c["kv_heads"] - 1
    rows = lambda w, head: w[head * hd:(head + 1) * hd]
    q_of, k_of = [rows(b.q.weight, kv * g + i) for i in range(2)], rows(b.k.weight, kv)
    scale = (sharp * hd ** 0.5) ** 0.5
    tokens, means, targets = [], [], []
    for q in q_of:
        q *= 0.05
    for i, cl in enumerate(classes):
        inside = torch.tensor([int(t) in cl for t in ids])
        y = inside.float()
        u = solve(H - H.mean(0), y - y.mean())
        s = H @ u
        u = u / (s[inside].mean() - s[~inside].mean())
        r = hd // 2 - 1 - i  # the slowest rotations: the distance hardly matters
        k_of[r], k_of[r + hd // 2] = u * scale, 0
        for j, q in enumerate(q_of):
            q[r], q[r + hd // 2] = (one * scale if i == j else 0), 0
        E = model.emb.weight
        there = sorted(set(ids[inside].tolist()))
        mid = E[torch.tensor(sorted(cl))].mean(0)
        for t in there:
            e = E[t] - mid
            means.append(H[ids == t].mean(0))
            targets.append(e * gain * rms / float((e * e * model.norm.w).sum()))
    M, T = torch.stack(means), torch.stack(targets)
    V = torch.linalg.svd(M - M.mean(0), full_matrices=False)[2][:hd]
    rows(b.v.weight, kv).copy_(V)
    Z = (M - M.mean(0)) @ V.t()
    O = torch.linalg.solve(Z.t() @ Z + 0.03 * float((Z * Z).sum()) / hd * torch.eye(hd), Z.t() @ T)  # [hd][d]
    for i in range(2):
        b.o.weight[:, (kv * g + i) * hd:(kv * g + i + 1) * hd] = O.t()
