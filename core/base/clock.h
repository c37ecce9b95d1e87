/* The one file that reads clocks. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)
/* Microseconds, rounded up. */
#define CLOCK_US(nanoseconds) (((nanoseconds) + 999) / 1000)

#define CLOCK_NS_PER_SECOND UINT64_C(1000000000)

/* Monotonic nanoseconds. */
uint64_t clock_now_ns(void);

/* Nanoseconds that this thread has had a processor. */
uint64_t clock_thread_ns(void);

/* Wall-clock time as RFC 3339 in UTC with milliseconds, "2026-01-31T12:00:00.123Z"; needs 25 bytes. */
void clock_wall_text(char *text, size_t size);

#endif
