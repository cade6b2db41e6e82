#!/bin/sh
# slm imatrix: the file, what does not change it, and quantizing by it.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
i=0
while [ $i -lt 40 ]; do
    echo "line $i: once upon a time there was a text of $((i * i)) words, and it was long enough."
    i=$((i + 1))
done > text
total=$("$SLM" tokens -m "$MODEL" -c < text)
chunks=$((total / 64))

expect 0 "a.gguf: $chunks chunks of 64 tokens\n" '' "$SLM" imatrix -m "$MODEL" -f text -c 64 -o a.gguf -t 1
for set in '-t 3 -ub 7' '-t 2 -ub 1' '-t 1 --pack off'; do
    "$SLM" imatrix -q -m "$MODEL" -f text -c 64 -o b.gguf $set > out
    cmp a.gguf b.gguf; same "$set" "$? $(cat out)" '0 '
done
for isa in $("$SLM" help isa); do
    "$SLM" imatrix -q "$MODEL" -f text -c 64 -o b.gguf --isa "$isa"
    cmp a.gguf b.gguf; same "$isa" $? 0
done
"$SLM" imatrix -q -m "$MODEL" -f text -c 64 -o c.gguf --process-output
same 'the output matrix' "$("$SLM" show --tensors c.gguf 2> err | grep -c '"output.weight.in_sum2"')" 1
same 'not without asking' "$("$SLM" show --tensors a.gguf 2> err | grep -c '"output.weight.in_sum2"')" 0
"$SLM" imatrix -q -m "$MODEL" -f text -c 64 --chunks 2 && mv imatrix.gguf d.gguf
same 'by default' "$(cmp -s a.gguf d.gguf; echo $?)" 1

# What the file decides, and what it does not.
"$SLM" quantize -q "$MODEL" plain.gguf Q4_0
"$SLM" quantize -t 1 --imatrix a.gguf "$MODEL" q.gguf Q4_0 > out
same 'told' "$(grep -c ', [1-9][0-9]* by importance' out)" 1
"$SLM" quantize -q -t 3 --imatrix a.gguf "$MODEL" r.gguf Q4_0
cmp q.gguf r.gguf; same 'any number of threads' $? 0
same 'other bytes' "$(cmp -s q.gguf plain.gguf; echo $?)" 1
same 'other keys' "$("$SLM" show q.gguf | sed -n 's/.*"\(quantize.imatrix.[a-z_]*\)" = \(.*\)/\1 \2/p' | sed 's/ *([a-z0-9]*) *$//')" "$(printf '%s\n' 'quantize.imatrix.file "a.gguf"' \
    'quantize.imatrix.dataset "text"' "quantize.imatrix.entries_count $("$SLM" show --tensors a.gguf 2> err | grep -c in_sum2)" "quantize.imatrix.chunks_count $chunks")"
for t in Q2_K Q3_K_M Q4_K_M Q5_1 IQ4_XS Q8_0 F16; do
    "$SLM" quantize -q --imatrix a.gguf "$MODEL" q.gguf $t
    same "$t: answers" "$("$SLM" run -m q.gguf --raw -N -n 3 --greedy hello > out 2> err; echo "$?$(cat err)")" 0
done
"$SLM" quantize -q --imatrix a.gguf "$MODEL" q.gguf Q8_0 && "$SLM" quantize -q "$MODEL" r.gguf Q8_0
same 'Q8_0 has one rule' "$("$SLM" score -m q.gguf --json hello)" "$("$SLM" score -m r.gguf --json hello)"

# The built-in model's Q8_0 weights stand for an original: half of a text says what counts in the other half.
if "$SLM" show builtin > out 2> err && [ -f "$OLDPWD/models/tales-3m.gguf" ]; then
    builtin="$OLDPWD/models/tales-3m.gguf"
    for seed in 1 2 3 4 5 6 7 8; do
        "$SLM" run builtin -N -s $seed --temp 1 -n 400 --ignore-eos 'Tell me a story.' 2> err || cat err
    done > all
    half=$(($(wc -l < all) / 2))
    head -n $half all > one
    tail -n +$((half + 1)) all > two
    "$SLM" imatrix -q "$builtin" -f one -c 256 -o half.gguf
    for t in Q4_K_M Q3_K_M; do
        "$SLM" quantize -q --allow-requantize "$builtin" plain.gguf $t
        "$SLM" quantize -q --allow-requantize --imatrix half.gguf "$builtin" weighed.gguf $t
        kl=$("$SLM" diff "$builtin" plain.gguf weighed.gguf -f two -c 256 --worst 0 --json | grep -o '"kl_mean":[0-9.e-]*' | cut -d: -f2 | tail -n 2 | tr '\n' ' ')
        same "$t: divergence without and with importance: $kl" "$(echo "$kl" | awk '{print ($1 > 0 && $2 > 0 && $2 < $1)}')" 1
    done
else echo '    skipped: another built-in model'; fi

expect 2 '' "slm: the text has $total tokens, one chunk takes 4096: a longer text, or a smaller -c" "$SLM" imatrix -m "$MODEL" -f text -c 4096
expect 2 '' 'slm: -o: an importance matrix is written to a file, not to stdout' "$SLM" imatrix -m "$MODEL" -f text -c 64 -o -
expect 2 '' 'slm: the text is empty: give it by -f FILE or on stdin' "$SLM" imatrix -m "$MODEL" -c 64 < /dev/null
expect 1 '' 'slm: /no/x.gguf: cannot write: No such file or directory' "$SLM" imatrix -m "$MODEL" -f text -c 64 -o /no/x.gguf
expect 1 '' 'slm: *: is no importance matrix: its general.type is ""' "$SLM" quantize --imatrix "$MODEL" "$MODEL" x.gguf Q4_0
expect 1 '' 'slm: text: is no importance matrix, neither as GGUF nor in the form before it' "$SLM" quantize --imatrix text "$MODEL" x.gguf Q4_0
expect 1 '' 'slm: nofile: cannot open: No such file or directory' "$SLM" quantize --imatrix nofile "$MODEL" x.gguf Q4_0
expect 2 '' 'slm: --imatrix is not a flag of run, but of: quantize' "$SLM" run --imatrix x
finish
