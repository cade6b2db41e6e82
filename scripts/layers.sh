#!/bin/sh
# Checks every #include "..." against the floor plan.  Run by `make test`.
# The plan is one ordered list, so a file that includes only earlier names cannot be part of a
# cycle.  name:floor+river, where n = numbers, t = text, b = both may use it, x = where they meet.
awk '
BEGIN {
    n = split("slm:0b limits:0b unicode_tables:0b unicode:0b base:0b nfc:0b cpu:0b pace:0b sandbox:0b thread:0b json:0b " \
              "quant_list:1b quant:1b quant_k:1b case_tables:1t tmpl:1t template:1t tmpl_text:1t tmpl_value:1t tmpl_show:1t tmpl_ops:1t tmpl_lex:1t tmpl_parse:1t " \
              "tmpl_expr:1t tmpl_run:1t tmpl_str:1t tmpl_fmt:1t tmpl_filter:1t tmpl_seq:1t tmpl_test:1t tmpl_func:1t r8:2n gguf:2b gguf_write:2b " \
              "kernels:2n search_k:2n round_32:2n scalar:2n r8_float:2n r8_products:2n r8_x86:2n r8_one:2n r8_x86_float:2n r8_x86_more:2n amx_tiles:2n amx_dots:2n r8_steps:2n r8_panel:2n r8_bf16:2n attend_x86:2n avx2:2n avxvnni:2n avx512vnni:2n " \
              "avx512bf16:2n amx:2n r8_neon:2n r8_neon_panel:2n neon:2n neon_dotprod:2n neon_i8mm:2n ops:3n arch:3n rope:3n " \
              "tok_vocab:3t tok_merge:3t tok_split:3t tok_bpe:3t tok_spm:3t tokenizer:3t model:4n adapter:4n kv:4n attend:5n chat:4t grammar:4t " \
              "choice:5b sampler:5b recommend:5b forward:6n session:7x synth:7n pack:7x bench:7x generate:7x builtin:7x api:7x api_chat:7x imatrix:7x compare:7x requant:7x requant_mix:7x", t, " ")
    for (i = 1; i <= n; i++) { split(t[i], p, ":"); at[p[1]] = i; f[p[1]] = p[2] + 0; r[p[1]] = substr(p[2], length(p[2])) }
}
/^#include "/ {
    inc = $2; gsub(/"/, "", inc); sub(/.*\//, "", inc); sub(/\.h$/, "", inc)
    me = FILENAME; cli = me ~ /\/cli\//; sub(/.*\//, "", me); sub(/\.[ch]$/, "", me)
    if (cli) { if (inc !~ /^(cli|line|talk|option)$/ && (!(inc in at) || f[inc] > 0)) bad("cli may use slm.h, its own headers and floor 0"); next }
    if (!(me in at))  { bad("not on the floor plan"); next }
    if (!(inc in at)) { bad("includes " inc ", not on the floor plan"); next }
    if (at[inc] > at[me]) bad(me " (floor " f[me] ") includes " inc " (floor " f[inc] "), which comes later")
    if (r[me] r[inc] == "nt" || r[me] r[inc] == "tn") bad("numbers and text meet only in session: " inc)
}
function bad(why) { print FILENAME ":" FNR ": " why; fail = 1 }
END { exit fail }' "$@"
