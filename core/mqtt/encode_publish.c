/* PUBLISH (3.3) to bytes: as a packet, and as the head that goes in front of a stored payload. */
#include "mqtt/encode_parts.h"
#include "mqtt/properties.h"

enum { EXPIRY_SIZE = 5, ALIAS_SIZE = 3 };

uint8_t publish_flags(uint8_t qos, bool is_retained, bool is_duplicate)
{
    return (uint8_t)((unsigned)is_duplicate << 3 | (unsigned)qos << 1 | (unsigned)is_retained);
}

void encode_publish(struct writer *writer, const struct gmq_packet *packet, uint32_t which)
{
    const struct gmq_publish *publish = (const struct gmq_publish *)packet;
    writer_text(writer, publish->topic);
    if (publish->qos > 0) /* [MQTT-2.2.1-2] */
        writer_u16(writer, packet->identifier);
    writer_properties(writer, packet, which);
    writer_bytes(writer, publish->payload);
}

static size_t head_properties_size(const struct publish_head *head)
{
    size_t size = head->properties.length;
    size += head->has_message_expiry ? EXPIRY_SIZE : 0;
    size += head->topic_alias != 0 ? ALIAS_SIZE : 0;
    for (uint32_t i = 0; i < head->subscription_identifier_count; i++)
        size += 1 + encode_varint_size(head->subscription_identifiers[i]);
    return size;
}

/* Of the body: what stands between the fixed header and the payload. `properties_size` counts in 5.0 only. */
static size_t head_body_size(const struct publish_head *head, size_t properties_size)
{
    size_t size = 2 + head->topic.length + (head->qos > 0 ? 2 : 0);
    if (head->version >= GMQ_VERSION_5_0)
        size += encode_varint_size((uint32_t)properties_size) + properties_size;
    return size;
}

size_t publish_head_size(const struct publish_head *head)
{
    size_t properties_size = head_properties_size(head);
    if (head->topic.length > UINT16_MAX || properties_size > REMAINING_LENGTH_MAX)
        return 0;
    size_t body_size = head_body_size(head, properties_size);
    size_t remaining_length = body_size + head->payload_length;
    if (remaining_length > REMAINING_LENGTH_MAX)
        return 0;
    return 1 + encode_varint_size((uint32_t)remaining_length) + body_size;
}

static void head_write_properties(struct writer *writer, const struct publish_head *head)
{
    if (head->has_message_expiry) {
        writer_u8(writer, GMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL);
        writer_u32(writer, head->message_expiry_interval);
    }
    for (uint32_t i = 0; i < head->subscription_identifier_count; i++) {
        writer_u8(writer, GMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER);
        writer_varint(writer, head->subscription_identifiers[i]);
    }
    if (head->topic_alias != 0) { /* [MQTT-3.3.2-8] */
        writer_u8(writer, GMQ_PROPERTY_TOPIC_ALIAS);
        writer_u16(writer, head->topic_alias);
    }
    writer_bytes(writer, head->properties); /* user properties are last here, and keep their order [MQTT-3.3.2-18] */
}

void publish_head_encode(const struct publish_head *head, uint8_t *bytes)
{
    struct writer writer = {.bytes = bytes};
    size_t properties_size = head_properties_size(head);
    size_t remaining_length = head_body_size(head, properties_size) + head->payload_length;
    uint8_t flags = publish_flags(head->qos, head->is_retained, head->is_duplicate);
    writer_u8(&writer, (uint8_t)(GMQ_PUBLISH << 4 | flags));
    writer_varint(&writer, (uint32_t)remaining_length);
    writer_text(&writer, head->topic);
    if (head->qos > 0)
        writer_u16(&writer, head->packet_identifier);
    if (head->version >= GMQ_VERSION_5_0) {
        writer_varint(&writer, (uint32_t)properties_size);
        head_write_properties(&writer, head);
    }
}

size_t publish_identifier_offset(size_t header_size, size_t topic_length)
{
    return header_size + 2 + topic_length;
}
