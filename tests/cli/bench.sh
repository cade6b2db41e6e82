#!/bin/sh
# slm bench: rows, ranges, forms, shapes.  What is fast is not tested, only what is said about it.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
bench() { "$SLM" bench --no-roof -r 1 "$@" < /dev/null; }
one() { bench -m "$MODEL" -t 1 "$@"; }
# values NAME: of each row of jsonl, in order.
values() { sed "s/.*\"$1\":\\([^,}]*\\).*/\\1/" | tr '\n' ' '; }

# The names are the contract.
one -p 3 -n 2 -o json > a; same 'json is exit 0' $? 0
same 'an array' "$(sed -n '1p;$p' a | tr -d '\n')" '[]'
same 'its rows' "$(grep -c '^  {"model_filename":".*}' a)" 2
same 'its fields' "$(sed -n 2p a | grep -o '"[a-z_0-9]*":' | tr -d '"\n')" "model_filename:model_type:model_size:model_n_params:n_batch:n_ubatch:n_threads:type_k:type_v:isa:packed:fast_prefill:n_prompt:n_gen:n_depth:test_time:avg_ns:stddev_ns:avg_ts:stddev_ts:median_ts:token_ms_p10:token_ms_p50:token_ms_p90:gb_per_s:roof_gb_per_s:roof_pct:peak_gops:peak_pct:load_ms:first_token_ms:peak_rss_bytes:contended:involuntary_switches:steal_ms:samples_ns:samples_ts:samples_contended:"
one -p 3 -n 2 -o jsonl > a
same 'prompts' "$(values n_prompt < a)" '3 0 '
same 'generated' "$(values n_gen < a)" '0 2 '
same 'a prompt has no time per token' "$(values token_ms_p50 < a | cut -d' ' -f1)" null
same 'no roof was asked for' "$(values roof_pct < a)" 'null null '
same 'settings' "$(values n_threads < a)$(values n_ubatch < a)$(values type_k < a)" '1 1 512 512 "q8_0" "q8_0" '
one -p 3 -n 2 -o csv > a
same 'csv: a header and two rows' "$(wc -l < a | tr -d ' ')" 3
same 'csv: its header' "$(sed -n 1p a | cut -d, -f1-5)" model_filename,model_type,model_size,model_n_params,n_batch
same 'csv: as many fields everywhere' "$(awk -F, '{print NF}' a | sort -u)" 35
same 'csv: quoted' "$(sed -n '2s/^"[^"]*","\([^"]*\)".*/\1/p' a | grep -c 'llama .* F32')" 1
one -p 3 -n 2 > a
same 'a table' "$(sed -n 1p a | cut -d'|' -f2-10)" ' model | size | threads | isa | test | t/s | GB/s | roof % | peak % '
same 'its tests' "$(grep '^| llama' a | cut -d'|' -f6 | tr -d '\n')" ' pp3  tg2 '

# Lists and ranges; -p 0 is none.
same 'a list' "$(one -p 0 -n 3,1 -o jsonl | values n_gen)" '3 1 '
same 'a range' "$(one -p 1-3 -n 0 -o jsonl | values n_prompt)" '1 2 3 '
same 'steps' "$(one -p 2-9+3 -n 0 -o jsonl | values n_prompt)" '2 5 8 '
same 'factors, then more' "$(one -p 1-8*2 -p 7 -n 0 -o jsonl | values n_prompt)" '1 2 4 8 7 '
same 'threads' "$(bench -m "$MODEL" -p 2 -n 0 -t 1-2 -o jsonl | values n_threads)" '1 2 '
same 'glued' "$(bench -m "$MODEL" -p2 -n0 -t1 -o jsonl | values n_prompt)" '2 '
one -p 2 -n 1 -pg 3,2 -d 0,5 -o jsonl > a
same 'depths: what is behind them' "$(values n_prompt < a)" '2 0 3 2 0 3 '
same 'depths' "$(values n_depth < a)" '0 0 0 5 5 5 '
same 'caches and batches' "$(one -p 4 -n 0 --kv q8_0,f16,f32 -ub 2,4 -b 3 -o jsonl > a; values type_v < a; values n_ubatch < a)" '"q8_0" "q8_0" "f16" "f16" "f32" "f32" 2 3 2 3 2 3 '
same 'llama.cpp names' "$(one -p 4 -n 0 -ctk f32 -ctv f32 -o jsonl | values type_k)" '"f32" '
same 'three rounds' "$("$SLM" bench --no-roof "$MODEL" -t 1 -p 0 -n 2 -r 3 -o jsonl | sed 's/.*samples_ts":\[\([^]]*\).*/\1/' | tr ',' '\n' | wc -l | tr -d ' ')" 3
same 'instruction sets' "$(one -p 1 -n 0 --isa scalar,auto -o jsonl | values isa | cut -d' ' -f1)" '"scalar"'
same 'the environment' "$(SLM_MODEL=$MODEL SLM_THREADS=1,2 bench -p 1 -n 0 -o jsonl | values n_threads)" '1 2 '

# Each row as soon as it is done, but for -o json.
for form in md csv jsonl; do
    rm -f rows # or the loop below sees the last ones
    "$SLM" bench --no-roof -r 1 -m "$MODEL" -t 1 -p 2 -n 60000 --no-warmup -o $form > rows 2> err < /dev/null &
    pid=$!
    i=0
    while ! grep -q 'pp2\|"2","0","0"\|"n_prompt":2' rows 2> grep.err && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
    kill -TERM $pid
    wait $pid
    same "$form: the first row is there before the second" "$? $(grep -c 'pp2\|"2","0","0"\|"n_prompt":2' rows)" '143 1'
