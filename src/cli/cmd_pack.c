/* cmd_pack.c - a model in the kernels' own layout, and back. */
#include "cli.h"
#include <stdio.h>
#include <unistd.h>

typedef struct {
    bool   shown;
    double next_ms;
} progress_line;

/* A line on a terminal, ten times a second; what a signal asks is heard always. */
static bool show(void *ud, uint64_t done, uint64_t total) {
    progress_line *p = ud;
    char           text[80], d[32], t[32];
    if (p && clock_ms() >= p->next_ms) {
        const int n = snprintf(text, sizeof text, "\r%s of %s (%d %%)\033[K", human_bytes(done, d), human_bytes(total, t),
                               total ? (int)(100 * (double)done / (double)total) : 100);
        if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) p->next_ms = 1e300;
        else p->next_ms = clock_ms() + 100;
        p->shown = true;
    }
    return !stop_code();
}

static int pack(const options *o) {
    const char      *in;
    const int        found = find_model(o->arg[0], &in);
    if (found >= 0) return found;
    progress_line    line = {0};
    slm_error        err = {0};
    slm_pack_result  r = {0};
    slm_pack_options po = {.unpack = o->unpack, .n_threads = o->n_threads, .progress = show};
    char             all[32], some[32];
    if (!o->quiet && isatty(STDERR_FILENO)) po.ud = &line;
    stop_init(0, "");
    stop_gently(true); /* the temporary file is taken away before the process ends */
    confine(o, in, o->arg[1]);
    const slm_status rc = slm_pack_file(in, o->arg[1], &po, &r, &err);
    if (line.shown && write(STDERR_FILENO, "\r\033[K", 4) < 0) return EXIT_RUNTIME;
    if (rc && stop_code()) return stop_code();
    if (rc) return fail_status(&err);
    if (!o->quiet) out_fmt("%s: %s, %d of %d tensors %s (%s)\n", o->arg[1], human_bytes(r.file_bytes, all), r.n_changed, r.n_tensors,
                           o->unpack ? "unpacked" : "packed", human_bytes(r.changed_bytes, some));
    return 0;
}

static int pack_main(options *o) {
    int rc;
    if (o->n_arg == 2) rc = pack(o);
    else rc = fail(EXIT_USAGE, "pack takes two files, IN and OUT, not %d", o->n_arg);
    return out_end(rc);
}

const command cmd_pack = {
    .name = "pack",
    .brief = "the same model in the kernels' own layout: starts at once",
    .usage = "[--unpack] [FLAGS] IN OUT",
    .examples = "  slm pack model.gguf model.packed.gguf\n"
                "  slm run -m model.packed.gguf \"Hello\"\n"
                "  slm pack --unpack model.packed.gguf model.gguf\n",
    .notes = "Matrices that are multiplied are stored as run and bench rearrange them at load, eight rows\n"
             "interleaved, so that OUT is mapped and used where it lies: no work at load and no second copy.\n"
             "It has the same size, gives the same answers to the bit on every processor, and --unpack makes\n"
             "the original again byte for byte.  Other programs do not know its tensor types and refuse it.\n"
             "OUT is what it was until the new file is complete and on the disk.\n",
    .main = pack_main,
};
