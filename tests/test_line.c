/* test_line.c - the line editor without a terminal: keys in, text and a picture out. */
#include "../src/cli/line.h"
#include "../src/limits.h"
#include "screen.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ------------------------------------------------------------------ */

/* Keys as they come: all at once, or a byte at a time with the unfinished ones held back. */
static line_event type(line_editor *l, const char *keys, size_t n, bool slowly) {
    line_event e = LINE_MORE;
    size_t     at = 0, have = slowly ? 1 : n;
    while (e == LINE_MORE && have <= n && at < n) {
        size_t used;
        e = line_keys(l, keys + at, have - at, &used);
        at += used;
        if (slowly || !used) have++;
    }
    return e;
}

/* The text with | at the cursor. */
static void text_is(const line_editor *l, const char *want, const char *keys) {
    strbuf b = {0};
    strbuf_put(&b, l->text.p, l->at);
    strbuf_char(&b, '|');
    strbuf_put(&b, l->text.p + l->at, l->text.n - l->at);
    if (!str_eq((str){b.p, b.n}, str_of(want))) {
        printf("    keys: %s\n", keys);
        CHECK_STR(((str){b.p, b.n}), str_of(want));
    }
    strbuf_free(&b);
}

#define ALT   "\x1b"
#define UP    "\x1b[A"
#define DOWN  "\x1b[B"
#define RIGHT "\x1b[C"
#define LEFT  "\x1b[D"
#define PASTE(text) "\x1b[200~" text "\x1b[201~"

