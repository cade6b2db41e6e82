/* tok_merge.c - joins the pieces of one word, best pair first, the leftmost of equals first.
 *
 * Both families run the same loop; they differ in the first symbols (bytes or characters) and in
 * how a pair is looked up (by its two ids, or by its text).  Three ways to the same answer:
 *   a word met before in this call    copied from a small table
 *   up to SHORT symbols               arrays on the stack, search for the best pair
 *   longer                            queues of pairs in a heap, so that a megabyte of one letter
 *                                     is quick */
#include "tok_merge.h"
#include <string.h>

enum { SHORT = 40, CACHE_TEXT = 26, CACHE_IDS = 8, N_QUEUES = 4096 };
#define NO_RANK UINT32_MAX

/* 64 bytes: one cache line of the machine for one word. */
typedef struct {
    uint32_t hash;
    uint8_t  n_text, n_ids; /* n_text 0: free */
    char     text[CACHE_TEXT];
    int32_t  id[CACHE_IDS];
} cached_word;
_Static_assert(sizeof(cached_word) == 64, "a cache line");

typedef struct {
    int32_t  id;         /* -1: no piece */
    uint32_t at, n;      /* its text */
    uint32_t rank, next_id; /* of joining it with its right neighbour; NO_RANK: never */
    int32_t  prev, next; /* -1: none */
} symbol;

/* Pairs of one rank whose positions came in rising order, as they nearly always do: only the first
 * waits in the heap, which then stays small however long the word is. */
typedef struct {
    uint32_t rank, first, last, last_at; /* first, last: nodes; first 0: empty */
} queue;

typedef struct {
    uint32_t at, next; /* node 0 is none */
} node;

struct work {
    const vocab *v;
    cached_word *cache;
    uint32_t     mask;
    symbol      *sym;
    size_t       room;
    uint64_t    *heap; /* rank << 32 | left symbol << 1 | is first of a queue; 4 children per node */
    size_t       n_heap, heap_room;
    queue       *queues; /* [N_QUEUES] by rank; empty between words */
    node        *nodes;
    size_t       n_nodes, node_room;
    uint32_t     free_node;
};

slm_status work_create(work **out, const vocab *v, size_t n_text, slm_error *err) {
    work *w = mem_zero(1, sizeof *w);
    if (!w) return err_memory(err, "tokenizing", sizeof *w);
    /* 8192 words fill half of a second-level cache; a short text must not pay for that. */
    uint32_t n = 32;
    while (n < 8192 && n < n_text / 8) n *= 2;
    w->v = v;
    w->mask = n - 1;
    w->cache = mem_zero(n, sizeof *w->cache);
    if (!w->cache) {
        mem_free(w);
        return err_memory(err, "tokenizing", n * sizeof *w->cache);
    }
    *out = w;
    return SLM_OK;
}

void work_free(work *w) {
    if (!w) return;
    mem_free(w->cache);
    mem_free(w->sym);
    mem_free(w->heap);
    mem_free(w->queues);
    mem_free(w->nodes);
    mem_free(w);
}

/* ---- symbols ------------------------------------------------------------------ */

/* Bytes of the character that begins with b, judged by b alone: broken text falls apart at the
 * same places as in the vocabularies' own tools. */
static size_t char_bytes(uint8_t b) { return b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4; }

static size_t first_symbol(const vocab *v, str word, size_t at, symbol *s) {
    size_t n = 1;
    *s = (symbol){.at = (uint32_t)at};
    if (v->rank) {
        n = char_bytes((uint8_t)word.p[at]);
        if (n > word.n - at) n = word.n - at;
        s->id = vocab_find(v, word.p + at, n);
    } else s->id = v->byte_id[(uint8_t)word.p[at]];
    s->n = (uint32_t)n;
    return n;
}

/* Fills rank and next_id of a for the pair (a, b). */
static void rate(const vocab *v, str word, symbol *a, const symbol *b) {
    a->rank = NO_RANK;
    if (v->rank) {
        int32_t id = vocab_find(v, word.p + a->at, (size_t)a->n + b->n);
        if (id < 0) return;
        a->rank = v->rank[id];
        a->next_id = (uint32_t)id;
    } else if (a->id >= 0 && b->id >= 0) {
        const merge_rule *m = vocab_merge_find(v, (uint32_t)a->id, (uint32_t)b->id);
        if (!m) return;
        a->rank = m->rank;
        a->next_id = m->id_plus_1 - 1;
    }
}

