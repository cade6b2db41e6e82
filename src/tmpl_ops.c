/* tmpl_ops.c - arithmetic as Python does it: integers without overflow, floor division, modulo with
 * the sign of the divisor, `+` and `*` on strings and lists.
 *
 * Big integers are limbs of nine decimal digits: templates print numbers and rarely compute with
 * them, and Python itself refuses to print more than 4300 digits. */
#include "tmpl.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 1000000000u

struct tm_big {
    bool     negative;
    int      n; /* limbs, lowest first, the last one not zero */
    uint32_t d[];
};

/* ---- integers of any size --------------------------------------------------------- */

static tm_big *big_new(tm *t, int n) {
    if (n > TEMPLATE_MAX_DIGITS / 9) tm_fail(t, "a number of more than %d digits", TEMPLATE_MAX_DIGITS);
    tm_big *x = tm_take(t, 1, sizeof *x + (size_t)n * sizeof *x->d);
    x->n = n;
    return x;
}

/* Small ones become V_INT: a value has one form. */
static val normal(tm_big *x) {
    while (x->n && !x->d[x->n - 1]) x->n--;
    if (x->n <= 3) {
        uint64_t u = 0;
        bool     fits = true;
        for (int i = x->n; i-- > 0; u = u * BASE + x->d[i]) fits = fits && u <= (UINT64_MAX - x->d[i]) / BASE;
        if (fits && u <= INT64_MAX) return v_int(x->negative ? -(int64_t)u : (int64_t)u);
        if (fits && x->negative && u == (uint64_t)INT64_MAX + 1) return v_int(INT64_MIN);
    }
    return (val){.kind = V_BIG, .big = x};
}

static const tm_big *big_of(tm *t, val v) {
    if (v.kind == V_BIG) return v.big;
    const int64_t i = v.kind == V_BOOL ? v.b : v.i;
    uint64_t      u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    tm_big       *x = big_new(t, 3);
    x->negative = i < 0;
    for (int k = 0; k < 3; k++, u /= BASE) x->d[k] = (uint32_t)(u % BASE);
    while (x->n && !x->d[x->n - 1]) x->n--;
    return x;
}

static int magnitude(const tm_big *a, const tm_big *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n; i-- > 0;)
        if (a->d[i] != b->d[i]) return a->d[i] < b->d[i] ? -1 : 1;
    return 0;
}

/* t may be NULL: nothing is allocated. */
int big_compare(tm *t, val a, val b) {
    (void)t;
    if (a.kind != V_BIG && b.kind != V_BIG) {
        const int64_t x = a.kind == V_BOOL ? a.b : a.i, y = b.kind == V_BOOL ? b.b : b.i;
        return (x > y) - (x < y);
    }
    if (a.kind != V_BIG) return b.big->negative ? 1 : -1;
    if (b.kind != V_BIG) return a.big->negative ? -1 : 1;
    if (a.big->negative != b.big->negative) return a.big->negative ? -1 : 1;
    return a.big->negative ? -magnitude(a.big, b.big) : magnitude(a.big, b.big);
}

static tm_big *add_magnitudes(tm *t, const tm_big *a, const tm_big *b) {
    if (a->n < b->n) return add_magnitudes(t, b, a);
    tm_big  *x = big_new(t, a->n + 1);
    uint32_t carry = 0;
    for (int i = 0; i < a->n; i++) {
        const uint32_t s = a->d[i] + (i < b->n ? b->d[i] : 0) + carry;
        x->d[i] = s % BASE;
        carry = s / BASE;
    }
    x->d[a->n] = carry;
    return x;
}

/* |a| - |b|, |a| >= |b| */
static tm_big *sub_magnitudes(tm *t, const tm_big *a, const tm_big *b) {
    tm_big *x = big_new(t, a->n);
    int64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        int64_t s = (int64_t)a->d[i] - (i < b->n ? b->d[i] : 0) - borrow;
        borrow = s < 0;
        x->d[i] = (uint32_t)(s + (borrow ? BASE : 0));
    }
    return x;
}

static val add_big(tm *t, const tm_big *a, const tm_big *b, bool subtract) {
    const bool b_negative = b->negative != subtract;
    tm_big    *x;
    if (a->negative == b_negative) {
        x = add_magnitudes(t, a, b);
        x->negative = a->negative;
    } else if (magnitude(a, b) >= 0) {
        x = sub_magnitudes(t, a, b);
        x->negative = a->negative;
    } else {
        x = sub_magnitudes(t, b, a);
        x->negative = b_negative;
    }
    return normal(x);
}

