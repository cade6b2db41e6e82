#!/bin/sh
# slm run where people put commands: loops, xargs, substitution, tee, timeout, cron, nohup.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
red=$(printf '\033[31m')
yes=$(printf 'Yes\033[31m sir.')
ask() { "$SLM" run -m "$THINKER" "$@"; }
words() { "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos -n 4 "$@"; }

# A loop that reads: -N leaves its input alone; without it the first turn takes all.
printf 'one\ntwo\nthree\n' > list
while read -r line; do ask -N "$line"; done < list > out 2> err
same 'while read' "$(cat out) $(cat err)" "$yes
$yes
$yes "
while read -r line; do ask "$line" < /dev/null; done < list > out
same 'while read, < /dev/null' "$(wc -l < out | tr -d ' ')" 3
while read -r line; do ask "$line"; done < list > out
same 'without -N stdin is the prompt' "$(wc -l < out | tr -d ' ')" 1

# Many at once: whole lines, every one of them.
# Two at once write piece by piece into one file: the same bytes, in whatever order.
bytes() { od -An -v -tx1 | tr -s ' ' '\n' | sort | tr -d '\n'; }
thrice=$(printf '%s\n%s\n%s\n' "$yes" "$yes" "$yes" | bytes)
xargs -P2 -I{} "$SLM" run -m "$THINKER" -N {} < list > out 2> err
same 'xargs -P2' "$? $(bytes < out) $(cat err)" "0 $thrice "
printf '%s\0' 'a b' 'c "d"' "e'f" | xargs -0 -n1 -P2 "$SLM" run -m "$THINKER" -N > out 2> err
same 'xargs -0' "$? $(bytes < out)" "0 $thrice"
printf 'hi\n' | xargs "$SLM" run -m /none -N > out 2> err
same 'xargs tells of a failure' "$? $(wc -l < err | tr -d ' ')" '123 1'

same 'substitution' "$(ask -N hi)" "$yes"
same 'twice' "$(ask -N "$(ask -N hi)")" "$yes"
text=$(words -N hi)
same 'the same again' "$(words -N hi)" "$text"
ask -N hi | tee copy > out
same 'tee' "$(cat out) $(cat copy)" "$yes $yes"
ask -N hi 2>&1 | cat > out; same 'nothing on stderr' "$(cat out)" "$yes"
echo hi | ask | ask | ask > out; same 'a chain' "$(cat out)" "$yes"
if ask -N hi > out; then same 'if' yes yes; else same 'if' no yes; fi
ask -N hi > out && echo more >> out; same '&&' "$(tail -n 1 out)" more
words -N -c 3 'one two three' > out 2> err || echo "exit $?" >> out; same '||' "$(cat out)" 'exit 4'
ask -N hi > out & wait $!; same 'in the background' "$? $(cat out)" "0 $yes"
( set -e; ask -N hi > out; echo more >> out ); same 'set -e' "$(tail -n 1 out)" more

# timeout(1) and its signal; a limit of our own.
if command -v timeout > /dev/null; then
    timeout 60 "$SLM" run -m "$THINKER" -N hi > out; same 'timeout, not reached' "$? $(cat out)" "0 $yes"
    timeout 1 "$SLM" run -m "$MODEL" --raw --ignore-eos -n -1 -c 60000 -N hi > out 2> err
    same 'timeout, reached' "$? $(cat err) $([ -s out ] && tail -c 1 out | od -An -c | tr -d ' ')" '124  \n'
    timeout --preserve-status -s INT 1 "$SLM" run -m "$MODEL" --raw --ignore-eos -n -1 -c 60000 -N hi > out 2> err
    same 'timeout -s INT' "$? $(tail -c 1 out | od -An -c | tr -d ' ')" '130 \n'
fi

# Nothing is there: no HOME, no PATH, no TERM, no terminal, stdin closed, another folder.
env -i "$SLM" run -m "$THINKER" -N hi > out 2> err < /dev/null
same 'env -i' "$? $(cat out) $(cat err)" "0 $yes "
env -i "$SLM" run -m "$THINKER" hi > out 2> err < /dev/null
same 'env -i, stdin read' "$? $(cat out) $(cat err)" "0 $yes "
( cd / && env -i HOME=/nonexistent SHELL=/bin/sh PATH=/usr/bin:/bin /bin/sh -c "'$SLM' run -m '$THINKER' -N hi" ) > out 2> err < /dev/null
same 'cron' "$? $(cat out) $(cat err)" "0 $yes "
echo hi | env -i "$SLM" chat -m "$THINKER" > out 2> err
same 'env -i, chat' "$? $(cat out) $(cat err)" "0 $yes "
ask -N hi > out 2> err <&-
same 'stdin closed' "$? $(cat out) $(cat err)" "0 $yes "
if command -v nohup > /dev/null; then
    nohup "$SLM" run -m "$THINKER" -N hi > out 2> err < /dev/null
    same 'nohup' "$? $(cat out)" "0 $yes"
    rm -f out
    nohup "$SLM" run -m "$MODEL" --raw --ignore-eos -n -1 -c 60000 -N --timeout 2 hi > out 2> err < /dev/null &
    pid=$!
    i=0
    while [ ! -s out ] && [ $i -lt 200 ]; do sleep 0.02; i=$((i + 1)); done
    kill -HUP $pid
    wait $pid
    same 'nohup: a hang-up changes nothing' $? 124
fi
if command -v setsid > /dev/null; then
    setsid "$SLM" run -m "$THINKER" -N hi > out 2> err < /dev/null; same 'no terminal at all' "$? $(cat out) $(cat err)" "0 $yes "
fi
if command -v nice > /dev/null; then nice -n 5 "$SLM" run -m "$THINKER" -N hi > out; same 'nice' "$? $(cat out)" "0 $yes"; fi
( ulimit -n 16; exec "$SLM" run -m "$THINKER" -N hi ) > out 2> err; same 'few files may be open' "$? $(cat out) $(cat err)" "0 $yes "
mkdir 'a folder' && cp "$THINKER" 'a folder/my model.gguf'
( cd 'a folder' && "$SLM" run -m 'my model.gguf' -N hi ) > out; same 'a name with a space' "$? $(cat out)" "0 $yes"
finish
