/* test_tokenizer.c - splitting, both families, special tokens and trust, broken vocabularies, time;
 * and the public cases of ../shared where that is there. */
#include "test.h"
#include "mkmodel.h"
#include "../src/json.h"
#include "../src/limits.h"
#include "../src/tok_split.h"
#include "../src/tokenizer.h"
#include "../src/unicode.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- splitting ---------------------------------------------------------------- */

static bool put_word(void *ud, str word) {
    strbuf *b = ud;
    if (b->n) strbuf_char(b, '|');
    strbuf_str(b, word);
    return true;
}

/* What each rule makes of a text, parts separated by |.  From the models' published expressions;
 * Perl 5.36 gives the same (and on 20,000 random texts for each rule, 2026-11). */
#define E "\xc3\xa9"
static void splitters_cut_as_their_models_do(void) {
    static const struct {
        const char *pre, *text, *parts;
    } golden[] = {
        {"gpt-2", "can't  stop I'M 1234 x\n\n y  ", "can|'t| | stop| I|'|M| 1234| x|\n\n| y|  "},
        {"gpt-2", "a\tb ?!c", "a|\t|b| ?!|c"},
        {"smollm", "a 12 b12", "a| |1|2| b|1|2"},
        {"llama-bpe", "can't  I'M 12345 x\n\n y  \n z", "can|'t| | I|'M| |123|45| x|\n\n| y|  \n| z"},
        {"llama-bpe", "(hello) $x\r\n=\n\n", "(hello|)| $|x|\r\n|=\n\n"},
        {"qwen2", "a123 b\xe2\x82\xac x", "a|1|2|3| b|\xe2\x82\xac| x"},
        {"qwen2", "e\xcc\x81t", "e|\xcc\x81t"},
        {"qwen35", "e\xcc\x81t \xcc\x81", "e\xcc\x81t| \xcc\x81"},
        {"gpt-4o", "HelloWorld's ABCdef 1234/ //\n", "Hello|World's| ABCdef| |123|4|/| //\n"},
        {"gpt-4o", "ABC ab CD'LL", "ABC| ab| CD'LL"},
        {"tekken", "HelloWorld's 12", "Hello|World|'s| |1|2"},
        {"tekken", "\xe4\xb8\xad" "ABC", "\xe4\xb8\xad|ABC"},
        {"default", "it's 12345, ok+=", "it|'|s| |123|45|,| ok|+="},
        {"falcon", "12345 `x", "123|45| |`|x"},
        {"deepseek-coder", "ab 12\n\nx, \xe4\xb8\xad!", "ab| |1|2|\n|\n|x|,| |\xe4\xb8\xad|!"},
        {"deepseek-llm", "ab 12 c.  ", "ab| |12| c|.|  "},
        {"deepseek-v3", "ab 1234 c. =x", "ab| |123|4| c|.| =|x"},
        /* Between two letters of the list: Armenian's capitals are in it, its small ones are not; of the planes behind, Osage,
         * Hungarian, Warang Citi and Adlam are, Vithkuqi is not. */
        {"deepseek-llm", E "\xd4\xb1" E " " E "\xd5\xa1" E " " E "\xe1\x83\x87 " E "\xe1\xb2\x81 " E "\xe2\xb4\x80 " E "\xea\x9e\x90 " E "\xea\xac\xb0",
         E "\xd4\xb1" E "| " E "|\xd5\xa1|" E "| " E "|\xe1\x83\x87| " E "|\xe1\xb2\x81| " E "|\xe2\xb4\x80| " E "|\xea\x9e\x90| " E "|\xea\xac\xb0"},
        {"deepseek-llm", E "\xf0\x90\x92\xb0 " E "\xf0\x90\xb2\x80 " E "\xf0\x91\xa2\xa0 " E "\xf0\x9e\xa4\x80 " E "\xf0\x90\x95\xb0",
         E "\xf0\x90\x92\xb0| " E "\xf0\x90\xb2\x80| " E "\xf0\x91\xa2\xa0| " E "\xf0\x9e\xa4\x80| " E "|\xf0\x90\x95\xb0"},
        {"deepseek-llm", "a\xef\xbc\x81" "b\xef\xbc\x9a" "c\xe2\x80\x98" "d\xe3\x80\x82" "e\xef\xbc\x90" "f\xe2\x82\xac",
         "a|\xef\xbc\x81|b|\xef\xbc\x9a|c|\xe2\x80\x98|d|\xe3\x80\x82|e|\xef\xbc\x90|f|\xe2\x82\xac"},
        {"deepseek-llm", "\xea\xb0\x80\xe4\xb8\x80\xe9\xbf\xbf\xea\x80\x80", "\xea\xb0\x80\xe4\xb8\x80|\xe9\xbf\xbf\xea\x80\x80"},
        {"deepseek-v3", "\xe3\x81\x82\xe3\x82\xa2\xe4\xb8\x80\xed\x95\x9c", "\xe3\x81\x82\xe3\x82\xa2\xe4\xb8\x80|\xed\x95\x9c"},
        {"llama-bpe", "A're B've C'll D'd E'Re F'l G'r H'v I'\xc5\xbf", "A|'re| B|'ve| C|'ll| D|'d| E|'Re| F|'l| G|'r| H|'v| I|'\xc5\xbf"},
        {"llama-bpe", "", ""},
        {"gpt-2", "\xff \xc3", "\xff| \xc3"}};
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        const splitter *s = split_find(str_of(golden[i].pre));
        strbuf          b = {0};
        CHECK(s != NULL);
        if (s) split_text(s, str_of(golden[i].text), put_word, &b);
        CHECK_STR(((str){b.p, b.n}), str_of(golden[i].parts));
        strbuf_free(&b);
    }
    CHECK(!split_find(STR("gpt")));
    CHECK(!split_find(STR("")));
    CHECK(!split_find(STR("llama-bpe llama3")));
}
#undef E

static bool count_bytes(void *ud, str word) {
    *(size_t *)ud += word.n;
    return word.n > 0;
}

/* Random text of the characters that rules tell apart. */
static size_t random_text(char *out, size_t room, uint64_t *seed, bool broken) {
    static const char *const bits[] = {"a", "B", "'", "s", "ll", "1", " ", "  ", "\n", "\r", "\t", "/",
                                       "!", "$", "\xc3\xa9", "\xcc\x81", "\xe4\xb8\xad", "\xc2\xb2",
                                       "\xe2\x96\x81", "\xe2\x80\x83", "\xf0\x9f\x98\x80", "the"};
    size_t n = 0;
    while (n + 8 < room && (n == 0 || test_rand(seed) % 40)) {
        if (broken && test_rand(seed) % 3 == 0) out[n++] = (char)test_rand(seed);
        else {
            const char *s = bits[test_rand(seed) % ARRAY_LEN(bits)];
            memcpy(out + n, s, strlen(s));
            n += strlen(s);
        }
    }
    return n;
}

