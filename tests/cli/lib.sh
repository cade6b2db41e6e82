# lib.sh - sourced by the scripts beside it.  test_cli.c sets SLM (the program), MODEL (tiny, no chat
# template, long context), CHAT (the same with a template), CODER (says a code block), QUANTIZED (Q4_0, short context) and TMP (a folder).
unset SLM_MODEL SLM_MODELS SLM_THREADS SLM_CTX SLM_SEED SLM_ISA SLM_MEM
# Nothing of the one who runs the tests is looked at.
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME HF_HOME HF_HUB_CACHE
export HOME="$TMP/home" OLLAMA_MODELS="$TMP/no-ollama"
failures=0 n=0

# expect CODE STDOUT STDERR COMMAND...  stdout is exact, with \n; stderr is a pattern of the shell.
expect() {
    want_rc=$1 want_out=$2 want_err=$3
    shift 3
    "$@" > "$TMP/out" 2> "$TMP/err"
    judge $? "$want_rc" "$want_out" "$want_err" "$*"
}
judge() {
    n=$((n + 1))
    printf "$3" > "$TMP/want"
    err=$(cat "$TMP/err")
    why=
    [ "$1" = "$2" ] || why="exit $1, not $2"
    cmp -s "$TMP/out" "$TMP/want" || why="$why; stdout is '$(head -c 300 "$TMP/out")', not '$3'"
    case $err in $4) ;; *) why="$why; stderr is '$err', not '$4'" ;; esac
    [ -z "$why" ] || { failures=$((failures + 1)); printf '    %s: %s\n' "$5" "$why"; }
}
# same NAME A B: two texts that must be equal.
same() {
    n=$((n + 1))
    [ "$2" = "$3" ] || { failures=$((failures + 1)); printf "    %s: '%s' is not '%s'\\n" "$1" "$2" "$3"; }
}
# emulated WHY: under an emulator (make test RUN=..) that cannot do what comes next, which is told; else false.
emulated() { [ -n "$SLM_EMULATOR" ] && echo "    skipped: $1 (under $SLM_EMULATOR)"; }
finish() {
    echo "    $n checks, $failures failed"
    [ $failures = 0 ]
    exit
}
