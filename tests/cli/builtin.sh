#!/bin/sh
# The model inside the program: exact text at temperature 0, from any folder, and who answers.
. "$(dirname "$0")/lib.sh"
here=$(pwd)
case $("$SLM" show builtin 2> /dev/null) in
*'Tales 3M'*) ;;
*)
    echo "    skipped: built without models/tales-3m.gguf"
    finish
    ;;
esac
cd "$TMP" || exit 1
expect 0 '7 + 5 = 12.\n' '' "$SLM" run -N --temp 0 'What is 7 + 5?'
expect 0 '13 + 6 = 19.\n' '' "$SLM" run -N --temp 0 'What is 13 + 6?'
expect 0 'The opposite of hot is cold.\n' '' "$SLM" run -N --temp 0 'What is the opposite of hot?'
expect 0 ', there lived a merry child named Emma. She lived in a village at the foot of a mountain. Emma had a\n' '' \
    "$SLM" run -N --raw --temp 0 -n 24 'Once upon a time'
expect 0 '12\n' '' "$SLM" run -N --raw --temp 0 -n 2 '<|user|>What is 7 + 5?<|end|><|assistant|>7 + 5 = ' --special
expect 0 '9\n' '' "$SLM" tokens -N -c 'Once upon a time, 12 cat'
# Its name is a model's name, and stdin alone is a prompt.
expect 0 '2 + 2 = 4.\n' '' "$SLM" run builtin -N --temp 0 'What is 2 + 2?'
expect 0 '2 + 2 = 4.\n' '' sh -c "echo 'What is 2 + 2?' | '$SLM' run --temp 0"
# What it was asked about is in the story, and counting ends where it should.
case $("$SLM" run -N --temp 0 'Tell me a story about a dragon who is afraid of the dark') in *dragon*'afraid of the dark'*) told=yes ;; *) told=no ;; esac
same 'a dragon and the dark' $told yes
expect 0 '3, 4, 5, 6, 7, 8, 9.\n' '' "$SLM" run -N --temp 0 'Count from 3 to 9.'
# Two words that are no model are a typo, not a prompt.
expect 2 '' 'slm: "2" is not a model: name one by -m, *' "$SLM" run -N 2 plus
# The file's own sampling is in force: a seed repeats, another differs.
a=$("$SLM" run -N --seed 1 'Tell me a story.') b=$("$SLM" run -N --seed 1 'Tell me a story.') c=$("$SLM" run -N --seed 2 'Tell me a story.')
same 'a seed repeats' "$a" "$b"
[ "$a" != "$c" ]; same 'another seed differs' $? 0
[ "$(echo "$a" | wc -w)" -ge 120 ]; same 'a story is told' $? 0
# Every instruction set and thread count says the same.
for isa in scalar auto; do
    for t in 1 2 3; do same "$isa $t" "$("$SLM" run -N --isa $isa -t $t --seed 1 'Tell me a story.')" "$a"; done
done
# On a terminal one line says who answers.
if command -v script > /dev/null; then
    script -qec "'$SLM' run -N --temp 0 'What is 2 + 2?'" /dev/null < /dev/null > "$TMP/tty"
    case $(cat "$TMP/tty") in *'the built-in Tales 3M answers'*'2 + 2 = 4.'*) said=yes ;; *) said=no ;; esac
    same 'who answers' $said yes
fi
cd "$here" || exit 1
finish
