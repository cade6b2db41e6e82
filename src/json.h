/* json.h - floor 0: the program's one dynamic value.  Chat messages, template variables, schemas
 * and requests are all json values in a pool. */
#ifndef JSON_H
#define JSON_H
#include "base.h"
typedef enum { JSON_NULL, JSON_BOOL, JSON_INT, JSON_NUM, JSON_STR, JSON_ARR, JSON_OBJ } json_kind;
typedef struct json json;

/* Parses one value and nothing after it but white space.  Values live in the pool; strings are
 * decoded copies.  Errors name line and column.  Nesting is bounded by JSON_MAX_DEPTH.  Strict
 * RFC 8259: bytes that are not UTF-8 and numbers past a double are errors; half of a surrogate pair
 * as \u escape becomes U+FFFD; of equal names the last value stays, at the place of the first. */
json *json_parse(pool *p, str text, slm_error *err);
/* Integers that fit int64 are JSON_INT, other numbers JSON_NUM. */
json_kind   json_type(const json *v);                  /* NULL reads as JSON_NULL */
bool        json_bool(const json *v);
int64_t     json_int(const json *v);                   /* JSON_NUM is truncated, saturating */
double      json_num(const json *v);
str         json_str(const json *v);                   /* empty unless JSON_STR */
size_t      json_len(const json *v);                   /* elements or members */
const json *json_at(const json *v, size_t i);          /* element, or member's value */
str         json_key_at(const json *obj, size_t i);
const json *json_get(const json *obj, str key);        /* NULL when absent; no scan in big objects */

/* Builders; NULL when the pool is full.  json_push and json_set accept NULL, or a value of another
 * kind, and then fail. */
json *json_new(pool *p, json_kind k);                  /* null, empty array, empty object */
json *json_new_bool(pool *p, bool b);
json *json_new_int(pool *p, int64_t i);
json *json_new_num(pool *p, double d);
json *json_new_str(pool *p, str s);                    /* not copied */
bool  json_push(pool *p, json *arr, json *v);
bool  json_set(pool *p, json *obj, str key, json *v);  /* key not copied; replaces an equal key */

/* Compact text, members in the order they were set.  Doubles in the shortest form that reads back
 * equal, written as Python does (1.0, 1e-05); NaN and infinities as null.  Deeper than
 * JSON_MAX_DEPTH: out->bad. */
void json_write(strbuf *out, const json *v);
/* The quoted form of s: control characters escaped, invalid UTF-8 as U+FFFD. */
void json_write_str(strbuf *out, str s);
void json_write_num(strbuf *out, double d);
#endif
