#!/bin/sh
# slm chat in a pipe: a turn per line, commands, files, exit codes.  THINKER says
# <think>hm</think>\n\nYes ESC[31m sir. to everything.
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
red=$(printf '\033[31m')
yes="Yes$red sir.\n"
XDG_STATE_HOME="$TMP/state"
export XDG_STATE_HOME
# said LINES FLAGS...: the lines, with \n and \\, are what is typed.
said() {
    lines=$1
    shift
    printf "$lines" | "$SLM" chat -m "$THINKER" "$@"
}

expect 0 '' '' said ''
expect 0 '' '' said '\n  \n\n'
expect 0 "$yes" '' said 'hi\n'
expect 0 "$yes" '' said 'hi'
expect 0 "$yes" '' said 'hi\r\n'
expect 0 "$yes$yes$yes" '' said 'one\ntwo\nthree\n'
expect 0 "$yes" '' said 'hi\n/bye\nnot heard\n'
expect 0 "$yes$yes" '' said 'hi\n/regen\n'
expect 0 "$yes" 'hm' said 'hi\n' --show-thinking stderr
expect 0 "<think>hm</think>\n\n$yes" '' said 'hi\n' --show-thinking stdout
expect 0 "$yes" 'slm: a message is not UTF-8: 1 broken sequence became U+FFFD' said 'a\377b\n'
[ ! -e state ]; same 'a pipe leaves no history' $? 0

# One message of several lines; what stands in a block is no command.
expect 0 "$yes" '' said '"""\none\n/bye\n"""\n/save a.jsonl\n'
same block "$(cat a.jsonl)" '{"role":"user","content":"one\n/bye"}
{"role":"assistant","content":"Yes\u001b[31m sir."}'
expect 0 "$yes" '' said 'one\\\ntwo\n/save a.jsonl\n'
same 'a backslash continues' "$(head -n 1 a.jsonl)" '{"role":"user","content":"one\ntwo"}'
expect 0 "$yes" '' said '"""/bye"""\n'
expect 0 "$yes" '' said ' /bye\n'
expect 0 "$yes" '' said '"""never closed\nat all'

# The first error ends a piped chat, with its exit code; what was answered is out.
expect 2 "$yes" 'slm: "/regne" is not a command; did you mean /regen?' said 'hi\n/regne\nhi\n'
expect 2 '' 'slm: "/usr/bin/env" is not a command: /help lists them, and a space before it makes it a message' said '/usr/bin/env\n'
expect 2 '' 'slm: /bye takes no argument' said '/bye now\n'
expect 2 '' 'slm: /load needs: FILE' said '/load\n'
expect 2 '' 'slm: /undo: nothing was said yet' said '/undo\n'
expect 2 '' 'slm: /regen: nothing was said yet' said '/regen\n'
expect 2 '' 'slm: /edit needs a terminal*' said '/edit\n'
expect 2 '' 'slm: /set: "tmp" is not a setting; did you mean temp?' said '/set tmp 1\n'
expect 2 '' 'slm: --temp: "hot" is not a number' said '/set temp hot\n'
expect 2 '' 'slm: /set temp needs a value' said '/set temp\n'
expect 2 '' 'slm: --think: "maybe" is not auto, on, off or a number of tokens' said '/think maybe\n'
expect 2 '' 'slm: /show: "all" is not one of: defaults prompt tokens mem template' said '/show all\n'
expect 1 '' 'slm: /nonexistent: cannot open*' said '/read /nonexistent\n'
expect 1 '' 'slm: /nonexistent: cannot open*' said '/load /nonexistent\n'
for f in - /dev/stdin /dev/fd/0; do
    expect 2 '' "slm: \"$f\" is where the chat comes from, no file" said "/read $f\n"
    expect 2 '' "slm: \"$f\" is where the chat comes from, no file" said "/load $f\n"
