/* What was unlinked under a lock and waits for the grace period of its readers, at the price of one pointer an object
 * (grace_retired takes four). For structures of very many small objects that are changed under one lock.
 *
 * Objects are told apart by a small number, their kind, so that none has to carry its release function; and they share
 * a ticket: what was retired since the last one waits for the next. All functions are called under the owner's lock. */
#ifndef BASE_LIMBO_H
#define BASE_LIMBO_H

#include "base/grace.h"

enum { LIMBO_KINDS = 8 };

/* To be embedded in what is retired. Readers must not look at the field that it lies over, or beside. */
struct limbo_link {
    struct limbo_link *next;
};

typedef void limbo_release(void *owner, unsigned kind, struct limbo_link *link);

struct limbo {
    limbo_release *release;
    void *owner;
    struct limbo_link *fresh[LIMBO_KINDS];   /* without a ticket yet */
    struct limbo_link *waiting[LIMBO_KINDS]; /* with `ticket` */
    uint64_t ticket;
    bool has_fresh;
    bool has_waiting;
};

void limbo_init(struct limbo *limbo, limbo_release *release, void *owner);

/* No readers any more: releases everything. */
void limbo_deinit(struct limbo *limbo);

/* After the object was unlinked. `release` gets it in a later limbo_collect, or in limbo_deinit. */
void limbo_retire(struct limbo *limbo, unsigned kind, struct limbo_link *link);

/* Releases objects whose grace period is over, `most` of them. Cheap when there are none. To be called with each
 * change, and now and then when there are no changes. Returns whether some still wait. */
bool limbo_collect(struct limbo *limbo, struct grace_reader *reader, uint32_t most);

#endif
