/* line.h - the line editor: what keys do to a text, and how it looks.  No terminal is in it: bytes go
 * in, bytes come out.  The keys are those of Emacs and readline. */
#ifndef LINE_H
#define LINE_H
#include "../base.h"

/* Messages that were sent before, oldest first. */
typedef struct {
    char **item; /* [n], NUL ended */
    size_t n;
} history;
/* Adds unless it is empty or equals the last; true: it was added. */
bool history_add(history *h, str text);
void history_free(history *h);

typedef enum {
    LINE_MORE,
    LINE_DONE,      /* text is a message                   */
    LINE_INTERRUPT, /* Ctrl-C: text is what was given up    */
    LINE_END,       /* Ctrl-D on an empty text             */
    LINE_SUSPEND,   /* Ctrl-Z                              */
    LINE_REDRAW     /* Ctrl-L: on an empty screen          */
} line_event;

/* All zero is an editor that nobody has typed into. */
typedef struct {
    strbuf   text;     /* UTF-8; \n and \t are its only control characters */
    size_t   at;       /* the cursor, in bytes                             */
    strbuf   killed;
    bool     kills;    /* the last key killed: the next kill joins it      */
    bool     pasting, after_cr;
    bool     block;    /* text begins with """ that was typed              */
    bool     quoted;   /* after LINE_DONE: it was such a block             */
    history *past;     /* NULL: none; the caller's                         */
    size_t   n_back;   /* shown: the n_back-th last message, 0: a new one  */
    strbuf   draft;    /* the new one, while another is shown              */
    bool     searching; /* Ctrl-R                                          */
    strbuf   query;
    bool     rings;    /* a key had nothing to do: ring the bell           */
} line_editor;

/* A new text that begins as `text`, with the cursor at its end.  The killed text stays. */
void line_begin(line_editor *l, str text);
void line_free(line_editor *l);
/* Takes keys until one makes an event.  *used: how many bytes were taken; those that are left may be the
 * beginning of a key.  A bracketed paste is text, newlines and all. */
line_event line_keys(line_editor *l, const char *p, size_t n, size_t *used);

/* At the end of a typed line: does the message go on?  An open """ does, and a \ at the end, which
 * becomes a newline.  Then text is ready for its next line. */
bool message_goes_on(strbuf *text, bool block);
/* Takes the """ off, and the newlines beside them. */
void message_unwrap(strbuf *text);

/* ---- how it looks ---------------------------------------------------------- */

typedef struct {
    str first, more;   /* what stands before the first line and the others */
    str on, off;       /* escape sequences around them                     */
    int width, height; /* of the terminal                                  */
} line_look;

/* Where the last drawing left things, in rows of the terminal.  All zero: nowhere yet. */
typedef struct {
    int top;  /* first row of the text that is shown */
    int row;  /* of the cursor, from there           */
} line_place;

/* Appends to `out` what makes the terminal show l instead of what it shows. */
void line_draw(const line_editor *l, const line_look *look, line_place *at, strbuf *out);
/* The terminal has another width now and has broken its rows anew: where is the cursor? */
void line_resized(const line_editor *l, const line_look *old, int width, line_place *at);

/* (term.c) Lets the user edit l, until an event that is not LINE_MORE, _SUSPEND or _REDRAW; the cursor
 * is then below the text.  look: its size is set here. */
line_event term_edit(line_editor *l, line_look *look);
#endif
