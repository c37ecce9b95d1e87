/* A set of 16-bit identifiers: small, no allocation while it does not grow. One thread. */
#ifndef BASE_ID_SET_H
#define BASE_ID_SET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is a valid empty set. 0 can't be a member. */
struct id_set {
    uint16_t *slots; /* open addressing, 0 is free; NULL until the first member */
    uint32_t capacity;
    uint32_t count;
};

void id_set_deinit(struct id_set *set);
bool id_set_has(const struct id_set *set, uint16_t id);
bool id_set_add(struct id_set *set, uint16_t id) __attribute__((warn_unused_result)); /* false: memory is out */
bool id_set_remove(struct id_set *set, uint16_t id);                                  /* false: was no member */

#endif
