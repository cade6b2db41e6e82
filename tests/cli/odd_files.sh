#!/bin/sh
# What is no file where a file is wanted: one clear line in less than a second; pipes that somebody writes into are read.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
mkdir folder
mkfifo silent
ln -s loop loop
: > empty
"$SLM" tokens -m "$MODEL" -c 'hello there' > count
# within CODE PATTERN COMMAND...: as expect, without output, and at once.
within() {
    begin=$(date +%s%N)
    want_rc=$1 want_err=$2
    shift 2
    expect "$want_rc" '' "$want_err" timeout 20 "$@"
    ms=$((($(date +%s%N) - begin) / 1000000))
    [ $ms -lt "$most_ms" ] || same "$*: quick" "$ms ms" "less than $most_ms ms"
}
# The machine may do much else; a FIFO is given half a second.
most_ms=3000
have_socket=
if command -v perl > /dev/null && perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die' 2> err; then have_socket=socket; fi

# As a model.
for c in run score show tokens bench ppl 'pack --unpack' chat; do
    case $c in
    pack*) tail=out.gguf flag= ;;
    show | bench | chat) tail= flag=-m ;;
    ppl) tail='-f count' flag=-m ;;
    *) tail=hi flag=-m ;;
    esac
    # shellcheck disable=SC2086
    {
        within 1 'slm: ./folder: is a directory, not a file*' "$SLM" $c $flag ./folder $tail
        within 1 'slm: ./silent: is a pipe, not a file*' "$SLM" $c $flag ./silent $tail
        within 1 'slm: /dev/zero: is a device, not a file*' "$SLM" $c $flag /dev/zero $tail
        within 1 'slm: ./loop: cannot open: Too many levels of symbolic links' "$SLM" $c $flag ./loop $tail
        within 1 'slm: ./empty: file is empty' "$SLM" $c $flag ./empty $tail
        [ -z "$have_socket" ] || within 1 'slm: ./socket: *' "$SLM" $c $flag ./socket $tail
    }
done
expect 0 "$(cat count)\n" '' sh -c "'$SLM' tokens -m /dev/stdin -N -c 'hello there' < '$MODEL'"

# As a text.
for c in "run -m $CHAT -n 1 -f" "tokens -m $MODEL -f" "score -m $MODEL -f" "score -m $MODEL --ids-file" "run -m $CHAT hi --system-file" \
    "run -m $CHAT hi --template" "render -m $CHAT"; do
    # shellcheck disable=SC2086
    {
        within 1 'slm: ./folder: is a directory, not a file' "$SLM" $c ./folder
        within 1 'slm: ./silent: is a pipe into which nobody writes' "$SLM" $c ./silent
        within 1 'slm: /dev/zero: is a device, not a file' "$SLM" $c /dev/zero
        within 1 'slm: ./loop: cannot open: Too many levels of symbolic links' "$SLM" $c ./loop
        [ -z "$have_socket" ] || within 1 'slm: ./socket: cannot open: *' "$SLM" $c ./socket
    }
done

# A pipe with a writer, early or late, and what is open already.
printf 'hello there' > text
cat text > silent &
expect 0 "$(cat count)\n" '' "$SLM" tokens -m "$MODEL" -c -f silent
wait
( sleep 0.2; cat text > silent ) &
expect 0 "$(cat count)\n" '' "$SLM" tokens -m "$MODEL" -c -f silent
wait
( exec > silent; sleep 0.9; cat text ) &
expect 0 "$(cat count)\n" '' "$SLM" tokens -m "$MODEL" -c -f silent
wait
expect 0 "$(cat count)\n" '' sh -c "'$SLM' tokens -m '$MODEL' -c -f /dev/stdin < text"
expect 0 "$(cat count)\n" '' sh -c "cat text | '$SLM' tokens -m '$MODEL' -c -f /dev/stdin"
expect 0 "$(cat count)\n" '' sh -c "'$SLM' tokens -m '$MODEL' -c -f /dev/fd/7 7< text"
expect 1 '' 'slm: /dev/fd/77: cannot open: Bad file descriptor' "$SLM" tokens -m "$MODEL" -c -f /dev/fd/77
if command -v bash > /dev/null; then
    expect 0 "$(cat count)\n" '' bash -c "'$SLM' tokens -m '$MODEL' -c -f <(sleep 0.3; cat text)"
    expect 2 '' 'slm: no prompt: *' bash -c "'$SLM' run -m '$MODEL' -f <(true)"
fi
expect 2 '' 'slm: no prompt: *' "$SLM" run -m "$MODEL" -f /dev/null
finish
