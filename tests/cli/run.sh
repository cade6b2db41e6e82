#!/bin/sh
# slm run: what goes to which stream, and the exit codes.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
run() { "$SLM" run -m "$MODEL" --raw --greedy --ignore-eos "$@"; }
field() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p"; }

# The answer, one newline, silence on stderr.
run -n 8 -N 'once upon' > a 2> err
same 'exit at the -n that was given' $? 0
same 'silent' "$(cat err)" ''
same 'one newline at the end' "$(tail -c 1 a | od -An -c | tr -d ' ')" '\n'
same 'not two' "$(tail -c 2 a | tr -d '\n' | wc -c | tr -d ' ')" 1
expect 0 "$(sed 's/\\/\\\\/g; s/%/%%/g' a)\n" '' run -n 8 -N once upon
expect 0 "$(sed 's/\\/\\\\/g; s/%/%%/g' a)\n" '' run -n 8 -N -p 'once upon'
expect 0 "$(sed 's/\\/\\\\/g; s/%/%%/g' a)\n" '' run -n8 -Nq -t 1 -ub 3 -- once upon
expect 0 "$(sed 's/\\/\\\\/g; s/%/%%/g' a)\n" '' "$SLM" run "$MODEL" --raw --temp 0 --ignore-eos -n 8 -N 'once upon'
expect 0 "$(sed 's/\\/\\\\/g; s/%/%%/g' a)\n" '' env SLM_MODEL="$MODEL" "$SLM" run --raw --greedy --ignore-eos -n 8 -N once upon
printf 'once upon' > p
expect 0 "$(sed 's/\\/\\\\/g; s/%/%%/g' a)\n" '' run -n 8 -f p
run -n 8 < p > b; same 'stdin as prompt' "$(cat b)" "$(cat a)"
printf 'once' | run -n 8 '{} upon' > b; same 'stdin in {}' "$(cat b)" "$(cat a)"
printf 'once\n' | run -n 8 '{} upon' > b; same 'its last newline is not placed' "$(cat b)" "$(cat a)"
printf 'once' | run -n 8 -f - '{} upon' > b; same '-f - is stdin' "$(cat b)" "$(cat a)"
run -n 8 -N "one

two" > b; printf 'one\n' | run -n 8 two > c; same 'a blank line between' "$(cat c)" "$(cat b)"
same 'without newline' "$(run -n 8 -N --no-newline 'once upon')" "$(cat a)"
expect 0 '\n' '' run -n 0 -N hello

