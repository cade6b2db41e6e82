#!/usr/bin/env python3
"""Writes src/unicode_tables.h from Python's own Unicode database.

    python3 scripts/gen_unicode.py > src/unicode_tables.h

Classes: one nibble per code point in two levels (equal blocks are stored once).
Widths: ranges of code points that take no column of a terminal, or two.
NFC: the single-step canonical decompositions, the order in which the composable ones
are searched by pair, combining classes as ranges, and one bit per code point that says
whether it can change anything in its neighbourhood.  Hangul is arithmetic, in unicode.c.
"""
import sys
import unicodedata as u

N = 0x110000
SPACE = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
# The nibble's meaning, in the order of class_flags in the output.
KINDS = ["0", "UC_LETTER", "UC_LETTER | UC_UPPER", "UC_LETTER | UC_LOWER", "UC_MARK", "UC_NUMBER", "UC_SPACE",
         "UC_PUNCT", "UC_SYMBOL"]


def kind(cp):
    c = u.category(chr(cp))
    if cp in SPACE:
        return 6
    if c in ("Lu", "Lt"):
        return 2
    if c == "Ll":
        return 3
    return {"L": 1, "M": 4, "N": 5, "P": 7, "S": 8}.get(c[0], 0)


def two_levels(values, size):
    seen, first, blocks = {}, [], []
    for i in range(0, N, size):
        b = tuple(values[i:i + size])
        if b not in seen:
            seen[b] = len(blocks)
            blocks.append(b)
        first.append(seen[b])
    return first, blocks


def words(blocks, bits):
    per = 64 // bits
    for b in blocks:
        for i in range(0, len(b), per):
            yield sum(v << (bits * k) for k, v in enumerate(b[i:i + per]))


def table(kind_, name, items):
    print("static const %s %s[%d] = {" % (kind_, name, len(items)))
    line = "   "
    for s in items:
        if len(line) + len(s) + 1 > 110:
            print(line)
            line = "   "
        line += ("" if line[-1] == "," else " ") + s + ","
    print(line + "\n};")


def canonical(cp):
    d = u.decomposition(chr(cp))
    return [int(x, 16) for x in d.split()] if d and d[0] != "<" else None


def runs_of(values, rest):
    """Ranges [first, last, value] of equal values other than `rest`."""
    runs = []
    for cp, v in enumerate(values):
        if v == rest:
            continue
        if runs and runs[-1][1] == cp - 1 and runs[-1][2] == v:
            runs[-1][1] = cp
        else:
            runs.append([cp, cp, v])
    return runs


def columns(cp):
    """UAX 11, with its default for the ideographic blocks; marks, format characters and the vowels and finals of
    conjoining Hangul join what is before them."""
    c = chr(cp)
    if u.category(c) in ("Mn", "Me", "Cf", "Zl", "Zp") and cp != 0xAD:
        return 0
    if 0x1160 <= cp <= 0x11FF or 0xD7B0 <= cp <= 0xD7FF:
        return 0
    ideographs = 0x3400 <= cp <= 0x4DBF or 0x4E00 <= cp <= 0x9FFF or 0xF900 <= cp <= 0xFAFF or 0x20000 <= cp <= 0x3FFFD
    # Python calls unassigned code points wide.
    return 2 if ideographs or (u.category(c) != "Cn" and u.east_asian_width(c) in "WF") else 1


def main():
    size = 128
    first, blocks = two_levels([kind(cp) for cp in range(N)], size)
    assert len(blocks) <= 256
    print("/* unicode_tables.h - made by scripts/gen_unicode.py from Unicode %s; do not edit. */" % u.unidata_version)
    print('#define UNICODE_TABLES_VERSION "%s"\n' % u.unidata_version)
    print("static const uint8_t class_flags[%d] = {%s};" % (len(KINDS), ", ".join(KINDS)))
    print("/* Block of 128 code points -> its %d words of 16 nibbles. */" % (size // 16))
    # Planes 14 and up hold one run of marks, which unicode.c knows; all else there has no class.
    marks = [cp for cp in range(0xE0000, N) if kind(cp)]
    assert marks == list(range(0xE0100, 0xE01F0)) and all(kind(cp) == 4 for cp in marks)
    last = max(i for i, b in enumerate(first[:0xE0000 // size]) if any(blocks[b])) + 1
    print("#define CLASS_BLOCKS %d" % last)
    table("uint8_t", "class_block", [str(b) for b in first[:last]])
    table("uint64_t", "class_words", ["0x%x" % w for w in words(blocks, 4)])

    print("\n/* Columns of a terminal that are not one; sorted. */")
    table("struct { uint32_t lo, hi; uint8_t columns; }", "wide", ["{0x%x,0x%x,%d}" % tuple(r) for r in runs_of(map(columns, range(N)), 1)])

    rows = [(cp, *(canonical(cp) + [0])[:2]) for cp in range(N) if canonical(cp)]
    compose = [i for i, (cp, a, b) in enumerate(rows) if b and u.normalize("NFC", chr(a) + chr(b)) == chr(cp)]
    compose.sort(key=lambda i: rows[i][1:])
    ccc = [u.combining(chr(cp)) for cp in range(N)]
    touch = [int(ccc[cp] != 0 or (not 0xD800 <= cp < 0xE000 and u.normalize("NFC", chr(cp)) != chr(cp))) for cp in range(N)]
    for i in compose:
        touch[rows[i][2]] = 1
    for cp in [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]:
        touch[cp] = 1
    first, blocks = two_levels(touch, 256)
    last = max(i for i, b in enumerate(first) if any(blocks[b])) + 1
    print("\n/* Bit set: not inert under NFC (reorders, composes with what is before, or decomposes). */")
    print("#define NFC_BLOCKS %d" % last)
    table("uint8_t", "nfc_block", [str(b) for b in first[:last]])
    table("uint64_t", "nfc_words", ["0x%x" % w for w in words(blocks, 1)])
    print("/* Code point = first + second (0: a single one); sorted by code point. */")
    table("struct { uint32_t cp, first, second; }", "nfc_pairs", ["{0x%x,0x%x,0x%x}" % r for r in rows])
    print("/* Indices of nfc_pairs that compose, sorted by (first, second). */")
    table("uint16_t", "nfc_compose", [str(i) for i in compose])
    table("struct { uint32_t lo, hi; uint8_t ccc; }", "nfc_ccc", ["{0x%x,0x%x,%d}" % tuple(r) for r in runs_of(ccc, 0)])


if __name__ == "__main__":
    main()
    sys.stdout.flush()
