/* Timers and watches of plugins: the structs behind gmq_timer and gmq_watch. Each belongs to one plugin and one worker,
 * whose thread alone touches it. */
#ifndef WORKER_PLUGIN_WATCHER_H
#define WORKER_PLUGIN_WATCHER_H

#include "broker/shard.h"

#include <graftmq/loop.h>

/* As gmq_timer_start() and so on say, for the plugin of the call. */
struct gmq_timer *plugin_timer_start(gmq_call *call, uint64_t after_ns, uint64_t repeat_ns,
                                     gmq_timer_function *function, void *data);
void plugin_timer_stop(struct gmq_timer *timer);

struct gmq_watch *plugin_watch_start(gmq_call *call, int descriptor, int events, gmq_watch_function *function,
                                     void *data);
void plugin_watch_stop(struct gmq_watch *watch);

/* shard_stop_plugin_watchers. */
void plugin_watchers_stop(struct shard *shard, const struct gmq_plugin *plugin);

#endif
