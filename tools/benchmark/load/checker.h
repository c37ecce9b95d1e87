/* Whether what arrives is what was sent: each message once, and in order. A slot is one stream of numbered messages on
 * its way to one place; numbers begin at 0. */
#ifndef LOAD_CHECKER_H
#define LOAD_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

struct checker_slot;

struct checker {
    struct checker_slot *slots;
    uint32_t count;
    bool is_ordered; /* else any order will do */
};

enum arrival { ARRIVAL_FINE, ARRIVAL_DOUBLED, ARRIVAL_REORDERED };

void checker_init(struct checker *checker, uint32_t count, bool is_ordered);
void checker_deinit(struct checker *checker);

enum arrival checker_take(struct checker *checker, uint32_t slot, uint32_t number);

/* How many of the numbers below `sent` have not come; `*first` is the first of them. */
uint32_t checker_missing(const struct checker *checker, uint32_t slot, uint32_t sent, uint32_t *first);

#endif
