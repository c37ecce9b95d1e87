/* The one file that reads clocks. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_NS_PER_US UINT64_C(1000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)
/* Microseconds, rounded up. */
#define CLOCK_US(nanoseconds) (((nanoseconds) + 999) / 1000)

#define CLOCK_NS_PER_SECOND UINT64_C(1000000000)

/* Monotonic nanoseconds. */
uint64_t clock_now_ns(void);

/* Nanoseconds that this thread has had a processor. */
uint64_t clock_thread_ns(void);

/* Before threads: finds out how fast the processor counts, in a millisecond. Without it ticks are nanoseconds, and cost
 * more. */
void clock_calibrate(void);

/* Nanoseconds of one tick times 2^32; 0: ticks are nanoseconds. For the two functions below. */
extern uint64_t clock_tick_scale;

/* The cheapest clock there is, for what takes less than a microsecond: the time stamp counter of x86, where it runs at
 * one pace, and clock_now_ns() elsewhere. Only differences mean something; between two processors they may be off by
 * some ticks, even below zero. */
static inline uint64_t clock_ticks(void)
{
#ifdef __x86_64__
    if (__builtin_expect(clock_tick_scale != 0, 1))
        return __builtin_ia32_rdtsc();
#endif
    return clock_now_ns();
}

/* 64 times 64 bits. */
__extension__ typedef unsigned __int128 clock_product;

/* A difference of ticks in nanoseconds. One below zero stays huge. */
static inline uint64_t clock_ticks_ns(uint64_t ticks)
{
    if (__builtin_expect(clock_tick_scale == 0, 0))
        return ticks;
    return (uint64_t)((clock_product)ticks * clock_tick_scale >> 32);
}

/* Wall-clock time as RFC 3339 in UTC with milliseconds, "2026-01-31T12:00:00.123Z"; needs 25 bytes. */
void clock_wall_text(char *text, size_t size);

#endif
