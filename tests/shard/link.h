/* A connection without a socket, as the broker has it: what a peer has sent and the broker not yet taken, and the
 * client that the bytes are for. */
#ifndef TESTS_SHARD_LINK_H
#define TESTS_SHARD_LINK_H

#include "broker/client.h"
#include "shard/shards.h"

struct peer;

struct link {
    struct gmq_client client; /* first: a client is cast to its link */
    struct shards *shards;
    struct peer *peer;
    struct list link;
    struct list attention_link;
    struct list resume_link;
    uint8_t *bytes; /* sent, not yet taken */
    size_t length;
    bool is_paused;
    bool is_at_end; /* the peer has closed */
};

/* A connection that `peer` has made to a worker. */
void link_open(struct shards *shards, uint32_t worker, struct peer *peer);

/* The peer sends; the broker takes it in the worker's next turn. */
void link_write(struct link *link, const void *bytes, size_t length);
void link_close(struct link *link);

/* The connections' part in a turn. True: something moved. */
bool links_take(struct turner *turner);
bool links_resume(struct turner *turner);
bool links_flush(struct turner *turner);

/* The peer reads again. */
void link_attend(struct link *link);

extern const struct shard_ways link_ways;

#endif
