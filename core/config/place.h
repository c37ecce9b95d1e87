/* Finds where something stands in a JSON text that is known to be valid: the JSON library keeps no positions. Pure. */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include <graftmq/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One step down from a value: the member called `key` of an object, or, with a NULL key, the element `index` of a list.
 */
struct place_step {
    const char *key;
    size_t index;
};

/* Both from 1; the column counts characters, not bytes. */
struct place {
    uint32_t line;
    uint32_t column;
};

/* The first character of the value that the steps lead to, or with `at_key` of the key in front of it. Steps that lead
 * nowhere are left out: the place of the last value that there is. */
struct place place_find(gmq_view text, const struct place_step *steps, size_t count, bool at_key);

#endif
