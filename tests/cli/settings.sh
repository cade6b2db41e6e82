#!/bin/sh
# Settings: flag over environment over configuration file over the model's file over the default; --explain.
. "${0%/*}/lib.sh"
mkdir -p "$TMP/config/slm" "$TMP/work/models" && cd "$TMP/work" || exit 1
export XDG_CONFIG_HOME="$TMP/config"
config=$TMP/config/slm/config
run() { "$SLM" run -m "$MODEL" -N "$@" < /dev/null; }
# origin NAME FLAGS...: value and origin of a setting.
origin() {
    name=$1
    shift
    run --explain "$@" hi 2> "$TMP/err" | sed -n "s/^--$name  *//p" | sed 's/  */ /g'
    cat "$TMP/err"
}
same 'default' "$(origin top-k)" '40 default'
same 'its text' "$(origin mem)" '80 % of what is available default'
printf '# mine\n\n  top-k = 7 \nctx-size=256\r\nstop = a b\nstop = # c\ngreedy = false\nmem = 1.5G\n' > "$config"
same 'file' "$(origin top-k)" '7 config file'
same 'a size' "$(origin mem)" '1.5 GiB config file'
same 'a list' "$(origin stop)" '"a b" "# c" config file'
same 'a flag ends a list' "$(origin stop --stop x)" '"x" flag'
same 'environment over file' "$(SLM_CTX=128 origin ctx-size)" '128 environment SLM_CTX'
same 'flag over environment' "$(SLM_CTX=128 origin ctx-size -c 64)" '64 flag'
same 'false' "$(origin greedy)" 'off default'
printf 'n = 7\ntemperature = 0.25\n' > "$config"
same 'other names' "$(origin predict) $(origin temp)" '7 config file 0.25 config file'
printf 'greedy = true\n' > "$config"
same 'true' "$(origin greedy)" 'on config file'
same 'and by all that it would leave without effect' "$(for f in '--top-k 5' '--min-p 0.1' '--mirostat 2' '--samplers top_k' '--repeat-penalty 1.1'; do origin greedy $f; done | uniq)" 'off default'
same 'greedy is overruled by --temp' "$(origin greedy --temp 1)" 'off default'
same 'its doing' "$(origin temp)" '0 --greedy'
printf 'Be short.' > system
printf 'system = one\n' > "$config"
same 'a system message over a file' "$("$SLM" run -m "$CHAT" -N --explain --system-file system hi 2>&1 | grep -c 'Be short.$')" 1
"$SLM" run -m "$MODEL" --raw -N -n 1 hi > out 2> err; same '--raw has no use for it' "$? $(cat err)" '0 '
# The environment comes before the file: NO_COLOR.
printf 'color = always\n' > "$config"
same 'color' "$(origin color)" 'always config file'
same 'NO_COLOR' "$(NO_COLOR=1 origin color)" 'never environment NO_COLOR'
same 'an empty one' "$(NO_COLOR= origin color)" 'always config file'
same 'a flag' "$(NO_COLOR=1 origin color --color always)" 'always flag'
"$SLM" run -m "$THINKER" -N --show-thinking stderr hi > out 2> err; same 'dimmed' "$(cat err)" "$(printf '\033[2mhm\033[0m')"
NO_COLOR=1 "$SLM" run -m "$THINKER" -N --show-thinking stderr hi > out 2> err; same 'not dimmed' "$(cat err)" hm
same SOURCE_DATE_EPOCH "$(SOURCE_DATE_EPOCH=86400 origin now)" '86400 environment SOURCE_DATE_EPOCH'
same 'behind --date' "$(SOURCE_DATE_EPOCH=86400 origin now --date 2026-01-01)" 'none default'
mkdir locked && chmod 0 locked
same 'a home that is not ours' "$(XDG_CONFIG_HOME="$TMP/locked" "$SLM" tokens -m "$MODEL" -c hi 2>&1)" "$(env -u XDG_CONFIG_HOME "$SLM" tokens -m "$MODEL" -c hi)"
chmod 700 locked && rmdir locked
same 'nonsense for another command' "$(printf 'top-k = 7\n' > "$config"; "$SLM" tokens -m "$MODEL" -c hi 2>&1)" "$(env -u XDG_CONFIG_HOME "$SLM" tokens -m "$MODEL" -c hi)"

