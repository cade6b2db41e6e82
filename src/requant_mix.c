/* requant_mix.c - which tensor gets which type.
 *
 * A file of one name ("Q4_K_M") holds several types: what hurts most when it is coarse gets more bits.  The rules are
 * llama.cpp's, so that files of the same name have the same size and quality here and there:
 *  - the output matrix (or the embedding that serves as one) is Q6_K, and Q8_0 where its rows are no multiples of 256;
 *  - values (attn_v, fused attn_qkv) and the second matrix of the feed-forward net get one or two bits more, in the _M
 *    mixtures only in the first and last eighth of the layers and in every third one between them;
 *  - attention's output gets more in Q2_K and Q3_K;
 *  - a row that 256 does not divide takes the 32-wide format of about the same size, one that 32 does not divide F16.
 * Source: what llama.cpp's llama-quantize does, told in our words; the tests compare the types of the oracle's files. */
#include "requant.h"
#include "limits.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const requant_mix mixes[] = {
    {"F32", 0, TYPE_F32},        {"F16", 1, TYPE_F16},       {"BF16", 32, TYPE_BF16},    {"Q8_0", 7, TYPE_Q8_0},
    {"Q4_0", 2, TYPE_Q4_0},      {"Q4_1", 3, TYPE_Q4_1},     {"Q5_0", 8, TYPE_Q5_0},     {"Q5_1", 9, TYPE_Q5_1},
    {"Q2_K", 10, TYPE_Q2_K},     {"Q3_K_S", 11, TYPE_Q3_K},  {"Q3_K_M", 12, TYPE_Q3_K},  {"Q3_K_L", 13, TYPE_Q3_K},
    {"Q4_K_S", 14, TYPE_Q4_K},   {"Q4_K_M", 15, TYPE_Q4_K},  {"Q5_K_S", 16, TYPE_Q5_K},  {"Q5_K_M", 17, TYPE_Q5_K},
    {"Q6_K", 18, TYPE_Q6_K},     {"IQ4_NL", 25, TYPE_IQ4_NL}, {"IQ4_XS", 30, TYPE_IQ4_XS},
};
enum { Q2_K = 10, Q3_K_M = 12, Q3_K_L = 13, Q4_K_S = 14, Q4_K_M = 15, Q5_K_M = 17, IQ4_NL = 25, IQ4_XS = 30 };

const requant_mix *requant_mix_at(int i) { return i >= 0 && i < (int)ARRAY_LEN(mixes) ? &mixes[i] : NULL; }

const requant_mix *requant_mix_find(const char *name) {
    /* Short names that are in use for the middle mixtures. */
    static const char *const alias[][2] = {{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}};
    for (size_t i = 0; i < ARRAY_LEN(alias); i++)
        if (!strcasecmp(alias[i][0], name)) name = alias[i][1];
    for (size_t i = 0; i < ARRAY_LEN(mixes); i++)
        if (!strcasecmp(mixes[i].name, name)) return &mixes[i];
    return NULL;
}

static bool has(str s, const char *part) { return memmem(s.p, s.n, part, strlen(part)) != NULL; }

static bool ends(str s, const char *tail) {
    const size_t n = strlen(tail);
    return s.n >= n && !memcmp(s.p + s.n - n, tail, n);
}

/* Norms, biases and tables are a thousandth of a file and are not multiplied in blocks. */
bool requant_applies(const gguf_tensor *t) {
    return t->dim[1] * t->dim[2] * t->dim[3] > 1 && ends(t->name, "weight") && !has(t->name, "_norm.weight") &&
           !has(t->name, "ffn_gate_inp.weight") && !has(t->name, "position_embd.weight") && !has(t->name, "token_types.weight");
}

/* N of blk.N., or 0. */
static uint64_t layer_of(str name) {
    uint64_t n = 0;
    for (size_t i = 4; i < name.n && i < 10 && name.p[i] >= '0' && name.p[i] <= '9'; i++) n = n * 10 + (uint64_t)(name.p[i] - '0');
    return n;
}

/* The first eighth, the last, and every third between them. */
static bool is_sensitive(uint64_t layer, uint64_t n) {
    return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
}

