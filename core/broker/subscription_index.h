/* Which sessions want which topics: one index for the whole broker, read by all workers without a lock.
 *
 * Most filters have one subscriber, who stands in the filter itself; the others of a filter stand in one array. Shared
 * subscriptions form a group per share name and filter, of which each message goes to one member. */
#ifndef BROKER_SUBSCRIPTION_INDEX_H
#define BROKER_SUBSCRIPTION_INDEX_H

#include "base/grace.h"
#include "broker/topic_tree.h"

struct session;
struct subscription_index;

/* One subscriber of one filter. Only its own worker may look into the session, but for what session_presence() reads.
 */
struct subscriber {
    struct session *session;
    uint32_t identifier; /* subscription identifier, 0: none */
    uint8_t options;     /* as in struct subscribe_entry */
    uint8_t worker;
};

/* The same as it stands in the index. Its terms are one word, so that nobody sees half of a change. */
struct subscriber_entry {
    _Atomic(struct session *) session; /* NULL: it has left, or nobody has come: skip it */
    _Atomic uint64_t terms;            /* see subscription_layout.h */
};

struct subscriber_set {
    struct limbo_link retired;
    uint32_t capacity;
    atomic_uint count; /* dead ones included */
    uint32_t dead;     /* writers only */
    uint32_t places;   /* writers only: of a large set the size of the table behind the entries that finds sessions */
    struct subscriber_entry entries[];
};

/* A group of a shared subscription. */
struct share_group {
    struct limbo_link retired;
    atomic_uint references;                   /* the index's, and one for each message that is on its way to a member */
    struct topic_node *node;                  /* of its filter; who reads it must be a member */
    _Atomic(struct share_group *) next;       /* of the same filter */
    _Atomic(struct subscriber_set *) members; /* NULL: the last one has left */
    atomic_uint turn;                         /* whose turn it is */
    uint32_t name_length;
    char name[];
};

/* What only filters with several subscribers, or with shared ones, need. */
struct filter_lists {
    struct limbo_link retired;
    _Atomic(struct subscriber_set *) set; /* all but the first; NULL: none */
    _Atomic(struct share_group *) groups; /* NULL: none */
};

/* What hangs at a filter's node. */
struct filter_subscribers {
    struct subscriber_entry first;
    _Atomic(struct filter_lists *) lists; /* NULL: none */
    struct limbo_link retired;
};

struct subscription_index *subscription_index_new(void);
void subscription_index_free(struct subscription_index *index); /* no readers any more */

enum subscription_change { SUBSCRIPTION_NEW, SUBSCRIPTION_REPLACED, SUBSCRIPTION_NO_MEMORY };

/* Where a subscription stands in the index, in one word: all that a session has to know of it. 0: nowhere. Valid as
 * long as the session has the subscription; two are the same if the filter, and the share name, are. */
typedef uintptr_t subscription_place;

/* Adds or replaces the session's subscription to `filter` (valid; may be "$share/..."). Any worker; takes the writers'
 * lock. On success sets `*place`. */
enum subscription_change subscription_add(struct subscription_index *index, struct grace_reader *reader,
                                          gmq_view filter, const struct subscriber *subscriber,
                                          subscription_place *place);

/* Removes it; false if it wasn't there. */
bool subscription_remove(struct subscription_index *index, struct grace_reader *reader, gmq_view filter,
                         struct session *session);

/* The same for a subscription that the session has. */
bool subscription_leave(struct subscription_index *index, struct grace_reader *reader, subscription_place place,
                        struct session *session);

/* Reader. The place of a filter's subscriptions, valid until the next quiescent state; 0 if nobody has it. */
subscription_place subscription_find(const struct subscription_index *index, gmq_view filter);

/* The filter of a subscription that the caller has, without its "$share/NAME/"; written if it fits, returns its length.
 */
size_t subscription_filter(subscription_place place, char *text, size_t size);

/* The group of a place, or NULL: it isn't of a shared subscription. */
struct share_group *subscription_group(subscription_place place);

/* What the session has subscribed there. Its own worker; takes the writers' lock, so not for the way of a packet.
 * False: it isn't there. */
bool subscription_read(struct subscription_index *index, subscription_place place, const struct session *session,
                       struct subscriber *subscriber);

/* Frees what has left and may be freed, up to `most` objects; to be called once in a while by one worker, as changes do
 * that only a little at a time. */
void subscription_index_collect(struct subscription_index *index, struct grace_reader *reader, uint32_t most);

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

/* Reader. What the entry says; false: there is nobody. */
bool subscriber_read(const struct subscriber_entry *entry, struct subscriber *subscriber);

/* Reader. The entries of a filter's set and its groups, or NULL. */
struct subscriber_set *filter_set(const struct filter_subscribers *filters);
struct share_group *filter_groups(const struct filter_subscribers *filters);

/* Mail to another worker may outlast the grace period, as who sleeps holds up none: it holds the group itself. Any
 * thread. */
void share_group_ref(struct share_group *group);
void share_group_unref(struct share_group *group);

/* Reader. The filter's group of this name, or NULL. */
struct share_group *share_group_find(const struct filter_subscribers *filters, gmq_view name);

#endif
