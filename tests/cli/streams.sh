#!/bin/sh
# A full disk, a reader that leaves, a closed stream: exit 1, 141, 1; signals and time.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
forever() { exec "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos -n -1 -c 60000 "$@"; }
full='slm: cannot write to stdout: No space left on device'
closed='slm: cannot write to stdout: Bad file descriptor'

if [ -c /dev/full ]; then
    for c in "run -m $MODEL --raw -N -n 3 hi" "run -m $MODEL --raw -N -n 3 --json hi" "tokens -m $MODEL hi" \
        "score -m $MODEL hello" "show $MODEL" "show --json $MODEL" help 'help run' --version 'run --help'; do
        n=$((n + 1))
        "$SLM" $c > /dev/full 2> err
        same "$c > /dev/full" "$? $(cat err)" "1 $full"
        "$SLM" $c >&- 2> err
        same "$c >&-" "$? $(cat err)" "1 $closed"
        "$SLM" $c > out 2>&- < /dev/null
        same "$c 2>&-" $? 0
    done
    ( forever -N hi > /dev/full 2> err ); same 'generation ends at a full disk' "$? $(cat err)" "1 $full"
    "$SLM" score -m "$MODEL" --logits-out /dev/full hello > out 2> err
    same 'logits to a full disk' "$? $(cat err)" '1 slm: /dev/full: cannot write: No space left on device'
    "$SLM" run -m "$MODEL" --raw -N -n 1 --stats-file /dev/full hi > out 2> err
    same 'statistics to a full disk' "$? $(cat err)" '1 slm: /dev/full: cannot write: No space left on device'
    "$SLM" --frob 2> /dev/full
    same 'stderr full' $? 2
fi

# The reader leaves: quickly over, nothing said.
{ ( forever -N hi 2> err ); echo $? > rc; } | head -c 1 > out
same 'head -c 1' "$(cat rc) $(cat err)" '141 '
( trap '' PIPE; { ( forever -N hi 2> err ); echo $? > rc; } | head -c 1 > out )
same 'and where SIGPIPE was ignored' "$(cat rc) $(cat err)" '141 '
{ "$SLM" show --full --tensors "$MODEL" 2> err; echo $? > rc; } | true
case $(cat rc) in 0 | 141) ;; *) same 'show | true' "$(cat rc)" '0 or 141' ;; esac

# Signals while it answers: what came, a newline, 128 + the signal.
for s in INT TERM; do
    rm -f out # or the loop below sees the last one
    ( forever -N hi > out 2> err ) &
    pid=$!
    i=0
    while [ ! -s out ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
    kill -$s $pid
    wait $pid
    rc=$?
    [ $s = INT ] && want=130 || want=143
    same "SIG$s" "$rc $(cat err)" "$want "
    same "SIG$s: one newline at the end" "$(tail -c 1 out | od -An -c | tr -d ' ')$(tail -c 2 out | tr -d '\n' | wc -c | tr -d ' ')" '\n1'
done
( forever -N --json hi > out 2> err ) &
pid=$!
sleep 0.7
kill -TERM $pid
wait $pid
same 'SIGTERM, --json' "$? $(grep -c '"finish":"interrupt"' out)" '143 1'

# Signals while it waits for its prompt.
mkfifo fifo
( exec "$SLM" run -m "$MODEL" --raw < fifo > out 2> err ) &
pid=$!
exec 3> fifo
sleep 0.2
# A shell's background process ignores SIGINT until it has a handler of its own.
while kill -INT $pid 2> kill.err; do sleep 0.05; done
wait $pid
same 'SIGINT before the answer' "$? $(od -An -c < out | tr -d ' ') $(cat err)" '130 \n '
exec 3>&-

# The template of CHAT starts with an escape: through a pipe as it is, never to a terminal.
same 'raw when piped' "$("$SLM" show --template "$CHAT" | head -c 5 | od -An -c | tr -d ' ')" '033[31m'
if script -qec true /dev/null > /dev/null 2>&1 < /dev/null; then
    script -qec "'$SLM' show --template '$CHAT'" /dev/null < /dev/null | head -c 4 > out
    same 'no escape on a terminal' "$(cat out)" '[31m'
fi

# The model is cut while it is in use.
cp "$MODEL" cut.gguf
( exec "$SLM" run -m cut.gguf --raw --greedy --ignore-eos -n -1 -c 60000 -N --timeout 5 hi > out 2> err ) &
pid=$!
sleep 0.3
: > cut.gguf
wait $pid
rc=$?
[ $rc = 124 ] || # weights that were copied into memory do not notice
    same 'cut while mapped' "$rc $(cat err)" '1 slm: the model file was cut or cannot be read any more'

# Time.
( forever -N --timeout 1 hi > out 2> err ); same timeout "$? $(cat err)" '124 slm: stopped by --timeout after 1 s'
[ -s out ]; same 'the partial answer is printed' $? 0
( forever -N --timeout 1 --json hi > out 2> err ); same 'timeout, --json' "$? $(grep -c '"finish":"timeout"' out)" '124 1'
finish
