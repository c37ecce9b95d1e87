/* Fields of a message between two processes of one machine, one after the other: numbers in the machine's own order,
 * texts behind their length. What is read may come from a process that has gone wrong: the first field that doesn't fit
 * sticks, and later ones are zeros, so that it is looked at once, at the end. */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "base/buffer.h"

#include <graftmq/types.h>
#include <string.h>

static inline void record_u8(struct buffer *out, uint8_t value)
{
    buffer_append(out, &value, sizeof value);
}

static inline void record_u16(struct buffer *out, uint16_t value)
{
    buffer_append(out, &value, sizeof value);
}

static inline void record_u32(struct buffer *out, uint32_t value)
{
    buffer_append(out, &value, sizeof value);
}

static inline void record_u64(struct buffer *out, uint64_t value)
{
    buffer_append(out, &value, sizeof value);
}

static inline void record_view(struct buffer *out, gmq_view view)
{
    record_u32(out, (uint32_t)view.length);
    if (view.length != 0)
        buffer_append(out, view.data, view.length);
}

struct record_reader {
    const uint8_t *bytes;
    size_t length;
    size_t position;
    bool is_bad;
};

static inline struct record_reader record_reader_make(const void *bytes, size_t length)
{
    return (struct record_reader){.bytes = bytes, .length = length};
}

static inline void record_require(struct record_reader *reader, bool claim)
{
    reader->is_bad = reader->is_bad || !claim;
}

/* The next `size` bytes, or NULL. */
static inline const uint8_t *record_take(struct record_reader *reader, size_t size)
{
    record_require(reader, size <= reader->length - reader->position);
    if (reader->is_bad)
        return NULL;
    const uint8_t *taken = reader->bytes + reader->position;
    reader->position += size;
    return taken;
}

static inline void record_number(struct record_reader *reader, void *value, size_t size)
{
    const uint8_t *taken = record_take(reader, size);
    if (taken != NULL)
        memcpy(value, taken, size);
}

static inline uint8_t record_read_u8(struct record_reader *reader)
{
    uint8_t value = 0;
    record_number(reader, &value, sizeof value);
    return value;
}

static inline bool record_read_bool(struct record_reader *reader)
{
    return record_read_u8(reader) != 0;
}

static inline uint16_t record_read_u16(struct record_reader *reader)
{
    uint16_t value = 0;
    record_number(reader, &value, sizeof value);
    return value;
}

static inline uint32_t record_read_u32(struct record_reader *reader)
{
    uint32_t value = 0;
    record_number(reader, &value, sizeof value);
    return value;
}

static inline uint64_t record_read_u64(struct record_reader *reader)
{
    uint64_t value = 0;
    record_number(reader, &value, sizeof value);
    return value;
}

/* Points into the message. Never has a NULL pointer. */
static inline gmq_view record_read_view(struct record_reader *reader)
{
    uint32_t length = record_read_u32(reader);
    const uint8_t *taken = record_take(reader, length);
    return taken != NULL ? gmq_view_make(taken, length) : GMQ_VIEW("");
}

/* Everything was read, and nothing was wrong. */
static inline bool record_is_whole(const struct record_reader *reader)
{
    return !reader->is_bad && reader->position == reader->length;
}

#endif
