#!/bin/sh
# Nonsense on the command line: exit 2, nothing on stdout, one exact line on stderr.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1

expect 2 '' 'slm: no command given: slm run -m FILE.gguf "prompt", or slm help' "$SLM"
while IFS='|' read -r args want; do
    [ -n "$args" ] || continue
    # The words of a line are the arguments; '' stands for an empty one.
    set --
    for word in $args; do
        [ "$word" = "''" ] && word=
        set -- "$@" "$word"
    done
    n=$((n + 1))
    "$SLM" "$@" > out 2> err < /dev/null
    rc=$? err=$(cat err)
    if [ $rc != 2 ] || [ -s out ] || [ "$err" != "slm: $want" ]; then
        failures=$((failures + 1))
        echo "    slm $args: exit $rc, '$err', wanted 'slm: $want'"
    fi
done <<'TABLE'
talk|"talk" is not a command; there are: run chat map choose embed score ppl imatrix diff tokens render show ls bench pack quantize doctor completion help
rum|"rum" is not a command; did you mean run? (slm help lists them)
socre|"socre" is not a command; did you mean score? (slm help lists them)
token|"token" is not a command; did you mean tokens? (slm help lists them)
''|"" is not a command; there are: run chat map choose embed score ppl imatrix diff tokens render show ls bench pack quantize doctor completion help
--frob|"--frob" is not a command; there are: run chat map choose embed score ppl imatrix diff tokens render show ls bench pack quantize doctor completion help
help talk|no help on "talk": slm help lists the commands
help run score|help takes one command
model.gguf|"model.gguf" is a file, not a command: slm run, chat or show, and then the file
run -c 1e9x|-c: "1e9x" is not a number
run -c|-c needs a value: N
run -c ''|-c: "" is not a number
run -c 1.5|-c: "1.5" is not a whole number
run -c 1e3|-c: "1e3" is not a whole number
run -c -1|-c: -1 is out of range (0 or more)
run -c 2147483648|-c: 2147483648 is out of range (0 or more)
run -c 99999999999999999999|-c: 99999999999999999999 is out of range (0 or more)
run -c 0x10|-c: "0x10" is not a number
run -c inf|-c: "inf" is not a number
run -c nan|-c: "nan" is not a number
run -c --5|-c: "--5" is not a number
run -c 12k|-c: "12k" is not a number
run --ctx-size=12k|--ctx-size: "12k" is not a number
run --ctx-size=|--ctx-size: "" is not a number
run -n x|-n: "x" is not a number
run -n -2|-n: -2 is out of range (-1 or more)
run -n 1-1|-n: "1-1" is not a number
run -t 0|-t: 0 is out of range (1 to 256)
run -t 257|-t: 257 is out of range (1 to 256)
run -t -4|-t: -4 is out of range (1 to 256)
run -t four|-t: "four" is not a number
run -tb 0|-tb: 0 is out of range (1 to 256)
run -ub 0|-ub: 0 is out of range (1 to 65536)
run -b -1|-b: -1 is out of range (1 to 16777216)
run --temp hot|--temp: "hot" is not a number
run --temp -0.1|--temp: -0.1 is out of range (0 to 100)
run --temp 1e99|--temp: 1e99 is out of range (0 to 100)
run --temp 1e999|--temp: 1e999 is out of range (0 to 100)
run --temp 1,5|--temp: "1,5" is not a number
run --temp=nan|--temp: "nan" is not a number
run --top-k -1|--top-k: -1 is out of range (0 or more)
run --top-k 1.5|--top-k: "1.5" is not a whole number
run --top-p 1.01|--top-p: 1.01 is out of range (0 to 1)
run --top-p -1|--top-p: -1 is out of range (0 to 1)
run --min-p 2|--min-p: 2 is out of range (0 to 1)
run --typical 2|--typical: 2 is out of range (0 to 1)
run --repeat-penalty 0|--repeat-penalty: 0 is out of range (0.01 to 100)
run --repeat-last-n -2|--repeat-last-n: -2 is out of range (-1 or more)
run --presence-penalty 101|--presence-penalty: 101 is out of range (-100 to 100)
run --frequency-penalty ten|--frequency-penalty: "ten" is not a number
run --top-nsigma -1|--top-nsigma: -1 is out of range (0 to 1000)
run --xtc-probability 1.5|--xtc-probability: 1.5 is out of range (0 to 1)
run --xtc-threshold -1|--xtc-threshold: -1 is out of range (0 to 1)
run --dry-multiplier x|--dry-multiplier: "x" is not a number
run --dry-base 0.5|--dry-base: 0.5 is out of range (1 to 100)
run --dry-allowed-length 0|--dry-allowed-length: 0 is out of range (1 to 1048576)
run --dry-penalty-last-n -2|--dry-penalty-last-n: -2 is out of range (-1 or more)
run --dry-sequence-breaker ''|--dry-sequence-breaker: there is no text in ""
run --mirostat 3|--mirostat: 3 is out of range (0 to 2)
run --mirostat-ent 101|--mirostat-ent: 101 is out of range (0 to 100)
run --mirostat-eta -1|--mirostat-eta: -1 is out of range (0 to 10)
run --samplers top_q|--samplers: there is no sampler "top_q"
run --samplers ''|--samplers: there is no sampler ""
run --samplers top_k,top_k|--samplers: sampler top_k stands twice in a list
run --bias word|--bias: "word" is not of the form TEXT=NUMBER
run --bias word=much|--bias: "word=much" is not of the form TEXT=NUMBER
run --bias word=2e6|--bias: 2e6 is out of range (-1000000 to 1000000)
run --bias =1|--bias: there is no text in "=1"
run --ban ''|--ban: there is no text in ""
run -s 1.5|-s: "1.5" is not a whole number
run -s -2|-s: -2 is out of range (0 to 9223372036854775807, or -1)
run -s 99999999999999999999|-s: 99999999999999999999 is out of range (0 to 9223372036854775807, or -1)
run --seed abc|--seed: "abc" is not a number
run --timeout 0|--timeout: 0 is out of range (0.001 to 100000000)
run --timeout -5|--timeout: -5 is out of range (0.001 to 100000000)
run --timeout soon|--timeout: "soon" is not a number
run --kv q9|--kv: "q9" is not one of: q8_0 f16 f32
run --kv f|--kv: "f" is not one of: q8_0 f16 f32
run -ctk f16 -ctv f32|-ctk and -ctv differ: keys and values have one type here
run --stats=xml|--stats: "xml" is not one of: text json
run --raw=yes|--raw takes no value
run -f a -f b hi|-f is given twice: it takes one FILE
run -p a --prompt b|--prompt is given twice: it takes one TEXT
run -hf a/b hi|-hf: slm has no network; scripts/pull.sh downloads, -m takes a file or a name
run -n=4|unknown flag -n=4: write -n 4
run -v=1|unknown flag -v=1 (slm help run lists them)
run --stop ''|--stop: an empty text would stop at once
run --tmp 1|unknown flag --tmp; did you mean --temp? (slm help run)
run --top_k 1|unknown flag --top_k; did you mean --top-k? (slm help run)
run --gredy|unknown flag --gredy; did you mean --greedy? (slm help run)
run --temperatur 1|unknown flag --temperatur; did you mean --temperature? (slm help run)
run --xyzzy|unknown flag --xyzzy (slm help run lists them)
run --grammar x|--grammar is not built yet (slm help run lists what is)
run -j {}|-j is not built yet (slm help run lists what is)
chat --lora=x|--lora is not built yet (slm help chat lists what is)
serve --port 80|"serve" is not built yet: slm help lists the commands that are
run -fb on|unknown flag -fb; did you mean -f? (slm help run)
run -ngl|-ngl needs a value: X
run --jinja=1|--jinja takes no value
completion|completion takes a shell: bash, zsh or fish
completion csh|completion: "csh" is not one of: bash zsh fish
completion bash zsh|completion takes a shell: bash, zsh or fish
doctor x|doctor takes no argument, "x" is one
run --mem 0|--mem: 0 is out of range (1 to 4194303T)
run --mem 5X|--mem: "5X" is not a size such as 8G, 512M or a number of bytes
run --mem -5|--mem: "-5" is not a size such as 8G, 512M or a number of bytes
run --mem 99999999T|--mem: 99999999T is out of range (1 to 4194303T)
ls --json --names|only one of --json and --names
run -vz|unknown flag -vz; did you mean -v? (slm help run)
run --per-token|--per-token is not a flag of run, but of: score
chat --json|--json is not a flag of chat, but of: run choose embed score ppl diff tokens show ls doctor
chat hello|"hello" is not a model, and chat takes no prompt: type it, or pipe in one turn per line
chat --tempp 1|unknown flag --tempp; did you mean --temp? (slm help chat)
chat --color blue|--color: "blue" is not one of: auto always never
chat --system a --system-file b|the system message is given twice: by --system and --system-file
tokens --temp 1|--temp is not a flag of tokens, but of: run chat map
show -n 5|-n is not a flag of show, but of: run map
score --top -1|--top: -1 is out of range (0 to 1000)
score --top 1001|--top: 1001 is out of range (0 to 1000)
score --continue -1|--continue: -1 is out of range (0 to 16777216)
run hello world|"hello" is not a model: name one by -m, or quote a prompt of several words: slm run "hello .."
run -m x.gguf|no prompt: give it as arguments, by -p, by -f FILE or on stdin
run -m x.gguf -p a b|the prompt is given twice: by -p and as "b"
tokens -m x.gguf --json --count a|only one of --count, --ids and --json
tokens -m x.gguf --jsonl a|--jsonl reads stdin and prints its own form: no text, -f, --json, --ids, --count
tokens -m x.gguf --decode --json|--decode prints text: it does not go with --json, --jsonl or --count
show a.gguf b.gguf|show takes one file, "b.gguf" is one more
ls a|ls takes no argument, "a" is one (slm show MODEL lists one model)
ls --top 2|--top is not a flag of ls, but of: score
run -m nothing hi|there is no model "nothing", neither a file nor a name that slm ls lists
show --check --json a.gguf|only one of --check, --json and --template
bench -p x|-p: "x" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -p ''|-p: "" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -p 1,|-p: "1," is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -p 4-1|-p: "4-1" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -p 1-8*1|-p: "1-8*1" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -p 0-8*2|-p: "0-8*2" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -p 1-8+0|-p: "1-8+0" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -n -1|-n: "-1" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -n 1e3|-n: "1e3" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2
bench -n 99999999999|-n: 99999999999 is out of range (0 to 16777216)
bench -t 0|-t: 0 is out of range (1 to 256)
bench -t 1-257|-t: 1-257 is out of range (1 to 256)
bench -d 0-100|-d: more than 64 values
bench -pg 512|-pg: "512" is not two numbers such as 512,128
bench -pg 1,2,3|-pg: "1,2,3" is not two numbers such as 512,128
bench -r 0|-r: 0 is out of range (1 to 10000)
bench -o xml|-o: "xml" is not one of: md csv json jsonl
bench --kv f16,q9|--kv: "q9" is not one of: q8_0 f16 f32
bench -ctk f16 -ctv f32|-ctk and -ctv differ: keys and values have one type here
bench -m x.gguf -p 0 -n 0|nothing to measure: -p, -n and -pg are all 0
bench --layers 2 -m x.gguf|--layers goes with --shape
bench --shape gpt-4:Q4_0|--shape: there is no shape "gpt-4"; there are: llama-3.2-1b qwen2.5-1.5b smollm2-1.7b smollm2-135m phi-3.5-mini gemma-3-1b gemma-3-4b qwen3-0.6b
bench --shape smollm2-135m|--shape: a shape is NAME:QUANT, such as smollm2-135m:Q4_K_M; "" is none of: F32 F16 Q8_0 Q4_0 Q4_K_M Q6_K
bench --shape smollm2-135m:Q9 -p 1|--shape: a shape is NAME:QUANT, such as smollm2-135m:Q4_K_M; "Q9" is none of: F32 F16 Q8_0 Q4_0 Q4_K_M Q6_K
bench --shape smollm2-135m:Q4_0 --layers 31|--shape: 31 layers: smollm2-135m has 30
bench --shape smollm2-135m:Q4_0 -m x.gguf|both a model and a shape are named: -m and --shape
TABLE

