/* The monotonic clock, and the wall clock as text. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_tick_scale;

#ifdef __x86_64__
/* CPUID 0x80000007, EDX bit 8: the counter keeps its pace whatever the processor does to save energy. */
static bool counter_is_steady(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007U, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
}

struct clock_pair {
    uint64_t ticks;
    uint64_t ns;
};

/* Both clocks at one moment: of some tries, the one that nothing came between. */
static struct clock_pair clock_pair_read(void)
{
    enum { TRIES = 8 };
    struct clock_pair best = {0};
    uint64_t best_gap = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = __builtin_ia32_rdtsc();
        uint64_t ns = clock_now_ns();
        uint64_t gap = __builtin_ia32_rdtsc() - before;
        if (gap >= best_gap)
            continue;
        best_gap = gap;
        best = (struct clock_pair){.ticks = before + gap / 2, .ns = ns};
    }
    return best;
}

void clock_calibrate(void)
{
    if (!counter_is_steady())
        return;
    struct clock_pair from = clock_pair_read(), to;
    do
        to = clock_pair_read();
    while (to.ns - from.ns < CLOCK_NS_PER_MS);
    if (to.ticks > from.ticks)
        clock_tick_scale = (uint64_t)(((clock_product)(to.ns - from.ns) << 32) / (to.ticks - from.ticks));
}
#else
void clock_calibrate(void)
{
}
#endif

void clock_wall_text(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
             utc.tm_hour, utc.tm_min, utc.tm_sec, (int)((uint64_t)now.tv_nsec / CLOCK_NS_PER_MS));
}
