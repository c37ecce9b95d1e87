/* One bit for each message of each slot. A number above all before it may be in time, whatever is missing below it:
 * that comes late (reordered) or never (lost, which is known at the end alone). */
#include "checker.h"

#include "bytes.h"

#include <stdlib.h>

struct checker_slot {
    struct bytes seen; /* bits */
    uint32_t next;     /* above the highest number that has come */
    uint32_t taken;
};

void checker_init(struct checker *checker, uint32_t count, bool is_ordered)
{
    checker->slots = allocate(count, sizeof *checker->slots);
    checker->count = count;
    checker->is_ordered = is_ordered;
}

void checker_deinit(struct checker *checker)
{
    for (uint32_t i = 0; i < checker->count; i++)
        bytes_free(&checker->slots[i].seen);
    free(checker->slots);
}

static bool has_seen(const struct checker_slot *slot, uint32_t number)
{
    return number / 8 < slot->seen.length && (slot->seen.data[number / 8] >> (number % 8) & 1) != 0;
}

enum arrival checker_take(struct checker *checker, uint32_t slot_number, uint32_t number)
{
    struct checker_slot *slot = &checker->slots[slot_number];
    if (has_seen(slot, number))
        return ARRIVAL_DOUBLED;
    while (slot->seen.length <= number / 8)
        *bytes_extend(&slot->seen, 1) = 0;
    slot->seen.data[number / 8] = (uint8_t)(slot->seen.data[number / 8] | 1u << (number % 8));
    slot->taken++;
    if (number < slot->next)
        return checker->is_ordered ? ARRIVAL_REORDERED : ARRIVAL_FINE;
    slot->next = number + 1;
    return ARRIVAL_FINE;
}

uint32_t checker_missing(const struct checker *checker, uint32_t slot_number, uint32_t sent, uint32_t *first)
{
    const struct checker_slot *slot = &checker->slots[slot_number];
    if (slot->taken >= sent)
        return 0;
    for (*first = 0; has_seen(slot, *first);)
        ++*first;
    return sent - slot->taken;
}
