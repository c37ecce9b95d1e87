/* MQTT session state (5.0, 4.1): what outlives a connection. Touched by its own worker alone, but for what presence
 * says.
 *
 * This is the seam for a durable store: everything that a session is, is in struct session, and it changes through the
 * functions of session.c, inflight.c and queue.c alone. */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include "base/grace.h"
#include "base/id_set.h"
#include "base/wheel.h"
#include "broker/bytes.h"
#include "broker/client_identifier.h"
#include "broker/inflight.h"
#include "broker/queue.h"
#include "broker/shard.h"

struct will;
struct retained_run;

#define SESSION_NEVER_EXPIRES UINT32_MAX

/* What other workers may read of a session, to choose a member of a shared subscription: the greatest, and never one
 * that has ended. */
enum session_presence { SESSION_ENDED, SESSION_OFFLINE, SESSION_CONGESTED, SESSION_READY };

struct session {
    union {
        struct wheel_timer timer;     /* expiry; or the will's delay, whichever comes first */
        struct list ending;           /* when it has ended, while it is still subscribed */
        struct grace_retired retired; /* after that */
    };
    struct shard *shard;
    struct gmq_client *client;            /* or NULL: nobody is connected */
    struct client_identifier *identifier; /* a reference, shared with the client */
    atomic_uchar presence;                /* enum session_presence */
    bool is_ended;                        /* mail may still name it */
    uint32_t expiry_interval;             /* seconds after the end of the connection; SESSION_NEVER_EXPIRES */
    uint64_t number;                      /* unique in the process */
    uint64_t mark;                        /* of the delivery that last looked at it: finds overlapping subscriptions */
    uint32_t mark_slot;
    uint32_t subscription_count;
    uint32_t subscription_capacity;
    subscription_place *subscriptions; /* its own list: where they stand in the index */
    uint64_t ends_ns;                  /* when it expires; UINT64_MAX: not running or never */
    uint64_t will_ns;                  /* when its will is due; UINT64_MAX */
    union {
        struct will *will;         /* or NULL */
        struct session_pool *pool; /* once it has ended: to where it goes back, maybe after its shard */
    };
    struct inflight inflight;      /* towards the client */
    struct id_set incoming;        /* packet identifiers of QoS 2 messages from the client, PUBREL awaited */
    struct queue queue;            /* waits for room in inflight or for the client */
    struct retained_run *retained; /* retained messages that are still to be sent, or NULL */
    struct bytes *bytes;           /* plugins' */
    uint64_t dropped;              /* messages at the limits of the queue */
    struct log_limiter limiter;
};

struct session *session_find(const struct shard *shard, gmq_view identifier);

/* What CONNECT asks for. */
struct session_request {
    bool is_clean_start;
    uint32_t expiry_interval;
    struct will *will; /* taken over on success; or NULL */
};

/* Opens or resumes the session of a client's name, as gmq_session_open says. */
gmq_status session_open(struct shard *shard, struct gmq_client *client, const struct session_request *request,
                        bool *is_present);

/* The client has gone (will and expiry begin to run), or was taken over. */
void session_leave(struct session *session);

/* Whether what is in flight can ever be sent again: the session outlives its connection. */
static inline bool session_is_resumable(const struct session *session)
{
    return session->expiry_interval > 0;
}

/* Forgets the will. */
void session_discard_will(struct session *session);

/* Discards the session: callbacks, subscriptions, shared messages to other members, everything. Where it has many
 * subscriptions they go in slices, one for each call of session_end_more. */
void session_end(struct session *session);
void session_end_more(struct shard *shard);

/* Gives a message of a shared subscription, which this session can't take any more, to another member of a group of
 * its. */
void session_pass_on(struct session *session, struct message *message);

/* Tells other workers whether messages of shared subscriptions are better given to someone else. */
void session_set_presence(struct session *session);

/* A subscription of its own list; as gmq_subscribe_client and gmq_unsubscribe_client. */
gmq_reason session_subscribe(struct session *session, gmq_view filter, uint8_t options, uint32_t identifier,
                             bool *is_new);
gmq_reason session_unsubscribe(struct session *session, gmq_view filter);

/* The end of the session: removes up to `most` of them. */
void session_unsubscribe_some(struct session *session, uint32_t most);

#endif
