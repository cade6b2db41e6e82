/* options.c - the one table of flags.  Parsing, ranges, environment, suggestions and help all read
 * it, so a flag cannot exist without its range and its help. */
#include "../json.h"
#include "../limits.h"
#include "cli.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum {
    FLAG,     /* bool                                                              */
    INT,      /* int in lo..hi                                                     */
    SEED,     /* int64, -1: random                                                 */
    REAL,     /* double in lo..hi                                                  */
    FLOAT,    /* float in lo..hi                                                   */
    TEXT,     /* const char *                                                      */
    STOPS,    /* appends to options.stop                                           */
    VARS,     /* appends to options.var                                            */
    TEXTS,    /* appends to a text_list                                            */
    BIAS,     /* the same, of the form TEXT=X, X in lo..hi                         */
    CHOICE,   /* int: position in `choices`                                        */
    MAYBE,    /* int: as CHOICE, +1, but the value may only follow "="; 1 without   */
    IDS,      /* bool, and with --decode also TEXT into options.ids                */
    INTS,     /* appends to an int_list: numbers in lo..hi, ranges, commas           */
    PAIR,     /* appends two numbers in lo..hi to an int_list                      */
    CHOICES,  /* appends positions in `choices` to an int_list                     */
    OPTIONAL, /* as TEXT, but the value may only follow "="; "" without            */
    THINK,    /* auto, on, off, or tokens: options.think and options.think_budget  */
    SIZE,     /* uint64 bytes: 4096, 512M, 1.5G, 2GiB                              */
    FOREIGN   /* of llama.cpp and without a meaning here; arg as in help: a value, [ a value], none */
} kind;

typedef struct {
    const char *names;    /* separated by spaces; the last is the one that help is sorted under */
    kind        kind;
    size_t      at;       /* field of options                                      */
    const char *arg;      /* how help names the value                              */
    double      lo, hi;
    const char *choices;
    const char *fallback; /* what help says instead of the field's initial value   */
    const char *env;
    const char *group;
    const char *cmds;     /* the commands that take it; "*" all                    */
    const char *help;
} option;

#define AT(f) offsetof(options, f)
#define BENCH(f) AT(bench.f)
#define SAMPLING(f) AT(sampling.f)
#define ENGINE "run chat map choose embed score ppl imatrix diff"