static val mul_big(tm *t, const tm_big *a, const tm_big *b) {
    tm_big *x = big_new(t, a->n + b->n);
    tm_pay(t, (size_t)a->n * (size_t)b->n * 8);
    x->negative = a->negative != b->negative;
    for (int i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < b->n || carry; k++) {
            const uint64_t s = x->d[i + k] + carry + (k < b->n ? (uint64_t)a->d[i] * b->d[k] : 0);
            x->d[i + k] = (uint32_t)(s % BASE);
            carry = s / BASE;
        }
    }
    return normal(x);
}

/* Long division, a limb of the quotient at a time, found by halving: numbers here are short. */
static void div_magnitudes(tm *t, const tm_big *a, const tm_big *b, tm_big **quotient, tm_big **rest) {
    tm_big *q = big_new(t, a->n), *r = big_new(t, b->n + 1);
    tm_pay(t, (size_t)a->n * (size_t)(b->n + 1) * 250);
    for (int i = a->n; i-- > 0;) {
        memmove(r->d + 1, r->d, (size_t)b->n * sizeof *r->d);
        r->d[0] = a->d[i];
        uint32_t lo = 0, hi = BASE - 1;
        while (lo < hi) { /* the greatest k with k * b <= r */
            const uint32_t k = lo + (hi - lo + 1) / 2;
            uint64_t       carry = 0;
            int            order = 0;
            for (int j = 0; j <= b->n; j++) {
                const uint64_t s = carry + (j < b->n ? (uint64_t)k * b->d[j] : 0);
                const uint32_t limb = (uint32_t)(s % BASE);
                carry = s / BASE;
                if (limb != r->d[j]) order = limb < r->d[j] ? -1 : 1;
            }
            if (order > 0) hi = k - 1;
            else lo = k;
        }
        uint64_t carry = 0;
        for (int j = 0; j <= b->n; j++) {
            const uint64_t s = carry + (j < b->n ? (uint64_t)lo * b->d[j] : 0);
            const uint32_t limb = (uint32_t)(s % BASE);
            carry = s / BASE;
            if (r->d[j] < limb) r->d[j] += BASE - limb, carry++;
            else r->d[j] -= limb;
        }
        q->d[i] = lo;
    }
    *quotient = q;
    *rest = r;
}

/* Python's rule: the quotient is rounded down, the rest has the divisor's sign. */
static val div_big(tm *t, val a, val b, bool want_rest) {
    const tm_big *x = big_of(t, a), *y = big_of(t, b);
    tm_big       *q, *r;
    div_magnitudes(t, x, y, &q, &r);
    q->negative = x->negative != y->negative;
    r->negative = x->negative;
    val quotient = normal(q), rest = normal(r);
    const bool is_zero = rest.kind == V_INT && rest.i == 0;
    if (!is_zero && x->negative != y->negative) {
        quotient = add_big(t, big_of(t, quotient), big_of(t, v_int(1)), true);
        rest = add_big(t, big_of(t, rest), y, false);
    }
    return want_rest ? rest : quotient;
}

val big_parse(tm *t, str s, int base, bool negative) {
    val x = v_int(0);
    if (s.n > TEMPLATE_MAX_DIGITS) tm_fail(t, "a number of more than %d digits", TEMPLATE_MAX_DIGITS);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') continue;
        const int c = (uint8_t)s.p[i], d = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
        if (x.kind == V_INT && x.i < INT64_MAX / 64) x.i = x.i * base + d;
        else x = add_big(t, big_of(t, mul_big(t, big_of(t, x), big_of(t, v_int(base)))), big_of(t, v_int(d)), false);
    }
    return negative ? op_negate(t, x) : x;
}

void big_show(tm *t, tm_build *b, const tm_big *x) {
    char s[12];
    if (x->negative) build_z(t, b, "-");
    for (int i = x->n; i-- > 0;) build_put(t, b, s, (size_t)snprintf(s, sizeof s, i == x->n - 1 ? "%u" : "%09u", x->d[i]), false);
}

