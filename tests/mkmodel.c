/* mkmodel.c - the file builder, and tiny random models on top of it.
 *
 * Names of keys and tensors are those that converters write; sizes are as small as a kernel's
 * shapes allow.  The weights mean nothing, but every matrix keeps its input's size, so logits stay
 * in the range of a real model's. */
#include "mkmodel.h"
#include "../src/unicode.h"
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "mkmodel: %s\n", what);
    abort();
}

/* ---- random numbers ------------------------------------------------------- */

uint64_t test_rand(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

float test_randf(uint64_t *state) {
    return (float)(test_rand(state) >> 40) * (1.0f / (1 << 23)) - 1.0f;
}

/* ---- bytes --------------------------------------------------------------- */

static void put_uint(strbuf *b, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) strbuf_char(b, (char)(v >> 8 * i));
}

static void put_f32(strbuf *b, float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    put_uint(b, u, 4);
}

static void put_str(strbuf *b, str s) {
    put_uint(b, s.n, 8);
    strbuf_str(b, s);
}

static void put_zeros(strbuf *b, uint64_t align) {
    while (b->n % align) strbuf_char(b, 0);
}

static int kind_bytes(gguf_kind k) {
    switch (k) {
    case GGUF_U8: case GGUF_I8: case GGUF_BOOL: case GGUF_STR: return 1;
    case GGUF_U16: case GGUF_I16: return 2;
    case GGUF_U64: case GGUF_I64: case GGUF_F64: return 8;
    default: return 4;
    }
}

/* ---- metadata ------------------------------------------------------------ */

static mk_place *add_place(mk *m, str name, bool is_tensor) {
    if (m->n_place == m->place_room) {
        m->place_room = m->place_room ? m->place_room * 2 : 64;
        m->place = mem_resize(m->place, m->place_room, sizeof *m->place);
        must(m->place, "no memory");
    }
    mk_place *p = &m->place[m->n_place++];
    *p = (mk_place){.is_tensor = is_tensor};
    size_t n = name.n < sizeof p->name ? name.n : sizeof p->name - 1;
    memcpy(p->name, name.p, n);
    return p;
}

static void mark(mk_place *p, mk_part part, const strbuf *b) {
    p->is_there[part] = true;
    p->at[part] = b->n;
}

static mk_place *begin_key(mk *m, str key, uint32_t kind) {
    mk_place *p = add_place(m, key, false);
    mark(p, MK_NAME_LEN, &m->kv);
    put_uint(&m->kv, key.n, 8);
    mark(p, MK_NAME, &m->kv);
    strbuf_str(&m->kv, key);
    mark(p, MK_KIND, &m->kv);
    put_uint(&m->kv, kind, 4);
    p->value_bytes = (uint8_t)kind_bytes((gguf_kind)kind);
    mark(p, MK_VALUE, &m->kv);
    m->n_kv++;
    return p;
}

static void begin_array(mk *m, const char *key, gguf_kind elem, size_t n) {
    mk_place *p = begin_key(m, str_of(key), GGUF_ARRAY);
    mark(p, MK_ELEM, &m->kv);
    put_uint(&m->kv, elem, 4);
    mark(p, MK_COUNT, &m->kv);
    put_uint(&m->kv, n, 8);
    mark(p, MK_VALUE, &m->kv);
    p->value_bytes = (uint8_t)(elem == GGUF_STR ? 8 : kind_bytes(elem)); /* 8: its length */
}

void mk_uint(mk *m, const char *key, gguf_kind kind, uint64_t v) {
    begin_key(m, str_of(key), kind);
    put_uint(&m->kv, v, kind_bytes(kind));
}

void mk_u32(mk *m, const char *key, uint32_t v) { mk_uint(m, key, GGUF_U32, v); }

void mk_bool(mk *m, const char *key, bool v) { mk_uint(m, key, GGUF_BOOL, v); }

void mk_f32(mk *m, const char *key, float v) {
    begin_key(m, str_of(key), GGUF_F32);
    put_f32(&m->kv, v);
}

void mk_f64(mk *m, const char *key, double v) {
    uint64_t u;
    memcpy(&u, &v, 8);
    begin_key(m, str_of(key), GGUF_F64);
    put_uint(&m->kv, u, 8);
}

