/* SUBSCRIBE and UNSUBSCRIBE. Each entry is decided by itself; what a handler in front has refused stays refused. */
#include "broker.h"

/* What became of an entry, until the retained messages are sent. */
struct outcome {
    gmq_reason reason;
    bool is_new;
};

static struct outcome subscribe_entry(gmq_call *call, const gmq_subscribe *packet, size_t index)
{
    struct outcome outcome = {gmq_subscribe_refused(packet, index), false};
    gmq_subscription subscription = {.size = sizeof subscription};
    if (outcome.reason == GMQ_REASON_SUCCESS && gmq_subscribe_at(packet, index, &subscription))
        outcome.reason = gmq_subscribe_client(call, gmq_call_client(call), &subscription, &outcome.is_new);
    return outcome;
}

/* 3.3.1.3: retain handling 0 wants the retained messages, 1 those of a new subscription; a shared one never gets them.
 */
static bool wants_retained(const gmq_subscription *subscription, struct outcome outcome)
{
    bool is_granted = outcome.reason <= GMQ_REASON_GRANTED_QOS_2;
    bool is_asked = subscription->retain_handling == 0 || (subscription->retain_handling == 1 && outcome.is_new);
    return is_granted && is_asked && !begins_with(subscription->topic_filter, GMQ_VIEW("$share/"));
}

static void deliver_retained(gmq_call *call, const gmq_subscribe *packet, const struct outcome *outcomes)
{
    gmq_subscription subscription = {.size = sizeof subscription};
    for (size_t i = 0; gmq_subscribe_at(packet, i, &subscription); i++) {
        if (wants_retained(&subscription, outcomes[i]) &&
            gmq_deliver_retained(call, gmq_call_client(call), &subscription) == GMQ_ERROR_MEMORY)
            gmq_log(gmq_call_plugin(call), GMQ_LOG_WARNING, "retained messages are not sent: out of memory");
    }
}

static gmq_verdict on_subscribe(gmq_call *call, gmq_subscribe *packet)
{
    size_t count = gmq_subscribe_count(packet);
    gmq_suback *suback = gmq_suback_new(call, gmq_packet_identifier(GMQ_PACKET(packet)), count);
    struct outcome *outcomes = gmq_call_allocate(call, count * sizeof *outcomes);
    if (suback == NULL || outcomes == NULL)
        return done_or_close(call, GMQ_ERROR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = subscribe_entry(call, packet, i);
        (void)gmq_suback_set(suback, i, outcomes[i].reason);
    }
    gmq_verdict verdict = answer(call, GMQ_PACKET(suback));
    if (verdict == GMQ_DONE)
        deliver_retained(call, packet, outcomes);
    return verdict;
}
GMQ_HANDLER(SUBSCRIBE, on_subscribe);

static gmq_verdict on_unsubscribe(gmq_call *call, gmq_unsubscribe *packet)
{
    size_t count = gmq_unsubscribe_count(packet);
    gmq_unsuback *unsuback = gmq_unsuback_new(call, gmq_packet_identifier(GMQ_PACKET(packet)), count);
    if (unsuback == NULL)
        return done_or_close(call, GMQ_ERROR_MEMORY);
    gmq_view filter;
    for (size_t i = 0; gmq_unsubscribe_at(packet, i, &filter); i++)
        (void)gmq_unsuback_set(unsuback, i, gmq_unsubscribe_client(call, gmq_call_client(call), filter));
    return answer(call, GMQ_PACKET(unsuback));
}
GMQ_HANDLER(UNSUBSCRIBE, on_unsubscribe);