while IFS='|' read -r line want; do
    printf '# one\n%s\n' "$line" > "$config"
    expect 2 '' "slm: $config:2$want" "$SLM" run -m "$MODEL" -N hi
done <<'TABLE'
top-k = x|: top-k: "x" is not a number
top-k =|: top-k: "" is not a number
temp = -1|: temp: -1 is out of range (0 to 100)
kv = q9|: kv: "q9" is not one of: q8_0 f16 f32
tempp = 1|: there is no setting "tempp"; did you mean temp?
xyzzyx = 1|: there is no setting "xyzzyx"
prompt = hi|: there is no setting "prompt"
greedy = maybe|: greedy: "maybe" is not true or false
mem = much|: mem: "much" is not a size such as 8G, 512M or a number of bytes
-n = 4|: there is no setting "-n"
--temp = 4|: there is no setting "--temp"; did you mean temp?
top-k|: not of the form key = value
= 4|: not of the form key = value
TABLE
printf 'top-k = 1\0\n' > "$config"
expect 2 '' "slm: $config: not a file of settings: it has a NUL byte" "$SLM" run -m "$MODEL" -N hi
rm "$config" && mkdir "$config"
expect 2 '' "slm: $config: not a file of settings" "$SLM" run -m "$MODEL" -N hi
same 'help needs none' "$("$SLM" help > out 2>&1; echo $?)" 0
rmdir "$config" && mkfifo "$config"
expect 2 '' "slm: $config: not a file of settings" timeout 10 "$SLM" run -m "$MODEL" -N hi
rm "$config"

# The model of the file comes last.
ln -s "$MODEL" models/mine.gguf
ln -s "$QUANTIZED" models/other.gguf
printf 'model = mine\n' > "$config"
model() { "$SLM" run -N --explain "$@" hi 2>&1 | sed -n 's/^--model  *//p' | sed 's/  */ /g'; }
same 'model of the file' "$(model)" './models/mine.gguf config file'
same 'a text is a text' "$(model hello)" './models/mine.gguf config file'
mkdir -p "$HOME" && ln -s "$MODEL" "$HOME/at-home.gguf" && printf 'Be brief.' > "$HOME/said"
printf 'model = ~/at-home.gguf\nsystem-file = ~/said\n' > "$config"
same 'at home' "$(model)" "$HOME/at-home.gguf config file"
same 'a file there' "$("$SLM" run -m "$CHAT" -N --explain hi 2>&1 | grep -c '^.*Be brief.$')" 1
printf 'model =\n' > "$config"
expect 2 '' "slm: $config:1: model: \"\" is no MODEL" "$SLM" run -N hi
printf 'model = mine\n' > "$config"
same 'first argument' "$(model other)" './models/other.gguf first argument'
same 'environment' "$(SLM_MODEL=other model)" './models/other.gguf environment SLM_MODEL'
same 'flag' "$(SLM_MODEL=mine model -m other)" './models/other.gguf flag'
# Slashes among words make no path; what begins like one is one.
same 'a text with a slash' "$(model 'Is 1/2 more than 2/5?')" './models/mine.gguf config file'
expect 1 '' 'slm: ./Is 1/2: cannot open: No such file or directory' "$SLM" run -N './Is 1/2' hi
expect 1 '' 'slm: and/or: cannot open: No such file or directory' "$SLM" run -N and/or
expect 1 '' 'slm: my own.gguf: cannot open: No such file or directory' "$SLM" run -N 'my own.gguf'
same 'show takes its argument' "$("$SLM" show --json other | grep -c '"file":"./models/other.gguf"')" 1
rm "$config"

