#!/bin/sh
# pull.sh - downloads one of the models that slm is tested for, with curl.
#
#   scripts/pull.sh NAME [FOLDER]     into FOLDER (default: models), resuming what is there already
#   scripts/pull.sh                   lists the names
#
# The size and SHA-256 come from the repository's own pointer to the file and are checked before the
# file gets its name, so that a file with a name is whole.  SLM_PULL_BASE: another server of the same
# layout (default https://huggingface.co).  Exit status: 0 done, 1 failed, 2 usage.
set -u
base=${SLM_PULL_BASE:-https://huggingface.co}

list() {
    cat <<'NAMES'
llama-3.2-1b      bartowski/Llama-3.2-1B-Instruct-GGUF             Llama-3.2-1B-Instruct-Q4_K_M.gguf
qwen2.5-1.5b      Qwen/Qwen2.5-1.5B-Instruct-GGUF                  qwen2.5-1.5b-instruct-q4_k_m.gguf
deepseek-r1-1.5b  bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF     DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf
smollm2-1.7b      HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF         smollm2-1.7b-instruct-q4_k_m.gguf
phi-3.5-mini      bartowski/Phi-3.5-mini-instruct-GGUF             Phi-3.5-mini-instruct-Q4_K_M.gguf
gemma-3-4b        ggml-org/gemma-3-4b-it-GGUF                      gemma-3-4b-it-Q4_K_M.gguf
NAMES
}

die() {
    code=$1
    shift
    printf 'pull.sh: %s\n' "$*" >&2
    exit "$code"
}

# Lines of "KEY VALUE" in the pointer of a large file.
field() { sed -n "s/^$1 //p" "$pointer"; }

digest() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"
    else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

if [ $# -eq 0 ]; then
    echo 'usage: scripts/pull.sh NAME [FOLDER]; names:' && list | sed 's/^/  /'
    exit 2
fi
[ $# -le 2 ] || die 2 'usage: scripts/pull.sh NAME [FOLDER]'
row=$(list | awk -v n="$1" '$1 == n')
[ -n "$row" ] || die 2 "no model is called \"$1\"; there are: $(list | awk '{ printf "%s ", $1 }')"
command -v curl >/dev/null || die 1 'curl is needed'
repo=$(echo "$row" | awk '{ print $2 }')
file=$(echo "$row" | awk '{ print $3 }')
folder=${2:-models}
mkdir -p "$folder" || exit 1
target=$folder/$file part=$folder/$file.part
pointer=$(mktemp) || exit 1
trap 'rm -f "$pointer"' EXIT
trap 'exit 130' INT TERM

curl -fsSL --retry 3 "$base/$repo/raw/main/$file" -o "$pointer" || die 1 "cannot read $base/$repo"
want=$(field oid) size=$(field size)
want=${want#sha256:}
case $want in *[!0-9a-f]* | '') die 1 "$base/$repo/raw/main/$file is no pointer to a file" ;; esac

if [ -f "$target" ] && [ "$(digest "$target")" = "$want" ]; then
    echo "$target is there already and whole"
    exit 0
fi
have=$( [ -f "$part" ] && wc -c < "$part" || echo 0)
[ "$have" -le "$size" ] || { rm -f "$part"; have=0; }
room=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
[ $(((size - have) / 1024)) -lt "$room" ] || die 1 "$folder has $((room / 1024)) MiB free, $(((size - have) / 1048576)) MiB are needed"
printf '%s: %s MiB' "$target" $((size / 1048576)) >&2
[ "$have" -eq 0 ] || printf ', %s MiB are there already' $((have / 1048576)) >&2
echo >&2
progress=-sS
[ -t 2 ] && progress=--progress-bar
if [ "$have" -lt "$size" ]; then
    curl -fL $progress --retry 3 -C - "$base/$repo/resolve/main/$file" -o "$part" || die 1 "the download broke off; the same command resumes it"
fi
got=$(digest "$part")
if [ "$got" != "$want" ]; then
    rm -f "$part"
    die 1 "$file is damaged (SHA-256 $got, not $want) and was removed; try again"
fi
mv "$part" "$target" && echo "$target"