static const option table[] = {
    {"-m --model", TEXT, AT(model), "MODEL", 0, 0, 0, "the first argument, when it is a file or a name", "SLM_MODEL",
     "Input", "run chat map choose embed score ppl imatrix tokens render show bench", "the model: a file, or the name, or its beginning, of one that slm ls lists"},
    {"-p --prompt", TEXT, AT(prompt), "TEXT", 0, 0, 0, "the other arguments", 0, "Input", "run map choose", "the prompt"},
    {"-f --file", TEXT, AT(file), "FILE", 0, 0, 0, 0, 0, "Input", "run map choose embed score ppl imatrix diff tokens",
     "read text from FILE instead of stdin (- is stdin)"},
    {"-N --no-stdin", FLAG, AT(no_stdin), 0, 0, 0, 0, 0, 0, "Input", "run choose embed score ppl imatrix diff tokens", "do not read stdin"},
    {"--raw -no-cnv --no-conversation", FLAG, AT(raw), 0, 0, 0, 0, 0, 0, "Input", "run map choose", "no chat template: the model continues the text"},
    {"-sys --system --system-prompt", TEXT, AT(system), "TEXT", 0, 0, 0, "the template's own", 0, "Chat", "run chat map choose",
     "system message"},
    {"-sysf --system-file", TEXT, AT(system_file), "FILE", 0, 0, 0, 0, 0, "Chat", "run chat map choose", "system message from FILE"},
    {"--template --chat-template --chat-template-file", TEXT, AT(template_name), "NAME|FILE", 0, 0, 0, "the model's own", 0, "Chat", "run chat map choose",
     "another chat template: chatml llama2 llama3 phi3 gemma deepseek-r1 mistral zephyr, or a Jinja file"},
    {"--template", TEXT, AT(template_name), "FILE", 0, 0, 0, "the model's own", 0, "Chat", "render", "a Jinja chat template"},
    {"--template-var", VARS, 0, "NAME=VALUE", 0, 0, 0, 0, 0, "Chat", "run chat map choose render",
     "one more variable, JSON or text; may be repeated"},
    {"--date", TEXT, AT(date), "YYYY-MM-DD", 0, 0, 0, "today", 0, "Chat", "run chat map choose render", "the day that templates print"},
    {"--now", TEXT, AT(now), "EPOCH", 0, 0, 0, 0, "SOURCE_DATE_EPOCH", "Chat", "run chat map choose render",
     "the same as seconds since 1970, shown in local time"},
    {"--think", THINK, AT(think), "MODE", 0, 0, 0, "auto", 0, "Chat", "run chat map",
     "auto: as the model does; on; off; N: at most N tokens, then the thinking is closed"},
    {"--show-thinking", CHOICE, AT(show_thinking), "WHERE", 0, 0, "auto stderr stdout none", 0, 0, "Chat", "run chat",
     "where thinking goes; auto: stderr if that is a terminal"},
    {"--special", FLAG, AT(special), 0, 0, 0, 0, 0, 0, "Input", "run chat map choose embed score ppl imatrix diff tokens",
     "the text of a control token is that token, not its letters"},
    {"--ids", TEXT, AT(ids), "LIST", 0, 0, 0, 0, 0, "Input", "score", "token ids 1,2,3 instead of a text"},
    {"--ids-file", TEXT, AT(ids_file), "FILE", 0, 0, 0, 0, 0, "Input", "score tokens", "token ids from a file"},
    {"--shape", TEXT, BENCH(shape), "NAME:QUANT", 0, 0, 0, 0, 0, "Input", "bench",
     "a public model's shape with random weights, made in memory: llama-3.2-1b:Q4_K_M"},
    {"--layers", INT, BENCH(layers), "N", 0, 1024, 0, "all", 0, "Input", "bench", "of --shape, only so many layers"},

    {"-n --predict --n-predict", INT, AT(n), "N", -1, INT_MAX, 0, 0, 0, "Length", "run map",
     "most tokens of the answer; -1: until the context is full"},
    {"-n --predict --n-predict", INT, AT(n), "N", -1, INT_MAX, 0, "-1", 0, "Length", "chat",
     "most tokens of an answer; -1: until the context is full"},
    {"-c --ctx-size", INT, AT(n_ctx), "N", 0, INT_MAX, 0, "the model's, or what --mem allows of it", "SLM_CTX",
     "Length", "run chat map choose embed", "context in tokens; 0: all that the model was trained for, or exit 6"},
    {"-c --ctx-size", INT, AT(n_ctx), "N", 0, INT_MAX, 0, "the smaller of the model's and 4096", "SLM_CTX",
     "Length", "show", "context that memory is planned for; 0: all that the model was trained for"},
    {"-c --ctx-size", INT, AT(n_ctx), "N", 0, INT_MAX, 0, "what the ids need", "SLM_CTX", "Length", "score",
     "context in tokens; 0: all that the model was trained for"},
    {"-c --ctx-size", INT, AT(n_ctx), "N", 0, INT_MAX, 0, "512", "SLM_CTX", "Length", "ppl imatrix diff",
     "tokens of a chunk; 0: as many as the model was trained for"},
    {"--chunks", INT, AT(n_chunks), "N", -1, INT_MAX, 0, 0, 0, "Length", "ppl imatrix diff", "only the first N chunks; -1: all"},
    {"--stop", STOPS, 0, "TEXT", 0, 0, 0, 0, 0, "Length", "run chat map",
     "end the answer before TEXT; may be repeated"},
    {"--ignore-eos", FLAG, AT(ignore_eos), 0, 0, 0, 0, 0, 0, "Length", "run chat map", "go on past the model's end token"},
    {"--timeout", REAL, AT(timeout), "S", 0.001, 1e8, 0, "none", 0, "Length", "run map choose embed score ppl imatrix diff",
     "stop after S seconds: exit 124, the partial answer is printed"},
    {"--continue", INT, AT(n_continue), "N", 0, 1 << 24, 0, 0, 0, "Length", "score",
     "add N tokens of greedy continuation"},

    {"--temp --temperature", FLOAT, SAMPLING(temperature), "X", 0, 100, 0, 0, 0, "Sampling", "run chat map",
     "0 takes the likeliest token, more is more random"},
    {"--top-k", INT, SAMPLING(top_k), "N", 0, INT_MAX, 0, 0, 0, "Sampling", "run chat map",
     "only the N likeliest tokens; 0: off"},
    {"--top-p", FLOAT, SAMPLING(top_p), "X", 0, 1, 0, 0, 0, "Sampling", "run chat map",
     "only the likeliest tokens that hold X of the probability; 1: off"},
    {"--min-p", FLOAT, SAMPLING(min_p), "X", 0, 1, 0, 0, 0, "Sampling", "run chat map",
     "only tokens at least X times as likely as the likeliest; 0: off"},
    {"--typical", FLOAT, SAMPLING(typical_p), "X", 0, 1, 0, 0, 0, "Sampling", "run chat map",
     "locally typical sampling; 1: off"},
    {"--repeat-penalty", FLOAT, SAMPLING(repeat_penalty), "X", 0.01, 100, 0, 0, 0, "Sampling", "run chat map",
     "divides the score of tokens that were there; 1: off"},
    {"--repeat-last-n", INT, SAMPLING(repeat_last_n), "N", -1, INT_MAX, 0, 0, 0, "Sampling", "run chat map",
     "tokens that the penalties look back on; -1: all"},
    {"--presence-penalty", FLOAT, SAMPLING(presence_penalty), "X", -100, 100, 0, 0, 0, "Sampling", "run chat map",
     "taken from the score of a token that was there; 0: off"},
    {"--frequency-penalty", FLOAT, SAMPLING(frequency_penalty), "X", -100, 100, 0, 0, 0, "Sampling", "run chat map",
     "taken from the score for each time it was there; 0: off"},
    {"--top-nsigma --top-n-sigma", FLOAT, SAMPLING(top_n_sigma), "X", 0, 1000, 0, 0, 0, "Sampling", "run chat map",
     "only scores within X standard deviations of the largest; 0: off"},
    {"--xtc-probability", FLOAT, SAMPLING(xtc_probability), "X", 0, 1, 0, 0, 0, "Sampling", "run chat map",
     "how often all but the least of the likely tokens are left out; 0: off"},
    {"--xtc-threshold", FLOAT, SAMPLING(xtc_threshold), "X", 0, 1, 0, 0, 0, "Sampling", "run chat map",
     "from which probability on --xtc-probability calls a token likely"},
    {"--dry-multiplier", FLOAT, SAMPLING(dry_multiplier), "X", 0, 100, 0, 0, 0, "Sampling", "run chat map",
     "taken from the score of a token that goes on repeating a sequence; 0: off"},
    {"--dry-base", FLOAT, SAMPLING(dry_base), "X", 1, 100, 0, 0, 0, "Sampling", "run chat map",
     "times this for each token of the sequence beyond the allowed length"},
    {"--dry-allowed-length", INT, SAMPLING(dry_allowed_length), "N", 1, 1 << 20, 0, 0, 0, "Sampling", "run chat map",
     "shorter sequences may repeat"},
    {"--dry-penalty-last-n", INT, SAMPLING(dry_last_n), "N", -1, INT_MAX, 0, 0, 0, "Sampling", "run chat map",
     "tokens among which repetition is looked for; -1: all"},
    {"--dry-sequence-breaker", TEXTS, AT(breaker), "TEXT", 0, 0, 0, "newline : \" *", 0, "Sampling", "run chat map",
     "a token that holds TEXT is part of no sequence; none: no such text; may be repeated"},
    {"--mirostat", INT, SAMPLING(mirostat), "N", 0, 2, 0, 0, 0, "Sampling", "run chat map",
     "version 1 or 2 of mirostat, in place of all that leaves out tokens; 0: off"},
    {"--mirostat-ent --mirostat-tau", FLOAT, SAMPLING(mirostat_tau), "X", 0, 100, 0, 0, 0, "Sampling", "run chat map",
     "the surprise that mirostat holds, in bits"},
    {"--mirostat-lr --mirostat-eta", FLOAT, SAMPLING(mirostat_eta), "X", 0, 10, 0, 0, 0, "Sampling", "run chat map",
     "how fast mirostat learns"},
    {"--samplers", TEXT, AT(samplers), "LIST", 0, 0, 0,
     "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature", 0, "Sampling", "run chat map",
     "which of these are applied, in which order"},
    {"--bias", BIAS, AT(bias), "TEXT=X", -1e6, 1e6, 0, 0, 0, "Sampling", "run chat map",
     "X is added to the score of the token that is TEXT, also behind a space; may be repeated"},
    {"--ban", TEXTS, AT(ban), "TEXT", 0, 0, 0, 0, 0, "Sampling", "run chat map",
     "never a token that holds TEXT; may be repeated"},
    {"-s --seed", SEED, AT(seed), "N", 0, 0, 0, "random, -v prints it", "SLM_SEED", "Sampling", "run chat map",
     "equal seeds give equal answers; -1: random"},
    {"--greedy", FLAG, AT(greedy), 0, 0, 0, 0, 0, 0, "Sampling", "run chat map",
     "always the likeliest token, no penalties (--bias and --ban hold)"},

    {"--pure", FLAG, AT(pure), 0, 0, 0, 0, 0, 0, "Types", "quantize", "one type for all matrices, no mixture"},
    {"--tensor-type", TEXTS, AT(tensor_type), "RE=TYPE", 0, 0, 0, 0, 0, "Types", "quantize",
     "the type of tensors whose name matches; the first match counts; may be repeated"},
    {"--token-embedding-type", TEXT, AT(token_embedding_type), "TYPE", 0, 0, 0, "the mixture's", 0, "Types", "quantize",
     "the type of token_embd.weight"},
    {"--output-tensor-type", TEXT, AT(output_tensor_type), "TYPE", 0, 0, 0, "the mixture's", 0, "Types", "quantize",
     "the type of output.weight, or of the embedding that serves as one"},
    {"--imatrix", TEXT, AT(imatrix), "FILE", 0, 0, 0, "all columns count the same", 0, "Types", "quantize",
     "what each column counts, as slm imatrix writes it, or llama.cpp's old .dat form"},
    {"--allow-requantize", FLAG, AT(allow_requantize), 0, 0, 0, 0, 0, 0, "Types", "quantize",
     "IN may hold tensors that are quantized: what that lost stays lost"},

    {"--kv", CHOICE, AT(kv), "TYPE", 0, 0, "q8_0 f16 f32", 0, 0, "Memory", "run chat map choose embed score ppl imatrix diff show",
     "numbers of the cache: 8.5, 16 or 32 bits"},
    {"-ctk --cache-type-k", CHOICE, AT(ctk), "TYPE", 0, 0, "q8_0 f16 f32", "as --kv", 0, "Memory", "run chat map choose embed score ppl imatrix diff show",
     "the same; keys and values have one type"},
    {"-ctv --cache-type-v", CHOICE, AT(ctv), "TYPE", 0, 0, "q8_0 f16 f32", "as --kv", 0, "Memory", "run chat map choose embed score ppl imatrix diff show",
     "the same"},

    {"--mem", SIZE, AT(mem), "SIZE", 0, 0, 0, "80 % of what is available", "SLM_MEM", "Memory", ENGINE,
     "memory that may be taken: 8G, 512M or bytes; a default context shrinks to fit"},
    {"--mlock", FLAG, AT(mlock), 0, 0, 0, 0, 0, 0, "Memory", "run chat map choose embed",
     "keep the model and its cache in memory: nothing of them is swapped out"},
    {"--pack", CHOICE, AT(pack), "MODE", 0, 0, "auto on off", 0, 0, "Memory", ENGINE,
     "rearrange the weights for this processor at load; never changes a result"},
    {"-t --threads", INT, AT(n_threads), "N", 1, MAX_THREADS, 0, "one per performance core", "SLM_THREADS",
     "CPU", ENGINE " pack quantize", "threads; never changes a result"},
    {"-tb --threads-batch", INT, AT(n_threads_batch), "N", 1, MAX_THREADS, 0, "as -t", 0, "CPU", ENGINE,
     "accepted for llama.cpp's sake: -t serves prompts too"},
    {"-b --batch-size", INT, AT(n_batch), "N", 1, 1 << 24, 0, "as -ub", 0, "CPU", ENGINE,
     "upper bound of -ub"},
    {"-ub --ubatch-size", INT, AT(n_ubatch), "N", 1, 1 << 16, 0, "512", 0, "CPU", ENGINE,
     "tokens of a prompt evaluated at once; never changes a result"},
    {"--fast-prefill", FLAG, AT(fast_prefill), 0, 0, 0, 0, 0, 0, "CPU", "run chat map choose embed score ppl",
     "read prompts in bfloat16, where that is faster: not the same bits as without it, nor as on other processors"},
    {"--isa", TEXT, AT(isa), "SET", 0, 0, 0, "auto", "SLM_ISA", "CPU", ENGINE,
     "best instruction set to use: auto, or one that slm help isa lists"},
    {"-ngl --gpu-layers --n-gpu-layers -mg --main-gpu -sm --split-mode -ts --tensor-split -dev --device -ncmoe --n-cpu-moe --numa --poll --prio",
     FOREIGN, 0, "X", 0, 0, 0, 0, 0, "CPU", ENGINE, "accepted for llama.cpp's sake and ignored"},
    {"-fa --flash-attn", FOREIGN, 0, "[ on|off|auto]", 0, 0, 0, 0, 0, "CPU", ENGINE, "the same: attention has one form here"},
    {"-cnv --conversation -st --single-turn -nkvo --no-kv-offload --no-mmap --no-op-offload --jinja --simple-io --no-display-prompt "
     "--no-escape --no-perf --log-disable", FOREIGN, 0, 0, 0, 0, 0, 0, 0,
     "CPU", ENGINE, "the same"},

    {"--count -c", FLAG, AT(count), 0, 0, 0, 0, 0, 0, "Output", "tokens", "print only how many"},
    {"--ids", IDS, AT(want_ids), "[ LIST]", 0, 0, 0, 0, 0, "Output", "tokens",
     "one line of ids; with --decode: the ids to decode"},
    {"--ids", FLAG, AT(want_ids), 0, 0, 0, 0, 0, 0, "Output", "render", "token ids on one line instead of the text"},
    {"--decode", FLAG, AT(decode), 0, 0, 0, 0, 0, 0, "Output", "tokens", "ids to text, byte for byte"},
    {"--no-bos", FLAG, AT(no_bos), 0, 0, 0, 0, 0, 0, "Output", "tokens embed", "no begin token"},
    {"--jsonl", FLAG, AT(jsonl), 0, 0, 0, 0, 0, 0, "Output", "tokens",
     "a JSON object per line of stdin, one per line out"},
    {"--jsonl", FLAG, AT(jsonl), 0, 0, 0, 0, 0, 0, "Output", "run", "a JSON object for each piece as it comes, one at the end"},
    {"--jsonl", FLAG, AT(jsonl), 0, 0, 0, 0, 0, 0, "Output", "map", "lines are JSON objects: of a member's text comes another member"},
    {"--in-field", TEXT, AT(in_field), "NAME", 0, 0, 0, "text", 0, "Input", "map", "with --jsonl: the member to read"},
    {"--out-field", TEXT, AT(out_field), "NAME", 0, 0, 0, "out", 0, "Output", "map", "with --jsonl: the member to write"},
    {"-0 --null", FLAG, AT(nul), 0, 0, 0, 0, 0, 0, "Input", "map", "inputs and answers end in a NUL, not in a newline"},
    {"--resume", TEXT, AT(resume), "FILE", 0, 0, 0, 0, 0, "Output", "map", "append to FILE, going on behind the answers that it has"},
    {"-x --extract", FLAG, AT(extract), 0, 0, 0, 0, 0, 0, "Output", "run", "only the answer's first code block, as soon as it is closed"},
    {"--of", TEXTS, AT(of), "A,B,..", 0, 0, 0, 0, 0, "Choice", "choose", "what to choose from; may be repeated"},
    {"--calibrate", FLAG, AT(calibrate), 0, 0, 0, 0, 0, 0, "Choice", "choose", "compare with what the model would say of \"N/A\" as the input"},
    {"--min-confidence", REAL, AT(min_confidence), "P", 0, 1, 0, 0, 0, "Choice", "choose", "exit 7 where the choice is less probable"},
    {"--exit-index", FLAG, AT(exit_index), 0, 0, 0, 0, 0, 0, "Output", "choose", "exit 10 for the first, 11 for the second, .."},
    {"--probs", FLAG, AT(probs), 0, 0, 0, 0, 0, 0, "Output", "choose", "a line for each: text, log-probability, share, between tabs"},
    {"--pool", CHOICE, AT(pool), "HOW", 0, 0, "mean last", 0, 0, "Output", "embed", "the mean over all tokens, or the last one's"},
    {"--tsv", FLAG, AT(tsv), 0, 0, 0, 0, 0, 0, "Output", "embed", "tabs between the numbers"},
    {"--logprobs", INT, AT(n_logprobs), "N", 0, MAX_LOGPROBS, 0, "none", 0, "Output", "run",
     "with --json or --jsonl: each token's log-probability, and the N likeliest beside it"},
    {"--per-token", FLAG, AT(per_token), 0, 0, 0, 0, 0, 0, "Output", "score", "a line for each token"},
    {"--top", INT, AT(n_top), "K", 0, 1000, 0, 0, 0, "Output", "score",
     "the K likeliest tokens at each place"},
    {"--logits-out", TEXT, AT(logits_out), "FILE", 0, 0, 0, 0, 0, "Output", "score",
     "float32 logits [n][n_vocab], little endian"},
    {"--tensors", FLAG, AT(tensors), 0, 0, 0, 0, 0, 0, "Output", "show", "list the tensors"},
    {"--template", FLAG, AT(template_text), 0, 0, 0, 0, 0, 0, "Output", "show", "print only the chat template"},
    {"--check", FLAG, AT(check), 0, 0, 0, 0, 0, 0, "Output", "show", "only say whether it loads: exit 0 or 1"},
    {"--full", FLAG, AT(full), 0, 0, 0, 0, 0, 0, "Output", "show", "arrays of metadata in full"},
    {"--json", FLAG, AT(json), 0, 0, 0, 0, 0, 0, "Output", "run choose embed score ppl diff tokens show ls doctor", "one JSON object"},
    {"--names", FLAG, AT(names), 0, 0, 0, 0, 0, 0, "Output", "ls", "only the names, a line each; no file is opened"},
    {"--color", CHOICE, AT(color), "WHEN", 0, 0, "auto always never", 0, 0, "Output", "run chat",
     "dim the thinking; auto: on a terminal, unless NO_COLOR is set"},
    {"--no-newline", FLAG, AT(no_newline), 0, 0, 0, 0, 0, 0, "Output", "run", "add no newline to the answer"},
    {"--stats", MAYBE, AT(stats), "[=FORM]", 0, 0, "text json", 0, 0, "Output", "run chat", "statistics on stderr"},
    {"--stats-file", TEXT, AT(stats_file), "FILE", 0, 0, 0, 0, 0, "Output", "run", "statistics as JSON into FILE"},
    {"--explain", FLAG, AT(explain), 0, 0, 0, 0, 0, 0, "Output", "run chat",
     "only print every setting with its origin, the prompt with its tokens, and the memory plan"},
    {"-v --verbose", FLAG, AT(verbose), 0, 0, 0, 0, 0, 0, "Output", "run chat map choose embed score ppl imatrix diff", "a line per phase on stderr"},
    {"-q --quiet", FLAG, AT(quiet), 0, 0, 0, 0, 0, 0, "Output", "run chat map choose embed score ppl diff tokens show ls", "no warnings"},
    {"-q --quiet", FLAG, AT(quiet), 0, 0, 0, 0, 0, 0, "Output", "pack quantize imatrix", "no progress on a terminal, no summary"},
    {"-o --output", TEXT, AT(output), "FILE", 0, 0, 0, "imatrix.gguf", 0, "Output", "imatrix", "the file to write"},
    {"--process-output", FLAG, AT(process_output), 0, 0, 0, 0, 0, 0, "Output", "imatrix", "the output matrix too"},
    {"--worst", INT, AT(n_worst), "N", 0, 100000, 0, 0, 0, "Output", "diff",
     "list the N tensors of each file whose relative error is largest"},
    {"--bars", FLAG, AT(bars), 0, 0, 0, 0, 0, 0, "Output", "diff", "divergences and errors as bars below the table"},
    {"--plot", TEXT, AT(plot), "FILE.svg", 0, 0, 0, 0, 0, "Output", "diff", "divergence and perplexity over file size as a chart"},
    {"--unpack", FLAG, AT(unpack), 0, 0, 0, 0, 0, 0, "Output", "pack", "IN is packed: write the original"},
    {"--dry-run", FLAG, AT(dry_run), 0, 0, 0, 0, 0, 0, "Output", "quantize", "only list what each tensor would become"},

    {"-p --n-prompt", INTS, BENCH(p), "LIST", 0, 1 << 24, 0, "512", 0, "Tests", "bench",
     "evaluate prompts of so many tokens; 0: none"},
    {"-n --n-gen", INTS, BENCH(n), "LIST", 0, 1 << 24, 0, "128", 0, "Tests", "bench", "generate so many tokens; 0: none"},
    {"-pg", PAIR, BENCH(pg), "P,N", 0, 1 << 24, 0, "none", 0, "Tests", "bench",
     "a prompt of P tokens, then N generated ones, timed together; may be repeated"},
    {"-d --n-depth", INTS, BENCH(d), "LIST", 0, 1 << 24, 0, "0", 0, "Tests", "bench",
     "do so behind so many tokens that are in the cache already"},
    {"-r --repetitions", INT, BENCH(rounds), "N", 1, 10000, 0, 0, 0, "Tests", "bench", "rounds of each test"},
    {"--no-warmup", FLAG, BENCH(no_warmup), 0, 0, 0, 0, 0, 0, "Tests", "bench", "time the first round as it comes"},
    {"--ab", TEXT, BENCH(ab), "NAME=A,B", 0, 0, 0, 0, 0, "Tests", "bench",
     "two values of isa, pack, t, b, ub, kv or fast (off, on) in alternating rounds, with the ratio of B to A"},
    {"--kernels", OPTIONAL, BENCH(kernels), "[=TYPES]", 0, 0, 0, 0, 0, "Tests", "bench",
     "single matrix products instead of a model, of all tensor formats or those named"},
    {"--no-roof", FLAG, BENCH(no_roof), 0, 0, 0, 0, 0, 0, "Tests", "bench", "do not measure what the machine can do"},
    {"-t --threads", INTS, BENCH(t), "LIST", 1, MAX_THREADS, 0, "one per performance core", "SLM_THREADS", "Settings",
     "bench", "threads"},
    {"-b --batch-size", INTS, BENCH(b), "LIST", 1, 1 << 24, 0, "2048", 0, "Settings", "bench", "upper bound of -ub"},
    {"-ub --ubatch-size", INTS, BENCH(ub), "LIST", 1, 1 << 16, 0, "512", 0, "Settings", "bench",
     "tokens of a prompt evaluated at once"},
    {"--kv", CHOICES, BENCH(kv), "LIST", 0, 0, "q8_0 f16 f32", "q8_0", 0, "Settings", "bench", "types of the cache"},
    {"-ctk --cache-type-k", CHOICES, BENCH(ctk), "LIST", 0, 0, "q8_0 f16 f32", "as --kv", 0, "Settings", "bench",
     "the same; keys and values have one type"},
    {"-ctv --cache-type-v", CHOICES, BENCH(ctv), "LIST", 0, 0, "q8_0 f16 f32", "as --kv", 0, "Settings", "bench", "the same"},
    {"--pack", CHOICES, BENCH(pack), "LIST", 0, 0, "auto on off", "auto", 0, "Settings", "bench",
     "rearrange the weights for this processor at load"},
    {"--fast-prefill", FLAG, AT(fast_prefill), 0, 0, 0, 0, 0, 0, "Settings", "bench", "prompts and --kernels in bfloat16, where that is faster"},
    {"--isa", TEXT, BENCH(isa), "LIST", 0, 0, 0, "auto", "SLM_ISA", "Settings", "bench",
     "instruction sets: auto, or of those that slm help isa lists"},
    {"--mem", SIZE, AT(mem), "SIZE", 0, 0, 0, "what is available", "SLM_MEM", "Settings", "bench",
     "memory that may be taken: 8G, 512M or bytes; what needs more is exit 6"},
    {"-ngl --gpu-layers --n-gpu-layers -mg --main-gpu -sm --split-mode -ts --tensor-split -dev --device -ncmoe --n-cpu-moe --numa --poll --prio",
     FOREIGN, 0, "X", 0, 0, 0, 0, 0, "Settings", "bench", "accepted for llama.cpp's sake and ignored"},
    {"-fa --flash-attn", FOREIGN, 0, "[ on|off|auto]", 0, 0, 0, 0, 0, "Settings", "bench", "the same: attention has one form here"},
    {"-cnv --conversation -st --single-turn -nkvo --no-kv-offload --no-mmap --no-op-offload --jinja --simple-io --no-display-prompt "
     "--no-escape --no-perf --log-disable", FOREIGN, 0, 0, 0, 0, 0, 0, 0,
     "Settings", "bench", "the same"},
    {"-o --output", CHOICE, BENCH(format), "FORM", 0, 0, "md csv json jsonl", 0, 0, "Output", "bench", "how rows are printed"},
    {"--compare", TEXT, BENCH(compare), "OLD.json", 0, 0, 0, 0, 0, "Output", "bench",
     "speeds relative to the same tests of an earlier -o json or jsonl"},
    {"--plot", OPTIONAL, BENCH(plot), "[=FILE.svg]", 0, 0, 0, 0, 0, "Output", "bench",
     "speed over -d as a chart below the table, or in a file"},
    {"-v --verbose", FLAG, AT(verbose), 0, 0, 0, 0, 0, 0, "Output", "bench", "a line per round on stderr, as on a terminal"},
    {"-q --quiet", FLAG, AT(quiet), 0, 0, 0, 0, 0, 0, "Output", "bench", "no such lines, no warnings"},
    {"--no-sandbox", FLAG, AT(no_sandbox), 0, 0, 0, 0, 0, 0, "Input", "run chat map choose embed score ppl imatrix diff tokens render show ls bench pack quantize",
     "keep other files, network and programs within reach (for debuggers)"},
    {"-h --help", FLAG, AT(help), 0, 0, 0, 0, 0, 0, "Output", "*", "this text"},
};

