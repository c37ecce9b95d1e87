/* Small things about text. Any thread. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <graftmq/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 without U+0000 and surrogates: what MQTT allows in a string (5.0, 1.5.4). */
bool text_is_utf8(const char *text, size_t length);

/* The length of the well-formed character (as above) that `text` begins with; 0 if there is none. */
size_t text_utf8_step(const char *text, size_t length);

/* The candidate that was most likely meant by `word`, or NULL if none is near. `candidates` ends with NULL. */
const char *text_nearest(const char *word, const char *const *candidates);

/* Copies `view` into `text` with control characters, quotes and broken UTF-8 escaped (\n, \xff), cut with "..." where
 * it does not fit. Always terminated. Returns `text`. */
const char *text_printable(char *text, size_t size, gmq_view view);

#endif
