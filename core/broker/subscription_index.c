/* The subscription index's writers: sessions come to filters and leave them, while readers walk the same sets.
 *
 * A set only ever grows at its end, within its capacity; whoever leaves has his entry's session set to NULL, and other
 * terms are one store. Everything else (more room, tidying up) is a new set in the place of the old one. So a reader
 * sees a session's entry once or not at all, and never a half-written one. An entry is never given to another session,
 * a filter's first no more than those of sets. */
#include "broker/subscription_layout.h"

#include "base/hash.h"
#include "base/memory.h"
#include "mqtt/topic.h"

enum {
    SET_DEAD_MIN = 8, /* as many who left aren't worth a new set */
    SET_LARGE = 32,   /* from this capacity on sessions are found by a table */
};

/* Of what waits in the tree's limbo. */
enum index_kind { KIND_SET = TOPIC_TREE_KINDS, KIND_GROUP, KIND_LISTS, KIND_FILTER };

/* ---- entries ---- */

/* So that the terms of an entry that was ever used are not 0. */
#define TERMS_USED (UINT64_C(1) << 63)
enum { TERMS_OPTIONS_SHIFT = 32, TERMS_WORKER_SHIFT = 40 };

static uint64_t terms_of(const struct subscriber *subscriber)
{
    return TERMS_USED | subscriber->identifier | (uint64_t)subscriber->options << TERMS_OPTIONS_SHIFT |
           (uint64_t)subscriber->worker << TERMS_WORKER_SHIFT;
}

static struct session *entry_session(const struct subscriber_entry *entry)
{
    return atomic_load_explicit(&entry->session, memory_order_relaxed);
}

static uint64_t entry_terms(const struct subscriber_entry *entry)
{
    return atomic_load_explicit(&entry->terms, memory_order_relaxed);
}

bool subscriber_read(const struct subscriber_entry *entry, struct subscriber *subscriber)
{
    struct session *session = atomic_load_explicit(&entry->session, memory_order_acquire);
    if (session == NULL)
        return false;
    uint64_t terms = entry_terms(entry);
    *subscriber = (struct subscriber){.session = session,
                                      .identifier = (uint32_t)terms,
                                      .options = (uint8_t)(terms >> TERMS_OPTIONS_SHIFT),
                                      .worker = (uint8_t)(terms >> TERMS_WORKER_SHIFT)};
    return true;
}

static void entry_set_terms(struct subscriber_entry *entry, uint64_t terms)
{
    atomic_store_explicit(&entry->terms, terms, memory_order_relaxed);
}

/* Of an entry that was never used. */
static void entry_fill(struct subscriber_entry *entry, struct session *session, uint64_t terms)
{
    entry_set_terms(entry, terms);
    atomic_store_explicit(&entry->session, session, memory_order_release);
}

/* ---- sets ---- */

static size_t set_size(uint32_t capacity, uint32_t places)
{
    const struct subscriber_set *layout = NULL;
    return sizeof(*layout) + capacity * sizeof(layout->entries[0]) + places * sizeof(uint32_t);
}

static void set_free(struct topic_tree *tree, struct subscriber_set *set)
{
    if (set != NULL)
        small_free(&tree->small, set, set_size(set->capacity, set->places));
}

static uint32_t set_count(const struct subscriber_set *set)
{
    return atomic_load_explicit(&set->count, memory_order_relaxed);
}

static uint32_t set_live(const struct subscriber_set *set)
{
    return set_count(set) - set->dead;
}

/* The table of a large set: positions of entries plus one, by the hash of their sessions; open addressing. Who left
 * stays in it, as he does in the set. */
static uint32_t *set_table(struct subscriber_set *set)
{
    return (uint32_t *)(void *)(set->entries + set->capacity);
}

static uint32_t set_first_place(const struct subscriber_set *set, const struct session *session)
{
    return (uint32_t)hash_bytes(&session, sizeof(session)) & (set->places - 1);
}

