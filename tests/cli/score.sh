#!/bin/sh
# slm score: log-probabilities, logits, continuation.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
score() { "$SLM" score -m "$MODEL" "$@" < /dev/null; }
ids=$("$SLM" tokens -m "$MODEL" --ids 'once upon a time')
list=$(echo $ids | tr ' ' ',')
count=$(echo $ids | wc -w | tr -d ' ')
vocab=$("$SLM" show --json "$MODEL" | sed 's/.*"vocab":\([0-9]*\).*/\1/')

score --json 'once upon a time' > a
same 'json' "$(grep -o '"[a-z_]*":' a | sort -u | tr -d '\n')" '"bits_per_byte":"id":"logprob":"n":"piece":"ppl":"tokens":'
score --json --ids "$list" > b; same 'text and its ids' "$(cat b)" "$(cat a)"
echo "$ids" > f; score --json --ids-file f > b; same 'ids from a file' "$(cat b)" "$(cat a)"
printf 'once upon a time' | "$SLM" score -m "$MODEL" --json > b; same 'from stdin' "$(cat b)" "$(cat a)"
score --json --ids "$list" -t 2 -ub 2 -c 64 > b; same 'threads, batches and context change nothing' "$(cat b)" "$(cat a)"
score --json --ids "$list" --kv q8_0 > b; same 'the cache is of integers' "$(cat b)" "$(cat a)"
score --json --ids "$list" --kv f16 > c; score --json --ids "$list" -ctk f16 -ctv f16 -t 2 -ub 2 > b; same 'a cache of half floats' "$(cat b)" "$(cat c)"
same 'gives other digits' "$(cmp -s a c || echo other)" other
same 'the first token has none' "$(grep -c '"tokens":\[{"id":[0-9]*,"piece":"[^"]*","logprob":null}' a)" 1
same 'the parts give the sum' "$(sed 's/.*"logprob":\([-0-9.e]*\),"ppl.*/\1/' a | cut -c1-6)" "$(sed 's/.*"tokens"//' a | grep -o '"logprob":[-0-9.e]*' | cut -d: -f2 | awk '{s += $1} END {printf "%.17g", s}' | cut -c1-6)"
same 'three likeliest' "$(score --json --top 3 'once upon a time' | grep -o '"id"' | wc -l | tr -d ' ')" $((count + 3 * (count - 1)))
same 'a row per token' "$(score --per-token 'once upon a time' | wc -l | tr -d ' ')" $((count + 5))
score --json --ids "$list" --logits-out z > b; same 'with logits' "$(cat b)" "$(cat a)"
same 'their size' "$(wc -c < z | tr -d ' ')" $((count * vocab * 4))
score --json --ids "$list" --continue 5 > b
same 'five more' "$(sed 's/.*"greedy":\[\([^]]*\)\].*/\1/' b | tr ',' '\n' | wc -l | tr -d ' ')" 5
same 'a single id' "$(score --json --ids 1 | cut -d'"' -f1-10)" '{"n":1,"logprob":0.0,"ppl":null,"bits_per_byte":null,"tokens'

expect 4 '' "slm: there are $count ids, the context holds 3: raise -c" score -c 3 --ids "$list"
expect 4 '' "slm: $count ids and 9 more need a context of $((count + 8)), it holds $count: raise -c" score -c "$count" --continue 9 --ids "$list"
expect 2 '' "slm: --ids: $vocab is outside the vocabulary (0 to $((vocab - 1)))" score --ids "1,$vocab"
expect 2 '' 'slm: --ids: "1.5" is not a token id' score --ids 1.5
expect 2 '' 'slm: --ids: no ids in it' score --ids ''
expect 2 '' 'slm: both ids and a text are given: "hi"' score --ids 1 hi
expect 2 '' 'slm: ids given twice: by --ids and --ids-file' score --ids 1 --ids-file f
expect 1 '' 'slm: /no/ids: cannot open: No such file or directory' score --ids-file /no/ids
expect 1 '' 'slm: /no/z: cannot write: No such file or directory' score --ids 1 --logits-out /no/z
finish