done
expect 1 '' 'slm: /nonexistent/a: cannot write*' said '/save /nonexistent/a\n'
expect 1 '' 'slm: /nonexistent.gguf: cannot open*' said '/model /nonexistent.gguf\n'
expect 1 '' "slm: $MODEL: the model has no chat template*" said "/model $MODEL\n"

# Settings.
expect 0 '' '*temp 0.5*top-k 7*seed 3*think on*stop X*' said '/set temp 0.5\n/set top-k 7\n/set seed 3\n/think on\n/set stop X\n/set\n'
expect 2 '' 'slm: --samplers: *' said '/set samplers nonsense\n'
expect 2 '' 'slm: --bias: no token of this model is "xyz"*' said '/set bias xyz=1\n'
expect 2 '' 'slm: --ban: no token of this model holds "xyz"*' said '/set ban xyz\n'
expect 0 'Yes\n' '' said '/set predict 4\nhi\n'
expect 0 "Yes$red \n" '' said '/set stop sir\nhi\n'
expect 0 "$yes" '' said '/think 0\nhi\n'

# What the model sees.
printf '{{ bos_token }}{%% for m in messages %%}{{ m.role }}={{ m.content }};{%% endfor %%}{{ bos_token }}' > t.jinja
expect 0 "$yes" '*system=brief;user=hi;assistant=Yes* sir.;*' said 'hi\n/show prompt\n' --system brief --template t.jinja
expect 0 '' '*system=short;*' said '/system short\n/show prompt\n' --template t.jinja
expect 0 "$yes$yes" '*user=two;assistant=*' said 'one\n/undo\ntwo\n/show prompt\n' --template t.jinja
case $(cat "$TMP/err") in *one*) same 'undone' still gone ;; esac
expect 0 "$yes$yes" '*user=two;assistant=*' said 'one\n/clear\ntwo\n/show prompt\n' --template t.jinja
case $(cat "$TMP/err") in *one*) same 'cleared' still gone ;; esac
printf 'the text\n' > f.txt
expect 0 "$yes" '*user=the text*what is it?;*' said '/read f.txt\nwhat is it?\n/show prompt\n' --template t.jinja
expect 0 '' '*{{ bos_token }}{% for*' said '/show template\n' --template t.jinja
expect 0 '' '{{ bos_token }}' said '/show template\n'
expect 0 "$yes" 'weights *cache *of 256 tokens used*' said 'hi\n/show mem\n'
expect 0 "$yes" '*0	"<bos>"*1 tokens, context 256' said 'hi\n/show tokens\n'
expect 0 "$yes" '*context: 7 of 256 tokens used (3 %)' said 'hi\n/stats\n'

# Files: what was saved loads, by another process, whole; nothing else does.
expect 0 "$yes" '' said 'say "a\\\\b"\n/save b.jsonl\n' --system 'be brief'
expect 0 '' '*system: be brief*user: say "a*b"*assistant: Yes*sir.' said '/load b.jsonl\n/show\n'
expect 0 '' '' said '/load b.jsonl\n/save c.jsonl\n'
same 'saved again' "$(cat c.jsonl)" "$(cat b.jsonl)"
mkdir -p "$HOME"
expect 0 '' '' said '/load b.jsonl\n/save ~/d.jsonl\n'
same 'at home' "$(cat "$HOME/d.jsonl")" "$(cat b.jsonl)"
expect 0 "$yes" '' said '/load ~/d.jsonl\nhi\n'
same 'no other file' "$(echo b.jsonl*)" b.jsonl
for bad in '' '{' '[]' '"x"' '{"role":"user"}' '{"role":"user","content":1}' '{"role":1,"content":"x"}' '{"role":"tool","content":"x"}' \
    '{"role":"user","content":"x"} {}' '{"role":"user","content":"\377"}'; do
    printf "$bad" > bad.jsonl
    expect 1 '' 'slm: bad.jsonl: *' said '/load bad.jsonl\n'
    same 'one line' "$(wc -l < "$TMP/err" | tr -d ' ')" 1
