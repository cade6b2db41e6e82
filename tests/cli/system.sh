#!/bin/sh
# What the system can do to the program: odd files, small limits, huge contexts, full disks, slow readers,
# files that change while they are read, signals.  Exit 0, 1, 2 or 6 and one line; never a signal, never long.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
case $SLM in */asan/* | */tsan/*) instrumented=1 ;; *) instrumented= ;; esac
# ends CODES NAME RC: one of the codes, and no more than one line.
ends() {
    n=$((n + 1))
    case " $1 " in *" $3 "*) [ "$(wc -l < err)" -le 1 ] && return ;; esac
    failures=$((failures + 1))
    printf '    %s: exit %s, not one of %s: %s\n' "$2" "$3" "$1" "$(head -c 300 err)"
}
seconds() { date +%s; }

# ---- odd files ----
mkfifo fifo; mkdir folder; ln -s loop1 loop2; ln -s loop2 loop1; : > empty; ln -s gone dangling
cp "$MODEL" secret && chmod 0 secret
for f in ./fifo ./folder ./loop1 ./empty ./dangling /dev/zero /dev/null /dev/tty /proc/self/mem /proc/cpuinfo ./secret; do
    [ -e $f ] || [ -h $f ] || continue
    [ $f != ./secret ] || [ "$(id -u)" != 0 ] || continue
    for c in "run -m $f -N hi" "show $f" "tokens -m $f hi" "pack $f x.gguf" "quantize $f x.gguf Q4_0" "chat -m $f"; do
        t=$(seconds)
        "$SLM" $c > out 2> err < /dev/null
        ends 1 "$c" $?
        [ $(($(seconds) - t)) -le 10 ] || same "$c" 'takes long' ''
    done
done
same 'nothing was written' "$(ls x.gguf* 2> /dev/null)" ''
"$SLM" run -m /dev/stdin --raw --greedy -n 2 -N hi < "$MODEL" > out 2> err; same 'a model on stdin' "$? $(cat err)" '0 '

# ---- limits ----
many=3000
emulated "answers of $many tokens: 300 are enough" && many=300
answer() { "$SLM" run -m "$MODEL" --raw --greedy -n 4 -t 4 -N hi; }
answer > want
for v in 256 512 1024; do
    [ $instrumented ] && continue
    ( ulimit -s $v && answer > out 2> err ); ends 0 "ulimit -s $v" $?
    cmp -s out want; same "ulimit -s $v: the answer" $? 0
done
# A batch of tokens takes more stack than that.
for v in 128 256; do
    [ $instrumented ] && continue
    ( ulimit -s $v && yes 'Tell me a story about a fox.' | head -12 | tr '\n' ' ' | "$SLM" run --raw -n 1 > out 2> err )
    same "ulimit -s $v: a prompt in batches" "$? $(cat err)" '0 '
done
# Templates that nest, on a small stack: as deep as is allowed, and deeper.
deep() { awk -v n="$1" -v a="$2" -v b="$3" -v m="$4" 'BEGIN { for (i = 0; i < n; i++) printf "%s", a; printf "%s", m; for (i = 0; i < n; i++) printf "%s", b }'; }
for d in 20 90 190 5000; do
    deep $d '{{ (' ') }}' 1 > t1.jinja; { printf '{{ '; deep $d '(' ')' 1; printf ' }}'; } > t2.jinja
    { printf '{{ '; deep $d '[' ']' 1; printf ' | string }}'; } > t3.jinja; deep $d '{% if 1 %}' '{% endif %}' x > t4.jinja
    { printf '{%% macro f(n) %%}{%% if n %%}{{ f(n - 1) }}{%% endif %%}x{%% endmacro %%}{{ f(%s) }}' $d; } > t5.jinja
    { printf '{{ '; deep $d 'not ' '' 1; printf ' }}'; } > t6.jinja; { printf '{{ '; deep $d 'x.y(' ')' 1; printf ' }}'; } > t7.jinja
    for t in 1 2 3 4 5 6 7; do
        ( [ $instrumented ] || ulimit -s 256; exec "$SLM" run -m "$MODEL" --template t$t.jinja -n 2 -N hi ) > out 2> err
        ends '0 1' "template $t of depth $d on a small stack" $?
    done
    { deep $d '[' ']' 1; } > deep.json
    ( [ $instrumented ] || ulimit -s 256; exec "$SLM" render --template t4.jinja deep.json ) > out 2> err
    ends '0 1' "JSON of depth $d on a small stack" $?
done
little_memory() {
    i=0
    while [ $i -lt 64 ]; do
        ( ulimit -v $((3000 + i * i * 40)) && answer > out 2> err )
        rc=$?
        # Below some megabytes the program itself cannot be loaded: the kernel ends it within execve(), as it does any of
        # that size, and the shell's words for it go to shell.err.
        if [ $rc != 0 ] && ! ( ulimit -v $((3000 + i * i * 40)) && "$SLM" --version ) > out 2>&1; then :
        else
            ends '0 6' "ulimit -v $((3000 + i * i * 40))" $rc
            [ $rc != 0 ] || cmp -s out want || same "ulimit -v, step $i" 'another answer' ''
        fi
        i=$((i + 1))
    done
    same 'the largest is enough' $rc 0
}
[ $instrumented ] || emulated 'limits of memory: the emulator takes more itself' || little_memory 2> shell.err
emulated 'limits of open files: the shell between takes some' || for v in 3 4 5 6 8 16; do ( ulimit -n $v && exec "$SLM" run -m "$MODEL" --raw --greedy -n 4 -t 4 -N hi ) > out 2> err; rc=$?; grep -q 'error while loading' err || ends '0 1' "ulimit -n $v" $rc; done
for c in 1 2 3 31 32 33 1000 65536 65537 1000000 100000000 2147483647 2147483648 99999999999999999999; do
    "$SLM" run -m "$MODEL" --raw --greedy -n 2 -N -c $c hi > out 2> err
    ends '0 2 3 4 6' "-c $c" $?
    "$SLM" score -m "$MODEL" -c $c hello > out 2> err
    ends '0 2 4 6' "score -c $c" $?
done

# ---- weights that are no numbers ----
cp "$MODEL" nan.gguf
for i in 1 2 3 4 5 6 7 8; do printf '\377\377\377\377\377\377\377\377'; done | dd of=nan.gguf bs=1 seek=$(($(wc -c < "$MODEL") - 64)) conv=notrunc 2> dd.err
for c in "run --raw -n 4" "run --raw -n 4 --json" score "score --json" "run --raw --kv f32 --pack off"; do
    expect 1 '' 'slm: *no finite logits at token [0-9]*' "$SLM" $c -m nan.gguf -N hello
done
printf 'a b c d e f g h i j k l m n o p\n' > letters.txt
expect 1 '' 'slm: *no finite logits at token [0-9]*' "$SLM" ppl -m nan.gguf -f letters.txt -c 8
expect 1 '' 'slm: *not finite*' "$SLM" quantize nan.gguf q.gguf Q4_0
same 'no file of it' "$(ls q.gguf* 2> /dev/null)" ''

# ---- disks and readers ----
long() { "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos -n $many -c 8192 -N hi; }
long > want
{ long 2> err; echo $? > rc; } | { sleep 1; cat > out; }
ends 0 'a slow reader' "$(cat rc)"
cmp -s out want; same 'a slow reader gets all' $? 0
if [ "$(id -u)" = 0 ] && unshare -m sh -c 'mount -t tmpfs -o size=1m none folder' 2> /dev/null; then
    cat > disk.sh << 'EOF'
mount -t tmpfs -o size=1m none folder && cd folder || exit 99
echo old > out.gguf
dd if=/dev/zero of=filler bs=1024 count=2000 2> /dev/null
"$SLM" quantize -q "$MODEL" out.gguf Q8_0 > ../out 2> ../err; echo $? $(cat out.gguf) $(ls)
printf 'hi\n/save out.gguf\n' | "$SLM" chat -m "$CHAT" --greedy -n 200 > ../out 2> ../err2; echo $? $(cat out.gguf) $(ls)
"$SLM" run -m "$MODEL" --raw --greedy -n 100 --ignore-eos -N hi > answer 2> ../err3; echo $?
EOF
    export SLM MODEL CHAT
    unshare -m sh disk.sh > verdicts
    same 'a full disk' "$(head -n 1 verdicts)" '1 old filler out.gguf'
    ends 1 'a full disk' 1
    same 'a full disk: a conversation' "$(sed -n 2p verdicts) $(cat err2)" '1 old filler out.gguf slm: out.gguf: cannot write: No space left on device'
    same 'a full disk: an answer' "$(tail -n 1 verdicts) $(cat err3)" '1 slm: cannot write to stdout: No space left on device'
else echo '    skipped: a small disk (needs root)'; fi

# ---- files that change ----
cp "$MODEL" moved.gguf; rm -f out
( exec "$SLM" run -m moved.gguf --raw --greedy --ignore-eos -n $many -c 8192 -N hi > out 2> err ) &
pid=$!
i=0
while [ ! -s out ] && [ $i -lt 100 ]; do sleep 0.02; i=$((i + 1)); done
cp "$QUANTIZED" new && mv new moved.gguf
wait $pid; ends 0 'a file that was replaced' $?
cmp -s out want; same 'it goes on with the one it has' $? 0
echo old > old
i=0
while [ $i -lt 12 ]; do
    cp "$MODEL" cut.gguf; cp old new.gguf
    if [ $((i % 2)) = 0 ]; then "$SLM" quantize -q cut.gguf new.gguf Q8_0 > out 2> err & else "$SLM" score -m cut.gguf --pack off hello > out 2> err & fi
    pid=$!
    sleep 0.00$((i % 10))
    : > cut.gguf
    wait $pid
    ends '0 1' "cut at $i" $?
    cmp -s new.gguf old || "$SLM" show --check new.gguf > out 2>&1 || same "cut at $i" 'half a file' ''
    [ "$(ls new.gguf*)" = new.gguf ] || same "cut at $i" "$(ls new.gguf*)" new.gguf
    i=$((i + 1))
done

# ---- signals, in each phase: the code, soon ----
# during NAME SIGNAL CODE SECONDS COMMAND...: sent after so long.
during() {
    name=$1 signal=$2 code=$3 wait=$4
    shift 4
    ( exec "$@" > out 2> err ) &
    pid=$!
    sleep "$wait"
    t=$(seconds)
    kill "-$signal" $pid 2> kill.err
    wait $pid
    ends "$code" "$name, SIG$signal" $?
    [ $(($(seconds) - t)) -le 10 ] || same "$name, SIG$signal" 'takes long' ''
}
head -c 40000 /dev/zero | tr '\0' 'a' > letters
for s in INT:130 TERM:143; do
    s1=${s%:*} c1=${s#*:}
    during load $s1 "$c1 0" 0.01 "$SLM" run -m "$MODEL" --raw --greedy -n 2 -N hi
    during prefill $s1 $c1 1 "$SLM" run -m "$MODEL" --raw -f letters -c 60000 --greedy
    during decode $s1 $c1 1 "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos -n -1 -c 60000 -N hi
    during score $s1 "$c1" 1 "$SLM" score -m "$MODEL" -f letters -c 60000
done
finish
