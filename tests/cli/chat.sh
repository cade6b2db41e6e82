#!/bin/sh
# slm run through a chat template.  THINKER says <think>hm</think>\n\nYes ESC[31m sir. to everything.
. "$(dirname "$0")/lib.sh"
red=$(printf '\033[31m')
expect 0 "Yes$red sir.\n" '' "$SLM" run -m "$THINKER" -N hi
expect 0 "<think>hm</think>\n\nYes$red sir.\n" '' "$SLM" run -m "$THINKER" -N --show-thinking stdout hi
# Cut inside the thinking: still one newline at the end.
expect 0 "<think>hm</think>\n" '' "$SLM" run -m "$THINKER" -N --show-thinking stdout -n 2 hi
expect 0 "Yes$red sir.\n" 'hm' "$SLM" run -m "$THINKER" -N --show-thinking stderr hi
expect 0 "Yes$red sir.\n" '' "$SLM" run -m "$THINKER" -N --show-thinking none hi
esc=$(printf '\033')
expect 0 "Yes$red sir.\n" "$esc\\[2mhm$esc\\[0m" "$SLM" run -m "$THINKER" -N --show-thinking stderr --color always hi
expect 3 "Yes$red\n" 'slm: the answer was cut*' "$SLM" run -m "$THINKER" -N -c 5 hi
"$SLM" run -m "$THINKER" -N --json hi > "$TMP/out" 2> "$TMP/err"
case $(cat "$TMP/out") in
'{"text":"Yes\u001b[31m sir.","thinking":"hm","ids":[1,2,3,4,5,6],"finish":"stop",'*) same json ok ok ;;
*) same json "$(cat "$TMP/out")" ok ;;
esac
# The budget closes the thinking before it has said a word.
expect 0 "Yes$red sir.\n" '' "$SLM" run -m "$THINKER" -N --think 0 hi
# Off, where the template knows no switch: the thinking is closed before it began.
printf '{{ bos_token }}{# <think> #}' > "$TMP/thinks.jinja"
expect 0 "\n\nYes$red sir.\n" '' "$SLM" run -m "$THINKER" -N --think off --template "$TMP/thinks.jinja" hi
expect 2 '' 'slm: --think: "maybe" is not auto, on, off or a number of tokens' "$SLM" run -m "$THINKER" -N --think maybe hi
expect 2 '' 'slm: --template: "nosuch" is neither a file nor one of: chatml *' "$SLM" run -m "$THINKER" -N --template nosuch hi
expect 2 '' 'slm: the system message is given twice*' "$SLM" run -m "$THINKER" -N --system a --system-file /dev/null hi
expect 1 '' 'slm: /nonexistent: cannot open*' "$SLM" run -m "$THINKER" -N --system-file /nonexistent hi

# A template that refuses: its own words, where, and the way out; --raw works.
printf '{{ raise_exception("no such role") }}' > "$TMP/refuses.jinja"
expect 1 '' 'slm: *no such role*--raw*' "$SLM" run -m "$THINKER" -N --template "$TMP/refuses.jinja" hi
printf 'a\n{%% if %%}' > "$TMP/broken.jinja"
expect 1 '' 'slm: *line 2*' "$SLM" run -m "$THINKER" -N --template "$TMP/broken.jinja" hi
# --raw continues the text itself and splits nothing: two control tokens are no words.
"$SLM" run -m "$CHAT" --raw -N -n 4 --temp 0 hi > "$TMP/out" 2> "$TMP/err"; same raw "$?" 0

# Templates read from a file see the system message.
printf '{{ bos_token }}{%% for m in messages %%}{{ m.role }}={{ m.content }};{%% endfor %%}' > "$TMP/t.jinja"
expect 4 '' 'slm: the prompt has * tokens, the context 3*' "$SLM" run -m "$CHAT" -N -c 3 --template "$TMP/t.jinja" --system "be brief" hello world
finish
