/* The subscription index's writers: sessions come to filters and leave them, while readers walk the same sets.
 *
 * A set only ever grows at its end, within its capacity; whoever leaves has his entry's session set to NULL. Everything
 * else (more room, another option, tidying up) is a new set in the place of the old one, so that a reader sees a
 * session's entry once or not at all, and never a half-written one. */
#include "broker/subscription_layout.h"

#include "base/hash.h"
#include "base/memory.h"
#include "mqtt/topic.h"

enum { SET_DEAD_MIN = 8 }; /* as many who left aren't worth a new set */

/* ---- sets ---- */

static void set_release(struct grace_retired *retired)
{
    mem_free(LIST_OBJECT(retired, struct subscriber_set, retired));
}

static uint32_t set_count(const struct subscriber_set *set)
{
    return atomic_load_explicit(&set->count, memory_order_relaxed);
}

static uint32_t set_live(const struct subscriber_set *set)
{
    return set_count(set) - set->dead;
}

static struct session *entry_session(const struct subscriber *entry)
{
    return atomic_load_explicit(&entry->session, memory_order_relaxed);
}

/* The entry of a session, or NULL. From the end: the newest are the likeliest to change. */
static struct subscriber *set_find(struct subscriber_set *set, const struct session *session)
{
    for (uint32_t i = set_count(set); i > 0; i--) {
        if (entry_session(&set->subscribers[i - 1]) == session)
            return &set->subscribers[i - 1];
    }
    return NULL;
}

/* Writes behind the last entry, where no reader looks yet, then counts it. There must be room. */
static void set_append(struct subscriber_set *set, const struct subscriber *subscriber)
{
    uint32_t count = set_count(set);
    struct subscriber *entry = &set->subscribers[count];
    atomic_init(&entry->session, entry_session(subscriber));
    entry->identifier = subscriber->identifier;
    entry->options = subscriber->options;
    entry->worker = subscriber->worker;
    atomic_store_explicit(&set->count, count + 1, memory_order_release);
}

static struct subscriber_set *set_new(uint32_t capacity)
{
    struct subscriber_set *set = mem_alloc(sizeof(*set) + capacity * sizeof(set->subscribers[0]));
    if (set == NULL)
        return NULL;
    set->capacity = capacity;
    atomic_init(&set->count, 0);
    set->dead = 0;
    return set;
}

/* A new set of those that are there, `changed` (may be NULL) in the place of the entry of its session. */
static struct subscriber_set *set_copy(const struct subscriber_set *from, uint32_t capacity,
                                       const struct subscriber *changed)
{
    struct subscriber_set *set = set_new(capacity);
    if (set == NULL)
        return NULL;
    for (uint32_t i = 0; i < set_count(from); i++) {
        const struct subscriber *entry = &from->subscribers[i];
        const struct session *session = entry_session(entry);
        if (session == NULL)
            continue;
        bool is_changed = changed != NULL && entry_session(changed) == session;
        set_append(set, is_changed ? changed : entry);
    }
    return set;
}

/* The place of a set that readers go by: a filter's or a group's. */
typedef _Atomic(struct subscriber_set *) set_place;

