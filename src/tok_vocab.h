/* tok_vocab.h - floor 3 (text side): the pieces of a vocabulary and how to find them.  Shared by
 * the two families; tokenizer.h is the interface for everybody else. */
#ifndef TOK_VOCAB_H
#define TOK_VOCAB_H
#include "gguf.h"

enum { /* the file's own codes */
    TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER, TYPE_UNUSED, TYPE_BYTE
};

typedef struct {
    uint32_t left, right, rank, id_plus_1; /* 0: free slot */
} merge_rule;

typedef struct {
    int         n;
    uint8_t    *type;  /* [n] */
    uint32_t   *at;    /* [n + 1] */
    char       *bytes; /* token i stands for bytes[at[i] .. at[i + 1]) */
    size_t      n_bytes;
    int32_t     byte_id[256]; /* the token of a single byte; -1: none */
    int32_t     unk;          /* -1: none */
    uint32_t    longest;      /* bytes of the longest piece that text can become */
    uint64_t   *slot;         /* [mask + 1] pieces by text: hash in the high half, id + 1 below */
    uint32_t    mask;
    /* byte-level BPE: which neighbours join, best rank first */
    merge_rule *merge;
    uint32_t    merge_mask;
    /* SentencePiece: the score as an order, best first */
    uint32_t   *rank; /* [n]; NULL in BPE */
    bool        joins_space[256]; /* some piece has a space behind this byte */
    bool        whole_words;   /* a word that is a piece is not merged */
    bool        bos_is_s;      /* <s> is a control token, so </s> is its partner */
    arena       slots, merges; /* `slot` and `merge`, which are filled in no order: in huge pages where there are any */
} vocab;

/* Reads tokens and types; `piece` appends what token text s stands for (no longer than s; out has
 * room) and says whether plain text can become that token; it may correct v->type[id].  Ordinary pieces are then found by vocab_find. */
typedef bool (*vocab_piece_fn)(void *ud, vocab *v, strbuf *out, str s, int id);
slm_status vocab_load(vocab *v, const gguf *g, vocab_piece_fn piece, void *ud, slm_error *err);
/* The type of token id whose text is s, corrected where files are known to be wrong: names of
 * control tokens are control tokens even if the file calls them ordinary. */
int        vocab_settle_type(vocab *v, str s, int id);
/* Does a token of this name end a turn by its name alone? */
bool       vocab_name_ends_turn(str s);
/* <|..|>: what only a template writes, though some files call it text. */
bool       vocab_is_mark(str s);
void       vocab_free(vocab *v);
str        vocab_bytes(const vocab *v, int32_t id);
int32_t    vocab_find(const vocab *v, const char *p, size_t n); /* -1: no such piece */
/* The same for n <= VOCAB_BATCH texts; the memory accesses of all of them overlap. */
#define VOCAB_BATCH 48
void       vocab_find_many(const vocab *v, const str *text, int32_t *id, int n);

slm_status vocab_merge_room(vocab *v, uint64_t n, slm_error *err);
/* The first of equal pairs stays.  At most as many as vocab_merge_room() was told.  False where the
 * pairs were made to collide. */
void vocab_merge_expect(const vocab *v, uint32_t left, uint32_t right); /* will be added soon */
bool vocab_merge_add(vocab *v, uint32_t left, uint32_t right, uint32_t rank, int32_t id);
const merge_rule *vocab_merge_find(const vocab *v, uint32_t left, uint32_t right); /* or NULL */
#endif
