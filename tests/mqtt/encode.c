/* Encoding: what comes back when it is decoded, sizes, limits, and the forms of the older versions. */
#include "mqtt/encode.h"

#include "base/memory.h"

#include <criterion/criterion.h>

#include "mqtt/random_packet.h"

static void comes_back(gmq_packet_type type, uint8_t version, enum side side)
{
    struct dice dice = {UINT64_C(1000) * type + 10U * version + side};
    for (int i = 0; i < 400; i++) {
        struct arena arena;
        struct buffer wire;
        union any_packet sent, received;
        struct frame frame;
        arena_init(&arena, 1 << 20);
        buffer_init(&wire);
        random_packet(&dice, type, version, side, &arena, &sent);
        enum mqtt_error error = encode_on(side, &sent.packet, &wire);
        cr_assert_eq(error, MQTT_OK, "%s version %d: %s", packet_type_name(type), version, mqtt_error_text(error));
        cr_assert_eq(frame_read(wire.bytes, wire.length, &frame), FRAME_COMPLETE);
        cr_assert_eq(frame_size(&frame), wire.length);
        error = decode_on(side, &frame, version, &arena, &received);
        cr_assert_eq(error, MQTT_OK, "%s version %d: %s", packet_type_name(type), version, mqtt_error_text(error));
        cr_assert(packets_are_equal(&sent, &received), "%s version %d round %d", packet_type_name(type), version, i);
        buffer_deinit(&wire);
        arena_deinit(&arena);
    }
}

Test(encode, every_packet_comes_back_as_it_was)
{
    each_kind(comes_back);
}

Test(encode, a_variable_byte_integer_takes_the_fewest_bytes)
{
    static const uint32_t values[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455};
    static const size_t sizes[] = {1, 1, 1, 2, 2, 3, 3, 4, 4};
    for (size_t i = 0; i < 9; i++) {
        uint8_t bytes[ENCODE_VARINT_MAX];
        cr_assert_eq(encode_varint(bytes, values[i]), sizes[i]);
        cr_assert_eq(encode_varint_size(values[i]), sizes[i]);
    }
}

/* ---- limits ---- */

static struct arena arena;
static struct buffer out;

static void set_up(void)
{
    arena_init(&arena, 1 << 20);
    buffer_init(&out);
}

static void tear_down(void)
{
    arena_deinit(&arena);
    buffer_deinit(&out);
}

TestSuite(limits, .init = set_up, .fini = tear_down);
TestSuite(forms, .init = set_up, .fini = tear_down);
TestSuite(head, .init = set_up, .fini = tear_down);

static void puback_make(struct gmq_puback *puback)
{
    packet_init(&puback->packet, GMQ_PUBACK, GMQ_VERSION_5_0);
    puback->packet.identifier = 0x1234;
    puback->packet.reason = GMQ_REASON_NOT_AUTHORIZED;
    struct properties *properties = &puback->packet.properties;
    cr_assert_eq(
        properties_set_text(properties, PROPERTY_IN(GMQ_PUBACK), GMQ_PROPERTY_REASON_STRING, GMQ_VIEW("no"), &arena),
        GMQ_OK);
    cr_assert_eq(properties_add_user(properties, GMQ_VIEW("n"), GMQ_VIEW("v"), &arena), GMQ_OK);
}

Test(limits, user_properties_go_first_then_the_reason_string)
{
    struct gmq_puback puback;
    puback_make(&puback);
    static const size_t expected[] = {/* header 2, identifier 2, reason 1 */ 5, /* length 1, string 5 */ 11,
                                      /* pair 7 */ 18};
    for (uint32_t limit = 0; limit < 25; limit++) {
        buffer_clear(&out);
        enum mqtt_error error = packet_encode(&puback.packet, limit, &out);
        size_t size = limit >= 18 ? expected[2] : limit >= 11 ? expected[1] : limit >= 5 ? expected[0] : 0;
        cr_assert_eq(error, size > 0 ? MQTT_OK : MQTT_ERROR_PACKET_TOO_LARGE, "limit %u", limit);
        cr_assert_eq(out.length, size, "limit %u: got %zu", limit, out.length);
    }
}

