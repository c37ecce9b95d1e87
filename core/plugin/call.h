/* One invocation of a handler or callback: the struct behind gmq_call. It lives on the worker's stack, or on the heap
 * once it is deferred. */
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include "base/arena.h"
#include "mqtt/packet.h"

#include <graftmq/types.h>

struct generation;
struct route;
struct gmq_deferral;
struct route_meter;

struct gmq_call {
    struct gmq_client *client;     /* or NULL */
    struct generation *generation; /* that took the packet */
    const struct route *route;     /* or NULL: a timer, watch, posted function */
    uint32_t step;                 /* of the route, the running one */
    uint32_t worker;
    gmq_direction direction;
    struct route_meter *meter;            /* the worker's; needed wherever there is a route */
    void *shard;                          /* the worker's state, for the rooms above */
    struct arena *arena;                  /* for gmq_call_allocate and changed packets */
    struct gmq_packet *packet;            /* or NULL: a callback */
    struct gmq_plugin *plugin;            /* of the running function */
    const struct gmq_settings *arguments; /* of the running step; NULL outside of routes */
    gmq_reason reason;                    /* with GMQ_REJECT and GMQ_CLOSE */
    const char *text;                     /* reason string, in the arena; or NULL */
    struct gmq_deferral *deferral;        /* made by gmq_defer during this call, or NULL */
};

#endif
