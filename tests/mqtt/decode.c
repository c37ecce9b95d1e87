/* Decoding what is cut, flipped, and wrong in each single field. */
#include "mqtt/decode.h"

#include "base/memory.h"

#include <criterion/criterion.h>

#include "mqtt/random_packet.h"

/* ---- cut and flipped ---- */

/* A packet in a block of exactly its size, for ASan. */
struct wire {
    uint8_t *bytes;
    size_t length;
};

static struct wire wire_make(struct dice *dice, gmq_packet_type type, uint8_t version, enum side side)
{
    struct arena arena;
    struct buffer out;
    union any_packet any;
    arena_init(&arena, 1 << 20);
    buffer_init(&out);
    random_packet(dice, type, version, side, &arena, &any);
    cr_assert_eq(encode_on(side, &any.packet, &out), MQTT_OK);
    struct wire wire = {malloc(out.length), out.length};
    memcpy(wire.bytes, out.bytes, out.length);
    buffer_deinit(&out);
    arena_deinit(&arena);
    return wire;
}

/* Decodes; what is accepted must mean the same when it is encoded and decoded again. */
static void decode_and_back(const struct frame *frame, uint8_t version, enum side side)
{
    struct arena arena;
    struct buffer out;
    union any_packet first, second;
    struct frame again;
    arena_init(&arena, 1 << 20);
    buffer_init(&out);
    if (decode_on(side, frame, version, &arena, &first) == MQTT_OK) {
        cr_assert_eq(encode_on(side, &first.packet, &out), MQTT_OK);
        cr_assert_eq(frame_read(out.bytes, out.length, &again), FRAME_COMPLETE);
        enum mqtt_error error = decode_on(side, &again, version, &arena, &second);
        cr_assert_eq(error, MQTT_OK, "type %d version %d: %s", frame->type, version, mqtt_error_text(error));
        cr_assert(packets_are_equal(&first, &second), "type %d version %d", frame->type, version);
    }
    buffer_deinit(&out);
    arena_deinit(&arena);
}

static void prefixes_are_survived(gmq_packet_type type, uint8_t version, enum side side)
{
    struct dice dice = {77U + type};
    for (int i = 0; i < 12; i++) {
        struct wire wire = wire_make(&dice, type, version, side);
        struct frame frame, whole;
        cr_assert_eq(frame_read(wire.bytes, wire.length, &whole), FRAME_COMPLETE);
        for (size_t cut = 0; cut < wire.length; cut++) {
            uint8_t *prefix = malloc(cut + 1);
            memcpy(prefix + 1, wire.bytes, cut);
            enum frame_status status = frame_read(prefix + 1, cut, &frame);
            cr_assert(status == FRAME_PARTIAL || status == FRAME_HEADER, "status %d", status);
            free(prefix);
        }
        /* And with a remaining length that says so. */
        for (size_t cut = 0; cut < whole.remaining_length; cut++) {
            uint8_t *body = malloc(cut + 1);
            memcpy(body + 1, whole.body, cut);
            frame = whole;
            frame.body = body + 1;
            frame.remaining_length = (uint32_t)cut;
            frame.header_size = (uint8_t)(1 + encode_varint_size((uint32_t)cut));
            decode_and_back(&frame, version, side);
            free(body);
        }
        free(wire.bytes);
    }
}

Test(decode, every_prefix_of_every_packet_is_partial_or_an_error, .timeout = 100)
{
    each_kind(prefixes_are_survived);
}

static void flips_are_survived(gmq_packet_type type, uint8_t version, enum side side)
{
    static const uint8_t masks[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF};
    struct dice dice = {99U + type};
    for (int i = 0; i < 8; i++) {
        struct wire wire = wire_make(&dice, type, version, side);
        for (size_t place = 0; place < wire.length; place++)
            for (size_t k = 0; k < sizeof masks; k++) {
                struct frame frame;
                wire.bytes[place] ^= masks[k];
                if (frame_read(wire.bytes, wire.length, &frame) == FRAME_COMPLETE)
                    decode_and_back(&frame, version, side);
                wire.bytes[place] ^= masks[k];
            }
        free(wire.bytes);
    }
}