void mk_str(mk *m, const char *key, const char *v) {
    mk_place *p = begin_key(m, str_of(key), GGUF_STR);
    mark(p, MK_COUNT, &m->kv);
    put_uint(&m->kv, strlen(v), 8);
    mark(p, MK_VALUE, &m->kv);
    strbuf_str(&m->kv, str_of(v));
}

void mk_i32s(mk *m, const char *key, const int32_t *v, size_t n) {
    begin_array(m, key, GGUF_I32, n);
    for (size_t i = 0; i < n; i++) put_uint(&m->kv, (uint32_t)v[i], 4);
}

void mk_f32s(mk *m, const char *key, const float *v, size_t n) {
    begin_array(m, key, GGUF_F32, n);
    for (size_t i = 0; i < n; i++) put_f32(&m->kv, v[i]);
}

void mk_strs(mk *m, const char *key, const str *v, size_t n) {
    begin_array(m, key, GGUF_STR, n);
    for (size_t i = 0; i < n; i++) put_str(&m->kv, v[i]);
}

void mk_raw(mk *m, str key, uint32_t kind, const void *payload, size_t n) {
    begin_key(m, key, kind);
    strbuf_put(&m->kv, payload, n);
}

/* ---- tensors ------------------------------------------------------------- */

/* What makes random bytes a block of sane weights: where the f16 scales are, and the deviation and
 * mean of weights of random bytes when d is 1 (m_ratio: of m to d, so that the mean is near 0).
 * ftype: what general.file_type says. */
static const struct {
    type_id type;
    int     d_at, m_at;
    float   dev, m_ratio;
    int     ftype;
} blocks[] = {
    {TYPE_F32, -1, -1, 0, 0, 0},        {TYPE_F16, -1, -1, 0, 0, 1},
    {TYPE_BF16, -1, -1, 0, 0, 32},      {TYPE_Q4_0, 0, -1, 4.6f, 0, 2},
    {TYPE_Q4_1, 0, 2, 4.6f, -7.5f, 3},  {TYPE_Q5_0, 0, -1, 9.2f, 0, 8},
    {TYPE_Q5_1, 0, 2, 9.2f, -15.5f, 9}, {TYPE_Q8_0, 0, -1, 74, 0, 7},
    {TYPE_Q2_K, 80, 82, 14, 1.5f, 10},  {TYPE_Q3_K, 108, -1, 43, 0, 12},
    {TYPE_Q4_K, 0, 2, 255, 7.5f, 15},   {TYPE_Q5_K, 0, 2, 520, 15.5f, 17},
    {TYPE_Q6_K, 208, -1, 1370, 0, 18},  {TYPE_IQ4_NL, 0, -1, 70, 0, 25},
    {TYPE_IQ4_XS, 0, -1, 1300, 0, 30},
};

static void set_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void mk_weights(void *dst, type_id type, uint64_t n, float dev, uint64_t *seed) {
    const type_info *t = type_get(type);
    size_t           k = 0;
    while (k < ARRAY_LEN(blocks) && blocks[k].type != type) k++;
    must(t && k < ARRAY_LEN(blocks), "a format without a line in blocks[]");
    must(n % (uint64_t)t->block_elems == 0, "rows that are not whole blocks");
    uint8_t *p = dst;
    for (uint64_t i = 0; i < n / (uint64_t)t->block_elems; i++, p += t->block_bytes) {
        if (blocks[k].d_at < 0) {
            float    w = test_randf(seed) * dev * 1.7320508f; /* uniform: deviation 1 / sqrt(3) */
            uint32_t u;
            memcpy(&u, &w, 4);
            if (type == TYPE_F32) set_u16(p, (uint16_t)u), set_u16(p + 2, (uint16_t)(u >> 16));
            else set_u16(p, type == TYPE_F16 ? f32_to_f16(w) : (uint16_t)(u >> 16));
            continue;
        }
        for (int j = 0; j < t->block_bytes; j++) p[j] = (uint8_t)(test_rand(seed) >> 56);
        float d = dev / blocks[k].dev * (1 + 0.5f * test_randf(seed));
        set_u16(p + blocks[k].d_at, f32_to_f16(d));
        if (blocks[k].m_at >= 0) set_u16(p + blocks[k].m_at, f32_to_f16(d * blocks[k].m_ratio));
    }
}