/* Where a value comes from; the later ones are asked first. */
enum { FROM_DEFAULT, FROM_CONFIG, FROM_ENVIRONMENT, FROM_FLAG };
static uint8_t from[ARRAY_LEN(table)];
static strbuf  foreign; /* flags of llama.cpp that were given */

/* ---- words ---------------------------------------------------------------- */

/* Takes the next word off *rest; false at the end. */
static bool next_word(const char **rest, str *word) {
    const char *p = *rest + strspn(*rest, " ");
    word->p = p;
    word->n = strcspn(p, " ");
    *rest = p + word->n;
    return word->n > 0;
}

static bool has_word(const char *words, str w) {
    str k;
    while (words && next_word(&words, &k))
        if (str_eq(k, w)) return true;
    return false;
}

/* Damerau-Levenshtein with adjacent swaps, for words of the length of a flag. */
int edit_distance(str a, str b) {
    enum { CAP = 40 };
    int row[3][CAP + 1];
    if (a.n > CAP || b.n > CAP) return CAP;
    for (int j = 0; j <= (int)b.n; j++) row[0][j] = j;
    for (int i = 1; i <= (int)a.n; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= (int)b.n; j++) {
            int d = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (up[j] + 1 < d) d = up[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && upup[j - 2] + 1 < d)
                d = upup[j - 2] + 1;
            now[j] = d;
        }
    }
    return row[a.n % 3][b.n];
}

