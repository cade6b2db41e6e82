/* explain.c - --explain: what a command would do, and why; nothing is generated. */
#include "../cpu.h"
#include "../json.h"
#include "cli.h"
#include <stdlib.h>
#include <string.h>

void plain_text(strbuf *b, str s) {
    strbuf quoted = {0};
    json_write_str(&quoted, s);
    if (quoted.n > 2) strbuf_put(b, quoted.p + 1, quoted.n - 2);
    b->bad |= quoted.bad;
    strbuf_free(&quoted);
}

static void put_row(const char *name, str value, const char *origin) {
    out_fmt("%-22s %-28.*s %s\n", name, (int)value.n, value.n ? value.p : "", origin);
}

int explain(const options *o, const slm_model *m, const char *path, const slm_session_options *so, const slm_prompt *prompt, const strbuf *text) {
    options            now = *o;
    strbuf             line = {0};
    const char        *epoch = getenv("SOURCE_DATE_EPOCH");
    const bool         has_text = prompt->text != NULL;
    const char        *shown = has_text ? prompt->text : text && text->n ? text->p : "";
    now.sampling = sampling_of(o, m);
    now.n_threads = so->n_threads ? so->n_threads : cpu_default_threads();
    now.n_ctx = so->n_ctx;
    if (!now.now && !now.date && epoch && *epoch) now.now = epoch;
    out_fmt("%-22s %-28s %s\n", "setting", "value", "from");
    plain_text(&line, str_of(path));
    put_row("--model", (str){line.p, line.n}, o->model_origin);
    line.n = 0;
    options_explain(&now, m, put_row);
    out_fmt("\nprompt: %d token%s%s%s\n", prompt->n_ids, prompt->n_ids == 1 ? "" : "s", prompt->template_name ? ", by the built-in template " : "",
            prompt->template_name ? prompt->template_name : "");
    const size_t n = has_text ? prompt->len : text ? text->n : 0;
    out_put(shown, n);
    out_text(n && shown[n - 1] == '\n' ? "\n" : "\n\n");
    const int rc = plan_memory(o, m, so, &line);
    if (!rc) out_fmt("%.*s\n", (int)line.n, line.n ? line.p : "");
    strbuf_free(&line);
    return rc;
}