static void add_tensor(mk *m, const char *name, type_id type, int n_dims, const uint64_t *dim,
                       const void *data, float dev) {
    const type_info *t = type_get(type);
    uint64_t         n = 1;
    size_t           row;
    must(t && type_row_bytes(t, dim[0], &row), "no such tensor");
    for (int i = 0; i < n_dims; i++) n *= dim[i];
    put_zeros(&m->data, m->align ? m->align : 32);

    mk_place *p = add_place(m, str_of(name), true);
    mark(p, MK_NAME_LEN, &m->info);
    put_uint(&m->info, strlen(name), 8);
    mark(p, MK_NAME, &m->info);
    strbuf_str(&m->info, str_of(name));
    mark(p, MK_N_DIMS, &m->info);
    put_uint(&m->info, (uint64_t)n_dims, 4);
    for (int i = 0; i < n_dims; i++) {
        mark(p, (mk_part)(MK_DIM + i), &m->info);
        put_uint(&m->info, dim[i], 8);
    }
    mark(p, MK_TYPE, &m->info);
    put_uint(&m->info, type, 4);
    mark(p, MK_OFFSET, &m->info);
    put_uint(&m->info, m->data.n, 8);
    mark(p, MK_DATA, &m->data);

    size_t bytes = row * (size_t)(n / dim[0]);
    void  *made = NULL;
    if (!data) {
        data = made = mem_zero(bytes, 1);
        must(made, "no memory");
        mk_weights(made, type, n, dev, &m->seed);
    }
    strbuf_put(&m->data, data, bytes);
    mem_free(made);
    m->n_tensor++;
}

void mk_tensor(mk *m, const char *name, type_id type, int n_dims, const uint64_t *dim,
               const void *data) {
    add_tensor(m, name, type, n_dims, dim, data, 1 / sqrtf((float)dim[0]));
}

/* ---- the whole file ------------------------------------------------------ */

void mk_finish(mk *m) {
    strbuf_free(&m->out);
    strbuf_str(&m->out, STR("GGUF"));
    put_uint(&m->out, m->version ? m->version : 3, 4);
    put_uint(&m->out, m->n_tensor, 8);
    put_uint(&m->out, m->n_kv, 8);
    size_t kv_at = m->out.n;
    strbuf_put(&m->out, m->kv.p, m->kv.n);
    size_t info_at = m->out.n;
    strbuf_put(&m->out, m->info.p, m->info.n);
    if (m->n_tensor) put_zeros(&m->out, m->align ? m->align : 32);
    size_t data_at = m->out.n;
    strbuf_put(&m->out, m->data.p, m->data.n);
    if (m->pads_end) put_zeros(&m->out, m->align ? m->align : 32);
    must(!m->out.bad && !m->kv.bad && !m->info.bad && !m->data.bad, "no memory");
    for (size_t i = 0; i < m->n_place; i++)
        for (int k = 0; k < MK_PARTS; k++)
            m->place[i].at[k] += !m->place[i].is_tensor ? kv_at
                                 : k == MK_DATA         ? data_at
                                                        : info_at;
}

void mk_free(mk *m) {
    strbuf_free(&m->kv);
    strbuf_free(&m->info);
    strbuf_free(&m->data);
    strbuf_free(&m->out);
    mem_free(m->place);
    *m = (mk){0};
}

static const mk_place *place_named(const mk *m, const char *name, mk_part part) {
    for (size_t i = 0; i < m->n_place; i++)
        if (!strcmp(m->place[i].name, name) && m->place[i].is_there[part]) return &m->place[i];
    fprintf(stderr, "mkmodel: no part %d of \"%s\"\n", (int)part, name);
    abort();
}

size_t mk_at(const mk *m, const char *name, mk_part part) {
    static const size_t header[] = {[MK_MAGIC] = 0, [MK_VERSION] = 4, [MK_N_TENSORS] = 8,
                                    [MK_N_KV] = 16};
    return part <= MK_N_KV ? header[part] : place_named(m, name, part)->at[part];
}

void mk_poke(mk *m, const char *name, mk_part part, uint64_t v) {
    int bytes = part == MK_NAME || part == MK_DATA ? 1
              : part == MK_MAGIC || part == MK_VERSION || part == MK_KIND || part == MK_ELEM ||
                        part == MK_N_DIMS || part == MK_TYPE
                  ? 4
              : part == MK_VALUE ? place_named(m, name, part)->value_bytes
                                 : 8;
    size_t at = mk_at(m, name, part);
    must(at + (size_t)bytes <= m->out.n, "a poke outside the file");
    for (int i = 0; i < bytes; i++) m->out.p[at + (size_t)i] = (char)(v >> 8 * i);
}

