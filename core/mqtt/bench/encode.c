/* What writing packets costs: the head of PUBLISH as delivery writes it, and an acknowledgement. */
#include "mqtt/encode.h"

#include "base/bench/bench.h"

static void encode_publish(uint64_t rounds, uint8_t version, gmq_view properties)
{
    uint8_t bytes[128];
    for (uint64_t i = 0; i < rounds; i++) {
        struct publish_head head = {.version = version,
                                    .topic = GMQ_VIEW("load/7"),
                                    .properties = properties,
                                    .qos = 1,
                                    .packet_identifier = (uint16_t)(1 + i % 65535),
                                    .payload_length = 64};
        bench_demand(publish_head_size(&head) != 0, "can't be encoded");
        publish_head_encode(&head, bytes);
        bench_use(bytes);
    }
}

static void encode_publish_4(uint64_t rounds)
{
    encode_publish(rounds, GMQ_VERSION_3_1_1, gmq_view_make(NULL, 0));
}

static void encode_publish_5(uint64_t rounds)
{
    encode_publish(rounds, GMQ_VERSION_5_0, gmq_view_make("\x01\x01\x26\0\x04unit\0\x03kPa", 14));
}

static void encode_puback(uint64_t rounds)
{
    uint8_t bytes[16];
    for (uint64_t i = 0; i < rounds; i++) {
        bench_demand(encode_ack(bytes, GMQ_PUBACK, GMQ_VERSION_5_0, (uint16_t)i, 0) != 0, "can't be encoded");
        bench_use(bytes);
    }
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"encode/publish-3.1.1", "all of PUBLISH but its payload", NULL, encode_publish_4},
        {"encode/publish-5.0", "the same with two properties", NULL, encode_publish_5},
        {"encode/puback", "PUBACK", NULL, encode_puback},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
