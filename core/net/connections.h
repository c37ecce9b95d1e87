/* All connections of one worker, and what they share: the read buffer, the pools, the lists of those that want
 * something at the end of the turn. The worker's thread only. */
#ifndef NET_CONNECTIONS_H
#define NET_CONNECTIONS_H

#include "base/list.h"
#include "base/pool.h"
#include "broker/shard.h"
#include "net/event.h"
#include "net/listener_set.h"
#include "net/lobby.h"

enum { CONNECTIONS_READ_SIZE = 256 * 1024, CONNECTIONS_LINGERING_SIZE = 192 };

struct connections {
    struct shard *shard;
    struct ev_loop *loop;
    uint8_t *read_buffer; /* CONNECTIONS_READ_SIZE; holds nothing between readings */
    struct pool pool;
    struct pool lingering_pool;
    struct list all;                      /* connection.link */
    struct list attended;                 /* connection.attention_link: has output, or is closing */
    struct list resumed;                  /* connection.resume_link: goes on with what it has read already */
    struct list lingering;                /* lingering.link: the client is gone, last bytes are still on their way */
    const struct listener_set *listeners; /* of the current generation; NULL before the first */
    uint64_t outgoing_bytes;              /* limits.outgoing_bytes when it was last adopted */
    struct lobby lobby;
    int reserve_descriptor; /* given up to refuse a connection when no other is left; -1 */
    struct log_limiter refused;
};

/* NULL: memory is out. `shard->sockets` is set to it. */
struct connections *connections_new(struct shard *shard, struct ev_loop *loop);
void connections_free(struct connections *connections); /* all are gone */

/* The listeners of the generation that the shard has just adopted: starts to accept on the new ones, stops on those
 * that are not among them, and tells all connections where their listener stands now. */
void connections_adopt(struct connections *connections, const struct listener_set *listeners);

/* Part of the end of the turn. Goes on with resumed clients; to be called before shard_end_turn. */
void connections_resume(struct connections *connections);

/* Writes what is pending, and frees what is closing. */
void connections_flush(struct connections *connections);

/* Whether one of the two has more to do without an event from outside. */
static inline bool connections_are_busy(const struct connections *connections)
{
    return !list_is_empty(&connections->resumed) || !list_is_empty(&connections->attended);
}

/* Once per second: gives back what a burst of connections took. */
void connections_trim(struct connections *connections);

/* Begins to close all clients. */
void connections_close_all(struct connections *connections, gmq_reason reason, const char *text);

/* Whether all are gone, with their last bytes written. */
bool connections_are_gone(const struct connections *connections);

/* Frees all that are left, whatever they have pending. */
void connections_drop_all(struct connections *connections);

#endif
