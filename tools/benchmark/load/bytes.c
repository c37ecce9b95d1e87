/* A growing run of bytes. */
#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

void *allocate(size_t count, size_t size)
{
    void *block = calloc(count > 0 ? count : 1, size);
    if (block == NULL)
        fail("out of memory: %zu objects of %zu bytes", count, size);
    return block;
}

uint8_t *bytes_extend(struct bytes *bytes, size_t length)
{
    if (bytes->capacity - bytes->length < length) {
        size_t capacity = bytes->capacity > 0 ? bytes->capacity : 256;
        while (capacity - bytes->length < length)
            capacity *= 2;
        bytes->data = realloc(bytes->data, capacity);
        if (bytes->data == NULL)
            fail("out of memory: %zu bytes", capacity);
        bytes->capacity = capacity;
    }
    uint8_t *place = bytes->data + bytes->length;
    bytes->length += length;
    return place;
}

void bytes_append(struct bytes *bytes, const void *data, size_t length)
{
    if (length > 0)
        memcpy(bytes_extend(bytes, length), data, length);
}

void bytes_drop_front(struct bytes *bytes, size_t length)
{
    bytes->length -= length;
    if (bytes->length > 0)
        memmove(bytes->data, bytes->data + length, bytes->length);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
