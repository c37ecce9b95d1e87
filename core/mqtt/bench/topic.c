/* What looking at topics costs: whether a name may be one, and whether a filter matches it. */
#include "mqtt/topic.h"

#include "base/bench/bench.h"

static const char name[] = "plant/7/line/12/press/3/temperature";

static void match(uint64_t rounds, const char *filter)
{
    gmq_view topic = gmq_view_of(name), view = gmq_view_of(filter);
    for (uint64_t i = 0; i < rounds; i++) {
        bench_use(&topic);
        bench_demand(topic_matches(view, topic), "does not match");
    }
}

static void match_plus(uint64_t rounds)
{
    match(rounds, "plant/+/line/+/press/+/temperature");
}

static void match_hash(uint64_t rounds)
{
    match(rounds, "plant/7/#");
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"topic/match-plus", "a filter with three +, seven levels", NULL, match_plus},
        {"topic/match-hash", "a filter that ends in #", NULL, match_hash},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