Test(limits, a_publish_loses_nothing)
{
    struct gmq_publish publish;
    packet_init(&publish.packet, GMQ_PUBLISH, GMQ_VERSION_5_0);
    publish.topic = GMQ_VIEW("t");
    cr_assert_eq(properties_add_user(&publish.packet.properties, GMQ_VIEW("n"), GMQ_VIEW("v"), &arena), GMQ_OK);
    cr_assert_eq(packet_encode(&publish.packet, 12, &out), MQTT_ERROR_PACKET_TOO_LARGE);
    cr_assert_eq(out.length, 0);
    cr_assert_eq(packet_encode(&publish.packet, 13, &out), MQTT_OK);
    cr_assert_eq(out.length, 13);
}

Test(limits, what_no_length_field_can_say_is_too_large)
{
    static const char byte = 'a';
    struct gmq_publish publish;
    packet_init(&publish.packet, GMQ_PUBLISH, GMQ_VERSION_3_1_1);
    publish.topic = gmq_view_make(&byte, 65536); /* measured only: the bytes behind the first are never read */
    cr_assert_eq(packet_encode(&publish.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TOO_LARGE);
    publish.topic = gmq_view_make(&byte, 1);
    publish.payload = gmq_view_make(&byte, 268435455 - 2);
    cr_assert_eq(packet_encode(&publish.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TOO_LARGE);
    cr_assert_eq(out.length, 0);
}

Test(limits, memory_that_is_out_is_an_error_and_appends_nothing)
{
    struct gmq_puback puback;
    puback_make(&puback);
    mem_fail_after(1);
    cr_assert_eq(packet_encode(&puback.packet, UINT32_MAX, &out), MQTT_ERROR_MEMORY);
    mem_fail_after(0);
    cr_assert_eq(out.length, 0);
}

/* ---- forms ---- */

static void expect(const struct gmq_packet *packet, const char *bytes, size_t length)
{
    buffer_clear(&out);
    enum mqtt_error error = packet_encode(packet, UINT32_MAX, &out);
    cr_assert_eq(error, MQTT_OK, "%s", mqtt_error_text(error));
    cr_assert_eq(out.length, length, "got %zu bytes", out.length);
    cr_assert_arr_eq(out.bytes, bytes, length);
}

#define EXPECT(any, literal) expect(&(any).packet, literal, sizeof(literal) - 1)

Test(forms, connack_speaks_return_codes_below_5_0)
{
    struct gmq_connack connack;
    packet_init(&connack.packet, GMQ_CONNACK, GMQ_VERSION_3_1_1);
    connack.is_session_present = true;
    EXPECT(connack, "\x20\x02\x01\x00");
    connack.packet.reason = GMQ_REASON_BAD_USER_NAME_OR_PASSWORD;
    EXPECT(connack, "\x20\x02\x00\x04");
    connack.packet.version = GMQ_VERSION_5_0;
    EXPECT(connack, "\x20\x03\x00\x86\x00");
    connack.packet.reason = 0;
    EXPECT(connack, "\x20\x03\x01\x00\x00");
    connack.packet.version = GMQ_VERSION_3_1;
    EXPECT(connack, "\x20\x02\x00\x00");
    connack.packet.version = 0; /* an unknown protocol */
    connack.packet.reason = GMQ_REASON_UNSUPPORTED_PROTOCOL_VERSION;
    EXPECT(connack, "\x20\x02\x00\x01");
    connack.packet.version = 6;
    EXPECT(connack, "\x20\x03\x00\x84\x00");
}

Test(forms, suback_and_unsuback_shrink_below_5_0)
{
    uint8_t reasons[] = {0, 2, GMQ_REASON_NOT_AUTHORIZED};
    struct gmq_suback suback;
    packet_init(&suback.packet, GMQ_SUBACK, GMQ_VERSION_5_0);
    suback.packet.identifier = 7;
    suback.reasons = reasons;
    suback.count = 3;
    EXPECT(suback, "\x90\x06\x00\x07\x00\x00\x02\x87");
    suback.packet.version = GMQ_VERSION_3_1_1;
    EXPECT(suback, "\x90\x05\x00\x07\x00\x02\x80");
    struct gmq_unsuback unsuback;
    packet_init(&unsuback.packet, GMQ_UNSUBACK, GMQ_VERSION_5_0);
    unsuback.packet.identifier = 7;
    unsuback.reasons = reasons;
    unsuback.count = 1;
    EXPECT(unsuback, "\xB0\x04\x00\x07\x00\x00");
    unsuback.packet.version = GMQ_VERSION_3_1;
    EXPECT(unsuback, "\xB0\x02\x00\x07");
}

Test(forms, short_packets_leave_out_what_may_be_left_out)
{
    union any_packet any;
    packet_init(&any.packet, GMQ_PUBREL, GMQ_VERSION_5_0);
    any.packet.identifier = 7;
    EXPECT(any, "\x62\x02\x00\x07");
    any.packet.reason = GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND;
    EXPECT(any, "\x62\x03\x00\x07\x92");
    packet_init(&any.packet, GMQ_DISCONNECT, GMQ_VERSION_5_0);
    EXPECT(any, "\xE0\x00");
    any.packet.reason = GMQ_REASON_SERVER_BUSY;
    EXPECT(any, "\xE0\x01\x89");
    packet_init(&any.packet, GMQ_AUTH, GMQ_VERSION_5_0);
    EXPECT(any, "\xF0\x00");
    any.packet.reason = GMQ_REASON_CONTINUE_AUTHENTICATION;
    EXPECT(any, "\xF0\x02\x18\x00");
    packet_init(&any.packet, GMQ_PINGRESP, GMQ_VERSION_3_1);
    EXPECT(any, "\xD0\x00");
}

Test(forms, what_a_version_does_not_have_is_not_encoded)
{
    union any_packet any;
    packet_init(&any.packet, GMQ_AUTH, GMQ_VERSION_3_1_1);
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TYPE);
    cr_assert_eq(packet_encode_from_client(&any.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TYPE);
    packet_init(&any.packet, GMQ_DISCONNECT, GMQ_VERSION_3_1_1);
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TYPE);
    cr_assert_eq(out.length, 0);
    cr_assert_eq(packet_encode_from_client(&any.packet, UINT32_MAX, &out), MQTT_OK);
    cr_assert_eq(out.length, 2);
    any.packet.type = 0;
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TYPE);
    any.packet.type = 16;
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_ERROR_PACKET_TYPE);
}

