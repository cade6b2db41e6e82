/* tok_split.c - the splitting rules of byte-level BPE vocabularies, by hand.
 *
 * Each model was trained with a regular expression; those in use are one family, so a rule is a
 * row of features and a word is found by looking at most a character back.  Some models cut in
 * several steps: a step cuts what it matches out of each part that the step before left, and the
 * rest between matches goes on as parts of its own.
 * Source: the pre_tokenizer fields of the models' own tokenizer.json files. */
#include "tok_split.h"
#include "unicode.h"
#include <string.h>

/* ---- characters ---------------------------------------------------------------- */

enum { END = 0x10000 }; /* class of what lies behind the last character */

typedef struct {
    uint32_t cp;
    unsigned cls;
    size_t   n; /* bytes */
} glyph;

/* Bytes that are not UTF-8 count one by one, without a class. */
static inline glyph look(str s, size_t i) {
    if (i >= s.n) return (glyph){.cls = END};
    uint8_t b = (uint8_t)s.p[i];
    if (b < 0x80) return (glyph){b, uc_class(b), 1};
    uint32_t cp = 0;
    size_t   n = utf8_decode(s.p + i, s.n - i, &cp);
    return n ? (glyph){cp, uc_class(cp), n} : (glyph){0xfffd, 0, 1};
}

static bool is_newline(glyph g) { return g.n && (g.cp == '\r' || g.cp == '\n'); }

/* End of the run of characters with a class in `cls`, from i on. */
static size_t run_of(str s, size_t i, unsigned cls) {
    for (glyph g; g = look(s, i), g.cls & cls; i += g.n) {}
    return i;
}

/* ---- a rule: one alternative after the other -------------------------------------- */

/* 's 're 'll are words of their own: as written; in any case; or they are the tail of a word. */
enum { CUT_NONE, CUT_LOWER, CUT_ANY, CUT_BEHIND };
/* A word may begin with a space; with any one character but a newline, letter or digit. */
enum { LEAD_SPACE, LEAD_ANY };

typedef struct {
    uint8_t contraction, lead;
    uint8_t digits;   /* longest run of digits; 0: any, and a space may come before */
    bool    marks;    /* combining marks count as letters */
    bool    cased;    /* a word is capitals then small letters, each part may be absent */
    bool    newlines; /* newlines end a run of white space and may follow a run of symbols */
    bool    slashes;  /* so may slashes */
} rule;

/* Bytes of a contraction at i, or 0. */
static size_t contraction(str s, size_t i, bool any_case) {
    if (i + 1 >= s.n || s.p[i] != '\'') return 0;
    unsigned fold = any_case ? 0x20 : 0;
    int      a = s.p[i + 1] | (int)fold, b = i + 2 < s.n ? s.p[i + 2] | (int)fold : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    /* Long s folds to s. */
    if (any_case && i + 2 < s.n && !memcmp(s.p + i + 1, "\xc5\xbf", 2)) return 3;
    return 0;
}

/* A letter or mark that may stand among capitals, or among small letters: those without case may
 * stand in both. */
static bool is_capital(glyph g) { return g.cls & (UC_LETTER | UC_MARK) && !(g.cls & UC_LOWER); }
static bool is_small(glyph g) { return g.cls & (UC_LETTER | UC_MARK) && !(g.cls & UC_UPPER); }

/* Capitals* small+ from i on: its end, or i.  Where nothing small follows the capitals, the last
 * of them that may count as small ends the word. */
static size_t cased_word(str s, size_t i) {
    size_t at = i, fits = i;
    glyph  g;
    for (; g = look(s, at), is_capital(g); at += g.n)
        if (is_small(g)) fits = at + g.n;
    size_t end = at;
    for (; g = look(s, end), is_small(g); end += g.n) {}
    return end > at ? end : fits;
}

static size_t capitals(str s, size_t i) {
    for (glyph g; g = look(s, i), is_capital(g); i += g.n) {}
    return i;
}

/* The word at i under a cased rule, with the character before it if it has one; its end, or i. */
static size_t cased_at(str s, size_t i, bool contractions) {
    glyph  g = look(s, i);
    bool   lead = !(g.cls & (UC_LETTER | UC_NUMBER | END)) && !is_newline(g);
    size_t j = i + g.n, end = i;
    if (lead && (end = cased_word(s, j)) == j) end = i;
    if (end == i) end = cased_word(s, i);
    if (end == i && lead && (end = capitals(s, j)) == j) end = i;
    if (end == i) end = capitals(s, i);
    return end > i && contractions ? end + contraction(s, end, true) : end;
}

