/* Matching a topic against the index, and a worker's memory of how it came out the last time.
 *
 * Most messages go to topics that had a message before, so the usual case is: hash the topic, compare, done. A result
 * holds as long as the epochs with which it was made (see struct subscription_index).
 *
 * The table has sets of four slots, which fill a cache line: any four topics whose hashes agree have room, where in a
 * plain table two that agree would push each other out for ever. It grows with what is in it, up to a bound of slots
 * and one of bytes. */
#include "broker/subscription_layout.h"

#include "base/hash.h"
#include "base/memory.h"

enum {
    CACHE_WAYS = 4,
    CACHE_SETS_MIN = 64,
    CACHE_SETS_MAX = 4096,
    CACHE_TOPIC_MAX = 1024, /* longer topics and results with more filters aren't kept */
    CACHE_FILTERS_MAX = 4096,
    CACHE_BYTES_MAX = 16 << 20,
    FOUND_CAPACITY_MIN = 64,
};

/* One block: this, the filters, the topic. */
struct cached_match {
    struct match match;
    size_t size; /* of the block */
    struct filter_subscribers *filters[];
};

struct cache_slot {
    uint64_t hash;
    struct cached_match *cached; /* NULL: empty, and so are those behind it in the set */
};

struct cache_set {
    alignas(INDEX_CACHE_LINE) struct cache_slot slots[CACHE_WAYS]; /* the last used first */
};

struct match_cache {
    struct cache_set *sets;
    size_t set_count;           /* a power of two */
    size_t used;                /* slots */
    size_t bytes;               /* of the blocks in slots */
    size_t hand;                /* the set that gives way next when there are too many bytes */
    struct cached_match *spare; /* a result that isn't kept, until the next call that needs the place */
    struct topic_walk walk;
    struct filter_subscribers **found; /* by the walk under way */
    uint32_t found_count;
    uint32_t found_capacity;
    bool is_out_of_memory;
};

static struct cache_set *sets_new(size_t count)
{
    struct cache_set *sets = mem_alloc_aligned(alignof(struct cache_set), count * sizeof(*sets));
    if (sets != NULL)
        memset(sets, 0, count * sizeof(*sets));
    return sets;
}

struct match_cache *match_cache_new(void)
{
    struct match_cache *cache = mem_alloc_zero(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    cache->set_count = CACHE_SETS_MIN;
    cache->sets = sets_new(cache->set_count);
    if (cache->sets == NULL) {
        mem_free(cache);
        return NULL;
    }
    return cache;
}

void match_cache_free(struct match_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->set_count * CACHE_WAYS; i++)
        mem_free(cache->sets[i / CACHE_WAYS].slots[i % CACHE_WAYS].cached);
    mem_free(cache->sets);
    mem_free(cache->spare);
    mem_free(cache->found);
    topic_walk_deinit(&cache->walk);
    mem_free(cache);
}

/* ---- the table ---- */

static struct cache_set *cache_set_of(const struct match_cache *cache, uint64_t hash)
{
    return &cache->sets[hash & (cache->set_count - 1)];
}

static void cache_drop(struct match_cache *cache, struct cached_match *cached)
{
    if (cached == NULL)
        return;
    cache->used--;
    cache->bytes -= cached->size;
    mem_free(cached);
}

/* Makes it the first of its set; what was the last may have to go. */
static void cache_put(struct match_cache *cache, struct cached_match *cached)
{
    struct cache_slot *slots = cache_set_of(cache, cached->match.hash)->slots;
    cache_drop(cache, slots[CACHE_WAYS - 1].cached);
    memmove(&slots[1], &slots[0], (CACHE_WAYS - 1) * sizeof(slots[0]));
    slots[0] = (struct cache_slot){cached->match.hash, cached};
    cache->used++;
    cache->bytes += cached->size;
}

/* Closes the gap that slot `way` leaves. What was in it is the caller's. */
static void slots_close(struct cache_slot *slots, size_t way)
{
    memmove(&slots[way], &slots[way + 1], (CACHE_WAYS - 1 - way) * sizeof(slots[0]));
    slots[CACHE_WAYS - 1] = (struct cache_slot){0};
}

static struct cached_match *cache_take(struct match_cache *cache, struct cache_slot *slots, size_t way)
{
    struct cached_match *cached = slots[way].cached;
    slots_close(slots, way);
    cache->used--;
    cache->bytes -= cached->size;
    return cached;
}

/* Doubles the table when it is half full. That it can't have the memory does no harm. */
static void cache_grow(struct match_cache *cache)
{
    if (cache->used < cache->set_count * CACHE_WAYS / 2 || cache->set_count >= CACHE_SETS_MAX)
        return;
    struct cache_set *old = cache->sets;
    size_t old_slots = cache->set_count * CACHE_WAYS;
    struct cache_set *sets = sets_new(cache->set_count * 2);
    if (sets == NULL)
        return;
    cache->sets = sets;
    cache->set_count *= 2;
    cache->used = 0;
    cache->bytes = 0;
    /* From the end: the first in a set is put last, and so is first again. No set gets more than it had. */
    for (size_t i = old_slots; i > 0; i--) {
        struct cached_match *cached = old[(i - 1) / CACHE_WAYS].slots[(i - 1) % CACHE_WAYS].cached;
        if (cached != NULL)
            cache_put(cache, cached);
    }
    mem_free(old);
}

static void cache_make_room(struct match_cache *cache, size_t size)
{
    while (cache->bytes + size > CACHE_BYTES_MAX) {
        struct cache_slot *slots = cache->sets[cache->hand++ & (cache->set_count - 1)].slots;
        for (size_t way = 0; way < CACHE_WAYS; way++) {
            cache_drop(cache, slots[way].cached);
            slots[way] = (struct cache_slot){0};
        }
    }
}

