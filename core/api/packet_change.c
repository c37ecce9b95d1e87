/* Changing packets. What is set is copied into the call's arena, as the caller's bytes may go away before the packet is
 * sent; whatever the standard forbids is refused here, so that a handler can't make the broker send a broken packet. */
#include <graftmq/packet.h>

#include "base/text.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"
#include "plugin/call.h"

/* The longest remaining length there is (5.0, 1.5.5). */
enum { PAYLOAD_SIZE_MAX = 268435455 };

static gmq_status view_set(struct arena *arena, gmq_view *target, gmq_view value)
{
    const char *data = value.length > 0 ? arena_copy(arena, value.data, value.length) : "";
    if (data == NULL)
        return GMQ_ERROR_MEMORY;
    *target = gmq_view_make(data, value.length);
    return GMQ_OK;
}

static gmq_status packet_note(struct gmq_packet *packet, gmq_status status)
{
    if (status == GMQ_OK)
        packet->is_changed = true;
    return status;
}

static bool type_has_reason(uint8_t type)
{
    const uint32_t types = PROPERTY_IN(GMQ_CONNACK) | PROPERTY_IN(GMQ_PUBACK) | PROPERTY_IN(GMQ_PUBREC) |
                           PROPERTY_IN(GMQ_PUBREL) | PROPERTY_IN(GMQ_PUBCOMP) | PROPERTY_IN(GMQ_DISCONNECT) |
                           PROPERTY_IN(GMQ_AUTH);
    return (types & PROPERTY_IN(type)) != 0;
}

gmq_status gmq_packet_set_reason(gmq_packet *packet, gmq_reason reason)
{
    if (!type_has_reason(packet->type))
        return GMQ_ERROR_UNSUPPORTED;
    if (!mqtt_reason_is_allowed((gmq_packet_type)packet->type, reason))
        return GMQ_ERROR_ARGUMENT;
    packet->reason = (uint8_t)reason;
    if (packet->type == GMQ_CONNACK && reason != GMQ_REASON_SUCCESS)
        ((struct gmq_connack *)packet)->is_session_present = false; /* [MQTT-3.2.2-6] */
    return packet_note(packet, GMQ_OK);
}

/* ---- properties ---- */

/* A will is a PUBLISH that may have other properties. It is only ever seen as a part of its call's CONNECT. */
static uint32_t place_of(const gmq_call *call, const struct gmq_packet *packet)
{
    const struct gmq_packet *whole = call->packet;
    bool is_will =
        whole != NULL && whole->type == GMQ_CONNECT && packet == &((const struct gmq_connect *)whole)->will.packet;
    return is_will ? PROPERTY_IN_WILL : PROPERTY_IN(packet->type);
}

gmq_status gmq_packet_set_number(gmq_call *call, gmq_packet *packet, gmq_property property, uint32_t value)
{
    uint32_t place = place_of(call, packet);
    return packet_note(packet, properties_set_number(&packet->properties, place, (uint32_t)property, value));
}

gmq_status gmq_packet_set_text(gmq_call *call, gmq_packet *packet, gmq_property property, gmq_view value)
{
    uint32_t place = place_of(call, packet);
    return packet_note(packet, properties_set_text(&packet->properties, place, (uint32_t)property, value, call->arena));
}

void gmq_packet_remove(gmq_packet *packet, gmq_property property)
{
    properties_remove(&packet->properties, (uint32_t)property);
    packet->is_changed = true;
}

gmq_status gmq_packet_add_user_property(gmq_call *call, gmq_packet *packet, gmq_view name, gmq_view value)
{
    const struct property_rule *rule = property_rule_at(PROPERTY_USER_PROPERTY);
    if ((rule->packets & place_of(call, packet)) == 0)
        return GMQ_ERROR_UNSUPPORTED;
    return packet_note(packet, properties_add_user(&packet->properties, name, value, call->arena));
}

/* ---- CONNECT ---- */

void gmq_connect_set_clean_start(gmq_connect *packet, bool is_clean_start)
{
    packet->is_clean_start = is_clean_start;
    packet->packet.is_changed = true;
}

gmq_status gmq_connect_set_user_name(gmq_call *call, gmq_connect *packet, gmq_view user_name)
{
    if (user_name.length > UINT16_MAX || !text_is_utf8(user_name.data, user_name.length))
        return GMQ_ERROR_ARGUMENT;
    gmq_status status = view_set(call->arena, &packet->user_name, user_name);
    if (status == GMQ_OK)
        packet->has_user_name = true;
    return packet_note(&packet->packet, status);
}

