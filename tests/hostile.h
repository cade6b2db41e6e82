/* hostile.h - the corpus of bad, and of odd but good, model files: each a valid tiny model with one thing changed.
 *
 * test_hostile.c runs the program on every one of them and holds it to ../shared/design/trust.md: the right
 * verdict, one line that names the file, no signal, no second of time, no 64 MiB. */
#ifndef HOSTILE_H
#define HOSTILE_H
#include "edit.h"

typedef enum {
    BAD,    /* does not load: exit 1 and the reason                                            */
    GOOD,   /* loads and runs                                                                   */
    NUMB,   /* loads; running it ends with "no finite logits"                                   */
    MUTE,   /* loads and runs with --raw; its chat template ends with an error and its line     */
    TALKS,  /* loads and runs, also through its chat template                                   */
    TOO_LONG /* loads; what its chat template makes does not fit the context: exit 4            */
} verdict;

typedef struct {
    const char *name;  /* unique                                                                */
    const char *base;  /* a name from mkmodel_variants[], perhaps behind a type: "Q4_0 llama"   */
    verdict     want;
    const char *text;  /* part of the reason, or of a good file's output; NULL: any            */
    const char *edits; /* edit.h; of a template: its source.  R(text, n) is n times the text    */
} hostile_case;

extern const hostile_case hostile_files[], hostile_tokenizers[], hostile_templates[]; /* end with a NULL name */

/* A hyperparameter's bad and odd values, the same for every architecture that has the key. */
typedef struct {
    const char *key;   /* behind the architecture's name */
    verdict     want;
    const char *value; /* KIND VALUE; "": without it     */
    const char *text;
} hostile_value;
extern const hostile_value hostile_values[]; /* ends with a NULL key */
#endif
