/* Packets as values: names, empty ones, copies. */
#include "mqtt/packet.h"

#include "base/memory.h"

#include <criterion/criterion.h>

#include "mqtt/random_packet.h"

Test(packet, a_type_is_found_by_its_name)
{
    for (unsigned type = GMQ_CONNECT; type <= GMQ_AUTH; type++) {
        cr_assert_eq(packet_type_by_name(gmq_view_of(packet_type_name(type))), type);
        cr_assert_geq(packet_struct_size(type), sizeof(struct gmq_packet));
    }
    cr_assert_str_eq(packet_type_name(GMQ_PUBLISH), "PUBLISH");
    cr_assert_str_eq(packet_type_name(0), "?");
    cr_assert_str_eq(packet_type_name(16), "?");
    cr_assert_eq(packet_type_by_name(GMQ_VIEW("publish")), 0);
    cr_assert_eq(packet_type_by_name(GMQ_VIEW("")), 0);
    cr_assert_eq(packet_struct_size(0), 0);
}

Test(packet, clients_and_brokers_send_what_table_2_1_says)
{
    static const uint8_t from_client[] = {1, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15};
    static const uint8_t from_broker[] = {2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15};
    for (int type = 0; type < 20; type++) {
        cr_assert_eq(packet_type_is_incoming(type), memchr(from_client, type, sizeof from_client) != NULL, "%d", type);
        cr_assert_eq(packet_type_is_outgoing(type), memchr(from_broker, type, sizeof from_broker) != NULL, "%d", type);
    }
}

Test(packet, an_empty_packet_has_nothing_in_it)
{
    union any_packet any;
    memset(&any, 0xAA, sizeof any);
    packet_init(&any.packet, GMQ_SUBSCRIBE, GMQ_VERSION_5_0);
    cr_assert_eq(any.packet.type, GMQ_SUBSCRIBE);
    cr_assert_eq(any.packet.version, 5);
    cr_assert_eq(any.packet.properties.present, 0);
    cr_assert_null(any.subscribe.entries);
    cr_assert_eq(any.subscribe.count, 0);
}

static void wire_make(struct dice *dice, gmq_packet_type type, uint8_t version, enum side side, struct buffer *out)
{
    struct arena arena;
    union any_packet any;
    arena_init(&arena, 1 << 20);
    random_packet(dice, type, version, side, &arena, &any);
    cr_assert_eq(encode_on(side, &any.packet, out), MQTT_OK);
    arena_deinit(&arena);
}

static void copy_survives(gmq_packet_type type, uint8_t version, enum side side)
{
    struct dice dice = {type * 100 + version * 10 + side};
    for (int i = 0; i < 20; i++) {
        struct buffer wire, again;
        struct arena arena, kept;
        struct frame frame;
        union any_packet any;
        buffer_init(&wire);
        buffer_init(&again);
        arena_init(&arena, 1 << 20);
        arena_init(&kept, 1 << 20);
        wire_make(&dice, type, version, side, &wire);
        cr_assert_eq(frame_read(wire.bytes, wire.length, &frame), FRAME_COMPLETE);
        cr_assert_eq(decode_on(side, &frame, version, &arena, &any), MQTT_OK);
        cr_assert_eq(properties_add_user(&any.packet.properties, GMQ_VIEW("name"), GMQ_VIEW("value"), &arena), GMQ_OK);
        buffer_init(&again);
        cr_assert_eq(encode_on(side, &any.packet, &again), MQTT_OK);

        struct gmq_packet *copy = packet_copy(&any.packet, &kept);
        memset(wire.bytes, 0xEE, wire.length);
        arena_deinit(&arena);
        memset(&any, 0xEE, sizeof any);

        cr_assert_not_null(copy);
        size_t first = again.length;
        cr_assert_eq(encode_on(side, copy, &again), MQTT_OK);
        cr_assert_eq(again.length, 2 * first, "type %d version %d", type, version);
        cr_assert_arr_eq(again.bytes, again.bytes + first, first, "type %d version %d", type, version);
        buffer_deinit(&wire);
        buffer_deinit(&again);
        arena_deinit(&kept);
    }
}

Test(packet, a_copy_outlives_the_bytes_it_was_decoded_from)
{
    each_kind(copy_survives);
}

/* The arena's limit stands in for memory that is out: it ends each allocation in turn. */
static void copy_fails_cleanly(gmq_packet_type type, uint8_t version, enum side side)
{
    struct dice dice = {type};
    struct arena arena;
    union any_packet any;
    arena_init(&arena, 1 << 20);
    random_packet(&dice, type, version, side, &arena, &any);
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct arena small;
        arena_init(&small, 1 << 20);
        mem_fail_after(n);
        struct gmq_packet *copy = packet_copy(&any.packet, &small);
        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(copy == NULL, has_failed);
        arena_deinit(&small);
    }
    for (size_t limit = 0; limit < 4096; limit += 64) {
        struct arena small;
        arena_init(&small, limit);
        struct gmq_packet *copy = packet_copy(&any.packet, &small);
        cr_assert(copy == NULL || copy->type == type);
        arena_deinit(&small);
    }
    arena_deinit(&arena);
}

Test(packet, a_copy_that_finds_no_memory_is_none)
{
    each_kind(copy_fails_cleanly);
}
