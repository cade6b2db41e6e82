/* cmd_render.c - a chat template with given variables, as text or as token ids. */
#include "../json.h"
#include "cli.h"
#include <stdlib.h>
#include <string.h>

/* The variables as the text of one object. */
static int read_vars(const options *o, strbuf *out) {
    strbuf      text = {0};
    const char *path = o->arg[0], *shown = strcmp(path, "-") ? path : "stdin";
    slm_error   err = {0};
    pool        p = {0};
    int         rc = read_all(path, &text);
    if (rc) return rc;
    pool_init(&p, 64 * text.n + (1u << 20));
    json *v = json_parse(&p, (str){text.p ? text.p : "", text.n}, &err), *vars = v;
    if (!v) rc = fail(err.code == SLM_ERR_MEMORY ? EXIT_MEMORY : EXIT_RUNTIME, "%s: %s", shown, err.text);
    else if (json_type(v) == JSON_ARR) {
        vars = json_new(&p, JSON_OBJ);
        if (!json_set(&p, vars, STR("messages"), v)) rc = fail(EXIT_MEMORY, "no memory for %s", shown);
    } else if (json_type(v) != JSON_OBJ) rc = fail(EXIT_RUNTIME, "%s: holds neither an object of variables nor an array of messages", shown);
    if (!rc) rc = add_vars(o, &p, vars);
    if (!rc) json_write(out, vars);
    if (!rc && out->bad) rc = fail(EXIT_MEMORY, "no memory for %s", shown);
    pool_free(&p);
    strbuf_free(&text);
    return rc;
}

/* file: what holds the template. */
static int fail_template(const char *file, const slm_error *err) {
    return fail(err->code == SLM_ERR_MEMORY ? EXIT_MEMORY : err->code == SLM_ERR_ARGUMENT ? EXIT_USAGE : EXIT_RUNTIME, "%s: %s", file, err->text);
}

static int open_template(const options *o, const slm_model *m, const char *file, slm_template **out) {
    strbuf    text = {0};
    slm_error err = {0};
    int       rc = 0;
    if (!o->template_name) return slm_template_of(out, m, &err) ? fail_template(file, &err) : 0;
    rc = read_all(o->template_name, &text);
    if (!rc && slm_template_parse(out, text.p ? text.p : "", text.n, &err)) rc = fail_template(file, &err);
    strbuf_free(&text);
    return rc;
}

static int print_ids(const slm_model *m, const char *text, const uint8_t *trust, size_t n) {
    slm_error err = {0};
    int32_t  *ids = NULL;
    int       n_ids = 0;
    if (slm_tokenize_prompt(m, text, trust, n, &ids, &n_ids, &err)) return fail_status(&err);
    for (int i = 0; i < n_ids; i++) out_fmt("%s%d", i ? " " : "", ids[i]);
    out_text("\n");
    slm_free(ids);
    return 0;
}

static int render(const options *o, const slm_model *m, const char *file, int64_t now) {
    slm_template *t = NULL;
    strbuf        vars = {0};
    slm_error     err = {0};
    char         *text = NULL;
    uint8_t      *trust = NULL;
    size_t        n = 0;
    int           rc = open_template(o, m, file, &t);
    if (!rc) rc = read_vars(o, &vars);
    if (!rc && slm_template_render(t, vars.p, vars.n, now, &text, &trust, &n, &err)) rc = fail_template(file, &err);
    if (!rc && o->want_ids) rc = print_ids(m, text, trust, n);
    else if (!rc) out_put(text, n);
    slm_free(text);
    slm_free(trust);
    strbuf_free(&vars);
    slm_template_free(t);
    return rc;
}

static int render_main(options *o) {
    slm_model  *m = NULL;
    const char *env = getenv("SLM_MODEL"), *path = o->model ? o->model : env && *env ? env : o->default_model;
    int64_t     now = 0;
    stop_init(0, "");
    if (o->n_arg != 1) return fail(EXIT_USAGE, "render takes one file of variables (- is stdin)");
    /* The model that is not needed is not opened: it may be gigabytes away. */
    const bool wants_model = !o->template_name || o->want_ids;
    if (wants_model && !path) return fail(EXIT_USAGE, o->want_ids ? "--ids needs a model: -m FILE.gguf" : "no template: give --template FILE or -m FILE.gguf");
    if (o->template_name && !strcmp(o->template_name, "-") && !strcmp(o->arg[0], "-")) return fail(EXIT_USAGE, "stdin cannot be both the template and the variables");
    int rc = read_now(o, &now);
    if (!rc && wants_model && (rc = find_model(path, &path)) < 0) rc = open_model(o, path, true, &m);
    confine(o, NULL, NULL); /* also without a model: templates are programs of others */
    if (!rc) rc = render(o, m, o->template_name ? o->template_name : path, now);
    slm_model_close(m);
    return out_end(rc);
}

const command cmd_render = {
    .name = "render",
    .brief = "the prompt that a chat template makes of messages",
    .usage = "[-m FILE | --template FILE] [FLAGS] VARS.json",
    .examples = "  slm render -m model.gguf messages.json\n"
                "  slm render -m model.gguf --template-var add_generation_prompt=true - < messages.json\n"
                "  slm render --template chat.jinja --now 1736944496 vars.json\n",
    .notes = "VARS.json holds an object (messages, tools, add_generation_prompt, bos_token, ..) or an array of messages.\n"
             "Where the template raises an error, it is printed with its line: exit 1.\n",
    .main = render_main,
};
