/* Calls of a plugin's functions outside of routes: timers, watches, jobs, posted functions; and the pins that keep its
 * code mapped until they are over. */
#ifndef WORKER_PLUGIN_CALL_H
#define WORKER_PLUGIN_CALL_H

#include "broker/shard.h"

static inline void plugin_call_begin(struct shard *shard, gmq_call *call, struct gmq_plugin *plugin)
{
    shard_call_begin(shard, call, NULL);
    call->plugin = plugin;
}

/* Any thread. Whoever sees the last pin gone (acquire) sees all that was done under it. */
static inline void plugin_pin(struct gmq_plugin *plugin)
{
    atomic_fetch_add_explicit(&plugin->pins, 1, memory_order_relaxed);
}

static inline void plugin_unpin(struct gmq_plugin *plugin)
{
    atomic_fetch_sub_explicit(&plugin->pins, 1, memory_order_release);
}

#endif