static size_t white_space(str s, size_t i, bool newlines) {
    size_t at = i, last = i, after_newline = 0;
    for (glyph g; g = look(s, at), g.cls & UC_SPACE; at += g.n) {
        last = at;
        if (is_newline(g)) after_newline = at + g.n;
    }
    if (newlines && after_newline) return after_newline;
    /* The last one goes to the word that follows, unless it is alone or nothing follows. */
    return at == s.n || last == i ? at : last;
}

/* End of the word that begins at i < s.n; always past i. */
static size_t next_word(const rule *r, str s, size_t i) {
    const unsigned letter = UC_LETTER | (r->marks ? (unsigned)UC_MARK : 0u);
    glyph  g = look(s, i);
    size_t n;
    if ((r->contraction == CUT_LOWER || r->contraction == CUT_ANY) && g.cp == '\'' &&
        (n = contraction(s, i, r->contraction == CUT_ANY)))
        return i + n;
    if (r->cased) {
        size_t end = cased_at(s, i, r->contraction == CUT_BEHIND);
        if (end > i) return end;
    } else if (r->lead == LEAD_ANY) {
        if (g.cls & UC_LETTER) return run_of(s, i, letter);
        if (!(g.cls & UC_NUMBER) && !is_newline(g) && look(s, i + g.n).cls & letter)
            return run_of(s, i + g.n, letter);
        if (g.cls & letter) return run_of(s, i, letter);
    }
    size_t behind = i + (g.cp == ' ' ? g.n : 0); /* where the word itself starts */
    glyph  h = behind > i ? look(s, behind) : g;
    if (r->lead == LEAD_SPACE && !r->cased && h.cls & letter) return run_of(s, behind, letter);
    if (!r->digits && h.cls & UC_NUMBER) return run_of(s, behind, UC_NUMBER);
    if (g.cls & UC_NUMBER) {
        size_t end = i;
        for (int k = 0; k < r->digits && g.cls & UC_NUMBER; k++, g = look(s, end)) end += g.n;
        return end;
    }
    const unsigned other = UC_SPACE | UC_NUMBER | letter | END;
    if (!(h.cls & other)) {
        size_t end = behind;
        for (; h = look(s, end), !(h.cls & other); end += h.n) {}
        if (r->newlines)
            for (; h = look(s, end), is_newline(h) || (r->slashes && h.cp == '/'); end += h.n) {}
        return end;
    }
    return white_space(s, i, r->newlines);
}

/* ---- steps ------------------------------------------------------------------------ */

typedef enum {
    STEP_RULE,       /* the row's rule; matches everything                          */
    STEP_DIGIT,      /* one digit                                                   */
    STEP_DIGITS,     /* a run of digits                                             */
    STEP_TRIPLE,     /* three of 0-9                                                */
    STEP_THREE,      /* one to three digits                                         */
    STEP_PUNCT,      /* punctuation and $+<=>^~|                                    */
    STEP_PUNCT_TICK, /* and the back tick                                           */
    STEP_NEWLINE,    /* one \r or \n                                                */
    STEP_LETTERS,    /* white space? letters                                        */
    STEP_CASED,      /* white space? letters with case, as of an older Unicode      */
    STEP_SP_PUNCT,   /* white space? punctuation                                    */
    STEP_SP_MARKS,   /* white space? ASCII, full-width and general punctuation      */
    STEP_TAIL,       /* white space at the end                                      */
    STEP_CJK,        /* U+0800 .. U+9FA5 and Hangul                                 */
    STEP_KANA,       /* ideographs and kana                                         */
    STEP_WORDS_V3    /* DeepSeek-V3's rule                                          */
} step;

static bool in(uint32_t cp, uint32_t lo, uint32_t hi) { return cp >= lo && cp <= hi; }

/* Letters with case of the blocks that DeepSeek-LLM lists one by one. */
static bool is_listed_cased(glyph g) {
    uint32_t c = g.cp;
    if (!(g.cls & (UC_UPPER | UC_LOWER))) return false;
    if (c >= 0x10450)
        return in(c, 0x104b0, 0x104fb) || in(c, 0x10c80, 0x10cf2) || in(c, 0x118a0, 0x118df) ||
               in(c, 0x1e900, 0x1e943);
    return !(in(c, 0x560, 0x588) || in(c, 0x10c6, 0x10ff) || in(c, 0x1c80, 0x1c88) ||
             in(c, 0x2d00, 0x2d2d) || in(c, 0xa790, 0xa7fa) || in(c, 0xab30, 0xab68));
}

