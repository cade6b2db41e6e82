#!/bin/sh
# check_static.sh: clang-tidy and cppcheck over the program's sources; clang's analyzer, which is slow, over those that read
# what strangers send.  Run by `make check-static`.  Which checks, and which not, is said in clang-tidy.yml and cppcheck.txt.
# The kernels of one instruction set are left out: templates of intrinsics, whose only input are lengths checked before.
cd "$(dirname "$0")/.." || exit 1
files=$(ls src/*.c src/cli/*.c src/kernels/kernels.c src/kernels/scalar.c)
parsers=$(ls src/gguf.c src/json.c src/template.c src/tmpl_*.c src/tok_*.c src/tokenizer.c src/unicode.c src/nfc.c src/imatrix.c)
jobs=$(nproc)
failed=0

# tidy CHECKS FILE...: nothing is printed but findings.
tidy() {
    checks=$1
    shift
    printf '%s\n' "$@" | xargs -P "$jobs" -n 4 sh -c \
        'clang-tidy --quiet --config-file=scripts/clang-tidy.yml --checks="$0" "$@" -- -std=c11 -D_GNU_SOURCE 2> /dev/null' "$checks" || failed=1
}

if command -v clang-tidy > /dev/null; then
    # shellcheck disable=SC2086
    tidy '' $files
    # shellcheck disable=SC2086
    tidy '-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.*,-clang-analyzer-optin.*,-clang-analyzer-valist.*' $parsers
else
    echo 'skipped: no clang-tidy'
fi
if command -v cppcheck > /dev/null; then
    # shellcheck disable=SC2086
    cppcheck --quiet -j "$jobs" --std=c11 --platform=unix64 --enable=warning,performance,portability -D_GNU_SOURCE \
        --suppressions-list=scripts/cppcheck.txt --error-exitcode=1 $files || failed=1
else
    echo 'skipped: no cppcheck'
fi
exit $failed
