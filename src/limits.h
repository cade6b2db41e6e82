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

/* Deeper JSON than any message; bounds recursion. */
#define JSON_MAX_DEPTH 256
/* One prompt's bytes. */
#define PROMPT_MAX_BYTES (64u << 20)
#define MAX_THREADS 256
#endif
