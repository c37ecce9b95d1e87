/* The listeners of one configuration, in its order. Made and freed by the controller's thread; workers read it. */
#ifndef NET_LISTENER_SET_H
#define NET_LISTENER_SET_H

#include "net/listener.h"

struct listener_set {
    size_t count;
    struct listener *listeners[];
};

#define LISTENER_INDEX_GONE UINT32_MAX

/* Keeps what `previous` (or NULL) has already and opens the rest. NULL with lines in `problems`; nothing has changed
 * then. */
struct listener_set *listener_set_open(const struct config *config, const struct listener_set *previous,
                                       uint32_t worker_count, struct problems *problems);

/* The set was not needed after all: closes what `previous` hasn't. */
void listener_set_discard(struct listener_set *set, const struct listener_set *previous);

/* The set is in use: names and logs what `previous` hadn't. */
void listener_set_publish(const struct listener_set *set, const struct listener_set *previous);

/* Closes what `next` (or NULL) hasn't, and frees the set: all workers have adopted `next`. */
void listener_set_retire(struct listener_set *set, const struct listener_set *next);

/* LISTENER_INDEX_GONE if it isn't in the set. NULL is an empty set. */
uint32_t listener_set_index(const struct listener_set *set, const struct listener *listener);

#endif
