/* MQTT packets to bytes and back. */
#include "wire.h"

#include <string.h>

enum { RECEIVE_MAXIMUM = 0x21 };

/* ---- writing ---- */

static void put_u8(struct bytes *out, uint32_t value)
{
    *bytes_extend(out, 1) = (uint8_t)value;
}

static void put_u16(struct bytes *out, uint32_t value)
{
    uint8_t *place = bytes_extend(out, 2);
    place[0] = (uint8_t)(value >> 8);
    place[1] = (uint8_t)value;
}

static void put_length(struct bytes *out, size_t length)
{
    for (; length > 127; length >>= 7)
        put_u8(out, (uint32_t)(length & 127) | 128);
    put_u8(out, (uint32_t)length);
}

static void put_text(struct bytes *out, const char *text)
{
    size_t length = strlen(text);
    put_u16(out, (uint32_t)length);
    bytes_append(out, text, length);
}

void wire_connect(struct bytes *out, uint8_t version, const char *client_identifier, bool is_lasting)
{
    wire_connect_with_will(out, version, client_identifier, is_lasting, NULL);
}

static void put_will(struct bytes *body, uint8_t version, const struct will_form *will)
{
    if (version == VERSION_5)
        put_u8(body, 0);
    put_text(body, will->topic);
    put_u16(body, will->payload_length);
    bytes_append(body, will->payload, will->payload_length);
}

void wire_connect_with_will(struct bytes *out, uint8_t version, const char *client_identifier, bool is_lasting,
                            const struct will_form *will)
{
    struct bytes body = {0};
    put_text(&body, "MQTT");
    put_u8(&body, version);
    uint32_t flags = is_lasting ? 0 : 2; /* clean session, clean start */
    put_u8(&body, will != NULL ? flags | 4u | (uint32_t)will->qos << 3 : flags);
    put_u16(&body, 0);
    if (version == VERSION_5 && is_lasting) {
        const uint8_t session_expiry_interval[] = {5, 0x11, 0xFF, 0xFF, 0xFF, 0xFF};
        bytes_append(&body, session_expiry_interval, sizeof session_expiry_interval);
    } else if (version == VERSION_5) {
        put_u8(&body, 0);
    }
    put_text(&body, client_identifier);
    if (will != NULL)
        put_will(&body, version, will);
    put_u8(out, CONNECT << 4);
    put_length(out, body.length);
    bytes_append(out, body.data, body.length);
    bytes_free(&body);
}

void wire_add_filter(struct bytes *filters, const char *filter, uint8_t qos)
{
    put_text(filters, filter);
    put_u8(filters, qos);
}

void wire_subscribe(struct bytes *out, uint8_t version, uint16_t identifier, const struct bytes *filters)
{
    put_u8(out, SUBSCRIBE << 4 | 2);
    put_length(out, (version == VERSION_5 ? 3u : 2u) + filters->length);
    put_u16(out, identifier);
    if (version == VERSION_5)
        put_u8(out, 0);
    bytes_append(out, filters->data, filters->length);
}

void wire_acknowledge(struct bytes *out, enum packet_type type, uint16_t identifier)
{
    put_u8(out, (uint32_t)type << 4 | (type == PUBREL ? 2 : 0));
    put_u8(out, 2);
    put_u16(out, identifier);
}

void wire_empty(struct bytes *out, enum packet_type type)
{
    put_u8(out, (uint32_t)type << 4);
    put_u8(out, 0);
}

void wire_publish_head(struct bytes *out, const struct publish_form *form, uint16_t identifier)
{
    put_u8(out, PUBLISH << 4 | (uint32_t)form->qos << 1 | (form->is_retained ? 1 : 0) | (form->is_duplicate ? 8 : 0));
    put_length(out, 2u + form->topic_length + (form->qos > 0 ? 2 : 0) + (form->version == VERSION_5 ? 1 : 0) +
                        form->payload_length);
    put_u16(out, form->topic_length);
    bytes_append(out, form->topic, form->topic_length);
    if (form->qos > 0)
        put_u16(out, identifier);
    if (form->version == VERSION_5)
        put_u8(out, 0);
}

/* ---- reading ---- */