str nearest_word(const char *words, str got) {
    str best = {"", 0}, w;
    int least = (int)(got.n / 3 > 1 ? got.n / 3 : 1) + 1;
    while (next_word(&words, &w)) {
        int d = edit_distance(got, w);
        /* The beginning of one word is nearer than any misspelling. */
        if (got.n >= 4 && w.n > got.n && !memcmp(w.p, got.p, got.n)) d = 0;
        if (d < least) least = d, best = w;
    }
    return best;
}

/* ---- values --------------------------------------------------------------- */

/* Decimal only: strtod alone would take "0x10", "inf", "nan" and leading space. */
bool is_number(const char *s, double *out) {
    if (!*s || strspn(s, "0123456789+-.eE") != strlen(s)) return false;
    char *end;
    *out = strtod(s, &end);
    return !*end && end != s;
}

static bool is_whole(const char *s) {
    s += *s == '-' || *s == '+';
    return *s && strspn(s, "0123456789") == strlen(s);
}

static void put_range(const option *r, char buf[64]) {
    if (r->hi >= INT_MAX && r->kind == INT) snprintf(buf, 64, "%.0f or more", r->lo);
    else snprintf(buf, 64, "%.10g to %.10g", r->lo, r->hi);
}

static int out_of_range(const option *r, const char *name, const char *text) {
    char range[64];
    put_range(r, range);
    return fail(EXIT_USAGE, "%s: %s is out of range (%s)", name, text, range);
}

