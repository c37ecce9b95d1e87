/* Makes and sums up the records that workers count in. */
#include "plugin/handler_statistics.h"

#include "base/memory.h"
#include "plugin/generation.h"

#include <string.h>

/* A worker's records stand together, in the order of generation->steps. */
static struct handler_record *record_of(const struct generation *generation, const struct route_step *step,
                                        uint32_t worker)
{
    return step->records + (size_t)worker * generation->record_count;
}

static size_t table_size(const struct generation *generation)
{
    return (size_t)generation->worker_count * generation->record_count * sizeof(struct handler_record);
}

/* Gives each step of the routes its place; returns the number of steps up to here. */
static uint32_t routes_number(struct route *routes, size_t count, struct handler_record *records, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        for (uint32_t step = 0; step < routes[i].count; step++, number++)
            routes[i].steps[step].records = records != NULL ? records + number : NULL;
    }
    return number;
}

static uint32_t generation_number(struct generation *generation, struct handler_record *records)
{
    uint32_t number = routes_number(generation->incoming, CONFIG_PACKET_TYPES, records, 0);
    number = routes_number(generation->outgoing, CONFIG_PACKET_TYPES, records, number);
    return routes_number(generation->callbacks, CONFIG_EVENTS, records, number);
}

bool handler_statistics_make(struct generation *generation)
{
    generation->record_count = generation_number(generation, NULL);
    if (generation->record_count == 0)
        return true;
    generation->records = mem_alloc_aligned(alignof(struct handler_record), table_size(generation));
    if (generation->records == NULL)
        return false;
    memset(generation->records, 0, table_size(generation));
    generation_number(generation, generation->records);
    return true;
}

void handler_statistics_free(struct generation *generation)
{
    mem_free(generation->records);
    generation->records = NULL;
}

static uint64_t count_of(const atomic_uint_fast64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static void counts_add(uint64_t *sums, const atomic_uint_fast64_t *counts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += count_of(&counts[i]);
}

static void figures_add(struct handler_figures *figures, const struct handler_record *record)
{
    counts_add(figures->verdicts, record->verdicts, HANDLER_VERDICTS);
    counts_add(figures->settled, record->settled, HANDLER_VERDICTS);
    counts_add(figures->took, record->took, HANDLER_BUCKETS);
    counts_add(figures->waited, record->waited, HANDLER_BUCKETS);
    figures->overruns += count_of(&record->overruns);
    figures->timeouts += count_of(&record->timeouts);
    figures->faults += count_of(&record->faults);
    figures->took_ns += count_of(&record->took_ns);
    uint64_t longest_ns = count_of(&record->longest_ns);
    if (longest_ns > figures->longest_ns)
        figures->longest_ns = longest_ns;
}

void handler_figures_sum(const struct generation *generation, const struct route_step *step,
                         struct handler_figures *figures)
{
    *figures = (struct handler_figures){0};
    for (uint32_t worker = 0; worker < generation->worker_count; worker++)
        figures_add(figures, record_of(generation, step, worker));
    for (size_t i = 0; i < HANDLER_VERDICTS; i++)
        figures->calls += figures->verdicts[i];
}

uint64_t handler_buckets_within_ns(const uint64_t buckets[HANDLER_BUCKETS], unsigned permille)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < HANDLER_BUCKETS; i++)
        total += buckets[i];
    if (total == 0)
        return 0;
    uint64_t wanted = total / 1000 * permille + (total % 1000 * permille + 999) / 1000;
    for (unsigned i = 0; i < HANDLER_BUCKETS; i++) {
        seen += buckets[i];
        if (seen >= wanted && seen != 0)
            return UINT64_C(2) << i;
    }
    return UINT64_C(2) << (HANDLER_BUCKETS - 1);
}
