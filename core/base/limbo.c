/* Objects that wait for a grace period together. */
#include "base/limbo.h"

#include <assert.h>
#include <string.h>

void limbo_init(struct limbo *limbo, limbo_release *release, void *owner)
{
    *limbo = (struct limbo){.release = release, .owner = owner};
}

/* Releases up to `most` of those that wait; returns how many are allowed still. A release may retire more. */
static uint32_t limbo_release_waiting(struct limbo *limbo, uint32_t most)
{
    for (unsigned kind = 0; kind < LIMBO_KINDS; kind++) {
        while (limbo->waiting[kind] != NULL) {
            if (most == 0)
                return 0;
            most--;
            struct limbo_link *link = limbo->waiting[kind];
            limbo->waiting[kind] = link->next;
            limbo->release(limbo->owner, kind, link);
        }
    }
    limbo->has_waiting = false;
    return most;
}

static void limbo_let_wait(struct limbo *limbo, uint64_t ticket)
{
    memcpy(limbo->waiting, limbo->fresh, sizeof limbo->waiting);
    memset(limbo->fresh, 0, sizeof limbo->fresh);
    limbo->has_waiting = true;
    limbo->has_fresh = false;
    limbo->ticket = ticket;
}

void limbo_deinit(struct limbo *limbo)
{
    while (limbo->has_waiting || limbo->has_fresh) {
        if (limbo->has_waiting)
            (void)limbo_release_waiting(limbo, UINT32_MAX);
        else
            limbo_let_wait(limbo, 0);
    }
}

void limbo_retire(struct limbo *limbo, unsigned kind, struct limbo_link *link)
{
    assert(kind < LIMBO_KINDS);
    link->next = limbo->fresh[kind];
    limbo->fresh[kind] = link;
    limbo->has_fresh = true;
}

bool limbo_collect(struct limbo *limbo, struct grace_reader *reader, uint32_t most)
{
    struct grace *grace = grace_of(reader);
    if (limbo->has_waiting && grace_is_over(grace, limbo->ticket))
        (void)limbo_release_waiting(limbo, most);
    if (!limbo->has_waiting && limbo->has_fresh)
        limbo_let_wait(limbo, grace_ticket(grace));
    return limbo->has_waiting;
}
