/* Any bytes as what the process of an isolated plugin may send in a packet's place: they are refused, or are a packet
 * that is written and read again as the same bytes, and that can be encoded for a client of its version. */
#include "mqtt/packet_flat.h"

#include "mqtt/encode.h"
#include "shard/demand.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 24 };

static void check_written_again(const struct gmq_packet *packet, struct arena *arena, struct buffer *first)
{
    packet_flat_write(first, packet);
    demand(!first->is_failed, "no room");
    const struct gmq_packet *again = packet_flat_read(gmq_view_make((const char *)first->bytes, first->length), arena);
    demand(again != NULL, "what was written is refused");
    struct buffer second;
    buffer_init(&second);
    packet_flat_write(&second, again);
    demand(second.length == first->length && memcmp(second.bytes, first->bytes, first->length) == 0, "other bytes");
    buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, MEMORY);
    /* In a block of the arena, behind which a sanitizer sees a reader. */
    struct buffer written, encoded;
    buffer_init(&written);
    buffer_init(&encoded);
    void *copy = arena_copy(&arena, data, size);
    struct gmq_packet *packet = copy != NULL ? packet_flat_read(gmq_view_make(copy, size), &arena) : NULL;
    if (packet != NULL) {
        check_written_again(packet, &arena, &written);
        (void)packet_encode(packet, UINT32_MAX, &encoded);
    }
    buffer_deinit(&encoded);
    buffer_deinit(&written);
    arena_deinit(&arena);
    return 0;
}