static bool belongs(step k, glyph g) {
    uint32_t c = g.cp;
    if (g.cls & END) return false;
    switch (k) {
    case STEP_DIGIT:
    case STEP_DIGITS:
    case STEP_THREE: return g.cls & UC_NUMBER;
    case STEP_TRIPLE: return in(c, '0', '9');
    case STEP_PUNCT:
    case STEP_PUNCT_TICK:
        return g.cls & UC_PUNCT || (c && c < 0x80 && strchr("$+<=>^~|", (int)c)) ||
               (k == STEP_PUNCT_TICK && c == '`');
    case STEP_NEWLINE: return is_newline(g);
    case STEP_LETTERS: return g.cls & UC_LETTER;
    case STEP_CASED: return is_listed_cased(g);
    case STEP_SP_PUNCT: return g.cls & UC_PUNCT;
    case STEP_SP_MARKS:
        return in(c, 0x21, 0x2f) || in(c, 0x3a, 0x7e) || in(c, 0xff01, 0xff0f) ||
               in(c, 0xff1a, 0xff5e) || in(c, 0x2018, 0x201f) || in(c, 0x3000, 0x3002);
    case STEP_CJK: return in(c, 0x0800, 0x9fa5) || in(c, 0xac00, 0xd7ff);
    case STEP_KANA: return in(c, 0x4e00, 0x9fa5) || in(c, 0x3040, 0x30ff);
    default: return false;
    }
}

/* Most characters in one match; 0: any number. */
static int longest(step k) {
    return k == STEP_DIGIT || k == STEP_NEWLINE ? 1 : k == STEP_TRIPLE || k == STEP_THREE ? 3 : 0;
}

static bool takes_space(step k) {
    return k == STEP_LETTERS || k == STEP_CASED || k == STEP_SP_PUNCT || k == STEP_SP_MARKS;
}

/* DeepSeek-V3: an ASCII symbol and the letters behind it; letters and marks with one character
 * before; symbols; white space.  Digits were cut out before; what is left matches nothing. */
static size_t word_v3(str s, size_t i) {
    glyph          g = look(s, i);
    const unsigned word = UC_LETTER | UC_MARK, symbol = UC_PUNCT | UC_SYMBOL;
    if (in(g.cp, 0x21, 0x7e) && g.cls & symbol) {
        size_t end = i + 1;
        while (end < s.n && in((uint8_t)s.p[end] | 0x20u, 'a', 'z')) end++;
        if (end > i + 1) return end;
    }
    if (!(g.cls & (UC_LETTER | symbol)) && !is_newline(g) && look(s, i + g.n).cls & word)
        return run_of(s, i + g.n, word);
    if (g.cls & word) return run_of(s, i, word);
    size_t behind = i + (g.cp == ' ' ? 1 : 0);
    if (look(s, behind).cls & symbol) {
        size_t end = run_of(s, behind, symbol);
        while (end < s.n && (s.p[end] == '\r' || s.p[end] == '\n')) end++;
        return end;
    }
    return g.cls & UC_SPACE ? white_space(s, i, true) : i;
}

/* The match at i: its end, or i. */
static size_t match(step k, const rule *r, str s, size_t i) {
    if (k == STEP_RULE) return next_word(r, s, i);
    if (k == STEP_WORDS_V3) return word_v3(s, i);
    if (k == STEP_TAIL) {
        size_t end = run_of(s, i, UC_SPACE);
        return end == s.n ? end : i;
    }
    glyph  g = look(s, i);
    size_t end = i;
    if (takes_space(k) && g.cls & UC_SPACE && belongs(k, look(s, i + g.n))) {
        end += g.n;
        g = look(s, end);
    }
    size_t from = end;
    int    n = 0, most = longest(k);
    for (; belongs(k, g) && (!most || n < most); n++, g = look(s, end)) end += g.n;
    if (k == STEP_TRIPLE && n < 3) return i;
    return end > from ? end : i;
}

/* How far it is certain, after a failed match at i, that none begins. */
static size_t skip(step k, str s, size_t i) {
    size_t end = k == STEP_TAIL ? run_of(s, i, UC_SPACE) : i;
    return end > i ? end : i + look(s, i).n;
}

/* ---- the table --------------------------------------------------------------------- */

enum { MAX_STEPS = 6 };