done
same 'memory is limited' "$(one -p 2 -n 0 --mem 1K 2>&1 > a | sed 's/[0-9.]* [KMG]*i*B/N/g')" 'slm: needs N for a context of 2, N available: take shorter tests or less depth'

# With roofs: as versus.py calls it.
"$SLM" bench -m "$MODEL" -t 1 -r 1 -o json -p 8 -n 0 > a; same 'with roofs' $? 0
same 'they are measured' "$(grep -c '"roof_gb_per_s":[1-9].*"roof_pct":[0-9]' a)" 1

# Shapes: weights out of nothing.
bench --shape smollm2-135m:Q4_K_M --layers 1 -p 2 -n 1 -t 2 -o jsonl > a; same 'a shape' $? 0
same 'of the right size' "$(values model_n_params < a)" '31852224 31852224 '
same 'says so' "$(values model_filename < a)" '"smollm2-135m:Q4_K_M" "smollm2-135m:Q4_K_M" '
for s in llama-3.2-1b qwen2.5-1.5b phi-3.5-mini gemma-3-1b qwen3-0.6b; do
    bench --shape $s:Q4_0 --layers 1 -p 1 -n 0 -t 1 --no-warmup > a 2>&1; same "$s" "$? $(cat a | grep -c pp1)" '0 1'
done

expect 6 '' 'slm: needs * for a context of 16777217, * available: take shorter tests or less depth' bench --shape phi-3.5-mini:Q4_0 --layers 4 --kv f32 -d 16777216 -p 1 -n 0 -t 1
expect 2 '' 'slm: 512 combinations of settings are more than 256' bench -m "$MODEL" -t 1-16 -ub 1-32

# An earlier run: of this program, or of llama-bench.
one -p 3 -n 2 -o json > old
same 'to the old' "$(one -p 3 -n 2,4 -o jsonl --compare old | sed 's/.*old_ratio":[0-9.e+-]*,/old /' | cut -c1-4 | tr '\n' ' ')" 'old  old  {"mo '
one -p 3 -n 0 -o jsonl > old
same 'from lines, in the table' "$(one -p 3 -n 0 --compare old | grep -c 'to old')" 1
echo '[{"n_prompt":3,"n_gen":0,"n_threads":1,"avg_ts":1.0}]' > old
same 'from another engine' "$(one -p 3 -n 0 --compare old -o jsonl | values old_ts)" '1.0 '
one -p 4 -n 0 --compare old > a 2> err; same 'nothing to compare with' "$? $(cat err)" '1 slm: old: no row of it is of a test that was run here'
echo '{' > old; expect 1 '' 'slm: old: *' one -p 4 -n 0 --compare old
expect 1 '' 'slm: none: cannot open: No such file or directory' one --compare none

# Two settings side by side.
one -p 3 -n 0 --ab ub=1,2 -o jsonl -r 2 > a
same 'A and B' "$(values n_ubatch < a)" '1 2 '
same 'only B has the ratio' "$(grep -c ab_ratio a) $(sed -n 2p a | grep -c ab_ratio)" '1 1'
same 'two instruction sets or the same twice' "$(one -p 3 -n 1 --ab isa=scalar,auto | grep -c 'x | ')" 2
same 'plain and packed' "$(bench --shape smollm2-135m:Q4_0 --layers 1 -t 1 -p 0 -n 1 --ab pack=off,on -o jsonl | values packed | cut -d' ' -f1)" false
expect 2 '' 'slm: --ab compares two settings, here are 3' one --ab ub=1,2,4
expect 2 '' 'slm: --ab: "speed=1,2" is not NAME=A,B with one of isa, pack, t, b, ub, kv, fast' one --ab speed=1,2
expect 2 '' 'slm: -t: 0,1 is out of range (1 to 256)' bench -m "$MODEL" --ab t=0,1

# Single products.
bench --kernels=Q4_0 -t 1 -o jsonl > a; same 'kernels' $? 0
same 'type and form' "$(values type < a | tr -d '"')$(values packed < a)" 'Q4_0 true '
same 'their fields' "$(sed -n 1p a | grep -o '"[a-z_0-9]*":' | tr -d '"\n')" 'type:isa:n_threads:packed:integer:fast_prefill:l2_gb_per_s:dram_gb_per_s:roof_gb_per_s:roof_pct:gmacs_1:gmacs_2:gmacs_4:gmacs_8:gmacs_16:gmacs_32:gmacs_64:gmacs_128:gmacs_512:peak_gops:peak_pct:'
expect 2 '' 'slm: --kernels: there is no tensor format "Q9"; there are: F32 *' bench --kernels=Q9
expect 2 '' 'slm: --kernels measures no model: no -m, --shape, --ab, --compare' one --kernels

# Charts.
same 'bars' "$(one -p 0 -n 2 -d 0,4 --plot | grep -c '^ *[04]  *[0-9.]* |#')" 2
one -p 2 -n 2 -d 0,4 --plot=x.svg > a; same 'a file' $? 0
same 'of two lines' "$(grep -c polyline x.svg) $(grep -c circle x.svg) $(tail -1 x.svg)" '2 4 </svg>'
expect 2 '' 'slm: --plot draws below the table*' one --plot -o json
same 'no place for it' "$(one -p 1 -n 0 --plot=/no/x.svg 2>&1 > a | cat)" 'slm: /no/x.svg: cannot write: No such file or directory'

expect 2 '' 'slm: bench takes one model, "more" is one more' one more
expect 1 '' 'slm: no.gguf: cannot open: No such file or directory' bench -m no.gguf
[ ! -w /dev/full ] || { "$SLM" bench --no-roof -m "$MODEL" -t 1 -r 1 -p 1 -n 0 > /dev/full 2> err; same 'a full disk' $? 1; }
finish
