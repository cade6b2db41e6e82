#!/usr/bin/python3
"""Holds `slm quantize` against the published quantizations of ../shared/oracle/models.

    scripts/check_quantize.py [--short] [--slm ./slm] [NAME...]     (run in the project's root; needs numpy)
    scripts/check_quantize.py --importance [--slm ./slm]

Each F32 model there is quantized to every type that it was published in.  For each pair of files:
  layout   ours obeys the GGUF specification: alignment, no gaps that are not zeros, the file ends with its data, file_type and
           quantization_version are those of the published one; the same tensors, dimensions and types
  bytes    tensors of types that one rule makes (F32, F16, BF16, Q8_0, Q4_0 .. Q5_1) are equal byte for byte
  rmse     each row of the others has at most 1.05 times the published row's error against the F32 weights
  ppl      the perplexity of ../shared/oracle/text/ppl.txt is at most 1 % above the published file's
--short leaves out ppl for all but llama-fitted, whose weights know the text.  NAME: only files whose names begin so.

--importance: each trained model of ../shared/data/models (F32, else Q8_0) and the built-in one tells stories; with an importance
matrix from one half of them the divergence on the other half is lower at Q4_K_M and Q3_K_M than without.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ORACLE = "../shared/oracle/"
sys.path.insert(0, ORACLE + "tools")
from ref_forward import TYPES, Model  # noqa: E402  the executable specification: reads and decodes every type

SEARCHED = {"Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"}
MOST_RMSE, MOST_PPL = 1.05, 1.01


def data_of(m, name):
    ttype, dims, offset = m.infos[name]
    _, per_block, size = TYPES[ttype]
    n = int(np.prod(dims)) // per_block * size
    return m.raw[m.data + offset:m.data + offset + n]


def layout(ours, theirs):
    """What is wrong with our file, as a list of sentences."""
    bad, align, at = [], ours.kv.get("general.alignment", 32), 0
    for key in ("general.file_type", "general.quantization_version"):
        if ours.kv.get(key) != theirs.kv.get(key):
            bad.append("%s is %s, not %s" % (key, ours.kv.get(key), theirs.kv.get(key)))
    if set(ours.infos) != set(theirs.infos):  # llama-quantize sorts them, we keep the original's order
        return bad + ["other tensors"]
    for name, (ttype, dims, offset) in ours.infos.items():
        want = theirs.infos[name]
        if (ttype, dims) != (want[0], want[1]):
            bad.append("%s: %s %s, not %s %s" % (name, TYPES[ttype][0], dims, TYPES[want[0]][0], want[1]))
        if offset % align or offset < at or offset - at >= align or ours.raw[ours.data + at:ours.data + offset].any():
            bad.append("%s: offset %d behind %d" % (name, offset, at))
        at = offset + len(data_of(ours, name))
    if not 0 <= len(ours.raw) - ours.data - at < align:
        bad.append("the file ends %d bytes behind its data" % (len(ours.raw) - ours.data - at))
    return bad


def row_errors(m, f32, name):
    x, y = f32.tensor(name), m.tensor(name)
    return np.sqrt(((x - y) ** 2).reshape(-1, x.shape[-1]).mean(axis=1))


def compare(ours, theirs, f32):
    """(sentences, worst ratio of row errors, mean ratio of tensor errors)"""
    bad, worst, means = layout(ours, theirs), 0, []
    for name in ours.infos if not bad else ():
        kind = ours.type_of(name)
        if kind not in SEARCHED:
            if not np.array_equal(data_of(ours, name), data_of(theirs, name)):
                bad.append("%s: bytes of %s differ" % (name, kind))
            continue
        a, b = row_errors(ours, f32, name), row_errors(theirs, f32, name)
        ratio = float((a / np.maximum(b, 1e-30)).max())
        worst = max(worst, ratio)
        means.append(np.sqrt((a ** 2).sum() / (b ** 2).sum()))
        if ratio > MOST_RMSE:
            bad.append("%s: a row's error is %.3f times the published one" % (name, ratio))
    return bad, worst, float(np.mean(means)) if means else 0


def ppl(slm, path):
    r = subprocess.run([slm, "ppl", "-m", path, "-f", ORACLE + "text/ppl.txt", "-c", "256", "--json"], capture_output=True, text=True)
    return json.loads(r.stdout)["ppl"] if r.returncode == 0 else None


def check_importance(slm):
    """The number of cases in which importance did not help."""
    data, failed = "../shared/data/models/", 0
    models = [data + "stories260K.f32.gguf"] + sorted(glob.glob(data + "stories-wide-*.q8_0.gguf")) + sorted(glob.glob("models/*.gguf"))
    with tempfile.TemporaryDirectory() as at:
        def run(*arg):
            return subprocess.run([slm, *arg], stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
        for model in models:
            raw = [] if model.startswith("models/") else ["--raw"]
            stories = [run("run", model, *raw, "-s", str(i), "--temp", "1", "-n", "400", "--ignore-eos", "Once upon a time") for i in range(48)]
            for name, half in (("one", stories[::2]), ("two", stories[1::2])):
                with open(at + "/" + name, "wb") as f:
                    f.write(b"\n".join(half))
            run("imatrix", "-q", model, "-f", at + "/one", "-c", "256", "-o", at + "/imatrix.gguf")
            for kind in ("Q4_K_M", "Q3_K_M"):
                run("quantize", "-q", "--allow-requantize", model, at + "/plain.gguf", kind)
                run("quantize", "-q", "--allow-requantize", "--imatrix", at + "/imatrix.gguf", model, at + "/weighed.gguf", kind)
                files = json.loads(run("diff", model, at + "/plain.gguf", at + "/weighed.gguf", "-f", at + "/two", "-c", "256", "--worst", "0", "--json"))["files"]
                plain, weighed = files[1]["kl_mean"], files[2]["kl_mean"]
                failed += weighed >= plain
                print("%s %-48s %s: mean KL %.4f, by importance %.4f (%+.1f %%)" %
                      ("ok  " if weighed < plain else "FAIL", os.path.basename(model), kind, plain, weighed, 100 * (weighed / plain - 1)), flush=True)
    return failed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--short", action="store_true")
    p.add_argument("--importance", action="store_true")
    p.add_argument("--slm", default="./slm")
    p.add_argument("name", nargs="*")
    o = p.parse_args()
    if o.importance:
        return check_importance(o.slm) > 0
    passed = failed = 0
    out = os.path.join(tempfile.mkdtemp(), "ours.gguf")
    for path in sorted(glob.glob(ORACLE + "models/*.gguf")):
        stem = os.path.basename(path)[:-5]
        name, kind = stem.split(".", 1)
        if kind == "F32" or (o.name and not any(stem.startswith(n) for n in o.name)):
            continue
        kind, _, how = kind.partition("-")
        flags = {"": [], "pure": ["--pure"], "embF16": ["--token-embedding-type", "F16"]}[how]
        original = ORACLE + "models/" + name + ".F32.gguf"
        r = subprocess.run([o.slm, "quantize", "-q", *flags, original, out, kind], capture_output=True, text=True)
        if r.returncode:
            bad, worst, mean = [r.stderr.strip()], 0, 0
        else:
            bad, worst, mean = compare(Model(out), Model(path), Model(original))
        text = ""
        if not r.returncode and (not o.short or name == "llama-fitted"):
            a, b = ppl(o.slm, out), ppl(o.slm, path)
            if a and b:
                text = "  ppl %.4f, published %.4f (%+.2f %%)" % (a, b, 100 * (a / b - 1))
            if not a or not b:
                bad.append("no perplexity")
            elif a > b * MOST_PPL:
                bad.append("perplexity")
        passed, failed = passed + (not bad), failed + bool(bad)
        errors = "rmse x %.3f, worst row x %.3f" % (mean, worst) if worst else "bytes equal"
        print("%s %-28s %s%s" % ("FAIL" if bad else "ok  ", stem, errors, text))
        for line in bad:
            print("     " + line)
    if os.path.exists(out):
        os.remove(out)
    os.rmdir(os.path.dirname(out))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
