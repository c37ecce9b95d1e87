/* A client that keeps its side of the flows over any number of connections, as publisher and as reader, and tells the
 * oracle what it does and gets. It can be made to lose its connection at each step of them. */
#ifndef TESTS_MODEL_ACTOR_H
#define TESTS_MODEL_ACTOR_H

#include "model/oracle.h"
#include "shard/peer.h"

enum {
    ACTOR_OPEN_MAX = 8, /* the receive maximum of the model's broker */
    ACTOR_WILLS_MAX = 40,
    ACTOR_ASKED_MAX = 16,
    ACTOR_HELD_MAX = 512,
    ACTOR_IDENTIFIERS = 4096,
    ACTOR_ALIASES_MAX = 3,
};

/* A message that is not yet acknowledged. */
struct open_message {
    uint32_t number;
    uint16_t identifier;
    uint8_t topic;
    uint8_t qos;
    bool is_retained;
    bool is_empty;
    bool is_received; /* PUBREC has come: PUBREL is to be sent */
    uint32_t expiry;
};

/* A will that may yet be published. */
struct known_will {
    uint32_t number;
    struct peer *peer;    /* of its connection */
    uint64_t connection;  /* and its number */
    uint64_t followed_by; /* the number of the next one; 0: none yet */
    bool was_open;        /* when that was made */
    uint32_t delay;
    bool stands;      /* CONNACK has come */
    bool is_doubtful; /* DISCONNECT may have taken it back */
};

/* SUBSCRIBE or UNSUBSCRIBE that is not answered yet. */
struct asked {
    uint16_t identifier;
    uint8_t filter;
    int8_t qos;
};

struct held_ack {
    gmq_packet_type type;
    uint16_t identifier;
};

/* Where a connection is cut: at the next packet of a type. */
enum cut_place {
    CUT_BEFORE, /* sent: it is lost on its way; received: unread */
    CUT_WITHIN, /* sent: but for its last byte; received: as CUT_AFTER */
    CUT_AFTER,  /* sent: the broker takes it, and its answers are lost; received: the client takes it, and its answers
                   are  lost */
    CUT_PLACES,
};

struct cut {
    bool is_armed;
    bool is_received; /* by the client, else sent by it */
    gmq_packet_type type;
    enum cut_place place;
};

/* How often connections were cut there, by packet type, direction, place and version: shared with the parent. */
typedef uint32_t cut_counts[GMQ_AUTH + 1][2][CUT_PLACES][GMQ_VERSION_5_0 + 1];
extern cut_counts *actor_cuts;

struct actor {
    struct shards *shards;
    struct oracle *oracle;
    char name[24];
    uint8_t version;
    uint8_t number; /* as publisher or as subscriber, for the oracle */
    bool is_subscriber;
    uint32_t expiry_of_old; /* what sessions of 3.1 and 3.1.1 get: the broker's limit */
    struct cut cut;

    /* The connection. */
    struct peer *peer;   /* NULL, or one that may be closed already */
    uint64_t connection; /* its number */
    bool is_connected;   /* CONNACK has come */
    bool is_answered;    /* of the newest connection; also when it is gone */
    bool is_clean;
    bool is_risky;     /* if its CONNACK isn't seen, the next one may meet another session than the last known */
    uint32_t expiry;   /* that was asked for */
    uint64_t asked_ns; /* when */
    uint32_t receive_maximum;
    char aliases[ACTOR_ALIASES_MAX][8];
    uint32_t in_flight_count;
    uint8_t in_flight[ACTOR_IDENTIFIERS]; /* messages of this connection that have no last acknowledgement yet */
    bool is_holding;                      /* acknowledgements wait */
    struct held_ack held[ACTOR_HELD_MAX];
    uint32_t held_count;
    struct asked asked[ACTOR_ASKED_MAX];
    uint32_t asked_count;
    uint16_t last_asked;

    /* The session, as far as it is known. */
    bool is_session_certain;
    struct peer *session_peer; /* the last connection it had; NULL: there is none */
    uint32_t session_expiry;
    uint64_t session_since; /* the oracle's time */
    struct known_will wills[ACTOR_WILLS_MAX];
    uint32_t will_count;
    uint16_t last_identifier;
    struct open_message open[ACTOR_OPEN_MAX]; /* in the order of sending */
    uint32_t open_count;
    uint8_t unreleased[ACTOR_IDENTIFIERS]; /* QoS 2 identifiers that PUBREL is awaited for */
};

void actor_begin(struct actor *actor, struct shards *shards, struct oracle *oracle);

/* A new connection, also beside an old one. The will's payload is chosen here. */
void actor_connect(struct actor *actor, const struct hello *hello, uint8_t will_topic);

/* The connection breaks: the last `lost` bytes that were sent never arrive, nor does what was not yet read. */
void actor_break(struct actor *actor, size_t lost);

/* DISCONNECT, and the end; `expiry` is for the session from now on, UINT32_MAX - 1: as it was. Where nothing is on its
 * way, what that means is certain. */
#define ACTOR_EXPIRY_STAYS (UINT32_MAX - 1)
void actor_leave(struct actor *actor, uint32_t expiry, bool is_with_will, bool is_at_rest);

/* Takes up to `most` packets and does what each of them demands. True: there were some. */
bool actor_read(struct actor *actor, uint32_t most);

/* Sends up to `most` acknowledgements that wait. */
void actor_acknowledge(struct actor *actor, uint32_t most);

/* As a publisher; nothing happens where too many are open. */
void actor_publish(struct actor *actor, const struct open_message *message);

/* As a subscriber; NOT_GRANTED unsubscribes. */
void actor_subscribe(struct actor *actor, uint8_t filter, int8_t qos);

/* Nothing is on its way: what has surely become of wills. */
void actor_rest(struct actor *actor);

static inline bool actor_is_there(const struct actor *actor)
{
    return actor->peer != NULL && actor->peer->connection != NULL && actor->is_connected;
}

/* ---- between the files of the actor ---- */

/* With GRAFTMQ_MODEL_TRACE set, what each actor does. */
void actor_trace(const struct actor *actor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Around each packet that is sent: false, it can't be, or it was lost with the connection. */
bool actor_may_send(struct actor *actor, gmq_packet_type type);
void actor_sent(struct actor *actor, gmq_packet_type type);

void publisher_send_again(struct actor *actor);
void publisher_take(struct actor *actor, const struct gmq_packet *packet);
void publisher_lose_session(struct actor *actor);

void reader_take_message(struct actor *actor, const struct gmq_publish *packet);
void reader_take_release(struct actor *actor, uint16_t identifier);
void reader_take_answer(struct actor *actor, const struct gmq_packet *packet, uint8_t reason);
void reader_lose_connection(struct actor *actor);
void reader_lose_session(struct actor *actor);

/* What becomes of wills (will.c). */
void wills_add(struct actor *actor, const struct letter *will, uint8_t topic, char *payload, size_t size);
void wills_before_connect(struct actor *actor);
void wills_before_break(struct actor *actor);
void wills_decide(struct actor *actor, bool is_present);
void wills_take_back(struct actor *actor, bool is_certain);
void wills_rest(struct actor *actor);

enum { ACTOR_SLACK_NS = 100000000 }; /* timers may be late by a tick */

#endif