static void parts_make_up_the_text(void) {
    static const char *const pre[] = {"llama-bpe", "qwen2", "qwen35", "gpt-4o", "tekken", "gpt-2",
                                      "smollm", "falcon", "default", "deepseek-llm",
                                      "deepseek-coder", "deepseek-v3"};
    uint64_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        char   text[256];
        size_t n = random_text(text, sizeof text, &seed, i & 1), sum = 0;
        CHECK(split_text(split_find(str_of(pre[i % (int)ARRAY_LEN(pre)])), (str){text, n},
                         count_bytes, &sum));
        CHECK_INT(sum, n);
    }
}

/* ---- small vocabularies ---------------------------------------------------------- */

enum { MAX_TOKENS = 400 };
typedef struct {
    str     text[MAX_TOKENS];
    char    room[MAX_TOKENS][24];
    int32_t type[MAX_TOKENS];
    float   score[MAX_TOKENS];
    size_t  n;
} words;

static void add_word(words *w, const char *s, int type, float score) {
    size_t n = strlen(s);
    memcpy(w->room[w->n], s, n);
    w->text[w->n] = (str){w->room[w->n], n};
    w->type[w->n] = type;
    w->score[w->n++] = score;
}

/* Byte b as the file spells it. */
static void spell(int b, char out[4]) {
    uint32_t cp = 256;
    for (int k = 0; k <= b; k++) {
        bool printable = (k >= 0x21 && k <= 0x7e) || (k >= 0xa1 && k <= 0xac) || k >= 0xae;
        if (k == b) cp = printable ? (uint32_t)b : cp;
        else if (!printable) cp++;
    }
    out[utf8_encode(cp, out)] = 0;
}

static const char *const merges[] = {"h e", "l l", "he ll", "hell o", "\xc4\xa0 hello", "a a", "aa aa",
                                     "aaaa aaaa", "a b", "1 2", "not_there x"};

/* Bytes are ids 0 .. 255, then the merged pieces, then these. */
static void bpe_words(words *w) {
    char s[24];
    for (int b = 0; b < 256; b++) {
        spell(b, s);
        add_word(w, s, 1, 0);
    }
    for (size_t i = 0; i + 1 < ARRAY_LEN(merges); i++) {
        const char *gap = strchr(merges[i], ' ');
        snprintf(s, sizeof s, "%.*s%s", (int)(gap - merges[i]), merges[i], gap + 1);
        add_word(w, s, 1, 0);
    }
    add_word(w, "<|im_start|>", 3, 0);
    add_word(w, "<|im_end|>", 1, 0); /* a file that calls it ordinary */
    add_word(w, "<tool>", 4, 0);
    add_word(w, "<tool>er", 4, 0);
    add_word(w, "[PAD1]", 5, 0);
    add_word(w, "[PAD1]", 5, 0);
    add_word(w, "<|turn|>", 4, 0); /* as fine-tuned models' files call it */
}

static void spm_words(words *w) {
    char s[24];
    add_word(w, "<unk>", 2, 0);
    add_word(w, "<s>", 3, 0);
    add_word(w, "</s>", 4, 0);
    for (int b = 0; b < 256; b++) {
        snprintf(s, sizeof s, "<0x%02X>", (unsigned)b);
        add_word(w, s, 6, 0);
    }
    static const char *const piece[] = {"\xe2\x96\x81", "a", "b", "<", "s", ">", "/",
                                        "aa", "aaaa", "\xe2\x96\x81\x61", "<s", "s>", "ab",
                                        "\xe2\x96\x81\xe2\x96\x81"};
    for (size_t i = 0; i < ARRAY_LEN(piece); i++) add_word(w, piece[i], 1, -(float)i);
    add_word(w, "<|end|>", 3, 0);
    add_word(w, "<|user|>", 3, 0);
    add_word(w, "\n\n", 4, 0);
}

static void put_words(mk *m, const words *w, const char *model, const char *pre, const char *arch) {
    mk_str(m, "general.architecture", arch);
    mk_str(m, "tokenizer.ggml.model", model);
    if (pre) mk_str(m, "tokenizer.ggml.pre", pre);
    mk_strs(m, "tokenizer.ggml.tokens", w->text, w->n);
    mk_i32s(m, "tokenizer.ggml.token_type", w->type, w->n);
    if (!strcmp(model, "llama")) mk_f32s(m, "tokenizer.ggml.scores", w->score, w->n);
    else {
        str list[ARRAY_LEN(merges)];
        for (size_t i = 0; i < ARRAY_LEN(merges); i++) list[i] = str_of(merges[i]);
        mk_strs(m, "tokenizer.ggml.merges", list, ARRAY_LEN(merges));
    }
}

static tokenizer *load_mk(mk *m, slm_error *err) {
    gguf      *g = NULL;
    tokenizer *t = NULL;
    mk_finish(m);
    if (!gguf_open_memory(&g, m->out.p, m->out.n, "test.gguf", err)) {
        tok_load(&t, g, err);
        gguf_close(g);
    }
    mk_free(m); /* the tokenizer must not point into it */
    return t;
}

static tokenizer *small(const char *model, const char *pre, const char *arch) {
    words    *w = mem_zero(1, sizeof *w);
    mk        m = {0};
    slm_error err = {0};
    strcmp(model, "llama") ? bpe_words(w) : spm_words(w);
    put_words(&m, w, model, pre, arch);
    tokenizer *t = load_mk(&m, &err);
    if (!t) printf("    %s\n", err.text);
    CHECK(t != NULL);
    mem_free(w);
    return t;
}

/* The pieces of a text, separated by |; special tokens in full. */
static void pieces_are(const tokenizer *t, str text, const char *trust, unsigned flags,
                       const char *want) {
    id_list l = {0};
    strbuf  b = {0};
    uint8_t mask[256];
    for (size_t i = 0; trust && i < text.n; i++) mask[i] = trust[i] == '1';
    CHECK_INT(tok_encode(t, text, trust ? mask : NULL, flags, &l, NULL), SLM_OK);
    for (size_t i = 0; i < l.n; i++) {
        str s = tok_bytes(t, l.p[i]);
        strbuf_fmt(&b, "%s%s", i ? "|" : "", tok_is_control(t, l.p[i]) ? "#" : "");
        strbuf_str(&b, s);
    }
    CHECK_STR(((str){b.p, b.n}), str_of(want));
    id_free(&l);
    strbuf_free(&b);
}

