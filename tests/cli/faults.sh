#!/bin/sh
# The k-th allocation, and the k-th call on a file, fails in the whole program: exit 6, or the code that is
# documented, and one line; never half a file.  Every FAULT_STEP-th k; `make check-all` takes every one.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
if ! [ -x "${SLM_FAULTY:-}" ]; then
    echo '    skipped: SLM_FAULTY does not name a program whose calls can fail'
    finish
fi
case $SLM in */asan/* | */tsan/* | */ubsan/*) step=${FAULT_STEP:-61} ;; *) step=${FAULT_STEP:-7} ;; esac
export XDG_STATE_HOME="$TMP/state" SLM_MODELS="$TMP/models"
mkdir -p models && cp "$MODEL" models/one.gguf

# What a failure was, when it was not as it must be.
told() { n=$((n + 1)); failures=$((failures + 1)); printf '    %s: exit %s, %s lines: %s\n' "$1" "$2" "$(wc -l < err)" "$(head -c 300 err)"; }
one_line() { [ "$(wc -l < err)" -eq 1 ] && [ "$(head -c 5 err)" = 'slm: ' ]; }

# every KIND ERROR CODES NAME COMMAND...: the command, with standard input from `in`, while each call of the kind fails.
# CODES: exit codes, each with one line.  Or nothing changes: what failed was not needed, or was tried again.
every() {
    kind=$1 error=$2 codes=$3 name=$4
    shift 4
    eval "$prepare"
    SLM_FAULT_COUNT="$TMP/count" "$@" < in > base 2> err
    base_rc=$?
    total=$(sed -n "s/^$kind //p" count)
    k=1 hit=0 by=$step
    [ "$total" -gt 12 ] || by=1
    n=$((n + 1))
    while [ $k -le "$total" ]; do
        eval "$prepare"
        [ "$kind" = malloc ] && fault=malloc:$k || fault=io:$kind:$k:$error
        SLM_FAULT=$fault "$@" < in > out 2> err
        rc=$?
        # Times differ.
        sed 's/_ms":[0-9.]*//g; s/_bytes":[0-9]*//g' out > a; sed 's/_ms":[0-9.]*//g; s/_bytes":[0-9]*//g' base > b
        if [ $rc = $base_rc ] && cmp -s a b; then :
        else
            case " $codes " in
            *" $rc "*) one_line && hit=$((hit + 1)) || told "$name, $fault" $rc ;;
            *) told "$name, $fault" $rc ;;
            esac
        fi
        eval "$check"
        k=$((k + by))
    done
    echo "    $name: $total times $kind $error, $hit told"
}
prepare=: check=:

printf 'Hello there\n' > in
every malloc ENOMEM 6 run "$SLM_FAULTY" run -m "$CHAT" --greedy -n 2 -t 2 --system Brief --stop never
every malloc ENOMEM 6 'run --json' "$SLM_FAULTY" run -m "$MODEL" --raw --seed 1 -n 2 -t 1 --json --dry-multiplier 1 --bias a=1
every malloc ENOMEM 6 score "$SLM_FAULTY" score -m "$MODEL" --json --top 2 --continue 2
every malloc ENOMEM 6 tokens "$SLM_FAULTY" tokens -m "$MODEL"
every malloc ENOMEM 6 show "$SLM_FAULTY" show --json "$CHAT"
every malloc ENOMEM 6 ls "$SLM_FAULTY" ls
printf 'aa bb cc dd ee ff gg hh\n' > in
every malloc ENOMEM 6 ppl "$SLM_FAULTY" ppl -m "$MODEL" -c 4 -t 1
every malloc ENOMEM 6 diff "$SLM_FAULTY" diff "$MODEL" "$MODEL" -c 4 -t 1 --json
printf '{"messages":[{"role":"user","content":"x"}]}' > in
every malloc ENOMEM 6 render "$SLM_FAULTY" render -m "$CHAT" -
echo old > old.jsonl
printf '%s\n' Hi '/system Brief' '/read in.txt' 'and this' /regen '/save talk.jsonl' '/load talk.jsonl' '/set temp 0.5' > in
echo 'some text' > in.txt
whole() { cmp -s talk.jsonl old.jsonl || [ "$(tail -n 1 talk.jsonl | tail -c 3)" = '"}' ] || told "$name, $fault: half a file" $rc; [ "$(ls talk.jsonl*)" = talk.jsonl ] || told "$name, $fault: left behind" $rc; }
prepare='cp old.jsonl talk.jsonl' check=whole
chat() { "$SLM_FAULTY" chat -m "$CHAT" --greedy -n 2 -t 1 -c 512; }
every malloc ENOMEM 6 chat chat
every read EINTR '' chat chat
every read short '' chat chat
every read EIO 1 chat chat
every write EINTR '' chat chat
every write short '' chat chat
for c in open mkstemp write fsync close rename; do every $c EIO 1 chat chat; done
every write ENOSPC 1 chat chat

# Files that are written: the old one or the whole new one.
quantize() { "$SLM_FAULTY" quantize -q -t 2 "$MODEL" new.gguf Q4_0; }
pack() { "$SLM_FAULTY" pack -q -t 2 "$QUANTIZED" new.gguf; }
intact() { cmp -s new.gguf old.jsonl || "$SLM" show --check new.gguf > /dev/null 2>&1 || told "$name, $fault: half a file" $rc; [ "$(ls new.gguf*)" = new.gguf ] || told "$name, $fault: left behind" $rc; }
prepare='cp old.jsonl new.gguf' check=intact
for f in quantize pack; do
    every malloc ENOMEM 6 $f $f
    for c in open fstat mmap write fsync sync_file_range close linkat rename; do every $c EIO 1 $f $f; done
    every write ENOSPC 1 $f $f
    every write EINTR '' $f $f
    every write short '' $f $f
done
prepare=: check=:
every open EMFILE 1 run "$SLM_FAULTY" run -m "$MODEL" --raw --greedy -n 2 -t 1
every mmap ENOMEM 6 run "$SLM_FAULTY" run -m "$MODEL" --raw --greedy -n 2 -t 1
every thread EAGAIN 6 run "$SLM_FAULTY" run -m "$MODEL" --raw --greedy -n 2 -t 5
every write ENOSPC 1 run "$SLM_FAULTY" run -m "$MODEL" --raw --greedy -n 4 -t 1
every write EINTR '' run "$SLM_FAULTY" run -m "$MODEL" --raw --greedy -n 4 -t 1
finish
