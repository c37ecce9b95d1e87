/* Bytes of one connection that were read but not yet handed in. */
#include "net/stash.h"

#include "base/memory.h"

#include <string.h>

/* How far beyond what has arrived a peer's announcement is believed. */
enum { STASH_AHEAD = 64 * 1024 };

static bool stash_grow(struct stash *stash, size_t capacity)
{
    if (capacity <= stash->capacity)
        return true;
    uint8_t *bytes = mem_realloc(stash->bytes, capacity);
    if (bytes == NULL)
        return false;
    stash->bytes = bytes;
    stash->capacity = (uint32_t)capacity;
    return true;
}

bool stash_append(struct stash *stash, const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return true;
    if (length > UINT32_MAX - stash->length || !stash_grow(stash, stash->length + length))
        return false;
    memcpy(stash->bytes + stash->length, bytes, length);
    stash->length += (uint32_t)length;
    return true;
}

bool stash_make_room(struct stash *stash, size_t total)
{
    if (stash->length < stash->capacity)
        return true;
    /* In proportion, so that the bytes of a long packet are not moved each time. */
    size_t length = stash->length;
    size_t ahead = length / 2 > STASH_AHEAD ? length / 2 : STASH_AHEAD;
    size_t capacity = total - length > ahead ? length + ahead : total;
    return stash_grow(stash, capacity);
}

void stash_clear(struct stash *stash)
{
    mem_free(stash->bytes);
    *stash = (struct stash){0};
}
