/* Runs the handlers of a route. This is the way of every packet. */
#include "plugin/route.h"

#include "mqtt/topic.h"
#include "plugin/generation.h"
#include "plugin/route_meter.h"

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

static struct handler_record *record_of(const gmq_call *call)
{
    return call->route->steps[call->step].records + (size_t)call->worker * call->generation->record_count;
}

/* Behind each step: what it took is counted, and returned. */
static inline __attribute__((always_inline)) uint64_t step_account(gmq_call *call, const struct route_step *step,
                                                                   gmq_verdict verdict, struct meter_lap *lap)
{
    uint64_t took_ns = meter_lap_ns(call->meter, lap);
    struct handler_record *record = step->records + (size_t)call->worker * call->generation->record_count;
    if (__builtin_expect(took_ns > step->budget_ns, 0))
        took_ns = meter_overrun(call, record, took_ns);
    handler_record_call(record, verdict, took_ns);
    return took_ns;
}

/* What the trace does is not the next handler's time. */
static void step_show(gmq_call *call, struct route_trace *trace, gmq_verdict verdict, uint64_t took_ns,
                      struct meter_lap *lap)
{
    trace->passed(trace, call, verdict, took_ns);
    *lap = meter_begin(call->meter);
}

/* Compiled twice: as the way of every packet, and with a trace. */
static inline __attribute__((always_inline)) gmq_verdict route_pass(gmq_call *call, const struct route_facts *facts,
                                                                    struct route_trace *trace)
{
    const struct route_step *steps = call->route->steps;
    uint32_t count = call->route->count;
    struct meter_lap lap = meter_begin(call->meter);
    for (uint32_t i = call->step; i < count; i++) {
        const struct route_step *step = &steps[i];
        call->step = i;
        if (__builtin_expect(step->is_conditional, 0) && !route_step_applies(step, call->packet, facts)) {
            if (trace != NULL)
                trace->skipped(trace, call);
            continue;
        }
        call->plugin = step->plugin;
        call->arguments = step->arguments;
        gmq_verdict verdict = step->function(call, call->packet);
        if (__builtin_expect((unsigned)verdict > GMQ_DEFER, 0))
            verdict = verdict_of(call, verdict);
        uint64_t took_ns = step_account(call, step, verdict, &lap);
        if (trace != NULL)
            step_show(call, trace, verdict, took_ns, &lap);
        if (verdict != GMQ_NEXT)
            return verdict;
    }
    return GMQ_NEXT;
}

static __attribute__((noinline)) gmq_verdict route_run_traced(gmq_call *call, const struct route_facts *facts)
{
    struct route_trace *trace = call->meter->trace;
    trace->begin(trace, call);
    gmq_verdict verdict = route_pass(call, facts, trace);
    trace->end(trace, call, verdict);
    return verdict;
}

gmq_verdict route_run(gmq_call *call, const struct route_facts *facts)
{
    if (__builtin_expect(call->meter->trace != NULL, 0))
        return route_run_traced(call, facts);
    return route_pass(call, facts, NULL);
}

gmq_verdict route_continue(gmq_call *call, gmq_continuation *continuation, void *data)
{
    struct meter_lap lap = meter_begin(call->meter);
    gmq_verdict verdict = verdict_of(call, continuation(call, call->packet, data));
    uint64_t took_ns = meter_lap_ns(call->meter, &lap);
    if (took_ns > call->route->steps[call->step].budget_ns)
        meter_overrun(call, record_of(call), took_ns);
    return verdict;
}

void route_settle(gmq_call *call, gmq_verdict verdict, uint64_t since_ticks, bool is_timeout)
{
    struct handler_record *record = record_of(call);
    struct route_trace *trace = call->meter->trace;
    uint64_t waited_ns = clock_ticks_ns(clock_ticks() - since_ticks);
    handler_count(&record->settled[verdict], 1);
    handler_count(&record->waited[handler_bucket(waited_ns)], 1);
    handler_count(&record->timeouts, is_timeout);
    if (trace != NULL)
        trace->settled(trace, call, verdict, waited_ns, is_timeout);
}

void route_fault(const gmq_call *call)
{
    handler_count(&record_of(call)->faults, 1);
}

void route_call_back(gmq_call *call, const struct route *callbacks)
{
    struct route_trace *trace = call->meter->trace;
    call->route = callbacks;
    if (trace != NULL)
        trace->begin(trace, call);
    struct meter_lap lap = meter_begin(call->meter);
    for (uint32_t i = 0; i < callbacks->count; i++) {
        const struct route_step *step = &callbacks->steps[i];
        call->step = i;
        call->plugin = step->plugin;
        call->arguments = step->arguments;
        ((gmq_callback *)(void (*)(void))step->function)(call);
        uint64_t took_ns = step_account(call, step, GMQ_NEXT, &lap);
        if (trace != NULL)
            step_show(call, trace, GMQ_NEXT, took_ns, &lap);
    }
    if (trace != NULL)
        trace->end(trace, call, GMQ_NEXT);
}
