/* A packet as bytes for another process: it comes back as it was, and what is no packet is refused. */
#include "mqtt/packet_flat.h"

#include <criterion/criterion.h>

#include "mqtt/random_packet.h"

enum { ROUNDS = 200 };

typedef void each_packet(struct dice *dice, const struct gmq_packet *packet, struct arena *arena);

static void for_random_packets(each_packet *check)
{
    struct dice dice = {5};
    for (unsigned i = 0; i < ROUNDS * 16U * 2U; i++) {
        gmq_packet_type type = (gmq_packet_type)(i % 16);
        enum side side = i / 16 % 2 == 0 ? FROM_CLIENT : FROM_BROKER;
        uint8_t version = (uint8_t)(GMQ_VERSION_3_1 + i / 32 % 3);
        /* An UNSUBACK as an older client reads it has no reasons; one that is made has some, whatever is sent of them.
         */
        bool is_bare = type == GMQ_UNSUBACK && version < GMQ_VERSION_5_0;
        if (is_bare || !packet_exists(type, version, side))
            continue;
        struct arena arena;
        union any_packet any;
        arena_init(&arena, SIZE_MAX);
        random_packet(&dice, type, version, side, &arena, &any);
        if (type == GMQ_PUBLISH && any.publish.topic.length == 0)
            any.publish.topic = GMQ_VIEW("resolved"); /* handlers never see an alias alone */
        check(&dice, &any.packet, &arena);
        arena_deinit(&arena);
    }
}

static gmq_view view_of(const struct buffer *buffer)
{
    return gmq_view_make(buffer->bytes, buffer->length);
}

static void comes_back(struct dice *dice, const struct gmq_packet *packet, struct arena *arena)
{
    (void)dice;
    struct buffer flat, again;
    buffer_init(&flat);
    buffer_init(&again);
    packet_flat_write(&flat, packet);
    struct gmq_packet *back = packet_flat_read(view_of(&flat), arena);
    cr_assert_not_null(back, "%s of version %d", packet_type_name(packet->type), packet->version);
    packet_flat_write(&again, back);
    cr_assert(gmq_view_same(view_of(&flat), view_of(&again)), "%s", packet_type_name(packet->type));
    buffer_deinit(&flat);
    buffer_deinit(&again);
}

Test(packet_flat, every_packet_comes_back_as_it_was)
{
    for_random_packets(comes_back);
}

static void is_refused_in_part(struct dice *dice, const struct gmq_packet *packet, struct arena *arena)
{
    (void)dice;
    struct buffer flat;
    buffer_init(&flat);
    packet_flat_write(&flat, packet);
    for (size_t length = 0; length < flat.length; length++)
        cr_assert_null(packet_flat_read(gmq_view_make(flat.bytes, length), arena), "%zu bytes of %s", length,
                       packet_type_name(packet->type));
    buffer_append_u8(&flat, 0);
    cr_assert_null(packet_flat_read(view_of(&flat), arena));
    buffer_deinit(&flat);
}

Test(packet_flat, no_part_of_a_packet_is_one)
{
    for_random_packets(is_refused_in_part);
}

/* What is read of it can be written: nothing in it points to where it should not. The sanitizers see to the rest. */
static void may_be_spoiled(struct dice *dice, const struct gmq_packet *packet, struct arena *arena)
{
    struct buffer flat, again;
    buffer_init(&flat);
    buffer_init(&again);
    packet_flat_write(&flat, packet);
    for (int i = 0; i < 20; i++) {
        flat.bytes[dice_below(dice, (uint32_t)flat.length)] = (uint8_t)dice_next(dice);
        struct gmq_packet *back = packet_flat_read(view_of(&flat), arena);
        if (back != NULL)
            packet_flat_write(&again, back);
    }
    buffer_deinit(&flat);
    buffer_deinit(&again);
}

Test(packet_flat, spoiled_bytes_do_no_harm)
{
    for_random_packets(may_be_spoiled);
}