static struct subscriber_entry *set_find_by_table(struct subscriber_set *set, const struct session *session)
{
    const uint32_t *table = set_table(set);
    uint32_t place = set_first_place(set, session);
    for (; table[place] != 0; place = (place + 1) & (set->places - 1)) {
        struct subscriber_entry *entry = &set->entries[table[place] - 1];
        if (entry_session(entry) == session)
            return entry;
    }
    return NULL;
}

/* The entry of a session, or NULL. From the end: the newest are the likeliest to change. */
static struct subscriber_entry *set_find(struct subscriber_set *set, const struct session *session)
{
    if (set->places != 0)
        return set_find_by_table(set, session);
    for (uint32_t i = set_count(set); i > 0; i--) {
        if (entry_session(&set->entries[i - 1]) == session)
            return &set->entries[i - 1];
    }
    return NULL;
}

/* Writes behind the last entry, where no reader looks yet, then counts it. There must be room. */
static void set_append(struct subscriber_set *set, struct session *session, uint64_t terms)
{
    uint32_t count = set_count(set);
    struct subscriber_entry *entry = &set->entries[count];
    atomic_init(&entry->session, session);
    atomic_init(&entry->terms, terms);
    if (set->places != 0) {
        uint32_t *table = set_table(set);
        uint32_t place = set_first_place(set, session);
        while (table[place] != 0)
            place = (place + 1) & (set->places - 1);
        table[place] = count + 1;
    }
    atomic_store_explicit(&set->count, count + 1, memory_order_release);
}

/* So many places that no more than half of them are taken; none for a small set. */
static uint32_t set_places_for(uint32_t capacity)
{
    uint32_t places = capacity >= SET_LARGE ? SET_LARGE : 0;
    while (places != 0 && places / 2 < capacity)
        places *= 2;
    return places;
}

static struct subscriber_set *set_new(struct topic_tree *tree, uint32_t capacity)
{
    uint32_t places = set_places_for(capacity);
    struct subscriber_set *set = small_alloc(&tree->small, set_size(capacity, places));
    if (set == NULL)
        return NULL;
    set->capacity = capacity;
    atomic_init(&set->count, 0);
    set->dead = 0;
    set->places = places;
    if (places != 0)
        memset(set_table(set), 0, places * sizeof(uint32_t));
    return set;
}

/* A new set of those that are there. */
static struct subscriber_set *set_copy(struct topic_tree *tree, const struct subscriber_set *from, uint32_t capacity)
{
    struct subscriber_set *set = set_new(tree, capacity);
    if (set == NULL)
        return NULL;
    for (uint32_t i = 0; i < set_count(from); i++) {
        const struct subscriber_entry *entry = &from->entries[i];
        if (entry_session(entry) != NULL)
            set_append(set, entry_session(entry), entry_terms(entry));
    }
    return set;
}

/* The place of a set that readers go by: a filter's or a group's. */
typedef _Atomic(struct subscriber_set *) set_place;

