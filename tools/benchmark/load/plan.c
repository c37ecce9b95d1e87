/* The patterns of traffic. */
#include "plan.h"

#include "bytes.h"

#include <stdio.h>
#include <string.h>

/* ---- pairs: publisher n to subscriber n ---- */

static void pair_topic(const struct plan *plan, uint32_t stream, char topic[TOPIC_MAX])
{
    (void)plan;
    snprintf(topic, TOPIC_MAX, "bench/pair/%u/value", stream);
}

static void pair_filter(const struct plan *plan, uint32_t subscriber, uint32_t number, char filter[TOPIC_MAX])
{
    (void)number;
    pair_topic(plan, subscriber, filter);
}

static int64_t pair_slot(const struct plan *plan, uint32_t subscriber, uint32_t stream)
{
    (void)plan;
    return subscriber == stream ? (int64_t)stream : -1;
}

static void pairs_complete(struct plan *plan)
{
    if (plan->publishers != plan->subscribers)
        fail("pairs need as many publishers as subscribers");
    plan->streams = plan->publishers;
    plan->filters_each = 1;
    plan->copies = 1;
    plan->slots = plan->streams;
}

/* ---- all: every publisher to every subscriber; what fan-out and fan-in are the ends of ---- */

static void all_topic(const struct plan *plan, uint32_t stream, char topic[TOPIC_MAX])
{
    (void)plan;
    snprintf(topic, TOPIC_MAX, "bench/all/%u/value", stream);
}

static void all_filter(const struct plan *plan, uint32_t subscriber, uint32_t number, char filter[TOPIC_MAX])
{
    (void)subscriber, (void)number;
    if (plan->publishers == 1)
        all_topic(plan, 0, filter);
    else
        snprintf(filter, TOPIC_MAX, "bench/all/#");
}

static int64_t all_slot(const struct plan *plan, uint32_t subscriber, uint32_t stream)
{
    return (int64_t)stream * plan->subscribers + subscriber;
}

static void all_complete(struct plan *plan)
{
    plan->streams = plan->publishers;
    plan->filters_each = 1;
    plan->copies = plan->subscribers;
    plan->slots = plan->streams * plan->subscribers;
}

/* ---- shared: every publisher to one member of a shared subscription, whichever it is ---- */

static void shared_topic(const struct plan *plan, uint32_t stream, char topic[TOPIC_MAX])
{
    (void)plan;
    snprintf(topic, TOPIC_MAX, "bench/shared/%u/value", stream);
}

static void shared_filter(const struct plan *plan, uint32_t subscriber, uint32_t number, char filter[TOPIC_MAX])
{
    (void)plan, (void)subscriber, (void)number;
    snprintf(filter, TOPIC_MAX, "$share/bench/bench/shared/+/value");
}

static int64_t shared_slot(const struct plan *plan, uint32_t subscriber, uint32_t stream)
{
    (void)plan, (void)subscriber;
    return stream;
}

static void shared_complete(struct plan *plan)
{
    plan->streams = plan->publishers;
    plan->filters_each = 1;
    plan->copies = 1;
    plan->slots = plan->streams;
}

/* ---- wildcards: many filters with + and #, of which five, each of another client, match a topic ---- */

enum { SHAPES = 5 };

static void wildcard_text(uint32_t stream, const char *form, char text[TOPIC_MAX])
{
    char part[4][16];
    snprintf(part[0], sizeof part[0], "site%u", stream / 400);
    snprintf(part[1], sizeof part[1], "floor%u", stream / 20 % 20);
    snprintf(part[2], sizeof part[2], "room%u", stream % 20);
    snprintf(part[3], sizeof part[3], "device%u", stream);
    size_t used = 0;
    for (; *form != '\0'; form++) {
        const char *level = *form == 'b'                   ? "bench"
                            : *form >= '0' && *form <= '3' ? part[*form - '0']
                                                           : (char[2]){*form};
        used += (size_t)snprintf(text + used, TOPIC_MAX - used, "%s%s", used > 0 ? "/" : "", level);
    }
}

static void wildcard_topic(const struct plan *plan, uint32_t stream, char topic[TOPIC_MAX])
{
    (void)plan;
    wildcard_text(stream, "b0123", topic);
}

/* Filter k of stream s is that of subscriber (5 s + k) modulo their number: five times `number` and what is left of the
 * subscriber's own number. Only shapes that one stream alone matches. */
static void wildcard_filter(const struct plan *plan, uint32_t subscriber, uint32_t number, char filter[TOPIC_MAX])
{
    static const char *const shapes[SHAPES] = {"b012+", "b012#", "b0+23", "++1+3", "b++23"};
    uint32_t place = number * plan->subscribers + subscriber;
    wildcard_text(place / SHAPES, shapes[place % SHAPES], filter);
}

static int64_t wildcard_slot(const struct plan *plan, uint32_t subscriber, uint32_t stream)
{
    uint32_t first = stream * SHAPES % plan->subscribers;
    uint32_t shape = (subscriber + plan->subscribers - first) % plan->subscribers;
    return shape < SHAPES ? (int64_t)stream * SHAPES + shape : -1;
}

static void wildcards_complete(struct plan *plan)
{
    plan->filters_each = plan->filters / plan->subscribers;
    plan->streams = plan->filters / SHAPES;
    if (plan->subscribers < SHAPES || plan->filters % (plan->subscribers * SHAPES) != 0)
        fail("the number of filters must be a multiple of five times the subscribers, and these at least five");
    plan->copies = SHAPES;
    plan->slots = plan->filters;
}

/* ---- the table ---- */

static const struct pattern patterns[] = {
    {"pairs", true, pair_topic, pair_filter, pair_slot, pairs_complete},
    {"all", true, all_topic, all_filter, all_slot, all_complete},
    {"shared", false, shared_topic, shared_filter, shared_slot, shared_complete},
    {"wildcards", true, wildcard_topic, wildcard_filter, wildcard_slot, wildcards_complete},
};

const struct pattern *pattern_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        if (strcmp(patterns[i].name, name) == 0)
            return &patterns[i];
    return NULL;
}

void plan_complete(struct plan *plan)
{
    if (plan->publishers == 0 || plan->subscribers == 0)
        fail("there must be a publisher and a subscriber");
    plan->pattern->complete(plan);
    if (plan->streams < plan->publishers)
        fail("there must be a topic for each publisher");
}
