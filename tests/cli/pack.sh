#!/bin/sh
# slm pack: there and back, what it refuses, and that the target is old or new whatever happens.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
cp "$QUANTIZED" in.gguf
answer() { "$SLM" run --raw -N -n 12 --greedy "$@" hello; }

"$SLM" pack in.gguf p.gguf > a 2> err
same 'packs' "$? $(cat err)" '0 '
same 'says what it did' "$(sed 's/[0-9.]* [KM]*i*B/SIZE/g' a)" 'p.gguf: SIZE, 15 of 21 tensors packed (SIZE)'
"$SLM" pack --unpack p.gguf u.gguf > a 2> err
same 'unpacks' "$? $(cat err) $(cut -d, -f2 a | sed 's/ (.*//')" '0   15 of 21 tensors unpacked'
cmp in.gguf u.gguf; same 'byte for byte' $? 0
same 'quietly' "$("$SLM" pack -q in.gguf p2.gguf)" ''
cmp p.gguf p2.gguf; same 'any number of threads' "$("$SLM" pack -q -t 5 in.gguf p2.gguf; cmp p.gguf p2.gguf; echo $?)" 0

answer -m in.gguf > a
for f in '' '--isa scalar' '--pack on' '--pack auto -t 3'; do
    same "the same answer $f" "$(answer -m p.gguf $f)" "$(cat a)"
done
answer -m p.gguf --pack off > b 2> err
same '--pack off' "$? $(cat err)" '0 slm: the file is packed and used as it is: --pack off changes nothing'
cmp a b; same 'and its answer' $? 0
same 'score' "$("$SLM" score -m p.gguf --json hello)" "$("$SLM" score -m in.gguf --json hello)"
same 'tokens' "$("$SLM" tokens -m p.gguf --ids hello)" "$("$SLM" tokens -m in.gguf --ids hello)"
same 'bench' "$("$SLM" bench -m p.gguf --pack off -p 0 -n 1 -r 1 --no-roof -o jsonl | grep -o '"packed":[a-z]*')" '"packed":true'
same 'show: its layout' "$("$SLM" show p.gguf | sed -n 's/^layout  *\([a-z]*\):.*/\1/p')$("$SLM" show in.gguf | grep -c '^layout')" packed0
same 'show: its types' "$("$SLM" show --tensors p.gguf | grep -c 'Q4_0 (r8)')" 15
same 'show: JSON' "$("$SLM" show --json p.gguf | grep -o '"packed":[a-z]*')$("$SLM" show --json p.gguf | grep -o 'Q4_0 (r8)' | wc -l | tr -d ' ')" '"packed":true15'
same 'show: its key' "$("$SLM" show p.gguf | grep -c '"slm.pack.version" = 2 (u32)')" 1

expect 2 '' 'slm: pack takes two files, IN and OUT, not 1' "$SLM" pack in.gguf
expect 2 '' 'slm: pack takes two files, IN and OUT, not 3' "$SLM" pack a b c
expect 2 '' 'slm: --unpack is not a flag of run, but of: pack' "$SLM" run --unpack
expect 2 '' 'slm: *in.gguf: is the input itself: name another file for the output' "$SLM" pack in.gguf in.gguf
expect 2 '' 'slm: *p.gguf: is the input itself: name another file for the output' "$SLM" pack --unpack p.gguf ./p.gguf
expect 1 '' 'slm: p.gguf: is packed already' "$SLM" pack p.gguf x.gguf
expect 1 '' 'slm: in.gguf: is not packed' "$SLM" pack --unpack in.gguf x.gguf
expect 1 '' 'slm: ./nofile: cannot open: No such file or directory' "$SLM" pack ./nofile x.gguf
expect 2 '' 'slm: there is no model "nofile", *' "$SLM" pack nofile x.gguf
expect 1 '' 'slm: /: is a directory, not a file' "$SLM" pack in.gguf /
expect 1 '' 'slm: /no/x.gguf: cannot write: No such file or directory' "$SLM" pack in.gguf /no/x.gguf
[ ! -c /dev/full ] || expect 1 '' 'slm: /dev/full: is a device or pipe, not a file' "$SLM" pack in.gguf /dev/full
mkdir full && cp in.gguf full/out.gguf
# Half of the file may be written: as on a full disk.
half=$(($(wc -c < in.gguf) / 1024))
( ulimit -f $half; exec "$SLM" pack in.gguf full/out.gguf ) > out 2> err
same 'a write that fails' "$? $(sed 's/.*full/full/' err)" '1 full/out.gguf: cannot write: File too large'
cmp in.gguf full/out.gguf; same 'leaves the old file' "$? $(ls full)" '0 out.gguf'
# Ended at any moment: the old file or the new one.
i=0
while [ $i -lt 12 ]; do
    cp in.gguf full/out.gguf
    "$SLM" pack in.gguf full/out.gguf > out 2> err &
    pid=$!
    [ $((i % 3)) = 0 ] || sleep 0.00$((i % 10))
    s=INT; [ $((i % 2)) = 0 ] && s=TERM
    kill -$s $pid 2> /dev/null
    wait $pid 2> /dev/null
    rc=$?
    case $rc in 0 | 130 | 143) ;; *) same "$s at $i" $rc '0, 130 or 143' ;; esac
    cmp -s in.gguf full/out.gguf || cmp -s p.gguf full/out.gguf || same "$s at $i" 'neither old nor new' ''
    same "$s at $i: folder" "$(ls full)" out.gguf
    i=$((i + 1))
done
finish
