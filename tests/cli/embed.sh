#!/bin/sh
# slm embed: a vector a line, of length 1.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
embed() { "$SLM" embed -m "$MODEL" --kv f32 "$@" < /dev/null; }
wide=$("$SLM" show --json "$MODEL" | sed 's/.*"d_model":\([0-9]*\).*/\1/')
printf 'once upon\na time\n' > lines
embed -f lines > a 2> err
same 'two lines' "$? $(wc -l < a | tr -d ' ') $(cat err)" '0 2 '
same 'as wide as the model' "$(awk '{ print NF }' a | sort -u)" "$wide"
same 'of length 1' "$(awk '{ s = 0; for (i = 1; i <= NF; i++) s += $i * $i; printf "%.5f ", s }' a)" '1.00000 1.00000 '
same 'they differ' "$([ "$(sed -n 1p a)" != "$(sed -n 2p a)" ] && echo yes)" yes
same 'a text in the arguments' "$(embed a time)" "$(sed -n 2p a)"
same 'stdin' "$("$SLM" embed -m "$MODEL" --kv f32 < lines)" "$(cat a)"
same 'no line depends on another' "$(printf 'x y z\na time' | "$SLM" embed -m "$MODEL" --kv f32 | tail -n 1)" "$(sed -n 2p a)"
for set in '-t 1' '-t 2 -ub 1' '-ub 3' '--isa scalar'; do
    # shellcheck disable=SC2086
    same "$set" "$(embed $set -f lines)" "$(cat a)"
done
same 'the last token' "$([ "$(embed --pool last a time)" != "$(embed a time)" ] && echo differs)" differs
same 'of one token they are the same' "$(embed --pool last '')" "$(embed '')"
same 'tabs' "$(embed --tsv a time | tr '\t' ' ')" "$(sed -n 2p a)"
same 'JSON' "$(embed --json a time | sed 's/,"embedding.*//')" "{\"n\":$("$SLM" tokens -m "$MODEL" -c 'a time')"
same 'its numbers' "$(embed --json a time | sed 's/.*\[//; s/\].*//' | tr ',' ' ')" "$(sed -n 2p a)"
same 'longer than the first memory' "$(i=0; while [ $i -lt 700 ]; do printf 'word '; i=$((i + 1)); done | "$SLM" embed -m "$MODEL" | wc -l | tr -d ' ')" 1
expect 1 '' 'slm: line 1: there is no token in it' sh -c "echo | '$SLM' embed -m '$MODEL' --no-bos"
expect 4 '' 'slm: line 1: * tokens do not fit the context of 2' embed -c 2 'once upon a time'
expect 2 '' 'slm: no text: *' embed -N
finish
