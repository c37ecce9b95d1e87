/* What the index costs with a million subscriptions: one more and one less, look-ups that the cache knows, and look-ups
 * that it doesn't. No session is looked into, so any address will do. */
#include "broker/subscription_index.h"

#include "base/bench/bench.h"

#include <stdio.h>
#include <string.h>

enum { FILTERS = 1000000, SESSIONS = 1000, TEXT_SIZE = 48 };

static char sessions[SESSIONS * 8];
static struct grace *grace;
static struct grace_reader *reader;
static struct subscription_index *subscriptions;
static struct match_cache *cache;

static struct session *session_of(uint64_t i)
{
    return (struct session *)(void *)&sessions[i % SESSIONS * 8];
}

/* Every tenth has a wildcard. */
static gmq_view filter_of(uint64_t i, char *text)
{
    int length = i % 10 == 0 ? snprintf(text, TEXT_SIZE, "bench/%07u/+", (unsigned)i)
                             : snprintf(text, TEXT_SIZE, "bench/%07u/x", (unsigned)i);
    return gmq_view_make(text, (size_t)length);
}

static void add(uint64_t i)
{
    char text[TEXT_SIZE];
    struct subscriber subscriber = {.session = session_of(i), .options = 1};
    subscription_place place;
    bench_demand(subscription_add(subscriptions, reader, filter_of(i, text), &subscriber, &place) !=
                     SUBSCRIPTION_NO_MEMORY,
                 "memory is out");
}

static void begin(void)
{
    if (subscriptions != NULL)
        return;
    grace = grace_new();
    reader = grace_join(grace);
    subscriptions = subscription_index_new();
    cache = match_cache_new();
    bench_demand(grace != NULL && reader != NULL && subscriptions != NULL && cache != NULL, "memory is out");
    for (uint64_t i = 0; i < FILTERS; i++)
        add(i);
}

static void insert_and_remove(uint64_t rounds)
{
    char text[TEXT_SIZE];
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t other = FILTERS + i % FILTERS;
        add(other);
        bench_demand(subscription_remove(subscriptions, reader, filter_of(other, text), session_of(other)),
                     "not there");
        grace_quiescent(reader);
    }
}

static void look_up(uint64_t i)
{
    char text[TEXT_SIZE];
    int length = snprintf(text, sizeof text, "bench/%07u/x", (unsigned)i);
    const struct match *match = subscription_match(subscriptions, cache, gmq_view_make(text, (size_t)length));
    bench_demand(match != NULL && match->count == 1, "not found");
}

static void look_up_again(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++)
        look_up(i % 64);
}

/* A stride, so that neither the cache nor the processor has seen the topic lately. */
static void look_up_anew(uint64_t rounds)
{
    static uint64_t at;
    for (uint64_t i = 0; i < rounds; i++)
        look_up(at = (at + 386117) % FILTERS);
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"index/insert-remove", "one subscription comes and goes beside a million", begin, insert_and_remove},
        {"index/look-up-again", "one of 64 topics among a million filters", begin, look_up_again},
        {"index/look-up-anew", "one of a million topics among as many filters", begin, look_up_anew},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