static void bpe_joins_by_rank(void) {
    tokenizer *t = small("gpt2", "gpt-2", "llama");
    if (!t) return;
    pieces_are(t, STR("hello hello"), NULL, 0, "hello| hello");
    pieces_are(t, STR("hellaaaaaab"), NULL, 0, "hell|aaaa|aa|b"); /* aa before ab */
    pieces_are(t, STR("12\n"), NULL, 0, "12|\n");
    pieces_are(t, STR(""), NULL, TOK_SPECIAL, "");
    pieces_are(t, STR("a\xff" "b"), NULL, 0, "a|\xef|\xbf|\xbd|b"); /* U+FFFD */
    CHECK_INT(tok_find_control(t, STR("<|im_end|>")), 267);
    CHECK_INT(tok_find_control(t, STR("<tool>")), -1);
    CHECK(tok_ends_turn(t, 267));
    CHECK_INT(tok_bos(t), -1);
    CHECK_INT(tok_bytes(t, -1).n + tok_bytes(t, 1 << 30).n, 0);
    CHECK_STR(str_of(tok_pre(t)), STR("gpt-2"));
    tok_free(t);
    /* Single digits apart, so that 1 2 cannot join; whole words are not merged. */
    t = small("gpt2", "smollm", "llama");
    if (t) pieces_are(t, STR("12"), NULL, 0, "1|2");
    tok_free(t);
    t = small("gpt2", NULL, "llama");
    if (t) CHECK_STR(str_of(tok_pre(t)), STR("default"));
    tok_free(t);
}

static void control_tokens_need_trust(void) {
    tokenizer *t = small("gpt2", "gpt-2", "llama");
    if (!t) return;
    str s = STR("<|im_end|>x<tool>y");
    pieces_are(t, s, NULL, TOK_SPECIAL, "#<|im_end|>|x|<tool>|y");
    pieces_are(t, s, NULL, 0, "<|||i|m|_|e|n|d|||>|x|<tool>|y");
    pieces_are(t, s, "111111111100000000", TOK_SPECIAL, "#<|im_end|>|x|<tool>|y");
    pieces_are(t, s, "111111111000000000", TOK_SPECIAL, "<|||i|m|_|e|n|d|||>|x|<tool>|y");
    pieces_are(t, s, "011111111111111111", TOK_SPECIAL, "<|||i|m|_|e|n|d|||>|x|<tool>|y");
    pieces_are(t, STR("<tool>er <tool>e"), NULL, 0, "<tool>er| |<tool>|e"); /* the longest one */
    /* Half of it typed by the user, half by the template: still text. */
    pieces_are(t, STR("<|im_start|><|im_start|>"), "111111111111111111000000", TOK_SPECIAL,
               "#<|im_start|>|<|||i|m|_|s|t|a|r|t|||>");
    /* A text to who tokenizes text, but no user's message opens a turn with it. */
    pieces_are(t, STR("<|turn|>"), NULL, 0, "<|turn|>");
    pieces_are(t, STR("<|turn|><tool>"), "11111111000000", TOK_SPECIAL, "<|turn|>|<tool>");
    pieces_are(t, STR("<|turn|><tool>"), "11111110000000", TOK_SPECIAL, "<|||t|u|r|n|||>|<tool>");
    tok_free(t);
}

static void sentencepiece_joins_by_score(void) {
    tokenizer *t = small("llama", "default", "llama");
    if (!t) return;
    pieces_are(t, STR("aab"), NULL, 0, " |aa|b"); /* aa has a better score than " a" and ab */
    pieces_are(t, STR("a ab"), NULL, 0, " a| a|b");
    pieces_are(t, STR("c\xc3\xa9\xff"), NULL, 0, " |c|\xc3|\xa9|\xff"); /* bytes */
    pieces_are(t, STR("\xe2\x96\x81" "a"), NULL, 0, " | a");
    pieces_are(t, STR("<s>a"), NULL, TOK_SPECIAL, "#<s>| a");
    pieces_are(t, STR("<s>a</s>"), NULL, 0, " |<s|>|a|<|/|s>"); /* never by merging */
    pieces_are(t, STR("<s>a</s>"), NULL, TOK_SPECIAL | TOK_BOS, "#<s>|#<s>| a|#</s>");
    pieces_are(t, STR("a\n\na"), NULL, 0, " a|\n\n| a");
    CHECK(tok_ends_turn(t, 2) && tok_is_control(t, 2) && tok_adds_bos(t) && tok_strips_first_space(t));
    CHECK_INT(tok_bos(t), 1);
    CHECK_STR(str_of(tok_model(t)), STR("llama"));
    tok_free(t);
}

static void phi3_strips_behind_its_tokens(void) {
    tokenizer *t = small("llama", "default", "phi3");
    if (!t) return;
    pieces_are(t, STR("<|user|> \n a<|end|>\xe2\x80\x83 "), NULL, TOK_SPECIAL, "#<|user|>| a|#<|end|>");
    pieces_are(t, STR("<s> a"), NULL, TOK_SPECIAL, "#<s>| | a");
    tok_free(t);
    t = small("llama", "default", "llama");
    if (t) pieces_are(t, STR("<|user|> a"), NULL, TOK_SPECIAL, "#<|user|>| | a");
    tok_free(t);
}

static void qwen_text_is_normalized(void) {
    tokenizer *t = small("gpt2", "qwen2", "qwen2");
    if (!t) return;
    pieces_are(t, STR("e\xcc\x81"), NULL, 0, "\xc3|\xa9");
    pieces_are(t, STR("\xea\xb0\x80\xe1\x86\xa8"), NULL, 0, "\xea|\xb0|\x81");
    tok_free(t);
}

/* ---- properties --------------------------------------------------------------------- */

static void round_trip(const tokenizer *t, str text, size_t drop) {
    id_list l = {0};
    strbuf  b = {0};
    CHECK_INT(tok_encode(t, text, NULL, TOK_SPECIAL, &l, NULL), SLM_OK);
    for (size_t i = 0; i < l.n; i++) strbuf_str(&b, tok_bytes(t, l.p[i]));
    if (text.n && text.p[0] == '<') drop = 0;
    if (b.n >= drop) CHECK_STR(((str){b.p + drop, b.n - drop}), text);
    id_free(&l);
    strbuf_free(&b);
}

/* Text comes back byte for byte; SentencePiece keeps broken bytes too, where no space follows
 * one. */