static struct subscriber_set *place_set(const set_place *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static void place_publish(set_place *place, struct subscriber_set *set, struct topic_tree *tree)
{
    struct subscriber_set *old = place_set(place);
    atomic_store_explicit(place, set, memory_order_release);
    if (old != NULL)
        limbo_retire(&tree->limbo, KIND_SET, &old->retired);
}

static enum subscription_change place_add(set_place *place, const struct subscriber *subscriber,
                                          struct topic_tree *tree)
{
    struct subscriber_set *set = place_set(place);
    struct subscriber_entry *entry = set != NULL ? set_find(set, subscriber->session) : NULL;
    if (entry != NULL) {
        entry_set_terms(entry, terms_of(subscriber));
        return SUBSCRIPTION_REPLACED;
    }
    if (set != NULL && set_count(set) < set->capacity) {
        set_append(set, subscriber->session, terms_of(subscriber));
        return SUBSCRIPTION_NEW;
    }
    struct subscriber_set *wider = set != NULL ? set_copy(tree, set, 2 * set_live(set)) : set_new(tree, 1);
    if (wider == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    set_append(wider, subscriber->session, terms_of(subscriber));
    place_publish(place, wider, tree);
    return SUBSCRIPTION_NEW;
}

/* False if the session isn't in the set. The last one's set stays, with nobody in it. */
static bool place_remove(set_place *place, const struct session *session, struct topic_tree *tree)
{
    struct subscriber_set *set = place_set(place);
    struct subscriber_entry *entry = set != NULL ? set_find(set, session) : NULL;
    if (entry == NULL)
        return false;
    atomic_store_explicit(&entry->session, NULL, memory_order_release);
    set->dead++;
    if (set->dead <= SET_DEAD_MIN || set->dead <= set_count(set) / 2 || set_live(set) == 0)
        return true;
    struct subscriber_set *tidy = set_copy(tree, set, 2 * set_live(set));
    if (tidy != NULL) /* else those who left stay a while, and nothing is wrong with that */
        place_publish(place, tidy, tree);
    return true;
}

static bool place_is_empty(const set_place *place)
{
    const struct subscriber_set *set = place_set(place);
    return set == NULL || set_live(set) == 0;
}

/* ---- groups ---- */

void share_group_ref(struct share_group *group)
{
    atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
}

void share_group_unref(struct share_group *group)
{
    if (atomic_fetch_sub_explicit(&group->references, 1, memory_order_acq_rel) == 1)
        mem_free(group);
}

struct subscriber_set *filter_set(const struct filter_subscribers *filters)
{
    const struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_acquire);
    return lists != NULL ? atomic_load_explicit(&lists->set, memory_order_acquire) : NULL;
}

struct share_group *filter_groups(const struct filter_subscribers *filters)
{
    const struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_acquire);
    return lists != NULL ? atomic_load_explicit(&lists->groups, memory_order_acquire) : NULL;
}

struct share_group *share_group_find(const struct filter_subscribers *filters, gmq_view name)
{
    struct share_group *group = filter_groups(filters);
    while (group != NULL && !gmq_view_same(gmq_view_make(group->name, group->name_length), name))
        group = atomic_load_explicit(&group->next, memory_order_acquire);
    return group;
}

static struct share_group *group_new(struct topic_node *node, gmq_view name)
{
    struct share_group *group = mem_alloc(offsetof(struct share_group, name) + name.length);
    if (group == NULL)
        return NULL;
    atomic_init(&group->references, 1);
    group->node = node;
    atomic_init(&group->next, NULL);
    atomic_init(&group->members, NULL);
    atomic_init(&group->turn, 0);
    group->name_length = (uint32_t)name.length;
    if (name.length != 0)
        memcpy(group->name, name.data, name.length);
    return group;
}

static enum subscription_change group_add_first(struct filter_lists *lists, struct share_group *group,
                                                const struct subscriber *subscriber, struct topic_tree *tree)
{
    if (group == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    enum subscription_change change = place_add(&group->members, subscriber, tree);
    if (change == SUBSCRIPTION_NO_MEMORY) {
        share_group_unref(group);
        return change;
    }
    atomic_init(&group->next, atomic_load_explicit(&lists->groups, memory_order_relaxed));
    atomic_store_explicit(&lists->groups, group, memory_order_release);
    return change;
}

/* A reader that stands on the group still finds the next one. */
static void group_unlink(struct filter_subscribers *filters, struct share_group *group, struct topic_tree *tree)
{
    struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_relaxed);
    _Atomic(struct share_group *) *place = &lists->groups;
    struct share_group *step = atomic_load_explicit(place, memory_order_relaxed);
    while (step != group) {
        place = &step->next;
        step = atomic_load_explicit(place, memory_order_relaxed);
    }
    atomic_store_explicit(place, atomic_load_explicit(&group->next, memory_order_relaxed), memory_order_release);
    place_publish(&group->members, NULL, tree);
    limbo_retire(&tree->limbo, KIND_GROUP, &group->retired);
}

