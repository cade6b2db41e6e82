/* recommend.c - one table: models by the beginning of their names, and the sampling that their developers publish.
 *
 * Files name themselves in many ways: "Llama 3.2 1B Instruct", "Meta-Llama-3.1-8B", "Qwen_Qwen3-0.6B-Q8_0.gguf".  So names
 * are compared by their letters and digits alone, behind a maker's name or not.  A row counts only from the
 * beginning on: what others trained further ("Hermes 3 Llama 3.2") is not what the developers speak of.
 * Source: generation_config.json of the published models, where a comment names no other. */
#include "recommend.h"
#include <string.h>

#define UNSAID (-1)

struct recommendation {
    const char *begin, *name;
    float       temperature, top_p, min_p;
    int         top_k;
};

static const recommendation table[] = {
    {"deepseekr1distill", "DeepSeek-R1-Distill", 0.6f, 0.95f, UNSAID, UNSAID},
    {"llama3", "Llama 3", 0.6f, 0.9f, UNSAID, UNSAID},
    {"qwen25", "Qwen2.5", 0.7f, 0.8f, UNSAID, 20},
    {"qwen3", "Qwen3", 0.6f, 0.95f, 0, 20}, /* its model card: the thinking mode */
    {"smollm2", "SmolLM2", 0.2f, 0.9f, UNSAID, UNSAID}, /* its model card */
    {"phi35", "Phi-3.5", 0, UNSAID, UNSAID, UNSAID}, /* its model card: greedy */
    {"gemma3", "Gemma 3", 1, 0.95f, UNSAID, 64},
};

static const char *const makers[] = {"", "meta", "deepseekai", "qwen", "huggingfacetb", "microsoft", "google"};

/* Letters and digits of a name's beginning, in lower case, NUL ended. */
enum { PLAIN_ROOM = 48 };
static void make_plain(char out[PLAIN_ROOM], str name) {
    size_t n = 0;
    for (size_t i = 0; i < name.n && n + 1 < PLAIN_ROOM; i++) {
        const char c = name.p[i], low = (char)(c | 32);
        if (c >= '0' && c <= '9') out[n++] = c;
        else if (low >= 'a' && low <= 'z') out[n++] = low;
    }
    out[n] = 0;
}

const recommendation *recommendation_of(str name) {
    char plain[PLAIN_ROOM];
    make_plain(plain, name);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        for (size_t k = 0; k < ARRAY_LEN(makers); k++) {
            const size_t n = strlen(makers[k]);
            if (!strncmp(plain, makers[k], n) && !strncmp(plain + n, table[i].begin, strlen(table[i].begin))) return &table[i];
        }
    return NULL;
}

const char *recommendation_name(const recommendation *r) { return r->name; }

void recommendation_apply(const recommendation *r, slm_sampling *p) {
    if (r->temperature >= 0) p->temperature = r->temperature;
    if (r->top_p >= 0) p->top_p = r->top_p;
    if (r->min_p >= 0) p->min_p = r->min_p;
    if (r->top_k >= 0) p->top_k = r->top_k;
}