Test(decode, every_flipped_byte_is_an_error_or_a_packet_with_a_meaning, .timeout = 100)
{
    each_kind(flips_are_survived);
}

static void memory_may_be_out(gmq_packet_type type, uint8_t version, enum side side)
{
    struct dice dice = {type};
    struct wire wire = wire_make(&dice, type, version, side);
    struct frame frame;
    union any_packet any;
    cr_assert_eq(frame_read(wire.bytes, wire.length, &frame), FRAME_COMPLETE);
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        mem_fail_after(n);
        enum mqtt_error error = decode_on(side, &frame, version, &arena, &any);
        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(error, has_failed ? MQTT_ERROR_MEMORY : MQTT_OK);
        arena_deinit(&arena);
    }
    free(wire.bytes);
}

Test(decode, memory_that_is_out_is_an_error)
{
    each_kind(memory_may_be_out);
}

/* ---- wrong in one field ---- */

struct row {
    const char *what;
    uint8_t version;
    uint8_t first; /* byte of the packet */
    const char *body;
    size_t length;
    enum mqtt_error error;
};

#define ROW(what, version, first, body, error)                                                                         \
    {                                                                                                                  \
        what, version, first, body, sizeof(body) - 1, error                                                            \
    }

/* A CONNECT of each version up to its flags. */
#define V3 "\0\6MQIsdp\3"
#define V4 "\0\4MQTT\4"
#define V5 "\0\4MQTT\5"