static void emit(const vocab *v, str word, const symbol *s, id_list *out) {
    if (s->id >= 0) {
        id_push(out, s->id);
        return;
    }
    bool missing = false;
    for (uint32_t i = 0; i < s->n; i++) {
        int32_t id = v->byte_id[(uint8_t)word.p[s->at + i]];
        if (id >= 0) id_push(out, id);
        else missing = true;
    }
    /* Byte-level vocabularies have no use for "unknown": theirs is often a control token. */
    if (missing && v->rank && v->unk >= 0) id_push(out, v->unk);
}

/* ---- short words ---------------------------------------------------------------- */

static void merge_short(const vocab *v, str word, symbol *s, int n, id_list *out) {
    for (int i = 0; i + 1 < n; i++) rate(v, word, s + i, s + i + 1);
    s[n - 1].rank = NO_RANK;
    for (;;) {
        int      best = 0;
        uint32_t rank = NO_RANK;
        for (int i = 0; i + 1 < n; i++)
            if (s[i].rank < rank) {
                rank = s[i].rank;
                best = i;
            }
        if (rank == NO_RANK) break;
        s[best].id = (int32_t)s[best].next_id;
        s[best].n += s[best + 1].n;
        memmove(s + best + 1, s + best + 2, (size_t)(n - best - 2) * sizeof *s);
        n--;
        if (best + 1 < n) rate(v, word, s + best, s + best + 1);
        else s[best].rank = NO_RANK;
        if (best > 0) rate(v, word, s + best - 1, s + best);
    }
    for (int i = 0; i < n; i++) emit(v, word, s + i, out);
}

/* ---- long words ------------------------------------------------------------------ */

static bool heap_push(work *w, uint64_t key) {
    if (w->n_heap == w->heap_room) {
        size_t    room = w->heap_room ? w->heap_room * 2 : 256;
        uint64_t *q = mem_resize(w->heap, room, sizeof *q);
        if (!q) return false;
        w->heap = q;
        w->heap_room = room;
    }
    size_t i = w->n_heap++;
    for (; i > 0 && w->heap[(i - 1) / 4] > key; i = (i - 1) / 4) w->heap[i] = w->heap[(i - 1) / 4];
    w->heap[i] = key;
    return true;
}

static uint64_t heap_pop(work *w) {
    uint64_t *h = w->heap, top = h[0], key = h[--w->n_heap];
    size_t    n = w->n_heap, i = 0;
    for (;;) {
        size_t c = 4 * i + 1, end = c + 4 < n ? c + 4 : n;
        if (c >= n) break;
        size_t least = c;
        for (size_t k = c + 1; k < end; k++)
            if (h[k] < h[least]) least = k;
        if (h[least] >= key) break;
        h[i] = h[least];
        i = least;
    }
    h[i] = key;
    return top;
}

static uint32_t take_node(work *w) {
    uint32_t k = w->free_node;
    if (k) {
        w->free_node = w->nodes[k].next;
        return k;
    }
    if (w->n_nodes == w->node_room) {
        size_t room = w->node_room ? w->node_room * 2 : 256;
        node  *q = mem_resize(w->nodes, room, sizeof *q);
        if (!q) return 0;
        w->nodes = q;
        w->node_room = room;
        if (!w->n_nodes) w->n_nodes = 1;
    }
    return (uint32_t)w->n_nodes++;
}

static queue *queue_of(work *w, uint32_t rank) {
    return w->queues + (rank * 0x9e3779b1u >> 20 & (N_QUEUES - 1));
}

static bool push(work *w, uint32_t rank, uint32_t at) {
    uint64_t key = (uint64_t)rank << 32 | at << 1;
    queue   *q = queue_of(w, rank);
    if (q->first && (q->rank != rank || at <= q->last_at)) return heap_push(w, key);
    uint32_t k = take_node(w);
    if (!k) return false;
    w->nodes[k] = (node){at, 0};
    bool was_empty = !q->first;
    if (was_empty) *q = (queue){.rank = rank, .first = k};
    else w->nodes[q->last].next = k;
    q->last = k;
    q->last_at = at;
    return !was_empty || heap_push(w, key | 1);
}

