#!/bin/sh
# Instructions per weight of the inner loops that multiply one token, from the disassembly of an object file.
#   scripts/count_insns.sh [build/release-aarch64-linux-gnu/src/kernels/neon_dotprod.o]
# An sdot multiplies 16 weights, so the sdots of a loop tell its weights: all instructions between a backward branch
# and its target are counted, those outside an inner loop once per superblock of 8 rows x 256 columns.
set -u
object=${1:-build/release-aarch64-linux-gnu/src/kernels/neon_dotprod.o}
OBJDUMP=${OBJDUMP:-aarch64-linux-gnu-objdump}
# format, and what ggml's loop takes
while read -r id most; do
    "$OBJDUMP" -d --no-show-raw-insn "$object" | awk -v id="$id" -v most="$most" '
    function hex(s,    i, v) { for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
    /^[0-9a-f]+ </ { on = $2 == "<add_" id "_1>:"; next }
    on && /^ +[0-9a-f]+:/ {
        a[++n] = hex(substr($1, 1, length($1) - 1)); sdot[n] = $2 == "sdot"; at[a[n]] = n
        if ($2 ~ /^(b\.|cbn?z|tbn?z)/) { to = $0; sub(/ <.*/, "", to); sub(/.*[ ,\t]/, "", to); target[n] = hex(to) }
    }
    function count(from, till,    i) { insns = till - from + 1; dots = 0; for (i = from; i <= till; i++) dots += sdot[i] }
    END {
        for (i = 1; i <= n; i++) if (i in target && target[i] < a[i] && target[i] in at) {
            count(at[target[i]], i)
            if (!dots) continue
            if (insns > outer) { outer = insns; outer_dots = dots }
            if (!inner || insns < inner) { inner = insns; inner_dots = dots }
        }
        if (!outer) { print id ": no loop with sdot"; exit 1 }
        weights = 16 * outer_dots
        if (inner < outer) { # the rest of a superblock once, the inner loop as often as its sdots make it whole
            weights = 8 * 256
            outer = outer - inner + inner * (weights / 16 - (outer_dots - inner_dots)) / inner_dots
        }
        printf "%s: %.0f instructions for %d weights, %.3f a weight (ggml %s)\n", id, outer, weights, outer / weights, most
        exit outer / weights >= most
    }' || failed=1
done <<'TABLE'
q4_0 0.22
q4_k 0.26
q6_k 0.40
q8_0 0.19
TABLE
