/* cmd_ls.c - the models that a name can mean, and what their headers say. */
#include "../json.h"
#include "cli.h"
#include <stdio.h>
#include <string.h>

static void put_json(strbuf *b, const named_model *m, slm_file *f, const char *place, const slm_error *err) {
    file_facts x;
    const struct {
        const char *key;
        str         text;
    } names[] = {{"{\"name\":", str_of(m->name)}, {",\"full_name\":", str_of(m->full)}, {",\"file\":", str_of(m->path)}, {",\"where\":", str_of(place)}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        strbuf_str(b, str_of(names[i].key));
        json_write_str(b, names[i].text);
    }
    if (!f) {
        strbuf_str(b, STR(",\"error\":"));
        json_write_str(b, str_of(err->text));
    } else {
        file_facts_read(f, &x);
        strbuf_fmt(b, ",\"bytes\":%llu,\"arch\":", (unsigned long long)slm_file_bytes(f));
        json_write_str(b, x.arch);
        strbuf_str(b, STR(",\"quant\":"));
        json_write_str(b, x.quant);
        strbuf_fmt(b, ",\"params\":%lld,\"context\":", (long long)x.params);
        if (x.context < 0) strbuf_str(b, STR("null"));
        else strbuf_fmt(b, "%lld", (long long)x.context);
    }
    strbuf_char(b, '}');
}

/* Text of a file or its name. */
static void put_text(strbuf *b, str s, int width) {
    const size_t begin = b->n;
    plain_text(b, s);
    const int n = (int)(b->n - begin);
    strbuf_fmt(b, "%*s", n < width ? width - n : 0, "");
}

static void put_row(strbuf *b, const named_model *m, int width, slm_file *f, const char *place, const slm_error *err) {
    file_facts x;
    char       size[32], context[24] = "?";
    put_text(b, str_of(m->name), width);
    if (!f) {
        strbuf_str(b, STR("  broken: "));
        put_text(b, str_of(err->text), 0);
    } else {
        file_facts_read(f, &x);
        if (x.context >= 0) snprintf(context, sizeof context, "%lld", (long long)x.context);
        strbuf_fmt(b, "  %10s  ", human_bytes(slm_file_bytes(f), size));
        put_text(b, x.quant, 7);
        strbuf_fmt(b, " %8s  %s: ", context, place);
        put_text(b, str_of(m->path), 0);
    }
    strbuf_char(b, '\n');
}

/* What can be typed: a name with a line break in it cannot. */
static void put_names(const model_list *l) {
    if (slm_has_builtin()) out_text(SLM_BUILTIN "\n");
    for (size_t i = 0; i < l->n; i++)
        if (!strchr(l->at[i].name, '\n')) out_fmt("%s\n", l->at[i].name);
}

static int width_of(const model_list *l) {
    int widest = 8;
    for (size_t i = 0; i < l->n; i++) {
        const int n = (int)strlen(l->at[i].name);
        if (n > widest) widest = n < 48 ? n : 48;
    }
    return widest;
}

static int ls_main(options *o) {
    static const named_model inside = {.name = SLM_BUILTIN, .full = SLM_BUILTIN, .path = SLM_BUILTIN};
    model_list               l;
    strbuf                   b = {0};
    stop_init(0, "");
    if (o->n_arg) return fail(EXIT_USAGE, "ls takes no argument, \"%s\" is one (slm show MODEL lists one model)", o->arg[0]);
    if (o->json && o->names) return fail(EXIT_USAGE, "only one of --json and --names");
    models_find(&l);
    if (l.starved) {
        models_free(&l);
        return fail(EXIT_MEMORY, "no memory for the list of models");
    }
    if (o->names) {
        put_names(&l);
        models_free(&l);
        return out_end(EXIT_OK);
    }
    confine_widely(o, false);
    const int width = width_of(&l);
    size_t    n = 0;
    if (o->json) out_put("[", 1);
    else out_fmt("%-*s  %10s  %-7s %8s  %s\n", width, "NAME", "SIZE", "QUANT", "CONTEXT", "WHERE");
    for (size_t i = slm_has_builtin() ? 0 : 1; i <= l.n && !b.bad && !out_failed(); i++) {
        const named_model *m = i ? &l.at[i - 1] : &inside;
        const char        *place = i ? place_name(m->place) : "this program";
        slm_file          *f = NULL;
        slm_error          err = {0};
        if (slm_file_open(&f, m->path, &err) == SLM_ERR_MEMORY) b.bad = true;
        if (o->json && n++) strbuf_str(&b, STR(",\n "));
        if (o->json) put_json(&b, m, f, place, &err);
        else put_row(&b, m, width, f, place, &err);
        slm_file_close(f);
        out_buf(&b);
    }
    if (o->json) out_text("]\n");
    if (l.cut) warn(o, "there are more files than are looked at");
    strbuf_free(&b);
    models_free(&l);
    return out_end(EXIT_OK);
}

const command cmd_ls = {
    .name = "ls",
    .brief = "models that can be named, and what they are",
    .usage = "[FLAGS]",
    .examples = "  slm ls\n"
                "  slm ls --json\n",
    .notes = "Looked through: the folders of SLM_MODELS (separated by colons; without it ./models and\n"
             "$XDG_DATA_HOME/slm/models), Ollama's models ($OLLAMA_MODELS), the Hugging Face cache\n"
             "($HF_HUB_CACHE, $HF_HOME) and LM Studio's folders.  All are used in place.  Wherever a command\n"
             "takes a MODEL, a name of this list will do, or a beginning that only one of them has.\n",
    .main = ls_main,
};
