#!/bin/sh
# Models by name: trees as the programs that make them do, broken trees, slm ls.
. "${0%/*}/lib.sh"
mkdir "$TMP/work" && cd "$TMP/work" || exit 1
home=$HOME
digest=$(printf '%064d' 7)
mkdir -p models/sub "$home/.local/share/slm/models" lm \
    "$home/.lmstudio/models/bartowski/Tiny-Chat-GGUF" \
    "$home/.cache/huggingface/hub/models--acme--Tiny-Net-GGUF/blobs" \
    "$home/.cache/huggingface/hub/models--acme--Tiny-Net-GGUF/refs" \
    "$home/.cache/huggingface/hub/models--acme--Tiny-Net-GGUF/snapshots/0aa" \
    "$home/.cache/huggingface/hub/models--acme--Tiny-Net-GGUF/snapshots/0bb" \
    ollama/blobs ollama/manifests/registry.ollama.ai/library/tinyllama ollama/manifests/registry.ollama.ai/ann/mine
export OLLAMA_MODELS="$PWD/ollama"
ln -s "$QUANTIZED" models/alpha-Q4_0.gguf
ln -s "$MODEL" models/sub/alphabet.gguf
ln -s "$MODEL" "$home/.local/share/slm/models/beta.gguf"
cp "$QUANTIZED" "$home/.lmstudio/models/bartowski/Tiny-Chat-GGUF/tiny-chat.gguf"
hub=$home/.cache/huggingface/hub/models--acme--Tiny-Net-GGUF
cp "$QUANTIZED" "$hub/blobs/b1"
cp "$MODEL" "$hub/blobs/b2"
ln -s ../../blobs/b1 "$hub/snapshots/0aa/net.gguf"
ln -s ../../blobs/b2 "$hub/snapshots/0bb/net.gguf"
printf 0bb > "$hub/refs/main"
cp "$QUANTIZED" "ollama/blobs/sha256-$digest"
manifest() { printf '{"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:1"},{"mediaType":"application/vnd.ollama.image.model","digest":"%s","size":3}]}' "$1"; }
manifest "sha256:$digest" > ollama/manifests/registry.ollama.ai/library/tinyllama/1b
manifest "sha256:$digest" > ollama/manifests/registry.ollama.ai/library/tinyllama/latest
manifest "sha256:$digest" > ollama/manifests/registry.ollama.ai/ann/mine/v2

file_of() { "$SLM" show --json -m "$1" < /dev/null 2>&1 | sed 's/{"file":"\([^"]*\)".*/\1/'; }
same 'own folder' "$(file_of alpha-Q4_0)" ./models/alpha-Q4_0.gguf
same 'either case' "$(file_of ALPHA-q4_0)" ./models/alpha-Q4_0.gguf
same 'a beginning' "$(file_of alpha-)" ./models/alpha-Q4_0.gguf
same 'a subfolder' "$(file_of alphab)" ./models/sub/alphabet.gguf
same 'a file by its name' "$(file_of alphabet.gguf)" ./models/sub/alphabet.gguf
same 'first, a file by its name' "$("$SLM" tokens --ids alpha-Q4_0.gguf hello 2>&1)" "$("$SLM" tokens --ids -m "$QUANTIZED" hello)"
same 'but not by its beginning' "$(file_of alphab.gguf)" 'slm: alphab.gguf: cannot open: No such file or directory'
same 'data folder' "$(file_of beta)" "$home/.local/share/slm/models/beta.gguf"
same 'LM Studio' "$(file_of tiny-chat)" "$home/.lmstudio/models/bartowski/Tiny-Chat-GGUF/tiny-chat.gguf"
same 'its long name' "$(file_of bartowski/tiny-chat-gguf)" "$home/.lmstudio/models/bartowski/Tiny-Chat-GGUF/tiny-chat.gguf"
same 'Hugging Face, the snapshot of main' "$(file_of net)" "$hub/snapshots/0bb/net.gguf"
same 'by repository' "$(file_of acme/Tiny-Net-GGUF)" "$hub/snapshots/0bb/net.gguf"
same 'Ollama' "$(file_of tinyllama:1b)" "$OLLAMA_MODELS/blobs/sha256-$digest"
same 'Ollama, latest' "$(file_of tinyllama)" "$OLLAMA_MODELS/blobs/sha256-$digest"
same 'Ollama, a user' "$(file_of ann/mine:v2)" "$OLLAMA_MODELS/blobs/sha256-$digest"
same 'SLM_MODELS' "$(SLM_MODELS=":/nowhere:$PWD/models/sub" file_of alpha)" "$PWD/models/sub/alphabet.gguf"
same 'HF_HUB_CACHE' "$(HF_HUB_CACHE="$PWD/lm" file_of net)" 'slm: there is no model "net", neither a file nor a name that slm ls lists'
same 'HF_HOME' "$(HF_HOME="$home/.cache/huggingface" file_of net)" "$hub/snapshots/0bb/net.gguf"
rm "$hub/refs/main"
same 'no main: both snapshots' "$(file_of net)" 'slm: "net" names several models: acme/Tiny-Net-GGUF/net, acme/Tiny-Net-GGUF/net'
printf 0bb > "$hub/refs/main"

