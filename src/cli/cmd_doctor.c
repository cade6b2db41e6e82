/* cmd_doctor.c - the machine as this program sees it, and what follows from that. */
#include "../cpu.h"
#include "../json.h"
#include "../sandbox.h"
#include "cli.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Enough to pass by the caches of most machines; 16 passes of it take less than two seconds. */
#define READ_BYTES ((size_t)128 << 20)
enum { MOST_ADVICE = 8 };

typedef struct {
    strbuf   isa;             /* names, separated by spaces */
    const char *best;
    int      n_online, n_threads;
    uint64_t memory, available;
    char     huge[32];        /* of the kernel's file, or "" */
    double   gb_per_s;
    sandbox_state sandbox;    /* that other commands run in */
    double   sandbox_us;      /* to enter it */
    char     advice[MOST_ADVICE][160];
    int      n_advice;
} diagnosis;

/* The word in brackets: "always [madvise] never". */
static void read_huge_pages(char out[32]) {
    char  line[128] = "", *open, *close;
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    out[0] = 0;
    if (!f) return;
    if (fgets(line, sizeof line, f) && (open = strchr(line, '[')) && (close = strchr(open, ']')) && close - open < 31)
        snprintf(out, 32, "%.*s", (int)(close - open) - 1, open + 1);
    fclose(f);
}

static void __attribute__((format(printf, 2, 3))) advise(diagnosis *d, const char *fmt, ...) {
    va_list args;
    if (d->n_advice == MOST_ADVICE) return;
    va_start(args, fmt);
    vsnprintf(d->advice[d->n_advice++], sizeof d->advice[0], fmt, args);
    va_end(args);
}

/* Bytes of weights a token reads, of models that people know. */
static const struct {
    const char *name;
    double      gb;
} known[] = {{"a model of 135 M weights in Q8_0", 0.14}, {"one of 1 B weights in Q4_0", 0.77}, {"one of 4 B weights in Q4_0", 2.5}, {"one of 8 B weights in Q4_0", 4.7}};

static void recommend(diagnosis *d) {
    char size[32];
    const double budget = (double)d->available * 0.8;
    size_t largest = 0, n_fit = 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].gb * 1.3e9 < budget) largest = i, n_fit++;
    if (n_fit)
        advise(d, "%s fits and gives at most %.0f tokens/s here (memory is read once for each)", known[largest].name, d->gb_per_s / known[largest].gb);
    else advise(d, "%s are available, less than any common model takes", human_bytes(d->available, size));
    if (cpu_features() & CPU_AMX && strcmp(d->best, "amx") != 0)
        advise(d, "AMX is left out: its products, tried at start, are not those of AVX-512 here (this should not be: please report it)");
    if (!strcmp(d->best, "scalar")) advise(d, "only portable C runs on this processor: expect a tenth of the speed");
    if (!strcmp(d->huge, "never")) advise(d, "huge pages are off: as root, echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    if (d->n_threads < d->n_online)
        advise(d, "%d of %d processors are used: the others share a core with these, are slower, or are not given to this process (-t N overrides)", d->n_threads,
               d->n_online);
    if (d->available < d->memory / 4) advise(d, "three quarters of the memory are taken: other programs, or a limit of the cgroup");
}

/* By entering it: nothing below opens anything. */
static void try_sandbox(diagnosis *d) {
    const double t0 = clock_ms();
    if (confine_can()) d->sandbox = sandbox_enter(NULL, 0);
    d->sandbox_us = (clock_ms() - t0) * 1e3;
    if (!confine_can()) advise(d, "this build is one to find faults with: it runs without a sandbox");
    else if (!d->sandbox.seccomp) advise(d, "no sandbox: this system does not let a program give up network and programs (seccomp)");
    else if (!d->sandbox.landlock) advise(d, "half a sandbox: this system does not let a program give up reading other files (Landlock, Linux 5.13)");
}

