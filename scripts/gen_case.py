#!/usr/bin/python3
"""Writes src/case_tables.h: how characters change case, from Python's Unicode data.

Usage: scripts/gen_case.py > src/case_tables.h

Simple mappings become runs {first, last, step, difference}; the few that give several characters
become rows of their own."""
import sys
import unicodedata


def runs(f):
    out = []
    for cp in range(0x110000):
        if 0xD800 <= cp < 0xE000:
            continue
        t = f(chr(cp))
        if len(t) != 1 or ord(t) == cp:
            continue
        d = ord(t) - cp
        if out:
            first, last, step, diff = out[-1]
            if diff == d and (step == 0 and cp - last <= 2 or step and cp - last == step):
                out[-1] = (first, cp, cp - last, d)
                continue
        out.append((cp, cp, 0, d))
    return [(a, b, s or 1, d) for a, b, s, d in out]


def many(f):
    for cp in range(0x110000):
        if not 0xD800 <= cp < 0xE000 and len(f(chr(cp))) > 1:
            t = [ord(c) for c in f(chr(cp))]
            yield cp, t + [0] * (3 - len(t))


print("/* case_tables.h - made by scripts/gen_case.py from Unicode %s; not edited by hand. */" % unicodedata.unidata_version)
print("static const case_run upper_runs[] = {")
for a, b, s, d in runs(str.upper):
    print("    {0x%x, 0x%x, %d, %d}," % (a, b, s, d))
print("};\nstatic const case_run lower_runs[] = {")
for a, b, s, d in runs(str.lower):
    print("    {0x%x, 0x%x, %d, %d}," % (a, b, s, d))
print("};\n/* Title case only where it is not upper case. */\nstatic const case_run title_runs[] = {")
for a, b, s, d in runs(lambda c: c.title() if c.title() != c.upper() or len(c.upper()) > 1 else c):
    print("    {0x%x, 0x%x, %d, %d}," % (a, b, s, d))
print("};\nstatic const case_many upper_many[] = {")
for cp, t in many(str.upper):
    print("    {0x%x, {0x%x, 0x%x, 0x%x}}," % (cp, *t))
print("};\nstatic const case_many lower_many[] = {")
for cp, t in many(str.lower):
    print("    {0x%x, {0x%x, 0x%x, 0x%x}}," % (cp, *t))
print("};\nstatic const case_many title_many[] = {")
for cp, t in many(str.title):
    print("    {0x%x, {0x%x, 0x%x, 0x%x}}," % (cp, *t))
print("};")
