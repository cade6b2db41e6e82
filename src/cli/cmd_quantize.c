/* cmd_quantize.c - the same model with its matrices in a smaller format. */
#include "cli.h"
#include <stdio.h>
#include <string.h>

static bool show(void *ud, uint64_t done, uint64_t total) {
    (void)ud;
    progress_show(done >> 20, total >> 20, "MiB");
    return !stop_code();
}

static void list(void *ud, const slm_quantize_tensor *t) {
    char   dims[64], size[32];
    size_t at = 0;
    (void)ud;
    for (int i = 0; i < t->n_dims; i++)
        at += (size_t)snprintf(dims + at, sizeof dims - at, "%s%llu", i ? " x " : "", (unsigned long long)t->dim[i]);
    out_fmt("%-32.*s %-20s %-6s -> %-6s %12s%s\n", (int)t->name_len, t->name, dims, t->from, t->to, human_bytes(t->bytes, size),
            t->fell_back ? "  (odd rows)" : "");
}

static void sum_up(const options *o, const char *out, const slm_quantize_result *r) {
    char         file[32], from[32], to[32];
    const double bits = r->n_weights ? 8 * (double)r->bytes / (double)r->n_weights : 0;
    out_fmt("%s: %s, %d of %d tensors %s, %s -> %s, %.2f bits a weight", out, human_bytes(r->file_bytes, file), r->n_changed,
            r->n_tensors, o->dry_run ? "would be quantized" : "quantized", human_bytes(r->from_bytes, from),
            human_bytes(r->bytes, to), bits);
    if (o->imatrix) out_fmt(", %d by importance", r->n_weighed);
    if (r->n_fallback) out_fmt(", %d with odd rows in another type", r->n_fallback);
    out_text("\n");
}

/* type: the last argument; out: the one before it, where there is one. */
static int quantize(const options *o, const char *out, const char *type) {
    const char *in;
    if (!o->dry_run && !strcmp(out, "-")) return fail(EXIT_USAGE, "OUT: a model is written to a file, not to stdout");
    const int            found = find_model(o->arg[0], &in);
    if (found >= 0) return found;
    slm_error            err = {0};
    slm_quantize_result  r = {0};
    slm_quantize_options qo = {.token_embedding_type = o->token_embedding_type, .output_tensor_type = o->output_tensor_type,
                               .tensor_type = o->tensor_type.text, .n_tensor_type = o->tensor_type.n, .pure = o->pure,
                               .imatrix = o->imatrix, .allow_requantize = o->allow_requantize, .n_threads = o->n_threads, .progress = show,
                               .tensor = o->dry_run ? list : NULL};
    stop_init(0, "");
    stop_gently(STOP_GENTLY); /* the temporary file is taken away before the process ends */
    progress_begin(o, "quantizing");
    confine(o, in, o->dry_run ? NULL : out);
    const slm_status rc = slm_quantize_file(in, o->dry_run ? NULL : out, type, &qo, &r, &err);
    progress_end();
    if (rc && stop_code()) return stop_code();
    if (rc) return fail_status(&err);
    if (!o->quiet || o->dry_run) sum_up(o, out, &r);
    return 0;
}

static int quantize_main(options *o) {
    int rc;
    if (o->n_arg == 3) rc = quantize(o, o->arg[1], o->arg[2]);
    else if (o->n_arg == 2 && o->dry_run) rc = quantize(o, o->arg[0], o->arg[1]);
    else rc = fail(EXIT_USAGE, "quantize takes two files and a type, IN OUT TYPE, not %d arguments", o->n_arg);
    return out_end(rc);
}

const command cmd_quantize = {
    .name = "quantize",
    .brief = "a smaller file of the same model: fewer bits for each weight",
    .usage = "[FLAGS] IN OUT TYPE",
    .examples = "  slm quantize model-F16.gguf model-Q4_K_M.gguf Q4_K_M\n"
                "  slm quantize --dry-run model-F16.gguf Q3_K_M\n"
                "  slm quantize --imatrix imatrix.gguf model-F16.gguf model-Q3_K_M.gguf Q3_K_M\n"
                "  slm quantize --tensor-type 'ffn_down=Q6_K' --output-tensor-type Q8_0 in.gguf out.gguf Q4_K_S\n",
    .notes = "IN is a file, a name that slm ls lists, or \"builtin\".\n"
             "TYPE: F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K\n"
             "IQ4_NL IQ4_XS.  Each names a mixture: what suffers most gets more bits, as llama.cpp chooses it, so that files\n"
             "of one name have one size.\n"
             "Norms and biases stay as they are.  A row that 256 does not divide takes a 32-wide type of about the same\n"
             "size: the list of --dry-run says \"odd rows\".  OUT is what it was until the new file is complete\n"
             "and on the disk; it has the same bytes for every -t.  slm diff shows what was lost.\n"
             "\n"
             "--imatrix: errors are kept where they matter least, judged by a text like those that the model is for (slm\n"
             "imatrix).  It moves the bits of Q4_0 to Q5_1, K-quants and IQ4, most where there are few.\n",
    .main = quantize_main,
};