static int store_number(const option *r, void *field, const char *name, const char *text) {
    double x = 0;
    bool   real = r->kind == REAL || r->kind == FLOAT;
    if (!is_number(text, &x)) return fail(EXIT_USAGE, "%s: \"%s\" is not a number", name, text);
    if (!real && !is_whole(text)) return fail(EXIT_USAGE, "%s: \"%s\" is not a whole number", name, text);
    if (r->kind == SEED) {
        if (x < -1 || x >= 9223372036854775808.0)
            return fail(EXIT_USAGE, "%s: %s is out of range (0 to 9223372036854775807, or -1)", name, text);
        *(int64_t *)field = strtoll(text, NULL, 10);
        return -1;
    }
    if (!isfinite(x) || x < r->lo || x > r->hi) return out_of_range(r, name, text);
    if (r->kind == INT) *(int *)field = (int)x;
    else if (r->kind == REAL) *(double *)field = x;
    else *(float *)field = (float)x;
    return -1;
}

/* Units are powers of 1024. */
static int store_size(uint64_t *field, const char *name, const char *text) {
    static const char units[] = "KMGT";
    const size_t n = strspn(text, "0123456789.");
    char         digits[24] = "";
    double       x = 0;
    const char  *end = text + n, *unit = *end > ' ' ? strchr(units, *end & ~0x20) : NULL;
    if (n < sizeof digits) memcpy(digits, text, n);
    if (unit) end++;
    const bool good = is_number(digits, &x) && (!*end || !strcasecmp(end, "B") || (unit && !strcasecmp(end, "iB")));
    if (good && unit) x = ldexp(x, 10 * ((int)(unit - units) + 1));
    if (!good) return fail(EXIT_USAGE, "%s: \"%s\" is not a size such as 8G, 512M or a number of bytes", name, text);
    if (x < 1 || x >= 0x1p62) return fail(EXIT_USAGE, "%s: %s is out of range (1 to 4194303T)", name, text);
    *field = (uint64_t)x;
    return -1;
}

static int store_choice(const option *r, int *field, const char *name, const char *text) {
    const char *rest = r->choices;
    str         w;
    for (int i = 0; next_word(&rest, &w); i++)
        if (str_is(w, text)) {
            *field = i + (r->kind == MAYBE);
            return -1;
        }
    return fail(EXIT_USAGE, "%s: \"%s\" is not one of: %s", name, text, r->choices);
}

static int store_think(options *o, const char *name, const char *text) {
    static const char *const modes[] = {"auto", "on", "off"};
    double                   x = 0;
    o->think_budget = -1;
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, modes[i])) {
            o->think = (slm_think)i;
            return -1;
        }
    if (!is_whole(text) || !is_number(text, &x) || x < 0 || x > INT_MAX)
        return fail(EXIT_USAGE, "%s: \"%s\" is not auto, on, off or a number of tokens", name, text);
    o->think = SLM_THINK_AUTO;
    o->think_budget = (int)x;
    return -1;
}

/* ---- lists ----------------------------------------------------------------- */

static bool push(int_list *l, int v) {
    if (l->n == MAX_VALUES) return false;
    l->v[l->n++] = v;
    return true;
}

/* A whole number at *p, which moves behind it. */
static bool take_whole(const char **p, double *out) {
    size_t n = strspn(*p, "0123456789");
    char   digits[16];
    if (!n || n >= sizeof digits) return false;
    memcpy(digits, *p, n);
    digits[n] = 0;
    *out = strtod(digits, NULL);
    *p += n;
    return true;
}

/* One of: 5   1-4   0-1024+256   1-8*2; in words that commas separate. */
static int store_ints(const option *r, int_list *l, const char *name, const char *text) {
    for (const char *p = text;;) {
        double first, last, step = 1;
        char   how = '+';
        bool   good = take_whole(&p, &first);
        last = first;
        if (good && *p == '-') {
            p++;
            good = take_whole(&p, &last) && last >= first;
            if (good && (*p == '+' || *p == '*')) {
                how = *p++;
                /* A factor that makes no progress would never end. */
                good = take_whole(&p, &step) && step >= (how == '*' ? 2 : 1) && !(how == '*' && first < 1);
            }
        }
        if (!good || (*p && *p != ','))
            return fail(EXIT_USAGE, "%s: \"%s\" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2", name, text);
        if (first < r->lo || last > r->hi) return out_of_range(r, name, text);
        for (double v = first; v <= last; v = how == '*' ? v * step : v + step)
            if (!push(l, (int)v)) return fail(EXIT_USAGE, "%s: more than %d values", name, MAX_VALUES);
        if (!*p) return -1;
        p++;
    }
}

static int store_pair(const option *r, int_list *l, const char *name, const char *text) {
    const char *p = text;
    double      a, b;
    if (!take_whole(&p, &a) || *p++ != ',' || !take_whole(&p, &b) || *p)
        return fail(EXIT_USAGE, "%s: \"%s\" is not two numbers such as 512,128", name, text);
    if (a > r->hi || b > r->hi) return out_of_range(r, name, text);
    if (!push(l, (int)a) || !push(l, (int)b)) return fail(EXIT_USAGE, "%s: more than %d pairs", name, MAX_VALUES / 2);
    return -1;
}

