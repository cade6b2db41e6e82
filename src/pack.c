/* pack.c - the same model with its matrices packed in the file, and back.
 *
 * Everything but the packed tensors' types, bytes and places stays as it is, and one key is added.  What lies between
 * the tensors is not kept, so only a file that has nothing there but the usual zeros is packed: then
 * it can be made again byte for byte. */
#include "cpu.h"
#include "gguf_write.h"
#include "kernels/r8.h"
#include "limits.h"
#include "session.h"
#include <string.h>

enum {
    PIECE = 4 << 20,    /* bytes rearranged before they are written */
    TASK_BYTES = 64 << 10,
    FILE_ALIGN = 64     /* of tensors in a packed file: no load of a kernel crosses more cache lines than in memory of its own */
};

typedef struct {
    const gguf   *g;
    gguf_writer  *w;
    thread_pool  *threads;
    uint8_t      *piece;
    size_t        room;
    slm_error    *err;
    bool          unpack;
    /* of the tensor at hand */
    const gguf_tensor *t;
    size_t             row_bytes, first; /* group that the piece begins with */
    int64_t            groups_a_task, n; /* groups in the piece */
} job;

/* ---- may it be packed? ----------------------------------------------------------------- */

static bool is_zero(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

/* Tensors in the order of the list, each at the next multiple of the alignment, zeros between them, and at
 * the end nothing or zeros up to the alignment: what gguf_writer makes, and every usual program. */
static slm_status check_layout(const gguf *g, slm_error *err) {
    const uint8_t *file = gguf_file_data(g);
    const size_t   align = (size_t)gguf_alignment(g), size = gguf_file_bytes(g);
    size_t         at = gguf_table_end(g);
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        const size_t       want = (at + align - 1) & ~(align - 1);
        if (t->offset != want || !is_zero(file + at, want - at))
            return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "tensor %.*s does not follow the one before it in the usual way, so that the original could not be restored",
                             (int)t->name.n, t->name.p);
        at = want + t->bytes;
    }
    const size_t end = (at + align - 1) & ~(align - 1);
    if (size != at && (size != end || !is_zero(file + at, size - at)))
        return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "%zu bytes follow the last tensor, so that the original could not be restored", size - at);
    return SLM_OK;
}

/* ---- tensors --------------------------------------------------------------------------- */

static void convert_task(void *ctx, int64_t task, int worker) {
    const job    *j = ctx;
    const size_t  group = 8 * j->row_bytes;
    const int64_t g1 = (task + 1) * j->groups_a_task;
    const type_id type = j->t->type->id;
    (void)worker;
    for (int64_t i = task * j->groups_a_task; i < g1 && i < j->n; i++) {
        uint8_t       *to = j->piece + (size_t)i * group;
        const uint8_t *from = j->t->data + (j->first + (size_t)i) * group;
        if (j->unpack) r8_unpack(type, to, j->row_bytes, from, (int64_t)j->t->dim[0]);
        else r8_pack(type, to, from, j->row_bytes, (int64_t)j->t->dim[0]);
    }
}

static slm_status put_converted(job *j) {
    const size_t n_groups = (size_t)(j->t->dim[1] / 8);
    j->row_bytes = j->t->bytes / (size_t)j->t->dim[1];
    const size_t group = 8 * j->row_bytes, most = j->room / group;
    slm_status   rc = SLM_OK;
    j->groups_a_task = group < TASK_BYTES ? (int64_t)(TASK_BYTES / group) : 1;
    for (j->first = 0; j->first < n_groups && !rc; j->first += (size_t)j->n) {
        const size_t left = n_groups - j->first;
        j->n = (int64_t)(left < most ? left : most);
        thread_run(j->threads, (j->n + j->groups_a_task - 1) / j->groups_a_task, convert_task, j);
        rc = gguf_writer_put(j->w, j->piece, (size_t)j->n * group, j->err);
    }
    /* The rows left over are the same in both forms. */
    return rc ? rc : gguf_writer_put(j->w, j->t->data + n_groups * group, j->t->bytes - n_groups * group, j->err);
}

static slm_status put_all(job *j, const bool *changes) {
    slm_status rc = SLM_OK;
    for (size_t i = 0; i < gguf_n_tensors(j->g) && !rc; i++) {
        j->t = gguf_tensor_at(j->g, i);
        rc = changes[i] ? put_converted(j) : gguf_writer_put(j->w, j->t->data, j->t->bytes, j->err);
        gguf_drop(j->g, j->t->data, j->t->bytes);
    }
    return rc;
}

/* ---- the whole file -------------------------------------------------------------------- */

