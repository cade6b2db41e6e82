#!/bin/sh
# A long chat that goes from model to model gives back all that it took: under valgrind, where it is, or (MODE=asan) by
# the sanitizer.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
case $SLM in */asan/*) under= ;; */tsan/* | */ubsan/* | */coverage/*) under=none ;; *) under=valgrind ;; esac
if [ "$under" = none ] || emulated 'valgrind' || { [ "$under" ] && ! command -v valgrind > valgrind.path; }; then
    echo '    skipped: valgrind is not here, or not for this build'
    finish
fi
i=0
while [ $i -lt 10 ]; do
    [ $i != 5 ] || echo /clear
    [ $((i % 2)) = 0 ] && next=$CHAT || next=$THINKER
    printf 'turn %s\n/model %s\n"""and\nagain"""\n/set temp 0.%s\n/system be %s\n/regen\n/stats\n' $i "$next" $i $i
    printf '/read turns\n/save talk.jsonl\n/undo\n/load talk.jsonl\n/show prompt\n'
    i=$((i + 1))
done > lines
printf 'read me\n' > turns
${under:+valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99} \
    "$SLM" chat -m "$THINKER" -t 1 -n 3 < lines > out 2> err
same 'a chat of 30 answers' "$? $(grep -cE '^(==|ERROR:|SUMMARY:)' err)" '0 0'
same 'all of them' "$(grep -c '^slm: all [0-9]* answers' err) $(grep -c '^slm: all 30 answers' err)" '10 1'
finish