static void encoding_loses_nothing(void) {
    tokenizer *bpe = small("gpt2", "llama-bpe", "llama"), *spm = small("llama", NULL, "llama");
    uint64_t   seed = 11;
    for (int i = 0; i < 2000 && bpe && spm && !test_failed(); i++) {
        char   text[300], clean[300];
        size_t n = random_text(text, sizeof text, &seed, false), k = 0;
        round_trip(bpe, (str){text, n}, 0);
        for (size_t j = 0; j < n; j++) /* U+2581 is a space here */
            if (n - j >= 3 && !memcmp(text + j, "\xe2\x96\x81", 3)) j += 2;
            else if (text[j] != '\n') clean[k++] = text[j]; /* two are a special token */
        round_trip(spm, (str){clean, k}, 1);
        for (size_t j = 0; j < n; j++) text[j] = (char)(test_rand(&seed) | 0x80);
        round_trip(spm, (str){text, n < 3 ? 0 : n}, n < 3 ? 0 : 1);
    }
    tok_free(bpe);
    tok_free(spm);
}

/* Short words, cached words and the heap are three ways to one answer. */
static void long_and_short_words_join_alike(void) {
    tokenizer *t = small("llama", NULL, "llama");
    uint64_t   seed = 5;
    for (int i = 0; i < 300 && t && !test_failed(); i++) {
        /* A word of 60 to 100 letters, and the same letters at the front of a word so short that
         * the last piece cannot reach back: equal up to the last two pieces. */
        char    text[128];
        id_list whole = {0}, again = {0};
        size_t  n = 60 + (size_t)(test_rand(&seed) % 40);
        for (size_t k = 0; k < n; k++) text[k] = "aaab"[test_rand(&seed) % 4];
        memcpy(text + 30, "</</", 4); /* nothing joins across */
        tok_encode(t, (str){text, n}, NULL, 0, &whole, NULL);
        tok_encode(t, (str){text, 33}, NULL, 0, &again, NULL);
        CHECK(again.n < whole.n);
        if (again.n < whole.n) CHECK_SAME(whole.p, again.p, again.n * sizeof *again.p, "ids");
        id_free(&whole);
        id_free(&again);
    }
    tok_free(t);
}

/* Of the processor, not of the clock: the machine may be busy. */
static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double encode_ms(const tokenizer *t, str text, int times) {
    double best = 1e9;
    for (int i = 0; i < times; i++) {
        id_list l = {0};
        double  t0 = cpu_ms();
        tok_encode(t, text, NULL, TOK_SPECIAL, &l, NULL);
        double ms = cpu_ms() - t0;
        if (ms < best) best = ms;
        id_free(&l);
    }
    return best;
}

/* More text takes as much more time. */
static void time_is_linear_in_hostile_text(void) {
    static const char *const runs[] = {"a", " ", "\n", "<", "ab", "\xcc\x81", "<|im_start|", "\xff", "'", "\xe2\x96\x81"};
    tokenizer *t[] = {small("gpt2", "qwen2", "qwen2"), small("llama", NULL, "phi3"),
                      small("gpt2", "gpt-4o", "llama"), small("gpt2", "deepseek-llm", "llama")};
    size_t     n = 1u << 18;
    char      *text = mem_zero(n, 1);
    for (size_t k = 0; k < ARRAY_LEN(t); k++)
        for (size_t r = 0; r < ARRAY_LEN(runs) && t[k] && text; r++) {
            size_t len = strlen(runs[r]);
            for (size_t i = 0; i < n; i++) text[i] = runs[r][i % len];
            /* Four times the text: linear is 4, quadratic 16.  Between them lie a busy machine and the
             * sizes at which malloc turns to fresh pages. */
            double part = 1e9, all = 1e9;
            for (int attempt = 0; attempt < 15 && !(all <= 6 * part + 1 && attempt); attempt++) {
                part = fmin(part, encode_ms(t[k], (str){text, n / 4}, 2));
                all = fmin(all, encode_ms(t[k], (str){text, n}, 2));
            }
            if (all > 9 * part + 1) printf("    tokenizer %zu, run %zu: %.1f and %.1f ms\n", k, r, part, all);
            CHECK(all <= 9 * part + 1);
            CHECK(all < 1000);
        }
    for (size_t k = 0; k < ARRAY_LEN(t); k++) tok_free(t[k]);
    mem_free(text);
}

/* Special tokens that a stranger chose: thousands of one text, and each almost the beginning of the text. */
static void time_is_linear_in_hostile_specials(void) {
    enum { TWINS = 20000, NEAR = 250, N = TWINS + NEAR + 3, TEXT = 1 << 18 };
    str     *text = mem_zero(N, sizeof *text);
    int32_t *type = mem_zero(N, sizeof *type);
    char    *a = mem_zero(TEXT, 1), near[NEAR + 2], *room = mem_zero((size_t)NEAR * sizeof near, 1);
    CHECK(text && type && a && room);
    memset(a, 'a', TEXT);
    for (int i = 0; i < N; i++) text[i] = STR("a"), type[i] = 3;
    for (int i = 0; i < NEAR; i++) {
        char *s = room + (size_t)i * sizeof near;
        memset(s, 'a', (size_t)i + 1);
        s[i + 1] = 'b';
        text[TWINS + i] = (str){s, (size_t)i + 2};
    }
    /* Of one text: the first control token where those are asked for, else the first other one. */
    const int32_t first_user = TWINS + NEAR;
    text[first_user] = text[first_user + 1] = STR("xy");
    text[first_user + 2] = STR("x");
    type[first_user] = type[first_user + 2] = 4;
    mk        m = {0};
    slm_error err = {0};
    mk_str(&m, "tokenizer.ggml.model", "llama");
    mk_strs(&m, "tokenizer.ggml.tokens", text, N);
    mk_i32s(&m, "tokenizer.ggml.token_type", type, N);
    tokenizer *t = load_mk(&m, &err);
    CHECK(t != NULL);
    for (unsigned flags = 0; t && flags <= TOK_SPECIAL; flags += TOK_SPECIAL) {
        id_list      l = {0};
        const double t0 = cpu_ms();
        CHECK(!tok_encode(t, (str){a, TEXT}, NULL, flags, &l, &err));
        CHECK(cpu_ms() - t0 < 1000);
        CHECK(l.n == (flags ? TEXT : 0) && (!l.n || (l.p[0] == 0 && l.p[TEXT - 1] == 0)));
        l.n = 0;
        CHECK(!tok_encode(t, STR("xyxaab"), NULL, flags, &l, &err));
        CHECK(l.n == (flags ? 3 : 2) && l.p[0] == first_user && l.p[1] == first_user + 2 && (!flags || l.p[2] == TWINS + 1));
        id_free(&l);
    }
    tok_free(t);
    mem_free(text);
    mem_free(type);
    mem_free(a);
    mem_free(room);
}

