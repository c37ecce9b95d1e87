/* The retained messages: a tree of topic names whose values are messages in a wrapping that can be retired. */
#include "broker/retained_store.h"

#include "base/memory.h"

#include <pthread.h>

struct retained {
    /* Until it is retired, its link is in the store's list of those that expire, or in none: readers don't look at it,
     * and most retained messages never expire, so a link of its own would be wasted. */
    struct grace_retired retired;
    struct message *message;
};

struct retained_store {
    struct topic_tree tree; /* of names; the values are struct retained */
    pthread_mutex_t mutex;  /* writers */
    struct list expiring;   /* under the mutex; the next to be looked at first */
    _Atomic uint64_t count;
};

static void retained_free(void *value)
{
    struct retained *retained = value;
    message_unref(retained->message);
    mem_free(retained);
}

static void retained_release(struct grace_retired *retired)
{
    retained_free(LIST_OBJECT(retired, struct retained, retired));
}

static void retained_free_value(void *owner, void *value)
{
    (void)owner;
    retained_free(value);
}

static struct retained *retained_new(struct message *message)
{
    struct retained *retained = mem_alloc(sizeof(*retained));
    if (retained == NULL)
        return NULL;
    list_init(&retained->retired.link);
    message_ref(message, 1);
    retained->message = message;
    return retained;
}

/* Writer. After it was replaced or unlinked. */
static void retained_retire(struct retained *retained, struct grace_reader *reader)
{
    list_remove(&retained->retired.link);
    grace_retire(reader, &retained->retired, retained_release);
}

struct retained_store *retained_store_new(void)
{
    struct retained_store *store = mem_alloc(sizeof(*store));
    if (store == NULL)
        return NULL;
    if (!topic_tree_init(&store->tree)) {
        mem_free(store);
        return NULL;
    }
    pthread_mutex_init(&store->mutex, NULL);
    list_init(&store->expiring);
    atomic_init(&store->count, 0);
    return store;
}

void retained_store_free(struct retained_store *store)
{
    if (store == NULL)
        return;
    topic_tree_deinit_values(&store->tree, retained_free_value);
    pthread_mutex_destroy(&store->mutex);
    mem_free(store);
}

static void store_remove(struct retained_store *store, struct grace_reader *reader, gmq_view topic)
{
    struct topic_node *node = topic_tree_find(&store->tree, topic);
    struct retained *retained = node != NULL ? topic_node_value(node) : NULL;
    if (retained == NULL)
        return;
    topic_node_set_value(node, NULL);
    atomic_fetch_sub_explicit(&store->count, 1, memory_order_relaxed);
    topic_tree_prune(&store->tree, node, reader);
    retained_retire(retained, reader);
}

static bool store_has(const struct retained_store *store, gmq_view topic)
{
    const struct topic_node *node = topic_tree_find(&store->tree, topic);
    return node != NULL && topic_node_value(node) != NULL;
}

static gmq_status store_put(struct retained_store *store, struct grace_reader *reader, struct message *message,
                            uint64_t limit)
{
    gmq_view topic = message_topic(message);
    if (retained_store_count(store) >= limit && !store_has(store, topic))
        return GMQ_ERROR_LIMIT;
    struct retained *retained = retained_new(message);
    if (retained == NULL)
        return GMQ_ERROR_MEMORY;
    struct topic_node *node = topic_tree_add(&store->tree, topic, reader);
    if (node == NULL) {
        retained_free(retained);
        return GMQ_ERROR_MEMORY;
    }
    struct retained *old = topic_node_value(node);
    topic_node_set_value(node, retained);
    if (message->expires_ns != UINT64_MAX)
        list_append(&store->expiring, &retained->retired.link);
    if (old != NULL)
        retained_retire(old, reader);
    else
        atomic_fetch_add_explicit(&store->count, 1, memory_order_relaxed);
    return GMQ_OK;
}

gmq_status retained_store_put(struct retained_store *store, struct grace_reader *reader, struct message *message,
                              uint64_t limit)
{
    gmq_status status = GMQ_OK;
    pthread_mutex_lock(&store->mutex);
    if (message->payload_length == 0) /* [MQTT-3.3.1-6] */
        store_remove(store, reader, message_topic(message));
    else
        status = store_put(store, reader, message, limit);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

struct retained_match {
    uint64_t now_ns;
    retained_visit *visit;
    void *data;
};

static void match_visit(struct topic_node *node, void *data)
{
    const struct retained_match *match = data;
    const struct retained *retained = topic_node_value(node);
    if (retained != NULL && retained->message->expires_ns > match->now_ns) /* NULL: removed a moment ago */
        match->visit(retained->message, match->data);
}

bool retained_store_match(struct retained_store *store, gmq_view filter, uint64_t now_ns, struct topic_walk *walk,
                          retained_visit *visit, void *data)
{
    struct retained_match match = {.now_ns = now_ns, .visit = visit, .data = data};
    return topic_tree_match_filter(&store->tree, filter, walk, match_visit, &match);
}

bool retained_store_match_more(struct retained_store *store, gmq_view filter, uint64_t now_ns, struct topic_walk *walk,
                               retained_visit *visit, void *data)
{
    struct retained_match match = {.now_ns = now_ns, .visit = visit, .data = data};
    return topic_tree_match_more(&store->tree, filter, walk, match_visit, &match);
}

uint64_t retained_store_count(const struct retained_store *store)
{
    return atomic_load_explicit(&store->count, memory_order_relaxed);
}

/* Those that have time left go to the end of the list, so that the next sweep begins where this one stops; the first of
 * them coming round again ends it. */
static void store_sweep(struct retained_store *store, struct grace_reader *reader, uint64_t now_ns, uint32_t most)
{
    const struct list *first_kept = NULL;
    for (uint32_t looked = 0; looked < most && !list_is_empty(&store->expiring); looked++) {
        struct list *link = store->expiring.next;
        const struct retained *retained = LIST_OBJECT(link, struct retained, retired.link);
        if (link == first_kept)
            return;
        if (retained->message->expires_ns <= now_ns) {
            store_remove(store, reader, message_topic(retained->message));
            continue;
        }
        list_remove(link);
        list_append(&store->expiring, link);
        if (first_kept == NULL)
            first_kept = link;
    }
}

void retained_store_sweep(struct retained_store *store, struct grace_reader *reader, uint64_t now_ns, uint32_t most)
{
    pthread_mutex_lock(&store->mutex);
    store_sweep(store, reader, now_ns, most);
    (void)topic_tree_collect(&store->tree, reader, most);
    topic_tree_trim(&store->tree);
    pthread_mutex_unlock(&store->mutex);
}
