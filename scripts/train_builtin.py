#!/usr/bin/python3
"""Trains the built-in model: a small `llama` network on the corpus of builtin_corpus.py.

    train_builtin.py --until HH:MM CORPUS.jsonl TOKENIZER.json OUT.pt     (UTC; or --minutes M)

Needs Debian's python3-torch (and libopenblas0-pthread, which makes it several times faster). Whole texts are packed
into rows of 384 tokens and do not see each other; one row in seven is a conversation: chats one after the other that
do see each other. The loss is on all tokens but a text's first. Matrices of the layers are trained with Muon
(momentum, orthogonalized by five Newton-Schulz steps: K. Jordan, 2024), embeddings and norms with AdamW; the rate
falls linearly to zero at the time given, so that the run ends when it should. Near the end weights are averaged, and
whichever of average and last has the lower held-out loss is kept. Same seed, same order of texts; the number of steps
depends on the machine's speed. Two processes of one thread share the weights: each takes half a batch and updates half
of the weights, which stands a busy machine far better than threads within every product.
"""
import argparse
import datetime
import json
import math
import multiprocessing
import os
import random
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from builtin_corpus import ALL_KINDS, NAMES_HE, NAMES_SHE
from builtin_tokenizer import Tokenizer

CFG = dict(vocab=2048, d=256, layers=4, heads=4, kv_heads=2, hd=64, ff=512, eps=1e-5, rope=10000.0, ctx=512)
ROW = 384


