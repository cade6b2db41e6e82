#!/bin/sh
# check_hardening.sh PROGRAM: is it built so that a fault in it is hard to use?  Run by `make test`.
# Loaded at a random place, its tables of addresses read only once it is loaded, stack not executable, stack and C library
# calls guarded, no library path of its own.
command -v readelf > /dev/null || { echo 'skipped: no readelf'; exit 0; }
head=$(LC_ALL=C readelf -hldW "$1" 2> /dev/null) || { echo 'skipped: not an ELF file'; exit 0; }
case $head in *INTERP*) ;; *) echo 'skipped: linked statically'; exit 0 ;; esac
symbols=$(LC_ALL=C readelf --dyn-syms -W "$1")
failed=0
must() { echo "$2" | grep -qE "$3" || { echo "$1"; failed=1; }; }
must_not() { ! echo "$2" | grep -qE "$3" || { echo "$1"; failed=1; }; }
must 'not position independent (-fPIE -pie)' "$head" 'Type: *DYN'
must 'no read only relocations (-z relro)' "$head" 'GNU_RELRO'
must 'symbols are bound lazily (-z now)' "$head" '\(FLAGS.*NOW|BIND_NOW'
must 'no statement about the stack (-z noexecstack)' "$head" 'GNU_STACK'
must_not 'the stack is executable' "$head" 'GNU_STACK.*RWE'
must_not 'a segment is written and executed' "$head" 'LOAD.* RWE '
must_not 'relocations in the program text' "$head" 'TEXTREL'
must_not 'a library path of its own' "$head" 'R(UN)?PATH'
must 'no stack protector (-fstack-protector-strong)' "$symbols" '__stack_chk_fail'
must 'no checked calls (-D_FORTIFY_SOURCE=2)' "$symbols" '_chk(@|$)'
exit $failed