Test(forms, what_only_a_client_may_say_a_broker_does_not)
{
    union any_packet any;
    packet_init(&any.packet, GMQ_AUTH, GMQ_VERSION_5_0);
    any.packet.reason = GMQ_REASON_RE_AUTHENTICATE;
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_ERROR_REASON_CODE);
    packet_init(&any.packet, GMQ_DISCONNECT, GMQ_VERSION_5_0);
    any.packet.reason = GMQ_REASON_DISCONNECT_WITH_WILL_MESSAGE;
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_ERROR_REASON_CODE);
    cr_assert_eq(out.length, 0);

    any.packet.reason = GMQ_REASON_SERVER_BUSY;
    any.packet.properties.present = PROPERTY_BIT(PROPERTY_SESSION_EXPIRY_INTERVAL);
    any.packet.properties.value[PROPERTY_SESSION_EXPIRY_INTERVAL].number = 7;
    cr_assert_eq(packet_encode(&any.packet, UINT32_MAX, &out), MQTT_OK);
    cr_assert_arr_eq(out.bytes, "\xE0\1\x89", 3);
    cr_assert_eq(out.length, 3);
    buffer_clear(&out);
    cr_assert_eq(packet_encode_from_client(&any.packet, UINT32_MAX, &out), MQTT_OK);
    cr_assert_arr_eq(out.bytes, "\xE0\7\x89\5\x11\0\0\0\7", 9);
}