static int examine(diagnosis *d) {
    slm_error   err = {0};
    const char *name;
    for (int i = 0; (name = slm_isa_name(i)); i++) {
        strbuf_fmt(&d->isa, "%s%s", i ? " " : "", name);
        d->best = name;
    }
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE), online = sysconf(_SC_NPROCESSORS_ONLN);
    d->n_online = online > 0 ? (int)online : 1;
    d->n_threads = cpu_default_threads();
    d->memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    d->available = available_bytes();
    if (d->available > d->memory && d->memory) d->available = d->memory;
    read_huge_pages(d->huge);
    const uint64_t most = d->available / 4 < READ_BYTES ? d->available / 4 : READ_BYTES;
    if (slm_measure_read(d->n_threads, (size_t)most, &d->gb_per_s, &err)) return fail_status(&err);
    recommend(d);
    try_sandbox(d);
    return d->isa.bad ? fail(EXIT_MEMORY, "no memory for the list") : 0;
}

static void print_text(const diagnosis *d) {
    char total[32], left[32];
    out_fmt("instruction sets  %.*s (%s is used)\n", (int)d->isa.n, d->isa.p, d->best);
    out_fmt("processors        %d, threads %d\n", d->n_online, d->n_threads);
    out_fmt("memory            %s, %s available\n", human_bytes(d->memory, total), human_bytes(d->available, left));
    out_fmt("huge pages        %s\n", *d->huge ? d->huge : "unknown");
    out_fmt("sandbox           ");
    if (d->sandbox.landlock) out_fmt("Landlock %d%s", d->sandbox.landlock, d->sandbox.seccomp ? " and " : "");
    if (d->sandbox.seccomp) out_text("seccomp");
    if (d->sandbox.landlock || d->sandbox.seccomp) out_fmt(", entered in %.0f us\n", d->sandbox_us);
    else out_text("none\n");
    out_fmt("memory is read at %.1f GB/s\n\n", d->gb_per_s);
    for (int i = 0; i < d->n_advice; i++) out_fmt("- %s\n", d->advice[i]);
}

static int print_json(const diagnosis *d) {
    strbuf b = {0};
    strbuf_str(&b, STR("{\"isa\":["));
    for (const char *p = d->isa.p, *end = p + d->isa.n; p < end;) {
        size_t n = 0;
        while (p + n < end && p[n] != ' ') n++;
        json_write_str(&b, (str){p, n});
        p += n + 1;
        if (p < end) strbuf_char(&b, ',');
    }
    strbuf_fmt(&b, "],\"isa_used\":\"%s\",\"processors\":%d,\"threads\":%d,\"memory_bytes\":%llu,\"available_bytes\":%llu,\"huge_pages\":", d->best, d->n_online,
               d->n_threads, (unsigned long long)d->memory, (unsigned long long)d->available);
    if (*d->huge) json_write_str(&b, str_of(d->huge));
    else strbuf_str(&b, STR("null"));
    strbuf_fmt(&b, ",\"landlock\":%d,\"seccomp\":%s", d->sandbox.landlock, d->sandbox.seccomp ? "true" : "false");
    strbuf_str(&b, STR(",\"read_gb_per_s\":"));
    json_write_num(&b, d->gb_per_s);
    strbuf_str(&b, STR(",\"advice\":["));
    for (int i = 0; i < d->n_advice; i++) {
        if (i) strbuf_char(&b, ',');
        json_write_str(&b, str_of(d->advice[i]));
    }
    strbuf_str(&b, STR("]}\n"));
    const int rc = b.bad ? fail(EXIT_MEMORY, "no memory for the list") : 0;
    if (!rc) out_put(b.p, b.n);
    strbuf_free(&b);
    return rc;
}

static int doctor_main(options *o) {
    diagnosis d = {.best = ""};
    stop_init(0, "");
    if (o->n_arg) return fail(EXIT_USAGE, "doctor takes no argument, \"%s\" is one", o->arg[0]);
    int rc = examine(&d);
    if (!rc && o->json) rc = print_json(&d);
    else if (!rc) print_text(&d);
    strbuf_free(&d.isa);
    return out_end(rc);
}

const command cmd_doctor = {
    .name = "doctor",
    .brief = "this machine, and what follows from it",
    .usage = "[--json]",
    .examples = "  slm doctor\n",
    .notes = "Memory is read for less than two seconds; slm bench measures more, with a model.\n",
    .main = doctor_main,
};