# What is explained, and that nothing is generated.
run --explain -n 5 hi > out 2> err
same 'explain' "$? $(cat err)" '0 '
same 'prompt' "$(sed -n '/^prompt: /,/^$/p' out | tr '\n' '|')" "prompt: $("$SLM" tokens -m "$MODEL" -c hi) tokens|hi||"
same 'memory' "$(tail -n 1 out | sed 's/[0-9.]* [KMGT]*i*B/N/g')" 'memory: N for 256 tokens (weights N, cache N, work N, program N), N when the context of 65536 is full, N of N available'
same 'threads' "$(origin threads -t 1)" '1 flag'
same 'every setting' "$(sed -n '/^setting/,/^$/s/^\(-[-a-z]*\) .*/\1/p' out | wc -l | tr -d ' ')" "$("$SLM" help run | grep -vE 'ngl|--flash|--device|--cpu-|^  -cnv|--jinja|--help|--explain' | grep -c '^  -')"
cp "$MODEL" Llama-3.2-1B.gguf
same 'the developers' "$("$SLM" run -m Llama-3.2-1B.gguf -N --explain hi 2>&1 | grep -E '^--(temp|top-p|top-k) ' | sed 's/  */ /g' | tr '\n' '|')" \
    '--temp 0.6 developers of Llama 3|--top-k 40 default|--top-p 0.9 developers of Llama 3|'
same 'a flag over them' "$("$SLM" run -m Llama-3.2-1B.gguf -N --explain --temp 0.7 hi 2>&1 | sed -n 's/^--temp  *//p' | sed 's/  */ /g')" '0.7 flag'
same 'chat' "$("$SLM" chat -m "$CHAT" --explain --system 'Be short.' < /dev/null 2> err | sed -n '/^prompt/,/^memory/s/^\([^m].*\)/\1/p' | tr -d '\033' | sed 's/[0-9]* tok/N tok/' | tr '\n' '|') $(cat err)" 'prompt: N tokens|[31mBe short.|{message}| '

# Memory: the default context shrinks to fit, a given one does not.
total() { "$SLM" show --json -c "$1" "$MODEL" | sed 's/.*"total"://; s/}.*//'; }
run --mem "$(total 1024)" -n 1 -v hi > out 2> err
same 'a smaller context' "$? $(grep -c '^slm: the context is 1024 tokens instead of 65536: .* allowed by --mem' err)" '0 1'
SLM_MEM=$(total 1024) "$SLM" run -m "$MODEL" -N -n 1 -c 2048 hi > out 2> err
same 'a given one' "$? $(sed 's/[0-9.]* [KMGT]*i*B/N/g' err)" '6 slm: needs N for a context of 2048 (weights N, cache N, work N), N allowed by --mem: try -c 1024'
expect 6 '' 'slm: needs * allowed by --mem: no context would fit: take a smaller model' "$SLM" run -m "$MODEL" -N --mem 1K hi
expect 6 '' 'slm: needs * allowed by --mem: try -c * or --kv q8_0' "$SLM" run -m "$MODEL" -N --mem "$(total 2048)" -c 2048 --kv f32 hi

# The machine.
begin=$(date +%s)
"$SLM" doctor --json > out 2> err
same 'doctor' "$? $(cat err) $(grep -o '"[a-z_]*":' out | tr -d '\n')" \
    '0  "isa":"isa_used":"processors":"threads":"memory_bytes":"available_bytes":"huge_pages":"landlock":"seccomp":"read_gb_per_s":"advice":'
same 'it is quick' "$([ $(($(date +%s) - begin)) -lt 20 ] && echo quick)" quick
same 'for people' "$("$SLM" doctor | grep -cE '^(instruction sets|processors|memory|huge pages|sandbox|memory is read at) ')" 6
finish
