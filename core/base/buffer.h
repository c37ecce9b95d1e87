/* A growing run of bytes that one owner writes: encoded packets, texts. Not thread-safe. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* After a failed append, `is_failed` stays set and later appends do nothing: check once, at the end. */
struct buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool is_failed;
};

void buffer_init(struct buffer *buffer);
void buffer_deinit(struct buffer *buffer);

/* Room for `size` more bytes at the end, not yet counted in `length`; NULL (and is_failed) when memory is out. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_u8(struct buffer *buffer, uint8_t value);
void buffer_append_u16(struct buffer *buffer, uint16_t value); /* big-endian */
void buffer_append_u32(struct buffer *buffer, uint32_t value); /* big-endian */
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empty again, and no longer failed; the memory is kept. */
void buffer_clear(struct buffer *buffer);

#endif
