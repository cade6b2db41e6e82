#!/bin/sh
# Values and combinations that mean nothing: exit 2, nothing on stdout, one line on stderr, nothing clamped.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
export SLM_MODEL="$MODEL"

# refused ARGS...: on a model that answers in a moment, so that what is taken is seen.
refused() {
    n=$((n + 1))
    "$SLM" "$@" > out 2> err < /dev/null
    rc=$?
    if [ $rc != 2 ] || [ -s out ] || [ "$(wc -l < err)" -ne 1 ] || [ "$(head -c 5 err)" != 'slm: ' ] || [ "$(wc -c < err)" -gt 300 ]; then
        failures=$((failures + 1))
        echo "    slm $*: exit $rc, '$(head -c 300 err)'"
    fi
}
# What comes before the value must be right: a flag that is not known is refused, too, and proves nothing.
all_of() {
    for flag in $2; do "$SLM" help "$1" | grep -qE -e "(^| )$flag(,| |$)" || { failures=$((failures + 1)); echo "    $1 has no $flag"; }; done
    for flag in $2; do for value in '' x 1x 0x10 1e999 nan inf ' 5' '5 ' 1,5 --5 99999999999999999999999; do refused "$1" "$flag" "$value" hi; done; done
}
all_of run '-n -c -t -tb -b -ub --temp --top-k --top-p --min-p --typical --repeat-penalty --repeat-last-n --presence-penalty
    --frequency-penalty --top-nsigma --xtc-probability --xtc-threshold --dry-multiplier --dry-base --dry-allowed-length
    --dry-penalty-last-n --mirostat --mirostat-ent --mirostat-lr --seed --timeout --think --mem'
all_of chat '-n -c -t --temp --top-k --think --timeout'
all_of score '-c --top --continue --timeout -t'
all_of ppl '-c --chunks -t -ub'
all_of show '-c'
for flag in --kv -ctk -ctv --pack --show-thinking --color --stats --isa; do
    for value in '' 1 F16 'f16 ' nosuch f16,f16; do refused run "$flag=$value" hi; done
done
for flag in --mem; do for value in 0 0.5 . G 5X 5GG 1e9 -1 5.5.5 5_G 5iB 99999999T; do refused run "$flag" "$value" hi; done; done
for flag in -p -n -d -t -b -ub -pg; do
    for value in '' x 1, ,1 1-  2-1 1-4*1 1-4+0 1..4 1:4 -1 1e3 99999999999; do refused bench --no-roof "$flag" "$value"; done
done
for flag in --bias; do for value in '' = =1 a a= a=x a=1x a=nan a=1e99; do refused run "$flag" "$value" hi; done; done
for flag in -m --system-file --template --stats-file --isa; do refused run "$flag" '' hi; done
for value in '' x 2026 2026-13-01 2026-02-30 2026-1-1 2026-01-01T00 01-01-2026 -2026-1-01; do refused run -m "$CHAT" --date "$value" hi; done
for value in '' x 1.5 1e3 99999999999999999999; do refused run -m "$CHAT" --now "$value" hi; done
for value in '' x =1; do refused run -m "$CHAT" --template-var "$value" hi; done

# Each of these is right alone.
while read -r line; do
    [ -n "$line" ] || continue
    # shellcheck disable=SC2086
    set -- $line
    refused "$@"
