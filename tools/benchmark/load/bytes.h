/* A growing run of bytes, and the one way to give up: memory that runs out here ends the program. */
#ifndef LOAD_BYTES_H
#define LOAD_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* All zero is empty. */
struct bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

/* Room for `length` more bytes, which count at once. */
uint8_t *bytes_extend(struct bytes *bytes, size_t length);
void bytes_append(struct bytes *bytes, const void *data, size_t length);
void bytes_drop_front(struct bytes *bytes, size_t length);

/* Empty, and without memory. */
void bytes_free(struct bytes *bytes);

/* `count` cleared objects. */
void *allocate(size_t count, size_t size);

/* Prints one line and exits with 2: what was to be measured could not be. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
