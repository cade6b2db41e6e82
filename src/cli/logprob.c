/* logprob.c - logits as natural logarithms of probabilities. */
#include "cli.h"
#include "../json.h"
#include <math.h>
#include <string.h>

/* By the largest z, so that nothing overflows. */
double log_sum_exp(const float *z, int n) {
    double max = -HUGE_VAL, sum = 0;
    for (int i = 0; i < n; i++)
        if ((double)z[i] > max) max = (double)z[i];
    for (int i = 0; i < n; i++) sum += exp((double)z[i] - max);
    return max + log(sum);
}

/* By insertion: k is small, and most of z is smaller than all of them. */
void find_top(ranked *top, int k, const float *z, int n, double norm) {
    int n_in = 0;
    for (int i = 0; i < n && k; i++) {
        const double x = (double)z[i] - norm;
        if (n_in == k && !(x > top[k - 1].logprob)) continue;
        int at = n_in < k ? n_in++ : k - 1;
        for (; at > 0 && top[at - 1].logprob < x; at--) top[at] = top[at - 1];
        top[at] = (ranked){i, x};
    }
}

static void put_one(strbuf *b, const slm_model *m, int32_t id, double logprob) {
    size_t      n = 0;
    const char *p = slm_token_bytes(m, id, &n);
    strbuf_fmt(b, "\"id\":%d,\"piece\":", id);
    json_write_str(b, (str){p ? p : "", p ? n : 0});
    strbuf_str(b, STR(",\"logprob\":"));
    json_write_num(b, logprob);
}

void logprob_put(strbuf *b, const slm_model *m, const float *z, int n_vocab, int32_t id, int n_top) {
    ranked       top[MAX_LOGPROBS];
    const double norm = log_sum_exp(z, n_vocab);
    const int    k = n_top < n_vocab ? n_top : n_vocab; /* no more exist */
    find_top(top, k, z, n_vocab, norm);
    put_one(b, m, id, (double)z[id] - norm);
    strbuf_str(b, STR(",\"top\":["));
    for (int i = 0; i < k; i++) {
        strbuf_str(b, i ? STR(",{") : STR("{"));
        put_one(b, m, top[i].id, top[i].logprob);
        strbuf_char(b, '}');
    }
    strbuf_char(b, ']');
}
