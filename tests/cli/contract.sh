#!/bin/sh
# The two tables of the contract, row by row.  THINKER says <think>hm</think>\n\nYes ESC[31m sir. to everything.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
red=$(printf '\033[31m')
yes="Yes$red sir.\n"
answer() { "$SLM" run -m "$THINKER" "$@"; }
endless() { "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos "$@"; }
has_script=
if script -qec true /dev/null > /dev/null 2>&1 < /dev/null; then has_script=yes; fi

# ---- stdout: the answer and nothing else ----
expect 0 "$yes" '' answer -N hi
expect 0 "$yes" '*slm: answer: *' answer -N -v hi
expect 0 "$yes" '{"finish":"stop",*}' answer -N --stats=json hi
expect 0 "$yes" '*peak memory*' answer -N --stats hi
expect 0 "$yes" 'hm' answer -N --show-thinking stderr hi
expect 0 "Yes$red sir." '' answer -N --no-newline hi
expect 0 "Yes$red\n" '' answer -N --stop ' sir' hi
expect 0 "Yes$red si\n" '' answer -N --stop 'r.' hi
# Its last newlines are one.
printf '{{ bos_token }}' > t.jinja
expect 0 '\n' '' answer -N -n 0 hi
# Whole characters only, valid UTF-8, whatever the model says.
endless -N -n 300 hi > a
same 'one newline' "$(tail -c 1 a | od -An -c | tr -d ' ')" '\n'
if command -v iconv > /dev/null; then
    for k in 1 7 50 51 52 53 54; do
        endless -N -n $k hi > b
        iconv -f utf-8 -t utf-8 b > out 2> err; same "valid UTF-8 after $k tokens" $? 0
    done
else echo '    skipped: no iconv'; fi
# No escape sequences but on a terminal; there no control characters of a model.
expect 0 "$yes" '' answer -N --color auto hi
if [ -n "$has_script" ]; then
    script -qec "'$SLM' run -q -N -m '$THINKER' --show-thinking none hi" /dev/null < /dev/null | tr -d '\r' > out
    same 'no control characters on a terminal' "$(cat out)" 'Yes[31m sir.'
fi
# Each token as it comes: the first is there long before the last.
mkfifo words
endless -N -n -1 -c 60000 hi > words 2> err &
pid=$!
exec 3< words
first=$(head -c 1 <&3 | wc -c | tr -d ' ')
kill -0 $pid 2> err
same 'it is there while the answer goes on' "$first $?" '1 0'
exec 3<&-
wait $pid
same 'and the reader that leaves ends it' $? 141

# ---- stderr: errors, one line each; warnings unless -q; the rest if asked ----
expect 1 '' 'slm: /none.gguf: cannot open: No such file or directory' "$SLM" run -q -m /none.gguf -N hi
same 'one line' "$(wc -l < err | tr -d ' ')" 1
expect 0 "$yes" 'slm: the prompt is not UTF-8: 1 broken sequence became U+FFFD' answer -N "$(printf 'a\377')"
expect 0 "$yes" '' answer -q -N "$(printf 'a\377')"
i=0 long=x
while [ $i -lt 12 ]; do long=$long$long i=$((i + 1)); done
expect 2 '' 'slm: *' "$SLM" run --"$long"
same 'at most 300 bytes' "$([ "$(wc -c < err)" -le 300 ] && echo yes) $(wc -l < err | tr -d ' ')" 'yes 1'
expect 2 '' 'slm: unknown flag --\\x1b*' "$SLM" run "--$(printf '\033')"

# ---- stdin ----
printf 'line\n' > in
expect 0 "$yes" '' sh -c "'$SLM' run -m '$THINKER' < in"
seen() { "$SLM" run -m "$MODEL" --explain "$@" | sed -n '/^prompt: /,/^memory: /p' | sed '1d;$d' | tr '\n' '|'; }
same 'alone it is the prompt' "$(seen < in)" 'line||'
same 'before the prompt, a blank line between' "$(seen text < in)" 'line||text||'
same 'at {}' "$(seen 'a {} b' < in)" 'a line b||'
same '-N: not read' "$(seen -N text < in)" 'text||'
same '-f: not read' "$(printf 'file' > f; seen -f f text < in)" 'file||text||'
same 'what is no UTF-8' "$(printf 'a\377b' | seen 2> err)$(wc -l < err | tr -d ' ')" "$(printf 'a\357\277\275b||1')"
same 'as the system message it is not the prompt, too' "$(printf 'brief\n' | "$SLM" run -m "$CHAT" --explain --system-file - hi | sed -n '/^prompt: /,/^memory: /p' | sed '1d;$d' | tr -d '\033' | tr '\n' '|')" '[31mbrief||hi||'
expect 2 '' 'slm: no prompt: *' sh -c "echo brief | '$SLM' run -m '$CHAT' --system-file -"
expect 2 '' 'slm: no prompt: *' sh -c "'$SLM' run -m '$THINKER' < /dev/null"
expect 2 '' 'slm: no prompt: *' sh -c "'$SLM' run -m '$THINKER' <&-"
if [ -n "$has_script" ]; then
    # Nothing waits for a person: stdin is a terminal here.
    timeout 20 script -qec "'$SLM' run -m '$THINKER' > $TMP/piped 2> $TMP/err; echo \$? > $TMP/rc" /dev/null < /dev/null > out
    same 'a terminal as stdin, no prompt' "$(cat rc) $(cat piped)" '2 '
    timeout 20 script -qec "'$SLM' chat -m '$THINKER' > $TMP/piped 2> $TMP/err; echo \$? > $TMP/rc" /dev/null < /dev/null > out
    same 'chat to a pipe' "$(cat rc) $(cat piped)" '2 '
    timeout 20 script -qec "'$SLM' tokens -m '$MODEL' > $TMP/piped 2> $TMP/err; echo \$? > $TMP/rc" /dev/null < /dev/null > out
    same 'tokens' "$(cat rc) $(cat piped)" '2 '
    for c in "run -m $THINKER -f -" "run -m $CHAT --system-file - hi" "run -m $THINKER -f /dev/stdin" "tokens -m $MODEL --jsonl" "render --template t.jinja -" "map -m $THINKER -f - hi"; do
        timeout 20 script -qec "'$SLM' $c > $TMP/piped 2> $TMP/err; echo \$? > $TMP/rc" /dev/null < /dev/null > out
        same "$c" "$(cat rc) $(cat piped) $(cat err)" '2  slm: stdin is a terminal, stdout is not: nothing waits for somebody to type'
    done
fi

# ---- exits ----
expect 0 "$yes" '' answer -N hi
expect 0 "$yes" '' answer -N --stop nowhere hi
endless -N -n 3 hi > a 2> err; same '0: at the -n that was given' "$? $(cat err)" '0 '
printf 'GGUF' > cut.gguf
expect 1 '' 'slm: cut.gguf: *' "$SLM" run -m cut.gguf -N hi
sed 's/llama\.context/lpaca.context/; s/architecture\(.............\)llama/architecture\1lpaca/' "$MODEL" > odd.gguf
expect 1 '' 'slm: odd.gguf: *' "$SLM" run -m odd.gguf -N hi
expect 1 '' 'slm: /none: cannot open: *' answer -f /none hi
[ ! -c /dev/full ] || { answer -N hi > /dev/full 2> err; same '1: the disk is full' "$? $(cat err)" '1 slm: cannot write to stdout: No space left on device'; }
expect 2 '' 'slm: unknown flag --nosuch*' answer --nosuch
expect 3 "Yes$red\n" 'slm: the answer was cut: the context of 5 tokens is full (-c N makes it larger)' answer -N -c 5 hi
endless -N hi > a 2> err; same '3: the default of -n' "$? $(cat err)" '3 slm: the answer was cut after 2048 tokens, the default of -n'
expect 4 '' 'slm: the prompt has * tokens, the context 3: raise -c *' endless -N -c 3 'one two three four'
expect 6 '' 'slm: needs * allowed by --mem: try -c *' endless -N --mem 3M -c 60000 hi
endless -N -n -1 -c 60000 --timeout 0.5 hi > a 2> err; same '124' "$? $([ -s a ] && tail -c 1 a | od -An -c | tr -d ' ')" '124 \n'
for s in INT:130 TERM:143; do
    rm -f out
    ( exec "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos -N -n -1 -c 60000 hi > out 2> err ) &
    pid=$!
    i=0
    while [ ! -s out ] && [ $i -lt 200 ]; do sleep 0.02; i=$((i + 1)); done
    kill -${s%:*} $pid
    wait $pid
    same "${s#*:}" "$? $(cat err) $(tail -c 1 out | od -An -c | tr -d ' ')" "${s#*:}  \\n"
done
{ endless -N -n -1 -c 60000 hi 2> err; echo $? > rc; } | head -n 1 > out
same '141, and nothing is said' "$(cat rc) $(cat err)" '141 '

# ---- settings, first to last: see settings.sh; the environment here ----
value() { "$SLM" run --explain -N "$@" hi 2>&1 | sed -n "s/^--$name  *//p" | sed 's/  */ /g'; }
export SLM_MODEL="$MODEL"
name=model; same SLM_MODEL "$(value)" "$MODEL environment SLM_MODEL"
name=threads; same SLM_THREADS "$(SLM_THREADS=1 value)" '1 environment SLM_THREADS'
name=ctx-size; same SLM_CTX "$(SLM_CTX=77 value)" '77 environment SLM_CTX'
name=mem; same SLM_MEM "$(SLM_MEM=1G value)" '1.0 GiB environment SLM_MEM'
name=seed; same SLM_SEED "$(SLM_SEED=7 value)" '7 environment SLM_SEED'
name=isa; same SLM_ISA "$(SLM_ISA=scalar value)" 'scalar environment SLM_ISA'
name=seed; same 'a flag comes first' "$(SLM_SEED=7 value --seed 8)" '8 flag'
printf '{{ strftime_now("%%Y-%%m-%%d") }}' > day.jinja
day() { "$SLM" render --template day.jinja "$@" - < in.json; }
printf '[]' > in.json
same SOURCE_DATE_EPOCH "$(SOURCE_DATE_EPOCH=86400 TZ=UTC day)" 1970-01-02
same '--date comes first' "$(SOURCE_DATE_EPOCH=86400 day --date 2026-11-22)" 2026-11-22
finish
