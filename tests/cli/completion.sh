#!/bin/sh
# Completions in the shells themselves, and the manual page: both hold every flag of every command.
. "${0%/*}/lib.sh"
mkdir -p "$TMP/work/models" "$HOME" && cd "$TMP/work" || exit 1
ln -s "$MODEL" models/alphabet.gguf
ln -s "$QUANTIZED" models/night:1b.gguf
mkdir bin && ln -s "$SLM" bin/slm
PATH=$PWD/bin:$PATH
"$SLM" help man > slm.1 2> err
same 'man' "$? $(cat err) $([ -s slm.1 ] && echo some)" '0  some'
sed 's/\\-/-/g' slm.1 > man
commands=$("$SLM" help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p')
same 'commands are there' "$(echo "$commands" | grep -cE '^(run|ls|help)$')" 3
for s in bash zsh fish; do
    "$SLM" completion $s > $s 2> err
    same "$s" "$? $(cat err)" '0 '
done
lost=
for c in $commands; do
    for f in $("$SLM" help "$c" | sed -n 's/^  \(-[-a-zA-Z0, ]*\).*/\1/p' | tr ', ' '\n\n' | grep '^-'); do
        grep -qe "^\.B.*[ ]$f\([],[ ]\|\$\)" man && grep -qe "flags='.* $f[ ']" bash && grep -qe "'$f:" zsh || lost="$lost $c:$f"
        case $f in --*) g="-l ${f#--}" ;; -?) g="-s ${f#-}" ;; *) g="-o ${f#-}" ;; esac
        grep -qe "from $c'.* $g " fish || lost="$lost fish:$c:$f"
    done
done
same 'every flag is everywhere' "$lost" ''
same 'its sections' "$(sed -n 's/^\.SH //p' man | tr '\n' ' ')" 'NAME SYNOPSIS DESCRIPTION COMMANDS ENVIRONMENT FILES EXIT STATUS '
same 'every variable that help names' "$(for c in $commands; do "$SLM" help "$c"; done | tr '\n' ' ' | sed 's/  */ /g' | grep -o 'environment: [A-Z_]*' | sort -u | while read -r x v; do
    sed -n '/^\.SH ENVIRONMENT/,/^\.SH FILES/p' man | grep -qw "$v" || echo "$v"; done)" ''
same 'its groups' "$(sed -n '/^\.SS slm tokens/,/^\.SS slm render/s/^\.I //p' man | tr '\n' ' ')" 'Input Output '
if command -v groff > /dev/null; then same 'troff has nothing to say' "$(groff -ww -man -Tascii slm.1 2>&1 > page.txt | head -n 3)" ''
else echo '    skipped: groff is not here'; fi

if command -v bash > /dev/null; then
    # completes WORD...: what bash offers for the last of the words.
    completes() {
        bash --norc --noprofile -c '. ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slm; echo "${COMPREPLY[@]}"' bash "$@" 2>&1
    }
    same 'a command' "$(completes slm sc)" score
    same 'flags' "$(completes slm run --mirostat-)" '--mirostat-ent --mirostat-tau --mirostat-lr --mirostat-eta'
    same 'flags of the command only' "$(completes slm score --mirostat-)" ''
    same 'values' "$(completes slm run --kv '')" 'q8_0 f16 f32'
    same 'values behind =' "$(completes slm run --kv = f)" 'f16 f32'
    same 'values at =' "$(completes slm run --kv =)" 'q8_0 f16 f32'
    same 'a model' "$(completes slm run -m alph)" alphabet
    same 'a model with a colon' "$(completes slm run -m night : 1)" 1b
    same 'a model at its colon' "$(completes slm run -m night :)" 1b
    same 'text: files' "$(completes slm run -p '')" ''
    same 'help' "$(completes slm help to)" tokens
    same 'shells' "$(completes slm completion z)" zsh
else echo '    skipped: bash is not here'; fi
if command -v fish > /dev/null; then
    fish() { HOME=$PWD XDG_CONFIG_HOME=$PWD command fish --no-config -c ". ./fish; complete -C '$1'" 2>&1 | cut -f 1 | tr '\n' ' '; }
    same 'fish: a command' "$(fish 'slm sc')" 'score '
    same 'fish: values' "$(fish 'slm run --kv ')" 'f16 f32 q8_0 '
    same 'fish: values behind =' "$(fish 'slm run --kv=')" '--kv=f16 --kv=f32 --kv=q8_0 '
    same 'fish: flags' "$(fish 'slm run --mirostat-e')" '--mirostat-ent --mirostat-eta '
    same 'fish: a model' "$(fish 'slm run -m alph')" 'alphabet '
else echo '    skipped: fish is not here'; fi
if command -v zsh > /dev/null; then
    cat > try.zsh <<'END'
zmodload zsh/zpty || exit 0
zpty z "PS1= TERM=dumb zsh -f -i"
zpty -w z 'autoload -Uz compinit; compinit -u -D; LISTMAX=1000; . ./zsh; bindkey "^I" complete-word; comppostfuncs=(); echo ready'
zpty -r -m z line '*ready*ready*'
zpty -w -n z "$1"$'\t\001echo DONE:\C-m'
zpty -r -m z line $'*\nDONE:*\n*'
print -r -- "$line" | tr -d '\r' | grep -a '^DONE:'
zpty -d z
END
    same 'zsh: the script is sound' "$(zsh -f -n ./zsh 2>&1)" ''
    same 'zsh: a command' "$(timeout 20 zsh -f try.zsh 'slm sco' | grep -c 'DONE:slm score')" 1
    same 'zsh: a value' "$(timeout 20 zsh -f try.zsh 'slm run --kv q' | grep -c 'DONE:slm run --kv q8_0')" 1
    same 'zsh: a value behind =' "$(timeout 20 zsh -f try.zsh 'slm run --kv=q' | grep -c 'DONE:slm run --kv=q8_0')" 1
    same 'zsh: a flag' "$(timeout 20 zsh -f try.zsh 'slm run --xtc-t' | grep -c 'DONE:slm run --xtc-threshold')" 1
    same 'zsh: a model' "$(timeout 20 zsh -f try.zsh 'slm run -m alph' | grep -c 'DONE:slm run -m alphabet')" 1
else echo '    skipped: zsh is not here'; fi
finish
