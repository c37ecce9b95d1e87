/* Runs the handlers of a route. This is the way of every packet. */
#include "plugin/route.h"

#include "mqtt/topic.h"

#include <string.h>

static bool filter_applies(gmq_view condition, gmq_view filter)
{
    gmq_view share_name, inner;
    if (topic_is_filter(filter) && topic_split_shared(filter, &share_name, &inner))
        filter = inner;
    if (gmq_view_same(condition, filter))
        return true;
    return !topic_has_wildcard(filter) && topic_matches(condition, filter);
}

static bool subscribe_applies(gmq_view condition, const struct gmq_subscribe *packet)
{
    for (uint32_t i = 0; i < packet->count; i++) {
        if (filter_applies(condition, packet->entries[i].topic_filter))
            return true;
    }
    return false;
}

static bool unsubscribe_applies(gmq_view condition, const struct gmq_unsubscribe *packet)
{
    for (uint32_t i = 0; i < packet->count; i++) {
        if (filter_applies(condition, packet->topic_filters[i]))
            return true;
    }
    return false;
}

static bool topic_applies(gmq_view condition, const struct gmq_packet *packet)
{
    switch (packet->type) {
    case GMQ_PUBLISH:
        return topic_matches(condition, ((const struct gmq_publish *)packet)->topic);
    case GMQ_SUBSCRIBE:
        return subscribe_applies(condition, (const struct gmq_subscribe *)packet);
    case GMQ_UNSUBSCRIBE:
        return unsubscribe_applies(condition, (const struct gmq_unsubscribe *)packet);
    default: /* no topic, so no condition on it holds */
        return false;
    }
}

static bool topics_apply(char *const *topics, const struct gmq_packet *packet)
{
    for (; *topics != NULL; topics++) {
        if (topic_applies(gmq_view_of(*topics), packet))
            return true;
    }
    return false;
}

bool route_step_applies(const struct route_step *step, const struct gmq_packet *packet, const struct route_facts *facts)
{
    const struct config_entry *entry = step->entry;
    uint32_t version = facts->version;
    if (version < GMQ_VERSION_3_1 || version > GMQ_VERSION_5_0 ||
        (entry->versions >> (version - GMQ_VERSION_3_1) & 1) == 0)
        return false;
    if (entry->listeners != NULL &&
        (facts->listener >= CONFIG_LISTENERS_MAX || (entry->listeners[0] >> facts->listener & 1) == 0))
        return false;
    return entry->topics == NULL || topics_apply(entry->topics, packet);
}
_Static_assert(CONFIG_LISTENERS_MAX <= 64, "the set of listeners is one word");

static gmq_verdict verdict_of(gmq_call *call, gmq_verdict verdict)
{
    if ((unsigned)verdict <= GMQ_DEFER)
        return verdict;
    call->reason = GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR;
    call->text = NULL;
    return GMQ_CLOSE;
}

gmq_verdict route_run(gmq_call *call, const struct route_facts *facts)
{
    const struct route_step *steps = call->route->steps;
    uint32_t count = call->route->count;
    for (uint32_t i = call->step; i < count; i++) {
        const struct route_step *step = &steps[i];
        if (__builtin_expect(step->is_conditional, 0) && !route_step_applies(step, call->packet, facts))
            continue;
        call->step = i;
        call->plugin = step->plugin;
        call->arguments = step->arguments;
        gmq_verdict verdict = step->function(call, call->packet);
        if (verdict != GMQ_NEXT)
            return verdict_of(call, verdict);
    }
    return GMQ_NEXT;
}

void route_call_back(gmq_call *call, const struct route *callbacks)
{
    call->route = callbacks;
    for (uint32_t i = 0; i < callbacks->count; i++) {
        const struct route_step *step = &callbacks->steps[i];
        call->step = i;
        call->plugin = step->plugin;
        call->arguments = step->arguments;
        ((gmq_callback *)(void (*)(void))step->function)(call);
    }
}
