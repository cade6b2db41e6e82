/* talk.h - a conversation, and what the two halves of `slm chat` share. */
#ifndef TALK_H
#define TALK_H
#include "cli.h"
#include "line.h"

/* ---- the conversation ------------------------------------------------------ */

typedef struct {
    bool   by_model;
    strbuf text;
} talk_turn;

/* All zero is an empty one. */
typedef struct {
    strbuf     system;
    bool       has_system;
    talk_turn *turn;
    size_t     n;
} talk;

/* False: no memory, and nothing is changed. */
bool talk_add(talk *t, bool by_model, str text);
void talk_drop(talk *t, size_t n); /* the last n turns */
/* The last thing that the user said and all behind it; false: there is none. */
bool talk_drop_exchange(talk *t);
str  talk_last_said(const talk *t); /* .p is NULL: there is none */
bool talk_set_system(talk *t, str text);
void talk_free(talk *t);
/* Views of all messages; freed with mem_free.  NULL: no memory. */
slm_message *talk_messages(const talk *t, int *n);
/* JSON Lines, a message on each.  The file appears whole or not at all.  0 or exit code. */
int talk_save(const talk *t, const char *path);
/* Replaces t, or leaves it as it is.  0 or exit code. */
int talk_load(talk *t, const char *path);

/* ---- history --------------------------------------------------------------- */

/* $XDG_STATE_HOME/slm/history, a message on each line; what cannot be read or written is said once and
 * done without. */
void history_open(const options *o, history *h);
void history_append(const options *o, str text);

/* ---- the chat -------------------------------------------------------------- */

typedef struct {
    options     *o;
    char        *path;     /* of the model */
    slm_model   *m;
    slm_session *s;
    slm_session_options so; /* of s */
    chat_setting setting;
    talk         talk;
    strbuf       attached; /* /read: goes before the next message */
    slm_sampling sampling; /* in force                            */
    pool         kept;     /* texts of /set that o points to      */
    slm_stats    last;     /* of the last answer                  */
    double       load_ms;
    int          n_answers;
    long long    n_reused, n_evaluated, n_generated; /* of all answers      */
    bool         person;   /* at a terminal: errors do not end it */
    bool         edits;    /* with the line editor                */
    bool         reopens;  /* /edit: the next message replaces the last, and begins as it */
} chat;

/* Opens a model and a session for c.  0, or the exit code, and the old ones are there as before, opened again
 * where both did not fit; c->m is NULL where even that failed. */
int chat_open(chat *c, const char *path);
int chat_set_sampling(chat *c); /* after a change of o's */
/* The whole conversation as the model would see it now.  0 or exit code. */
int chat_prompt_now(chat *c, slm_prompt *out);
/* The model answers the last turn; where nothing came the turn is taken back.  0 or exit code. */
int chat_answer(chat *c);
void chat_greet(const chat *c);
/* Does what a line that begins with / says.  0, an exit code, or CHAT_LEAVE. */
enum { CHAT_LEAVE = -1 };
bool is_command(str line);
int  chat_command(chat *c, str line);
#endif