/* ---- what hangs at a node ---- */

static void index_release(void *owner, unsigned kind, struct limbo_link *link)
{
    struct topic_tree *tree = owner;
    if (kind == KIND_SET)
        set_free(tree, LIST_OBJECT(link, struct subscriber_set, retired));
    else if (kind == KIND_GROUP)
        share_group_unref(LIST_OBJECT(link, struct share_group, retired));
    else if (kind == KIND_LISTS)
        small_free(&tree->small, LIST_OBJECT(link, struct filter_lists, retired), sizeof(struct filter_lists));
    else
        small_free(&tree->small, LIST_OBJECT(link, struct filter_subscribers, retired),
                   sizeof(struct filter_subscribers));
}

static void lists_free(struct topic_tree *tree, struct filter_lists *lists)
{
    struct share_group *group = atomic_load_explicit(&lists->groups, memory_order_relaxed);
    while (group != NULL) {
        struct share_group *next = atomic_load_explicit(&group->next, memory_order_relaxed);
        set_free(tree, place_set(&group->members));
        share_group_unref(group);
        group = next;
    }
    set_free(tree, place_set(&lists->set));
    small_free(&tree->small, lists, sizeof(*lists));
}

/* For the end of the index: at once, all that belongs to it included. */
static void filters_free(void *owner, void *value)
{
    struct topic_tree *tree = owner;
    struct filter_subscribers *filters = value;
    struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_relaxed);
    if (lists != NULL)
        lists_free(tree, lists);
    small_free(&tree->small, filters, sizeof(*filters));
}

/* The filter's lists, made if needed; NULL: memory is out. */
static struct filter_lists *filters_lists(struct filter_subscribers *filters, struct topic_tree *tree)
{
    struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_relaxed);
    if (lists != NULL)
        return lists;
    lists = small_alloc(&tree->small, sizeof(*lists));
    if (lists == NULL)
        return NULL;
    atomic_init(&lists->set, NULL);
    atomic_init(&lists->groups, NULL);
    atomic_store_explicit(&filters->lists, lists, memory_order_release);
    return lists;
}