static void refuses_floods_of_specials(void) {
    enum { N = TOK_MAX_SPECIALS + 1 };
    str     *text = mem_zero(N, sizeof *text);
    int32_t *type = mem_zero(N, sizeof *type);
    CHECK(text && type);
    for (int i = 0; i < N && text && type; i++) text[i] = STR("<x>"), type[i] = 3 + i % 2;
    mk        m = {0};
    slm_error err = {0};
    mk_str(&m, "tokenizer.ggml.model", "llama");
    mk_strs(&m, "tokenizer.ggml.tokens", text, N);
    mk_i32s(&m, "tokenizer.ggml.token_type", type, N);
    CHECK(!load_mk(&m, &err));
    CHECK_TEXT(err.text, "1048577 control and user-defined tokens, the limit is 1048576");
    mem_free(text);
    mem_free(type);
}

/* ---- broken vocabularies --------------------------------------------------------------- */

typedef struct {
    const char *what;
    slm_status  code;
    const char *says;
} fault;

static void spoil(mk *m, const words *w, size_t kind) {
    if (kind != 4)
        put_words(m, w, kind == 0 ? "bert" : "gpt2", kind == 1 ? "nope" : "gpt-2", "llama");
    switch (kind) {
    case 2: mk_u32(m, "tokenizer.ggml.bos_token_id", (uint32_t)w->n); break;
    case 3: mk_f32(m, "tokenizer.ggml.eos_token_id", 1); break;
    case 5: mk_u32(m, "tokenizer.ggml.add_bos_token", 7); break;
    default: break;
    }
}

static void broken_vocabularies_are_refused(void) {
    static const fault faults[] = {
        {"model", SLM_ERR_UNSUPPORTED, "\"bert\" is not supported: gpt2 llama"},
        {"splitter", SLM_ERR_UNSUPPORTED, "\"nope\" is not supported: llama-bpe"},
        {"id past the end", SLM_ERR_FORMAT, "tokenizer.ggml.bos_token_id = 273"},
        {"id of the wrong kind", SLM_ERR_FORMAT, "tokenizer.ggml.eos_token_id is not a token id"},
        {"nothing at all", SLM_ERR_FORMAT, "no tokenizer.ggml.model"},
        {"flag of the wrong kind", SLM_ERR_FORMAT, "tokenizer.ggml.add_bos_token"}};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        words    *w = mem_zero(1, sizeof *w);
        mk        m = {0};
        slm_error err = {0};
        bpe_words(w);
        spoil(&m, w, i);
        tokenizer *t = load_mk(&m, &err);
        CHECK(!t);
        CHECK_INT(err.code, faults[i].code);
        CHECK_TEXT(err.text, faults[i].says);
        tok_free(t);
        mem_free(w);
    }
}

/* Kinds that no id and no list of types has. */
static void kinds_are_checked(void) {
    static const char raw_bool[] = "\1", raw_f64[8], raw_array[12], *const keys[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.token_type"};
    static const uint32_t ends[2] = {0, 1};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        for (int kind = 0; kind < GGUF_KINDS; kind++) {
            uint8_t   list[12 + 16] = {(uint8_t)kind, 0, 0, 0, 2};
            words    *w = mem_zero(1, sizeof *w);
            mk        m = {0};
            slm_error err = {0};
            bpe_words(w);
            if (k) w->n = 2;
            mk_str(&m, "tokenizer.ggml.model", "gpt2");
            mk_strs(&m, "tokenizer.ggml.tokens", w->text, w->n);
            mk_strs(&m, "tokenizer.ggml.merges", w->text, 0);
            const bool is_int = kind == GGUF_U8 || kind == GGUF_I8 || kind == GGUF_U16 || kind == GGUF_I16 || kind == GGUF_U32 || kind == GGUF_I32 ||
                                kind == GGUF_U64 || kind == GGUF_I64;
            if (k && kind != GGUF_STR && kind != GGUF_ARRAY) mk_raw(&m, str_of(keys[k]), GGUF_ARRAY, list, 12 + 2 * (kind == GGUF_F64 || kind == GGUF_U64 || kind == GGUF_I64 ? 8 : kind == GGUF_U16 || kind == GGUF_I16 ? 2 : kind == GGUF_U8 || kind == GGUF_I8 || kind == GGUF_BOOL ? 1 : 4));
            else if (k && kind == GGUF_STR) mk_strs(&m, keys[k], w->text, 2);
            else if (kind == GGUF_ARRAY) mk_raw(&m, str_of(keys[k]), GGUF_ARRAY, raw_array, 12);
            else if (kind == GGUF_STR) mk_str(&m, keys[k], "1");
            else if (kind == GGUF_BOOL) mk_raw(&m, str_of(keys[k]), GGUF_BOOL, raw_bool, 1);
            else if (kind == GGUF_F32) mk_f32(&m, keys[k], (float)ends[1]);
            else if (kind == GGUF_F64) mk_raw(&m, str_of(keys[k]), GGUF_F64, raw_f64, 8);
            else mk_uint(&m, keys[k], (gguf_kind)kind, 1);
            tokenizer *t = load_mk(&m, &err);
            CHECK_INT(err.code, is_int ? SLM_OK : SLM_ERR_FORMAT);
            if (!is_int) CHECK_TEXT(err.text, k ? "token_type " : "is not a token id");
            tok_free(t);
            mem_free(w);
        }
}

/* As tok_vocab.c has them. */
static uint32_t hash_text(const char *p, size_t n) {
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t       h = n * k, x = 0;
    memcpy(&x, p, n);
    h = (h ^ x) * k;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 7);
}

static uint32_t hash_pair(uint32_t a, uint32_t b) {
    const uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 9);
}