struct splitter {
    const char *names; /* one or more that mean the same */
    bool        nfc, whole_words, adds_bos;
    uint8_t     n_steps;
    uint8_t     steps[MAX_STEPS];
    rule        rule;
};

#define RULE_GPT2 {.contraction = CUT_LOWER, .lead = LEAD_SPACE}
#define RULE_GPT4(n) {.contraction = CUT_ANY, .lead = LEAD_ANY, .digits = n, .newlines = true}
#define STEPS(...) .n_steps = sizeof((uint8_t[]){__VA_ARGS__}), .steps = {__VA_ARGS__}

static const splitter table[] = {
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2", .whole_words = true,
     .adds_bos = true, STEPS(STEP_RULE), .rule = RULE_GPT4(3)},
    {"dbrx smaug-bpe", STEPS(STEP_RULE), .rule = RULE_GPT4(3)},
    {"qwen2 deepseek-r1-qwen", .nfc = true, STEPS(STEP_RULE), .rule = RULE_GPT4(1)},
    {"stablelm2 hunyuan megrez", STEPS(STEP_RULE), .rule = RULE_GPT4(1)},
    {"qwen35", .nfc = true, STEPS(STEP_RULE),
     .rule = {.contraction = CUT_ANY, .lead = LEAD_ANY, .digits = 1, .marks = true,
              .newlines = true}},
    {"gpt-4o llama4", STEPS(STEP_RULE),
     .rule = {.contraction = CUT_BEHIND, .lead = LEAD_ANY, .digits = 3, .cased = true,
              .newlines = true, .slashes = true}},
    {"tekken", .whole_words = true, .adds_bos = true, STEPS(STEP_RULE),
     .rule = {.lead = LEAD_ANY, .digits = 1, .cased = true, .newlines = true, .slashes = true}},
    {"gpt-2 phi-2 mpt olmo exaone4 trillion granite-docling", STEPS(STEP_RULE), .rule = RULE_GPT2},
    {"smollm starcoder refact granite command-r codeshell exaone minerva-7b",
     STEPS(STEP_DIGIT, STEP_RULE), .rule = RULE_GPT2},
    {"falcon", STEPS(STEP_PUNCT_TICK, STEP_RULE, STEP_TRIPLE), .rule = RULE_GPT2},
    {"default", STEPS(STEP_PUNCT, STEP_RULE, STEP_DIGITS, STEP_TRIPLE), .rule = RULE_GPT2},
    {"deepseek-llm",
     STEPS(STEP_NEWLINE, STEP_CASED, STEP_SP_MARKS, STEP_TAIL, STEP_CJK, STEP_DIGITS)},
    {"deepseek-coder", STEPS(STEP_NEWLINE, STEP_LETTERS, STEP_SP_PUNCT, STEP_CJK, STEP_DIGIT)},
    {"deepseek-v3 hunyuan-dense", STEPS(STEP_THREE, STEP_KANA, STEP_WORDS_V3)},
};

const splitter *split_find(str name) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        for (const char *p = table[i].names; *p;) {
            size_t n = strcspn(p, " ");
            if (str_eq((str){p, n}, name)) return table + i;
            p += n + (p[n] == ' ');
        }
    return NULL;
}

bool split_whole_words(const splitter *s) { return s->whole_words; }
bool split_nfc(const splitter *s) { return s->nfc; }
bool split_adds_bos(const splitter *s) { return s->adds_bos; }

void split_names(strbuf *out) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        strbuf_fmt(out, "%s%.*s", i ? " " : "", (int)strcspn(table[i].names, " "), table[i].names);
}

static bool run_step(const splitter *s, int k, str text, split_word_fn word, void *ud) {
    if (k == s->n_steps) return !text.n || word(ud, text);
    size_t rest = 0;
    for (size_t i = 0; i < text.n;) {
        size_t end = match(s->steps[k], &s->rule, text, i);
        if (end == i) {
            i = skip(s->steps[k], text, i);
            continue;
        }
        if (rest < i && !run_step(s, k + 1, (str){text.p + rest, i - rest}, word, ud)) return false;
        if (!run_step(s, k + 1, (str){text.p + i, end - i}, word, ud)) return false;
        i = rest = end;
    }
    return rest == text.n || run_step(s, k + 1, (str){text.p + rest, text.n - rest}, word, ud);
}

bool split_text(const splitter *s, str text, split_word_fn word, void *ud) {
    return run_step(s, 0, text, word, ud);
}
