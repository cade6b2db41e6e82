#!/usr/bin/env python3
"""Learns the built-in model's tokenizer (byte-level BPE) from the corpus, and encodes with it.

    builtin_tokenizer.py [--vocab 2048] CORPUS.jsonl OUT.json

The words are those of the splitter that GGUF calls `qwen2` (digits stand alone); the corpus is ASCII, so its letters
are A-Z and a-z here. Ids: 0-255 the bytes, then the control tokens, then a token for each merge, in order.
"""
import argparse
import collections
import json
import re

CONTROL = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
WORD = re.compile(r"(?:'(?i:s|t|re|ve|m|ll|d))|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPLIT = re.compile("(" + "|".join(map(re.escape, CONTROL)) + ")")


def learn(texts, vocab):
    count = collections.Counter()
    for t in texts:
        for part in SPLIT.split(t):
            if part and part not in CONTROL:
                count.update(WORD.findall(part))
    words = [(list(w.encode()), n) for w, n in sorted(count.items())]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, (w, n) in enumerate(words):
        for p in zip(w, w[1:]):
            pairs[p] += n
            where[p].add(i)
    merges, new = [], 256 + len(CONTROL)
    while new < vocab:
        best = max(pairs, key=lambda p: (pairs[p], -p[0], -p[1]))
        if pairs[best] < 2:
            break
        merges.append(best)
        for i in where.pop(best):
            w, n = words[i]
            for p in zip(w, w[1:]):
                pairs[p] -= n
            out, k = [], 0
            while k < len(w):
                if k + 1 < len(w) and (w[k], w[k + 1]) == best:
                    out.append(new)
                    k += 2
                else:
                    out.append(w[k])
                    k += 1
            words[i] = (out, n)
            for p in zip(out, out[1:]):
                pairs[p] += n
                where[p].add(i)
        del pairs[best]
        new += 1
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        first = 256 + len(CONTROL)
        self.rank = {m: first + i for i, m in enumerate(self.merges)}
        self.bytes = [bytes([b]) for b in range(256)] + [c.encode() for c in CONTROL]
        for a, b in self.merges:
            self.bytes.append(self.bytes[a] + self.bytes[b])
        self.control = {c: 256 + i for i, c in enumerate(CONTROL)}
        self.cache = {}

    @staticmethod
    def load(path):
        return Tokenizer(json.load(open(path))["merges"])

    def word(self, s):
        w = list(s.encode())
        while len(w) > 1:
            r = [self.rank.get(p, 1 << 30) for p in zip(w, w[1:])]
            m = min(r)
            if m == 1 << 30:
                break
            i = r.index(m)
            w[i:i + 2] = [m]
        return w

    def encode(self, text):
        ids = []
        for part in SPLIT.split(text):
            if part in self.control:
                ids.append(self.control[part])
                continue
            for s in WORD.findall(part):
                if s not in self.cache:
                    self.cache[s] = self.word(s)
                ids += self.cache[s]
        return ids


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--vocab", type=int, default=2048)
    ap.add_argument("corpus")
    ap.add_argument("out")
    a = ap.parse_args()
    docs = [json.loads(l) for l in open(a.corpus)]
    merges = learn((d["text"] for d in docs if d["split"] == "train"), a.vocab)
    json.dump({"merges": merges}, open(a.out, "w"))
    t = Tokenizer(merges)
    held = [d["text"] for d in docs if d["split"] == "held"]
    n = sum(len(t.encode(x)) for x in held)
    print("%d tokens in the vocabulary; held out: %d texts, %d tokens, %.2f bytes per token"
          % (len(t.bytes), len(held), n, sum(map(len, held)) / n))