static uint16_t get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* A variable byte integer: its size, or 0 if it isn't whole or longer than four bytes. */
static size_t get_length(const uint8_t *bytes, size_t length, uint32_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length && i < 4; i++) {
        *value |= (uint32_t)(bytes[i] & 127) << (7 * i);
        if (bytes[i] < 128)
            return i + 1;
    }
    return 0;
}

size_t wire_next(const uint8_t *bytes, size_t length, struct packet *packet)
{
    uint32_t remaining;
    size_t size = length > 1 ? get_length(bytes + 1, length - 1, &remaining) : 0;
    if (size == 0 && length > 4)
        fail("the broker sends a remaining length of more than four bytes");
    if (size == 0 || length - 1 - size < remaining)
        return 0;
    *packet =
        (struct packet){.type = bytes[0] >> 4, .flags = bytes[0] & 15, .body = bytes + 1 + size, .length = remaining};
    return 1 + size + remaining;
}

/* Where the properties that begin at `at` end; 0: the packet ends too soon. */
static size_t skip_properties(const struct packet *packet, size_t at)
{
    uint32_t length;
    size_t size = get_length(packet->body + at, packet->length - at, &length);
    return size > 0 && packet->length - at - size >= length ? at + size + length : 0;
}

bool wire_read_publish(const struct packet *packet, uint8_t version, struct publish *publish)
{
    publish->qos = packet->flags >> 1 & 3;
    size_t at = 2;
    if (packet->length < at || packet->length - at < get_u16(packet->body))
        return false;
    publish->topic_length = get_u16(packet->body);
    publish->topic = (const char *)packet->body + at;
    at += publish->topic_length;
    if (publish->qos > 0) {
        if (packet->length - at < 2)
            return false;
        publish->identifier = get_u16(packet->body + at);
        at += 2;
    }
    if (version == VERSION_5 && (at = skip_properties(packet, at)) == 0)
        return false;
    publish->payload = packet->body + at;
    publish->payload_length = packet->length - (uint32_t)at;
    return true;
}

bool wire_read_acknowledgement(const struct packet *packet, uint16_t *identifier, uint8_t *reason)
{
    if (packet->length < 2)
        return false;
    *identifier = get_u16(packet->body);
    *reason = packet->length > 2 ? packet->body[2] : 0;
    return true;
}

uint8_t wire_suback_reason(const struct packet *packet, uint8_t version)
{
    size_t at = 2;
    if (packet->length < at || (version == VERSION_5 && (at = skip_properties(packet, at)) == 0))
        return FAILURE_FROM;
    uint8_t worst = 0;
    for (; at < packet->length; at++)
        worst = packet->body[at] > worst ? packet->body[at] : worst;
    return worst;
}

/* The size of a CONNACK's property of this identifier; 0: texts, whose length stands in front of them. */
static size_t connack_property_size(uint8_t identifier)
{
    static const uint8_t sizes[256] = {
        [0x11] = 4, [0x13] = 2, [RECEIVE_MAXIMUM] = 2, [0x22] = 2, [0x24] = 1, [0x25] = 1, [0x27] = 4, [0x28] = 1,
        [0x29] = 1, [0x2A] = 1,
    };
    return sizes[identifier];
}

static uint16_t find_receive_maximum(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint8_t identifier = *at++;
        size_t size = connack_property_size(identifier);
        int texts = identifier == 0x26 ? 2 : 1; /* a user property has two */
        if (identifier == RECEIVE_MAXIMUM && end - at >= 2)
            return get_u16(at);
        if (size > 0) {
            at += size;
            continue;
        }
        for (; texts > 0 && end - at >= 2; texts--)
            at += 2 + get_u16(at);
    }
    return UINT16_MAX;
}

uint8_t wire_read_connack(const struct packet *packet, uint8_t version, uint16_t *receive_maximum)
{
    *receive_maximum = UINT16_MAX;
    if (packet->length < 2)
        return FAILURE_FROM;
    uint32_t length;
    size_t size = version == VERSION_5 ? get_length(packet->body + 2, packet->length - 2, &length) : 0;
    if (size > 0 && packet->length - 2 - size >= length)
        *receive_maximum = find_receive_maximum(packet->body + 2 + size, packet->body + 2 + size + length);
    return packet->body[1];
}
