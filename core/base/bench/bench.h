/* Micro-benchmarks: each program here and in the other rooms' bench/ has a table of them, and tools/bench micro runs
 * them all. */
#ifndef BASE_BENCH_BENCH_H
#define BASE_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* Does what is measured `rounds` times. */
typedef void bench_function(uint64_t rounds);

struct bench {
    const char *name;    /* "decode/publish" */
    const char *about;   /* one round */
    void (*begin)(void); /* before the first round, not measured; or NULL */
    bench_function *run;
};

/* Keeps the compiler from leaving out what nobody uses. */
static inline void bench_use(const void *value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* The main function: without arguments it measures CPU time and prints "NAME NANOSECONDS MEDIAN", the least and the
 * median of several runs; "--list" prints "NAME ABOUT"; "--rounds N NAME" does N rounds of one in bench_measured(), for
 * counting instructions. Ends the process where memory is out. */
int bench_main(int count, char **arguments, const struct bench *benches, size_t bench_count);

/* What is measured, and nothing else, runs below this function. */
void bench_measured(const struct bench *bench, uint64_t rounds);

/* Ends the process unless `holds`: a benchmark that doesn't do its work measures nothing. */
void bench_demand(int holds, const char *what);

#endif
