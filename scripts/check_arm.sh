#!/bin/sh
# The same logits on every instruction set and processor: those of models of ../shared by the program of this machine,
# of 64-bit ARM under qemu without dot products, with them and with matrix products, and of 32-bit ARM and RISC-V.
#   scripts/check_arm.sh [MODEL...]      names of ../shared/oracle/models without .gguf
# Builds what is missing, plain C without much optimization.  Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
[ -d ../shared/oracle/models ] || { echo 'skipped: no ../shared'; exit 0; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
[ $# -gt 0 ] || set -- gemma2.Q4_0 qwen3.Q4_K_M llama-fitted.Q6_K phi3-longrope.Q8_0 gemma3-4b.Q4_0-embF16 \
    llama-fitted.Q2_K llama-fitted.Q3_K_M llama-fitted.IQ4_XS llama-fitted.Q5_1
ids=$(awk 'BEGIN { for (i = 0; i < 40; i++) printf "%s%d", i ? "," : "", i * 37 % 251 + 1 }')
passed=0 failed=0

# logits FILE MODEL ISA PROGRAM...: their checksum
logits() {
    model=$1 isa=$2
    shift 2
    "$@" score -m "../shared/oracle/models/$model.gguf" --isa "$isa" -t 2 --ids "$ids" --logits-out "$tmp/z" </dev/null >/dev/null 2>"$tmp/err" &&
        sha256sum <"$tmp/z" | cut -c1-64
}

build() { make -s -j"$(nproc)" "$@" || exit 1; }
build build/release/slm
build CROSS=aarch64-linux-gnu- build/release-aarch64-linux-gnu/slm
for target in arm-linux-gnueabihf riscv64-linux-gnu; do build CROSS=$target- CFLAGS=-O1 build/release-$target/slm; done
for name in "$@"; do
    want=$(logits "$name" auto build/release/slm)
    echo "$name $want"
    while read -r target run cpu isa; do
        got=$(QEMU_LD_PREFIX=/usr/$target QEMU_CPU=$cpu logits "$name" "$isa" "$run" "build/release-$target/slm")
        if [ -n "$want" ] && [ "$got" = "$want" ]; then passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "  $isa on $cpu ($target) gives $got $(cat "$tmp/err")"
        fi
    done <<'TABLE'
aarch64-linux-gnu qemu-aarch64 cortex-a53 neon
aarch64-linux-gnu qemu-aarch64 cortex-a76 dotprod
aarch64-linux-gnu qemu-aarch64 max i8mm
arm-linux-gnueabihf qemu-arm cortex-a15 scalar
riscv64-linux-gnu qemu-riscv64 rv64 scalar
TABLE
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