# Every command, and where the name may stand.
want=$("$SLM" tokens --ids -m "$QUANTIZED" hello)
for m in alpha-Q4_0 alpha-; do same "-m $m" "$("$SLM" tokens --ids -m $m hello 2>&1)" "$want"; done
same 'SLM_MODEL' "$(SLM_MODEL=alpha- "$SLM" tokens --ids hello 2>&1)" "$want"
same 'first' "$("$SLM" tokens --ids alpha-Q4_0 hello 2>&1)" "$want"
same 'first, a beginning' "$("$SLM" tokens --ids alpha- hello 2>&1)" "$want"
same 'a text alone is a model only by its whole name' "$(printf hello | "$SLM" tokens --ids alpha-Q4_0 2>&1)" "$want"
printf 'one two three four five six seven eight nine ten' > text
for c in 'run -N -n 1 -q hi' 'score -f text' 'tokens -f text' 'ppl -c 8 -f text'; do
    # shellcheck disable=SC2086
    "$SLM" $c -m alphabet > out 2> err < /dev/null
    same "$c" "$? $([ -s out ] && echo some)" '0 some'
done
printf '[{"role":"user","content":"hi"}]' > messages.json
ln -s "$CHAT" models/talker.gguf
same 'render' "$("$SLM" render -m talk messages.json | grep -c hi)" 1
printf '/model alphabet\n' | "$SLM" chat -m talker -q > out 2> err; same '/model' "$(grep -c 'no chat template' err)" 1

expect 2 '' 'slm: "alpha" names several models: alpha-Q4_0, sub/alphabet' "$SLM" show -m alpha
expect 2 '' 'slm: "alpha" names several models: *' "$SLM" run alpha hello
expect 2 '' 'slm: there is no model "alpa-q4_0"; did you mean alpha-Q4_0? (slm ls lists them)' "$SLM" show -m alpa-q4_0
expect 2 '' 'slm: "alfabet" is not a model; did you mean alphabet?' "$SLM" run alfabet hello
expect 2 '' 'slm: there is no model "xyzzy", neither a file nor a name that slm ls lists' env SLM_MODEL=xyzzy "$SLM" run hello
expect 1 '' 'slm: ./xyzzy: cannot open: No such file or directory' "$SLM" run -m ./xyzzy hello
expect 1 '' 'slm: ann/none: cannot open: No such file or directory' "$SLM" run -m ann/none hello