/* The best pair's key; the next of its queue takes its place. */
static uint64_t pop(work *w) {
    uint64_t key = heap_pop(w);
    if (key & 1) {
        queue   *q = queue_of(w, (uint32_t)(key >> 32));
        uint32_t k = q->first;
        q->first = w->nodes[k].next;
        w->nodes[k].next = w->free_node;
        w->free_node = k;
        /* There is room: one was just taken out. */
        if (q->first)
            heap_push(w, (uint64_t)q->rank << 32 | w->nodes[q->first].at << 1 | 1);
    }
    return key;
}

static bool rate_push(work *w, str word, int32_t i) {
    symbol *a = w->sym + i;
    rate(w->v, word, a, w->sym + a->next);
    return a->rank == NO_RANK || push(w, a->rank, (uint32_t)i);
}

static bool merge_long(work *w, str word, id_list *out) {
    size_t n = 0;
    for (size_t at = 0; at < word.n;) {
        if (n == w->room) {
            size_t  room = w->room ? w->room * 2 : 256;
            symbol *q = mem_resize(w->sym, room, sizeof *q);
            if (!q) return false;
            w->sym = q;
            w->room = room;
        }
        at += first_symbol(w->v, word, at, w->sym + n);
        w->sym[n].prev = (int32_t)n - 1;
        w->sym[n].next = (int32_t)n + 1;
        n++;
    }
    symbol *s = w->sym;
    s[n - 1].next = -1;
    s[n - 1].rank = NO_RANK;
    if (!w->queues && !(w->queues = mem_zero(N_QUEUES, sizeof *w->queues))) return false;
    for (size_t i = 0; i + 1 < n; i++)
        if (!rate_push(w, word, (int32_t)i)) return false;
    while (w->n_heap) {
        uint64_t key = pop(w);
        int32_t  i = (int32_t)((uint32_t)key >> 1);
        /* A pair that changed since is in the heap again under its new rank, or gone. */
        if (s[i].rank != key >> 32) continue;
        int32_t gone = s[i].next;
        s[i].id = (int32_t)s[i].next_id;
        s[i].n += s[gone].n;
        s[i].next = s[gone].next;
        s[i].rank = NO_RANK;
        s[gone].rank = NO_RANK;
        if (s[i].next >= 0) {
            s[s[i].next].prev = i;
            if (!rate_push(w, word, i)) return false;
        }
        if (s[i].prev >= 0 && !rate_push(w, word, s[i].prev)) return false;
    }
    for (int32_t i = 0; i >= 0; i = s[i].next) emit(w->v, word, s + i, out);
    return true;
}

/* ---- one word --------------------------------------------------------------------- */

static uint32_t hash_word(str s) {
    uint64_t h = s.n * 0x9e3779b97f4a7c15u, x;
    while (s.n > 8) {
        memcpy(&x, s.p, 8);
        h = (h ^ x) * 0x9e3779b97f4a7c15u;
        h ^= h >> 31;
        s.p += 8;
        s.n -= 8;
    }
    x = 0;
    memcpy(&x, s.p, s.n);
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

bool merge_word(work *w, str word, id_list *out) {
    const vocab *v = w->v;
    if (!word.n) return true;
    cached_word *c = NULL;
    uint32_t     hash = 0;
    if (word.n <= CACHE_TEXT) {
        hash = hash_word(word);
        c = w->cache + (hash & w->mask);
        if (c->hash == hash && c->n_text == word.n && !memcmp(c->text, word.p, word.n)) {
            for (int i = 0; i < c->n_ids; i++) id_push(out, c->id[i]);
            return true;
        }
    }
    size_t  before = out->n;
    int32_t whole = v->whole_words ? vocab_find(v, word.p, word.n) : -1;
    if (whole >= 0) id_push(out, whole);
    else {
        symbol few[SHORT];
        int    n = 0;
        size_t at = 0;
        while (at < word.n && n < SHORT) at += first_symbol(v, word, at, few + n++);
        if (at == word.n) merge_short(v, word, few, n, out);
        else if (!merge_long(w, word, out)) return false;
    }
    size_t n_ids = out->n - before;
    if (c && !out->bad && n_ids <= CACHE_IDS) {
        c->hash = hash;
        c->n_text = (uint8_t)word.n;
        c->n_ids = (uint8_t)n_ids;
        memcpy(c->text, word.p, word.n);
        if (n_ids) memcpy(c->id, out->p + before, n_ids * sizeof *c->id); /* out->p may be NULL still */
    }
    return !out->bad;
}