/* Texts, or pairs of tokens, made to meet in one part of their table are refused instead of taking quadratic time. */
static void collisions_are_refused(void) {
    enum { N = 600, LETTERS = 94 };
    static char room[LETTERS + 2 * N][8];
    static str  text[LETTERS + 2 * N], merge[N];
    slm_error   err = {0};
    mk          m = {0};
    size_t      n = 0, n_merge = 0;
    for (int i = 0; n < N; i++) {
        const size_t len = (size_t)snprintf(room[n], sizeof room[n], "%06x", i);
        if ((hash_text(room[n], len) & 1023) < 64) text[n] = (str){room[n], len}, n++;
    }
    mk_str(&m, "tokenizer.ggml.model", "gpt2");
    mk_strs(&m, "tokenizer.ggml.tokens", text, n);
    mk_strs(&m, "tokenizer.ggml.merges", NULL, 0);
    CHECK(!load_mk(&m, &err));
    CHECK_TEXT(err.text, "the texts of the tokens collide");
    for (n = 0; n < LETTERS; n++) room[n][0] = (char)('!' + n), text[n] = (str){room[n], 1};
    for (uint32_t i = 0; i < LETTERS * LETTERS && n_merge < N; i++) {
        const uint32_t a = i / LETTERS, b = i % LETTERS;
        if ((hash_pair(a, b) & 1023) >= 72) continue;
        char *joint = room[n], *rule = room[n + N];
        joint[0] = rule[0] = room[a][0];
        joint[1] = rule[2] = room[b][0];
        rule[1] = ' ';
        text[n++] = (str){joint, 2};
        merge[n_merge++] = (str){rule, 3};
    }
    CHECK(n_merge > 540);
    err = (slm_error){0};
    m = (mk){0};
    mk_str(&m, "tokenizer.ggml.model", "gpt2");
    mk_strs(&m, "tokenizer.ggml.tokens", text, n);
    mk_strs(&m, "tokenizer.ggml.merges", merge, n_merge);
    CHECK(!load_mk(&m, &err));
    CHECK_TEXT(err.text, "the merges collide");
}

/* What is asked of tokens that are not there, and texts that are too long. */
static void what_is_not_there(void) {
    tokenizer *t = small("gpt2", "gpt-2", "llama");
    id_list    ids = {0};
    slm_error  err = {0};
    if (!t) return;
    CHECK(!tok_is_control(t, -1) && !tok_is_control(t, tok_count(t)) && !tok_ends_turn(t, -1) && !tok_ends_turn(t, tok_count(t)));
    CHECK_INT(tok_find_control(t, STR("")), -1);
    CHECK_INT(tok_encode(t, (str){"", INT32_MAX / 3}, NULL, 0, &ids, &err), SLM_ERR_ARGUMENT);
    CHECK_TEXT(err.text, "text of 715827882 bytes is too long");
    tok_free(t);
    mk m = {0};
    err = (slm_error){0};
    mk_str(&m, "tokenizer.ggml.model", "a model whose name is longer than forty bytes");
    CHECK(!load_mk(&m, &err));
    CHECK_TEXT(err.text, "\"a model whose name is longer than forty \"");
}

/* Arrays that do not fit each other, built by hand. */
static void arrays_must_fit_each_other(void) {
    static const str     two[2] = {{"a", 1}, {"b", 1}};
    static const int32_t types[3] = {1, 1, 1};
    static const float   scores[3] = {0};
    for (int kind = 0; kind < 7; kind++) {
        mk        m = {0};
        slm_error err = {0};
        mk_str(&m, "tokenizer.ggml.model", kind < 4 ? "llama" : "gpt2");
        if (kind == 0) mk_strs(&m, "tokenizer.ggml.tokens", two, 0);
        else if (kind == 1) mk_i32s(&m, "tokenizer.ggml.tokens", types, 3);
        else mk_strs(&m, "tokenizer.ggml.tokens", two, 2);
        if (kind == 2) mk_f32s(&m, "tokenizer.ggml.scores", scores, 3);
        if (kind == 3) mk_i32s(&m, "tokenizer.ggml.scores", types, 2);
        if (kind == 4) mk_i32s(&m, "tokenizer.ggml.token_type", types, 3);
        if (kind == 5) mk_f32s(&m, "tokenizer.ggml.token_type", scores, 2);
        if (kind == 6) mk_i32s(&m, "tokenizer.ggml.merges", types, 2);
        tokenizer *t = load_mk(&m, &err);
        CHECK(!t);
        CHECK_INT(err.code, SLM_ERR_FORMAT);
        CHECK_TEXT(err.text, "tokenizer.ggml.");
        tok_free(t);
    }
}

static void odd_vocabularies_load(void) {
    /* Ids that mean none, no types, no scores, an empty list of merges, equal and empty texts. */
    static const str texts[] = {{"x", 1}, {"x", 1}, {"", 0}, {"\xff\xfe", 2}, {"[PAD]", 5}, {"<0xZZ>", 6}};
    static const int32_t types[] = {1, 1, 3, 1, 99, 6};
    for (int k = 0; k < 4; k++) {
        mk        m = {0};
        slm_error err = {0};
        mk_str(&m, "tokenizer.ggml.model", k & 1 ? "llama" : "gpt2");
        mk_strs(&m, "tokenizer.ggml.tokens", texts, ARRAY_LEN(texts));
        if (k & 2) mk_i32s(&m, "tokenizer.ggml.token_type", types, ARRAY_LEN(types));
        if (!(k & 1)) mk_strs(&m, "tokenizer.ggml.merges", texts, 0);
        mk_u32(&m, "tokenizer.ggml.bos_token_id", UINT32_MAX);
        mk_u32(&m, "tokenizer.ggml.seperator_token_id", UINT32_MAX);
        tokenizer *t = load_mk(&m, &err);
        CHECK_STR(str_of(err.text), STR(""));
        CHECK(t != NULL);
        if (!t) continue;
        CHECK_INT(tok_bos(t), -1);
        id_list l = {0};
        CHECK_INT(tok_encode(t, STR("x y[PAD]\xff\xfe"), NULL, TOK_SPECIAL | TOK_BOS, &l, NULL), SLM_OK);
        for (size_t i = 0; i < l.n; i++) CHECK(l.p[i] >= 0 && l.p[i] < tok_count(t));
        id_free(&l);
        tok_free(t);
    }
}

/* Every fifth byte of a small file spoilt in four ways: it loads or it does not, and what loads can
 * be used. */
static void spoilt_bytes_never_break_loading(void) {
    for (int family = 0; family < 2; family++) {
        words *w = mem_zero(1, sizeof *w);
        mk     m = {0};
        family ? spm_words(w) : bpe_words(w);
        put_words(&m, w, family ? "llama" : "gpt2", "llama-bpe", "phi3");
        mk_u32(&m, "tokenizer.ggml.bos_token_id", 1);
        mk_finish(&m);
        for (size_t i = 0; i < m.out.n * 4; i += 5) {
            gguf      *g = NULL;
            tokenizer *t = NULL;
            slm_error  err = {0};
            char      *at = m.out.p + i / 4, was = *at;
            *at = i % 4 == 0 ? 0 : i % 4 == 1 ? (char)0xff : (char)(was ^ (i % 4 == 2 ? 1 : 0x80));
            if (!gguf_open_memory(&g, m.out.p, m.out.n, "test.gguf", &err)) tok_load(&t, g, &err);
            gguf_close(g);
            *at = was;
            CHECK(!t == (err.code != SLM_OK));
            if (!t) continue;
            id_list l = {0};
            CHECK_INT(tok_encode(t, STR("<|im_end|> hello\xff<s>12 aaab"), NULL, TOK_SPECIAL | TOK_BOS,
                                 &l, NULL), SLM_OK);
            for (size_t k = 0; k < l.n; k++) CHECK(l.p[k] >= 0 && l.p[k] < tok_count(t));
            id_free(&l);
            tok_free(t);
        }
        mk_free(&m);
        mem_free(w);
    }
}