bool mk_save(const mk *m, const char *path) {
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    bool good = fwrite(m->out.p, 1, m->out.n, f) == m->out.n;
    return (fclose(f) == 0) & good;
}

/* ---- vocabularies -------------------------------------------------------- */

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6, MAX_TOKENS = 512 };

typedef struct {
    str     text[MAX_TOKENS];
    int32_t kind[MAX_TOKENS];
    float   score[MAX_TOKENS];
    size_t  n;
    pool    mem;
} vocab;

static void add(vocab *v, str s, int kind, float score) {
    must(v->n < MAX_TOKENS, "too many tokens");
    v->text[v->n] = pool_copy(&v->mem, s);
    v->kind[v->n] = kind;
    v->score[v->n++] = score;
}

static void add_controls(vocab *v, const char *const *names) {
    for (; *names; names++) add(v, str_of(*names), CONTROL, 0);
}

static uint32_t id_of(const vocab *v, const char *name) {
    for (size_t i = 0; i < v->n; i++)
        if (str_is(v->text[i], name)) return (uint32_t)i;
    must(false, name);
    return 0;
}

static void put_vocab(mk *m, vocab *v, const char *model, const char *pre) {
    mk_str(m, "tokenizer.ggml.model", model);
    mk_str(m, "tokenizer.ggml.pre", pre);
    mk_strs(m, "tokenizer.ggml.tokens", v->text, v->n);
    mk_i32s(m, "tokenizer.ggml.token_type", v->kind, v->n);
}

/* Byte b as byte-level BPE spells it: printable Latin-1 as itself, the rest from U+0100 on. */
static void spell_byte(int b, char out[5]) {
    int n = 0;
    for (int i = 0; i <= b; i++) {
        bool plain = (i >= 33 && i <= 126) || (i >= 161 && i != 173);
        if (i == b) out[utf8_encode((uint32_t)(plain ? b : 256 + n), out)] = 0;
        n += !plain;
    }
}

