/* Any bytes as packets of a client or a broker: they are refused, or mean the same when they are encoded and decoded
 * again. The first byte chooses version and side, the rest are the bytes of one connection. */
#include "mqtt/random_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool claim)
{
    if (!claim)
        abort();
}

static void survive(const struct frame *frame, uint8_t version, enum side side)
{
    struct arena arena;
    struct buffer out;
    union any_packet first, second;
    struct frame again;
    arena_init(&arena, 1 << 22);
    buffer_init(&out);
    if (decode_on(side, frame, version, &arena, &first) == MQTT_OK) {
        demand(encode_on(side, &first.packet, &out) == MQTT_OK);
        demand(frame_read(out.bytes, out.length, &again) == FRAME_COMPLETE && frame_size(&again) == out.length);
        demand(decode_on(side, &again, version, &arena, &second) == MQTT_OK);
        demand(packets_are_equal(&first, &second));
        struct gmq_packet *copy = packet_copy(&first.packet, &arena);
        demand(copy == NULL || copy->type == first.packet.type);
    }
    buffer_deinit(&out);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t version = GMQ_VERSION_3_1 + data[0] % 3;
    enum side side = data[0] & 0x80 ? FROM_BROKER : FROM_CLIENT;
    struct frame frame;
    data++;
    size--;
    while (frame_read(data, size, &frame) == FRAME_COMPLETE) {
        survive(&frame, version, side);
        data += frame_size(&frame);
        size -= frame_size(&frame);
    }
    return 0;
}