static double big_double(const tm_big *x) {
    if (x->n > 35) return x->negative ? -(double)INFINITY : (double)INFINITY; /* 10^309 and more */
    /* The decimal text rounds correctly; a sum of limbs would round at each. */
    char s[35 * 9 + 12], *p = s;
    for (int i = x->n; i-- > 0;) p += snprintf(p, 12, i == x->n - 1 ? "%u" : "%09u", x->d[i]);
    const double f = strtod(s, NULL);
    return x->negative ? -f : f;
}

uint64_t big_hash(const tm_big *x) {
    uint64_t h = x->negative;
    for (int i = 0; i < x->n; i++) h = (h ^ x->d[i]) * 0x9e3779b97f4a7c15u;
    return h;
}

double num_of(val v) { return v.kind == V_FLOAT ? v.f : v.kind == V_INT ? (double)v.i : v.kind == V_BOOL ? v.b : big_double(v.big); }

val int_of_double(tm *t, double d) {
    if (isnan(d) || isinf(d)) tm_fail(t, "%s cannot become a whole number", isnan(d) ? "NaN" : "infinity");
    d = trunc(d);
    if (fabs(d) < 9.2e18) return v_int((int64_t)d);
    char s[400];
    snprintf(s, sizeof s, "%.0f", fabs(d));
    return big_parse(t, str_of(s), 10, d < 0);
}

/* ---- reading numbers -------------------------------------------------------------------- */

static int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'z' ? (c | 32) - 'a' + 10 : 99; }

/* int(s, base): spaces around, a sign, single underscores between digits, a prefix. */
val parse_int(tm *t, const tm_text *s, int base, bool *ok) {
    const str x = text_str(text_strip(t, s, NULL, 3));
    size_t    i = 0;
    bool      negative = false, underscore = false;
    *ok = false;
    if (i < x.n && (x.p[i] == '-' || x.p[i] == '+')) negative = x.p[i++] == '-';
    if (x.n - i > 2 && x.p[i] == '0') {
        const int c = x.p[i + 1] | 32, b = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
        if (b && (base == 0 || base == b)) base = b, i += 2, i += x.p[i] == '_';
    }
    if (base == 0) {
        base = 10;
        for (size_t k = i; k < x.n && x.p[i] == '0'; k++)
            if (x.p[k] != '0' && x.p[k] != '_') return v_none(); /* 012 is nothing in base 0 */
    }
    const size_t from = i;
    for (; i < x.n; i++) {
        const bool u = x.p[i] == '_';
        if (u ? underscore || i == from : digit_of(x.p[i]) >= base) return v_none();
        underscore = u;
    }
    if (i == from || underscore) return v_none();
    if (i - from > TEMPLATE_MAX_PRINTED) return v_none();
    *ok = true;
    return big_parse(t, (str){x.p + from, i - from}, base, negative);
}

static bool is_word(str s, const char *z) {
    size_t i = 0;
    for (; i < s.n && z[i] && (s.p[i] | 32) == z[i]; i++) {}
    return i == s.n && !z[i];
}

/* A library's caller may have set any locale; strtod and printf follow its decimal point.  Without
 * a point, 12.5e3 as 125e+2, they cannot. */
bool read_double(tm *t, const char *z, double *out) {
    const size_t n = strlen(z);
    char        *w = tm_take(t, n + 24, 1), *p = w;
    long         shift = 0;
    bool         point = false, digit = false;
    for (; *z && *z != 'e' && *z != 'E'; z++) {
        if (*z == '.') {
            if (point) return false;
            point = true;
            continue;
        }
        if (digit_of(*z) > 9 && !(p == w && *z == '-')) return false;
        digit = digit || digit_of(*z) <= 9;
        *p++ = *z;
        shift -= point;
    }
    if (!digit) return false;
    if (*z) {
        const char *e = ++z;
        long        k = 0;
        e += *e == '-' || *e == '+';
        if (!*e) return false;
        for (; *e; e++) {
            if (digit_of(*e) > 9) return false;
            if (k < 100000000) k = k * 10 + digit_of(*e);
        }
        shift += *z == '-' ? -k : k;
    }
    snprintf(p, 24, "e%ld", shift);
    *out = strtod(w, NULL);
    tm_pay(t, 10 * n);
    return true;
}