/* 256 bytes (id = byte), what the merges make, control tokens. */
static size_t put_bpe(mk *m, const char *pre, const char *const *controls, const char *bos,
                      const char *eos) {
    static const char *const merges[] = {
        "t h", "th e", "\xc4\xa0 the", "i n", "e r", "\xc4\xa0 a", "a n", "an d", "\xc4\xa0 and",
        "o n", "l l", "o r", "\xc4\xa0 w", "\xc4\xa0w or", "l d", "h e", "he ll", "hell o", "1 2",
        "\xc3\x83 \xc2\xa9", /* the bytes of e-acute */
    };
    vocab v = {.mem = {.cap = 1 << 16}};
    str   list[ARRAY_LEN(merges)];
    char  one[5];
    for (int b = 0; b < 256; b++) {
        spell_byte(b, one);
        add(&v, str_of(one), NORMAL, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
        char        both[32];
        const char *space = strchr(merges[i], ' ');
        snprintf(both, sizeof both, "%.*s%s", (int)(space - merges[i]), merges[i], space + 1);
        add(&v, str_of(both), NORMAL, 0);
        list[i] = str_of(merges[i]);
    }
    add_controls(&v, controls);
    put_vocab(m, &v, "gpt2", pre);
    mk_strs(m, "tokenizer.ggml.merges", list, ARRAY_LEN(list));
    mk_u32(m, "tokenizer.ggml.bos_token_id", id_of(&v, bos));
    mk_u32(m, "tokenizer.ggml.eos_token_id", id_of(&v, eos));
    mk_bool(m, "tokenizer.ggml.add_bos_token", !strcmp(pre, "llama-bpe"));
    size_t n = v.n;
    pool_free(&v.mem);
    return n;
}

/* Control tokens, 256 bytes, pieces by falling score, letters.  A piece needs two that come
 * before it, as in a learned vocabulary. */
static size_t put_spm(mk *m, bool is_gemma, const char *const *tail) {
    static const char *const pieces[] = {
        "\xe2\x96\x81t", "he", "\xe2\x96\x81" "a", "in", "er", "\xe2\x96\x81the", "an", "nd", "on",
        "\xe2\x96\x81" "and", "ll", "or", "\xe2\x96\x81w", "ld", "\xe2\x96\x81h", "llo", "hello",
        "\xe2\x96\x81hello", "\xe2\x96\x81wor", "\xe2\x96\x81world", "12", "\xc3\xa9", "\xe2\x96\x81",
    };
    vocab v = {.mem = {.cap = 1 << 16}};
    char  one[8];
    float score = -1;
    if (is_gemma) {
        add_controls(&v, (const char *[]){"<pad>", "<eos>", "<bos>", NULL});
        add(&v, STR("<unk>"), UNKNOWN, 0);
        add_controls(&v, (const char *[]){"<start_of_turn>", "<end_of_turn>", NULL});
    } else {
        add(&v, STR("<unk>"), UNKNOWN, 0);
        add_controls(&v, (const char *[]){"<s>", "</s>", NULL});
    }
    for (int b = 0; b < 256; b++) {
        snprintf(one, sizeof one, "<0x%02X>", (unsigned)b);
        add(&v, str_of(one), BYTE, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) add(&v, str_of(pieces[i]), NORMAL, score--);
    for (int c = is_gemma ? '\n' : '!'; c < 127; c = c < ' ' ? '!' : c + 1)
        add(&v, (str){(char[]){(char)c}, 1}, NORMAL, score--);
    if (tail) add_controls(&v, tail);
    put_vocab(m, &v, "llama", "default");
    mk_f32s(m, "tokenizer.ggml.scores", v.score, v.n);
    mk_u32(m, "tokenizer.ggml.bos_token_id", id_of(&v, is_gemma ? "<bos>" : "<s>"));
    mk_u32(m, "tokenizer.ggml.eos_token_id",
           id_of(&v, is_gemma ? "<eos>" : tail ? "<|endoftext|>" : "</s>"));
    mk_u32(m, "tokenizer.ggml.unknown_token_id", id_of(&v, "<unk>"));
    mk_bool(m, "tokenizer.ggml.add_bos_token", true);
    mk_bool(m, "tokenizer.ggml.add_eos_token", false);
    mk_bool(m, "tokenizer.ggml.add_space_prefix", !is_gemma);
    size_t n = v.n;
    pool_free(&v.mem);
    return n;
}

/* ---- models -------------------------------------------------------------- */

const char *const mkmodel_variants[] = {
    "llama", "llama-tied", "llama-rope-freqs", "llama-linear", "llama-yarn", "qwen2", "qwen2-tied",
    "qwen3", "phi3", "phi3-plain", "gemma2", "gemma3", NULL,
};

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

static const char *const chatml =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

mkmodel_options mkmodel_defaults(const char *variant, type_id type) {
    const type_info *t = type_get(type);
    must(t, "no such type");
    const bool      wide = t->block_elems > 32;
    mkmodel_options o = {
        .variant = variant, .type = type, .embd_type = type, .n_embd = wide ? 256 : 64,
        .n_layer = 2, .n_head = 4, .n_head_kv = 2, .head_dim = wide ? 64 : 16,
        .n_ff = wide ? 256 : 96, .n_ctx = 256, .seed = 1,
    };
    if (!strcmp(variant, "qwen3")) o.head_dim *= 2; /* heads together wider than the model */
    if (!strcmp(variant, "gemma2")) o.n_layer = 3;
    if (!strcmp(variant, "gemma3")) o.n_layer = 7;  /* five local ones, a global, a local */
    if (begins(variant, "phi3")) o.n_head_kv = o.n_head;
    if (begins(variant, "qwen")) o.chat_template = chatml;
    return o;
}

static const char *arch_of(const char *variant) {
    static const char *const names[] = {"llama", "qwen2", "qwen3", "phi3", "gemma2", "gemma3"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (begins(variant, names[i])) return names[i];
    must(false, "no such variant");
    return NULL;
}

/* One model being made: keys are "ARCH.name", layer tensors "blk.I.name". */
typedef struct {
    mk                    *m;
    const mkmodel_options *o;
    const char            *arch;
    int                    layer;
    bool                   is_gemma;
} maker;

static void key(char out[96], const maker *k, const char *name) {
    snprintf(out, 96, "%s.%s", k->arch, name);
}

static void put_int_key(maker *k, const char *name, int v) {
    char full[96];
    key(full, k, name);
    mk_u32(k->m, full, (uint32_t)v);
}

static void put_float_key(maker *k, const char *name, float v) {
    char full[96];
    key(full, k, name);
    mk_f32(k->m, full, v);
}

static void put_str_key(maker *k, const char *name, const char *v) {
    char full[96];
    key(full, k, name);
    mk_str(k->m, full, v);
}

static void tensor_name(char out[96], const maker *k, const char *name) {
    if (k->layer < 0) snprintf(out, 96, "%s", name);
    else snprintf(out, 96, "blk.%d.%s", k->layer, name);
}

/* gain: how much longer the output of a unit-size input is. */
static void put_matrix(maker *k, const char *name, type_id type, int rows, int cols, float gain) {
    char   full[96];
    size_t bytes;
    tensor_name(full, k, name);
    if (!type_row_bytes(type_get(type), (uint64_t)cols, &bytes)) type = TYPE_F32;
    add_tensor(k->m, full, type, 2, (uint64_t[]){(uint64_t)cols, (uint64_t)rows}, NULL,
               gain / sqrtf((float)cols));
}

static void put_vector(maker *k, const char *name, int n, float mean, float dev) {
    char  full[96];
    float w[1024];
    must(n <= (int)ARRAY_LEN(w), "vector too long");
    for (int i = 0; i < n; i++) w[i] = mean + dev * test_randf(&k->m->seed);
    tensor_name(full, k, name);
    mk_tensor(k->m, full, TYPE_F32, 1, (uint64_t[]){(uint64_t)n}, w);
}

static void put_hyperparameters(maker *k) {
    const mkmodel_options *o = k->o;
    const char            *v = o->variant;
    put_int_key(k, "block_count", o->n_layer);
    put_int_key(k, "context_length", o->n_ctx);
    put_int_key(k, "embedding_length", o->n_embd);
    put_int_key(k, "feed_forward_length", o->n_ff);
    put_int_key(k, "attention.head_count", o->n_head);
    put_int_key(k, "attention.head_count_kv", o->n_head_kv);
    put_float_key(k, "attention.layer_norm_rms_epsilon", begins(v, "llama") ? 1e-5f : 1e-6f);
    put_float_key(k, "rope.freq_base", begins(v, "qwen") || !strcmp(v, "gemma3") ? 1e6f : 1e4f);
    if (k->is_gemma || !strcmp(v, "qwen3")) {
        put_int_key(k, "attention.key_length", o->head_dim);
        put_int_key(k, "attention.value_length", o->head_dim);
    }
    if (begins(v, "llama") || begins(v, "phi3"))
        put_int_key(k, "rope.dimension_count", o->head_dim);
    if (!strcmp(v, "llama-linear") || !strcmp(v, "gemma3")) {
        put_str_key(k, "rope.scaling.type", "linear");
        put_float_key(k, "rope.scaling.factor", k->is_gemma ? 8.0f : 2.5f);
    }
    if (!strcmp(v, "llama-yarn")) {
        put_str_key(k, "rope.scaling.type", "yarn");
        put_float_key(k, "rope.scaling.factor", 4);
        put_int_key(k, "rope.scaling.original_context_length", o->n_ctx / 4);
    }
    if (!strcmp(v, "phi3")) {
        put_int_key(k, "rope.scaling.original_context_length", o->n_ctx / 4);
        put_float_key(k, "rope.scaling.attn_factor", 1.190238f);
    }
    if (k->is_gemma) put_int_key(k, "attention.sliding_window", 8);
    if (!strcmp(v, "gemma2")) {
        put_float_key(k, "attn_logit_softcapping", 4);
        put_float_key(k, "final_logit_softcapping", 8);
    }
}

static size_t put_tokenizer(maker *k) {
    static const char *const llama3[] = {"<|begin_of_text|>", "<|end_of_text|>",
                                         "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
                                         NULL};
    static const char *const qwen[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", NULL};
    static const char *const phi[] = {"<|endoftext|>", "<|assistant|>", "<|end|>", "<|user|>",
                                      NULL};
    const char              *v = k->o->variant;
    if (!strcmp(v, "llama-tied") || !strcmp(v, "llama-rope-freqs"))
        return put_bpe(k->m, "llama-bpe", llama3, "<|begin_of_text|>", "<|eot_id|>");
    if (begins(v, "qwen")) return put_bpe(k->m, "qwen2", qwen, "<|endoftext|>", "<|im_end|>");
    return put_spm(k->m, k->is_gemma, begins(v, "phi3") ? phi : NULL);
}

static void put_shared_tensors(maker *k, int n_vocab) {
    const mkmodel_options *o = k->o;
    const char            *v = o->variant;
    const bool tied = k->is_gemma || strstr(v, "-tied") || !strcmp(v, "llama-rope-freqs") ||
                      !strcmp(v, "qwen3");
    /* A tied embedding's rows have length 1, so that a token does not only predict itself; the
     * final norm then makes logits of a deviation of about 3. */
    put_matrix(k, "token_embd.weight", o->embd_type, n_vocab, o->n_embd,
               tied ? 1 : 0.6f * sqrtf((float)o->n_embd));
    put_vector(k, "output_norm.weight", o->n_embd, tied ? 3 : 1, 0.3f);
    if (!tied) put_matrix(k, "output.weight", o->type, n_vocab, o->n_embd, 2.5f);
    if (!strcmp(v, "llama-rope-freqs")) put_vector(k, "rope_freqs.weight", o->head_dim / 2, 4, 3);
    if (!strcmp(v, "phi3")) {
        put_vector(k, "rope_factors_long.weight", o->head_dim / 2, 8, 7);
        put_vector(k, "rope_factors_short.weight", o->head_dim / 2, 1.3f, 0.3f);
    }
}

static void put_layer(maker *k) {
    const mkmodel_options *o = k->o;
    const int d = o->n_embd, q = o->n_head * o->head_dim, kv = o->n_head_kv * o->head_dim;
    put_vector(k, "attn_norm.weight", d, 1, 0.5f);
    if (!strcmp(k->arch, "phi3")) put_matrix(k, "attn_qkv.weight", o->type, q + 2 * kv, d, 1.2f);
    else {
        put_matrix(k, "attn_q.weight", o->type, q, d, 1.4f);
        put_matrix(k, "attn_k.weight", o->type, kv, d, 1.4f);
        put_matrix(k, "attn_v.weight", o->type, kv, d, 1);
    }
    if (!strcmp(k->arch, "qwen2")) {
        put_vector(k, "attn_q.bias", q, 0, 0.8f);
        put_vector(k, "attn_k.bias", kv, 0, 3);
        put_vector(k, "attn_v.bias", kv, 0, 0.3f);
    }
    if (!strcmp(k->arch, "qwen3") || !strcmp(k->arch, "gemma3")) {
        put_vector(k, "attn_q_norm.weight", o->head_dim, 1.3f, 0.4f);
        put_vector(k, "attn_k_norm.weight", o->head_dim, 1.3f, 0.4f);
    }
    put_matrix(k, "attn_output.weight", o->type, d, q, 1);
    if (k->is_gemma) put_vector(k, "post_attention_norm.weight", d, 1.4f, 0.4f);
    put_vector(k, "ffn_norm.weight", d, 1, 0.5f);
    if (!strcmp(k->arch, "phi3")) put_matrix(k, "ffn_up.weight", o->type, 2 * o->n_ff, d, 1.2f);
    else {
        put_matrix(k, "ffn_gate.weight", o->type, o->n_ff, d, 1.5f);
        put_matrix(k, "ffn_up.weight", o->type, o->n_ff, d, 1);
    }
    put_matrix(k, "ffn_down.weight", o->type, d, o->n_ff, 0.7f);
    if (k->is_gemma) put_vector(k, "post_ffw_norm.weight", d, 1.4f, 0.4f);
}

void mkmodel(mk *m, const mkmodel_options *o) {
    maker k = {.m = m, .o = o, .arch = arch_of(o->variant), .layer = -1};
    k.is_gemma = begins(k.arch, "gemma");
    *m = (mk){.seed = o->seed, .pads_end = true};
    mk_str(m, "general.architecture", k.arch);
    mk_str(m, "general.name", o->variant);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (blocks[i].type == o->type) mk_u32(m, "general.file_type", (uint32_t)blocks[i].ftype);
    put_hyperparameters(&k);
    int n_vocab = (int)put_tokenizer(&k);
    if (o->chat_template) mk_str(m, "tokenizer.chat_template", o->chat_template);
    if (o->sampling) {
        mk_str(m, "general.sampling.sequence", "top_k;temp");
        mk_u32(m, "general.sampling.top_k", 7);
        mk_f32(m, "general.sampling.xtc_probability", 0.5f);
        mk_f32(m, "general.sampling.xtc_threshold", 0.25f);
        mk_u32(m, "general.sampling.mirostat", 2);
        mk_f32(m, "general.sampling.mirostat_tau", 3);
        mk_f32(m, "general.sampling.mirostat_eta", 0.5f);
    }
    if (!o->vocab_only) {
        put_shared_tensors(&k, n_vocab);
        for (k.layer = 0; k.layer < o->n_layer; k.layer++) put_layer(&k);
    }
    mk_finish(m);
}

bool mkmodel_write(const char *path, const mkmodel_options *o) {
    mk m;
    mkmodel(&m, o);
    bool good = mk_save(&m, path);
    mk_free(&m);
    return good;
}

/* ---- scripted models ------------------------------------------------------ */

enum { SCRIPT_WIDTH = 64 };

static void put_script_weights(mk *m, int n, const int *next) {
    float    w[2][SCRIPT_WIDTH * SCRIPT_WIDTH] = {{0}}, ones[SCRIPT_WIDTH];
    uint64_t square[] = {SCRIPT_WIDTH, SCRIPT_WIDTH}, vocabulary[] = {SCRIPT_WIDTH, (uint64_t)n}, row[] = {SCRIPT_WIDTH};
    static const float zeros[SCRIPT_WIDTH * SCRIPT_WIDTH];
    static const char *const matrices[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
    for (int i = 0; i < SCRIPT_WIDTH; i++) ones[i] = 1;
    for (int i = 0; i < n; i++) w[0][i * SCRIPT_WIDTH + i] = w[1][next[i] * SCRIPT_WIDTH + i] = 1;
    mk_tensor(m, "token_embd.weight", TYPE_F32, 2, vocabulary, w[0]);
    mk_tensor(m, "output.weight", TYPE_F32, 2, vocabulary, w[1]);
    mk_tensor(m, "output_norm.weight", TYPE_F32, 1, row, ones);
    for (size_t i = 0; i < ARRAY_LEN(matrices); i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.0.%s.weight", matrices[i]);
        mk_tensor(m, name, TYPE_F32, 2, square, zeros);
    }
    mk_tensor(m, "blk.0.attn_norm.weight", TYPE_F32, 1, row, ones);
    mk_tensor(m, "blk.0.ffn_norm.weight", TYPE_F32, 1, row, ones);
}

bool mkmodel_script(const char *path, const char *const *pieces, const char *chat_template) {
    static const char extra[] = "\n</thinkin>"; /* the bytes of what closes thinking */
    vocab   v = {.mem = {.cap = 1 << 16}};
    int     next[SCRIPT_WIDTH], resume = 1, eos;
    char    one[5];
    mk      m = {0};
    add(&v, STR("<bos>"), CONTROL, 0);
    for (int i = 0; pieces[i]; i++) {
        char spelled[5 * 32] = "";
        must(strlen(pieces[i]) < 32, "piece too long");
        for (const char *p = pieces[i]; *p; p++) {
            spell_byte((uint8_t)*p, one);
            strcat(spelled, one);
        }
        if (!strcmp(pieces[i], "</think>")) resume = i + 2;
        add(&v, str_of(spelled), NORMAL, 0);
    }
    eos = (int)v.n;
    add(&v, STR("<eos>"), CONTROL, 0);
    for (const char *p = extra; *p; p++) {
        spell_byte((uint8_t)*p, one);
        add(&v, str_of(one), NORMAL, 0);
    }
    must(v.n <= SCRIPT_WIDTH, "script too long");
    for (int i = 0; i < (int)v.n; i++) next[i] = i < eos ? i + 1 : i == eos ? eos : resume;
    mk_str(&m, "general.architecture", "llama");
    mk_u32(&m, "llama.block_count", 1);
    mk_u32(&m, "llama.context_length", 256);
    mk_u32(&m, "llama.embedding_length", SCRIPT_WIDTH);
    mk_u32(&m, "llama.feed_forward_length", SCRIPT_WIDTH);
    mk_u32(&m, "llama.attention.head_count", 1);
    mk_f32(&m, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_vocab(&m, &v, "gpt2", "gpt-2");
    mk_strs(&m, "tokenizer.ggml.merges", v.text, 0);
    mk_u32(&m, "tokenizer.ggml.bos_token_id", 0);
    mk_u32(&m, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    if (chat_template) mk_str(&m, "tokenizer.chat_template", chat_template);
    put_script_weights(&m, (int)v.n, next);
    mk_finish(&m);
    pool_free(&v.mem);
    bool ok = mk_save(&m, path);
    mk_free(&m);
    return ok;
}
