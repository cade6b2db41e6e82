#!/bin/sh
# slm show: a file listed, checked, and its template.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
"$SLM" show --json "$MODEL" > a 2> err
same 'json' "$? $(cat err)" '0 '
same 'names and order' "$(sed 's/"metadata":{.*"tensors":/"metadata":{} "tensors":/; s/"tensors":\[.*\],"memory"/"tensors":[],"memory"/' a | grep -o '"[a-z_]*":' | tr -d '\n')" \
    '"file":"bytes":"arch":"name":"quant":"params":"layers":"d_model":"heads":"kv_heads":"head_dim":"d_ff":"vocab":"context":"tied":"packed":"tokenizer":"pre":"metadata":"tensors":"memory":"context":"weights":"kv":"work":"total":'
same 'a tensor' "$(grep -c '{"name":"token_embd.weight","type":"[A-Z0-9_]*","dims":\[[0-9]*,[0-9]*\],"offset":[0-9]*,"bytes":[0-9]*}' a)" 1
same 'long arrays are shortened' "$(grep -c '{"type":"[a-z0-9]*","n":[0-9]*,"first":\[' a)" 1
same 'unless asked' "$("$SLM" show --json --full "$MODEL" | grep -c '"first":\[')" 0
same 'a larger context needs more' "$([ "$("$SLM" show --json -c 512 "$MODEL" | sed 's/.*"total"://; s/}.*//')" -lt "$("$SLM" show --json -c 1024 "$MODEL" | sed 's/.*"total"://; s/}.*//')" ] && echo more)" more
# 64 positions of 2 layers, keys and values of 2 heads of 16: 2, 4 or (one block of 32) 34/16 bytes a number.
kv() { "$SLM" show --json -c 64 --kv "$1" "$MODEL" | sed 's/.*"kv"://; s/,.*//'; }
same 'the cache of a type' "$(($(kv f32) - $(kv f16))) $(($(kv q8_0) - $(kv f16)))" '16384 1024'
same 'memory, also of all of the context' "$("$SLM" show "$MODEL" | sed -n '/^memory/s/[0-9.]* [KMG]*i*B/N/gp')" \
    'memory        N for a context of 4096 (weights N, cache N, work N), N when the context of 65536 is full'
same 'which is all' "$("$SLM" show -c 0 "$MODEL" | sed -n '/^memory/s/[0-9.]* [KMG]*i*B/N/gp')" 'memory        N for a context of 65536 (weights N, cache N, work N)'
same 'for people' "$("$SLM" show "$MODEL" | sed -n '1,3s/  .*//p' | tr '\n' ' ')" 'file size architecture '
same 'tensors' "$("$SLM" show --tensors "$MODEL" | grep -c '"token_embd.weight"')" 1
same 'no control bytes' "$("$SLM" show "$CHAT" | tr -d '[:print:]\n' | wc -c | tr -d ' ')" 0
"$SLM" show --check "$MODEL" > out 2> err; same 'check' "$? $(cat err)" '0 '
"$SLM" show --template "$CHAT" > out 2> err; same 'template' "$? $([ -s out ] && echo some)" '0 some'
expect 1 '' 'slm: *: has no chat template' "$SLM" show --template "$MODEL"
expect 1 '' 'slm: /no/file.gguf: cannot open: No such file or directory' "$SLM" show /no/file.gguf
expect 2 '' 'slm: there is no model "nofile", *' env SLM_MODEL="$MODEL" "$SLM" show nofile
printf 'GGUF' > cut; expect 1 '' 'slm: cut: *' "$SLM" show --check cut
printf '<!DOCTYPE html>' > page.gguf; expect 1 '' 'slm: page.gguf: *' "$SLM" show page.gguf
finish
