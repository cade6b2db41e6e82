/* option.h - what a flag is: a row of the table in option_table.c, which options.c reads. */
#ifndef OPTION_H
#define OPTION_H
#include "cli.h"
#include <stddef.h>

typedef enum {
    FLAG,     /* bool                                                              */
    INT,      /* int in lo..hi                                                     */
    SEED,     /* int64, -1: random                                                 */
    REAL,     /* double in lo..hi                                                  */
    FLOAT,    /* float in lo..hi                                                   */
    TEXT,     /* const char *                                                      */
    STOPS,    /* appends to options.stop                                           */
    VARS,     /* appends to options.var                                            */
    TEXTS,    /* appends to a text_list                                            */
    BIAS,     /* the same, of the form TEXT=X, X in lo..hi                         */
    CHOICE,   /* int: position in `choices`                                        */
    MAYBE,    /* int: as CHOICE, +1, but the value may only follow "="; 1 without   */
    IDS,      /* bool, and with --decode also TEXT into options.ids                */
    INTS,     /* appends to an int_list: numbers in lo..hi, ranges, commas           */
    PAIR,     /* appends two numbers in lo..hi to an int_list                      */
    CHOICES,  /* appends positions in `choices` to an int_list                     */
    OPTIONAL, /* as TEXT, but the value may only follow "="; "" without            */
    THINK,    /* auto, on, off, or tokens: options.think and options.think_budget  */
    SIZE,     /* uint64 bytes: 4096, 512M, 1.5G, 2GiB                              */
    FOREIGN   /* of llama.cpp and without a meaning here; arg as in help: a value, [ a value], none */
} option_kind;

typedef struct {
    const char *names;    /* separated by spaces; the last is the one that help is sorted under */
    option_kind kind;
    size_t      at;       /* field of options                                      */
    const char *arg;      /* how help names the value                              */
    double      lo, hi;
    const char *choices;
    const char *fallback; /* what help says instead of the field's initial value   */
    const char *env;
    const char *group;
    const char *cmds;     /* the commands that take it; "*" all                    */
    const char *help;
} option;

#define AT(f) offsetof(options, f)
#define BENCH(f) AT(bench.f)
#define SAMPLING(f) AT(sampling.f)

/* Every flag of every command, groups and flags in the order of the help; several rows have one name where
 * commands differ in what it means. */
enum { MAX_OPTIONS = 256 };
extern const option option_table[];
extern const size_t option_count; /* at most MAX_OPTIONS */
#endif
