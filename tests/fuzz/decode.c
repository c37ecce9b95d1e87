/* Any bytes as packets of a client or a broker: they are refused, or mean the same when they are encoded and decoded
 * again. The first byte chooses version and side, the second how tightly packets are encoded, the rest are the bytes of
 * one connection. */
#include "mqtt/random_packet.h"
#include "shard/demand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- framing ---- */

/* As the standard's text has it (5.0, 1.5.5): a multiplier, and one byte after the other. */
static enum frame_status plain_frame_read(const uint8_t *bytes, size_t length, struct frame *frame)
{
    uint32_t multiplier = 1;
    uint32_t value = 0;
    for (size_t at = 1; at <= 4; at++, multiplier *= 128) {
        if (at >= length)
            return FRAME_PARTIAL;
        value += (bytes[at] % 128) * multiplier;
        if (bytes[at] < 128) {
            *frame = (struct frame){bytes[0] / 16, bytes[0] % 16, (uint8_t)(at + 1), value, bytes + at + 1};
            return length >= at + 1 + value ? FRAME_COMPLETE : FRAME_HEADER;
        }
    }
    return FRAME_MALFORMED;
}

static void check_frame(const uint8_t *bytes, size_t length)
{
    struct frame frame, plain;
    enum frame_status status = frame_read(bytes, length, &frame);
    demand(status == plain_frame_read(bytes, length, &plain), "framed as %d", (int)status);
    if (status != FRAME_COMPLETE && status != FRAME_HEADER)
        return;
    demand(frame.type == plain.type && frame.flags == plain.flags && frame.header_size == plain.header_size &&
               frame.remaining_length == plain.remaining_length && frame.body == plain.body,
           "another header");
}

/* What is there so far never decides otherwise than the whole. */
static void check_every_beginning(const uint8_t *bytes, size_t length)
{
    size_t longest = length < 8 ? length : 8;
    for (size_t i = 0; i < longest; i++)
        check_frame(bytes, i);
    check_frame(bytes, length);
}

/* ---- packets ---- */

static enum mqtt_error encode_within(enum side side, const struct gmq_packet *packet, uint32_t size, struct buffer *out)
{
    return side == FROM_CLIENT ? packet_encode_from_client(packet, size, out) : packet_encode(packet, size, out);
}

static void decode_again(enum side side, const struct buffer *bytes, uint8_t version, struct arena *arena,
                         union any_packet *packet)
{
    struct frame frame;
    demand(frame_read(bytes->bytes, bytes->length, &frame) == FRAME_COMPLETE && frame_size(&frame) == bytes->length,
           "what was encoded is not one frame");
    enum mqtt_error error = decode_on(side, &frame, version, arena, packet);
    demand(error == MQTT_OK, "what was encoded is refused: %d", (int)error);
}

/* Encoded, decoded and encoded once more: the same meaning, and the same bytes. */
static void check_round_trip(enum side side, const union any_packet *first, struct arena *arena, struct buffer *out)
{
    union any_packet second;
    struct buffer again;
    buffer_init(&again);
    demand(encode_on(side, &first->packet, out) == MQTT_OK, "what was decoded can't be encoded");
    decode_again(side, out, first->packet.version, arena, &second);
    demand(packets_are_equal(first, &second), "another packet came back");
    demand(encode_on(side, &second.packet, &again) == MQTT_OK, "encoded once, but not twice");
    demand(again.length == out->length && memcmp(again.bytes, out->bytes, out->length) == 0, "other bytes");
    buffer_deinit(&again);
}

/* A receiver's maximum packet size: what may be left out is, and the rest is still the packet; or nothing comes. */
static void check_limit(enum side side, const union any_packet *packet, uint32_t size, struct arena *arena)
{
    struct buffer out;
    union any_packet shorter;
    buffer_init(&out);
    enum mqtt_error error = encode_within(side, &packet->packet, size, &out);
    if (error == MQTT_OK) {
        demand(out.length <= size, "%zu bytes where %u fit", out.length, (unsigned)size);
        decode_again(side, &out, packet->packet.version, arena, &shorter);
        demand(packet->packet.reason == shorter.packet.reason &&
                   packet->packet.identifier == shorter.packet.identifier && bodies_are_equal(packet, &shorter),
               "more than properties was left out");
    } else {
        demand(error == MQTT_ERROR_PACKET_TOO_LARGE && out.length == 0, "something of a packet that is too large");
    }
    buffer_deinit(&out);
}

/* The hot path's own way to the same packet. */
static void check_publish(const struct frame *frame, enum mqtt_error error, const union any_packet *packet,
                          uint8_t version)
{
    union any_packet alone;
    demand(publish_decode(frame, version, &alone.publish) == error, "PUBLISH alone is seen otherwise");
    demand(error != MQTT_OK || packets_are_equal(packet, &alone), "PUBLISH alone is another");
}

static void check_copy(const union any_packet *packet, struct arena *arena)
{
    const struct gmq_packet *copy = packet_copy(&packet->packet, arena);
    demand(copy != NULL, "no room");
    demand(packets_are_equal(packet, (const union any_packet *)(const void *)copy), "the copy is another");
}

/* Returns the version that the connection has from here on. */
static uint8_t survive(const struct frame *frame, uint8_t version, enum side side, uint32_t tightness)
{
    struct arena arena;
    struct buffer out;
    union any_packet packet;
    arena_init(&arena, 1 << 22);
    buffer_init(&out);
    enum mqtt_error error = decode_on(side, frame, version, &arena, &packet);
    if (frame->type == GMQ_PUBLISH && side == FROM_CLIENT)
        check_publish(frame, error, &packet, version);
    if (error == MQTT_OK) {
        check_copy(&packet, &arena);
        check_round_trip(side, &packet, &arena, &out);
        check_limit(side, &packet, (uint32_t)(out.length * tightness / 256), &arena);
        if (frame->type == GMQ_CONNECT)
            version = packet.packet.version;
    }
    buffer_deinit(&out);
    arena_deinit(&arena);
    return version;
}

/* The packet in memory of its own, so that a step beyond its end is noticed. */
static uint8_t survive_alone(const uint8_t *bytes, size_t size, uint8_t version, enum side side, uint32_t tightness)
{
    struct frame frame;
    uint8_t *copy = malloc(size);
    demand(copy != NULL, "no room");
    memcpy(copy, bytes, size);
    demand(frame_read(copy, size, &frame) == FRAME_COMPLETE, "a whole frame was one before");
    version = survive(&frame, version, side, tightness);
    free(copy);
    return version;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint8_t version = GMQ_VERSION_3_1 + data[0] % 3;
    enum side side = data[0] & 0x80 ? FROM_BROKER : FROM_CLIENT;
    uint32_t tightness = data[1];
    struct frame frame;
    data += 2;
    size -= 2;
    check_every_beginning(data, size);
    while (frame_read(data, size, &frame) == FRAME_COMPLETE) {
        version = survive_alone(data, frame_size(&frame), version, side, tightness);
        data += frame_size(&frame);
        size -= frame_size(&frame);
        check_every_beginning(data, size);
    }
    return 0;
}
