#!/bin/sh
# slm quantize: types and mixtures, flags, what it refuses, and that the target is old or new whatever happens.
. "${0%/*}/lib.sh"
builtin=$(pwd)/models/tales-3m.gguf
shared=$(cd ../shared/oracle 2> /dev/null && pwd)
cd "$TMP" || exit 1
cp "$MODEL" in.gguf
types() { "$SLM" quantize --dry-run "$@" | sed -n 's/^\([a-z0-9._]*\) .* -> \([A-Z0-9_]*\) .*/\1 \2/p'; }
type_of() { want=$1; shift; types "$@" | sed -n "s/^$want //p"; }

for t in F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ4_NL IQ4_XS; do
    "$SLM" quantize -t 1 in.gguf a.gguf $t > out 2> err
    same "$t" "$? $(cat err) $(sed 's/:.*//' out)" '0  a.gguf'
    "$SLM" quantize -q -t 3 in.gguf b.gguf $t
    cmp a.gguf b.gguf; same "$t: any number of threads" $? 0
    same "$t: as --dry-run says" "$("$SLM" show --tensors a.gguf | grep -o '^  [A-Z0-9_]* ' | tr -d '\n')" \
        "$(types in.gguf $t | sed 's/.* /  /; s/$/ /' | tr -d '\n')"
    same "$t: answers" "$("$SLM" run -m a.gguf --raw -N -n 3 --greedy hello > out 2> err; echo "$?$(cat err)")" 0
done
"$SLM" quantize -q in.gguf a.gguf q8_0
same 'keys' "$("$SLM" show a.gguf | grep -c 'general.file_type" = 7 \|general.quantization_version" = 2 ')" 2
"$SLM" quantize -q in.gguf b.gguf F32
same 'F32 of F32: its weights' "$("$SLM" score -m b.gguf --json hello)" "$("$SLM" score -m in.gguf --json hello)"
same 'norms stay' "$(type_of output_norm.weight in.gguf Q4_0)" F32
same 'odd rows' "$("$SLM" quantize --dry-run in.gguf Q4_K_M | grep -c 'Q5_0 .*(odd rows)')" "$(types in.gguf Q4_K_M | grep -c Q5_0)"
same 'the embedding' "$(type_of token_embd.weight --token-embedding-type f16 in.gguf Q4_0)" F16
same 'an expression' "$(type_of blk.0.ffn_up.weight --tensor-type 'ffn_(up|gate)=Q8_0' --tensor-type 'blk.*=F16' in.gguf Q4_0)" Q8_0
same 'and the next' "$(type_of blk.0.ffn_down.weight --tensor-type 'ffn_(up|gate)=Q8_0' --tensor-type 'blk.*=F16' in.gguf Q4_0)" F16
same 'pure' "$(types --pure in.gguf Q4_0 | grep -v norm | cut -d' ' -f2 | sort -u)" Q4_0
same 'nothing is written' "$(rm -f x.gguf; "$SLM" quantize --dry-run in.gguf x.gguf Q4_0 > out; ls x.gguf 2> err)" ''
same 'quietly' "$("$SLM" quantize -q in.gguf a.gguf Q4_0 2>&1)" ''
"$SLM" quantize -q --allow-requantize a.gguf b.gguf Q5_0
same 'again' $? 0

# The published file of the same name is no better: perplexities within 1 %.
ppl() { "$SLM" ppl -m "$1" -f "$shared/text/ppl.txt" -c 256 --json | sed 's/.*"ppl":\([0-9.]*\).*/\1/'; }
if [ -n "$shared" ]; then
    list='Q2_K Q3_K_M Q4_K_M Q5_K_M Q6_K IQ4_NL IQ4_XS'
    emulated 'six of seven perplexities: they take minutes' && list=Q4_K_M
    for t in $list; do
        "$SLM" quantize -q "$shared/models/llama-fitted.F32.gguf" x.gguf $t
        ours=$(ppl x.gguf) theirs=$(ppl "$shared/models/llama-fitted.$t.gguf")
        same "$t: perplexity $ours, published $theirs" "$(echo "$ours $theirs" | awk "{print (\$1 > 1 && \$1 < \$2 * 1.01)}")" 1
    done
else echo '    skipped: no ../shared'; fi

expect 2 '' 'slm: quantize takes two files and a type, IN OUT TYPE, not 2 arguments' "$SLM" quantize in.gguf Q4_0
expect 2 '' 'slm: OUT: a model is written to a file, not to stdout' "$SLM" quantize in.gguf - Q4_0
expect 2 '' 'slm: "Q4_Z" is no type; there are: F32 F16 *' "$SLM" quantize in.gguf x.gguf Q4_Z
expect 2 '' 'slm: --tensor-type: "ffn" is not of the form RE=TYPE' "$SLM" quantize --tensor-type ffn in.gguf x.gguf Q4_0
expect 2 '' 'slm: --tensor-type: "(": *' "$SLM" quantize --tensor-type '(=F16' in.gguf x.gguf Q4_0
expect 2 '' 'slm: --tensor-type: "Q9" is no tensor type: *' "$SLM" quantize --tensor-type a=Q9 in.gguf x.gguf Q4_0
expect 2 '' 'slm: --output-tensor-type: "Q9" is no tensor type: *' "$SLM" quantize --output-tensor-type Q9 in.gguf x.gguf Q4_0
expect 2 '' 'slm: --pure is not a flag of run, but of: quantize' "$SLM" run --pure
expect 2 '' 'slm: *in.gguf: is the input itself: name another file for the output' "$SLM" quantize in.gguf in.gguf Q4_0
expect 1 '' 'slm: a.gguf: tensor * is Q4_0 already, and what that lost stays lost: *--allow-requantize' "$SLM" quantize a.gguf x.gguf Q8_0
expect 1 '' 'slm: ./nofile: cannot open: No such file or directory' "$SLM" quantize ./nofile x.gguf Q4_0
expect 2 '' 'slm: there is no model "nofile", neither a file nor a name that slm ls lists' "$SLM" quantize nofile x.gguf Q4_0
if "$SLM" show builtin > out 2> err; then
    same 'the model inside' "$("$SLM" quantize -q --allow-requantize builtin in-b.gguf F16 && "$SLM" score -m in-b.gguf --json hello)" "$("$SLM" quantize -q --allow-requantize "$builtin" in-c.gguf F16 && "$SLM" score -m in-c.gguf --json hello)"
