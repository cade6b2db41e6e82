/* mkmodel.h - GGUF files made in memory: any file piece by piece, and tiny random models.
 *
 * A file is built with mk_*, closed with mk_finish(), and then spoilt at named places:
 *   mk m = {0};
 *   mk_u32(&m, "general.alignment", 64);
 *   mk_tensor(&m, "a.weight", TYPE_F32, 1, (uint64_t[]){4}, NULL);
 *   mk_finish(&m);
 *   mk_poke(&m, "a.weight", MK_DIM, 0);
 *   gguf_open_memory(&g, m.out.p, m.out.n, "m.gguf", &err);
 * Failures here are bugs of the test and abort. */
#ifndef MKMODEL_H
#define MKMODEL_H
#include "../src/gguf.h"

/* Places in a finished file; the width is what mk_poke() writes there. */
typedef enum {
    MK_MAGIC, MK_VERSION, MK_N_TENSORS, MK_N_KV, /* of the header: name "" (4, 4, 8, 8)        */
    MK_NAME_LEN, MK_NAME,                        /* of a key or tensor (8, 1)                  */
    MK_KIND,                                     /* of a key (4)                               */
    MK_ELEM, MK_COUNT,                           /* of an array (4, 8); string: COUNT = length */
    MK_VALUE,                                    /* scalar or first element; string: first byte */
    MK_N_DIMS, MK_DIM, MK_DIM1, MK_DIM2, MK_DIM3, /* of a tensor (4, 8 ..)                     */
    MK_TYPE, MK_OFFSET, MK_DATA,                 /* (4, 8, 1)                                  */
    MK_PARTS
} mk_part;

typedef struct {
    char    name[72]; /* long ones are cut; then they cannot be found */
    bool    is_tensor, is_there[MK_PARTS];
    size_t  at[MK_PARTS];
    uint8_t value_bytes;
} mk_place;

/* All zero is an empty file of version 3, aligned to 32. */
typedef struct {
    uint32_t  version; /* 0: 3 */
    uint64_t  align;   /* 0: 32.  Does not write general.alignment */
    bool      pads_end; /* pad behind the last tensor */
    uint64_t  n_kv, n_tensor, seed;
    mk_place *place;
    size_t    n_place, place_room;
    strbuf    kv, info, data;
    strbuf    out; /* the file, after mk_finish() */
} mk;

void mk_free(mk *m);
void mk_uint(mk *m, const char *key, gguf_kind kind, uint64_t v); /* any integer kind or bool */
void mk_u32(mk *m, const char *key, uint32_t v);
void mk_f32(mk *m, const char *key, float v);
void mk_f64(mk *m, const char *key, double v);
void mk_bool(mk *m, const char *key, bool v);
void mk_str(mk *m, const char *key, const char *v);
void mk_i32s(mk *m, const char *key, const int32_t *v, size_t n);
void mk_f32s(mk *m, const char *key, const float *v, size_t n);
void mk_strs(mk *m, const char *key, const str *v, size_t n);
/* Key and kind with the given payload bytes, for what no other function makes. */
void mk_raw(mk *m, str key, uint32_t kind, const void *payload, size_t n);
/* data NULL: random valid weights of about 1 / sqrt(dim[0]).  dim[0] is the contiguous one. */
void mk_tensor(mk *m, const char *name, type_id type, int n_dims, const uint64_t *dim,
               const void *data);
void mk_finish(mk *m);

size_t mk_at(const mk *m, const char *name, mk_part part);
void   mk_poke(mk *m, const char *name, mk_part part, uint64_t v);
bool   mk_save(const mk *m, const char *path);

/* Random weights in a type's blocks with standard deviation `dev`: n % block_elems == 0. */
void mk_weights(void *dst, type_id type, uint64_t n, float dev, uint64_t *seed);

/* ---- tiny models --------------------------------------------------------- */

typedef struct {
    const char *variant;       /* a name from mkmodel_variants[]                      */
    type_id     type;          /* of matrices whose rows are whole blocks; else F32   */
    type_id     embd_type;     /* of token_embd                                       */
    int         n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff, n_ctx;
    const char *chat_template; /* NULL: none                                          */
    bool        vocab_only;    /* no tensors                                          */
    bool        sampling;      /* general.sampling.* keys: top_k;temp, 7, mirostat 2   */
    uint64_t    seed;
} mkmodel_options;

/* llama llama-tied llama-rope-freqs llama-linear llama-yarn qwen2 qwen2-tied qwen3 phi3 phi3-plain
 * gemma2 gemma3; ends with NULL.  `llama`, `phi3` and `gemma` have SPM vocabularies, the others
 * byte-level BPE. */
extern const char *const mkmodel_variants[];
/* Sizes fit the blocks of `type`: 64 wide, or 256 for K-quants. */
mkmodel_options mkmodel_defaults(const char *variant, type_id type);
void            mkmodel(mk *m, const mkmodel_options *o); /* finished; freed with mk_free */
bool            mkmodel_write(const char *path, const mkmodel_options *o);

/* A model that says the pieces one after another and then ends its turn, whatever it is asked: one
 * layer of zeros, one-hot embeddings, and an output matrix whose best logit after token i is that
 * of the next piece.  Token 0 is BOS.  The bytes of "\n</think>" are tokens too; after them it goes
 * on behind the piece "</think>". */
bool mkmodel_script(const char *path, const char *const *pieces, const char *chat_template);
#endif