# Where no text can stand the first argument is the model, whatever SLM_MODEL says, also by its beginning.
export SLM_MODEL=alpha-Q4_0
expect 0 '' '' "$SLM" chat talker
same 'bench, a beginning' "$("$SLM" bench alphab --no-roof -q -p 1 -n 0 -r 1 -o jsonl 2>&1 | grep -o '"model_filename":"[^"]*"')" '"model_filename":"./models/sub/alphabet.gguf"'
expect 2 '' 'slm: "talkr" is not a model; did you mean talker?' "$SLM" chat talkr
expect 2 '' 'slm: "alfabet" is not a model; did you mean alphabet?' "$SLM" bench alfabet
expect 2 '' 'slm: "xyzzy" is not a model, and chat takes no prompt*' "$SLM" chat xyzzy
expect 2 '' 'slm: "xyzzy" is not a model, and bench takes nothing else' "$SLM" bench xyzzy
expect 2 '' 'slm: bench takes one model, "hello" is one more' "$SLM" bench alphabet hello
expect 2 '' 'slm: "alpha" names several models: *' "$SLM" chat alpha
expect 1 '' 'slm: ./xyzzy: cannot open: No such file or directory' "$SLM" chat ./xyzzy
# Where one can, a file that becomes a part of it is told.
"$SLM" tokens -c models/sub/alphabet.gguf hello > out 2> err
same 'a file as text' "$? $(cat err)" '0 slm: SLM_MODEL names the model, so "models/sub/alphabet.gguf" is text: -m names another'
"$SLM" tokens -c -q models/sub/alphabet.gguf hello > out 2> err; same 'quiet' "$? $(cat err)" '0 '
unset SLM_MODEL

# Hostile trees.
ln -s . models/loop
ln -s ../models models/sub/up
mkdir -p models/1/2/3/4 && ln -s "$MODEL" models/1/2/3/4/deep.gguf
mkfifo models/pipe.gguf
mkdir models/folder.gguf
: > models/empty.gguf
bad=$(printf 'a\377b\033[31m')
cp "$QUANTIZED" "models/$bad.gguf"
mkdir -p ollama/manifests/registry.ollama.ai/library/evil
manifest "sha256:../../../../etc/passwd" > ollama/manifests/registry.ollama.ai/library/evil/1
printf '{"layers":{"mediaType":[]}}' > ollama/manifests/registry.ollama.ai/library/evil/2
printf '[[[[' > ollama/manifests/registry.ollama.ai/library/evil/3
mkfifo ollama/manifests/registry.ollama.ai/library/evil/4
ln -s loop ollama/manifests/registry.ollama.ai/library/evil/5
printf 'a/../b' > "$hub/refs/main"
timeout 20 "$SLM" ls > list 2> err < /dev/null
same 'ls' "$? $(cat err)" '0 '
same 'no control bytes' "$(LC_ALL=C tr -d '[:print:]\n' < list | LC_ALL=C tr -d '\357\277\275' | wc -c | tr -d ' ')" 0
same 'each once' "$(grep -c 'alpha-Q4_0' list)" 1
same 'broken files are listed' "$(grep -c '^empty  *broken: ' list)" 1
same 'what is no file is not' "$(grep -cE 'pipe|folder\.gguf|deep|evil' list)" 0
same 'a row' "$(grep '^alphabet' list | sed 's/  */ /g; s/ [0-9.]* KiB/ SIZE/')" 'alphabet SIZE F32 65536 folder: ./models/sub/alphabet.gguf'
"$SLM" ls --json > list.json 2> err
same 'JSON' "$? $(cat err) $(grep -c '"name":' list.json)" "0  $(($(wc -l < list) - 1))"
same 'its names' "$(grep '"name":"tinyllama:1b"' list.json | grep -o '"[a-z_]*":' | tr -d '\n')" \
    '"name":"full_name":"file":"where":"bytes":"arch":"quant":"params":"context":'
same 'no home' "$(env -u HOME -u OLLAMA_MODELS "$SLM" ls | grep -c alphabet)" 1
mkdir many && cd many && i=0 && while [ $i -lt 1100 ]; do : > m$i.gguf; i=$((i + 1)); done; cd ..
same 'a huge folder' "$(SLM_MODELS=many timeout 60 "$SLM" ls 2> err | grep -c broken) $(cat err)" '1024 slm: there are more files than are looked at'
finish
