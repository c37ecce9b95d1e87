/* Who publishes what, who subscribes to what, and so who gets what: one table row for each pattern of traffic.
 *
 * A stream is one topic of one publisher: what is promised to stay in order. A slot is a stream on its way to one place
 * where its messages must arrive once. */
#ifndef LOAD_PLAN_H
#define LOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOPIC_MAX = 128 };

struct plan;

struct pattern {
    const char *name;
    bool is_ordered;
    /* The topic of a stream, and a filter of a subscriber (one of plan.filters_each). */
    void (*topic)(const struct plan *plan, uint32_t stream, char topic[TOPIC_MAX]);
    void (*filter)(const struct plan *plan, uint32_t subscriber, uint32_t number, char filter[TOPIC_MAX]);
    /* The slot of a stream at a subscriber; below 0: it must not come there. */
    int64_t (*slot)(const struct plan *plan, uint32_t subscriber, uint32_t stream);
    void (*complete)(struct plan *plan);
};

struct plan {
    const struct pattern *pattern;
    uint32_t publishers;
    uint32_t subscribers;
    uint32_t filters; /* of the pattern "wildcards": how many in all */
    /* What follows from these: */
    uint32_t streams;      /* stream s belongs to publisher s % publishers */
    uint32_t filters_each; /* of each subscriber */
    uint32_t copies;       /* of each message */
    uint32_t slots;
};

/* Fills in what follows from the first four; ends the program where they don't go together. */
void plan_complete(struct plan *plan);

const struct pattern *pattern_by_name(const char *name); /* or NULL */

#endif
