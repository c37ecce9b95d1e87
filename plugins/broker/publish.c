/* PUBLISH and its acknowledgements: the way of a message. Every message passes on_publish, so it makes as few calls as
 * it can. */
#include "broker.h"

/* Topics that are the broker's own: a client can't publish there (4.7.2). */
static bool is_reserved(gmq_view topic)
{
    return begins_with(topic, GMQ_VIEW("$SYS/")) || begins_with(topic, GMQ_VIEW("$share/"));
}

/* A message that nobody got is not acknowledged: the client keeps it, and sends it again when it is back. */
static gmq_verdict give_back(gmq_call *call, const gmq_publish *packet)
{
    return gmq_publish_qos(packet) == 0 ? GMQ_DONE : done_or_close(call, GMQ_ERROR_MEMORY);
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_view topic = gmq_publish_topic(packet);
    if (topic.data[0] == '$' && is_reserved(topic))
        return gmq_reject(call, GMQ_REASON_TOPIC_NAME_INVALID, "this topic is the broker's");

    /* Retained before it is delivered, so that one who subscribes in between misses nothing. */
    gmq_status retained = gmq_publish_is_retained(packet) ? gmq_retain(call, packet) : GMQ_OK;
    if (retained == GMQ_ERROR_MEMORY)
        return give_back(call, packet);
    uint32_t matched = 0;
    if (gmq_deliver(call, packet, &matched) != GMQ_OK)
        return give_back(call, packet);

    gmq_reason reason = GMQ_REASON_SUCCESS;
    if (retained != GMQ_OK)
        reason = GMQ_REASON_QUOTA_EXCEEDED;
    else if (matched == 0)
        reason = GMQ_REASON_NO_MATCHING_SUBSCRIBERS;
    return done_or_close(call, gmq_acknowledge(call, packet, reason));
}
GMQ_HANDLER(PUBLISH, on_publish);

static gmq_verdict on_puback(gmq_call *call, gmq_puback *packet)
{
    return done_or_close(call, gmq_flow_puback(call, packet));
}
GMQ_HANDLER(PUBACK, on_puback);

static gmq_verdict on_pubrec(gmq_call *call, gmq_pubrec *packet)
{
    return done_or_close(call, gmq_flow_pubrec(call, packet));
}
GMQ_HANDLER(PUBREC, on_pubrec);

static gmq_verdict on_pubrel(gmq_call *call, gmq_pubrel *packet)
{
    return done_or_close(call, gmq_flow_pubrel(call, packet));
}
GMQ_HANDLER(PUBREL, on_pubrel);

static gmq_verdict on_pubcomp(gmq_call *call, gmq_pubcomp *packet)
{
    return done_or_close(call, gmq_flow_pubcomp(call, packet));
}
GMQ_HANDLER(PUBCOMP, on_pubcomp);
