/* A client that keeps its side of the flows, over any number of connections: as publisher and as reader. */
#ifndef TESTS_SHARD_ACTOR_H
#define TESTS_SHARD_ACTOR_H

#include "shard/oracle.h"
#include "shard/peer.h"

enum { ACTOR_OPEN_MAX = 12 };

/* A message that is not yet acknowledged. */
struct open_message {
    uint32_t number;
    uint16_t identifier;
    uint8_t topic;
    uint8_t qos;
    bool is_retained;
    bool is_received; /* PUBREC has come: PUBREL is to be sent */
    uint32_t expiry;
};

struct actor {
    struct shards *shards;
    struct oracle *oracle;
    struct peer *peer; /* NULL, or a connection that may be closed already */
    char name[24];
    uint8_t version;
    uint8_t number;    /* as publisher or as reader, for the oracle */
    bool is_connected; /* CONNACK has come */
    bool has_session;  /* the broker must have one */
    uint16_t last_identifier;
    struct open_message open[ACTOR_OPEN_MAX]; /* in the order of sending */
    uint32_t open_count;
    uint8_t unreleased[65536]; /* QoS 2 identifiers that PUBREL is awaited for */
};

void actor_begin(struct actor *actor, struct shards *shards, struct oracle *oracle, const char *name, uint8_t version);

/* A new connection, also beside an old one. */
void actor_connect(struct actor *actor, const struct hello *hello);

/* The connection breaks: the last `lost` bytes that were sent never arrive, nor does what was not yet read. */
void actor_break(struct actor *actor, size_t lost);

/* Takes up to `most` packets and does what each of them demands. */
void actor_read(struct actor *actor, uint32_t most);

/* As a publisher; false: too many are open. */
bool actor_publish(struct actor *actor, uint8_t topic, uint8_t qos, bool is_retained, uint32_t expiry);

static inline bool actor_is_there(const struct actor *actor)
{
    return actor->peer != NULL && actor->peer->connection != NULL && actor->is_connected;
}

#endif
