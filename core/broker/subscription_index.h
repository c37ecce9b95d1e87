/* Which sessions want which topics: one index for the whole broker, read by all workers without a lock.
 *
 * A filter's subscribers stand in one array. Shared subscriptions form a group per share name and filter, of which each
 * message goes to one member. */
#ifndef BROKER_SUBSCRIPTION_INDEX_H
#define BROKER_SUBSCRIPTION_INDEX_H

#include "base/grace.h"
#include "broker/topic_tree.h"

struct session;
struct subscription_index;

/* One subscriber of one filter. Only its own worker may look into the session, but for what session_presence() reads.
 */
struct subscriber {
    _Atomic(struct session *) session; /* NULL: it has left, skip it */
    uint32_t identifier;               /* subscription identifier, 0: none */
    uint8_t options;                   /* as in struct subscribe_entry */
    uint8_t worker;
};

struct subscriber_set {
    struct grace_retired retired;
    uint32_t capacity;
    atomic_uint count; /* dead ones included */
    uint32_t dead;     /* writers only */
    struct subscriber subscribers[];
};

/* A group of a shared subscription. */
struct share_group {
    struct grace_retired retired;
    _Atomic(struct share_group *) next; /* of the same filter */
    _Atomic(struct subscriber_set *) members;
    atomic_uint turn; /* whose turn it is */
    uint32_t name_length;
    char name[];
};

/* What hangs at a filter's node. */
struct filter_subscribers {
    struct grace_retired retired;
    _Atomic(struct subscriber_set *) set; /* NULL: none */
    _Atomic(struct share_group *) groups; /* NULL: none */
};

struct subscription_index *subscription_index_new(void);
void subscription_index_free(struct subscription_index *index); /* no readers any more */

enum subscription_change { SUBSCRIPTION_NEW, SUBSCRIPTION_REPLACED, SUBSCRIPTION_NO_MEMORY };

/* Adds or replaces the session's subscription to `filter` (valid; may be "$share/..."). Any worker; takes the writers'
 * lock.
 * `*node` is the filter's node, valid until the subscription is removed: the session keeps it for its own list. */
enum subscription_change subscription_add(struct subscription_index *index, struct grace_reader *reader,
                                          gmq_view filter, const struct subscriber *subscriber,
                                          struct topic_node **node);

/* Removes it; false if it wasn't there. */
bool subscription_remove(struct subscription_index *index, struct grace_reader *reader, gmq_view filter,
                         struct session *session);

/* Reader. The node of a filter (a shared one without its "$share/NAME/"), or NULL if nobody has it. */
struct topic_node *subscription_node(const struct subscription_index *index, gmq_view filter);

/* How many there are in all. */
uint64_t subscription_count(const struct subscription_index *index);

/* The filters that match a topic. Results of earlier matches are kept by each worker and used again as long as no
 * filter that could change them has come or gone. */
struct match {
    uint64_t hash;
    uint64_t wildcard_epoch;
    uint64_t exact_epoch;
    uint32_t count;
    uint32_t topic_length;
    struct filter_subscribers **filters; /* count of them */
    char *topic;
};

struct match_cache; /* one per worker */
struct match_cache *match_cache_new(void);
void match_cache_free(struct match_cache *cache);

/* NULL: memory is out. Valid until the next call with this cache; its filters until the worker's quiescent state. */
const struct match *subscription_match(struct subscription_index *index, struct match_cache *cache, gmq_view topic);

/* Visits the members of `set` that are there. */
static inline struct session *subscriber_session(struct subscriber *subscriber)
{
    return atomic_load_explicit(&subscriber->session, memory_order_acquire);
}

/* Visits every group of "$share/NAME/FILTER" form among `filters`: the group of this name, or NULL. */
struct share_group *share_group_find(const struct filter_subscribers *filters, gmq_view name);

#endif
