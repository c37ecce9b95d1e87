/* The one file that knows xxHash. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Seeded once per process with random bytes, so that a peer can't choose colliding keys. */
uint64_t hash_bytes(const void *bytes, size_t length);

/* Not seeded, 128 bits as 32 hexadecimal digits and a zero: to name the content of a file. */
void hash_content_text(const void *bytes, size_t length, char text[33]);

/* Random bytes from the kernel. */
void random_bytes(void *bytes, size_t length);

#endif
