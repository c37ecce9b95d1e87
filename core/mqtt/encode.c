/* The table of encoders by packet type, the fixed header, and what is left out of a packet that is too large. */
#include "mqtt/encode.h"

#include "mqtt/encode_parts.h"
#include "mqtt/properties.h"

#include <assert.h>

static encode_function *const encoders[16] = {
    [GMQ_CONNECT] = encode_connect,
    [GMQ_CONNACK] = encode_connack,
    [GMQ_PUBLISH] = encode_publish,
    [GMQ_PUBACK] = encode_acknowledgement,
    [GMQ_PUBREC] = encode_acknowledgement,
    [GMQ_PUBREL] = encode_acknowledgement,
    [GMQ_PUBCOMP] = encode_acknowledgement,
    [GMQ_SUBSCRIBE] = encode_subscribe,
    [GMQ_SUBACK] = encode_suback,
    [GMQ_UNSUBSCRIBE] = encode_unsubscribe,
    [GMQ_UNSUBACK] = encode_unsuback,
    [GMQ_PINGREQ] = encode_nothing,
    [GMQ_PINGRESP] = encode_nothing,
    [GMQ_DISCONNECT] = encode_disconnect,
    [GMQ_AUTH] = encode_auth,
};

static const int8_t fixed_flags[16] = {
#define PACKET(number, name, struct_name, flags, sender) [number] = flags,
#include "mqtt/packets.def"
#undef PACKET
};

size_t encode_varint_size(uint32_t value)
{
    return 1U + (value >= 0x80) + (value >= 0x4000) + (value >= 0x200000);
}

size_t encode_varint(uint8_t *bytes, uint32_t value)
{
    struct writer writer = {.bytes = bytes};
    writer_varint(&writer, value);
    return writer.length;
}

static uint8_t first_byte(const struct gmq_packet *packet)
{
    uint8_t flags = (uint8_t)fixed_flags[packet->type];
    if (packet->type == GMQ_PUBLISH) {
        const struct gmq_publish *publish = (const struct gmq_publish *)packet;
        flags = publish_flags(publish->qos, publish->is_retained, publish->is_duplicate);
    }
    return (uint8_t)(packet->type << 4 | flags);
}

/* Measures the packet with the properties of `which`. */
static enum mqtt_error packet_measure(const struct gmq_packet *packet, uint32_t which, uint32_t maximum_packet_size,
                                      uint32_t *remaining_length)
{
    struct writer counter = {0};
    encoders[packet->type](&counter, packet, which);
    if (counter.is_too_long || counter.length > REMAINING_LENGTH_MAX)
        return MQTT_ERROR_PACKET_TOO_LARGE;
    *remaining_length = (uint32_t)counter.length;
    size_t size = 1 + encode_varint_size(*remaining_length) + counter.length;
    return size <= maximum_packet_size ? MQTT_OK : MQTT_ERROR_PACKET_TOO_LARGE;
}

static enum mqtt_error packet_write(const struct gmq_packet *packet, uint32_t which, uint32_t remaining_length,
                                    struct buffer *out)
{
    size_t size = 1 + encode_varint_size(remaining_length) + remaining_length;
    struct writer writer = {.bytes = buffer_reserve(out, size)};
    if (writer.bytes == NULL)
        return MQTT_ERROR_MEMORY;
    writer_u8(&writer, first_byte(packet));
    writer_varint(&writer, remaining_length);
    encoders[packet->type](&writer, packet, which);
    assert(writer.length == size);
    out->length += size;
    return MQTT_OK;
}

/* Whether a version below 5.0 has the type. */
static bool type_is_old(uint8_t type, bool is_from_client)
{
    return type != GMQ_AUTH && (type != GMQ_DISCONNECT || is_from_client);
}

/* What only a client may say: two reasons (2.4), and the session expiry interval in DISCONNECT [MQTT-3.14.2-2]. */
static uint32_t sayable(const struct gmq_packet *packet, bool is_from_client)
{
    bool is_forbidden = packet->type == GMQ_DISCONNECT && !is_from_client;
    return is_forbidden ? ~PROPERTY_BIT(PROPERTY_SESSION_EXPIRY_INTERVAL) : UINT32_MAX;
}

/* What to leave out, step by step, of a packet that is too large [MQTT-3.2.2-19, 3.2.2-20 and their like]. Of a PUBLISH
 * nothing may be [MQTT-3.3.2-17]. */
static const uint32_t steps[] = {
    UINT32_MAX,
    ~PROPERTY_BIT(PROPERTY_USER_PROPERTY),
    ~(PROPERTY_BIT(PROPERTY_USER_PROPERTY) | PROPERTY_BIT(PROPERTY_REASON_STRING)),
};

static enum mqtt_error encode(const struct gmq_packet *packet, bool is_from_client, uint32_t maximum_packet_size,
                              struct buffer *out)
{
    bool exists = packet->type < 16 && encoders[packet->type] != NULL;
    if (!exists || (packet->version < GMQ_VERSION_5_0 && !type_is_old(packet->type, is_from_client)))
        return MQTT_ERROR_PACKET_TYPE;
    if (!is_from_client && mqtt_reason_is_of_client((gmq_reason)packet->reason))
        return MQTT_ERROR_REASON_CODE;
    size_t step_count = packet->type == GMQ_PUBLISH ? 1 : sizeof steps / sizeof steps[0];
    for (size_t i = 0; i < step_count; i++) {
        uint32_t which = steps[i] & sayable(packet, is_from_client);
        uint32_t remaining_length;
        if (packet_measure(packet, which, maximum_packet_size, &remaining_length) == MQTT_OK)
            return packet_write(packet, which, remaining_length, out);
    }
    return MQTT_ERROR_PACKET_TOO_LARGE;
}

enum mqtt_error packet_encode(const struct gmq_packet *packet, uint32_t maximum_packet_size, struct buffer *out)
{
    return encode(packet, false, maximum_packet_size, out);
}

enum mqtt_error packet_encode_from_client(const struct gmq_packet *packet, uint32_t maximum_packet_size,
                                          struct buffer *out)
{
    return encode(packet, true, maximum_packet_size, out);
}

size_t encode_ack(uint8_t *bytes, gmq_packet_type type, uint8_t version, uint16_t packet_identifier, uint8_t reason)
{
    bool has_reason = reason != 0 && version >= GMQ_VERSION_5_0;
    struct writer writer = {.bytes = bytes};
    writer_u8(&writer, (uint8_t)((unsigned)type << 4 | (uint8_t)fixed_flags[type]));
    writer_u8(&writer, has_reason ? 3 : 2);
    writer_u16(&writer, packet_identifier);
    if (has_reason)
        writer_u8(&writer, reason);
    return writer.length;
}
