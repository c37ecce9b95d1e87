/* State machines under disturbance: random publishers and subscribers of all versions, sessions that expire,
 * take-overs, connections that are cut at each step of the flows, wills, retained messages, shared subscriptions, late
 * verdicts and reloads, against an oracle (oracle.h) that knows what each client must see.
 *
 *     model [--first SEED] [--seeds COUNT]      runs that many; a seed that fails is made short and printed as a script
 *     model --print SEED                        the script of a seed
 *     model --script FILE                       runs a script; with GRAFTMQ_MODEL_TRACE=1, tells what happens */
#include "model/play.h"
#include "model/shrink.h"

#include "shard/demand.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS_DEFAULT = 400, SEEDS_PER_PROCESS = 100, SEED_SECONDS = 60, SEEDS_FOR_ALL_CUTS = 2000 };

/* What a child tells its parent. */
struct progress {
    uint64_t seed; /* that it is at */
    cut_counts cuts;
};

static struct progress *progress;

static void progress_begin(void)
{
    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    demand(progress != MAP_FAILED, "no memory");
    actor_cuts = &progress->cuts;
}

/* ---- many seeds ---- */

static void seeds_run(uint64_t first, uint64_t end)
{
    static struct script script;
    for (uint64_t seed = first; seed < end; seed++) {
        progress->seed = seed;
        alarm(SEED_SECONDS);
        script_generate(&script, seed);
        play_script(&script);
    }
    exit(0); /* leaks are looked for here */
}

static bool seeds_pass(uint64_t first, uint64_t end)
{
    fflush(NULL);
    pid_t child = fork();
    demand(child >= 0, "no process");
    if (child == 0)
        seeds_run(first, end);
    int status = 0;
    demand(waitpid(child, &status, 0) == child, "the child was lost");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* False: alone it passes. */
static bool seed_explain(uint64_t seed)
{
    static struct script script;
    char complaint[COMPLAINT_SIZE];
    script_generate(&script, seed);
    if (script_passes(&script, complaint))
        return false;
    uint32_t steps = script.count;
    uint32_t runs = script_shrink(&script, complaint);
    (void)script_passes(&script, complaint);
    printf("# seed %" PRIu64 " fails; %u of its %u steps are enough (found in %u runs):\n# %s\n", seed, script.count,
           steps, runs, complaint);
    script_write(&script, stdout);
    return true;
}

/* The seed that was under way when its process ended; or, for a leak, each until one fails alone. */
static void seeds_explain(uint64_t first, uint64_t end)
{
    if (seed_explain(progress->seed))
        return;
    for (uint64_t seed = first; seed < end; seed++) {
        if (seed_explain(seed))
            return;
    }
    printf("# seeds %" PRIu64 " to %" PRIu64 " fail in one process, but none of them alone\n", first, end - 1);
}

static int run_seeds(uint64_t first, uint64_t count)
{
    for (uint64_t from = first; from < first + count; from += SEEDS_PER_PROCESS) {
        uint64_t left = first + count - from;
        uint64_t end = from + (left < SEEDS_PER_PROCESS ? left : SEEDS_PER_PROCESS);
        if (seeds_pass(from, end))
            continue;
        seeds_explain(from, end);
        return 1;
    }
    return 0;
}

/* ---- one script ---- */

static int run_script(const char *path)
{
    static struct script script;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    demand(file != NULL, "%s can't be read", path);
    if (!script_read(&script, file))
        return 2;
    play_script(&script);
    puts("passed");
    return 0;
}

static int print_script(uint64_t seed)
{
    static struct script script;
    script_generate(&script, seed);
    script_write(&script, stdout);
    return 0;
}

static int print_usage(void)
{
    fputs("model [--first SEED] [--seeds COUNT] | --print SEED | --script FILE\n", stderr);
    return 2;
}

int main(int count, char **arguments)
{
    uint64_t first = 1, seeds = SEEDS_DEFAULT;
    for (int i = 1; i < count; i += 2) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (value == NULL)
            return print_usage();
        if (strcmp(arguments[i], "--script") == 0)
            return run_script(value);
        if (strcmp(arguments[i], "--print") == 0)
            return print_script(strtoull(value, NULL, 10));
        if (strcmp(arguments[i], "--first") == 0)
            first = strtoull(value, NULL, 10);
        else if (strcmp(arguments[i], "--seeds") == 0)
            seeds = strtoull(value, NULL, 10);
        else
            return print_usage();
    }
    progress_begin();
    if (run_seeds(first, seeds) != 0)
        return 1;
    printf("%" PRIu64 " seeds passed, %" PRIu64 " to %" PRIu64 "\n", seeds, first, first + seeds - 1);
    if (steps_print_cuts(&progress->cuts) > 0 || seeds < SEEDS_FOR_ALL_CUTS)
        return 0;
    puts("some step of the flows was never cut");
    return 1;
}