/* Lists the tensors as they will be, and takes the memory for the largest group. */
static slm_status plan(job *j, const bool *changes, slm_pack_result *r) {
    size_t n_piece = PIECE;
    for (size_t i = 0; i < gguf_n_tensors(j->g); i++) {
        const gguf_tensor *t = gguf_tensor_at(j->g, i);
        gguf_tensor_info   info = {t->name, (uint32_t)t->type->id, t->n_dims, {t->dim[0], t->dim[1], t->dim[2], t->dim[3]}, t->bytes};
        if (changes[i] ? !j->unpack : t->packed) info.type += R8_FILE_TYPE;
        gguf_writer_tensor(j->w, &info);
        r->n_tensors++;
        r->bytes += t->bytes;
        if (!changes[i]) continue;
        r->n_changed++;
        r->changed_bytes += t->bytes;
        if (t->bytes / t->dim[1] > n_piece / 8) n_piece = (size_t)(t->bytes / t->dim[1]) * 8;
    }
    if (j->unpack) gguf_writer_remove(j->w, R8_FILE_KEY);
    else gguf_writer_set_u32(j->w, R8_FILE_KEY, R8_FILE_VERSION);
    r->file_bytes = gguf_writer_plan(j->w, j->unpack ? 0 : FILE_ALIGN, NULL);
    j->room = n_piece;
    j->piece = mem_zero(n_piece, 1);
    return j->piece ? SLM_OK : err_memory(j->err, "tensors", n_piece);
}

static slm_status rewrite(const gguf *g, const bool *changes, const char *out, const slm_pack_options *opt,
                          slm_pack_result *r, slm_error *err) {
    job                      j = {.g = g, .err = err, .unpack = opt->unpack};
    const gguf_write_options o = {gguf_name(g), opt->unpack ? 0 : FILE_ALIGN, opt->progress, opt->ud};
    slm_status               rc = gguf_writer_create(&j.w, g, err);
    if (!rc) rc = plan(&j, changes, r);
    if (!rc) rc = thread_pool_create(&j.threads, opt->n_threads ? opt->n_threads : cpu_default_threads(), err);
    if (!rc) rc = gguf_writer_begin(j.w, out, &o, err);
    if (!rc) rc = put_all(&j, changes);
    if (!rc) rc = gguf_writer_end(j.w, err);
    thread_pool_free(j.threads);
    gguf_writer_free(j.w);
    mem_free(j.piece);
    return rc;
}

/* changes[i]: tensor i is to be packed. */
static slm_status choose_to_pack(slm_model *m, bool *changes, slm_error *err) {
    const gguf *g = m->file;
    bool        any = false;
    if (gguf_kv_find(g, R8_FILE_KEY)) return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "is packed already");
    for (size_t i = 0; i < gguf_n_tensors(g); i++) any |= changes[i] = weights_can_pack(&m->w, gguf_tensor_at(g, i));
    if (!any) return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "none of its matrices has a packed form");
    return check_layout(g, err);
}

static slm_status choose_to_unpack(const gguf *g, bool *changes, slm_error *err) {
    if (!gguf_kv_find(g, R8_FILE_KEY)) return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "is not packed");
    for (size_t i = 0; i < gguf_n_tensors(g); i++) changes[i] = gguf_tensor_at(g, i)->packed;
    return SLM_OK;
}

slm_status slm_pack_file(const char *in, const char *out, const slm_pack_options *opt, slm_pack_result *result, slm_error *err) {
    slm_model        *m = NULL;
    gguf             *file = NULL;
    bool             *changes = NULL;
    slm_pack_result   r = {0};
    slm_model_options mo = slm_model_defaults();
    slm_status        rc;
    if (opt->n_threads < 0 || opt->n_threads > MAX_THREADS)
        return err_set(err, SLM_ERR_ARGUMENT, "%d threads are not in [1, %d]", opt->n_threads, MAX_THREADS);
    mo.path = in;
    rc = opt->unpack ? gguf_open(&file, in, err) : slm_model_open(&m, &mo, err);
    if (rc) return rc;
    const gguf *g = m ? m->file : file;
    if (!(changes = mem_zero(gguf_n_tensors(g), sizeof *changes))) rc = err_memory(err, "a list of tensors", gguf_n_tensors(g));
    if (!rc) rc = m ? choose_to_pack(m, changes, err) : choose_to_unpack(file, changes, err);
    if (!rc) rc = rewrite(g, changes, out, opt, &r, err);
    if (!rc && result) *result = r;
    mem_free(changes);
    gguf_close(file);
    slm_model_close(m);
    return rc;
}