static void keys_edit_the_text(void) {
    static const struct {
        const char *keys, *text;
    } cases[] = {
        {"abc", "abc|"}, {"abc\x01x", "x|abc"}, {"abc\x01\x05x", "abcx|"}, {"abc" LEFT "x", "abx|c"}, {"abc\x02\x02\x06x", "abx|c"},
        {"abc" LEFT LEFT RIGHT "\x7f", "a|c"}, {"abc\x08", "ab|"}, {"abc\x01\x04", "|bc"}, {"abc\x1b[H\x1b[3~", "|bc"},
        {"abc\x1b[1~x\x1b[4~y", "xabcy|"}, {"abc\x1bOHx\x1bOFy", "xabcy|"}, {"abc\x1b[7~x\x1b[8~y", "xabcy|"}, {"abc\x1bODx\x1bOCy", "abxcy|"},
        /* words */
        {"one two  three" ALT "bx", "one two  x|three"}, {"one two" ALT "b" ALT "b" ALT "f.", "one.| two"}, {"one two\x1b[1;5D\x1b[1;3Dx", "x|one two"},
        {"one two\x01\x1b[1;5Cx", "onex| two"}, {"one-two\x17", "|"}, {"one-two" ALT "\x7f", "one-|"}, {"one two  \x17", "one |"}, {"one two\x01" ALT "d", "| two"},
        {"one two\x01" ALT "f" ALT "d", "one|"}, {"na\xc3\xafve x" ALT "b" ALT "b!", "!|na\xc3\xafve x"},
        /* kill and yank */
        {"one two\x01\x0b", "|"}, {"one two\x01\x0b\x19", "one two|"}, {"one two" ALT "b\x0b\x01\x19", "two|one "}, {"one two\x15", "|"}, {"one two\x15\x19\x19", "one twoone two|"},
        {"one two three\x17\x17\x19", "one two three|"}, {"one two three\x01" ALT "d" ALT "d\x05\x19", " threeone two|"}, {"a b\x17x\x17\x19", "a x|"},
        {"ab\x14", "ba|"}, {"abcd" LEFT LEFT "\x14", "acb|d"}, {"a\x14", "a|"},
        /* UTF-8: é, a wide character, e with a combining accent; what joins moves along */
        {"\xc3\xa9" "a\x7f\x7f", "|"}, {"\xe6\x97\xa5\xe6\x9c\xac" LEFT "x", "\xe6\x97\xa5x|\xe6\x9c\xac"}, {"ae\xcc\x81z" LEFT LEFT "x", "ax|e\xcc\x81z"},
        {"ae\xcc\x81\x7f", "a|"}, {"ae\xcc\x81\x02\x04", "a|"}, {"\xf0\x9f\x98\x80\x02y", "y|\xf0\x9f\x98\x80"}, {"a\xff" "b", "a\xef\xbf\xbd" "b|"}, {"a\xc3(", "a\xef\xbf\xbd(|"},
        /* lines */
        {"one\\\rtwo", "one\ntwo|"}, {"one" ALT "\rtwo", "one\ntwo|"}, {"\"\"\"one\rtwo", "\"\"\"one\ntwo|"}, {"one\\\rtwo" UP "x", "onex|\ntwo"}, {"a\\\rlong" UP "x" DOWN "y", "ax\nloy|ng"},
        {"one\\\rtwo\x01\x7f", "one|two"}, {"one\\\rtwo" UP "\x0b", "one|two"}, {"one\\\rtwo\x15", "one\n|"}, {"one\\\rtwo" UP "\x01x\x05y", "xoney|\ntwo"},
        /* paste: newlines stay, a command stays text, escapes do not act */
        {PASTE("a\rb"), "a\nb|"}, {PASTE("a\r\nb\n"), "a\nb\n|"}, {"x" PASTE("a\tb\x01\x1b[Dc") "y", "xa\tb[Dcy|"}, {PASTE(""), "|"}, {PASTE("c:\\\rd"), "c:\\\nd|"},
        {"ab" LEFT PASTE("1\r2") "3", "a1\n23|b"}, {PASTE("\"\"\"q\r"), "\"\"\"q\n|"},
        /* what means nothing */
        {"a\x1b[5n\x1b[99;99Zb", "ab|"}, {"a\x1bxb", "ab|"}, {"a\x1b\x1b[Db", "b|a"}, {"a\x1dg\x1e", "ag|"}, {"\x7f\x02\x06\x0b\x15\x17\x19", "|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int slowly = 0; slowly < 2; slowly++) {
            line_editor l = {0};
            line_begin(&l, STR(""));
            const line_event e = type(&l, cases[i].keys, strlen(cases[i].keys), slowly);
            text_is(&l, cases[i].text, cases[i].keys);
            if (e != LINE_MORE && e != LINE_SUSPEND) CHECK_INT(e, LINE_MORE);
            line_free(&l);
        }
}

static void keys_make_events(void) {
    static const struct {
        const char *keys;
        line_event  event;
        const char *text;
        bool        quoted;
    } cases[] = {
        {"hi\r", LINE_DONE, "hi|", false}, {"hi\n", LINE_DONE, "hi|", false}, {"hi" LEFT "\r", LINE_DONE, "hi|", false}, {"\r", LINE_DONE, "|", false},
        {"a\\\rb\r", LINE_DONE, "a\nb|", false}, {"a\\\\\r", LINE_DONE, "a\\\\|", false},
        {"\"\"\"one\rtwo\"\"\"\r", LINE_DONE, "one\ntwo|", true}, {"\"\"\"\rone\r\"\"\"\r", LINE_DONE, "one|", true}, {"\"\"\"/bye\"\"\"\r", LINE_DONE, "/bye|", true},
        {"\"\"\"\"\"\"\r", LINE_DONE, "|", true}, {"x\"\"\"y\r", LINE_DONE, "x\"\"\"y|", false},
        /* quotes that were pasted open nothing; their text is what was pasted */
        {PASTE("\"\"\"doc\"\"\"\rdef") "\r", LINE_DONE, "\"\"\"doc\"\"\"\ndef|", false},
        {"hi\x03", LINE_INTERRUPT, "hi|", false}, {"\x04", LINE_END, "|", false}, {"a\x7f\x04", LINE_END, "|", false}, {"a\x1a", LINE_SUSPEND, "a|", false},
        {"a\x0c", LINE_REDRAW, "a|", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int slowly = 0; slowly < 2; slowly++) {
            line_editor l = {0};
            line_begin(&l, STR(""));
            CHECK_INT(type(&l, cases[i].keys, strlen(cases[i].keys), slowly), cases[i].event);
            text_is(&l, cases[i].text, cases[i].keys);
            if (cases[i].event == LINE_DONE) CHECK_INT(l.quoted, cases[i].quoted);
            line_free(&l);
        }
}

static void history_goes_back_and_forth(void) {
    static const struct {
        const char *keys, *text;
    } cases[] = {
        {UP, "third\nof two lines|"}, {UP UP, "third|\nof two lines"}, {UP UP UP, "second|"}, {UP UP UP UP UP UP, "first|"}, {"\x10\x10\x10\x0e", "third\nof two lines|"},
        {"new" UP UP UP DOWN DOWN, "new|"}, {"new" DOWN, "new|"}, {UP UP UP "!", "second!|"},
        {"\x12" "fir", "|first"}, {"\x12" "s", "third\nof two line|s"}, {"\x12s\x12", "|second"}, {"\x12s\x12\x12", "fir|st"}, {"x\x12" "fir\x07", "x|"}, {"x\x12" "fir\x03y", "xy|"},
        {"\x12" "firq\x7f\x7fr" "\x05!", "first!|"}, {"\x12" "fir" LEFT "!", "!|first"}, {"\x12nowhere\x05!", "third\nof two lines!|"}, {"\x12qx\x05!", "!|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        history     h = {0};
        line_editor l = {.past = &h};
        CHECK(history_add(&h, STR("first")) && history_add(&h, STR("second")) && !history_add(&h, STR("second")) && !history_add(&h, STR("")));
        CHECK(history_add(&h, STR("third\nof two lines")));
        line_begin(&l, STR(""));
        CHECK_INT(type(&l, cases[i].keys, strlen(cases[i].keys), true), LINE_MORE);
        text_is(&l, cases[i].text, cases[i].keys);
        line_free(&l);
        history_free(&h);
    }
    history h = {0};
    char    text[16];
    for (int i = 0; i < HISTORY_MAX_ITEMS + 7; i++) CHECK(history_add(&h, (str){text, (size_t)snprintf(text, sizeof text, "%d", i)}));
    CHECK_INT(h.n, HISTORY_MAX_ITEMS);
    CHECK_STR(str_of(h.item[0]), STR("7"));
    history_free(&h);
}

/* ---- picture ---------------------------------------------------------------- */

static screen view;

/* Types and draws after every key, as a terminal would see it, with a fixed prompt. */
static void draw_keys(line_editor *l, line_place *at, const char *keys, int width, int height) {
    line_look look = {.first = STR(">>> "), .more = STR("... "), .on = STR("\x1b[1m"), .off = STR("\x1b[0m"), .width = width, .height = height};
    size_t    n = strlen(keys), i = 0, have = 1;
    do {
        size_t used = 0;
        strbuf out = {0};
        if (n) line_keys(l, keys + i, have - i, &used);
        i += used;
        have++;
        line_draw(l, &look, at, &out);
        screen_put(&view, out.p, out.n);
        strbuf_free(&out);
    } while (have <= n);
}

static void view_is(const char *want) {
    strbuf b = {0};
    screen_text(&view, true, &b);
    CHECK_STR(((str){b.p, b.n}), str_of(want));
    strbuf_free(&b);
}

static void picture_shows_text_and_cursor(void) {
    static const struct {
        const char *keys;
        int         width, height;
        const char *shows;
    } cases[] = {
        {"", 20, 5, ">>> |\n"}, {"hello", 20, 5, ">>> hello|\n"}, {"hello\x01", 20, 5, ">>> |hello\n"},
        /* rows: exactly full, one more, the cursor inside */
        {"123456", 10, 5, ">>> 123456\n|\n"}, {"1234567", 10, 5, ">>> 123456\n7|\n"}, {"1234567" LEFT LEFT, 10, 5, ">>> 12345|6\n7\n"}, {"1234567" LEFT, 10, 5, ">>> 123456\n|7\n"},
        {"1234567890123456789\x01", 10, 5, ">>> |123456\n7890123456\n789\n"}, {"1234567\x7f\x7f", 10, 5, ">>> 12345|\n"},
        /* lines */
        {"one\\\rtwo", 10, 5, ">>> one\n... two|\n"}, {"one\\\rtwo" UP, 10, 5, ">>> one|\n... two\n"}, {"123456\\\rx", 10, 5, ">>> 123456\n... x|\n"}, {"one\\\r", 10, 5, ">>> one\n... |\n"},
        /* wide characters do not hang over the edge; combining ones take no room */
        {"\xe6\x97\xa5\xe6\x9c\xac", 20, 5, ">>> \xe6\x97\xa5\xe6\x9c\xac|\n"}, {"12345\xe6\x97\xa5", 10, 5, ">>> 12345\n\xe6\x97\xa5|\n"}, {"12345\xe6\x97\xa5" LEFT, 10, 5, ">>> 12345\n|\xe6\x97\xa5\n"},
        {"e\xcc\x81x", 10, 5, ">>> e\xcc\x81x|\n"}, {"12345e\xcc\x81", 10, 5, ">>> 12345e\xcc\x81\n|\n"}, {"a" PASTE("\t") "b", 20, 5, ">>> a   b|\n"},
        /* more rows than the terminal has: those around the cursor */
        {"1\\\r2\\\r3\\\r4", 10, 3, "... 2\n... 3\n... 4|\n"}, {"1\\\r2\\\r3\\\r4" UP UP UP, 10, 3, ">>> 1|\n... 2\n... 3\n"}, {"1\\\r2\\\r3\\\r4" UP UP UP DOWN DOWN DOWN, 10, 3, "... 2\n... 3\n... 4|\n"},
        /* no room for a prompt */
        {"1234567", 6, 5, "123456\n7|\n"}, {"ab", 2, 3, "ab\n|\n"},
        {"x\x12q", 30, 5, ">>> search \"q\": x|\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        line_editor l = {0};
        line_place  at = {0};
        screen_init(&view, cases[i].width, cases[i].height);
        line_begin(&l, STR(""));
        draw_keys(&l, &at, cases[i].keys, cases[i].width, cases[i].height);
        view_is(cases[i].shows);
        line_free(&l);
    }
}

/* Text above the editor stays where it is, at every width that the terminal changes to. */
static void picture_survives_another_width(void) {
    static const char *const keys[] = {"", "123456789012345678901234", "123456789012345678901234\x01", "12345\\\r1234567890123\\\rx" UP, "1234567890123456" LEFT LEFT LEFT LEFT LEFT LEFT};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (int from = 12; from <= 30; from++)
            for (int to = 12; to <= 30; to++) {
                line_editor l = {0};
                line_place  at = {0}, fresh = {0};
                line_look   look = {.first = STR(">>> "), .more = STR("... "), .on = STR("\x1b[1m"), .off = STR("\x1b[0m"), .width = from, .height = 20};
                strbuf      out = {0}, got = {0}, want = {0};
                screen_init(&view, from, 20);
                screen_put(&view, "above\r\n", 7);
                line_begin(&l, STR(""));
                draw_keys(&l, &at, keys[i], from, 20);
                screen_resize(&view, to, 20);
                line_resized(&l, &look, to, &at);
                look.width = to;
                line_draw(&l, &look, &at, &out);
                screen_put(&view, out.p, out.n);
                screen_text(&view, true, &got);
                out.n = 0;
                screen_init(&view, to, 20);
                screen_put(&view, "above\r\n", 7);
                line_draw(&l, &look, &fresh, &out);
                screen_put(&view, out.p, out.n);
                screen_text(&view, true, &want);
                if (!str_eq((str){got.p, got.n}, (str){want.p, want.n})) printf("    text %zu, %d to %d columns\n", i, from, to);
                CHECK_STR(((str){got.p, got.n}), ((str){want.p, want.n}));
                strbuf_free(&out);
                strbuf_free(&got);
                strbuf_free(&want);
                line_free(&l);
            }
}

/* Any bytes: the text stays UTF-8 without control characters, the cursor stays inside, nothing hangs. */
static void any_bytes_are_keys(void) {
    static const char some[] = "abc \\\"\"\"\r\n\t\x01\x02\x05\x0b\x0e\x10\x12\x15\x17\x19\x1b\x1b[[OABCDHF~;12300\x7f\xc3\xa9\xe6\x97\xa5\xcc\x81\xf0\x9f\x98\x80\xff\x80";
    uint64_t          seed = 7;
    for (int round = 0; round < 3000; round++) {
        history     h = {0};
        line_editor l = {.past = &h};
        char        keys[80];
        size_t      at = 0, have = 0;
        history_add(&h, STR("an old one"));
        line_begin(&l, STR(""));
        while (have < sizeof keys) keys[have++] = round % 2 ? (char)test_rand(&seed) : some[test_rand(&seed) % (sizeof some - 1)];
        for (size_t used = 1; used && at < have; at += used) {
            line_look  look = {.first = STR(">>> "), .more = STR("... "), .width = 2 + (int)(test_rand(&seed) % 20), .height = 1 + (int)(test_rand(&seed) % 4)};
            line_place place = {0};
            strbuf     out = {0};
            if (line_keys(&l, keys + at, have - at, &used) == LINE_DONE) line_begin(&l, STR(""));
            CHECK(l.at <= l.text.n);
            line_draw(&l, &look, &place, &out);
            CHECK(!out.bad && place.row < look.height);
            strbuf_free(&out);
        }
        for (size_t i = 0; i < l.text.n; i++) CHECK((uint8_t)l.text.p[i] >= ' ' || l.text.p[i] == '\n' || l.text.p[i] == '\t');
        line_free(&l);
        history_free(&h);
    }
}

const test_case tests_line[] = {
    {"keys_edit_the_text", "moving, words, kill and yank, UTF-8, lines, paste; whole or a byte at a time", keys_edit_the_text},
    {"keys_make_events", "enter, blocks, interrupt, end, suspend", keys_make_events},
    {"history_goes_back_and_forth", "up, down, the draft, search, the oldest go", history_goes_back_and_forth},
    {"picture_shows_text_and_cursor", "wrapped rows, wide and combining characters, small terminals", picture_shows_text_and_cursor},
    {"picture_survives_another_width", "what is above stays at every change of width", picture_survives_another_width},
    {"any_bytes_are_keys", "noise leaves a valid text and a cursor in it", any_bytes_are_keys},
    {0},
};