static bool filters_are_none(const struct filter_subscribers *filters)
{
    const struct subscriber_set *set = filter_set(filters);
    return entry_session(&filters->first) == NULL && (set == NULL || set_live(set) == 0) &&
           filter_groups(filters) == NULL;
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

static subscription_place place_of_node(struct topic_node *node)
{
    return (subscription_place)node;
}

static subscription_place place_of_group(struct share_group *group)
{
    return (subscription_place)group | 1;
}

struct share_group *subscription_group(subscription_place place)
{
    return (place & 1) != 0 ? (struct share_group *)(place - 1) : NULL;
}

static struct topic_node *place_node(subscription_place place)
{
    const struct share_group *group = subscription_group(place);
    return group != NULL ? group->node : (struct topic_node *)place;
}

size_t subscription_filter(subscription_place place, char *text, size_t size)
{
    return topic_node_path(place_node(place), text, size);
}

static enum subscription_change filters_add_plain(struct filter_subscribers *filters,
                                                  const struct subscriber *subscriber, struct topic_tree *tree)
{
    struct subscriber_entry *first = &filters->first;
    if (entry_session(first) == subscriber->session) {
        entry_set_terms(first, terms_of(subscriber));
        return SUBSCRIPTION_REPLACED;
    }
    if (entry_terms(first) == 0) {
        entry_fill(first, subscriber->session, terms_of(subscriber));
        return SUBSCRIPTION_NEW;
    }
    struct filter_lists *lists = filters_lists(filters, tree);
    return lists != NULL ? place_add(&lists->set, subscriber, tree) : SUBSCRIPTION_NO_MEMORY;
}

static enum subscription_change filters_add_shared(struct filter_subscribers *filters, struct topic_node *node,
                                                   gmq_view name, const struct subscriber *subscriber,
                                                   struct topic_tree *tree, subscription_place *place)
{
    struct filter_lists *lists = filters_lists(filters, tree);
    if (lists == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    struct share_group *group = share_group_find(filters, name);
    enum subscription_change change;
    if (group != NULL) {
        change = place_add(&group->members, subscriber, tree);
    } else {
        group = group_new(node, name);
        change = group_add_first(lists, group, subscriber, tree);
    }
    if (change != SUBSCRIPTION_NO_MEMORY)
        *place = place_of_group(group);
    return change;
}

static enum subscription_change filters_add(struct filter_subscribers *filters, struct topic_node *node,
                                            const struct shared_filter *shared, const struct subscriber *subscriber,
                                            struct topic_tree *tree, subscription_place *place)
{
    if (shared->is_shared)
        return filters_add_shared(filters, node, shared->name, subscriber, tree, place);
    enum subscription_change change = filters_add_plain(filters, subscriber, tree);
    if (change != SUBSCRIPTION_NO_MEMORY)
        *place = place_of_node(node);
    return change;
}

static bool filters_remove(struct filter_subscribers *filters, struct share_group *group, const struct session *session,
                           struct topic_tree *tree)
{
    if (group != NULL) {
        if (!place_remove(&group->members, session, tree))
            return false;
        if (place_is_empty(&group->members))
            group_unlink(filters, group, tree);
        return true;
    }
    if (entry_session(&filters->first) == session) {
        atomic_store_explicit(&filters->first.session, NULL, memory_order_release);
        return true;
    }
    struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_relaxed);
    bool was_there = lists != NULL && place_remove(&lists->set, session, tree);
    if (was_there && place_is_empty(&lists->set))
        place_publish(&lists->set, NULL, tree);
    return was_there;
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
    topic_tree_set_release(&index->tree, index_release, &index->tree);
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
                                                 const struct subscriber *subscriber, subscription_place *place)
{
    struct topic_tree *tree = &index->tree;
    struct filter_subscribers *filters = small_alloc(&tree->small, sizeof(*filters));
    if (filters == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    atomic_init(&filters->first.session, NULL);
    atomic_init(&filters->first.terms, 0);
    atomic_init(&filters->lists, NULL);
    enum subscription_change change = filters_add(filters, node, shared, subscriber, tree, place);
    if (change == SUBSCRIPTION_NO_MEMORY) {
        filters_free(tree, filters);
        return change;
    }
    topic_node_set_value(node, filters);
    index_count_epoch(index, shared->filter);
    return change;
}

static enum subscription_change index_add(struct subscription_index *index, struct grace_reader *reader,
                                          const struct shared_filter *shared, const struct subscriber *subscriber,
                                          subscription_place *place)
{
    struct topic_node *node = topic_tree_add(&index->tree, shared->filter, reader);
    if (node == NULL)
        return SUBSCRIPTION_NO_MEMORY;
    struct filter_subscribers *filters = topic_node_value(node);
    enum subscription_change change = filters != NULL
                                          ? filters_add(filters, node, shared, subscriber, &index->tree, place)
                                          : index_add_filter(index, node, shared, subscriber, place);
    if (change == SUBSCRIPTION_NO_MEMORY)
        topic_tree_prune(&index->tree, node, reader);
    else if (change == SUBSCRIPTION_NEW)
        atomic_fetch_add_explicit(&index->count, 1, memory_order_relaxed);
    return change;
}

enum subscription_change subscription_add(struct subscription_index *index, struct grace_reader *reader,
                                          gmq_view filter, const struct subscriber *subscriber,
                                          subscription_place *place)
{
    struct shared_filter shared = shared_filter_of(filter);
    pthread_mutex_lock(&index->mutex);
    enum subscription_change change = index_add(index, reader, &shared, subscriber, place);
    pthread_mutex_unlock(&index->mutex);
    return change;
}

static void index_drop_filter(struct subscription_index *index, struct grace_reader *reader, struct topic_node *node)
{
    char text[UINT16_MAX];
    gmq_view filter = gmq_view_make(text, topic_node_path(node, text, sizeof(text)));
    struct filter_subscribers *filters = topic_node_value(node);
    struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_relaxed);
    topic_node_set_value(node, NULL);
    index_count_epoch(index, filter);
    topic_tree_prune(&index->tree, node, reader);
    if (lists != NULL)
        limbo_retire(&index->tree.limbo, KIND_LISTS, &lists->retired);
    limbo_retire(&index->tree.limbo, KIND_FILTER, &filters->retired);
}

static bool index_leave(struct subscription_index *index, struct grace_reader *reader, subscription_place place,
                        const struct session *session)
{
    struct topic_node *node = place_node(place);
    struct filter_subscribers *filters = topic_node_value(node);
    if (filters == NULL || !filters_remove(filters, subscription_group(place), session, &index->tree))
        return false;
    atomic_fetch_sub_explicit(&index->count, 1, memory_order_relaxed);
    if (filters_are_none(filters))
        index_drop_filter(index, reader, node);
    return true;
}

subscription_place subscription_find(const struct subscription_index *index, gmq_view filter)
{
    struct shared_filter shared = shared_filter_of(filter);
    struct topic_node *node = topic_tree_find(&index->tree, shared.filter);
    const struct filter_subscribers *filters = node != NULL ? topic_node_value(node) : NULL;
    if (filters == NULL)
        return 0;
    if (!shared.is_shared)
        return place_of_node(node);
    struct share_group *group = share_group_find(filters, shared.name);
    return group != NULL ? place_of_group(group) : 0;
}

bool subscription_leave(struct subscription_index *index, struct grace_reader *reader, subscription_place place,
                        struct session *session)
{
    pthread_mutex_lock(&index->mutex);
    bool was_there = index_leave(index, reader, place, session);
    pthread_mutex_unlock(&index->mutex);
    return was_there;
}

bool subscription_remove(struct subscription_index *index, struct grace_reader *reader, gmq_view filter,
                         struct session *session)
{
    pthread_mutex_lock(&index->mutex);
    subscription_place place = subscription_find(index, filter);
    bool was_there = place != 0 && index_leave(index, reader, place, session);
    pthread_mutex_unlock(&index->mutex);
    return was_there;
}

static const struct subscriber_entry *filters_find(const struct filter_subscribers *filters, struct share_group *group,
                                                   const struct session *session)
{
    struct subscriber_set *set = NULL;
    if (group != NULL) {
        set = place_set(&group->members);
    } else {
        if (entry_session(&filters->first) == session)
            return &filters->first;
        struct filter_lists *lists = atomic_load_explicit(&filters->lists, memory_order_relaxed);
        if (lists != NULL)
            set = place_set(&lists->set);
    }
    return set != NULL ? set_find(set, session) : NULL;
}

bool subscription_read(struct subscription_index *index, subscription_place place, const struct session *session,
                       struct subscriber *subscriber)
{
    pthread_mutex_lock(&index->mutex);
    const struct filter_subscribers *filters = topic_node_value(place_node(place));
    const struct subscriber_entry *entry =
        filters != NULL ? filters_find(filters, subscription_group(place), session) : NULL;
    bool is_there = entry != NULL && subscriber_read(entry, subscriber);
    pthread_mutex_unlock(&index->mutex);
    return is_there;
}

void subscription_index_collect(struct subscription_index *index, struct grace_reader *reader, uint32_t most)
{
    pthread_mutex_lock(&index->mutex);
    (void)topic_tree_collect(&index->tree, reader, most);
    topic_tree_trim(&index->tree);
    pthread_mutex_unlock(&index->mutex);
}

uint64_t subscription_count(const struct subscription_index *index)
{
    return atomic_load_explicit(&index->count, memory_order_relaxed);
}