done
printf '{"role":"user","content":"x"}\n{"role":"system","content":"x"}\n' > bad.jsonl
expect 1 '' 'slm: bad.jsonl: line 2: a system message is the first line or none' said '/load bad.jsonl\n'
head -c 100000 /dev/zero > bad.jsonl
expect 1 '' 'slm: bad.jsonl: line 1: *' said '/load bad.jsonl\n'

# The conversation outgrows the context: a line that says what to do, exit 4 or 3.
long='{{ bos_token }}{% for m in messages %}{{ bos_token * 5 }}{% endfor %}'
printf '%s' "$long" > long.jinja
expect 4 "$yes" 'slm: the conversation has 16 tokens, the context 14: /undo takes the last turns back, /clear begins anew, -c N makes it larger' \
    said 'one\ntwo\n' -c 14 --template long.jinja
expect 3 "Yes$red\n" 'slm: the answer was cut: the context of 5 tokens is full (/clear begins anew, -c N makes it larger)' said 'one\ntwo\n' -c 5

# The cache: the second turn evaluates what is new, and says the same as a fresh one.
two() { printf 'hi there\nand now\n' | "$SLM" chat -m "$CHAT" --greedy -n 6 "$@"; }
two --stats=json > a 2> err
same 'reused' "$(sed -n 's/.*"n_reused":\([0-9]*\).*/\1/p' err | sed 's/^[1-9][0-9]*$/some/' | tr '\n' ' ')" '0 some '
for ub in 1 3; do two -ub $ub > b 2> err; same "-ub $ub" "$(cat b)" "$(cat a)"; done

# Nothing waits for a person; a reader that leaves, a full disk, signals.
expect 2 '' 'slm: "hello" is not a model, and chat takes no prompt*' "$SLM" chat hello
expect 1 '' "slm: $MODEL: the model has no chat template*" "$SLM" chat -m "$MODEL"
forever() { exec "$SLM" chat -m "$CHAT" --ignore-eos -c 60000 "$@"; }
echo hi > hi
{ ( forever < hi 2> err ); echo $? > rc; } | head -c 1 > out
same 'head -c 1' "$(cat rc) $(cat err)" '141 '
if [ -c /dev/full ]; then
    ( forever < hi > /dev/full 2> err )
    same 'full disk' "$? $(cat err)" '1 slm: cannot write to stdout: No space left on device'
fi
for s in INT TERM; do
    rm -f out
    ( forever < hi > out 2> err ) &
    pid=$!
    i=0
    while [ ! -s out ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
    kill -$s $pid
    wait $pid
    rc=$?
    [ $s = INT ] && want=130 || want=143
    same "SIG$s" "$rc $(cat err)" "$want "
    same "SIG$s: one newline at the end" "$(tail -c 1 out | od -An -c | tr -d ' ')" '\n'
done
( forever --timeout 0.5 < hi > out 2> err )
same 'timeout in an answer' "$? $(cat err) $(tail -c 1 out | od -An -c | tr -d ' ')" '124 slm: stopped by --timeout after 0.5 s \n'
sleep 1 | { "$SLM" chat -m "$THINKER" --timeout 0.3 > out 2> err; echo $? > rc; }
same 'timeout between turns' "$(cat rc) $(cat err) $(cat out)" '124 slm: stopped by --timeout before the answer began '
mkfifo fifo
( exec "$SLM" chat -m "$THINKER" < fifo > out 2> err ) &
pid=$!
exec 3> fifo
echo hi >&3
i=0
while [ "$(wc -l < out | tr -d ' ')" != 1 ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
same 'an answer comes before the next turn is there' "$(wc -l < out | tr -d ' ')" 1
kill -INT $pid
wait $pid
same 'SIGINT between turns' "$? $(cat err)" '130 '
exec 3>&-
finish