/* ---- making a result ---- */

static bool found_grow(struct match_cache *cache)
{
    uint32_t capacity = cache->found_capacity != 0 ? cache->found_capacity * 2 : FOUND_CAPACITY_MIN;
    struct filter_subscribers **found = mem_realloc(cache->found, capacity * sizeof(struct filter_subscribers *));
    if (found == NULL)
        return false;
    cache->found = found;
    cache->found_capacity = capacity;
    return true;
}

static void found_add(struct topic_node *node, void *data)
{
    struct match_cache *cache = data;
    struct filter_subscribers *filters = topic_node_value(node);
    if (filters == NULL) /* removed a moment ago */
        return;
    if (cache->found_count == cache->found_capacity && !found_grow(cache)) {
        cache->is_out_of_memory = true;
        return;
    }
    cache->found[cache->found_count++] = filters;
}

/* Collects the filters that match in `found`. */
static bool cache_walk(struct match_cache *cache, const struct subscription_index *index, gmq_view topic)
{
    cache->found_count = 0;
    cache->is_out_of_memory = false;
    return topic_tree_match_topic(&index->tree, topic, &cache->walk, found_add, cache) && !cache->is_out_of_memory;
}

/* A block for the result: `old` (may be NULL, is the callee's) if it is large enough, but not by far. NULL when memory
 * is out. */
static struct cached_match *cached_resize(struct cached_match *old, size_t size)
{
    if (old != NULL && old->size >= size && old->size / 2 <= size)
        return old;
    mem_free(old);
    struct cached_match *cached = mem_alloc(size);
    if (cached != NULL)
        cached->size = size;
    return cached;
}

static size_t cached_size(uint32_t count, gmq_view topic)
{
    return sizeof(struct cached_match) + count * sizeof(struct filter_subscribers *) + topic.length;
}

/* `key` has the hash and the epochs; `old` is as in cached_resize. */
static struct cached_match *cached_make(const struct match_cache *cache, const struct match *key, gmq_view topic,
                                        struct cached_match *old)
{
    struct cached_match *cached = cached_resize(old, cached_size(cache->found_count, topic));
    if (cached == NULL)
        return NULL;
    cached->match = *key;
    cached->match.count = cache->found_count;
    cached->match.topic_length = (uint32_t)topic.length;
    cached->match.filters = cached->filters;
    cached->match.topic = (char *)(cached->filters + cache->found_count);
    if (cache->found_count != 0)
        memcpy(cached->filters, cache->found, cache->found_count * sizeof(cache->found[0]));
    if (topic.length != 0)
        memcpy(cached->match.topic, topic.data, topic.length);
    return cached;
}

/* Walks the tree. `old` is the outdated result for this topic, taken out of the table, or NULL. */
static const struct match *cache_make(struct match_cache *cache, const struct subscription_index *index,
                                      const struct match *key, gmq_view topic, struct cached_match *old)
{
    if (!cache_walk(cache, index, topic)) {
        mem_free(old);
        return NULL;
    }
    bool is_kept = topic.length <= CACHE_TOPIC_MAX && cache->found_count <= CACHE_FILTERS_MAX;
    if (!is_kept) {
        mem_free(old);
        cache->spare = cached_make(cache, key, topic, cache->spare);
        return cache->spare != NULL ? &cache->spare->match : NULL;
    }
    struct cached_match *cached = cached_make(cache, key, topic, old);
    if (cached == NULL)
        return NULL;
    cache_grow(cache);
    cache_make_room(cache, cached->size);
    cache_put(cache, cached);
    return &cached->match;
}

/* ---- the usual case ---- */

static bool match_is_of(const struct match *match, gmq_view topic)
{
    return match->topic_length == topic.length &&
           (topic.length == 0 || memcmp(match->topic, topic.data, topic.length) == 0);
}

/* Where in its set the topic's result stands; CACHE_WAYS if nowhere. */
static size_t slots_find(const struct cache_slot *slots, uint64_t hash, gmq_view topic)
{
    size_t way = 0;
    while (way < CACHE_WAYS && slots[way].cached != NULL &&
           !(slots[way].hash == hash && match_is_of(&slots[way].cached->match, topic)))
        way++;
    return way < CACHE_WAYS && slots[way].cached != NULL ? way : CACHE_WAYS;
}

const struct match *subscription_match(struct subscription_index *index, struct match_cache *cache, gmq_view topic)
{
    uint64_t hash = hash_bytes(topic.data, topic.length);
    /* Before the walk, see struct subscription_index. */
    const struct match key = {
        .hash = hash,
        .wildcard_epoch = atomic_load_explicit(&index->wildcard_epoch, memory_order_acquire),
        .exact_epoch = atomic_load_explicit(&index->exact_epochs[exact_epoch_of(hash)], memory_order_acquire)};
    struct cache_slot *slots = cache_set_of(cache, hash)->slots;
    size_t way = slots_find(slots, hash, topic);
    if (way == CACHE_WAYS)
        return cache_make(cache, index, &key, topic, NULL);
    const struct match *match = &slots[way].cached->match;
    if (match->wildcard_epoch != key.wildcard_epoch || match->exact_epoch != key.exact_epoch)
        return cache_make(cache, index, &key, topic, cache_take(cache, slots, way));
    if (way != 0) {
        struct cache_slot used = slots[way];
        memmove(&slots[1], &slots[0], way * sizeof(slots[0]));
        slots[0] = used;
    }
    return match;
}
