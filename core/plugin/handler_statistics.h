/* What the handlers on a generation's routes and its callbacks have done: calls, verdicts, durations, and what went
 * wrong. Counted from the generation's first packet on; a plugin that a reload keeps begins anew with the generation.
 *
 * Each worker writes records of its own, and reading them takes nothing from it: no two workers write one cache line,
 * and a count is a plain load, add and store (relaxed atomics). What is read while packets pass may be behind by the
 * calls of this moment. */
#ifndef PLUGIN_HANDLER_STATISTICS_H
#define PLUGIN_HANDLER_STATISTICS_H

#include "base/log.h"

#include <graftmq/types.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct generation;
struct route_step;

enum {
    HANDLER_VERDICTS = 5, /* gmq_verdict */
    HANDLER_BUCKETS = 32  /* bucket i: from 2^i up to 2^(i+1) nanoseconds; the first begins at 0, the last never ends */
};

/* What has happened to one step of a route, or one callback: the sum over all workers. */
struct handler_figures {
    uint64_t calls;
    uint64_t
        verdicts[HANDLER_VERDICTS];     /* what the calls answered; a callback answers nothing and counts as GMQ_NEXT */
    uint64_t settled[HANDLER_VERDICTS]; /* what became of deferred ones; those that are missing wait or were given up */
    uint64_t overruns;                  /* calls, and continuations, that took longer than the budget */
    uint64_t timeouts;                  /* deferred verdicts that did not come in time */
    uint64_t faults;                    /* calls that an isolated plugin could not answer */
    uint64_t took_ns;                   /* all calls together */
    uint64_t longest_ns;
    uint64_t took[HANDLER_BUCKETS]; /* durations of calls: a handler's own time and the broker's on its behalf, without
                                       that of other handlers which ran because of it */
    uint64_t waited[HANDLER_BUCKETS]; /* from the call that deferred to the verdict */
};

/* Any thread, as long as the generation is there. */
void handler_figures_sum(const struct generation *generation, const struct route_step *step,
                         struct handler_figures *figures);

/* The duration within which `permille` of the durations in a histogram are, in nanoseconds: the upper end of a bucket,
 * so up to twice what it was. 0: there are none. */
uint64_t handler_buckets_within_ns(const uint64_t buckets[HANDLER_BUCKETS], unsigned permille);

/* ---- the side that counts: the worker ---- */

/* One step's share of one worker. */
struct handler_record {
    alignas(64) atomic_uint_fast64_t verdicts[HANDLER_VERDICTS];
    atomic_uint_fast64_t took_ns;
    atomic_uint_fast64_t longest_ns;
    atomic_uint_fast64_t took[HANDLER_BUCKETS];
    atomic_uint_fast64_t settled[HANDLER_VERDICTS];
    atomic_uint_fast64_t overruns;
    atomic_uint_fast64_t timeouts;
    atomic_uint_fast64_t faults;
    atomic_uint_fast64_t waited[HANDLER_BUCKETS];
    struct log_limiter overrun_lines; /* the worker's alone */
};

static inline void handler_count(atomic_uint_fast64_t *count, uint64_t more)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline unsigned handler_bucket(uint64_t ns)
{
    unsigned bucket = 63U - (unsigned)__builtin_clzll(ns | 1);
    return bucket < HANDLER_BUCKETS ? bucket : HANDLER_BUCKETS - 1;
}

static inline void handler_record_call(struct handler_record *record, gmq_verdict verdict, uint64_t took_ns)
{
    handler_count(&record->verdicts[verdict], 1);
    handler_count(&record->took[handler_bucket(took_ns)], 1);
    handler_count(&record->took_ns, took_ns);
    if (took_ns > atomic_load_explicit(&record->longest_ns, memory_order_relaxed))
        atomic_store_explicit(&record->longest_ns, took_ns, memory_order_relaxed);
}

/* ---- the side that makes them: the controller ---- */

/* Records for all steps of a generation, for as many workers as it says; false: memory is out. */
bool handler_statistics_make(struct generation *generation) __attribute__((warn_unused_result));
void handler_statistics_free(struct generation *generation);

#endif