static int store_choices(const option *r, int_list *l, const char *name, const char *text) {
    for (const char *p = text;; p++) {
        char one[32];
        int  at = 0;
        snprintf(one, sizeof one, "%.*s", (int)strcspn(p, ","), p);
        int rc = store_choice(r, &at, name, one);
        if (rc >= 0) return rc;
        if (!push(l, at)) return fail(EXIT_USAGE, "%s: more than %d values", name, MAX_VALUES);
        p += strcspn(p, ",");
        if (!*p) return -1;
    }
}

static int store_text(const option *r, text_list *l, const char *name, const char *text) {
    const char *eq = r->kind == BIAS ? strrchr(text, '=') : text + strlen(text);
    double      x = 0;
    if (!eq || (r->kind == BIAS && !is_number(eq + 1, &x)))
        return fail(EXIT_USAGE, "%s: \"%s\" is not of the form TEXT=NUMBER", name, text);
    if (eq == text) return fail(EXIT_USAGE, "%s: there is no text in \"%s\"", name, text);
    if (r->kind == BIAS && !(x >= r->lo && x <= r->hi)) return out_of_range(r, name, eq + 1);
    if (l->n == MAX_VALUES) return fail(EXIT_USAGE, "%s: more than %d texts", name, MAX_VALUES);
    l->text[l->n++] = text;
    return -1;
}

/* Stores one value.  text is NULL for flags.  -1: stored; else the exit code. */
static int store(options *o, const option *r, const char *name, const char *text) {
    void *field = (char *)o + r->at;
    from[r - table] = FROM_FLAG;
    switch (r->kind) {
    case FLAG: *(bool *)field = true; return -1;
    case INT:
    case SEED:
    case REAL:
    case FLOAT: return store_number(r, field, name, text);
    case SIZE: return store_size(field, name, text);
    case CHOICE: return store_choice(r, field, name, text);
    case MAYBE:
        if (text) return store_choice(r, field, name, text);
        *(int *)field = 1;
        return -1;
    case TEXT:
        /* Texts and lists may be empty, or say it themselves; names may not. */
        if (!*text && strcmp(r->arg, "TEXT") && strcmp(r->arg, "LIST")) return fail(EXIT_USAGE, "%s: \"\" is no %s", name, r->arg);
        *(const char **)field = text;
        return -1;
    case STOPS:
        if (!*text) return fail(EXIT_USAGE, "%s: an empty text would stop at once", name);
        if (o->n_stop == MAX_STOPS) return fail(EXIT_USAGE, "%s: more than %d stop texts", name, MAX_STOPS);
        o->stop[o->n_stop++] = text;
        return -1;
    case INTS: return store_ints(r, field, name, text);
    case PAIR: return store_pair(r, field, name, text);
    case CHOICES: return store_choices(r, field, name, text);
    case OPTIONAL:
        if (text && !*text) return fail(EXIT_USAGE, "%s: nothing stands behind the =", name);
        *(const char **)field = text ? text : "";
        return -1;
    case THINK: return store_think(o, name, text);
    case BIAS:
    case TEXTS: return store_text(r, field, name, text);
    case VARS:
        if (o->n_var == MAX_VARS) return fail(EXIT_USAGE, "%s: more than %d variables", name, MAX_VARS);
        o->var[o->n_var++] = text;
        return -1;
    case IDS:
        *(bool *)field = true;
        if (text) o->ids = text;
        return -1;
    case FOREIGN:
        strbuf_fmt(&foreign, "%s%s", foreign.n ? " " : "", name);
        return -1;
    }
    return -1;
}

/* ---- parsing -------------------------------------------------------------- */

static bool is_for(const option *r, const command *c) {
    return !strcmp(r->cmds, "*") || has_word(r->cmds, str_of(c->name));
}

static const option *find(const command *c, str name) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (is_for(&table[i], c) && has_word(table[i].names, name)) return &table[i];
    return NULL;
}

static int read_samplers(options *o) {
    slm_error err = {0};
    if (o->samplers && slm_samplers_parse(o->samplers, o->sampling.order, &err)) return fail(EXIT_USAGE, "--samplers: %s", err.text);
    return -1;
}

bool option_given(const options *o, const char *name) {
    const option *r = find(o->cmd, str_of(name));
    return r && from[r - table];
}

bool option_of_command(const options *o, const char *name) { return find(o->cmd, str_of(name)) != NULL; }

int option_set(options *o, const char *name, const char *text) {
    const option *r = find(o->cmd, str_of(name));
    if (!r) return fail(EXIT_USAGE, "there is no %s", name);
    const uint8_t was = from[r - table];
    int        rc = store(o, r, name, text);
    if (rc < 0 && r->at == AT(samplers)) rc = read_samplers(o);
    if (rc >= 0) from[r - table] = was;
    return rc;
}

/* Flags of run, chat and map that are promised: no misspelling of others. */
static const char promised[] = "--grammar --grammar-file -j --json-schema --schema --regex --lora --prefix-cache";

static int unknown(const command *c, str name) {
    char near[4096] = "";
    if (has_word("run chat map", str_of(c->name)) && has_word(promised, name))
        return fail(EXIT_USAGE, "%.*s is not built yet (slm help %s lists what is)", (int)name.n, name.p, c->name);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (is_for(&table[i], c)) {
            strcat(strcat(near, " "), table[i].names);
        } else if (has_word(table[i].names, name) && !find(c, name)) {
            return fail(EXIT_USAGE, "%.*s is not a flag of %s, but of: %s", (int)name.n, name.p, c->name,
                        table[i].cmds);
        }
    }
    str w = nearest_word(near, name);
    if (w.n)
        return fail(EXIT_USAGE, "unknown flag %.*s; did you mean %.*s? (slm help %s)", (int)name.n, name.p,
                    (int)w.n, w.p, c->name);
    return fail(EXIT_USAGE, "unknown flag %.*s (slm help %s lists them)", (int)name.n, name.p, c->name);
}

static bool takes_value(const options *o, const option *r) {
    if (r->kind == FOREIGN) return r->arg && *r->arg != '[';
    return r->kind == IDS ? o->decode : r->kind != FLAG && r->kind != MAYBE && r->kind != OPTIONAL;
}

/* "-vq" are two flags and "-n32" is -n 32.  Only digits may be glued to a flag: of a glued text,
 * "-fa" or "-mlock", nobody could tell whether it was meant as a flag.
 * -1: understood; -2: no such bundle; else the exit code. */
static int parse_bundle(options *o, const char *arg) {
    for (const char *p = arg + 1; *p; p++) {
        char          name[3] = {'-', *p, 0};
        const option *r = find(o->cmd, str_of(name));
        if (!r) return -2;
        if (takes_value(o, r)) {
            bool number = r->kind == INT || r->kind == SEED || r->kind == REAL || r->kind == FLOAT || r->kind == INTS;
            if (p != arg + 1 || !number || !strchr("0123456789", p[1])) return -2;
            return store(o, r, name, p + 1);
        }
    }
    for (const char *p = arg + 1; *p; p++) {
        char name[3] = {'-', *p, 0};
        store(o, find(o->cmd, str_of(name)), name, NULL);
    }
    return -1;
}

