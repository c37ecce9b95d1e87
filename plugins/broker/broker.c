/* The standard behaviour of an MQTT broker, as a plugin like any other: it uses nothing but include/graftmq/.
 *
 * A packet type that the configuration gives no route comes here, so this much makes a broker:
 *
 *     "plugins": { "broker": { "path": "broker.so" } }
 *
 * A route that ends at one of its handlers puts another plugin in front of it. connect.c begins a client's life,
 * publish.c moves messages, subscribe.c says who gets them; the rest is here. */
#include "broker.h"

GMQ_PLUGIN("broker", "1.0.0");

gmq_verdict done_or_close(gmq_call *call, gmq_status status)
{
    switch (status) {
    case GMQ_OK:
        return GMQ_DONE;
    case GMQ_ERROR_MEMORY:
        return gmq_close(call, GMQ_REASON_SERVER_BUSY, "out of memory");
    case GMQ_ERROR_LIMIT:
        return gmq_close(call, GMQ_REASON_QUOTA_EXCEEDED, NULL);
    default: /* the connection is closing already, or a plugin in front let a client in that has no session */
        return gmq_close(call, GMQ_REASON_UNSPECIFIED_ERROR, NULL);
    }
}

gmq_verdict answer(gmq_call *call, gmq_packet *packet)
{
    gmq_status status = packet != NULL ? gmq_send(call, gmq_call_client(call), packet) : GMQ_ERROR_MEMORY;
    return done_or_close(call, status);
}

bool begins_with(gmq_view topic, gmq_view prefix)
{
    return topic.length >= prefix.length && memcmp(topic.data, prefix.data, prefix.length) == 0;
}

static gmq_verdict on_pingreq(gmq_call *call, gmq_pingreq *packet)
{
    (void)packet;
    return answer(call, GMQ_PACKET(gmq_pingresp_new(call)));
}
GMQ_HANDLER(PINGREQ, on_pingreq);

/* The interval is looked at first: a client that breaks the rules for it has not left in good order, and its will
 * stands. */
static gmq_verdict on_disconnect(gmq_call *call, gmq_disconnect *packet)
{
    gmq_client *client = gmq_call_client(call);
    uint32_t seconds;
    if (gmq_packet_number(GMQ_PACKET(packet), GMQ_PROPERTY_SESSION_EXPIRY_INTERVAL, &seconds) &&
        gmq_session_set_expiry_interval(client, seconds) == GMQ_ERROR_ARGUMENT)
        return gmq_close(call, GMQ_REASON_PROTOCOL_ERROR, "session expiry interval was 0"); /* 3.14.2.2.2 */
    if (gmq_packet_reason(GMQ_PACKET(packet)) == GMQ_REASON_NORMAL_DISCONNECTION)
        gmq_session_discard_will(client); /* [MQTT-3.14.4-3] */
    return gmq_close(call, GMQ_REASON_SUCCESS, NULL);
}
GMQ_HANDLER(DISCONNECT, on_disconnect);

/* Who offers an authentication method answers AUTH in front of this plugin. What gets here nobody asked for. */
static gmq_verdict on_auth(gmq_call *call, gmq_auth *packet)
{
    bool is_renewal = gmq_packet_reason(GMQ_PACKET(packet)) == GMQ_REASON_RE_AUTHENTICATE;
    if (is_renewal && gmq_client_is_authenticated(gmq_call_client(call)))
        return gmq_close(call, GMQ_REASON_NOT_AUTHORIZED, "re-authentication is not offered");
    return gmq_close(call, GMQ_REASON_PROTOCOL_ERROR, "AUTH without a challenge");
}
GMQ_HANDLER(AUTH, on_auth);