requant_shape requant_shape_of(const gguf *g) {
    requant_shape s = {.n_head = 1, .has_output = gguf_find(g, "output.weight") != NULL};
    str           arch = {"", 0};
    char          key[128];
    /* A file that does not say it in the usual way has no rule for it. */
    (void)gguf_str(g, "general.architecture", &arch, NULL);
    snprintf(key, sizeof key, "%.*s.attention.head_count", (int)(arch.n < 64 ? arch.n : 64), arch.p);
    (void)gguf_uint(g, key, 1, MODEL_MAX_HEADS, &s.n_head, NULL);
    s.n_head_kv = s.n_head;
    strcat(key, "_kv");
    (void)gguf_uint(g, key, 1, MODEL_MAX_HEADS, &s.n_head_kv, NULL);
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const str name = gguf_tensor_at(g, i)->name;
        s.n_value += has(name, "attn_v.weight") || has(name, "attn_qkv.weight");
        s.n_down += has(name, "ffn_down.weight");
    }
    return s;
}

static type_id type_of_values(const requant_mix *mix, const requant_shape *s, uint64_t layer) {
    const bool many = s->n_head / s->n_head_kv >= 4;
    type_id    t = mix->type;
    switch (mix->file_type) {
    case Q2_K: t = many ? TYPE_Q4_K : TYPE_Q3_K; break;
    case Q3_K_M: t = layer < 2 ? TYPE_Q5_K : TYPE_Q4_K; break;
    case Q3_K_L: t = TYPE_Q5_K; break;
    case Q4_K_S: t = layer < 4 ? TYPE_Q5_K : t; break;
    case Q4_K_M:
    case Q5_K_M: t = is_sensitive(layer, s->n_value) ? TYPE_Q6_K : t; break;
    case IQ4_NL:
    case IQ4_XS: t = many ? TYPE_Q5_K : t; break;
    default: break;
    }
    /* The 70B models: eight queries to a value, so that its bits are cheap. */
    if (s->n_value == 80 && s->n_head > s->n_head_kv && (t == TYPE_Q3_K || t == TYPE_Q4_K)) t = TYPE_Q5_K;
    return t;
}

static type_id type_of_down(const requant_mix *mix, const requant_shape *s, uint64_t layer) {
    switch (mix->file_type) {
    case Q2_K: return TYPE_Q3_K;
    case Q3_K_M: return layer < s->n_down / 16 ? TYPE_Q5_K : TYPE_Q4_K;
    case Q3_K_L: return TYPE_Q5_K;
    case Q4_K_S:
    case IQ4_NL:
    case IQ4_XS: return layer < s->n_down / 8 ? TYPE_Q5_K : mix->type;
    case Q4_K_M:
    case Q5_K_M: return is_sensitive(layer, s->n_down) ? TYPE_Q6_K : mix->type;
    default: return mix->type;
    }
}

type_id requant_mix_type(const requant_mix *mix, const requant_shape *s, const gguf_tensor *t) {
    const uint64_t layer = layer_of(t->name);
    const uint32_t m = mix->file_type;
    if (type_get(mix->type)->block_elems == 1) return mix->type;
    if (str_eq(t->name, STR("output.weight")) || (str_eq(t->name, STR("token_embd.weight")) && !s->has_output))
        return t->dim[0] % 256 ? TYPE_Q8_0 : mix->type == TYPE_Q8_0 ? TYPE_Q8_0 : TYPE_Q6_K;
    if (has(t->name, "attn_v.weight") || has(t->name, "attn_qkv.weight")) return type_of_values(mix, s, layer);
    if (has(t->name, "ffn_down")) return type_of_down(mix, s, layer);
    if (has(t->name, "attn_output.weight"))
        return m == Q2_K ? TYPE_Q3_K : m == Q3_K_M ? TYPE_Q4_K : m == Q3_K_L ? TYPE_Q5_K : mix->type;
    return mix->type;
}

type_id requant_fit(type_id t, uint64_t n) {
    if (n % 256 && type_get(t)->block_elems == 256) {
        switch (t) {
        case TYPE_Q4_K: t = TYPE_Q5_0; break;
        case TYPE_Q5_K: t = TYPE_Q5_1; break;
        case TYPE_Q6_K: t = TYPE_Q8_0; break;
        case TYPE_IQ4_XS: t = TYPE_IQ4_NL; break;
        default: t = TYPE_Q4_0; break;
        }
    }
    return n % (uint64_t)type_get(t)->block_elems ? TYPE_F16 : t;
}