class Norm(nn.Module):
    def __init__(self, d, eps):
        super().__init__()
        self.w, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.w


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.n1, self.n2 = Norm(c["d"], c["eps"]), Norm(c["d"], c["eps"])
        self.q = nn.Linear(c["d"], c["heads"] * c["hd"], bias=False)
        self.k = nn.Linear(c["d"], c["kv_heads"] * c["hd"], bias=False)
        self.v = nn.Linear(c["d"], c["kv_heads"] * c["hd"], bias=False)
        self.o = nn.Linear(c["heads"] * c["hd"], c["d"], bias=False)
        self.gate = nn.Linear(c["d"], c["ff"], bias=False)
        self.up = nn.Linear(c["d"], c["ff"], bias=False)
        self.down = nn.Linear(c["ff"], c["d"], bias=False)

    def forward(self, x, cos, sin, mask):
        c, (B, T, _) = self.c, x.shape
        h = self.n1(x)

        def rope(y):  # halves; the export permutes rows into pairs
            a, b = y[..., :c["hd"] // 2], y[..., c["hd"] // 2:]
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

        q = rope(self.q(h).view(B, T, c["heads"], c["hd"]).transpose(1, 2))
        k = rope(self.k(h).view(B, T, c["kv_heads"], c["hd"]).transpose(1, 2))
        v = self.v(h).view(B, T, c["kv_heads"], c["hd"]).transpose(1, 2)
        g = c["heads"] // c["kv_heads"]  # query heads of one kv head, side by side
        q = q.reshape(B * c["kv_heads"], g * T, c["hd"])
        k, v = k.reshape(B * c["kv_heads"], T, c["hd"]), v.reshape(B * c["kv_heads"], T, c["hd"])
        a = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=c["hd"] ** -0.5).softmax(-1) @ v
        a = a.view(B, c["heads"], T, c["hd"]).transpose(1, 2).reshape(B, T, -1)
        x = x + self.o(a)
        h = self.n2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.emb = nn.Embedding(c["vocab"], c["d"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.norm = Norm(c["d"], c["eps"])
        for n, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02 if "emb" in n else 0.5 / math.sqrt(p.shape[1]))
        for b in self.blocks:
            nn.init.zeros_(b.o.weight)
            nn.init.zeros_(b.down.weight)
        t = torch.arange(4096).float()[:, None] * c["rope"] ** (-torch.arange(0, c["hd"], 2).float() / c["hd"])
        self.cos, self.sin = t.cos(), t.sin()

    def forward(self, ids, doc):
        """Logits [B][T][vocab]. doc: [B][T], tokens see earlier ones of the same number."""
        T, c = ids.shape[1], self.c
        see = (doc[:, :, None] == doc[:, None, :]) & torch.ones(T, T, dtype=torch.bool).tril()
        mask = torch.zeros(see.shape).masked_fill_(~see, -1e9)
        g = c["heads"] // c["kv_heads"]
        mask = mask[:, None, None].expand(-1, c["kv_heads"], g, -1, -1).reshape(-1, g * T, T)
        x = self.emb(ids)
        for b in self.blocks:
            x = b(x, self.cos[:T], self.sin[:T], mask)
        return F.linear(self.norm(x), self.emb.weight)

    def loss(self, ids, doc, reduction="mean", weight=None):
        """Of predicting each token from those before it; a text's first token is not predicted."""
        y = torch.where(doc[:, 1:] == doc[:, :-1], ids[:, 1:], torch.full_like(ids[:, 1:], -1))
        y = torch.where(doc[:, 1:] < 0, torch.full_like(y, -1), y)
        keep = y.flatten() >= 0
        z = self(ids, doc)[:, :-1].flatten(0, 1)
        return F.cross_entropy(z[keep], y.flatten()[keep], reduction=reduction, weight=weight), int(keep.sum())


def pack(docs, r, talk_share=0.0):
    """Rows of (ids, doc numbers). docs: (kind, ids). Doc -1 is padding."""
    docs = docs[:]
    r.shuffle(docs)
    open_rows, talks = [], []

    def close(row):
        ids, doc = row
        n = ROW - len(ids)
        return ids + [0] * n, doc + [-1] * n

    for kind, ids in docs:
        if len(ids) > ROW:
            continue
        if kind == "chat" and r.random() < talk_share * 1.4:  # a chat of the conversation rows
            if talks and len(talks[0]) + len(ids) > ROW:
                yield close((talks[0], [0] * len(talks[0])))
                talks = []
            talks = [talks[0] + ids] if talks else [ids[:]]
            continue
        fit = [o for o in open_rows if len(o[0]) + len(ids) <= ROW]
        if fit:
            o = max(fit, key=lambda o: len(o[0]))
        else:
            if len(open_rows) >= 24:
                full = max(open_rows, key=lambda o: len(o[0]))
                open_rows.remove(full)
                yield close(full)
            o = ([], [])
            open_rows.append(o)
        o[1].extend([(o[1][-1] + 1) if o[1] else 0] * len(ids))
        o[0].extend(ids)
    for o in open_rows:
        yield close(o)


def batches(docs, size, seed, talk_share):
    epoch = 0
    while True:
        r = random.Random("%d %d" % (seed, epoch))
        rows = []
        for row in pack(docs, r, talk_share):
            rows.append(row)
            if len(rows) == 64 * size:
                r.shuffle(rows)
                for i in range(0, len(rows), size):
                    part = rows[i:i + size]
                    yield torch.tensor([p[0] for p in part]), torch.tensor([p[1] for p in part])
                rows = []
        epoch += 1


def orthogonal(g):
    """The nearest orthogonal matrices to a stack of them, about: five Newton-Schulz steps."""
    x = g / (g.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    turn = x.shape[-2] > x.shape[-1]
    if turn:
        x = x.transpose(-2, -1)
    for _ in range(5):
        a = x @ x.transpose(-2, -1)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.transpose(-2, -1) if turn else x


class Muon:
    def __init__(self, params, momentum=0.95):
        self.groups = {}
        for p in params:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.m = {k: torch.zeros(len(v), *k) for k, v in self.groups.items()}
        self.momentum = momentum

    def step(self, lr, decay):
        for shape, ps in self.groups.items():
            g = torch.stack([p.grad for p in ps])
            self.m[shape].mul_(self.momentum).add_(g)
            u = orthogonal(g + self.momentum * self.m[shape]) * max(1.0, shape[0] / shape[1]) ** 0.5
            for p, d in zip(ps, u):
                p.data.mul_(1 - lr * decay).add_(d, alpha=-lr)


@torch.no_grad()
def held_loss(model, rows):
    """Sum of the loss, and of how many tokens."""
    total, n = 0.0, 0
    for i in range(0, len(rows), 4):
        part = rows[i:i + 4]
        l, k = model.loss(torch.tensor([p[0] for p in part]), torch.tensor([p[1] for p in part]), "sum")
        total, n = total + float(l), n + k
    return total, n


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--until", help="UTC time HH:MM at which the rate is zero")
    ap.add_argument("--minutes", type=float, default=40)
    ap.add_argument("--rows", type=int, default=6, help="rows of each process's half batch")
    ap.add_argument("--init", help="go on from these weights")
    ap.add_argument("--boost", type=float, default=1, help="weight of names and kinds of heroes in the first half's loss")
    ap.add_argument("--bf16", action="store_true", help="products in bfloat16 (weights stay float32)")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--adam-lr", type=float, default=0.004)
    ap.add_argument("corpus")
    ap.add_argument("tokenizer")
    ap.add_argument("out")
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(1)
    step0 = seen0 = 0
    tok = Tokenizer.load(a.tokenizer)
    docs = [json.loads(l) for l in open(a.corpus)]
    train = [(d["kind"], tok.encode(d["text"])) for d in docs if d["split"] == "train"]
    held = [(d["kind"], tok.encode(d["text"])) for d in docs if d["split"] == "held"]
    held_rows = list(pack(held, random.Random(0)))
    model = Model(CFG)
    if a.init:
        before = torch.load(a.init)
        model.load_state_dict(before["state"])
        step0, seen0 = before["step"], before["seen"]
    weight = torch.ones(CFG["vocab"])
    for w in NAMES_HE + NAMES_SHE + [k.split(":")[0] for _, k in ALL_KINDS]:
        ids = tok.encode(" " + w)
        if len(ids) == 1:
            weight[ids[0]] = a.boost
    model.share_memory()
    params = list(model.parameters())
    size = sum(p.numel() for p in params)
    print("parameters %d; training tokens %d, held-out tokens %d in %d rows" % (
        size, sum(len(d) for _, d in train), sum(len(d) for _, d in held), len(held_rows)), flush=True)
    shared = torch.zeros(2, size).share_memory_()       # gradients of the two processes
    ctl = torch.zeros(2, 4, dtype=torch.float64).share_memory_()  # loss sum, tokens, progress, stop
    barrier = multiprocessing.Barrier(2)
    rank = 0 if os.fork() else 1
    start = time.time()
    end = start + 60 * a.minutes
    if a.until:
        h, m = map(int, a.until.split(":"))
        end = datetime.datetime.now(datetime.timezone.utc).replace(hour=h, minute=m, second=0).timestamp()

    def evaluate(rows):
        ctl[rank, 0], ctl[rank, 1] = held_loss(model, rows[rank::2])
        barrier.wait()
        v = float(ctl[:, 0].sum() / ctl[:, 1].sum())
        barrier.wait()
        return v

    def say(*x):
        if rank == 0:
            print(*x, flush=True)

    half = CFG["layers"] // 2
    mine = [p for i, b in enumerate(model.blocks) if (i < half) == (rank == 0) for p in b.parameters() if p.dim() == 2]
    muon = Muon(mine)
    others = [p for n, p in model.named_parameters() if p.dim() == 1 or n.startswith("emb")] if rank == 0 else []
    adam = torch.optim.AdamW(others, lr=a.adam_lr, betas=(0.9, 0.97), weight_decay=0.0) if others else None
    step, seen, mean_loss, said, saved = 0, 0, None, 0, start
    mean, n_mean = None, 0
    for ids, doc in batches(train, 2 * a.rows, a.seed, 0.14):
        ids, doc = ids[rank::2], doc[rank::2]
        now = time.time()
        with torch.cpu.amp.autocast(enabled=a.bf16, dtype=torch.bfloat16):
            loss, n = model.loss(ids, doc, "sum", weight if (time.time() - start) / (end - start) < 0.5 else None)
        loss.backward()
        torch.cat([p.grad.flatten() for p in params], out=shared[rank])
        ctl[rank, 0], ctl[rank, 1], ctl[rank, 2] = float(loss), n, (now - start) / (end - start)
        barrier.wait()
        both, done = float(ctl[:, 1].sum()), float(ctl[0, 2])
        value = float(ctl[:, 0].sum()) / both
        g = (shared[0] + shared[1]) / both
        norm = float(g.norm())
        g *= min(1.0, 1.0 / (norm + 1e-6))
        for p, x in zip(params, g.split([p.numel() for p in params])):
            p.grad.copy_(x.view_as(p))
        barrier.wait()
        if done >= 1:
            break
        rate = min(1.0, (step + 1) / 20, (1 - done) / 0.65)
        muon.step(a.muon_lr * rate, 0.02)
        if adam:
            adam.param_groups[0]["lr"] = a.adam_lr * rate
            adam.step()
        for p in params:
            p.grad = None
        step, seen = step + 1, seen + int(both)
        mean_loss = value if mean_loss is None else 0.95 * mean_loss + 0.05 * value
        barrier.wait()
        if rank == 0 and done > 0.9 and step % 3 == 0:  # the mean of the last tenth
            n_mean += 1
            with torch.no_grad():
                w = torch.cat([p.flatten() for p in params])
                mean = w if mean is None else mean + (w - mean) / n_mean
        if rank == 0 and now - said > 30:
            said = now
            say("%5.1f %% step %d, %.2f M tokens, %.0f tokens/s, loss %.4f, gradient %.3f" % (
                100 * done, step, seen / 1e6, seen / (now - start + 1e-9), mean_loss, norm))
        if rank == 0 and now - saved > 180:
            saved = now
            torch.save(dict(cfg=CFG, state=model.state_dict(), step=step0 + step, seen=seen0 + seen, held=float("nan"), seed=a.seed, averaged=False), a.out + ".part")
    last = kept = evaluate(held_rows)
    say("held out: last %.5f (perplexity %.4f)" % (last, math.exp(last)))
    if rank == 0:
        torch.save(dict(cfg=CFG, state=model.state_dict(), step=step0 + step, seen=seen0 + seen, held=kept, seed=a.seed, averaged=False), a.out)
        if mean is not None:
            with torch.no_grad():
                for p, x in zip(params, mean.split([p.numel() for p in params])):
                    p.copy_(x.view_as(p))
    barrier.wait()
    value = evaluate(held_rows)
    say("held out: mean of the last tenth %.5f (perplexity %.4f)" % (value, math.exp(value)))
    if rank == 1:
        os._exit(0)
    if value < last:
        kept = value
        torch.save(dict(cfg=CFG, state=model.state_dict(), step=step0 + step, seen=seen0 + seen, held=kept, seed=a.seed, averaged=True), a.out)
    say("%d steps, %d tokens seen, %.0f s, held-out loss %.5f, perplexity %.4f" % (step, seen, time.time() - start, kept, math.exp(kept)))
