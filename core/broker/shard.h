/* A worker's share of the broker's state: its sessions, clients and timers, touched by its thread alone; and the state
 * that all workers share.
 *
 * The rooms above drive it: they hand in packets, mail and time, and give the functions by which it reaches sockets and
 * other workers. */
#ifndef BROKER_SHARD_H
#define BROKER_SHARD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/grace.h"
#include "base/mailbox.h"
#include "base/map.h"
#include "base/output.h"
#include "base/wheel.h"
#include "broker/retained_store.h"
#include "broker/session_pool.h"
#include "broker/subscription_index.h"
#include "plugin/generation.h"
#include "plugin/route_meter.h"

struct broker;
struct gmq_client;
struct shard;
struct gmq_timer;
struct gmq_watch;
struct parcel;

/* Mail between workers: `handle` runs on the receiving worker and owns the mail. */
struct shard_mail {
    struct mail mail;
    void (*handle)(struct shard *shard, struct shard_mail *mail);
};

/* How a shard reaches what is above it. All but `post_any` are called on the shard's worker. */
struct shard_ways {
    /* The client's output has become non-empty, or its client closing: flush it, or look at it, at the end of the turn.
     */
    void (*client_attention)(struct gmq_client *client);
    /* Stop and go on taking packets from the client (deferred verdicts). Going on may deliver packets that were read
     * already, but not before the end of the turn. */
    void (*client_pause)(struct gmq_client *client);
    void (*client_resume)(struct gmq_client *client);
    /* The text of the peer's address. */
    const char *(*client_peer)(const struct gmq_client *client, char *text, size_t size);
    /* Mail to another worker: sent at the end of the turn, in order. */
    void (*post)(struct shard *shard, uint32_t worker, struct shard_mail *mail);
    /* Mail to a worker from any thread, at once. */
    void (*post_any)(struct broker *broker, uint32_t worker, struct shard_mail *mail);
};

enum { BROKER_WORKERS_MAX = CONFIG_WORKERS_MAX };

/* What all workers share. Made before the workers, freed after them. */
struct broker {
    struct grace *grace;
    struct subscription_index *subscriptions;
    struct retained_store *retained;
    const struct shard_ways *ways;
    struct shard *shards[BROKER_WORKERS_MAX];
    struct session_pool *session_pools[BROKER_WORKERS_MAX]; /* by worker; each made and used by its shard */
    uint32_t worker_count;
    atomic_uint_fast64_t session_count;
    atomic_uint_fast64_t connection_count;
    atomic_bool is_stopping;
    struct job_pool *jobs; /* worker/'s */
    void *upper;           /* worker/'s */
};

struct broker *broker_new(uint32_t worker_count, const struct shard_ways *ways); /* NULL: memory is out */
void broker_free(struct broker *broker);                                         /* all shards are gone */

/* The worker where sessions of this client identifier live. */
uint32_t broker_worker_of(const struct broker *broker, gmq_view client_identifier);

struct shard {
    uint32_t index;
    struct broker *broker;
    struct grace_reader *reader;
    struct generation *generation; /* that takes the next packet */
    uint64_t now_ns;               /* kept by worker/: the time of this turn */
    struct route_meter meter;
    struct wheel wheel;
    struct arena arena; /* of the calls of this turn */
    uint32_t call_depth;
    struct buffer scratch;             /* an encoded packet on its way to an output */
    struct map sessions;               /* by client identifier */
    struct session_pool *session_pool; /* of the broker */
    struct output_pool outputs;
    struct match_cache *matches;
    struct topic_walk walk;
    struct list pumping;                        /* clients whose waiting messages may be sent: client->pump_link */
    struct list searching;                      /* for retained messages; see retained_search.h: retained_run.link */
    struct list discarding;                     /* what was found so, and isn't wanted any more: retained_run.link */
    struct grace_reader *search_reader;         /* of the search that is under way, or NULL */
    struct topic_walk search_walk;              /* of it */
    struct list ending;                         /* sessions that have ended and are still subscribed: session.ending */
    struct list timers;                         /* plugins': gmq_timer.link */
    struct list watches;                        /* plugins': gmq_watch.link */
    struct parcel *parcels[BROKER_WORKERS_MAX]; /* those of this turn that are open, by worker; see parcel.h */
    struct parcel *spare_parcels;
    uint32_t spare_parcel_count;
    uint64_t last_session_number;
    uint64_t last_delivery_mark;
    uint64_t identifier_counter;
    struct log_limiter limiters[GMQ_AUTH + 1]; /* of lines that a peer can cause, by packet type */
    struct ev_loop *loop;                      /* for gmq_call_loop */
    void *sockets;                             /* net/'s */
    void *upper;                               /* worker/'s */
};

/* On the worker's own thread. The shard joins the grace periods. NULL: memory is out. */
struct shard *shard_new(struct broker *broker, uint32_t index, struct generation *generation, uint64_t now_ns);

/* Frees everything; all clients must be gone. Sessions that are left are ended. */
void shard_free(struct shard *shard);

static inline const struct config_limits *shard_limits(const struct shard *shard)
{
    return &shard->generation->config->limits;
}

/* Mail to the shard's own worker is handled at once. */
void shard_post(struct shard *shard, uint32_t worker, struct shard_mail *mail);

/* A round at the end of a turn, before outputs are flushed: sends waiting messages of clients whose output has room
 * again, and does a slice of what takes long. */
void shard_end_turn(struct shard *shard);

/* Whether there is more for another round. */
bool shard_is_busy(const struct shard *shard);

/* Once per second. */
void shard_tick(struct shard *shard);

/* Prepares a call that starts now, without a route. The outermost call's end frees the arena. */
void shard_call_begin(struct shard *shard, gmq_call *call, struct gmq_client *client);
void shard_call_end(struct shard *shard);

/* Runs the callbacks of an event. */
void shard_call_back(struct shard *shard, gmq_event event, struct gmq_client *client);

/* The worker is about to serve: worker_start callbacks of its first generation. */
void shard_start(struct shard *shard);

/* Takes over a generation; before it, worker_start callbacks of plugins that are new here. Called between packets. */
void shard_adopt(struct shard *shard, struct generation *next);

/* Lets the plugins go that no generation but `previous` has: worker_stop callbacks, timers, watches. Old generations
 * are released in their order, each freed before the next; at the end of the broker the current one, too. */
void shard_release(struct shard *shard, struct generation *previous);

/* The end of the broker, before the release of the last generation: ends all sessions without publishing wills. */
void shard_end_sessions(struct shard *shard);

/* Set by isolate/, or NULL: a client is about to be freed. */
extern void (*shard_client_gone)(struct shard *shard, struct gmq_client *client);

/* Stops a plugin's timers and watches; set by worker/, which knows libev. */
extern void (*shard_stop_plugin_watchers)(struct shard *shard, const struct gmq_plugin *plugin);

#endif
