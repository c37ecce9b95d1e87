/* The index's layout, for the two files that read it: subscription_index.c, which changes it, and match_cache.c. */
#ifndef BROKER_SUBSCRIPTION_LAYOUT_H
#define BROKER_SUBSCRIPTION_LAYOUT_H

#include "broker/subscription_index.h"

#include <pthread.h>
#include <stdalign.h>

enum { EXACT_EPOCH_BITS = 10, EXACT_EPOCHS = 1 << EXACT_EPOCH_BITS, INDEX_CACHE_LINE = 64 };

/* An epoch counts the filters that have come and gone: all that have a wildcard together, those without by the hash of
 * their text, which is that of the one topic that they match.
 *
 * A filter comes: its subscribers are published, then the epoch is counted up. It goes: it is unlinked, the epoch is
 * counted up, it is retired. So who loads the epochs first and then walks the tree has all filters of those epochs or
 * newer ones. And who later finds the epochs unchanged has missed no filter whose subscription_add had returned, and
 * may still read those that he knows: what has gone since is retired after a count that he has not seen, so that its
 * grace period can't end before his turn does. */
struct subscription_index {
    struct topic_tree tree; /* of filters; the values are struct filter_subscribers */
    alignas(INDEX_CACHE_LINE) _Atomic uint64_t
        wildcard_epoch; /* every match reads these, few subscriptions change them */
    _Atomic uint64_t exact_epochs[EXACT_EPOCHS];
    alignas(INDEX_CACHE_LINE) pthread_mutex_t mutex; /* writers */
    _Atomic uint64_t count;
};

static inline size_t exact_epoch_of(uint64_t hash)
{
    return hash >> (64 - EXACT_EPOCH_BITS);
}

#endif
