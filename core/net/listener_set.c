/* The listeners of one configuration: kept over a reload where they are the same. */
#include "net/listener_set.h"

#include "base/memory.h"

uint32_t listener_set_index(const struct listener_set *set, const struct listener *listener)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (set->listeners[i] == listener)
            return (uint32_t)i;
    }
    return LISTENER_INDEX_GONE;
}

static bool set_has(const struct listener_set *set, const struct listener *listener)
{
    return listener_set_index(set, listener) != LISTENER_INDEX_GONE;
}

static struct listener *set_same(const struct listener_set *set, const struct config_listener *definition)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (listener_is(set->listeners[i], definition))
            return set->listeners[i];
    }
    return NULL;
}

static bool set_overlaps(const struct listener_set *set, const struct config_listener *definition)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (listener_overlaps(set->listeners[i], definition))
            return true;
    }
    return false;
}

struct listener_set *listener_set_open(const struct config *config, const struct listener_set *previous,
                                       uint32_t worker_count, struct problems *problems)
{
    struct listener_set *set = mem_alloc_zero(1, sizeof(*set) + config->listener_count * sizeof(struct listener *));
    if (set == NULL) {
        problems_add(problems, "%s: out of memory", config->file);
        return NULL;
    }
    /* All of them, so that all problems are told. */
    bool is_open = true;
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *definition = &config->listeners[i];
        struct listener *listener = set_same(previous, definition);
        if (listener == NULL)
            listener =
                listener_open(definition, config->file, worker_count, set_overlaps(previous, definition), problems);
        if (listener == NULL)
            is_open = false;
        else
            set->listeners[set->count++] = listener;
    }
    if (is_open)
        return set;
    listener_set_discard(set, previous);
    return NULL;
}

void listener_set_discard(struct listener_set *set, const struct listener_set *previous)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set_has(previous, set->listeners[i]))
            listener_close(set->listeners[i]);
    }
    mem_free(set);
}

void listener_set_publish(const struct listener_set *set, const struct listener_set *previous)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set_has(previous, set->listeners[i]))
            listener_publish(set->listeners[i]);
    }
}

void listener_set_retire(struct listener_set *set, const struct listener_set *next)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set_has(next, set->listeners[i]))
            listener_close(set->listeners[i]);
    }
    mem_free(set);
}