done <<'TABLE'
run --now 5 --date 2026-01-01 hi
chat --now 5 --date 2026-01-01
render --now 5 --date 2026-01-01 vars.json
run --greedy --temp 0.5 hi
run --temp 0 --greedy hi
run --greedy --top-k 5 hi
run --greedy --top-p 0.5 hi
run --greedy --min-p 0.5 hi
run --greedy --typical 0.5 hi
run --greedy --mirostat 2 hi
run --greedy --samplers top_k hi
run --greedy --repeat-penalty 1.2 hi
run --greedy --presence-penalty 1 hi
run --greedy --frequency-penalty 1 hi
run --greedy --top-nsigma 1 hi
run --greedy --xtc-probability 0.5 hi
run --greedy --dry-multiplier 1 hi
chat --greedy --temp 1
run --raw --system x hi
run --raw --system-file x hi
run --raw --template chatml hi
run --raw --template-var a=1 hi
run --raw --think on hi
run --raw --show-thinking stdout hi
run --raw --date 2026-01-01 hi
run --raw --now 5 hi
run -no-cnv --system x hi
run --json --show-thinking stdout hi
run --explain --json hi
run --explain --stats hi
run --explain --stats-file x hi
run --system a --system-file b hi
run --kv f16 -ctk f32 hi
run --kv f16 -ctv q8_0 hi
run -ctk f16 -ctv f32 hi
run -N -f - hi
run -N -f /dev/stdin hi
run -N --system-file - hi
run -f - --system-file - hi
run -f /dev/stdin --system-file /dev/fd/0 hi
map --system-file - hi
chat --system-file -
score -N -f -
run -p a b
run -p a -- b
run -N
run -f /dev/null
run --samplers top_k;top_k hi
run --samplers top_k,nosuch hi
run --json=1 hi
run --greedy=true hi
run --raw= hi
run -v=1 hi
run -q=1 hi
run --seed hi
run --unknown hi
run --grammar x hi
run --lora x hi
run -hz
run -nq 5 hi
run -tn 5 hi
run --count hi
run --layers 2 hi
run --tensors hi
chat hello
chat --json
chat -p hi
chat --stats-file x
chat -f x
tokens --json --ids hi
tokens --json --count hi
tokens --ids --count hi
tokens --decode --json --ids 1
tokens --decode --count --ids 1
tokens --decode --no-bos --ids 1
tokens --decode --ids 1 2
tokens --decode --ids 1 --ids-file x
tokens --decode --ids 1,x
tokens --decode --ids 99999999
tokens --ids-file x hi
tokens --jsonl hi
tokens --jsonl --json
tokens --jsonl -f x
tokens -f x hi
tokens --temp 1 hi
score --ids 1 hi
score --ids 1 --ids-file x
score --ids x
score --ids -1
score --ids 1 -f x
score -f x hi
score --json --ids 99999999
ppl -f x hi
ppl -c 3 hello
ppl --chunks -2 hello
ppl hello
render
render a b
render --template - -
show a b
show --check --json
show --check --template
show --json --template
show --check --tensors
show --check --full
ls x
ls --json --names
bench --layers 2
bench --shape nosuch:Q4_0
bench --shape smollm2-135m
bench --shape smollm2-135m:Q9
bench --shape smollm2-135m:Q4_0 --layers 999
bench --shape smollm2-135m:Q4_0 -m x
bench --ab t=1
bench --ab t=1,2,3
bench --ab nosuch=1,2
bench --ab t
bench --ab kv=f16,q9
bench -p 0 -n 0
bench --kernels=Q9
bench --kernels=
bench --kernels -m x
bench --kernels --plot
bench --plot=
bench --plot -o json
bench -o yaml
bench -r 0
bench -r 1.5
bench -ctk f16 -ctv f32
bench -ctk f16,f32 -ctv f16
bench --isa scalar,mmx
bench --isa ,
bench --pack maybe
bench -t 1-256 -ub 1-60
bench a b
bench --mem 0
pack
pack a
pack a b c
pack -t 0 a b
quantize
quantize a
quantize a b
quantize a b c d
quantize --dry-run a
quantize --pure=1 a b Q4_0
completion
completion csh
completion bash zsh
doctor x
doctor -m x
help nosuch
help run chat
embed --pool max hi
embed --tsv --json hi
embed --temp 1 hi
embed -f x hi
embed -N
map
map --in-field a hi
map --out-field a hi
map --in-field= hi
map --resume= hi
map -0 --jsonl hi
map --json hi
map -N hi
map --explain hi
map -p a b
map --raw --system x hi
map --temp x hi
choose hi
choose --of hi hi
choose --of a,,b hi
choose --of ,a hi
choose --of a, hi
choose --of a,b,a hi
choose --of= hi
choose --of a,b
choose --of a,b --calibrate hi
choose --of a,b --min-confidence 2 hi
choose --of a,b --min-confidence x hi
choose --of a,b --probs --json hi
choose --of a,b --temp 1 hi
choose --of a,b -n 1 hi
run --json --jsonl hi
run --json -x hi
run --jsonl -x hi
run --jsonl --no-newline hi
run --jsonl --show-thinking stdout hi
run --explain -x hi
run --logprobs 3 hi
run --json --logprobs 101 hi
run --json --logprobs -1 hi
run --json --logprobs x hi
serve --port 80
verify
convert a b
--nosuch
-x
Run hi
RUN hi
TABLE
same 'enough of them' "$([ $n -ge 600 ] && echo yes)" yes
finish
