/* Bytes of one connection that were read but not yet handed in: the beginning of a packet, or what came while the
 * client was paused. Owns nothing while it is empty. */
#ifndef NET_STASH_H
#define NET_STASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stash {
    uint8_t *bytes;
    uint32_t length; /* a packet is no longer, and what is read ahead of it is bounded */
    uint32_t capacity;
};

/* False: memory is out, nothing has changed. */
bool stash_append(struct stash *stash, const uint8_t *bytes, size_t length) __attribute__((warn_unused_result));

/* Room for a packet of `total` bytes whose beginning is here: all of it if it's small, else in proportion to what has
 * arrived, as the peer's word is no reason to allocate. False: memory is out. */
bool stash_make_room(struct stash *stash, size_t total) __attribute__((warn_unused_result));

void stash_clear(struct stash *stash);

#endif