/* ---- the public cases -------------------------------------------------------------------- */

static tokenizer *load_file(const char *path) {
    gguf      *g = NULL;
    tokenizer *t = NULL;
    slm_error  err = {0};
    if (!gguf_open(&g, path, &err)) tok_load(&t, g, &err);
    if (!t) printf("    %s\n", err.text);
    gguf_close(g);
    return t;
}

static const json *read_json(pool *p, const char *sub, char **text) {
    size_t      n = 0;
    const char *path = test_shared(sub);
    slm_error   err = {0};
    pool_init(p, 256u << 20);
    *text = path ? test_read_file(path, &n) : NULL;
    const json *j = *text ? json_parse(p, (str){*text, n}, &err) : NULL;
    if (!j) printf("    %s: %s\n", sub, err.text);
    CHECK(j != NULL);
    return j;
}

/* The bytes of a case: text, base64 or hexadecimal. */
static void case_text(const json *c, strbuf *out) {
    static const char *const digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    str b64 = json_str(json_get(c, STR("b64"))), hex = json_str(json_get(c, STR("hex")));
    strbuf_str(out, json_str(json_get(c, STR("text"))));
    uint32_t bits = 0;
    int      n = 0;
    for (size_t i = 0; i < b64.n && b64.p[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, b64.p[i]) - digits);
        n += 6;
        if (n >= 8) strbuf_char(out, (char)(bits >> (n -= 8)));
    }
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        unsigned b = 0;
        sscanf(hex.p + i, "%2x", &b);
        strbuf_char(out, (char)b);
    }
}

/* 1 equal, 0 not, -1 nothing is wanted. */
static int ids_match(const tokenizer *t, const json *c, unsigned flags, const json *want) {
    if (json_type(want) != JSON_ARR) return -1;
    strbuf  text = {0};
    id_list l = {0};
    case_text(c, &text);
    bool ok = !tok_encode(t, (str){text.p, text.n}, NULL, flags, &l, NULL) && l.n == json_len(want);
    for (size_t i = 0; ok && i < l.n; i++) ok = l.p[i] == json_int(json_at(want, i));
    id_free(&l);
    strbuf_free(&text);
    return ok;
}

/* Counts; prints the first that differs.  `known`: text of cases where we differ on purpose. */
static void run_cases(const tokenizer *t, const char *file, const json *cases, unsigned flags,
                      const char *key, const char *const *known) {
    size_t n = 0, good = 0;
    for (size_t i = 0; i < json_len(cases); i++) {
        const json *c = json_at(cases, i), *hf = json_get(c, STR("hf"));
        const json *want = json_get(c, str_of(key));
        if (!strcmp(key, "ids") && json_type(hf) == JSON_ARR) want = hf;
        int  ok = ids_match(t, c, flags, want);
        str  text = json_str(json_get(c, STR("text")));
        bool skip = false;
        for (size_t k = 0; known && known[k]; k++) skip |= str_is(text, known[k]);
        if (ok < 0 || skip) continue;
        n++;
        good += ok > 0;
        if (!ok && n == good + 1) printf("    %s %s: case %zu \"%.*s\"\n", file, key, i, (int)text.n, text.p);
    }
    CHECK_INT(good, n);
    CHECK(n > 0 || strcmp(key, "ids"));
}

static void public_cases_of_every_vocabulary(void) {
    static const char *const vocabs[] = {"llama-3.2", "qwen2.5", "deepseek-r1-qwen", "smollm2", "phi-3.5",
                                         "gemma-3", "llama-2", "gpt-2", "stories260K"};
    /* Id 262144, which the vocabulary of the file does not have. */
    static const char *const known[] = {"<image_soft_token>", NULL};
    if (!test_shared("data/INDEX.md")) {
        test_skip("no ../shared/data");
        return;
    }
    pool        chat_pool, big_pool;
    char       *chat_text, *big_text;
    size_t      n_prose = 0;
    const json *chat = read_json(&chat_pool, "data/chat/chat-ids.json", &chat_text);
    const json *big = read_json(&big_pool, "data/tokenizer/big.json", &big_text);
    const char *prose_path = test_shared("data/tokenizer/big.txt");
    char       *prose = prose_path ? test_read_file(prose_path, &n_prose) : NULL;
    for (size_t v = 0; v < ARRAY_LEN(vocabs); v++) {
        char        sub[128];
        pool        p;
        char       *text;
        snprintf(sub, sizeof sub, strcmp(vocabs[v], "stories260K") ? "data/vocab/%s.vocab.gguf" : "data/models/%s.f32.gguf", vocabs[v]);
        const char *path = test_shared(sub);
        tokenizer  *t = path ? load_file(path) : NULL;
        CHECK(t != NULL);
        snprintf(sub, sizeof sub, "data/tokenizer/%s.public.json", vocabs[v]);
        const json *j = read_json(&p, sub, &text), *cases = json_get(j, STR("cases"));
        if (t && cases) {
            run_cases(t, vocabs[v], cases, TOK_SPECIAL, "ids", known);
            run_cases(t, vocabs[v], cases, 0, "ids_noparse", known);
            for (size_t i = 0; i < json_len(chat); i++) {
                const json *c = json_at(chat, i), *hf = json_get(c, STR("hf"));
                if (!str_is(json_str(json_get(c, STR("vocab"))), vocabs[v])) continue;
                if (!ids_match(t, c, TOK_SPECIAL, json_type(hf) == JSON_ARR ? hf : json_get(c, STR("ids"))))
                    CHECK_STR(json_str(json_get(c, STR("case"))), STR("right ids"));
            }
            const json *b = json_get(json_get(big, STR("vocabs")), str_of(vocabs[v]));
            id_list     l = {0};
            if (b && prose && !tok_encode(t, (str){prose, n_prose}, NULL, 0, &l, NULL)) {
                const json *first = json_get(b, STR("first")), *last = json_get(b, STR("last"));
                CHECK_INT(l.n, json_int(json_get(b, STR("n"))));
                for (size_t i = 0; i < 16 && l.n >= 16; i++) {
                    CHECK_INT(l.p[i], json_int(json_at(first, i)));
                    CHECK_INT(l.p[l.n - 16 + i], json_int(json_at(last, i)));
                }
            }
            id_free(&l);
        }
        tok_free(t);
        pool_free(&p);
        mem_free(text);
    }
    pool_free(&chat_pool);
    pool_free(&big_pool);
    mem_free(chat_text);
    mem_free(big_text);
    mem_free(prose);
}

