#!/bin/sh
# slm map: an answer for each line, in order.  THINKER says <think>hm</think>\n\nYes ESC[31m sir. to everything.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
red=$(printf '\033[31m')
yes="Yes$red sir."
map() { "$SLM" map -m "$THINKER" "$@"; }
lines() { printf "$1" | { shift; map "$@"; }; }
expect 0 "$yes\n$yes\n$yes\n" '' lines 'one\ntwo\nthree\n' say
expect 0 "$yes\n" '' lines 'no newline at the end' say
expect 0 "$yes\n\n$yes\n" '' lines 'one\n\nthree\r\n' say
expect 0 '' '' lines '' say
printf 'one\ntwo\n' > in
expect 0 "$yes\n$yes\n" '' map -f in say
expect 0 "$yes\n$yes\n" 'slm: the input is not UTF-8: 1 broken sequence became U+FFFD' lines 'a\377\nb\n' say
# What the model gets is what run would give it.
ask() { "$SLM" "$@" -m "$CHAT" --greedy -n 6; }
a=$(ask run -N 'the first here') b=$(ask run -N 'the second here')
same 'as run' "$(printf 'first\nsecond\n' | ask map 'the {} here')" "$(printf '%s' "$a" | tr '\n' ' ')
$(printf '%s' "$b" | tr '\n' ' ')"
same 'no line depends on another' "$(printf 'x y z\nsecond\n' | ask map 'the {} here' | tail -n 1)" "$(printf '%s' "$b" | tr '\n' ' ')"
printf 'first\nsecond\n' | ask map -v 'the {} here' > out 2> err
same 'what prompts share is evaluated once' "$(sed -n 's/^slm: 2 lines: \([1-9]\).*/some/p' err)" some
# NUL.
printf 'one\ntwo\0three\0' | map -0 say > out; same 'NUL' "$(tr '\0' '|' < out)" "$yes|$yes|"
# JSON Lines: the object stays, a member comes.
printf '{"n":1,"text":"one"}\n{"text":"two","out":"old"}\n' | map --jsonl say > out 2> err
same 'JSON' "$? $(cat out) $(cat err)" '0 {"n":1,"text":"one","out":"Yes\u001b[31m sir."}
{"text":"two","out":"Yes\u001b[31m sir."} '
printf '{"a":"one"}' | map --jsonl --in-field a --out-field b say > out; same 'fields' "$? $(cat out)" '0 {"a":"one","b":"Yes\u001b[31m sir."}'
expect 1 '' 'slm: line 1: *' lines '{\n' --jsonl say
expect 1 '{"text":"a","out":"Yes\\u001b[31m sir."}\n' 'slm: line 2: no object with a text "text"' lines '{"text":"a"}\n{"txt":1}\n' --jsonl say
# Going on.
rm -f file
expect 0 '' '' lines 'one\ntwo\n' --resume file say
printf 'hal' >> file
expect 0 '' '' lines 'one\ntwo\nthree\n' --resume file say
same 'resumed' "$(cat file)" "$yes
$yes
$yes"
expect 1 '' 'slm: file: has 3 answers, and there are 1 lines' lines 'one\n' --resume file say
mkfifo fifo
expect 1 '' 'slm: fifo: is no file that could be resumed' timeout 10 "$SLM" map -m "$THINKER" -f in --resume fifo say
# A line that is too long ends it; what was answered is out.
printf 'a\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\nc\n' | "$SLM" map -m "$CHAT" -n 1 -c 30 '{}' > out 2> err
same 'too long' "$? $(wc -l < out | tr -d ' ') $(sed 's/has [0-9]* tok/has N tok/' err)" '4 1 slm: line 2: the prompt has N tokens, the context 30'
expect 3 "Yes$red\n" 'slm: line 1: the answer was cut: the context of 5 tokens is full' lines 'a\n' -c 5 say
[ ! -c /dev/full ] || { map -f in say > /dev/full 2> err; same 'a full disk' "$? $(cat err)" '1 slm: cannot write to stdout: No space left on device'; }
{ i=0; while [ $i -lt 500 ]; do echo $i; i=$((i + 1)); done; } > many
{ map -f many say 2> err; echo $? > rc; } | head -n 1 > out; same 'a reader that leaves' "$(cat rc) $(cat err) $(cat out)" "141  $yes"
# An answer is out before the next line is evaluated, and a signal ends it between answers or in one.
rm -f out # or the loop below sees the last one
( exec "$SLM" map -m "$MODEL" --raw --ignore-eos -n 300 -c 6000 -f many '{}' > out 2> err ) &
pid=$!
i=0
while [ ! -s out ] && [ $i -lt 1200 ]; do sleep 0.05; i=$((i + 1)); done
kill -TERM $pid
wait $pid
same 'SIGTERM' "$? $(cat err) $(tail -c 1 out | od -An -c | tr -d ' ')" '143  \n'
finish
