/* The smallest broker that answers every packet by itself, without the plugin `broker`: clients can connect, publish
 * and subscribe, and no message ever arrives. A first look at what handlers are; and a floor to measure others against.
 *
 *     {
 *       "plugins": { "hello": { "path": "hello.so" } },
 *       "routes": {
 *         "CONNECT": "hello:on_connect", "PUBLISH": "hello:on_publish", "PUBREL": "hello:on_pubrel",
 *         "SUBSCRIBE": "hello:on_subscribe", "UNSUBSCRIBE": "hello:on_unsubscribe",
 *         "PINGREQ": "hello:on_pingreq", "DISCONNECT": "hello:on_disconnect"
 *       }
 *     }
 */
#include <graftmq/plugin.h>

GMQ_PLUGIN("hello", "1.0.0");

/* Every handler here ends by sending one packet, or with the connection. */
static gmq_verdict answer(gmq_call *call, gmq_packet *packet)
{
    if (packet == NULL || gmq_send(call, gmq_call_client(call), packet) != GMQ_OK)
        return gmq_close(call, GMQ_REASON_SERVER_BUSY, NULL);
    return GMQ_DONE;
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    if (!gmq_view_equals(gmq_connect_protocol_name(packet), "MQTT"))
        return gmq_close(call, GMQ_REASON_SUCCESS, NULL);
    return answer(call, GMQ_PACKET(gmq_connack_new(call, GMQ_REASON_SUCCESS, false)));
}
GMQ_HANDLER(CONNECT, on_connect);

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    uint16_t identifier = gmq_packet_identifier(GMQ_PACKET(packet));
    switch (gmq_publish_qos(packet)) {
    case 1:
        return answer(call, GMQ_PACKET(gmq_puback_new(call, identifier, GMQ_REASON_SUCCESS)));
    case 2:
        return answer(call, GMQ_PACKET(gmq_pubrec_new(call, identifier, GMQ_REASON_SUCCESS)));
    default:
        return GMQ_DONE;
    }
}
GMQ_HANDLER(PUBLISH, on_publish);

static gmq_verdict on_pubrel(gmq_call *call, gmq_pubrel *packet)
{
    uint16_t identifier = gmq_packet_identifier(GMQ_PACKET(packet));
    return answer(call, GMQ_PACKET(gmq_pubcomp_new(call, identifier, GMQ_REASON_SUCCESS)));
}
GMQ_HANDLER(PUBREL, on_pubrel);

static gmq_verdict on_subscribe(gmq_call *call, gmq_subscribe *packet)
{
    uint16_t identifier = gmq_packet_identifier(GMQ_PACKET(packet));
    gmq_suback *suback = gmq_suback_new(call, identifier, gmq_subscribe_count(packet));
    gmq_subscription subscription = {.size = sizeof subscription};
    for (size_t i = 0; suback != NULL && gmq_subscribe_at(packet, i, &subscription); i++)
        (void)gmq_suback_set(suback, i, (gmq_reason)subscription.maximum_qos); /* the codes 0 to 2 grant that QoS */
    return answer(call, GMQ_PACKET(suback));
}
GMQ_HANDLER(SUBSCRIBE, on_subscribe);

static gmq_verdict on_unsubscribe(gmq_call *call, gmq_unsubscribe *packet)
{
    size_t count = gmq_unsubscribe_count(packet);
    gmq_unsuback *unsuback = gmq_unsuback_new(call, gmq_packet_identifier(GMQ_PACKET(packet)), count);
    for (size_t i = 0; unsuback != NULL && i < count; i++)
        (void)gmq_unsuback_set(unsuback, i, GMQ_REASON_SUCCESS);
    return answer(call, GMQ_PACKET(unsuback));
}
GMQ_HANDLER(UNSUBSCRIBE, on_unsubscribe);

static gmq_verdict on_pingreq(gmq_call *call, gmq_pingreq *packet)
{
    (void)packet;
    return answer(call, GMQ_PACKET(gmq_pingresp_new(call)));
}
GMQ_HANDLER(PINGREQ, on_pingreq);

static gmq_verdict on_disconnect(gmq_call *call, gmq_disconnect *packet)
{
    (void)packet;
    return gmq_close(call, GMQ_REASON_SUCCESS, NULL);
}
GMQ_HANDLER(DISCONNECT, on_disconnect);
