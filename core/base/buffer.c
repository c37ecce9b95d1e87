/* A growing run of bytes. */
#include "base/buffer.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BUFFER_FIRST_CAPACITY = 64 };

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_deinit(struct buffer *buffer)
{
    mem_free(buffer->bytes);
    buffer_init(buffer);
}

/* Doubles, so that appending costs the same on average however long the buffer gets. */
static bool buffer_grow(struct buffer *buffer, size_t size)
{
    if (size > SIZE_MAX / 2 - buffer->length)
        return false;
    size_t needed = buffer->length + size;
    size_t capacity = buffer->capacity * 2;
    if (capacity < BUFFER_FIRST_CAPACITY)
        capacity = BUFFER_FIRST_CAPACITY;
    if (capacity < needed)
        capacity = needed;
    uint8_t *bytes = mem_realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->is_failed)
        return NULL;
    bool has_room = buffer->bytes != NULL && buffer->capacity - buffer->length >= size;
    if (!has_room && !buffer_grow(buffer, size)) {
        buffer->is_failed = true;
        return NULL;
    }
    return buffer->bytes + buffer->length;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    uint8_t *room = buffer_reserve(buffer, length);
    if (room == NULL || length == 0)
        return;
    memcpy(room, bytes, length);
    buffer->length += length;
}

void buffer_append_u8(struct buffer *buffer, uint8_t value)
{
    buffer_append(buffer, &value, sizeof(value));
}

void buffer_append_u16(struct buffer *buffer, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    buffer_append(buffer, bytes, sizeof(bytes));
}

void buffer_append_u32(struct buffer *buffer, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    buffer_append(buffer, bytes, sizeof(bytes));
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->is_failed = true;
        return;
    }
    /* One more for the zero that vsnprintf writes and that we don't count. */
    uint8_t *room = buffer_reserve(buffer, (size_t)length + 1);
    if (room == NULL)
        return;
    va_start(arguments, format);
    vsnprintf((char *)room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->is_failed = false;
}
