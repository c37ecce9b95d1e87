/* Reading, changing and building packets.
 *
 * A packet given to a handler is the handler's to change: what follows in the route, and the broker, see the changed
 * one; neither the client nor other calls do. Views point into the packet: they are valid until the call ends or the
 * same part is changed. Texts and bytes that are set are copied into the call's memory. Setters answer
 * GMQ_ERROR_ARGUMENT where the standard forbids the value, and leave the packet as it was. All functions here: on the
 * call's worker only. */
#ifndef GRAFTMQ_PACKET_H
#define GRAFTMQ_PACKET_H

#include <graftmq/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- every packet ---- */

GMQ_EXPORT gmq_packet_type gmq_packet_type_of(const gmq_packet *packet);

/* The name of a packet type, as in the standards: "PUBLISH". */
GMQ_EXPORT const char *gmq_packet_type_name(gmq_packet_type type);

/* The packet identifier; 0 where the packet has none. */
GMQ_EXPORT uint16_t gmq_packet_identifier(const gmq_packet *packet);

/* The reason code of CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH, 0 for others. An outgoing CONNACK
 * for a 3.1 or 3.1.1 client has an MQTT 5.0 reason too; it is translated when it is sent. */
GMQ_EXPORT gmq_reason gmq_packet_reason(const gmq_packet *packet);
GMQ_EXPORT gmq_status gmq_packet_set_reason(gmq_packet *packet, gmq_reason reason);

/* ---- properties (MQTT 5.0, 2.2.2; a client of an older version sends none and is sent none; setting them on its
 * packets is allowed, and a PUBLISH carries them on to its 5.0 subscribers) ---- */

/* A property that is a number (or a byte with the values 0 and 1). False if the packet doesn't have it. */
GMQ_EXPORT bool gmq_packet_number(const gmq_packet *packet, gmq_property property, uint32_t *value);

/* A property that is a string or binary data. False if the packet doesn't have it. */
GMQ_EXPORT bool gmq_packet_text(const gmq_packet *packet, gmq_property property, gmq_view *value);

/* GMQ_ERROR_UNSUPPORTED: the standard doesn't allow this property in a packet of this type. GMQ_ERROR_ARGUMENT: it is
 * of the other kind, out of range or not UTF-8. */
GMQ_EXPORT gmq_status gmq_packet_set_number(gmq_call *call, gmq_packet *packet, gmq_property property, uint32_t value);
GMQ_EXPORT gmq_status gmq_packet_set_text(gmq_call *call, gmq_packet *packet, gmq_property property, gmq_view value);

/* Removes a property; for GMQ_PROPERTY_USER_PROPERTY all of them. */
GMQ_EXPORT void gmq_packet_remove(gmq_packet *packet, gmq_property property);

/* User properties, in their order. `index` counts from 0; false behind the last one. */
GMQ_EXPORT bool gmq_packet_user_property(const gmq_packet *packet, size_t index, gmq_view *name, gmq_view *value);
GMQ_EXPORT gmq_status gmq_packet_add_user_property(gmq_call *call, gmq_packet *packet, gmq_view name, gmq_view value);

/* ---- CONNECT (3.1) ---- */

GMQ_EXPORT gmq_view gmq_connect_protocol_name(const gmq_connect *packet);
GMQ_EXPORT uint8_t gmq_connect_protocol_version(const gmq_connect *packet);
GMQ_EXPORT gmq_view gmq_connect_client_identifier(const gmq_connect *packet); /* never empty: see _is_assigned */
GMQ_EXPORT bool
gmq_connect_is_identifier_assigned(const gmq_connect *packet); /* the client sent none, the broker chose */
GMQ_EXPORT bool gmq_connect_is_clean_start(const gmq_connect *packet);
GMQ_EXPORT uint16_t gmq_connect_keep_alive(const gmq_connect *packet); /* seconds */
GMQ_EXPORT bool gmq_connect_user_name(const gmq_connect *packet, gmq_view *user_name);
GMQ_EXPORT bool gmq_connect_password(const gmq_connect *packet, gmq_view *password);
GMQ_EXPORT void gmq_connect_set_clean_start(gmq_connect *packet, bool is_clean_start);
GMQ_EXPORT gmq_status gmq_connect_set_user_name(gmq_call *call, gmq_connect *packet, gmq_view user_name);

/* The will as a PUBLISH, with its properties (also GMQ_PROPERTY_WILL_DELAY_INTERVAL), to be read and changed; NULL if
 * there is none. */
GMQ_EXPORT gmq_publish *gmq_connect_will(gmq_connect *packet);
GMQ_EXPORT void gmq_connect_remove_will(gmq_connect *packet);

/* ---- PUBLISH (3.3) ---- */

GMQ_EXPORT gmq_view gmq_publish_topic(const gmq_publish *packet); /* a topic alias is already resolved */
GMQ_EXPORT gmq_view gmq_publish_payload(const gmq_publish *packet);
GMQ_EXPORT uint8_t gmq_publish_qos(const gmq_publish *packet);
GMQ_EXPORT bool gmq_publish_is_retained(const gmq_publish *packet); /* the RETAIN flag */
GMQ_EXPORT bool gmq_publish_is_duplicate(const gmq_publish *packet);