/* The locale's point in what printf made becomes a dot. */
void plain_point(char *z) {
    char *w = z;
    for (; *z; z++) {
        const bool own = digit_of(*z) < 36 || strchr("+- %", *z);
        if (own) *w++ = *z;
        else if (w[-1] != '.') *w++ = '.';
    }
    *w = 0;
}

bool parse_float(tm *t, const tm_text *s, double *out) {
    str    x = text_str(text_strip(t, s, NULL, 3));
    str    w = x;
    double sign = 1;
    if (w.n && (*w.p == '-' || *w.p == '+')) sign = *w.p == '-' ? -1 : 1, w.p++, w.n--;
    if (is_word(w, "inf") || is_word(w, "infinity")) return *out = sign * (double)INFINITY, true;
    if (is_word(w, "nan")) return *out = (double)NAN, true;
    char  *z = tm_take(t, w.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < w.n; i++) {
        const char c = w.p[i];
        if (c == '_') {
            if (!i || i + 1 == w.n || digit_of(w.p[i - 1]) > 9 || digit_of(w.p[i + 1]) > 9) return false;
            continue;
        }
        if (digit_of(c) > 9 && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-') return false;
        z[n++] = c;
    }
    if (!n || z[0] == '-' || z[0] == '+' || !read_double(t, z, out)) return false;
    *out *= sign;
    return true;
}

/* ---- operators ------------------------------------------------------------------------------ */

static _Noreturn void refuse(tm *t, const char *op, val a, val b) {
    need_defined(t, a);
    need_defined(t, b);
    tm_fail(t, "'%s' does not work between '%s' and '%s'", op, kind_name(a), kind_name(b));
}

static int64_t small(val v) { return v.kind == V_BOOL ? v.b : v.i; }

static double floor_mod(double a, double b) {
    double r = fmod(a, b);
    if (r != 0 && (r < 0) != (b < 0)) r += b;
    return r != 0 ? r : copysign(0, b);
}

static double floor_div(double a, double b) {
    const double m = fmod(a, b), r = m != 0 && (m < 0) != (b < 0) ? m + b : m;
    double       d = (a - r) / b;
    if (d == 0) return copysign(0, a / b);
    const double f = floor(d);
    return d - f > 0.5 ? f + 1 : f;
}

static val power(tm *t, val a, val b) {
    if (a.kind == V_FLOAT || b.kind == V_FLOAT || big_compare(t, b, v_int(0)) < 0) {
        const double x = num_of(a), y = num_of(b);
        if (x == 0 && y < 0) tm_fail(t, "0 has no negative power");
        if (x < 0 && isfinite(y) && y != floor(y)) tm_fail(t, "a root of a negative number");
        const double r = pow(x, y);
        if (isinf(r) && isfinite(x) && isfinite(y)) tm_fail(t, "the result of ** is too large");
        return v_float(r);
    }
    if (b.kind == V_BIG || small(b) > 1000000) {
        if (a.kind != V_BIG && (small(a) == 0 || small(a) == 1)) return v_int(small(a));
        if (a.kind != V_BIG && small(a) == -1) {
            const uint32_t low = b.kind == V_BIG ? b.big->d[0] : (uint32_t)(small(b) & 1);
            return v_int(low & 1 ? -1 : 1);
        }
        tm_fail(t, "a number of more than %d digits", TEMPLATE_MAX_DIGITS);
    }
    val result = v_int(1), square = a;
    for (int64_t k = small(b); k > 0; k >>= 1) {
        if (k & 1) result = op_binary(t, '*', result, square);
        if (k > 1) square = op_binary(t, '*', square, square);
    }
    return a.kind == V_BOOL && small(b) == 1 ? v_int(a.b) : result;
}

static val arithmetic(tm *t, char op, val a, val b) {
    const bool real = a.kind == V_FLOAT || b.kind == V_FLOAT;
    if (a.kind == V_BIG || b.kind == V_BIG) tm_pay(t, BIG_COST);
    if (op == 'p') return power(t, a, b);
    if (op == '/' || op == 'f' || op == '%') {
        if (num_of(b) == 0) tm_fail(t, "division by zero");
        if (op == '/') {
            const double r = num_of(a) / num_of(b);
            if (isinf(r) && !real) tm_fail(t, "the result of / is too large");
            return v_float(r);
        }
        if (real) return v_float(op == '%' ? floor_mod(num_of(a), num_of(b)) : floor_div(num_of(a), num_of(b)));
        if (a.kind == V_BIG || b.kind == V_BIG || small(a) == INT64_MIN) return div_big(t, a, b, op == '%');
        int64_t x = small(a), y = small(b), q = x / y, r = x % y;
        if (r && (r < 0) != (y < 0)) q--, r += y;
        return v_int(op == '%' ? r : q);
    }
    if (real) {
        const double x = num_of(a), y = num_of(b);
        return v_float(op == '+' ? x + y : op == '-' ? x - y : x * y);
    }
    if (a.kind != V_BIG && b.kind != V_BIG) {
        int64_t r;
        const int64_t x = small(a), y = small(b);
        if (!(op == '+' ? __builtin_add_overflow(x, y, &r) : op == '-' ? __builtin_sub_overflow(x, y, &r) : __builtin_mul_overflow(x, y, &r)))
            return v_int(r);
    }
    const tm_big *x = big_of(t, a), *y = big_of(t, b);
    return op == '*' ? mul_big(t, x, y) : add_big(t, x, y, op == '-');
}

static val repeat(tm *t, val s, val times) {
    if (times.kind == V_BIG && !times.big->negative) tm_fail(t, "a repetition that does not fit in memory");
    const int64_t k = times.kind == V_BIG ? 0 : small(times);
    if (s.kind == V_STR) {
        tm_build b = {0};
        if (k > 0 && s.s->n > t->pool->cap / (size_t)k) tm_fail(t, "a string of more than %zu bytes", t->pool->cap);
        for (int64_t i = 0; i < k && s.s->n; i++) build_text(t, &b, s.s);
        const tm_text *x = build_end(t, &b);
        return v_str(s.s->safe ? text_safe(t, x) : x);
    }
    tm_list *l = list_new(t, 0);
    for (int64_t i = 0; i < k && s.l->n; i++)
        for (size_t j = 0; j < s.l->n; j++) list_push(t, l, s.l->v[j]);
    return s.kind == V_LIST ? v_list(l) : v_tuple(l);
}

static bool is_repeatable(val v) { return v.kind == V_STR || v.kind == V_LIST || v.kind == V_TUPLE; }

static val join(tm *t, val a, val b) {
    const tm_text *x = a.s, *y = b.s;
    if (!x->safe && !y->safe) return v_str(text_join(t, x, y));
    return v_str(text_safe(t, text_join(t, text_escape(t, x), text_escape(t, y))));
}

val op_binary(tm *t, char op, val a, val b) {
    const char name[3] = {op == 'p' ? '*' : op == 'f' ? '/' : op, op == 'p' ? '*' : op == 'f' ? '/' : 0, 0};
    if (is_number_val(a) && is_number_val(b)) return arithmetic(t, op, a, b);
    need_defined(t, a);
    if (op == '%' && a.kind == V_STR) return format_percent(t, a.s, b, NULL);
    need_defined(t, b);
    if (op == '+' && a.kind == V_STR && b.kind == V_STR) return join(t, a, b);
    if (op == '+' && a.kind == b.kind && (a.kind == V_LIST || a.kind == V_TUPLE)) {
        tm_list *l = list_new(t, a.l->n + b.l->n);
        for (size_t i = 0; i < a.l->n; i++) list_push(t, l, a.l->v[i]);
        for (size_t i = 0; i < b.l->n; i++) list_push(t, l, b.l->v[i]);
        return a.kind == V_LIST ? v_list(l) : v_tuple(l);
    }
    if (op == '*' && is_repeatable(a) && is_integer_val(b)) return repeat(t, a, b);
    if (op == '*' && is_repeatable(b) && is_integer_val(a)) return repeat(t, b, a);
    refuse(t, name, a, b);
}

val op_negate(tm *t, val v) {
    need_defined(t, v);
    if (v.kind == V_FLOAT) return v_float(-v.f);
    if (!is_number_val(v)) tm_fail(t, "'-' does not work on '%s'", kind_name(v));
    return arithmetic(t, '-', v_int(0), v);
}

val op_plus(tm *t, val v) {
    need_defined(t, v);
    if (!is_number_val(v)) tm_fail(t, "'+' does not work on '%s'", kind_name(v));
    return v.kind == V_BOOL ? v_int(v.b) : v;
}