static const struct row connects[] = {
    ROW("3.1", 3, 0x10, V3 "\2\0\12\0\1c", MQTT_OK),
    ROW("3.1.1", 4, 0x10, V4 "\2\0\12\0\1c", MQTT_OK),
    ROW("5.0", 5, 0x10, V5 "\2\0\12\0\0\1c", MQTT_OK),
    ROW("nothing", 0, 0x10, "", MQTT_ERROR_TRUNCATED),
    ROW("fixed header flags", 4, 0x11, V4 "\2\0\12\0\1c", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("fixed header flags in 5.0", 5, 0x18, V5 "\2\0\12\0\0\1c", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("unknown name", 0, 0x10, "\0\4MQTU\4\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_NAME),
    ROW("name in lower case", 0, 0x10, "\0\4mqtt\4\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_NAME),
    ROW("empty name", 0, 0x10, "\0\0\4\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_NAME),
    ROW("name that isn't UTF-8", 0, 0x10, "\0\4MQT\xFF\4\2\0\12\0\1c", MQTT_ERROR_UTF8),
    ROW("name beyond the end", 0, 0x10, "\0\7MQTT", MQTT_ERROR_TRUNCATED),
    ROW("level 3 with the new name", 0, 0x10, "\0\4MQTT\3\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_VERSION),
    ROW("level 4 with the old name", 0, 0x10, "\0\6MQIsdp\4\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_VERSION),
    ROW("level 0", 0, 0x10, "\0\4MQTT\0\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_VERSION),
    ROW("level 6", 6, 0x10, "\0\4MQTT\6\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_VERSION),
    ROW("level 255", 255, 0x10, "\0\4MQTT\xFF\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_VERSION),
    ROW("a bridge's level", 0, 0x10, "\0\4MQTT\x84\2\0\12\0\1c", MQTT_ERROR_PROTOCOL_VERSION),
    ROW("no level", 0, 0x10, "\0\4MQTT", MQTT_ERROR_TRUNCATED),
    ROW("no flags", 4, 0x10, V4, MQTT_ERROR_TRUNCATED),
    ROW("reserved flag", 4, 0x10, V4 "\3\0\12\0\1c", MQTT_ERROR_CONNECT_FLAGS),
    ROW("reserved flag in 5.0", 5, 0x10, V5 "\3\0\12\0\0\1c", MQTT_ERROR_CONNECT_FLAGS),
    ROW("reserved flag in 3.1", 3, 0x10, V3 "\3\0\12\0\1c", MQTT_OK),
    ROW("will QoS without will", 4, 0x10, V4 "\12\0\12\0\1c", MQTT_ERROR_CONNECT_FLAGS),
    ROW("will retain without will", 4, 0x10, V4 "\42\0\12\0\1c", MQTT_ERROR_CONNECT_FLAGS),
    ROW("will QoS 3", 4, 0x10, V4 "\36\0\12\0\1c\0\1t\0\1p", MQTT_ERROR_QOS),
    ROW("password alone", 4, 0x10, V4 "\102\0\12\0\1c\0\1p", MQTT_ERROR_CONNECT_FLAGS),
    ROW("password alone in 3.1", 3, 0x10, V3 "\102\0\12\0\1c\0\1p", MQTT_ERROR_CONNECT_FLAGS),
    ROW("password alone in 5.0", 5, 0x10, V5 "\102\0\12\0\0\1c\0\1p", MQTT_OK),
    ROW("no keep alive", 4, 0x10, V4 "\2\0", MQTT_ERROR_TRUNCATED),
    ROW("no client identifier", 4, 0x10, V4 "\2\0\12", MQTT_ERROR_TRUNCATED),
    ROW("empty identifier in 3.1", 3, 0x10, V3 "\2\0\12\0\0", MQTT_ERROR_CLIENT_IDENTIFIER),
    ROW("empty identifier, clean", 4, 0x10, V4 "\2\0\12\0\0", MQTT_OK),
    ROW("empty identifier, kept", 4, 0x10, V4 "\0\0\12\0\0", MQTT_ERROR_CLIENT_IDENTIFIER),
    ROW("empty identifier in 5.0", 5, 0x10, V5 "\0\0\12\0\0\0", MQTT_OK),
    ROW("24 bytes of identifier in 3.1", 3, 0x10, V3 "\2\0\12\0\30abcdefghijklmnopqrstuvwx", MQTT_OK),
    ROW("identifier with U+0000", 4, 0x10, V4 "\2\0\12\0\1\0", MQTT_ERROR_UTF8),
    ROW("identifier with a surrogate", 4, 0x10, V4 "\2\0\12\0\3\xED\xA0\x80", MQTT_ERROR_UTF8),
    ROW("will", 4, 0x10, V4 "\6\0\12\0\1c\0\1t\0\1p", MQTT_OK),
    ROW("will in 5.0", 5, 0x10, V5 "\6\0\12\0\0\1c\5\x18\0\0\0\1\0\1t\0\1p", MQTT_OK),
    ROW("will property elsewhere", 5, 0x10, V5 "\6\0\12\5\x18\0\0\0\1\0\1c\0\0\1t\0\1p", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("topic alias in a will", 5, 0x10, V5 "\6\0\12\0\0\1c\3\x23\0\1\0\1t\0\1p", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("will to a filter", 4, 0x10, V4 "\6\0\12\0\1c\0\1#\0\1p", MQTT_ERROR_TOPIC_NAME),
    ROW("will to nothing", 4, 0x10, V4 "\6\0\12\0\1c\0\0\0\1p", MQTT_ERROR_TOPIC_NAME),
    ROW("will topic that isn't UTF-8", 4, 0x10, V4 "\6\0\12\0\1c\0\1\xFF\0\1p", MQTT_ERROR_UTF8),
    ROW("will without payload", 4, 0x10, V4 "\6\0\12\0\1c\0\1t", MQTT_ERROR_TRUNCATED),
    ROW("will payload of any bytes", 4, 0x10, V4 "\6\0\12\0\1c\0\1t\0\2\0\xFF", MQTT_OK),
    ROW("no user name", 4, 0x10, V4 "\202\0\12\0\1c", MQTT_ERROR_TRUNCATED),
    ROW("user name that isn't UTF-8", 4, 0x10, V4 "\202\0\12\0\1c\0\1\xFF", MQTT_ERROR_UTF8),
    ROW("no password", 4, 0x10, V4 "\302\0\12\0\1c\0\1u", MQTT_ERROR_TRUNCATED),
    ROW("password of any bytes", 4, 0x10, V4 "\302\0\12\0\1c\0\1u\0\2\0\xFF", MQTT_OK),
    ROW("trailing byte", 4, 0x10, V4 "\2\0\12\0\1c!", MQTT_ERROR_TRAILING_BYTES),
    ROW("data without method", 5, 0x10, V5 "\2\0\12\4\x16\0\1d\0\1c", MQTT_ERROR_AUTHENTICATION_DATA),
    ROW("data with method", 5, 0x10, V5 "\2\0\12\10\x16\0\1d\x15\0\1m\0\1c", MQTT_OK),
    ROW("property of CONNACK", 5, 0x10, V5 "\2\0\12\2\x24\1\0\1c", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("receive maximum 0", 5, 0x10, V5 "\2\0\12\3\x21\0\0\0\1c", MQTT_ERROR_PROPERTY_VALUE),
    ROW("property length too long", 5, 0x10, V5 "\2\0\12\x7F\0\1c", MQTT_ERROR_PROPERTY_LENGTH),
};

static const struct row publishes[] = {
    ROW("QoS 0", 4, 0x30, "\0\1tpayload", MQTT_OK),
    ROW("QoS 0 without payload", 4, 0x30, "\0\1t", MQTT_OK),
    ROW("QoS 2, DUP, RETAIN", 4, 0x3D, "\0\1t\0\1p", MQTT_OK),
    ROW("nothing", 4, 0x30, "", MQTT_ERROR_TRUNCATED),
    ROW("topic beyond the end", 4, 0x30, "\0\2t", MQTT_ERROR_TRUNCATED),
    ROW("QoS 3", 4, 0x36, "\0\1t\0\1p", MQTT_ERROR_QOS),
    ROW("DUP with QoS 0", 4, 0x38, "\0\1tp", MQTT_ERROR_DUPLICATE_FLAG),
    ROW("no identifier", 4, 0x32, "\0\1t", MQTT_ERROR_TRUNCATED),
    ROW("half an identifier", 4, 0x32, "\0\1t\0", MQTT_ERROR_TRUNCATED),
    ROW("identifier 0", 4, 0x32, "\0\1t\0\0p", MQTT_ERROR_PACKET_IDENTIFIER),
    ROW("topic with a wildcard", 4, 0x30, "\0\3t/+p", MQTT_ERROR_TOPIC_NAME),
    ROW("topic with #", 4, 0x30, "\0\1#p", MQTT_ERROR_TOPIC_NAME),
    ROW("topic with U+0000", 4, 0x30, "\0\2t\0p", MQTT_ERROR_UTF8),
    ROW("topic that isn't UTF-8", 4, 0x30, "\0\2t\xC3p", MQTT_ERROR_UTF8),
    ROW("no topic in 3.1.1", 4, 0x30, "\0\0p", MQTT_ERROR_TOPIC_MISSING),
    ROW("no topic in 5.0", 5, 0x30, "\0\0\0p", MQTT_ERROR_TOPIC_MISSING),
    ROW("alias for a topic", 5, 0x30, "\0\0\3\x23\0\1p", MQTT_OK),
    ROW("alias 0", 5, 0x30, "\0\1t\3\x23\0\0p", MQTT_ERROR_TOPIC_ALIAS),
    ROW("subscription identifier", 5, 0x30, "\0\1t\2\x0B\1p", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("two subscription identifiers", 5, 0x30, "\0\1t\4\x0B\1\x0B\2p", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("response to a filter", 5, 0x30, "\0\1t\4\x08\0\1+p", MQTT_ERROR_TOPIC_NAME),
    ROW("response to nothing", 5, 0x30, "\0\1t\3\x08\0\0p", MQTT_ERROR_TOPIC_NAME),
    ROW("payload format 2", 5, 0x30, "\0\1t\2\x01\2p", MQTT_ERROR_PROPERTY_VALUE),
    ROW("no property length", 5, 0x30, "\0\1t", MQTT_ERROR_TRUNCATED),
    ROW("property length beyond the end", 5, 0x30, "\0\1t\2\x01", MQTT_ERROR_PROPERTY_LENGTH),
    ROW("will delay", 5, 0x30, "\0\1t\5\x18\0\0\0\1p", MQTT_ERROR_PROPERTY_MISPLACED),
};

static const struct row acks[] = {
    ROW("PUBACK", 4, 0x40, "\0\1", MQTT_OK),
    ROW("nothing", 4, 0x40, "", MQTT_ERROR_TRUNCATED),
    ROW("half an identifier", 4, 0x40, "\0", MQTT_ERROR_TRUNCATED),
    ROW("identifier 0", 4, 0x40, "\0\0", MQTT_ERROR_PACKET_IDENTIFIER),
    ROW("reason in 3.1.1", 4, 0x40, "\0\1\0", MQTT_ERROR_TRAILING_BYTES),
    ROW("flags", 4, 0x41, "\0\1", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("short form", 5, 0x40, "\0\1", MQTT_OK),
    ROW("reason alone", 5, 0x40, "\0\1\x10", MQTT_OK),
    ROW("reason and no properties", 5, 0x40, "\0\1\x87\0", MQTT_OK),
    ROW("reason string", 5, 0x40, "\0\1\x87\4\x1F\0\1r", MQTT_OK),
    ROW("reason of others", 5, 0x40, "\0\1\x92", MQTT_ERROR_REASON_CODE),
    ROW("unknown reason", 5, 0x40, "\0\1\x7F", MQTT_ERROR_REASON_CODE),
    ROW("trailing byte", 5, 0x40, "\0\1\0\0!", MQTT_ERROR_TRAILING_BYTES),
    ROW("property of others", 5, 0x40, "\0\1\0\2\x01\1", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("PUBREC", 5, 0x50, "\0\1\x97", MQTT_OK),
    ROW("PUBREC with a reason of PUBREL", 5, 0x50, "\0\1\x92", MQTT_ERROR_REASON_CODE),
    ROW("PUBREL", 5, 0x62, "\0\1\x92", MQTT_OK),
    ROW("PUBREL with a reason of PUBACK", 5, 0x62, "\0\1\x10", MQTT_ERROR_REASON_CODE),
    ROW("PUBREL without its flags", 4, 0x60, "\0\1", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("PUBREL with DUP", 4, 0x6A, "\0\1", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("PUBREL with DUP in 3.1", 3, 0x6A, "\0\1", MQTT_OK),
    ROW("PUBREL with QoS 0 in 3.1", 3, 0x60, "\0\1", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("PUBREL with QoS 3 in 3.1", 3, 0x66, "\0\1", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("PUBCOMP", 5, 0x70, "\0\1\x92\0", MQTT_OK),
};

static const struct row subscribes[] = {
    ROW("3.1.1", 4, 0x82, "\0\1\0\1a\2", MQTT_OK),
    ROW("5.0", 5, 0x82, "\0\1\0\0\1a\x2E\0\2b/\1", MQTT_OK),
    ROW("flags", 4, 0x80, "\0\1\0\1a\2", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("DUP", 4, 0x8A, "\0\1\0\1a\2", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("DUP in 3.1", 3, 0x8A, "\0\1\0\1a\2", MQTT_OK),
    ROW("identifier 0", 4, 0x82, "\0\0\0\1a\2", MQTT_ERROR_PACKET_IDENTIFIER),
    ROW("no filter", 4, 0x82, "\0\1", MQTT_ERROR_NO_FILTERS),
    ROW("no filter in 5.0", 5, 0x82, "\0\1\0", MQTT_ERROR_NO_FILTERS),
    ROW("no options", 4, 0x82, "\0\1\0\1a", MQTT_ERROR_TRUNCATED),
    ROW("second filter cut", 4, 0x82, "\0\1\0\1a\0\0\2b", MQTT_ERROR_TRUNCATED),
    ROW("empty filter", 4, 0x82, "\0\1\0\0\0", MQTT_ERROR_TOPIC_FILTER),
    ROW("broken filter", 4, 0x82, "\0\1\0\2a#\0", MQTT_ERROR_TOPIC_FILTER),
    ROW("filter that isn't UTF-8", 4, 0x82, "\0\1\0\2a\xFF\0", MQTT_ERROR_UTF8),
    ROW("second filter broken", 4, 0x82, "\0\1\0\1a\0\0\3#/a\0", MQTT_ERROR_TOPIC_FILTER),
    ROW("QoS 3", 4, 0x82, "\0\1\0\1a\3", MQTT_ERROR_QOS),
    ROW("QoS 3 in 5.0", 5, 0x82, "\0\1\0\0\1a\3", MQTT_ERROR_SUBSCRIPTION_VALUE),
    ROW("QoS 3 beside a reserved bit", 5, 0x82, "\0\1\0\0\1a\x43", MQTT_ERROR_SUBSCRIPTION_OPTIONS),
    ROW("options of 5.0 in 3.1.1", 4, 0x82, "\0\1\0\1a\4", MQTT_ERROR_SUBSCRIPTION_OPTIONS),
    ROW("unused bits in 3.1", 3, 0x82, "\0\1\0\1a\xFD", MQTT_OK),
    ROW("reserved bit 6", 5, 0x82, "\0\1\0\0\1a\x40", MQTT_ERROR_SUBSCRIPTION_OPTIONS),
    ROW("reserved bit 7", 5, 0x82, "\0\1\0\0\1a\x80", MQTT_ERROR_SUBSCRIPTION_OPTIONS),
    ROW("retain handling 3", 5, 0x82, "\0\1\0\0\1a\x30", MQTT_ERROR_SUBSCRIPTION_VALUE),
    ROW("no local, shared", 5, 0x82, "\0\1\0\0\12$share/g/a\4", MQTT_ERROR_SHARED_NO_LOCAL),
    ROW("shared", 5, 0x82, "\0\1\0\0\12$share/g/a\2", MQTT_OK),
    ROW("share without a name", 5, 0x82, "\0\1\0\0\11$share//a\2", MQTT_ERROR_TOPIC_FILTER),
    ROW("subscription identifier 0", 5, 0x82, "\0\1\2\x0B\0\0\1a\0", MQTT_ERROR_PROPERTY_VALUE),
    ROW("two subscription identifiers", 5, 0x82, "\0\1\4\x0B\1\x0B\2\0\1a\0", MQTT_ERROR_PROPERTY_REPEATED),
    ROW("UNSUBSCRIBE", 4, 0xA2, "\0\1\0\1a", MQTT_OK),
    ROW("UNSUBSCRIBE in 5.0", 5, 0xA2, "\0\1\0\0\1a\0\1b", MQTT_OK),
    ROW("UNSUBSCRIBE flags", 4, 0xA0, "\0\1\0\1a", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("UNSUBSCRIBE identifier 0", 4, 0xA2, "\0\0\0\1a", MQTT_ERROR_PACKET_IDENTIFIER),
    ROW("UNSUBSCRIBE no filter", 4, 0xA2, "\0\1", MQTT_ERROR_NO_FILTERS),
    ROW("UNSUBSCRIBE broken filter", 4, 0xA2, "\0\1\0\2+a", MQTT_ERROR_TOPIC_FILTER),
    ROW("UNSUBSCRIBE cut", 4, 0xA2, "\0\1\0\2a", MQTT_ERROR_TRUNCATED),
    ROW("UNSUBSCRIBE not UTF-8", 4, 0xA2, "\0\1\0\1\xFF", MQTT_ERROR_UTF8),
    ROW("UNSUBSCRIBE subscription identifier", 5, 0xA2, "\0\1\2\x0B\1\0\1a", MQTT_ERROR_PROPERTY_MISPLACED),
};

static const struct row others[] = {
    ROW("type 0", 4, 0x00, "", MQTT_ERROR_PACKET_TYPE),
    ROW("CONNACK from a client", 4, 0x20, "\0\0", MQTT_ERROR_PACKET_TYPE),
    ROW("SUBACK from a client", 4, 0x90, "\0\1\0", MQTT_ERROR_PACKET_TYPE),
    ROW("UNSUBACK from a client", 4, 0xB0, "\0\1", MQTT_ERROR_PACKET_TYPE),
    ROW("PINGRESP from a client", 4, 0xD0, "", MQTT_ERROR_PACKET_TYPE),
    ROW("PINGREQ", 4, 0xC0, "", MQTT_OK),
    ROW("PINGREQ with a body", 4, 0xC0, "!", MQTT_ERROR_TRAILING_BYTES),
    ROW("PINGREQ with flags", 5, 0xC8, "", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("DISCONNECT", 4, 0xE0, "", MQTT_OK),
    ROW("DISCONNECT with flags", 4, 0xE2, "", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("DISCONNECT with a reason in 3.1.1", 4, 0xE0, "\0", MQTT_ERROR_TRAILING_BYTES),
    ROW("DISCONNECT with a reason", 5, 0xE0, "\4", MQTT_OK),
    ROW("DISCONNECT, short", 5, 0xE0, "", MQTT_OK),
    ROW("DISCONNECT with expiry", 5, 0xE0, "\0\5\x11\0\0\0\1", MQTT_OK),
    ROW("DISCONNECT with a broker's reason", 5, 0xE0, "\x8E", MQTT_ERROR_REASON_CODE),
    ROW("DISCONNECT with an unknown reason", 5, 0xE0, "\x01", MQTT_ERROR_REASON_CODE),
    ROW("DISCONNECT with a trailing byte", 5, 0xE0, "\0\0!", MQTT_ERROR_TRAILING_BYTES),
    ROW("AUTH below 5.0", 4, 0xF0, "", MQTT_ERROR_PACKET_TYPE),
    ROW("AUTH, short", 5, 0xF0, "", MQTT_OK),
    ROW("AUTH", 5, 0xF0, "\x18\4\x15\0\1m", MQTT_OK),
    ROW("AUTH with flags", 5, 0xF1, "\x18\4\x15\0\1m", MQTT_ERROR_FIXED_HEADER_FLAGS),
    ROW("AUTH with another reason", 5, 0xF0, "\x87\4\x15\0\1m", MQTT_ERROR_REASON_CODE),
    ROW("AUTH without method", 5, 0xF0, "\x19\0", MQTT_ERROR_AUTHENTICATION_METHOD),
    ROW("AUTH without properties", 5, 0xF0, "\x19", MQTT_ERROR_TRUNCATED),
};

static const struct row from_broker[] = {
    ROW("CONNACK", 4, 0x20, "\1\0", MQTT_OK),
    ROW("CONNACK flags", 4, 0x20, "\2\0", MQTT_ERROR_CONNACK_FLAGS),
    ROW("CONNACK flags in 3.1", 3, 0x20, "\xFF\0", MQTT_OK),
    ROW("CONNACK refuses with a session", 4, 0x20, "\1\5", MQTT_ERROR_CONNACK_FLAGS),
    ROW("CONNACK return code 6", 4, 0x20, "\0\6", MQTT_ERROR_REASON_CODE),
    ROW("CONNACK of 5.0", 5, 0x20, "\0\x87\0", MQTT_OK),
    ROW("CONNACK with a return code in 5.0", 5, 0x20, "\0\5\0", MQTT_ERROR_REASON_CODE),
    ROW("CONNACK trailing", 4, 0x20, "\0\0!", MQTT_ERROR_TRAILING_BYTES),
    ROW("SUBACK", 4, 0x90, "\0\1\0\1\2\x80", MQTT_OK),
    ROW("SUBACK of 5.0 in 3.1.1", 4, 0x90, "\0\1\x87", MQTT_ERROR_REASON_CODE),
    ROW("SUBACK of 5.0", 5, 0x90, "\0\1\0\x87", MQTT_OK),
    ROW("SUBACK with QoS 3", 5, 0x90, "\0\1\0\3", MQTT_ERROR_REASON_CODE),
    ROW("SUBACK of nothing", 5, 0x90, "\0\1\0", MQTT_ERROR_NO_FILTERS),
    ROW("UNSUBACK", 4, 0xB0, "\0\1", MQTT_OK),
    ROW("UNSUBACK with reasons", 4, 0xB0, "\0\1\0", MQTT_ERROR_TRAILING_BYTES),
    ROW("UNSUBACK of 5.0", 5, 0xB0, "\0\1\0\x11", MQTT_OK),
    ROW("UNSUBACK with QoS 1", 5, 0xB0, "\0\1\0\1", MQTT_ERROR_REASON_CODE),
    ROW("PUBLISH with subscription identifiers", 5, 0x30, "\0\1t\4\x0B\1\x0B\1p", MQTT_OK),
    ROW("DISCONNECT", 5, 0xE0, "\x8E", MQTT_OK),
    ROW("DISCONNECT below 5.0", 4, 0xE0, "", MQTT_ERROR_PACKET_TYPE),
    ROW("DISCONNECT with expiry", 5, 0xE0, "\0\5\x11\0\0\0\1", MQTT_ERROR_PROPERTY_MISPLACED),
    ROW("CONNECT from a broker", 4, 0x10, V4 "\2\0\12\0\1c", MQTT_ERROR_PACKET_TYPE),
    ROW("PINGREQ from a broker", 4, 0xC0, "", MQTT_ERROR_PACKET_TYPE),
    ROW("PINGRESP", 4, 0xD0, "", MQTT_OK),
};

static enum mqtt_error row_decode(const struct row *row, enum side side, uint8_t *version)
{
    struct arena arena;
    union any_packet any;
    uint8_t *body = malloc(row->length + 1);
    memcpy(body + 1, row->body, row->length);
    struct frame frame = {row->first >> 4, row->first & 0x0F, 2, (uint32_t)row->length, body + 1};
    arena_init(&arena, 1 << 20);
    enum mqtt_error error = decode_on(side, &frame, row->version, &arena, &any);
    *version = any.packet.version;
    arena_deinit(&arena);
    free(body);
    return error;
}

static void rows_check(const struct row *rows, size_t count, enum side side)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t version;
        enum mqtt_error got = row_decode(&rows[i], side, &version);
        cr_assert_eq(got, rows[i].error, "%s: expected \"%s\", got \"%s\"", rows[i].what,
                     mqtt_error_text(rows[i].error), mqtt_error_text(got));
        if (rows[i].first >> 4 == GMQ_CONNECT && side == FROM_CLIENT)
            cr_assert_eq(version, rows[i].version, "%s: version %d", rows[i].what, version);
    }
}

#define ROWS_CHECK(rows, side) rows_check(rows, sizeof rows / sizeof rows[0], side)

Test(decode, a_broken_connect_is_refused_by_its_fault_and_in_its_version)
{
    ROWS_CHECK(connects, FROM_CLIENT);
}

Test(decode, a_broken_publish_is_refused_by_its_fault)
{
    ROWS_CHECK(publishes, FROM_CLIENT);
}

Test(decode, a_broken_acknowledgement_is_refused_by_its_fault)
{
    ROWS_CHECK(acks, FROM_CLIENT);
}

Test(decode, a_broken_subscribe_or_unsubscribe_is_refused_by_its_fault)
{
    ROWS_CHECK(subscribes, FROM_CLIENT);
}

Test(decode, other_broken_packets_are_refused_by_their_fault)
{
    ROWS_CHECK(others, FROM_CLIENT);
}

Test(decode, what_a_broker_may_not_send_is_refused)
{
    ROWS_CHECK(from_broker, FROM_BROKER);
}

Test(decode, a_remaining_length_that_is_not_minimal_is_an_error_in_5_0_only)
{
    static const char *const bodies[] = {V3 "\2\0\12\0\1c", V4 "\2\0\12\0\1c", V5 "\2\0\12\0\0\1c"};
    static const size_t lengths[] = {sizeof(V3 "\2\0\12\0\1c") - 1, sizeof(V4 "\2\0\12\0\1c") - 1,
                                     sizeof(V5 "\2\0\12\0\0\1c") - 1};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (uint8_t version = 3; version <= 5; version++) {
        enum mqtt_error expected = version == 5 ? MQTT_ERROR_VARINT : MQTT_OK;
        union any_packet any;
        const uint8_t *body = (const uint8_t *)bodies[version - 3];
        struct frame connect = {GMQ_CONNECT, 0, 3, (uint32_t)lengths[version - 3], body};
        cr_assert_eq(packet_decode(&connect, 0, &arena, &any), expected);
        cr_assert_eq(any.packet.version, version);
        struct frame publish = {GMQ_PUBLISH, 0, 3, 4, (const uint8_t *)"\0\1t\0"};
        cr_assert_eq(packet_decode(&publish, version, &arena, &any), expected);
        struct frame ping = {GMQ_PINGREQ, 0, 3, 0, (const uint8_t *)""};
        cr_assert_eq(packet_decode(&ping, version, &arena, &any), expected);
    }
    arena_deinit(&arena);
}
