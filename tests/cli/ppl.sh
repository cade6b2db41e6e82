#!/bin/sh
# slm ppl: chunks, the same numbers by slm score, settings that change nothing.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
ppl() { "$SLM" ppl -m "$MODEL" "$@" < /dev/null; }
i=0
while [ $i -lt 40 ]; do
    echo "line $i: once upon a time there was a text of $((i * i)) words, and it was long enough."
    i=$((i + 1))
done > text
total=$("$SLM" tokens -m "$MODEL" -c < text)

ppl -f text -c 64 --json > a
same 'json' "$(grep -o '"[a-z_]*":' a | tr -d '\n')" '"ppl":"error":"n_chunks":"n_ctx":"nll":'
same 'chunks' "$(sed 's/.*"n_chunks":\([0-9]*\).*/\1/' a)" $((total / 64))
same 'a number for each' "$(sed 's/.*\[\(.*\)\].*/\1/' a | tr ',' '\n' | grep -c .)" $((total / 64))
for isa in $("$SLM" help isa); do
    for set in '-t 1 -ub 1' '-t 3 -ub 7' '-t 2 -ub 512' '-t 1 --pack off'; do
        ppl -f text -c 64 --json --isa "$isa" $set > b
        same "$isa $set" "$(cat b)" "$(cat a)"
    done
done
"$SLM" ppl -m "$MODEL" -c 64 --json < text > b; same 'from stdin' "$(cat b)" "$(cat a)"
ppl -c 64 --json "$(cat text; echo .)" | cut -d'"' -f1-4 | grep -c '"ppl"' > b; same 'as an argument' "$(cat b)" 1

# The second chunk by slm score: its first token is BOS, tokens 33 .. 63 count.
bos=$("$SLM" tokens -m "$MODEL" --ids '' | cut -d' ' -f1)
ids=$("$SLM" tokens -m "$MODEL" --ids < text | tr ' ' '\n' | sed -n 66,128p | tr '\n' ',')
"$SLM" score -m "$MODEL" --json --ids "$bos,${ids%,}" | sed 's/.*"tokens"//' | grep -o '"logprob":[-0-9.e]*' | cut -d: -f2 |
    sed -n 34,64p | awk '{s -= $1; n++} END {printf "%d %.4f\n", n, s / n}' > b
same 'slm score agrees' "$(cat b)" "31 $(sed 's/.*\[\(.*\)\].*/\1/' a | cut -d, -f2 | awk '{printf "%.4f", $1}')"

ppl -f text -c 64 --chunks 2 > b
same 'two chunks' "$(sed -n 1,2p b)" "chunks         2 of 64 tokens
scored         62 tokens"
same 'perplexity' "$(sed -n 3p b | grep -c '^perplexity     [0-9]*\.[0-9]* +/- [0-9]*\.[0-9]*$')" 1
same 'progress' "$(ppl -f text -c 64 --chunks 2 -v 2>&1 > b | grep -c '^slm: chunk [12] of 2: perplexity ')" 2

expect 2 '' "slm: the text has $total tokens, one chunk takes 4096: a longer text, or a smaller -c" ppl -f text -c 4096
expect 2 '' 'slm: -c: a chunk of 3 tokens is too short: 4 or more' ppl -f text -c 3
expect 2 '' 'slm: --chunks: -2 is out of range (-1 or more)' ppl -f text --chunks -2
expect 1 '' 'slm: /no/text: cannot open: No such file or directory' ppl -f /no/text
expect 2 '' 'slm: text given twice: as arguments and by -f' ppl -f text text
finish
