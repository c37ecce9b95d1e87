/* Reading packets: include/graftmq/packet.h on the decoded structs. Handlers call these for every message, so each is a
 * load or two; what can change is in packet_change.c, what is new in packet_build.c. */
#include <graftmq/packet.h>

#include "mqtt/packet.h"
#include "mqtt/properties.h"

gmq_packet_type gmq_packet_type_of(const gmq_packet *packet)
{
    return (gmq_packet_type)packet->type;
}

const char *gmq_packet_type_name(gmq_packet_type type)
{
    return packet_type_name(type);
}

uint16_t gmq_packet_identifier(const gmq_packet *packet)
{
    return packet->identifier;
}

gmq_reason gmq_packet_reason(const gmq_packet *packet)
{
    return (gmq_reason)packet->reason;
}

/* ---- properties ---- */

bool gmq_packet_number(const gmq_packet *packet, gmq_property property, uint32_t *value)
{
    const struct properties *properties = &packet->properties;
    enum property_index index;
    const struct property_rule *rule = property_rule_of((uint32_t)property, &index);
    if (rule == NULL || rule->type > PROPERTY_VARINT)
        return false;
    if (properties_has(properties, index)) {
        *value = properties->value[index].number;
        return true;
    }
    /* A delivery keeps its subscription identifiers apart, as it may have several; the first stands for them. */
    if (index == PROPERTY_SUBSCRIPTION_IDENTIFIER && properties->subscription_identifier_count > 0) {
        *value = properties->subscription_identifiers[0];
        return true;
    }
    return false;
}

bool gmq_packet_text(const gmq_packet *packet, gmq_property property, gmq_view *value)
{
    enum property_index index;
    const struct property_rule *rule = property_rule_of((uint32_t)property, &index);
    if (rule == NULL || (rule->type != PROPERTY_STRING && rule->type != PROPERTY_BINARY) ||
        !properties_has(&packet->properties, index))
        return false;
    *value = packet->properties.value[index].text;
    return true;
}

bool gmq_packet_user_property(const gmq_packet *packet, size_t index, gmq_view *name, gmq_view *value)
{
    return properties_user_at(&packet->properties, index, name, value);
}

/* ---- CONNECT ---- */

gmq_view gmq_connect_protocol_name(const gmq_connect *packet)
{
    return packet->protocol_name;
}

uint8_t gmq_connect_protocol_version(const gmq_connect *packet)
{
    return packet->packet.version;
}

gmq_view gmq_connect_client_identifier(const gmq_connect *packet)
{
    return packet->client_identifier;
}

bool gmq_connect_is_identifier_assigned(const gmq_connect *packet)
{
    return packet->is_identifier_assigned;
}

bool gmq_connect_is_clean_start(const gmq_connect *packet)
{
    return packet->is_clean_start;
}

uint16_t gmq_connect_keep_alive(const gmq_connect *packet)
{
    return packet->keep_alive;
}

bool gmq_connect_user_name(const gmq_connect *packet, gmq_view *user_name)
{
    if (!packet->has_user_name)
        return false;
    *user_name = packet->user_name;
    return true;
}

bool gmq_connect_password(const gmq_connect *packet, gmq_view *password)
{
    if (!packet->has_password)
        return false;
    *password = packet->password;
    return true;
}

gmq_publish *gmq_connect_will(gmq_connect *packet)
{
    return packet->has_will ? &packet->will : NULL;
}

/* ---- PUBLISH ---- */

gmq_view gmq_publish_topic(const gmq_publish *packet)
{
    return packet->topic;
}

gmq_view gmq_publish_payload(const gmq_publish *packet)
{
    return packet->payload;
}

uint8_t gmq_publish_qos(const gmq_publish *packet)
{
    return packet->qos;
}

bool gmq_publish_is_retained(const gmq_publish *packet)
{
    return packet->is_retained;
}

bool gmq_publish_is_duplicate(const gmq_publish *packet)
{
    return packet->is_duplicate;
}

/* ---- SUBSCRIBE and UNSUBSCRIBE ---- */

size_t gmq_subscribe_count(const gmq_subscribe *packet)
{
    return packet->count;
}

bool gmq_subscribe_at(const gmq_subscribe *packet, size_t index, gmq_subscription *subscription)
{
    if (index >= packet->count || subscription->size < sizeof *subscription)
        return false;
    const struct subscribe_entry *entry = &packet->entries[index];
    const struct properties *properties = &packet->packet.properties;
    subscription->topic_filter = entry->topic_filter;
    subscription->maximum_qos = entry->options & SUBSCRIBE_QOS_MASK;
    subscription->no_local = (entry->options & SUBSCRIBE_NO_LOCAL) != 0;
    subscription->retain_as_published = (entry->options & SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0;
    subscription->retain_handling =
        (uint8_t)((entry->options & SUBSCRIBE_RETAIN_HANDLING_MASK) >> SUBSCRIBE_RETAIN_HANDLING_SHIFT);
    subscription->identifier = properties_number(properties, PROPERTY_SUBSCRIPTION_IDENTIFIER, 0);
    return true;
}

gmq_reason gmq_subscribe_refused(const gmq_subscribe *packet, size_t index)
{
    return index < packet->count ? (gmq_reason)packet->entries[index].refused : GMQ_REASON_SUCCESS;
}

size_t gmq_unsubscribe_count(const gmq_unsubscribe *packet)
{
    return packet->count;
}

bool gmq_unsubscribe_at(const gmq_unsubscribe *packet, size_t index, gmq_view *topic_filter)
{
    if (index >= packet->count)
        return false;
    *topic_filter = packet->topic_filters[index];
    return true;
}

/* ---- acknowledgements ---- */

size_t gmq_suback_count(const gmq_suback *packet)
{
    return packet->count;
}

gmq_reason gmq_suback_at(const gmq_suback *packet, size_t index)
{
    return index < packet->count ? (gmq_reason)packet->reasons[index] : GMQ_REASON_UNSPECIFIED_ERROR;
}

size_t gmq_unsuback_count(const gmq_unsuback *packet)
{
    return packet->count;
}

gmq_reason gmq_unsuback_at(const gmq_unsuback *packet, size_t index)
{
    return index < packet->count ? (gmq_reason)packet->reasons[index] : GMQ_REASON_UNSPECIFIED_ERROR;
}

bool gmq_connack_is_session_present(const gmq_connack *packet)
{
    return packet->is_session_present;
}
