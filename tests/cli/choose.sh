#!/bin/sh
# slm choose: exact probabilities, as slm score has them.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
choose() { "$SLM" choose -m "$MODEL" --raw --kv f32 "$@" < /dev/null; }
ids() { "$SLM" tokens -m "$MODEL" --ids "$@" < /dev/null | tr ' ' ','; }
logprob() { "$SLM" score -m "$MODEL" --kv f32 --json --ids "$1" < /dev/null | sed 's/.*"logprob":\([-0-9.e+]*\),"ppl.*/\1/'; }
prompt=$(ids 'once upon')
choose --of 'a time,the,hello world' --probs 'once upon' > probs 2> err
same 'three lines' "$? $(cut -f1 probs | tr '\n' '|') $(cat err)" '0 a time|the|hello world| '
for text in 'a time' the 'hello world'; do
    want=$(echo "$(logprob "$prompt,$(ids --no-bos "$text")") $(logprob "$prompt")" | awk '{ printf "%.3f", $1 - $2 }')
    same "\"$text\"" "$(awk -F '\t' -v t="$text" '$1 == t { printf "%.3f", $2 }' probs)" "$want"
done
same 'shares are of one' "$(awk -F '\t' '{ s += $3 } END { printf "%.4f", s }' probs)" 1.0000
best=$(sort -t "$(printf '\t')" -k3,3gr probs | head -n 1 | cut -f1)
expect 0 "$best\n" '' choose --of 'a time,the,hello world' 'once upon'
expect 0 "$best\n" '' choose --of 'hello world' --of 'the,a time' 'once upon'
k=$(awk -F '\t' -v t="$best" '$1 == t { print NR + 9 }' probs)
expect "$k" "$best\n" '' choose --of 'a time,the,hello world' --exit-index 'once upon'
expect 7 "$best\n" "slm: \"$best\" has *, less than --min-confidence 1" choose --of 'a time,the,hello world' --min-confidence 1 'once upon'
choose --of 'a time,the' --json 'once upon' > j
same 'JSON' "$? $(grep -o '"[a-z]*":' j | tr -d '\n')" '0 "choice":"index":"choices":"text":"logprob":"share":"text":"logprob":"share":'
same 'stdin' "$(echo once | "$SLM" choose -m "$MODEL" --raw --kv f32 --of 'a time,the,hello world' --probs '{} upon')" "$(cat probs)"
for t in 1 2; do same "-t $t" "$(choose -t $t -ub 1 --of 'a time,the,hello world' --probs 'once upon')" "$(cat probs)"; done
# With a template the end of the turn counts, too: the same weights and tokens, and less probability for each.
printf '{{ bos_token }}{{ messages[0].content }}' > t.jinja
"$SLM" choose -m "$MODEL" --kv f32 --template t.jinja --of 'a time,the,hello world' --probs 'once upon' < /dev/null > ended
same 'the end' "$(paste probs ended | awk -F '\t' '{ print ($1 == $4 && $5 < $2 && $5 > $2 - 30) }' | tr -d '\n')" 111
echo text | "$SLM" choose -m "$MODEL" --raw --of a,b --calibrate --probs 'once {}' > out; same 'calibrated' "$? $(wc -l < out | tr -d ' ')" '0 2'
expect 2 '' 'slm: nothing to choose from: --of yes,no' choose hi
expect 2 '' 'slm: --of: "a,,b" holds an empty text' choose --of a,,b hi
expect 2 '' 'slm: --of: "a" stands there twice' choose --of a,b --of a hi
expect 2 '' 'slm: --of: two texts or more to choose from: --of yes,no' choose --of a hi
expect 2 '' 'slm: --calibrate needs a prompt and an input*' choose -N --of a,b --calibrate hi
expect 4 '' 'slm: the prompt and "a" have * tokens, the context 2' choose -c 2 --of a,b 'once upon'
finish