# The environment is checked like a flag, and the flag comes first.
for setting in 'SLM_CTX=1e9x|SLM_CTX: "1e9x" is not a number' 'SLM_THREADS=0|SLM_THREADS: 0 is out of range (1 to 256)' \
    'SLM_SEED=x|SLM_SEED: "x" is not a number'; do
    want=${setting#*|}
    expect 2 '' "slm: $want" env "${setting%%|*}" "$SLM" run -m x.gguf hi
done
expect 1 '' 'slm: x.gguf: cannot open: No such file or directory' env SLM_CTX=x "$SLM" run -m x.gguf -c 5 -N hi

# Without a name the built-in model answers, where there is one (see builtin.sh).
if ! "$SLM" show --check builtin > /dev/null 2>&1; then
    for c in 'run hello' run 'tokens hello' show bench; do
        # shellcheck disable=SC2086
        expect 2 '' 'slm: no model named: give -m FILE.gguf, set SLM_MODEL, or put the file first' "$SLM" $c
    done
fi

# A misspelt file is not a prompt.
: > small.gguf
expect 2 '' 'slm: "smal.gguff" is not a model; did you mean small.gguf?' "$SLM" run smal.gguff hello
expect 2 '' 'slm: "smalll" is not a model; did you mean small.gguf?' "$SLM" run smalll hello
: > big.gguf
expect 2 '' 'slm: "foo" is not a model: name one by -m*' "$SLM" run foo hello
expect 1 '' 'slm: no.gguf: cannot open: No such file or directory' "$SLM" run no.gguf hello
expect 1 '' 'slm: dir/model: cannot open: No such file or directory' "$SLM" run dir/model hello
expect 1 '' 'slm: /: cannot open: Is a directory' "$SLM" run / hello

# Control bytes of an argument reach the terminal as text.
expect 2 '' 'slm: unknown flag --\\x1b\[31m*' "$SLM" run "--$(printf '\033')[31m"
expect 2 '' '*-c: "\\xff" is not a number' "$SLM" run -c "$(printf '\377')"

expect 2 '' 'slm: --isa: "mmx" is not what this processor can run: auto scalar*' "$SLM" run --isa mmx
expect 2 '' 'slm: --isa: "mmx" is not what this processor can run: auto scalar*' "$SLM" bench --isa scalar,mmx

expect 2 '' 'slm: "Why is the sky blue?" is not a command: slm run, and then the prompt' "$SLM" 'Why is the sky blue?'

# What is right.
expect 0 'slm 0.1.0\n' '' "$SLM" --version
for c in run map choose embed score ppl imatrix diff tokens render show ls bench pack quantize doctor completion help; do
    expect 0 "$("$SLM" help $c | sed 's/\\/\\\\/g; s/%/%%/g')\n" '' "$SLM" $c --help
done
expect 0 "$("$SLM" help | sed 's/%/%%/g')\n" '' "$SLM" --help
same 'each group once' "$(for c in run chat map choose embed score ppl imatrix diff tokens render show ls bench pack quantize doctor completion help; do "$SLM" help $c | grep -E '^[A-Z][A-Za-z]*$' | sort | uniq -d; done)" ''
same 'longest line of help' "$(for c in run map choose embed score ppl imatrix diff tokens render show ls bench pack quantize doctor completion help; do "$SLM" help $c; done | awk 'length > 110' | wc -l | tr -d ' ')" 0
finish