Test(forms, a_quick_acknowledgement_is_what_the_general_way_makes)
{
    for (unsigned type = GMQ_PUBACK; type <= GMQ_PUBCOMP; type++)
        for (uint8_t version = GMQ_VERSION_3_1; version <= GMQ_VERSION_5_0; version++)
            for (unsigned reason = 0; reason < 256; reason += 0x87) {
                union any_packet any;
                uint8_t bytes[ENCODE_ACK_SIZE];
                packet_init(&any.packet, type, version);
                any.packet.identifier = 0xABCD;
                any.packet.reason = (uint8_t)reason;
                size_t length = encode_ack(bytes, type, version, 0xABCD, (uint8_t)reason);
                expect(&any.packet, (const char *)bytes, length);
            }
}

/* ---- the head of a delivery ---- */

/* The head of what `publish` says, with the identifiers and the expiry apart. */
static struct publish_head head_of(const struct gmq_publish *publish, struct buffer *forwarded)
{
    const struct properties *properties = &publish->packet.properties;
    properties_encode(properties, PROPERTIES_FORWARDED, forwarded);
    struct publish_head head = {
        .topic = publish->topic,
        .properties = gmq_view_make(forwarded->bytes, forwarded->length),
        .subscription_identifiers = properties->subscription_identifiers,
        .subscription_identifier_count = properties->subscription_identifier_count,
        .message_expiry_interval = properties_number(properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0),
        .payload_length = (uint32_t)publish->payload.length,
        .packet_identifier = publish->packet.identifier,
        .topic_alias = (uint16_t)properties_number(properties, PROPERTY_TOPIC_ALIAS, 0),
        .version = publish->packet.version,
        .qos = publish->qos,
        .is_retained = publish->is_retained,
        .is_duplicate = publish->is_duplicate,
        .has_message_expiry = properties_has(properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL),
    };
    return head;
}

Test(head, head_and_payload_are_the_packet)
{
    struct dice dice = {5};
    for (int i = 0; i < 3000; i++) {
        uint8_t version = (uint8_t)(3 + i % 3);
        union any_packet sent, received;
        struct buffer forwarded;
        struct frame frame;
        buffer_init(&forwarded);
        random_packet(&dice, GMQ_PUBLISH, version, FROM_BROKER, &arena, &sent);
        struct publish_head head = head_of(&sent.publish, &forwarded);
        size_t head_size = publish_head_size(&head);
        size_t size = head_size + head.payload_length;
        uint8_t *bytes = malloc(size);
        publish_head_encode(&head, bytes);
        if (head.payload_length > 0)
            memcpy(bytes + head_size, sent.publish.payload.data, head.payload_length);

        cr_assert_eq(frame_read(bytes, size, &frame), FRAME_COMPLETE);
        cr_assert_eq(frame_size(&frame), size);
        cr_assert_eq(packet_decode_from_broker(&frame, version, &arena, &received), MQTT_OK);
        cr_assert(packets_are_equal(&sent, &received), "round %d", i);
        if (head.qos > 0) {
            const uint8_t *identifier = bytes + publish_identifier_offset(frame.header_size, head.topic.length);
            cr_assert_eq(identifier[0] << 8 | identifier[1], head.packet_identifier);
        }
        free(bytes);
        buffer_deinit(&forwarded);
        arena_reset(&arena);
    }
}

Test(head, what_mqtt_does_not_allow_has_no_size)
{
    static const char byte = 'a';
    struct publish_head head = {.topic = gmq_view_make(&byte, 1), .version = 4, .payload_length = 268435455 - 3};
    cr_assert_eq(publish_head_size(&head), 8);
    head.payload_length++;
    cr_assert_eq(publish_head_size(&head), 0);
    head.payload_length = UINT32_MAX;
    cr_assert_eq(publish_head_size(&head), 0);
    head.payload_length = 0;
    head.topic.length = 65535;
    cr_assert_neq(publish_head_size(&head), 0);
    head.topic.length = 65536;
    cr_assert_eq(publish_head_size(&head), 0);
}
