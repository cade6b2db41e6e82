/* limits.h - floor 0: every limit on input, with its reason. */
#ifndef LIMITS_H
#define LIMITS_H

/* Tensor and key names are printed in one-line errors; real tensor names stay below 64. */
#define GGUF_MAX_KEY    65535
#define GGUF_MAX_NAME   64
/* The largest real string is a chat template of some 20 KB; 64 MiB is past any use. */
#define GGUF_MAX_STRING (64u << 20)
/* Keys, and tensors, of one file.  Real files have some 60 keys and 50,000 tensors (a mixture of
 * experts with unfused ones); bounds the time and memory of a file that is nothing but names. */
#define GGUF_MAX_COUNT  (1u << 17)
/* Real files nest arrays once at most. */
#define GGUF_MAX_NEST   4
/* A product of dimensions below 2^48 cannot overflow size_t when multiplied by 4 bytes. */
#define GGUF_MAX_DIM    2147483647u
#define GGUF_MAX_ELEMS  ((uint64_t)1 << 48)
#define GGUF_MIN_ALIGN  8
#define GGUF_MAX_ALIGN  65536

/* The deepest public model has 126 layers and 128 heads; wide margins that keep tables small. */
#define MODEL_MAX_LAYERS 1024
#define MODEL_MAX_HEADS  4096
#define MODEL_MAX_VOCAB  (1 << 24)

/* Special tokens longer than this are not looked for in text; real ones stay below 50 bytes.  It
 * bounds the time spent on each byte of a text made to almost match a hostile vocabulary. */
#define TOK_MAX_SPECIAL 256
/* Special tokens of a vocabulary: real ones have 6500 at most; this many are sorted in 0.3 s, 2^24 in 7. */
#define TOK_MAX_SPECIALS (1 << 20)

/* Chat templates.  The largest real one is 20 KB, takes 30,000 steps for a long chat with tools and
 * nests tags and brackets 12 deep.  The figures bound what a hostile one can cost: 0.2 s, 32 MB. */
#define TEMPLATE_MAX_SOURCE (1u << 20)
#define TEMPLATE_MAX_STEPS  1000000u
/* Nesting of tags and expressions, and of calls of macros: jinja2 itself ends at some 300, where
 * Python's stack does. */
#define TEMPLATE_MAX_DEPTH  200
/* C calls inside each other while evaluating; the deepest takes about 400 bytes. */
#define TEMPLATE_MAX_STACK  2000
#define TEMPLATE_MAX_OUTPUT (1u << 20)
#define TEMPLATE_MAX_MEMORY (16u << 20)
/* A long chat must render: each budget grows with the bytes of the variables by this much.  Values
 * take some 10 bytes per byte of JSON; loops over messages that look at all others are not rare. */
#define TEMPLATE_STEPS_PER_BYTE  64
#define TEMPLATE_OUTPUT_PER_BYTE 4
#define TEMPLATE_MEMORY_PER_BYTE 64
/* Python refuses to print or read longer whole numbers. */
#define TEMPLATE_MAX_PRINTED 4300
#define TEMPLATE_MAX_DIGITS  4500
/* What range() may hold: jinja2's own sandbox says so. */
#define TEMPLATE_MAX_RANGE   100000

/* Mean squares of a matrix's inputs; real ones stay below 1e9.  Their products with squares of weights (below 65520) and of
 * integers (below 128), summed over a block, are then far from infinity. */
#define IMATRIX_MAX_MEAN 1e20f

/* Deeper JSON than any message; bounds recursion. */
#define JSON_MAX_DEPTH 256
/* One prompt's bytes. */
#define PROMPT_MAX_BYTES (64u << 20)
/* The chat's history: what a person could still want to go back to, and what its file may grow to. */
#define HISTORY_MAX_ITEMS 1000
#define HISTORY_MAX_BYTES (1u << 20)
#define MAX_THREADS 256
#define THREAD_STACK (2 << 20) /* bytes: a batch of tokens takes 300 KB of it (kernels/r8_panel.h), TSan 800, whatever `ulimit -s` says */
#endif
