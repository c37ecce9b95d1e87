/* Plugins that run in processes of their own ("isolate" in the configuration). What the loader calls: plugin/host.h
 * has the table of these functions. Controller's thread. */
#ifndef ISOLATE_ISOLATION_H
#define ISOLATE_ISOLATION_H

#include "broker/shard.h"
#include "plugin/host.h"

/* The functions by which plugins are isolated. */
extern const struct plugin_isolation isolation_functions;

/* On a worker, at the end of its turn: what the turn has for the processes goes out, one write for each. */
void isolation_flush(struct shard *shard);

/* For shard_client_gone: calls that are on their way to a process must not name a client any more. */
void isolation_client_gone(struct shard *shard, struct gmq_client *client);

#endif
