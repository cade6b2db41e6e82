#!/usr/bin/env python3
"""Measures the built-in model with ./slm.

    eval_builtin.py [--corpus CORPUS.jsonl] [--slm ./slm] [--texts N] [--stories 10] MODEL.gguf...

Sums: all 231 pairs up to twenty, asked as "What is a + b?" at temperature 0. Perplexity: over the held-out texts of the
corpus, each scored on its own without its first token, as in training (--texts: only the first N). Stories: the
model's own sampling (--flags), seeds 1.. , with the first model. Python's standard library only.
"""
import argparse
import json
import math
import subprocess
import tempfile


def call(args, data=None):
    return subprocess.run(args, input=data, capture_output=True, text=True)


def ask(slm, model, q, *flags):
    p = call([slm, "run", "-m", model, "-q", "-N", "--raw", "--special", *flags, "<|user|>%s<|end|><|assistant|>" % q])
    return p.stdout.strip()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--slm", default="./slm")
    ap.add_argument("--corpus")
    ap.add_argument("--texts", type=int, default=10 ** 9)
    ap.add_argument("--stories", type=int, default=10)
    ap.add_argument("--prompt", default="Tell me a story.")
    ap.add_argument("--flags", default="--temp 0.6 --top-p 0.9 --top-k 40 --min-p 0.05", help="sampling of the stories")
    ap.add_argument("models", nargs="+")
    a = ap.parse_args()
    held = []
    if a.corpus:
        held = [d["text"] for d in map(json.loads, open(a.corpus)) if d["split"] == "held"][:a.texts]
    for m in a.models:
        if held:
            total = n = 0
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
                for t in held:
                    f.seek(0)
                    f.truncate()
                    f.write(t)
                    f.flush()
                    j = json.loads(call([a.slm, "score", "-m", m, "--special", "--json", "-N", "-f", f.name, "--kv", "f32"]).stdout)
                    total, n = total - j["logprob"], n + j["n"] - 1
            print("%s: %d held-out texts, %d tokens, loss %.5f, perplexity %.4f" % (m, len(held), n, total / n, math.exp(total / n)))
        wrong = []
        for x in range(21):
            for y in range(21 - x):
                out = ask(a.slm, m, "What is %d + %d?" % (x, y), "--temp", "0", "-n", "24")
                if out.rstrip(".").split("=")[-1].strip() != str(x + y):
                    wrong.append("%d+%d: %s" % (x, y, out))
        print("%s: sums right %d of 231 (%.1f %%)%s" % (m, 231 - len(wrong), (231 - len(wrong)) / 2.31, "; wrong: " + ", ".join(wrong[:20]) if wrong else ""))
    for seed in range(1, a.stories + 1):
        out = ask(a.slm, a.models[0], a.prompt, "--seed", str(seed), "-n", "400", *a.flags.split())
        print("\n--- seed %d: %d words\n%s" % (seed, len(out.split()), out))


if __name__ == "__main__":
    main()
