#!/bin/sh
# slm diff: a file against itself and others, the numbers of slm ppl, table, JSON, bars, chart.
. "${0%/*}/lib.sh"
cd "$TMP" || exit 1
i=0
while [ $i -lt 40 ]; do
    echo "line $i: once upon a time there was a text of $((i * i)) words, and it was long enough."
    i=$((i + 1))
done > text
chunks=$(($("$SLM" tokens -m "$MODEL" -c < text) / 64))
cp "$MODEL" base.gguf
for t in Q8_0 Q4_0 Q2_K; do "$SLM" quantize -q base.gguf $t.gguf $t; done
differ() { "$SLM" diff "$@" -f text -c 64 < /dev/null; }
numbers() { grep -o "\"$1\":[0-9.e+-]*" | cut -d: -f2; }

# Nothing is lost in a copy; fewer bits lose more.
differ base.gguf base.gguf Q8_0.gguf Q4_0.gguf --json > a
same 'nothing lost' "$(numbers kl_mean < a | head -n 2 | tr '\n' ' ')$(numbers kl_max < a | sed -n 2p) $(numbers same_top < a | sed -n 2p) $(numbers ppl_ratio < a | sed -n 2p)" '0.0 0.0 0.0 1.0 1.0'
same 'less and less' "$(numbers kl_mean < a | sed -n 3,4p | tr '\n' ' ' | awk '{print ($1 > 0 && $2 > 2 * $1)}')" 1
same 'errors' "$(numbers error < a | sort -g | tail -n 1 | awk '{print ($1 > 0.02 && $1 < 0.2)}')" 1
same 'worst first' "$(sed 's/.*Q4_0.gguf"//' a | numbers error | sort -gr)" "$(sed 's/.*Q4_0.gguf"//' a | numbers error)"
same 'chunks' "$(numbers n_chunks < a) $(numbers n_scored < a)" "$chunks $((chunks * 31))"
for f in base Q8_0 Q4_0; do
    same "$f: slm ppl agrees" "$(sed "s/.*\"file\":\"$f.gguf\"//" a | numbers ppl | head -n 1)" "$("$SLM" ppl -m $f.gguf -f text -c 64 --json | numbers ppl)"
done
for isa in $("$SLM" help isa); do
    for set in '-t 1 -ub 3' '-t 3 -ub 7' '-t 2 --pack off'; do
        differ base.gguf base.gguf Q8_0.gguf Q4_0.gguf --json --isa "$isa" $set > b
        same "$isa $set" "$(cat b)" "$(cat a)"
    done
done
"$SLM" pack -q Q4_0.gguf packed.gguf
same 'packed weights are the same' "$(differ Q4_0.gguf packed.gguf --json --worst 1000 | numbers 'error' | sort -u)" 0.0

differ base.gguf Q8_0.gguf Q2_K.gguf --worst 2 > a
same 'table' "$(sed -n '1p;2s/  */ /gp' a)" "$chunks chunks of 64 tokens, $((chunks * 31)) compared
file size bits perplexity change mean KL 99 % KL largest same top"
same 'rows' "$(grep -c '^\(base\|Q8_0\|Q2_K\) .* [0-9.]* +/- [0-9.]*' a)" 3
same 'tensors' "$(grep -c '^  .* -> .* [0-9.]*$' a)" 4
same 'bars' "$(differ base.gguf Q8_0.gguf Q2_K.gguf --worst 2 --bars | grep -c '|##*$')" 6
same 'no tensors' "$(differ base.gguf Q4_0.gguf --worst 0 | wc -l | tr -d ' ')" 4
cp Q4_0.gguf 'a<b>&c.gguf'
differ base.gguf Q8_0.gguf 'a<b>&c.gguf' --worst 0 --plot out.svg > a; same 'chart' $? 0
same 'points' "$(grep -c '<circle' out.svg) $(grep -c '>Q8_0</text>' out.svg) $(grep -c '>a&lt;b&gt;&amp;c</text>' out.svg)" '5 2 2'
same 'whole' "$(head -c 5 out.svg) $(tail -n 1 out.svg)" '<svg  </svg>'
# Points in one place: each name has a place of its own, in each of the two panels (at 7 by 13 pixels a letter), and no point is covered.
for k in 1 2 3 4 5 6 7 8 9; do cp Q4_0.gguf "copy-$k-of-Q4_0.gguf"; done
differ base.gguf copy-*.gguf --worst 0 --plot near.svg > a
sed -n 's/.*<text x="\([0-9.]*\)" y="\([0-9.]*\)"\( text-anchor="end"\)*>\(base\|copy-.*\)<.text>.*/\1 \2 \4 \3/p; s/.*<circle cx="\([0-9.]*\)" cy="\([0-9.]*\)".*/\1 \2/p' near.svg |
    awk '{
        w = 7 * length($3); x0[NR] = NF == 2 ? $1 - 3 : NF > 3 ? $1 - w : $1; x1[NR] = NF == 2 ? $1 + 3 : x0[NR] + w
        y0[NR] = NF == 2 ? $2 - 3 : $2 - 10; y1[NR] = NF == 2 ? $2 + 3 : $2 + 2; named += NF > 2; name[NR] = NF > 2
        for (i = 1; i < NR; i++)
            if ((name[i] || name[NR]) && x0[i] < x1[NR] && x0[NR] < x1[i] && y0[i] < y1[NR] && y0[NR] < y1[i]) covered++
        if (x0[NR] < 80 || x1[NR] > 800) outside++
    } END { print named, covered + 0, outside + 0 }' > b
same 'names: all there, none covered, none outside' "$(cat b)" '19 0 0'

expect 2 '' 'slm: diff takes 2 to 32 files, the first of them the base, not 1' differ base.gguf
if "$SLM" show builtin > out 2> err; then
    expect 2 '' 'slm: builtin has * tokens, base.gguf has *: they are not files of one model' differ base.gguf builtin
    expect 2 '' 'slm: base.gguf has * tokens, builtin has *: they are not files of one model' differ builtin base.gguf
fi
expect 1 '' 'slm: nofile.gguf: cannot open: No such file or directory' differ base.gguf nofile.gguf
expect 2 '' 'slm: no text: give it as an argument, by -f FILE or on stdin' "$SLM" diff -N base.gguf Q4_0.gguf
differ base.gguf Q4_0.gguf --plot /no/x.svg > out 2> err
same 'no place for it' "$? $(cat err)" '1 slm: /no/x.svg: cannot write: No such file or directory'
finish