static struct subscriber_set *place_set(const set_place *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static void place_publish(set_place *place, struct subscriber_set *set, struct grace_reader *reader)
{
    struct subscriber_set *old = place_set(place);
    atomic_store_explicit(place, set, memory_order_release);
    if (old != NULL)
        grace_retire(reader, &old->retired, set_release);
}

static enum subscription_change place_replace(set_place *place, const struct subscriber *subscriber,
                                              const struct subscriber *entry, struct grace_reader *reader)
{
    if (entry->identifier == subscriber->identifier && entry->options == subscriber->options &&
        entry->worker == subscriber->worker)
        return SUBSCRIPTION_REPLACED;
    struct subscriber_set *old = place_set(place);
    struct subscriber_set *set = set_copy(old, old->capacity, subscriber);
    if (set == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    place_publish(place, set, reader);
    return SUBSCRIPTION_REPLACED;
}

static enum subscription_change place_add(set_place *place, const struct subscriber *subscriber,
                                          struct grace_reader *reader)
{
    struct subscriber_set *set = place_set(place);
    const struct subscriber *entry = set != NULL ? set_find(set, entry_session(subscriber)) : NULL;
    if (entry != NULL)
        return place_replace(place, subscriber, entry, reader);
    if (set != NULL && set_count(set) < set->capacity) {
        set_append(set, subscriber);
        return SUBSCRIPTION_NEW;
    }
    struct subscriber_set *wider = set != NULL ? set_copy(set, 2 * set_live(set), NULL) : set_new(1);
    if (wider == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    set_append(wider, subscriber);
    place_publish(place, wider, reader);
    return SUBSCRIPTION_NEW;
}

/* False if the session isn't in the set. The last one's set stays, with nobody in it. */
static bool place_remove(set_place *place, const struct session *session, struct grace_reader *reader)
{
    struct subscriber_set *set = place_set(place);
    struct subscriber *entry = set != NULL ? set_find(set, session) : NULL;
    if (entry == NULL)
        return false;
    atomic_store_explicit(&entry->session, NULL, memory_order_release);
    set->dead++;
    if (set->dead <= SET_DEAD_MIN || set->dead <= set_count(set) / 2 || set_live(set) == 0)
        return true;
    struct subscriber_set *tidy = set_copy(set, 2 * set_live(set), NULL);
    if (tidy != NULL) /* else those who left stay a while, and nothing is wrong with that */
        place_publish(place, tidy, reader);
    return true;
}

static bool place_is_empty(const set_place *place)
{
    const struct subscriber_set *set = place_set(place);
    return set == NULL || set_live(set) == 0;
}

/* ---- groups ---- */

static void group_release(struct grace_retired *retired)
{
    mem_free(LIST_OBJECT(retired, struct share_group, retired));
}

struct share_group *share_group_find(const struct filter_subscribers *filters, gmq_view name)
{
    struct share_group *group = atomic_load_explicit(&filters->groups, memory_order_acquire);
    while (group != NULL && !gmq_view_same(gmq_view_make(group->name, group->name_length), name))
        group = atomic_load_explicit(&group->next, memory_order_acquire);
    return group;
}

static struct share_group *group_new(gmq_view name)
{
    struct share_group *group = mem_alloc(sizeof(*group) + name.length);
    if (group == NULL)
        return NULL;
    atomic_init(&group->next, NULL);
    atomic_init(&group->members, NULL);
    atomic_init(&group->turn, 0);
    group->name_length = (uint32_t)name.length;
    if (name.length != 0)
        memcpy(group->name, name.data, name.length);
    return group;
}

static enum subscription_change group_add(struct filter_subscribers *filters, gmq_view name,
                                          const struct subscriber *subscriber, struct grace_reader *reader)
{
    struct share_group *group = share_group_find(filters, name);
    if (group != NULL)
        return place_add(&group->members, subscriber, reader);
    group = group_new(name);
    if (group == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    enum subscription_change change = place_add(&group->members, subscriber, reader);
    if (change == SUBSCRIPTION_NO_MEMORY) {
        mem_free(group);
        return change;
    }
    atomic_init(&group->next, atomic_load_explicit(&filters->groups, memory_order_relaxed));
    atomic_store_explicit(&filters->groups, group, memory_order_release);
    return change;
}

/* A reader that stands on the group still finds its members, all of them gone, and the next group. */
static void group_unlink(struct filter_subscribers *filters, struct share_group *group, struct grace_reader *reader)
{
    _Atomic(struct share_group *) *place = &filters->groups;
    struct share_group *step = atomic_load_explicit(place, memory_order_relaxed);
    while (step != group) {
        place = &step->next;
        step = atomic_load_explicit(place, memory_order_relaxed);
    }
    atomic_store_explicit(place, atomic_load_explicit(&group->next, memory_order_relaxed), memory_order_release);
    grace_retire(reader, &place_set(&group->members)->retired, set_release);
    grace_retire(reader, &group->retired, group_release);
}

/* ---- what hangs at a node ---- */

static void filters_release(struct grace_retired *retired)
{
    mem_free(LIST_OBJECT(retired, struct filter_subscribers, retired));
}

/* For the end of the index: at once, all that belongs to it included. */
static void filters_free(void *value)
{
    struct filter_subscribers *filters = value;
    struct share_group *group = atomic_load_explicit(&filters->groups, memory_order_relaxed);
    while (group != NULL) {
        struct share_group *next = atomic_load_explicit(&group->next, memory_order_relaxed);
        mem_free(place_set(&group->members));
        mem_free(group);
        group = next;
    }
    mem_free(place_set(&filters->set));
    mem_free(filters);
}

/* A filter as the tree knows it, and the share name if it has one. */
struct shared_filter {
    gmq_view filter;
    gmq_view name;
    bool is_shared;
};

static struct shared_filter shared_filter_of(gmq_view filter)
{
    struct shared_filter shared = {.filter = filter};
    shared.is_shared = topic_split_shared(filter, &shared.name, &shared.filter);
    return shared;
}

static enum subscription_change filters_add(struct filter_subscribers *filters, const struct shared_filter *shared,
                                            const struct subscriber *subscriber, struct grace_reader *reader)
{
    if (shared->is_shared)
        return group_add(filters, shared->name, subscriber, reader);
    return place_add(&filters->set, subscriber, reader);
}

static bool filters_remove(struct filter_subscribers *filters, const struct shared_filter *shared,
                           const struct session *session, struct grace_reader *reader)
{
    if (!shared->is_shared) {
        bool was_there = place_remove(&filters->set, session, reader);
        if (was_there && place_is_empty(&filters->set))
            place_publish(&filters->set, NULL, reader);
        return was_there;
    }
    struct share_group *group = share_group_find(filters, shared->name);
    if (group == NULL || !place_remove(&group->members, session, reader))
        return false;
    if (place_is_empty(&group->members))
        group_unlink(filters, group, reader);
    return true;
}

/* ---- the index ---- */

struct subscription_index *subscription_index_new(void)
{
    struct subscription_index *index = mem_alloc_aligned(alignof(struct subscription_index), sizeof(*index));
    if (index == NULL)
        return NULL;
    if (!topic_tree_init(&index->tree)) {
        mem_free(index);
        return NULL;
    }
    atomic_init(&index->wildcard_epoch, 0);
    for (size_t i = 0; i < EXACT_EPOCHS; i++)
        atomic_init(&index->exact_epochs[i], 0);
    pthread_mutex_init(&index->mutex, NULL);
    atomic_init(&index->count, 0);
    return index;
}

void subscription_index_free(struct subscription_index *index)
{
    if (index == NULL)
        return;
    topic_tree_deinit_values(&index->tree, filters_free);
    pthread_mutex_destroy(&index->mutex);
    mem_free(index);
}

/* After a filter has come or before it is retired; see struct subscription_index. */
static void index_count_epoch(struct subscription_index *index, gmq_view filter)
{
    _Atomic uint64_t *epoch = &index->wildcard_epoch;
    if (!topic_has_wildcard(filter))
        epoch = &index->exact_epochs[exact_epoch_of(hash_bytes(filter.data, filter.length))];
    atomic_fetch_add_explicit(epoch, 1, memory_order_release);
}

/* The first subscriber of a filter. */
static enum subscription_change index_add_filter(struct subscription_index *index, struct topic_node *node,
                                                 const struct shared_filter *shared,
                                                 const struct subscriber *subscriber, struct grace_reader *reader)
{
    struct filter_subscribers *filters = mem_alloc(sizeof(*filters));
    if (filters == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    atomic_init(&filters->set, NULL);
    atomic_init(&filters->groups, NULL);
    enum subscription_change change = filters_add(filters, shared, subscriber, reader);
    if (change == SUBSCRIPTION_NO_MEMORY) {
        mem_free(filters);
        return change;
    }
    topic_node_set_value(node, filters);
    index_count_epoch(index, shared->filter);
    return change;
}

static enum subscription_change index_add(struct subscription_index *index, struct grace_reader *reader,
                                          const struct shared_filter *shared, const struct subscriber *subscriber,
                                          struct topic_node **node)
{
    struct topic_node *found = topic_tree_add(&index->tree, shared->filter, reader);
    if (found == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    struct filter_subscribers *filters = topic_node_value(found);
    enum subscription_change change = filters != NULL ? filters_add(filters, shared, subscriber, reader)
                                                      : index_add_filter(index, found, shared, subscriber, reader);
    if (change == SUBSCRIPTION_NO_MEMORY) {
        topic_tree_prune(&index->tree, found, reader);
        return change;
    }
    if (change == SUBSCRIPTION_NEW)
        atomic_fetch_add_explicit(&index->count, 1, memory_order_relaxed);
    *node = found;
    return change;
}

enum subscription_change subscription_add(struct subscription_index *index, struct grace_reader *reader,
                                          gmq_view filter, const struct subscriber *subscriber,
                                          struct topic_node **node)
{
    struct shared_filter shared = shared_filter_of(filter);
    pthread_mutex_lock(&index->mutex);
    enum subscription_change change = index_add(index, reader, &shared, subscriber, node);
    pthread_mutex_unlock(&index->mutex);
    return change;
}

static void index_drop_filter(struct subscription_index *index, struct grace_reader *reader, gmq_view filter,
                              struct topic_node *node)
{
    struct filter_subscribers *filters = topic_node_value(node);
    topic_node_set_value(node, NULL);
    index_count_epoch(index, filter);
    topic_tree_prune(&index->tree, node, reader);
    grace_retire(reader, &filters->retired, filters_release);
}

static bool index_remove(struct subscription_index *index, struct grace_reader *reader,
                         const struct shared_filter *shared, const struct session *session)
{
    struct topic_node *node = topic_tree_find(&index->tree, shared->filter);
    struct filter_subscribers *filters = node != NULL ? topic_node_value(node) : NULL;
    if (filters == NULL || !filters_remove(filters, shared, session, reader))
        return false;
    atomic_fetch_sub_explicit(&index->count, 1, memory_order_relaxed);
    bool has_groups = atomic_load_explicit(&filters->groups, memory_order_relaxed) != NULL;
    if (place_set(&filters->set) == NULL && !has_groups)
        index_drop_filter(index, reader, shared->filter, node);
    return true;
}

bool subscription_remove(struct subscription_index *index, struct grace_reader *reader, gmq_view filter,
                         struct session *session)
{
    struct shared_filter shared = shared_filter_of(filter);
    pthread_mutex_lock(&index->mutex);
    bool was_there = index_remove(index, reader, &shared, session);
    pthread_mutex_unlock(&index->mutex);
    return was_there;
}

uint64_t subscription_count(const struct subscription_index *index)
{
    return atomic_load_explicit(&index->count, memory_order_relaxed);
}

struct topic_node *subscription_node(const struct subscription_index *index, gmq_view filter)
{
    return topic_tree_find(&index->tree, filter);
}