void gmq_connect_remove_will(gmq_connect *packet)
{
    packet->has_will = false;
    packet->packet.is_changed = true;
}

/* ---- PUBLISH ---- */

gmq_status gmq_publish_set_topic(gmq_call *call, gmq_publish *packet, gmq_view topic)
{
    if (topic_check_name(topic) != MQTT_OK)
        return GMQ_ERROR_ARGUMENT;
    return packet_note(&packet->packet, view_set(call->arena, &packet->topic, topic));
}

gmq_status gmq_publish_set_payload(gmq_call *call, gmq_publish *packet, gmq_view payload)
{
    if (payload.length > PAYLOAD_SIZE_MAX)
        return GMQ_ERROR_ARGUMENT;
    return packet_note(&packet->packet, view_set(call->arena, &packet->payload, payload));
}

void gmq_publish_set_retained(gmq_publish *packet, bool is_retained)
{
    packet->is_retained = is_retained;
    packet->packet.is_changed = true;
}

/* ---- SUBSCRIBE ---- */

static bool subscription_is_valid(const gmq_subscription *subscription)
{
    gmq_view filter = subscription->topic_filter;
    return filter.length <= UINT16_MAX && text_is_utf8(filter.data, filter.length) && topic_is_filter(filter) &&
           subscription->maximum_qos <= 2 && subscription->retain_handling <= 2 &&
           !(subscription->no_local && topic_is_shared(filter)); /* [MQTT-3.8.3-4] */
}

static uint8_t subscription_options(const gmq_subscription *subscription)
{
    unsigned options = subscription->maximum_qos;
    options |= subscription->no_local ? SUBSCRIBE_NO_LOCAL : 0u;
    options |= subscription->retain_as_published ? SUBSCRIBE_RETAIN_AS_PUBLISHED : 0u;
    options |= (unsigned)subscription->retain_handling << SUBSCRIBE_RETAIN_HANDLING_SHIFT;
    return (uint8_t)options;
}

gmq_status gmq_subscribe_set(gmq_call *call, gmq_subscribe *packet, size_t index, const gmq_subscription *subscription)
{
    if (index >= packet->count || subscription->size < sizeof *subscription || !subscription_is_valid(subscription))
        return GMQ_ERROR_ARGUMENT;
    struct subscribe_entry *entry = &packet->entries[index];
    gmq_status status = view_set(call->arena, &entry->topic_filter, subscription->topic_filter);
    if (status == GMQ_OK)
        entry->options = subscription_options(subscription);
    return packet_note(&packet->packet, status);
}

gmq_status gmq_subscribe_refuse(gmq_subscribe *packet, size_t index, gmq_reason reason)
{
    bool is_refusal = reason >= GMQ_REASON_UNSPECIFIED_ERROR && mqtt_reason_is_allowed(GMQ_SUBACK, reason);
    if (index >= packet->count || (reason != GMQ_REASON_SUCCESS && !is_refusal))
        return GMQ_ERROR_ARGUMENT;
    packet->entries[index].refused = (uint8_t)reason;
    return packet_note(&packet->packet, GMQ_OK);
}

/* ---- acknowledgements ---- */

gmq_status gmq_suback_set(gmq_suback *packet, size_t index, gmq_reason reason)
{
    if (index >= packet->count || !mqtt_reason_is_allowed(GMQ_SUBACK, reason))
        return GMQ_ERROR_ARGUMENT;
    packet->reasons[index] = (uint8_t)reason;
    return packet_note(&packet->packet, GMQ_OK);
}

gmq_status gmq_unsuback_set(gmq_unsuback *packet, size_t index, gmq_reason reason)
{
    if (index >= packet->count || !mqtt_reason_is_allowed(GMQ_UNSUBACK, reason))
        return GMQ_ERROR_ARGUMENT;
    packet->reasons[index] = (uint8_t)reason;
    return packet_note(&packet->packet, GMQ_OK);
}

void gmq_connack_set_session_present(gmq_connack *packet, bool is_session_present)
{
    packet->is_session_present = is_session_present && packet->packet.reason == GMQ_REASON_SUCCESS; /* [MQTT-3.2.2-6] */
    packet->packet.is_changed = true;
}
