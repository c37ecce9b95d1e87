/* What reading packets costs: the fixed header, PUBLISH of both versions, and an acknowledgement. */
#include "mqtt/decode.h"

#include "base/bench/bench.h"

#include <string.h>

static const uint8_t publish_4[] = "\x32\x4A\0\x06"
                                   "load/7\x12\x34"
                                   "0123456789012345678901234567890123456789012345678901234567890123";
static const uint8_t publish_5[] = "\x32\x5E\0\x06"
                                   "load/7\x12\x34"
                                   "\x13"
                                   "\x01\x01"
                                   "\x02\0\0\0\x3C"
                                   "\x26\0\x04"
                                   "unit\0\x03"
                                   "kPa"
                                   "0123456789012345678901234567890123456789012345678901234567890123";
static const uint8_t puback[] = {0x40, 2, 0x12, 0x34};
static struct arena arena;

static void begin(void)
{
    arena_init(&arena, SIZE_MAX);
}

static void decode(uint64_t rounds, const uint8_t *bytes, size_t length, uint8_t version)
{
    for (uint64_t i = 0; i < rounds; i++) {
        struct frame frame;
        union any_packet packet;
        bench_demand(frame_read(bytes, length, &frame) == FRAME_COMPLETE, "no frame");
        bench_demand(packet_decode(&frame, version, &arena, &packet) == MQTT_OK, "no packet");
        bench_use(&packet);
    }
}

static void decode_publish_4(uint64_t rounds)
{
    decode(rounds, publish_4, sizeof publish_4 - 1, GMQ_VERSION_3_1_1);
}

static void decode_publish_5(uint64_t rounds)
{
    decode(rounds, publish_5, sizeof publish_5 - 1, GMQ_VERSION_5_0);
}

static void decode_puback(uint64_t rounds)
{
    decode(rounds, puback, sizeof puback, GMQ_VERSION_3_1_1);
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"decode/publish-3.1.1", "PUBLISH, QoS 1, 64 bytes", begin, decode_publish_4},
        {"decode/publish-5.0", "the same with three properties", begin, decode_publish_5},
        {"decode/puback", "PUBACK", begin, decode_puback},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
