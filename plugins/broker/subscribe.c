/* SUBSCRIBE and UNSUBSCRIBE. Each entry is decided by itself; what a handler in front has refused stays refused.
 *
 * A packet may have thousands of entries. So that other clients need not wait for all of them, the verdict is deferred
 * after each slice, and the rest goes on in the worker's next turn. */
#include "broker.h"

#include <stdlib.h>

enum { SLICE = 100 }; /* entries: a millisecond at most */

/* What became of an entry, until the retained messages are sent. */
struct outcome {
    gmq_reason reason;
    bool is_new;
};

struct progress {
    /* Does up to SLICE entries; GMQ_DEFER: there is more. */
    gmq_verdict (*slice)(gmq_call *call, const gmq_packet *packet, struct progress *progress);
    size_t count;
    size_t next;
    bool is_answered; /* SUBACK was sent, now come the retained messages */
    struct outcome outcomes[];
};

static gmq_verdict go_on(gmq_call *call, gmq_packet *packet, void *data);

static gmq_verdict work(gmq_call *call, gmq_packet *packet, struct progress *progress)
{
    gmq_verdict verdict;
    while ((verdict = progress->slice(call, packet, progress)) == GMQ_DEFER) {
        gmq_deferral *deferral = progress->count > SLICE ? gmq_defer(call, 0, GMQ_CLOSE) : NULL;
        if (deferral == NULL)
            continue;
        gmq_resume_with(deferral, go_on, progress);
        return GMQ_DEFER;
    }
    free(progress);
    return verdict;
}

static gmq_verdict go_on(gmq_call *call, gmq_packet *packet, void *data)
{
    if (call != NULL)
        return work(call, packet, data);
    free(data); /* the client has gone */
    return GMQ_DONE;
}

static gmq_verdict begin(gmq_call *call, gmq_packet *packet, size_t count,
                         gmq_verdict (*slice)(gmq_call *, const gmq_packet *, struct progress *))
{
    struct progress *progress = malloc(sizeof *progress + count * sizeof progress->outcomes[0]);
    if (progress == NULL)
        return done_or_close(call, GMQ_ERROR_MEMORY);
    *progress = (struct progress){.slice = slice, .count = count};
    return work(call, packet, progress);
}

static size_t slice_end(const struct progress *progress)
{
    return progress->count - progress->next > SLICE ? progress->next + SLICE : progress->count;
}

/* ---- SUBSCRIBE ---- */

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

static void deliver_retained(gmq_call *call, const gmq_subscribe *packet, size_t index, struct outcome outcome)
{
    gmq_subscription subscription = {.size = sizeof subscription};
    if (gmq_subscribe_at(packet, index, &subscription) && wants_retained(&subscription, outcome) &&
        gmq_deliver_retained(call, gmq_call_client(call), &subscription) == GMQ_ERROR_MEMORY)
        gmq_log(gmq_call_plugin(call), GMQ_LOG_WARNING, "retained messages are not sent: out of memory");
}

static gmq_verdict answer_subscribe(gmq_call *call, const gmq_packet *packet, const struct progress *progress)
{
    gmq_suback *suback = gmq_suback_new(call, gmq_packet_identifier(packet), progress->count);
    for (size_t i = 0; suback != NULL && i < progress->count; i++)
        (void)gmq_suback_set(suback, i, progress->outcomes[i].reason);
    return answer(call, GMQ_PACKET(suback));
}

static gmq_verdict subscribe_slice(gmq_call *call, const gmq_packet *packet, struct progress *progress)
{
    const gmq_subscribe *subscribe = (const gmq_subscribe *)packet;
    for (size_t end = slice_end(progress); progress->next < end; progress->next++) {
        if (progress->is_answered)
            deliver_retained(call, subscribe, progress->next, progress->outcomes[progress->next]);
        else
            progress->outcomes[progress->next] = subscribe_entry(call, subscribe, progress->next);
    }
    if (progress->next < progress->count)
        return GMQ_DEFER;
    if (progress->is_answered)
        return GMQ_DONE;
    progress->is_answered = true;
    progress->next = 0;
    gmq_verdict verdict = answer_subscribe(call, packet, progress);
    return verdict == GMQ_DONE ? GMQ_DEFER : verdict;
}

static gmq_verdict on_subscribe(gmq_call *call, gmq_subscribe *packet)
{
    return begin(call, GMQ_PACKET(packet), gmq_subscribe_count(packet), subscribe_slice);
}
GMQ_HANDLER(SUBSCRIBE, on_subscribe);

/* ---- UNSUBSCRIBE ---- */

static gmq_verdict unsubscribe_slice(gmq_call *call, const gmq_packet *packet, struct progress *progress)
{
    const gmq_unsubscribe *unsubscribe = (const gmq_unsubscribe *)packet;
    gmq_view filter;
    for (size_t end = slice_end(progress); progress->next < end; progress->next++) {
        if (gmq_unsubscribe_at(unsubscribe, progress->next, &filter))
            progress->outcomes[progress->next].reason = gmq_unsubscribe_client(call, gmq_call_client(call), filter);
    }
    if (progress->next < progress->count)
        return GMQ_DEFER;
    gmq_unsuback *unsuback = gmq_unsuback_new(call, gmq_packet_identifier(packet), progress->count);
    for (size_t i = 0; unsuback != NULL && i < progress->count; i++)
        (void)gmq_unsuback_set(unsuback, i, progress->outcomes[i].reason);
    return answer(call, GMQ_PACKET(unsuback));
}

static gmq_verdict on_unsubscribe(gmq_call *call, gmq_unsubscribe *packet)
{
    return begin(call, GMQ_PACKET(packet), gmq_unsubscribe_count(packet), unsubscribe_slice);
}
GMQ_HANDLER(UNSUBSCRIBE, on_unsubscribe);
