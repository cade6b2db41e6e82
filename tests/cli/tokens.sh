#!/bin/sh
# slm tokens: ids, pieces, lines of JSON.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
tokens() { "$SLM" tokens -m "$MODEL" "$@" < /dev/null; }
lines() { "$SLM" tokens -m "$MODEL" --jsonl "$@" 2> err; }

ids=$(tokens --ids 'once upon')
count=$(echo $ids | wc -w | tr -d ' ')
bare=$(tokens --ids --no-bos 'once upon')
list=$(echo $ids | tr ' ' ',')
expect 0 "$ids\n" '' tokens --ids once upon
expect 0 "$count\n" '' tokens -c 'once upon'
expect 0 "$count\n" '' tokens --count 'once upon'
same 'a begin token' "${ids##*"$bare"}$(echo $((count - $(tokens -c --no-bos 'once upon'))))" 1
same 'a line per token' "$(tokens 'once upon' | wc -l | tr -d ' ')" "$count"
printf 'once upon' | "$SLM" tokens -m "$MODEL" --ids > out; same 'from stdin' "$(cat out)" "$ids"
printf 'once upon' > f; expect 0 "$ids\n" '' tokens --ids -f f
printf 'once upon\n' | "$SLM" tokens -m "$MODEL" --ids > out
same 'stdin byte for byte' "$([ "$(cat out)" != "$ids" ] && echo differs)" differs
same 'json' "$(tokens --json 'once upon' | sed 's/,"pieces":.*//')" "{\"n\":$count,\"ids\":[$list]"
expect 0 'once upon' '' tokens --decode --ids "$list"
expect 0 'once upon' '' tokens --ids "$list" --decode
expect 0 'once upon' '' tokens --decode "$ids"
echo "$ids" > f; expect 0 'once upon' '' tokens --decode --ids-file f
expect 2 '' 'slm: --ids: "x" is not a token id' tokens --decode --ids 1,x
expect 2 '' 'slm: --ids: "-1" is not a token id' tokens --decode --ids -1
expect 2 '' 'slm: --ids: 99999999999 is outside the vocabulary (0 to *)' tokens --decode --ids 99999999999
expect 2 '' 'slm: --ids: no ids in it' tokens --decode --ids ,
expect 2 '' 'slm: no text: *' tokens -N

# A line in, a line out.
printf '{"text":"once upon"}\n{"b64":"b25jZSB1cG9u"}\n{"text":""}\n{"b64":""}' | lines --no-bos > out
same 'lines' "$? $(cat out) $(cat err)" "0 {\"n\":$((count - 1)),\"ids\":[$(echo $bare | tr ' ' ',')]}
{\"n\":$((count - 1)),\"ids\":[$(echo $bare | tr ' ' ',')]}
{\"n\":0,\"ids\":[]}
{\"n\":0,\"ids\":[]} "
printf '{"text":"once upon"}\n\nx\n{"txt":1}\n{"b64":"!"}\n{"b64":"b25="}\n{"text":"once upon"}\n' | lines > out
same 'bad lines' "$? $(grep -c '^{"error":"' out) $(grep -c "^{\"n\":$count,\"ids\":\[$list\]}" out) $(wc -l < out | tr -d ' ')" '1 4 2 7'
lines < /dev/null > out; same 'no lines' "$? $(cat out)" '0 '
# An answer comes before the next line is asked for.
mkfifo pipe
lines < pipe > out &
pid=$!
exec 3> pipe
echo '{"text":"a"}' >&3
i=0
while [ ! -s out ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
same 'answered while open' "$(wc -l < out | tr -d ' ')" 1
exec 3>&-
wait $pid
finish
