/* Times from a nanosecond to minutes, each kept to within 1 %: 64 buckets for every power of two. */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_STEPS };

/* All zero is empty. */
struct histogram {
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `share` (0 to 1) of all are not above; 0 if there is none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