static int parse_flag(options *o, int argc, char **argv, int *i) {
    const char   *arg = argv[*i], *eq = arg[1] == '-' ? strchr(arg, '=') : NULL;
    str           name = {arg, eq ? (size_t)(eq - arg) : strlen(arg)};
    const option *r = find(o->cmd, name);
    if (!r) {
        int rc = arg[1] == '-' ? -2 : parse_bundle(o, arg);
        return rc == -2 ? unknown(o->cmd, name) : rc;
    }
    char shown[48];
    snprintf(shown, sizeof shown, "%.*s", (int)name.n, name.p);
    if (eq) {
        if (r->kind == FLAG || (r->kind == FOREIGN && !r->arg) || (r->kind == IDS && !o->decode))
            return fail(EXIT_USAGE, "%s takes no value", shown);
        return store(o, r, shown, eq + 1);
    }
    /* -fa stood alone before it took a value. */
    if (r->kind == FOREIGN && r->arg && *r->arg == '[' && *i + 1 < argc && has_word("on off auto 0 1", str_of(argv[*i + 1]))) ++*i;
    if (!takes_value(o, r)) return store(o, r, shown, NULL);
    if (*i + 1 >= argc) return fail(EXIT_USAGE, "%s needs a value: %s", shown, r->arg);
    return store(o, r, shown, argv[++*i]);
}

static int read_environment(options *o) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const option *r = &table[i];
        const char   *v = r->env ? getenv(r->env) : NULL;
        /* name_model() asks for SLM_MODEL itself: the first positional comes after it; and --date
         * comes before SOURCE_DATE_EPOCH. */
        if (!v || !*v || from[i] || !is_for(r, o->cmd) || r->at == AT(model) || r->at == AT(now)) continue;
        int rc = store(o, r, r->env, v);
        if (rc >= 0) return rc;
        from[i] = FROM_ENVIRONMENT;
    }
    return -1;
}

static bool typed(const options *o, str name) {
    const option *r = find(o->cmd, name);
    return r && from[r - table] == FROM_FLAG;
}

/* Flags of which one says that another has no meaning: what was typed together was a mistake. */
static int check_pairs(const options *o) {
    static const struct {
        const char *flag, *others, *why;
    } pairs[] = {
        {"--now", "--date", "both say what time it is"},
        {"--greedy", "--temp --samplers --mirostat --top-k --top-p --min-p --typical --top-nsigma --repeat-penalty --presence-penalty --frequency-penalty "
         "--xtc-probability --dry-multiplier", "--greedy takes the likeliest token, whatever else is set"},
        {"--raw", "--system --system-file --template --template-var --think --show-thinking --date --now", "--raw uses no chat template"},
        {"--json", "--show-thinking --jsonl --extract", "the object of --json holds all of it"},
        {"--jsonl", "--show-thinking --extract --no-newline", "--jsonl prints each piece as it is"},
        {"--null", "--jsonl", "a line of JSON ends in a newline"},
        {"--tsv", "--json", "both are forms of the same"},
        {"--probs", "--json", "both say the same in other forms"},
        {"--explain", "--json --jsonl --extract --stats --stats-file", "--explain generates nothing"},
        {"--check", "--tensors --full", "--check prints nothing"},
        {"--decode", "--no-bos", "--decode reads ids, no text"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const char *rest = pairs[i].others;
        str         other;
        while (typed(o, str_of(pairs[i].flag)) && next_word(&rest, &other))
            if (typed(o, other)) return fail(EXIT_USAGE, "%s and %.*s do not go together: %s", pairs[i].flag, (int)other.n, other.p, pairs[i].why);
    }
    if (o->system && o->system_file) return fail(EXIT_USAGE, "the system message is given twice: by --system and --system-file");
    if (typed(o, STR("--logprobs")) && !o->json && !o->jsonl) return fail(EXIT_USAGE, "--logprobs goes with --json or --jsonl");
    if (o->no_stdin && o->file && !strcmp(o->file, "-")) return fail(EXIT_USAGE, "-N and -f - do not go together: -N does not read stdin");
    return -1;
}

/* What one value alone cannot show. */
static int check(options *o) {
    const int wrong = check_pairs(o);
    if (wrong >= 0) return wrong;
    if (o->ctk >= 0 && o->ctv >= 0 && o->ctk != o->ctv)
        return fail(EXIT_USAGE, "-ctk and -ctv differ: keys and values have one type here");
    const int both = o->ctk >= 0 ? o->ctk : o->ctv;
    if (both >= 0 && both != o->kv && typed(o, STR("--kv"))) return fail(EXIT_USAGE, "--kv and %s differ", o->ctk >= 0 ? "-ctk" : "-ctv");
    if (both >= 0) o->kv = both;
    if (foreign.n) warn(o, "%.*s %s ignored: everything runs on the CPU", (int)foreign.n, foreign.p, memchr(foreign.p, ' ', foreign.n) ? "are" : "is");
    strbuf_free(&foreign);
    if (o->n_threads_batch && o->n_threads_batch != o->n_threads)
        warn(o, "-tb is ignored: the threads of -t evaluate prompts too");
    int rc = read_samplers(o);
    if (rc >= 0) return rc;
    if (!o->isa || !strcmp(o->isa, "auto")) return -1;
    strbuf      all = {0};
    const char *name;
    bool        known = false;
    for (int i = 0; (name = slm_isa_name(i)); i++) {
        known = known || !strcmp(name, o->isa);
        strbuf_fmt(&all, " %s", name);
    }
    rc = known ? -1
               : fail(EXIT_USAGE, "--isa: \"%s\" is not what this processor can run: auto%.*s", o->isa,
                      (int)all.n, all.n ? all.p : "");
    strbuf_free(&all);
    return rc;
}

static options initial(void) {
    return (options){.n = 2048, .n_chunks = -1, .n_worst = 5, .ctk = -1, .ctv = -1, .seed = -1, .think_budget = -1,
                     .sampling = slm_sampling_defaults(), .bench.rounds = 5};
}

int options_parse(options *o, const command *c, int argc, char **argv) {
    *o = initial();
    o->cmd = c;
    o->arg = argv; /* positionals are moved to the front, never past where we read */
    bool literal = false;
    /* --ids takes a value only with --decode, which may stand behind it. */
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(c->name, "tokens") && !strcmp(argv[i], "--decode")) o->decode = true;
    for (int i = 0; i < argc; i++) {
        if (literal || argv[i][0] != '-' || !argv[i][1]) {
            o->arg[o->n_arg++] = argv[i];
        } else if (!strcmp(argv[i], "--")) {
            literal = true;
        } else {
            int rc = parse_flag(o, argc, argv, &i);
            if (rc >= 0) return rc;
            if (o->help) {
                help_command(c);
                return out_end(EXIT_OK);
            }
        }
    }
    int rc = read_environment(o);
    if (rc < 0) rc = config_read(o);
    return rc >= 0 ? rc : check(o);
}

/* ---- the configuration file -------------------------------------------------- */

/* Is it a setting, rather than a part of one command line? */
static bool is_setting(const option *r) {
    static const size_t also[] = {AT(model), AT(color), AT(verbose), AT(quiet), AT(stats)};
    static const size_t not[] = {AT(now), AT(date), AT(ctk), AT(ctv), BENCH(ctk), BENCH(ctv)};
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (r->at == also[i]) return true;
    for (size_t i = 0; i < ARRAY_LEN(not); i++)
        if (r->at == not[i]) return false;
    return r->kind != FOREIGN && has_word("Chat Length Sampling Memory CPU Settings", str_of(r->group));
}

/* Did a flag or the environment set what this setting would contradict? */
static bool is_overruled(const options *o, const option *r) {
    static const size_t rivals[][2] = {{AT(system), AT(system_file)}, {AT(greedy), SAMPLING(temperature)}};
    if (from[r - table] > FROM_CONFIG) return true;
    for (size_t k = 0; k < 2 * ARRAY_LEN(rivals); k++)
        for (size_t i = 0; r->at == rivals[k / 2][k % 2] && i < ARRAY_LEN(table); i++)
            if (table[i].at == rivals[k / 2][1 - k % 2] && is_for(&table[i], o->cmd) && from[i] > FROM_CONFIG) return true;
    return false;
}

