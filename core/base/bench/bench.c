/* What all micro-benchmarks share: how long, how often, and how it is told. */
#include "base/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_RUNS = 11 };

#define BENCH_RUN_NS UINT64_C(20000000)

static uint64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

__attribute__((noinline)) void bench_measured(const struct bench *bench, uint64_t rounds)
{
    bench->run(rounds);
}

static uint64_t time_ns(const struct bench *bench, uint64_t rounds)
{
    uint64_t begin = cpu_now_ns();
    bench_measured(bench, rounds);
    return cpu_now_ns() - begin;
}

/* So many that a run is long enough to be measured. */
static uint64_t rounds_of(const struct bench *bench)
{
    uint64_t rounds = 1;
    while (time_ns(bench, rounds) < BENCH_RUN_NS / 2)
        rounds *= 2;
    return rounds;
}

static int order(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void begin(const struct bench *bench)
{
    if (bench->begin != NULL)
        bench->begin();
}

static void measure(const struct bench *bench)
{
    double took[BENCH_RUNS];
    begin(bench);
    uint64_t rounds = rounds_of(bench);
    for (int i = 0; i < BENCH_RUNS; i++)
        took[i] = (double)time_ns(bench, rounds) / (double)rounds;
    qsort(took, BENCH_RUNS, sizeof took[0], order);
    printf("%s %.2f %.2f\n", bench->name, took[0], took[BENCH_RUNS / 2]);
    fflush(stdout);
}

static int run_some(const struct bench *benches, size_t count, const char *rounds, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(benches[i].name, name) != 0)
            continue;
        begin(&benches[i]);
        bench_measured(&benches[i], strtoull(rounds, NULL, 10));
        return 0;
    }
    fprintf(stderr, "there is no benchmark \"%s\"; --list names them\n", name);
    return 2;
}

int bench_main(int count, char **arguments, const struct bench *benches, size_t bench_count)
{
    if (count == 4 && strcmp(arguments[1], "--rounds") == 0)
        return run_some(benches, bench_count, arguments[2], arguments[3]);
    int lists = count == 2 && strcmp(arguments[1], "--list") == 0;
    if (count != 1 && !lists) {
        fprintf(stderr, "usage: %s [--list | --rounds N NAME]\n", arguments[0]);
        return 2;
    }
    for (size_t i = 0; i < bench_count; i++) {
        if (lists)
            printf("%s %s\n", benches[i].name, benches[i].about);
        else
            measure(&benches[i]);
    }
    return 0;
}

void bench_demand(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}
