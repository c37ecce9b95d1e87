/* The load of the soak: who there is, and the state that its parts share. cast.c says who publishes and hears what;
 * life.c lets clients come and go; send.c publishes; receive.c judges what arrives; main.c is the course of it all. */
#ifndef SOAK_LOAD_H
#define SOAK_LOAD_H

#include "checker.h"
#include "faults.h"
#include "histogram.h"
#include "link.h"

enum {
    TOPIC_SIZE = 48,
    PAYLOAD_SIZE = 64, /* the stamp, and the mark of the plugin */
    WINDOW = 8,        /* messages of a client that may be unacknowledged */
    KEPT = 4,          /* retained topics of a keeper */
    WORKERS_MAX = 64,
    PHASES_MAX = 8
};

enum role {
    ROLE_PAIR,   /* stays; publishes with QoS 0, 1 and 2, and hears others of its kind */
    ROLE_SLOW,   /* stays; the verdict on what it publishes is deferred */
    ROLE_FEEDER, /* stays; publishes to shared subscriptions */
    ROLE_MEMBER, /* stays; has a part in a shared subscription */
    ROLE_ABSENT, /* has a session that lasts; comes and goes, in order or cut off, in the middle of its flows */
    ROLE_MORTAL, /* is cut off, or leaves in order; its will tells which */
    ROLE_KEEPER, /* stays; publishes retained messages */
    ROLE_FRESH,  /* comes to hear retained messages, and leaves */
    ROLE_PROBE,  /* stays; pings, if it is the first that has come to its worker */
    ROLE_COUNT
};

/* One topic of one client, and its numbered messages: what has to stay in order. */
struct stream {
    char topic[TOPIC_SIZE];
    uint32_t owner;
    uint32_t sent;         /* also the next number */
    uint32_t acknowledged; /* all numbers below it; of keepers alone */
    uint32_t slot;         /* the first of its slots in the checker */
    uint32_t hearers;      /* slots of it */
    uint8_t qos;
};

/* A stream that a client hears. */
struct inlet {
    uint32_t stream;
    uint32_t slot;
    uint32_t next;   /* above the highest number that has come */
    uint32_t marker; /* the highest that has come */
};

enum flow { FLOW_PUBACK = 1, FLOW_PUBREC, FLOW_PUBCOMP };

/* A message of a client that is still to be acknowledged. */
struct flight {
    uint16_t identifier; /* 0: this one is free */
    uint8_t flow;
    uint32_t stream;
    uint32_t number;
    uint64_t time_ns;
};

enum presence { AWAY, CONNECTING, HERE, LEAVING };

struct client {
    enum role role;
    uint32_t place; /* among those of its role */
    uint8_t version;
    enum presence presence;
    bool has_session; /* the broker must know it */
    bool is_subscribed;
    bool is_deaf;    /* answers nothing any more, and takes no answer: it will be cut off */
    uint64_t due_ns; /* when it comes, goes or (a probe) pings; UINT64_MAX: not by itself */
    uint32_t first_stream;
    uint32_t streams;
    uint32_t next_stream;
    uint16_t last_identifier;
    uint32_t flights_begin; /* a ring, oldest first, as they are to be sent again in that order */
    uint32_t flights;
    struct flight flight[WINDOW];
    uint8_t *received;    /* bit by packet identifier: QoS 2, not yet released */
    struct inlet *inlets; /* sorted by stream */
    uint32_t inlet_count;
    uint32_t
        wanted[KEPT];   /* a fresh one: the least number of each retained topic, plus 1; 0: has come or isn't needed */
    uint64_t pinged_ns; /* 0: no answer is awaited */
    uint32_t turns;     /* how often it has come */
};

struct phase {
    char name[24];
    struct histogram delivery[3]; /* by QoS, between pairs */
    struct histogram ping;
};

struct soak {
    uint32_t client_count;
    uint32_t first[ROLE_COUNT + 1]; /* client numbers of a role: from first[role] to first[role + 1] */
    struct client *clients;
    struct stream *streams;
    uint32_t stream_count;
    struct links links;
    struct checker checker;
    struct faults faults;
    uint64_t random;
    uint64_t pace_ns; /* about how long those who come and go stay */
    double rate;
    uint32_t *senders; /* client numbers, mixed, so that each role and worker always has its turn soon */
    uint32_t sender_count;
    uint32_t next_sender;
    uint32_t probes[WORKERS_MAX]; /* client number plus 1 */
    uint32_t newest[WORKERS_MAX]; /* marker of each worker */
    uint32_t workers;             /* that have been seen, the highest number plus 1 */
    struct phase *phases;
    uint32_t phase_count;
    uint32_t phase;
    bool is_sending;
    bool is_ending; /* everybody comes back, and stays */
    /* Counts of the whole run. */
    uint64_t due; /* messages that the rate has asked for */
    uint64_t sent[3];
    uint64_t held_back; /* not sent as the window was full */
    uint64_t arrived;
    uint64_t repeated; /* QoS 1, with the DUP flag, which may be */
    uint64_t retained;
    uint64_t wills;
    uint64_t returns; /* of those who come and go */
    uint64_t cut;     /* connections that we have broken */
    uint64_t unacknowledged;
};

/* ---- cast.c ---- */

void cast_make(struct soak *soak);
void cast_free(struct soak *soak);

/* Appends the client's filters, as for SUBSCRIBE; how many. */
uint32_t cast_filters(const struct soak *soak, const struct client *client, struct bytes *filters);

/* NULL: the client has not asked for the stream. */
struct inlet *client_inlet(const struct client *client, uint32_t stream);
const char *role_name(enum role role);
static inline struct link *client_link(struct soak *soak, const struct client *client)
{
    return &soak->links.link[client - soak->clients];
}

/* A pseudo-random number below `limit`. */
uint32_t soak_random(struct soak *soak, uint32_t limit);

/* ---- life.c ---- */

void life_begin(struct soak *soak, struct client *client);
void life_step(struct soak *soak, uint64_t now);
void life_on_connack(struct soak *soak, struct client *client, const struct packet *packet);
void life_on_suback(struct soak *soak, struct client *client, const struct packet *packet);
void life_on_end(void *soak, struct link *link);

/* ---- send.c ---- */

void send_due(struct soak *soak, uint64_t begin_ns, uint64_t now);
void send_again(struct soak *soak, struct client *client);
void send_on_acknowledgement(struct soak *soak, struct client *client, const struct packet *packet);

/* ---- receive.c ---- */

void receive_on_packet(void *soak, struct link *link, const struct packet *packet);

#endif