# A stop text ends the answer, is not printed, and is not a cut.
text=$(run -n 40 -N --no-newline hi | tr -d '\n' | tr -cd ' -~')
stop=$(printf %s "$text" | tail -c 3 | head -c 2)
if [ ${#stop} = 2 ]; then
    run -n 400 -N --json --stop "$stop" --stop '~nowhere~' hi > j
    same 'stop text' "$? $(field finish < j) $(sed 's/.*"text":"\(.*\)","thinking".*/\1/' j | grep -cF -e "$stop")" '0 "stop" 0'
fi

# Cut: by the default length, by the context.
run -c 16 -N hi > a 2> err
same 'context full' $? 3
same 'and says so' "$(cat err)" 'slm: the answer was cut: the context of 16 tokens is full (-c N makes it larger)'
run -N hi -c 4096 > a 2> err
same 'default length' $? 3
same 'and says it' "$(cat err)" 'slm: the answer was cut after 2048 tokens, the default of -n'
expect 4 '' 'slm: the prompt has * tokens, the context 4: raise -c (the model was trained for *)' run -c 4 -N 'one two three four five six'
expect 6 '' 'slm: needs * for a context of 1000000000 (weights *, cache *, work *), * available: try -c *' run -c 1000000000 -N hi

# Statistics.
run -n 4 -N -v hi 2> err > b
for phase in 'memory: ' 'load: ' 'prompt: ' 'answer: 4 tokens in ' 'first token after ' 'peak memory '; do
    same "-v has $phase" "$(grep -c "^slm: $phase" err)" 1
done
same 'a seed when it matters' "$("$SLM" run -m "$MODEL" --raw -n 1 -N -v hi 2>&1 > b | grep -c '^slm: seed: [0-9]*$')" 1
run -n 4 -N --stats=json hi 2> err > b
same 'finish' "$(field finish < err)" '"length"'
run -n 4 -N --stats-file stats hi 2> err > b
same 'stats file' "$(field n_generated < stats)" 4
expect 1 '' 'slm: /no/stats: cannot write: *' run -N --stats-file /no/stats hi

# --json
run -n 8 -N --json 'once upon' > j 2> err
same 'json exit' $? 0
same 'names and order' "$(grep -o '"[a-z_]*":' j | tr -d '\n')" '"text":"thinking":"ids":"finish":"n_prompt":"n_reused":"n_generated":"load_ms":"prefill_ms":"decode_ms":"first_token_ms":"peak_rss_bytes":'
same 'n_generated' "$(field n_generated < j)" 8
same 'eight ids' "$(sed 's/.*"ids":\[\([^]]*\)\].*/\1/' j | tr ',' '\n' | grep -c '[0-9]')" 8

# --jsonl: pieces as they come, then the rest.
"$SLM" run -m "$THINKER" -N --jsonl hi > j 2> err
same 'pieces' "$? $(cat err) $(sed '$d' j | tr '\n' '|')" '0  {"id":1,"thinking":""}|{"id":2,"thinking":"hm"}|{"id":3,"thinking":""}|{"id":4,"text":"Yes"}|{"id":5,"text":"\u001b[31m"}|{"id":6,"text":" sir."}|'
same 'the last line' "$(tail -n 1 j | grep -o '"[a-z_]*":' | tr -d '\n')" '"finish":"n_prompt":"n_reused":"n_generated":"load_ms":"prefill_ms":"decode_ms":"first_token_ms":"peak_rss_bytes":'

# --logprobs: those of slm score, before any sampling.
"$SLM" run -m "$MODEL" --raw --kv f32 -N -n 6 --ignore-eos --temp 2 --seed 3 --json --logprobs 2 'once upon' > j 2> err
same 'a list' "$? $(cat err) $(grep -o '"logprobs":\[{"id":' j | wc -l | tr -d ' ') $(grep -o '"top":\[{"id":[0-9]*,"piece":"[^"]*","logprob":[-0-9.e]*},{"id":[0-9]*,"piece":"[^"]*","logprob":[-0-9.e]*}\]' j | wc -l | tr -d ' ')" '0  1 6'
ids=$(sed 's/.*"ids":\[\([^]]*\)\].*/\1/' j) prompt=$("$SLM" tokens -m "$MODEL" --ids 'once upon' | tr ' ' ',')
sed 's/.*"logprobs"://; s/,"top":\[[^]]*\]//g' j | grep -o '"logprob":[-0-9.e]*' | cut -d: -f2 | awk '{ printf "%.2f ", $1 }' > got
"$SLM" score -m "$MODEL" --kv f32 --json --ids "$prompt,$ids" -N | grep -o '"logprob":[-0-9.e]*' | cut -d: -f2 | tail -n 6 | awk '{ printf "%.2f ", $1 }' > want
same 'as slm score has them' "$(cat got)" "$(cat want)"
"$SLM" run -m "$MODEL" --raw --kv f32 -N -n 6 --ignore-eos --temp 2 --seed 3 --jsonl --logprobs 0 'once upon' > l
same 'in pieces' "$(sed '$d' l | grep '"id"' | sed 's/.*"logprob":\([-0-9.e]*\).*/\1/' | awk '{ printf "%.2f ", $1 }')" "$(cat got)"

# -x: the inside of the code block, and nothing behind it is generated.
expect 0 'echo hi\n' '' "$SLM" run -m "$CODER" -N -x hi
same 'it ends there' "$("$SLM" run -m "$CODER" -N -x --stats=json hi 2>&1 > a | field finish) $("$SLM" run -m "$CODER" -N -x --stats=json hi 2>&1 > a | field n_generated)" '"stop" 8'
expect 0 'echo' '' "$SLM" run -m "$CODER" -N -x -n 5 hi
expect 0 "Yes$(printf '\033[31m') sir.\n" '' "$SLM" run -m "$THINKER" -N -x hi

# The same seed gives the same answer.
"$SLM" run -m "$MODEL" --raw -N -n 16 -s 7 -t 1 hi > a
"$SLM" run -m "$MODEL" --raw -N -n 16 --seed=7 -t 2 -ub 1 hi > b
same 'seed' "$(cat a)" "$(cat b)"

# Samplers: the same ids for a seed whatever the threads and the instruction set; rules about texts hold.
for set in '--top-nsigma 1' '--xtc-probability 0.5 --xtc-threshold 0.01' '--dry-multiplier 2 --dry-allowed-length 1 --dry-sequence-breaker none' \
    '--mirostat 1' '--mirostat 2 --mirostat-ent 3' '--samplers temperature;top_k --top-k 3 --temp 2' '--top-k 0 --typical 0.5'; do
    "$SLM" run -m "$MODEL" --raw -N -n 16 -s 7 -t 1 --isa scalar $set hi > a
    "$SLM" run -m "$MODEL" --raw -N -n 16 -s 7 -t 2 -ub 1 $set hi > b
    same "$set" "$(cat a)" "$(cat b)"
done
"$SLM" run -m "$MODEL" --raw -N -n 99 -s 7 --ignore-eos --bias e=9 --temp 1 hi > a
same 'letters' "$(tr -cd e < a | wc -c | tr -d ' ' | grep -c '[1-9]')" 1
"$SLM" run -m "$MODEL" --raw -N -n 99 -s 7 --ignore-eos --bias e=9 --temp 1 --ban e --ban t hi > a
same 'banned letters' "$(tr -cd 'et' < a)" ''
second=$("$SLM" run -m "$MODEL" --raw -N -n 1 --greedy --json --bias 'a=1000' hi | sed 's/{"text":"\([^"]*\)".*/\1/')
same 'a bias' "$(echo $second)" a
expect 2 '' 'slm: --bias: no token of this model is "once upon a time" alone (slm tokens shows its pieces)' run -N --bias 'once upon a time=1' hi
expect 2 '' 'slm: --ban: no token of this model holds "once upon a time" (slm tokens shows its pieces)' run -N --ban 'once upon a time' hi

# What is not UTF-8 is replaced and said once.
printf 'a\377b\302' | run -n 1 > b 2> err
same 'warning' "$(cat err)" 'slm: the prompt is not UTF-8: 2 broken sequences became U+FFFD'
printf 'a\377' | run -n 1 -q > b 2> err
same 'quiet' "$(cat err)" ''

# Flags of llama.cpp.
expect 0 '\n' 'slm: -ngl is ignored: everything runs on the CPU' run -ngl 99 -c 64 -b 8 -ub 4 -t 2 -tb 2 -ctk f32 -ctv f32 -s -1 -n 0 -N hi
expect 0 '\n' 'slm: -ngl -fa -sm --flash-attn --no-mmap are ignored: everything runs on the CPU' run -ngl all -fa -sm none --flash-attn auto --no-mmap -n 0 -N hi
expect 0 '\n' 'slm: -cmoe -ot -C --no-context-shift are ignored: everything runs on the CPU' run -cmoe -ot exps=CPU -C 0x3 --no-context-shift -n 0 -N hi
expect 0 '\n' '' run -q -ngl 99 -n 0 -N hi

# Files that are none.
expect 1 '' 'slm: /: *' "$SLM" run -m / -N hi
expect 1 '' 'slm: /no/such: cannot open: No such file or directory' "$SLM" run -m /no/such -N hi
expect 1 '' 'slm: /no/prompt: cannot open: No such file or directory' "$SLM" run -m "$MODEL" -f /no/prompt hi
finish