static void oracle_cases(void) {
    static const char *const kinds[] = {"gemma", "llama-bpe", "phi3", "qwen2", "smollm", "spm"};
    /* The oracle's program does not normalize text for Qwen, whose own tokenizer does. */
    static const char *const known[] = {"cafe\xcc\x81 (decomposed)", "a\xcc\x80\xcc\x81" "b", NULL};
    if (!test_shared("oracle/README.md")) {
        test_skip("no ../shared/oracle");
        return;
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        char  sub[160];
        pool  p;
        char *text;
        snprintf(sub, sizeof sub, "oracle/tokenizer/%s.json", kinds[k]);
        const json *j = read_json(&p, sub, &text), *cases = json_get(j, STR("cases"));
        str         model = json_str(json_get(j, STR("model")));
        snprintf(sub, sizeof sub, "oracle/models/%.*s", (int)model.n, model.p);
        const char *path = test_shared(sub);
        tokenizer  *t = path ? load_file(path) : NULL;
        CHECK(t != NULL);
        if (t) {
            const char *const *odd = strcmp(kinds[k], "qwen2") ? NULL : known;
            run_cases(t, kinds[k], cases, 0, "plain", odd);
            run_cases(t, kinds[k], cases, TOK_SPECIAL | TOK_BOS, "special", odd);
            const json *hex = json_get(j, STR("pieces_hex"));
            for (int i = 0; i < tok_count(t); i++) {
                strbuf want = {0};
                json  *c = json_new(&p, JSON_OBJ);
                json_set(&p, c, STR("hex"), json_new_str(&p, json_str(json_at(hex, (size_t)i))));
                case_text(c, &want);
                CHECK_STR(tok_bytes(t, i), ((str){want.p, want.n}));
                strbuf_free(&want);
            }
        }
        tok_free(t);
        pool_free(&p);
        mem_free(text);
    }
}

static void real_files_end_turns_where_they_should(void) {
    static const struct {
        const char *file;
        int         bos, eos;
        bool        adds_bos;
        int32_t     ends[8]; /* ends with 0, unless first */
    } want[] = {
        {"vocab/llama-3.2.vocab.gguf", 128000, 128009, true, {128001, 128008, 128009}},
        {"vocab/qwen2.5.vocab.gguf", 151643, 151645, false, {151643, 151645, 151662, 151663, 151664}},
        {"vocab/deepseek-r1-qwen.vocab.gguf", 151646, 151643, true, {151643, 151662, 151663, 151664}},
        {"vocab/smollm2.vocab.gguf", 1, 2, false, {0, 2, 4}},
        {"vocab/phi-3.5.vocab.gguf", 1, 32000, false, {2, 32000, 32001, 32007}},
        {"vocab/gemma-3.vocab.gguf", 2, 1, true, {1, 106}},
        {"vocab/llama-2.vocab.gguf", 1, 2, true, {2}},
        {"vocab/gpt-2.vocab.gguf", 50256, 50256, false, {50256}},
        {"models/stories260K.legacy-f32.gguf", 1, 2, true, {2}}};
    if (!test_shared("data/INDEX.md")) {
        test_skip("no ../shared/data");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        char sub[128];
        snprintf(sub, sizeof sub, "data/%s", want[i].file);
        const char *path = test_shared(sub);
        tokenizer  *t = path ? load_file(path) : NULL;
        CHECK(t != NULL);
        if (!t) continue;
        CHECK_INT(tok_bos(t), want[i].bos);
        CHECK_INT(tok_eos(t), want[i].eos);
        CHECK_INT(tok_adds_bos(t), want[i].adds_bos);
        int k = 0;
        for (int id = 0; id < tok_count(t); id++)
            if (tok_ends_turn(t, id)) {
                CHECK(k < 8 && want[i].ends[k] == id);
                k++;
            }
        CHECK(k > 0 && (k == 8 || want[i].ends[k] == 0));
        tok_free(t);
    }
}

const test_case tests_tokenizer[] = {
    {"splitters_cut_as_their_models_do", "each rule on texts where rules differ",
     splitters_cut_as_their_models_do},
    {"parts_make_up_the_text", "no rule loses, repeats or invents a byte", parts_make_up_the_text},
    {"bpe_joins_by_rank", "byte-level BPE, splitter, ids of names", bpe_joins_by_rank},
    {"control_tokens_need_trust", "typed control tokens stay text, byte by byte",
     control_tokens_need_trust},
    {"sentencepiece_joins_by_score", "scores, byte fallback, space prefix, U+2581",
     sentencepiece_joins_by_score},
    {"phi3_strips_behind_its_tokens", "by architecture and token, not by a name",
     phi3_strips_behind_its_tokens},
    {"qwen_text_is_normalized", "NFC before splitting", qwen_text_is_normalized},
    {"encoding_loses_nothing", "bytes of the ids are the text, broken text included",
     encoding_loses_nothing},
    {"long_and_short_words_join_alike", "the heap and the short search agree",
     long_and_short_words_join_alike},
    {"time_is_linear_in_hostile_text", "runs of one thing, both families", time_is_linear_in_hostile_text},
    {"refuses_floods_of_specials", "more special tokens than are sorted in a moment", refuses_floods_of_specials},
    {"time_is_linear_in_hostile_specials", "thousands of one text, hundreds that almost match", time_is_linear_in_hostile_specials},
    {"broken_vocabularies_are_refused", "one fault each, named in the message",
     broken_vocabularies_are_refused},
    {"kinds_are_checked", "ids and types of every kind of value", kinds_are_checked},
    {"collisions_are_refused", "texts and merges made to meet in one part of their tables", collisions_are_refused},
    {"what_is_not_there", "unknown ids, names without a letter, texts past the limit", what_is_not_there},
    {"arrays_must_fit_each_other", "lengths and element kinds", arrays_must_fit_each_other},
    {"odd_vocabularies_load", "duplicates, empty texts, ids that mean none", odd_vocabularies_load},
    {"spoilt_bytes_never_break_loading", "one byte wrong anywhere: an error or a usable tokenizer",
     spoilt_bytes_never_break_loading},
    {"public_cases_of_every_vocabulary", "ids of other implementations, chats, half a megabyte of prose",
     public_cases_of_every_vocabulary},
    {"oracle_cases", "six small vocabularies, plain and special, every piece", oracle_cases},
    {"real_files_end_turns_where_they_should", "bos, eos and end of turn of nine files",
     real_files_end_turns_where_they_should},
    {0}};
