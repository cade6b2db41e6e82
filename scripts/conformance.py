#!/usr/bin/python3
"""Runs ../shared/tools/conformance.py and holds its failures against a short list of known ones.

    scripts/conformance.py PART...        (oracle refs tokenizer chat templates ppl)

Passes when exactly the cases in KNOWN fail: one more is a regression, one less means the list is stale.
"""
import re
import subprocess
import sys

# file: (cases, reason).  The reasons were measured; README.md, "Exactness", says how.
KNOWN = {
    "llama-yarn.Q8_0.gguf": (1, "int8 activations: one attention row of a random net tips over at a stored position; "
                                "all positions together are within compare.py's bounds"),
    "random-gemma3.q4_0": (2, "int8 activations: llama.cpp itself is off by 0.057 and 0.076 per token where 0.03 is allowed; "
                              "the float64 reference with our rounding of activations gives our 0.066 and 0.038 to six digits"),
    "gemma-3": (1, "<image_soft_token> is id 262144 in Hugging Face's tokenizer; the file's vocabulary ends at 262143"),
}

r = subprocess.run(["/usr/bin/python3", "../shared/tools/conformance.py", *sys.argv[1:]], capture_output=True, text=True)
sys.stdout.write(r.stdout)
sys.stderr.write(r.stderr)
bad = re.findall(r"^(\S[^:]*): (\d+)/(\d+)", r.stdout, re.M)
seen = {}
for name, good, total in bad:
    seen[name] = seen.get(name, 0) + int(total) - int(good)
counted = re.search(r"^(\d+) passed, (\d+) failed$", r.stdout, re.M)
parts = {"llama-yarn.Q8_0.gguf": "oracle", "random-gemma3.q4_0": "refs", "gemma-3": "tokenizer"}
want = {n: k for n, (k, _) in KNOWN.items() if parts[n] in (sys.argv[1:] or parts.values())}
for name in sorted(set(seen) | set(want)):
    if seen.get(name, 0) != want.get(name, 0):
        print("%s: %d failed, %d are known" % (name, seen.get(name, 0), want.get(name, 0)))
ok = counted and seen == want and int(counted.group(2)) == sum(want.values())
for name in want:
    print("known: %s: %d: %s" % (name, want[name], KNOWN[name][1]))
sys.exit(0 if ok else 1)
