/* A client as a test drives it: the far end of a link. What it sends is settled at once, unless it is held; what it
 * gets is decoded, and kept until the end. */
#ifndef TESTS_SHARD_PEER_H
#define TESTS_SHARD_PEER_H

#include "mqtt/packet.h"
#include "shard/link.h"
#include "shard/shards.h"

struct got; /* a packet that has come in, and was not yet taken */

struct peer {
    struct shards *shards;
    struct list link;
    struct link *connection; /* NULL: closed */
    struct got *first;
    struct got *last;
    struct got *taken; /* all that were taken: their bytes stay readable */
    uint8_t *partial;  /* of the packet that comes in */
    size_t partial_length;
    union any_packet packet; /* taken last */
    size_t budget;           /* bytes that it still reads; SIZE_MAX: all */
    uint16_t next_identifier;
    uint8_t version;
    bool is_held; /* sends without settling */
    bool is_session_present;
    uint64_t closed_ns; /* when the broker was done with the connection; 0: not yet */
};

/* A message; zeros are defaults. */
struct letter {
    const char *topic;
    const char *payload; /* NULL: empty */
    size_t length;       /* of the payload; 0: as text */
    uint8_t qos;
    bool is_retained;
    bool is_duplicate;
    bool has_expiry;
    uint16_t identifier; /* 0: the peer's next one */
    uint16_t alias;
    uint32_t expiry;
    uint32_t delay; /* of a will */
};

/* What CONNECT says; zeros are defaults (of 5.0: the session ends with its connection). */
struct hello {
    const char *identifier;
    uint8_t version; /* 0: 5.0 */
    bool is_clean;
    uint16_t keep_alive;
    uint16_t receive_maximum;
    uint16_t alias_maximum;
    uint32_t expiry; /* UINT32_MAX: never */
    uint32_t maximum_packet_size;
    const char *user;
    const char *method; /* of authentication */
    struct letter will; /* none without a topic */
};

/* A connection that has sent nothing. Accepted by the workers in turn. */
struct peer *peer_open(struct shards *shards);

/* Connected, CONNACK taken. */
struct peer *peer_connect(struct shards *shards, const struct hello *hello);
#define CONNECT(shards, ...) peer_connect((shards), &(struct hello){__VA_ARGS__})

/* ---- sending ---- */

void peer_send_bytes(struct peer *peer, const void *bytes, size_t length);
void peer_send_packet(struct peer *peer, struct gmq_packet *packet);
void peer_send_connect(struct peer *peer, const struct hello *hello);
uint16_t peer_send_publish(struct peer *peer, const struct letter *letter); /* the identifier, if it has one */
#define SEND(peer, ...) peer_send_publish((peer), &(struct letter){__VA_ARGS__})
uint16_t peer_send_subscribe(struct peer *peer, const char *filter, uint8_t options, uint32_t identifier);
uint16_t peer_send_unsubscribe(struct peer *peer, const char *filter);
void peer_send_ack(struct peer *peer, gmq_packet_type type, uint16_t identifier, gmq_reason reason);
void peer_send_ping(struct peer *peer);
void peer_send_disconnect(struct peer *peer, gmq_reason reason);

/* DISCONNECT with a session expiry interval. */
void peer_send_disconnect_after(struct peer *peer, uint32_t expiry);

/* The connection breaks. */
void peer_break(struct peer *peer);

/* DISCONNECT, and the connection is gone. */
void peer_leave(struct peer *peer);

/* ---- receiving ---- */

/* The next packet, NULL if there is none. Valid until the next one is taken; its views until the end. */
const union any_packet *peer_next(struct peer *peer);

/* The next packet, which must be of this type. */
const union any_packet *peer_take_at(struct peer *peer, gmq_packet_type type, const char *file, int line);
#define TAKE(peer, type) peer_take_at((peer), (type), __FILE__, __LINE__)

/* The next packet, which must be this message; it is acknowledged to the end of its flow. */
const struct gmq_publish *peer_expect_at(struct peer *peer, const char *topic, const char *payload, const char *file,
                                         int line);
#define EXPECT(peer, topic, payload) peer_expect_at((peer), (topic), (payload), __FILE__, __LINE__)

/* Nothing has come. */
void peer_expect_silence_at(struct peer *peer, const char *file, int line);
#define EXPECT_SILENCE(peer) peer_expect_silence_at((peer), __FILE__, __LINE__)

/* The broker has closed the connection; with 5.0, saying this reason before (0: without a word). */
void peer_expect_end_at(struct peer *peer, gmq_reason reason, const char *file, int line);
#define EXPECT_END(peer, reason) peer_expect_end_at((peer), (reason), __FILE__, __LINE__)

/* The answer to what was sent last. */
gmq_reason peer_acknowledge_at(struct peer *peer, gmq_packet_type type, uint16_t identifier, const char *file,
                               int line);
#define EXPECT_ACK(peer, type, identifier) peer_acknowledge_at((peer), (type), (identifier), __FILE__, __LINE__)

/* Reads no more than so many bytes from now on. */
void peer_read_only(struct peer *peer, size_t bytes);

/* ---- whole conversations ---- */

gmq_reason peer_subscribe_at(struct peer *peer, const char *filter, uint8_t options, uint32_t identifier,
                             const char *file, int line);
#define SUBSCRIBE(peer, filter, options) peer_subscribe_at((peer), (filter), (options), 0, __FILE__, __LINE__)

gmq_reason peer_unsubscribe_at(struct peer *peer, const char *filter, const char *file, int line);
#define UNSUBSCRIBE(peer, filter) peer_unsubscribe_at((peer), (filter), __FILE__, __LINE__)

/* Publishes and finishes the flow; the reason of PUBACK or PUBREC. */
gmq_reason peer_publish_at(struct peer *peer, const struct letter *letter, const char *file, int line);
#define PUBLISH(peer, ...) peer_publish_at((peer), &(struct letter){__VA_ARGS__}, __FILE__, __LINE__)

/* ---- the link's side ---- */

/* Takes what the broker has written; returns how much of it. */
size_t peer_receive(struct peer *peer, const uint8_t *bytes, size_t length);
void peer_closed(struct peer *peer);
void peer_free(struct peer *peer);

#endif