static int unknown_setting(const char *where, str key) {
    strbuf words = {0};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *rest = table[i].names;
        str         w;
        while (is_setting(&table[i]) && next_word(&rest, &w))
            if (w.n > 2 && w.p[1] == '-') strbuf_fmt(&words, "%.*s ", (int)w.n - 2, w.p + 2);
    }
    strbuf_char(&words, 0);
    const str near = words.bad ? (str){"", 0} : nearest_word(words.p, key);
    const int rc = near.n ? fail(EXIT_USAGE, "%s: there is no setting \"%.*s\"; did you mean %.*s?", where, (int)key.n, key.p, (int)near.n, near.p)
                          : fail(EXIT_USAGE, "%s: there is no setting \"%.*s\"", where, (int)key.n, key.p);
    strbuf_free(&words);
    return rc;
}

int option_configure(options *o, const char *where, str key, const char *value) {
    char          flag[64], shown[512];
    const option *r = NULL;
    bool          known = false;
    snprintf(flag, sizeof flag, "--%.*s", (int)(key.n < 60 ? key.n : 60), key.p);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!is_setting(&table[i]) || !has_word(table[i].names, str_of(flag))) continue;
        known = true;
        if (is_for(&table[i], o->cmd)) r = &table[i];
    }
    if (!known) return unknown_setting(where, key);
    if (!r || is_overruled(o, r)) return -1;
    snprintf(shown, sizeof shown, "%s: %.*s", where, (int)key.n, key.p);
    if (r->kind == FLAG && strcmp(value, "true") && strcmp(value, "false")) return fail(EXIT_USAGE, "%s: \"%s\" is not true or false", shown, value);
    if (r->kind == FLAG && !strcmp(value, "false")) return -1;
    /* It comes after the first argument. */
    if (r->at == AT(model)) {
        o->default_model = value;
        return -1;
    }
    const int rc = store(o, r, shown, value);
    if (rc < 0) from[r - table] = FROM_CONFIG;
    return rc;
}

/* ---- what is in force ---------------------------------------------------------- */

static void put_list(strbuf *b, const char *const *text, int n) {
    for (int i = 0; i < n; i++) {
        if (i) strbuf_char(b, ' ');
        json_write_str(b, str_of(text[i]));
    }
    if (!n) strbuf_str(b, STR("none"));
}

static void put_word(strbuf *b, const char *words, int i) {
    str w = {"", 0};
    while (i-- >= 0 && next_word(&words, &w)) {}
    strbuf_str(b, w);
}

static void put_setting(strbuf *b, const option *r, const options *o, const options *first) {
    const void *field = (const char *)o + r->at, *was = (const char *)first + r->at;
    char        size[32];
    const bool  silent = r->fallback && !from[r - table];
    switch (r->kind) {
    case FLAG: strbuf_str(b, *(const bool *)field ? STR("on") : STR("off")); break;
    case INT:
        if (silent && *(const int *)field == *(const int *)was) strbuf_str(b, str_of(r->fallback));
        else strbuf_fmt(b, "%d", *(const int *)field);
        break;
    case REAL:
        if (silent) strbuf_str(b, str_of(r->fallback));
        else strbuf_fmt(b, "%g", *(const double *)field);
        break;
    case FLOAT: strbuf_fmt(b, "%g", (double)*(const float *)field); break;
    case SEED:
        if (o->seed < 0) strbuf_str(b, STR("random"));
        else strbuf_fmt(b, "%lld", (long long)o->seed);
        break;
    case SIZE: strbuf_str(b, str_of(silent ? r->fallback : human_bytes(*(const uint64_t *)field, size))); break;
    case CHOICE:
        if (silent) strbuf_str(b, str_of(r->fallback));
        else put_word(b, r->choices, *(const int *)field);
        break;
    case MAYBE:
        if (*(const int *)field) put_word(b, r->choices, *(const int *)field - 1);
        else strbuf_str(b, STR("none"));
        break;
    case STOPS: put_list(b, o->stop, o->n_stop); break;
    case VARS: put_list(b, o->var, o->n_var); break;
    case TEXTS:
    case BIAS: {
        const text_list *l = field;
        if (silent) strbuf_str(b, str_of(r->fallback));
        else put_list(b, l->text, l->n);
        break;
    }
    case THINK:
        if (o->think_budget >= 0) strbuf_fmt(b, "%d", o->think_budget);
        else put_word(b, "auto on off", (int)o->think);
        break;
    default: {
        const char *text = *(const char *const *)field;
        plain_text(b, str_of(text ? text : silent ? r->fallback : "none"));
    }
    }
}

/* A number of sampling that no flag set: by --greedy, the file, the developers, or the default. */
static void sampling_origin(char origin[64], const option *r, const options *o, const options *first, const slm_model *m) {
    slm_sampling       advised;
    const char        *whose = slm_model_recommended(m, &advised);
    const slm_sampling file = slm_model_sampling(m);
    const size_t       at = r->at - AT(sampling);
    const void        *of_file = (const char *)&file + at, *of_advice = (const char *)&advised + at;
    if (memcmp((const char *)o + r->at, of_file, 4)) strcpy(origin, "--greedy");
    else if (memcmp(of_file, of_advice, 4)) strcpy(origin, "model file");
    else if (memcmp(of_advice, (const char *)first + r->at, 4)) snprintf(origin, 64, "developers of %.40s", whose ? whose : "");
}

void options_explain(const options *o, const slm_model *m, void (*row)(const char *name, str value, const char *origin)) {
    const options first = initial();
    strbuf        b = {0};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const option *r = &table[i];
        char          name[40], origin[64] = "default";
        const char   *p = strstr(r->names, "--");
        if (!is_for(r, o->cmd) || r->kind == FOREIGN || r->at == AT(model) || r->at == AT(help) || r->at == AT(explain)) continue;
        if (!p) p = r->names;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, " "), p);
        if (from[i] == FROM_FLAG) strcpy(origin, "flag");
        else if (from[i] == FROM_ENVIRONMENT) snprintf(origin, sizeof origin, "environment %s", r->env);
        else if (from[i] == FROM_CONFIG) strcpy(origin, "config file");
        else if ((r->kind == INT || r->kind == FLOAT) && r->at >= AT(sampling) && r->at < AT(sampling) + sizeof o->sampling)
            sampling_origin(origin, r, o, &first, m);
        b.n = 0;
        put_setting(&b, r, o, &first);
        row(name, (str){b.p, b.n}, origin);
    }
    strbuf_free(&b);
}

/* ---- help ----------------------------------------------------------------- */

/* The initial value of a row as text, "" where it says nothing. */
enum { FALLBACK_ROOM = 96 };
static void put_fallback(const option *r, const options *o, char buf[FALLBACK_ROOM]) {
    const void *field = (const char *)o + r->at;
    buf[0] = 0;
    if (r->fallback) snprintf(buf, FALLBACK_ROOM, "%s", r->fallback);
    else if (r->kind == INT) snprintf(buf, 64, "%d", *(const int *)field);
    else if (r->kind == REAL) snprintf(buf, 64, "%g", *(const double *)field);
    else if (r->kind == FLOAT) snprintf(buf, 64, "%g", (double)*(const float *)field);
    else if (r->kind == CHOICE) snprintf(buf, 64, "%.*s", (int)strcspn(r->choices, " "), r->choices);
}

void options_list(const command *c, void (*row)(const option_help *h)) {
    options o = initial();
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const option *r = &table[i];
        if (!is_for(r, c)) continue;
        char range[64] = "", fallback[FALLBACK_ROOM];
        if (r->choices) snprintf(range, sizeof range, "%s", r->choices);
        else if (r->kind == INT || r->kind == INTS || r->kind == PAIR || r->kind == REAL || r->kind == FLOAT) put_range(r, range);
        put_fallback(r, &o, fallback);
        row(&(option_help){r->group, r->names, r->arg, range, fallback, r->env, r->help, r->choices});
    }
}
