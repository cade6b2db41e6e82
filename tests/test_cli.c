/* test_cli.c - runs the scripts of tests/cli on the built program, each in a folder of its own. */
#include "mkmodel.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* The context is long, so that an answer can last until a signal or a timer ends it. */
static bool write_model(const char *path, const char *template) {
    mkmodel_options o = mkmodel_defaults("llama", TYPE_F32);
    o.n_ctx = 65536;
    o.chat_template = template;
    return mkmodel_write(path, &o);
}

static void script(const char *name) {
    const char *slm = getenv("SLM");
    if (!slm || !*slm) {
        test_skip("SLM does not name the program (make test does)");
        return;
    }
    char model[256], chat[256], thinker[256], coder[256], quantized[256], command[2400];
    const mkmodel_options q4_0 = mkmodel_defaults("llama", TYPE_Q4_0);
    static const char *const thoughts[] = {"<think>", "hm", "</think>", "\n\nYes", "\x1b[31m", " sir.", NULL};
    static const char *const code[] = {"Here", ":\n", "```", "sh\n", "echo", " hi", "\n``", "`\n", " Bye", NULL};
    snprintf(model, sizeof model, "%s/cli-model.gguf", test_tmp());
    snprintf(chat, sizeof chat, "%s/cli-chat.gguf", test_tmp());
    snprintf(thinker, sizeof thinker, "%s/cli-thinker.gguf", test_tmp());
    snprintf(coder, sizeof coder, "%s/cli-coder.gguf", test_tmp());
    snprintf(quantized, sizeof quantized, "%s/cli-q4_0.gguf", test_tmp());
    CHECK(mkmodel_write(quantized, &q4_0));
    CHECK(mkmodel_script(thinker, thoughts, "{{ bos_token }}"));
    CHECK(mkmodel_script(coder, code, "{{ bos_token }}"));
    CHECK(write_model(model, NULL));
    CHECK(write_model(chat, "\x1b[31m{% for m in messages %}{{ m.content }}\n{% endfor %}"));
    /* The scripts leave many files; their folder is theirs to remove. */
    snprintf(command, sizeof command,
             "t=`mktemp -d` || exit 1; SLM='%s' MODEL='%s' CHAT='%s' THINKER='%s' CODER='%s' QUANTIZED='%s' TMP=\"$t\" sh tests/cli/%s.sh; r=$?; "
             "rm -rf \"$t\"; exit $r",
             slm, model, chat, thinker, coder, quantized, name);
    fflush(stdout);
    int status = system(command);
    CHECK(status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void usage(void) { script("usage"); }
static void nonsense(void) { script("nonsense"); }
static void odd_files(void) { script("odd_files"); }
static void contract(void) { script("contract"); }
static void habits(void) { script("habits"); }
static void map(void) { script("map"); }
static void choose(void) { script("choose"); }
static void embed(void) { script("embed"); }
static void run(void) { script("run"); }
static void streams(void) { script("streams"); }
static void builtin(void) { script("builtin"); }
static void chat(void) { script("chat"); }
static void chat_repl(void) { script("chat_repl"); }
static void leaks(void) { script("leaks"); }
static void tokens(void) { script("tokens"); }
static void score(void) { script("score"); }
static void ppl(void) { script("ppl"); }
static void show(void) { script("show"); }
static void names(void) { script("names"); }
static void settings(void) { script("settings"); }
static void completion(void) { script("completion"); }
static void bench(void) { script("bench"); }
static void pack(void) { script("pack"); }
static void quantize(void) { script("quantize"); }
static void faults(void) { script("faults"); }
static void system_faults(void) { script("system"); }
static void sandbox(void) { script("sandbox"); }
static void imatrix(void) { script("imatrix"); }
static void diff(void) { script("diff"); }
static void fast(void) { script("fast"); }

const test_case tests_cli[] = {
    {"usage", "nonsense on the command line is exit 2 and one line", usage},
    {"nonsense", "values and combinations without a meaning: each is exit 2, one line, nothing clamped", nonsense},
    {"odd_files", "folders, pipes, devices, sockets and loops in place of files", odd_files},
    {"contract", "each row of the tables of streams and exits: bytes and codes", contract},
    {"habits", "while read, xargs, $( ), tee, timeout, env -i, nohup", habits},
    {"map", "slm map: an answer a line, JSON Lines, NUL, going on where it ended", map},
    {"choose", "slm choose: the probabilities of slm score, shares, exit codes", choose},
    {"embed", "slm embed: a unit vector a line, the same for every batch and thread count", embed},
    {"run", "slm run: streams, prompt, exit codes, JSON", run},
    {"streams", "full disk, reader that leaves, closed streams, signals, time", streams},
    {"builtin", "the model inside the program: exact text, any folder, who answers", builtin},
    {"chat", "slm run through a chat template: system text, thinking, what users may not say", chat},
    {"chat_repl", "slm chat in a pipe: turns, commands, files, errors, signals", chat_repl},
    {"leaks", "a chat of 30 answers from model to model, under valgrind or a sanitizer", leaks},
    {"tokens", "slm tokens: ids, pieces, lines", tokens},
    {"score", "slm score: log-probabilities, logits, continuation", score},
    {"ppl", "slm ppl: chunks, the numbers of slm score, settings that change nothing", ppl},
    {"show", "slm show: listing, check, template", show},
    {"names", "a model by its name: own folders, Ollama, Hugging Face, LM Studio; slm ls", names},
    {"settings", "flag, environment, file, model, default; --explain; --mem; slm doctor", settings},
    {"completion", "completions in bash, zsh and fish; the manual page holds every flag", completion},
    {"pack", "slm pack: there and back, what it refuses, full disks and signals", pack},
    {"quantize", "slm quantize: types, mixtures, fallbacks, what it refuses, signals", quantize},
    {"faults", "no memory, disk or file at the k-th call, for the whole program", faults},
    {"system", "odd files, small limits of memory, files and stack, huge contexts, slow readers, signals", system_faults},
    {"sandbox", "every command does its work in the sandbox; what it gave up is gone", sandbox},
    {"imatrix", "slm imatrix: the file, settings that change nothing, quantizing by it", imatrix},
    {"diff", "slm diff: against itself, the numbers of slm ppl, table, bars, chart", diff},
    {"fast", "--fast-prefill: taken where it helps, said so where it does not", fast},
    {"bench", "slm bench: rows, ranges, forms, shapes, comparison", bench},
    {0},
};