fi
mkdir models && cp in.gguf models/named.gguf
same 'by its name' "$("$SLM" quantize --dry-run named Q4_0 | tail -n 1 | cut -d' ' -f1)" "$("$SLM" quantize --dry-run in.gguf Q4_0 | tail -n 1 | cut -d' ' -f1 | sed 's/in.gguf/named/')"
"$SLM" pack -q "$QUANTIZED" p.gguf
expect 1 '' 'slm: p.gguf: is packed: slm pack --unpack makes the file that can be quantized' "$SLM" quantize p.gguf x.gguf Q8_0
mkdir full && cp in.gguf full/out.gguf
( ulimit -f 16; exec "$SLM" quantize in.gguf full/out.gguf Q8_0 ) > out 2> err
same 'a write that fails' "$? $(sed 's/.*full/full/' err)" '1 full/out.gguf: cannot write: File too large'
cmp in.gguf full/out.gguf; same 'leaves the old file' "$? $(ls full)" '0 out.gguf'
"$SLM" quantize -q in.gguf p.gguf Q4_K_M
# Ended at any moment: the old file or the new one.
i=0
while [ $i -lt 12 ]; do
    cp in.gguf full/out.gguf
    "$SLM" quantize in.gguf full/out.gguf Q4_K_M > out 2> err &
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
# Killed at 50 random moments, so that nobody could clean up: the old file or the new one, and beside it nothing,
# or what had been complete and not yet renamed.
big=in.gguf
[ -f "$builtin" ] && big=$builtin
"$SLM" quantize -q --allow-requantize "$big" new.gguf Q4_K_M
old=0
for at in $(awk 'BEGIN { srand(); for (i = 0; i < 50; i++) printf "%.3f ", 0.15 * rand() * rand() }'); do
    cp in.gguf full/out.gguf
    "$SLM" quantize --allow-requantize "$big" full/out.gguf Q4_K_M > out 2> err &
    pid=$!
    sleep "$at"
    kill -KILL $pid 2> /dev/null
    wait $pid 2> /dev/null
    if cmp -s in.gguf full/out.gguf; then old=$((old + 1))
    else cmp -s new.gguf full/out.gguf || same "killed after $at s" 'neither old nor new' ''; fi
    for f in full/*.tmp; do [ ! -e "$f" ] || cmp -s new.gguf "$f" || same "killed after $at s" "$f is no whole file" ''; done
    rm -f full/*.tmp
    same "killed after $at s: nothing else" "$(ls full)" out.gguf
done
same 'some were killed before the end' $((old > 0)) 1
# On a file system of 1 MB: what is too large is refused before the work, and of many that are written at once each is whole
# or not there.
"$SLM" quantize -q in.gguf b32.gguf F32
mkdir small
if mount -t tmpfs -o size=1m slm-test small 2> err; then
    cp in.gguf small/out.gguf
    "$SLM" quantize --tensor-type '.*=F32' --allow-requantize "$big" small/out.gguf F32 > out 2> err
    same 'too large for it' "$? $(sed 's/.*small/small/; s/: needs.*space, has .*//' err)" '1 small/out.gguf'
    cmp in.gguf small/out.gguf; same 'leaves the old one' "$? $(ls small)" '0 out.gguf'
    rm small/out.gguf
    jobs=$((2 * 1048576 / $(wc -c < in.gguf) + 2))
    i=0
    while [ $i -lt $jobs ]; do
        { "$SLM" quantize -q -t 1 in.gguf small/$i.gguf F32; echo $? > rc.$i; } 2> err.$i &
        i=$((i + 1))
    done
    wait
    whole=0 refused=0
    for i in $(seq 0 $((jobs - 1))); do
        case $(cat rc.$i) in
        0) cmp b32.gguf small/$i.gguf && whole=$((whole + 1)) ;;
        1) [ ! -e small/$i.gguf ] && grep -q '^slm: small/.*\(disk space\|No space left on device\)' err.$i && refused=$((refused + 1)) ;;
        esac
    done
    same 'each is whole or not there' "$((whole + refused)) $(ls small | wc -l | tr -d ' ')" "$jobs $whole"
    same 'some of each' $((whole > 0 && refused > 0)) 1
    umount small
else echo '    skipped: no file system of 1 MB can be mounted'; fi
finish
