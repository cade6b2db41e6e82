#!/bin/sh
# Instructions that ARM's inner loops take, from the disassembly of object files: gcc's, for one token below what ggml's
# loops take, and clang's, where it is installed, for comparison.
#   scripts/count_insns.sh [FOLDER]      of neon_dotprod.o and neon_i8mm.o; build/release-aarch64-linux-gnu/src/kernels
# One token: an sdot multiplies 16 weights, so the sdots of a loop tell its weights: all instructions between a backward
# branch and its target are counted, those outside an inner loop once per superblock of 8 rows x 256 columns.
# Batches: the innermost loops of the tiles of r8_neon_panel.h, by product: an sdot makes 16, an smmla 32.
set -u
cd "$(dirname "$0")/.." || exit 1
OBJDUMP=${OBJDUMP:-aarch64-linux-gnu-objdump}
failed=0

# loops OBJECT FUNCTION: the instructions and products of its outermost and innermost loop
loops() {
    "$OBJDUMP" -d --no-show-raw-insn "$1" | awk -v name="<$2>:" '
    function hex(s,    i, v) { for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
    /^[0-9a-f]+ </ { on = $2 == name; next }
    on && /^ +[0-9a-f]+:/ {
        a[++n] = hex(substr($1, 1, length($1) - 1)); makes[n] = $2 == "sdot" ? 16 : $2 == "smmla" ? 32 : 0; at[a[n]] = n
        if ($2 ~ /^(b\.|cbn?z|tbn?z)/) { to = $0; sub(/ <.*/, "", to); sub(/.*[ ,\t]/, "", to); target[n] = hex(to) }
    }
    function count(from, till,    i) { insns = till - from + 1; products = 0; for (i = from; i <= till; i++) products += makes[i] }
    END {
        for (i = 1; i <= n; i++) if (i in target && target[i] < a[i] && target[i] in at) {
            count(at[target[i]], i)
            if (!products) continue
            if (insns > outer) { outer = insns; outer_products = products }
            if (!inner || insns < inner) { inner = insns; inner_products = products }
        }
        print outer + 0, outer_products + 0, inner + 0, inner_products + 0
    }'
}

# one_token OBJECT FORMAT MOST: MOST is what ggml's loop takes a weight
one_token() {
    loops "$1" "add_$2_1" | awk -v id="$2" -v most="$3" '{
        if (!$1) { print id ": no loop with sdot"; exit 1 }
        insns = $1; weights = $2
        if ($3 < $1) { # the rest of a superblock once, the inner loop as often as its products make it whole
            weights = 8 * 256
            insns = $1 - $3 + $3 * (weights - ($2 - $4)) / $4
        }
        printf "  %s: %.0f instructions for %d weights, %.3f a weight (ggml %s)\n", id, insns, weights, insns / weights, most
        exit insns / weights >= most
    }'
}

# counts FOLDER: false where one token's loop is no better than ggml's
counts() {
    worse=0
    while read -r id most; do one_token "$1/neon_dotprod.o" "$id" "$most" || worse=1; done <<'TABLE'
q4_0 0.22
q4_k 0.26
q6_k 0.40
q8_0 0.19
TABLE
    for set in dotprod i8mm; do
        for tile in flat blocks_mins sixteens; do
            loops "$1/neon_$set.o" $tile | awk -v what="batches with $set, $tile" '{
                if (!$3) { print what ": no loop"; exit 1 }
                printf "  %s: %d instructions for %d products, %.3f each\n", what, $3, $4, $3 / $4 }' || worse=1
        done
    done
    return $worse
}

echo gcc:
counts "${1:-build/release-aarch64-linux-gnu/src/kernels}" || failed=1
if command -v clang > /dev/null && [ -d /usr/aarch64-linux-gnu/include ]; then
    echo 'clang, whose counts are only told:'
    make -s CC='clang --target=aarch64-linux-gnu --sysroot=/usr/aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include' O=build/clang-aarch64 BUILTIN= \
        build/clang-aarch64/src/kernels/neon_dotprod.o build/clang-aarch64/src/kernels/neon_i8mm.o > /dev/null || failed=1
    counts build/clang-aarch64/src/kernels
fi
exit $failed