GMQ_EXPORT gmq_status gmq_publish_set_topic(gmq_call *call, gmq_publish *packet, gmq_view topic);
GMQ_EXPORT gmq_status gmq_publish_set_payload(gmq_call *call, gmq_publish *packet, gmq_view payload);
GMQ_EXPORT void gmq_publish_set_retained(gmq_publish *packet, bool is_retained);

/* A message of one's own, to be given to gmq_deliver(), gmq_retain() or gmq_send(). Lives as long as the call. NULL:
 * the topic is none, the QoS above 2, or memory is out. Its QoS can be set (an incoming packet's can't: it belongs to
 * the flow). */
GMQ_EXPORT gmq_publish *gmq_publish_new(gmq_call *call, gmq_view topic, gmq_view payload, uint8_t qos);

/* gmq_packet_add_user_property() by a shorter name. */
static inline gmq_status gmq_publish_add_user_property(gmq_call *call, gmq_publish *packet, gmq_view name,
                                                       gmq_view value)
{
    return gmq_packet_add_user_property(call, GMQ_PACKET(packet), name, value);
}

/* ---- SUBSCRIBE (3.8) and UNSUBSCRIBE (3.10) ---- */

/* One entry of SUBSCRIBE. For 3.1 and 3.1.1 all but topic_filter and maximum_qos are 0. */
typedef struct gmq_subscription {
    size_t size; /* of this struct, set by the caller */
    gmq_view topic_filter;
    uint8_t maximum_qos;
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling; /* 0: send retained messages, 1: if the subscription is new, 2: don't */
    uint32_t identifier;     /* 0: none */
} gmq_subscription;

GMQ_EXPORT size_t gmq_subscribe_count(const gmq_subscribe *packet);
GMQ_EXPORT bool gmq_subscribe_at(const gmq_subscribe *packet, size_t index, gmq_subscription *subscription);

/* Replaces entry `index` by what `subscription` says (its filter, QoS and options; the identifier belongs to the packet
 * and is left as it is). */
GMQ_EXPORT gmq_status gmq_subscribe_set(gmq_call *call, gmq_subscribe *packet, size_t index,
                                        const gmq_subscription *subscription);

/* Decides entry `index` beforehand: a handler further on, broker:on_subscribe among them, leaves the entry alone and
 * answers with `reason` (0x80 and above). 0 takes the decision back. */
GMQ_EXPORT gmq_status gmq_subscribe_refuse(gmq_subscribe *packet, size_t index, gmq_reason reason);
GMQ_EXPORT gmq_reason gmq_subscribe_refused(const gmq_subscribe *packet, size_t index); /* 0: not refused */

GMQ_EXPORT size_t gmq_unsubscribe_count(const gmq_unsubscribe *packet);
GMQ_EXPORT bool gmq_unsubscribe_at(const gmq_unsubscribe *packet, size_t index, gmq_view *topic_filter);

/* ---- acknowledgements ---- */

/* Packets of the broker's side, to be given to gmq_send(). They live as long as the call; NULL when memory is out, and
 * where the standard forbids a broker the reason for this packet, a packet identifier of 0 or a count of 0. */
GMQ_EXPORT gmq_connack *gmq_connack_new(gmq_call *call, gmq_reason reason, bool is_session_present);
GMQ_EXPORT gmq_puback *gmq_puback_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason);
GMQ_EXPORT gmq_pubrec *gmq_pubrec_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason);
GMQ_EXPORT gmq_pubrel *gmq_pubrel_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason);
GMQ_EXPORT gmq_pubcomp *gmq_pubcomp_new(gmq_call *call, uint16_t packet_identifier, gmq_reason reason);
GMQ_EXPORT gmq_pingresp *gmq_pingresp_new(gmq_call *call);
GMQ_EXPORT gmq_disconnect *gmq_disconnect_new(gmq_call *call, gmq_reason reason);
GMQ_EXPORT gmq_auth *gmq_auth_new(gmq_call *call, gmq_reason reason);

/* SUBACK and UNSUBACK with `count` reasons, all GMQ_REASON_UNSPECIFIED_ERROR until they are set. */
GMQ_EXPORT gmq_suback *gmq_suback_new(gmq_call *call, uint16_t packet_identifier, size_t count);
GMQ_EXPORT gmq_status gmq_suback_set(gmq_suback *packet, size_t index, gmq_reason reason);
GMQ_EXPORT size_t gmq_suback_count(const gmq_suback *packet);
GMQ_EXPORT gmq_reason gmq_suback_at(const gmq_suback *packet, size_t index);
GMQ_EXPORT gmq_unsuback *gmq_unsuback_new(gmq_call *call, uint16_t packet_identifier, size_t count);
GMQ_EXPORT gmq_status gmq_unsuback_set(gmq_unsuback *packet, size_t index, gmq_reason reason);
GMQ_EXPORT size_t gmq_unsuback_count(const gmq_unsuback *packet);
GMQ_EXPORT gmq_reason gmq_unsuback_at(const gmq_unsuback *packet, size_t index);

/* CONNACK: the session present flag. */
GMQ_EXPORT bool gmq_connack_is_session_present(const gmq_connack *packet);
GMQ_EXPORT void gmq_connack_set_session_present(gmq_connack *packet, bool is_session_present);

#ifdef __cplusplus
}
#endif

#endif
