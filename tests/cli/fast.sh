#!/bin/sh
# --fast-prefill: taken where it helps, said so where it does not.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
nothing='slm: --fast-prefill changes nothing: '
run() { "$SLM" run --raw -N -n 4 --greedy "$@" < /dev/null; }
i=0
while [ $i -lt 20 ]; do
    echo "line $i: once upon a time there was a text of $((i * i)) words, and it was long enough."
    i=$((i + 1))
done > text

# Portable C has no such products, whatever the processor.
run -m "$MODEL" --isa scalar --pack on 'hi there' > a
run -m "$MODEL" --isa scalar --pack on --fast-prefill 'hi there' > b 2> err
same 'no effect' "$(cat b)" "$(cat a)"
same 'it says so' "$(grep -c "^${nothing}for weights of this model no product in bfloat16 is faster on this processor$" err)" 1
run -m "$MODEL" --isa scalar --pack off --fast-prefill 'hi there' > b 2> err
same 'not packed' "$(grep -c "^${nothing}the weights are not packed$" err)" 1
run -q -m "$MODEL" --isa scalar --fast-prefill 'hi there' > b 2> err; same 'quiet' "$(grep -c fast err)" 0
expect 2 '' 'slm: --fast-prefill takes no value' "$SLM" run --fast-prefill=on hi
expect 2 '' 'slm: --fast-prefill is not a flag of imatrix, but of: *' "$SLM" imatrix --fast-prefill
same 'a setting' "$("$SLM" run -m "$MODEL" --explain --fast-prefill hi | awk '$1 == "--fast-prefill" {print $2, $3}')" 'on flag'
same 'bench' "$("$SLM" bench --no-roof -r 1 -m "$MODEL" -t 1 --isa scalar -p 3 -n 0 --fast-prefill -o jsonl 2> err | grep -c '"fast_prefill":false')$(grep -c "^$nothing" err)" 11
same 'off and on' "$("$SLM" bench --no-roof -r 1 -m "$MODEL" -t 1 -p 3 -n 0 --ab fast=off,on 2> err | sed -n 1p | cut -d'|' -f6)" ' bf16 '
same 'the same bytes for any threads' "$("$SLM" ppl -m "$MODEL" -q --fast-prefill -f text -c 64 -t 1 --json)" \
    "$("$SLM" ppl -m "$MODEL" -q --fast-prefill -f text -c 64 -t 3 -ub 5 --json)"
finish
