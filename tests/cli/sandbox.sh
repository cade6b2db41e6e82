#!/bin/sh
# Every command does its work in the sandbox, chat's files included; a running one has what it shall have.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
"$SLM" doctor --json > out
if ! grep -q '"seccomp":true' out; then
    echo '    skipped: no sandbox in this build or on this system'
    finish
fi
mkdir a b && cp "$CHAT" a/m.gguf && ln -s a/m.gguf link.gguf
printf 'Hello' > b/prompt && printf 'Brief' > b/system && printf '{{ messages[0].content }}' > b/t.jinja && printf '1 2 3' > b/ids
same_as_without() {
    "$@" > out 2> err; got="$? $(cat err)"
    same "$2: does its work" "${got%% *}" 0
    command=$1 sub=$2
    shift 2
    "$command" "$sub" --no-sandbox "$@" > want 2> err
    same "$sub $*" "$got" "$? $(cat err)"
    cmp -s out want; same "$sub $*: the same output" $? 0
}
same_as_without "$SLM" run -m link.gguf --greedy -n 4 -f b/prompt --system-file b/system --template b/t.jinja
same_as_without "$SLM" run --greedy -n 4 -N hi
same_as_without "$SLM" score -m a/m.gguf --ids-file b/ids
same_as_without "$SLM" tokens -m a/m.gguf -f b/prompt
same_as_without "$SLM" show a/m.gguf
same_as_without "$SLM" ls
printf '[{"role":"user","content":"x"}]' > b/vars.json
same_as_without "$SLM" render --template b/t.jinja b/vars.json
same_as_without "$SLM" render -m a/m.gguf b/vars.json
same_as_without "$SLM" run -m /dev/stdin --raw --greedy -n 4 -N hi < a/m.gguf
"$SLM" score -m a/m.gguf --logits-out b/logits hello > out 2> err; same 'logits' "$? $(cat err) $([ -s b/logits ] && echo some)" '0  some'
"$SLM" run -m a/m.gguf --raw -N -n 1 --stats-file b/stats hi > out 2> err; same 'statistics' "$? $(cat err) $([ -s b/stats ] && echo some)" '0  some'
"$SLM" bench -m a/m.gguf -p 0 -n 1 -r 1 --no-roof --plot=b/plot.svg > out 2> err; same 'a plot' "$? $(cat err) $([ -s b/plot.svg ] && echo some)" '0  some'
"$SLM" quantize -q a/m.gguf b/q.gguf Q4_0 2> err; same 'quantize' "$? $(cat err)" '0 '
ln -s ../b/q.gguf a/out.gguf
"$SLM" quantize -q a/m.gguf a/out.gguf Q8_0 2> err; same 'through a link' "$? $(cat err) $(ls a b | tr '\n' ' ')" '0  a: m.gguf out.gguf  b: ids logits plot.svg prompt q.gguf stats system t.jinja vars.json '
printf 'Once upon a time there was a text of some words.' > b/text
same_as_without "$SLM" ppl -m a/m.gguf -c 4 -f b/text
same 'ppl: a number' "$(grep -c '^perplexity  *[0-9]' out)" 1
same_as_without "$SLM" diff a/m.gguf link.gguf b/q.gguf -c 4 -f b/text
"$SLM" diff a/m.gguf b/q.gguf -c 4 -f b/text --plot b/loss.svg > out 2> err; same 'a chart' "$? $(cat err) $([ -s b/loss.svg ] && echo some)" '0  some'
"$SLM" imatrix -q -m a/m.gguf -c 4 -f b/text -o b/i.gguf 2> err; same 'imatrix' "$? $(cat err)" '0 '
"$SLM" quantize -q --imatrix b/i.gguf a/m.gguf b/w.gguf Q4_0 2> err; same 'by importance' "$? $(cat err)" '0 '
"$SLM" pack -q b/q.gguf p.gguf 2> err; same 'pack' "$? $(cat err)" '0 '
printf '%s\n' Hi '/save b/talk.jsonl' '/load b/talk.jsonl' '/read b/prompt' "/model $TMP/p.gguf" more | "$SLM" chat -m a/m.gguf --template b/t.jinja --greedy -n 4 > out 2> err
same 'chat: files' "$? $(cat err) $(wc -l < b/talk.jsonl | tr -d ' ')" '0  2'

# What the kernel says of one that runs, of each of its threads: filters, and no new rights.
if [ -r /proc/self/status ] && grep -q ^Seccomp /proc/self/status; then
    rm -f out
    ( exec "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos -n -1 -c 60000 -t 3 -N hi > out 2> err ) &
    pid=$!
    i=0
    while [ ! -s out ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
    same 'threads' "$(cat /proc/$pid/task/*/status | grep -E '^(Seccomp|NoNewPrivs):' | tr -d '\t' | sort | uniq -c | tr -s ' ')" "$(printf ' 3 NoNewPrivs:1\n 3 Seccomp:2')"
    kill $pid
    wait $pid
    rm -f out
    ( exec "$SLM" run --no-sandbox -m "$MODEL" --raw --greedy --ignore-eos -n -1 -c 60000 -N hi > out 2> err ) &
    pid=$!
    while [ ! -s out ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
    same '--no-sandbox' "$(grep ^Seccomp: /proc/$pid/status | tr -d '\t')" "$(grep ^Seccomp: /proc/self/status | tr -d '\t')"
    kill $pid
    wait $pid
fi
finish
