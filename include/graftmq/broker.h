/* What makes a broker of the broker: sessions, subscriptions, messages. The standard plugin `broker` is made of these
 * functions, and every other plugin has the same ones.
 *
 * All of them: on the worker's thread, within a call. A client may be without a session (no handler has opened one):
 * then functions that are about it answer GMQ_ERROR_STATE or do nothing, and acknowledgements of its packets are sent
 * all the same. */
#ifndef GRAFTMQ_BROKER_H
#define GRAFTMQ_BROKER_H

#include <graftmq/packet.h>
#include <graftmq/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens or resumes the session that a CONNECT asks for, takes it over from an older connection, and registers the will.
 * Nothing is sent but a DISCONNECT (0x8E) to the older connection; the session's waiting messages follow once the
 * CONNACK was sent. Once per client. GMQ_ERROR_LIMIT: too many sessions. */
GMQ_EXPORT gmq_status gmq_session_open(gmq_call *call, gmq_connect *packet, bool *is_session_present);

/* The session's expiry interval in seconds from the end of the connection (0xFFFFFFFF: never). Set it on DISCONNECT.
 * GMQ_ERROR_ARGUMENT: from 0 to another value, which the standard forbids (5.0, 3.14.2.2.2). */
GMQ_EXPORT gmq_status gmq_session_set_expiry_interval(gmq_client *client, uint32_t seconds);

/* Forgets the will, so that the end of the connection publishes nothing. */
GMQ_EXPORT void gmq_session_discard_will(gmq_client *client);

/* A CONNACK with everything that the broker tells a client about its limits and about this connection: what the
 * standard lets it leave out is left out. */
GMQ_EXPORT gmq_connack *gmq_connack_for(gmq_call *call, const gmq_connect *packet, bool is_session_present);

/* Adds or replaces a subscription of the client's session. Returns the reason code for SUBACK: the QoS granted, or why
 * not. `is_new` (may be NULL): the session didn't have this filter. */
GMQ_EXPORT gmq_reason gmq_subscribe_client(gmq_call *call, gmq_client *client, const gmq_subscription *subscription,
                                           bool *is_new);

/* Sends the retained messages that match. Call it after the SUBACK; long lists go out in slices. */
GMQ_EXPORT gmq_status gmq_deliver_retained(gmq_call *call, gmq_client *client, const gmq_subscription *subscription);

/* GMQ_REASON_SUCCESS or GMQ_REASON_NO_SUBSCRIPTION_EXISTED. */
GMQ_EXPORT gmq_reason gmq_unsubscribe_client(gmq_call *call, gmq_client *client, gmq_view topic_filter);

/* Hands a message to every session with a matching subscription. `matched` (may be NULL): how many subscriptions did.
 * The message's RETAIN flag reaches those who asked for it as published. GMQ_ERROR_MEMORY: not everybody got it. */
GMQ_EXPORT gmq_status gmq_deliver(gmq_call *call, gmq_publish *packet, uint32_t *matched);

/* Stores the message as its topic's retained message; with an empty payload, removes that.
 * GMQ_ERROR_LIMIT: too many retained messages. */
GMQ_EXPORT gmq_status gmq_retain(gmq_call *call, const gmq_publish *packet);

/* Acknowledges a PUBLISH as its QoS demands: nothing, PUBACK or PUBREC, with `reason` for a 5.0 client. */
GMQ_EXPORT gmq_status gmq_acknowledge(gmq_call *call, const gmq_publish *packet, gmq_reason reason);

/* The next step of a delivery's flow when the client acknowledges: PUBACK and PUBCOMP end it, PUBREC is answered with
 * PUBREL, PUBREL with PUBCOMP. Unknown packet identifiers are answered as the standard says. */
GMQ_EXPORT gmq_status gmq_flow_puback(gmq_call *call, const gmq_puback *packet);
GMQ_EXPORT gmq_status gmq_flow_pubrec(gmq_call *call, const gmq_pubrec *packet);
GMQ_EXPORT gmq_status gmq_flow_pubrel(gmq_call *call, const gmq_pubrel *packet);
GMQ_EXPORT gmq_status gmq_flow_pubcomp(gmq_call *call, const gmq_pubcomp *packet);

#ifdef __cplusplus
}
#endif

#endif
