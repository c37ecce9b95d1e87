/* A broker without sockets: its shards in one thread, their mail and their clock under the test's control, with the
 * standard plugin loaded as the broker loads it.
 *
 * The configuration is what a test gives as text, between the braces and with ' for "; the plugins "broker" and "desk"
 * are there already. Each load maps both anew, so a reload always changes the code. */
#ifndef TESTS_SHARD_SHARDS_H
#define TESTS_SHARD_SHARDS_H

#include "base/mailbox.h"
#include "broker/shard.h"
#include "plugin/generation.h"
#include "plugin/host.h"

/* A worker without a loop. */
struct turner {
    struct shard *shard;
    struct mailbox mailbox;
    struct mail_chain outgoing[BROKER_WORKERS_MAX];
    struct list links;    /* its connections */
    struct list attended; /* those to be looked at at the end of the turn */
    struct list resumed;
};

enum { SHARDS_GENERATIONS_MAX = 256, SHARDS_ENCODED_MAX = 1 << 20 };

struct shards {
    struct shard_ways ways;
    struct plugin_host host;
    struct generation_loader loader;
    struct broker *broker;
    uint32_t count;
    struct turner turners[BROKER_WORKERS_MAX];
    struct generation *generation; /* that the test loaded last */
    struct generation *draining[SHARDS_GENERATIONS_MAX];
    size_t draining_count;
    uint64_t loads;
    uint64_t now_ns;
    uint32_t next_worker; /* that accepts */
    struct list peers;
    struct arena decoded;    /* lists of the packet that was decoded last */
    struct buffer encoded;   /* the packet that a peer sends */
    bool is_short_of_memory; /* packets may be cut short: the broker has nothing else to do with them */
    uint64_t order;          /* not 0: of the workers' turns, changed from round to round */
};

/* `settings` may be NULL. The process ends where something can't be had. */
struct shards *shards_new(uint32_t count, const char *settings);
void shards_free(struct shards *shards);

/* All workers, clients, sessions and messages anew, with the plugins as they are loaded. */
void shards_restart(struct shards *shards, uint32_t count);

/* Turns of all workers until nothing moves any more; and one turn of each. */
void shards_settle(struct shards *shards);
bool shards_turn(struct shards *shards); /* whether something has moved */

/* Time passes, with all timers that are due meanwhile. */
void shards_wait_ms(struct shards *shards, uint64_t ms);
void shards_wait(struct shards *shards, uint64_t seconds);

/* A new generation for all workers. The old one drains, as long as deferred packets need it. */
void shards_reload(struct shards *shards, const char *settings);

/* The same in two steps: nobody serves it yet; one worker takes it over. */
void shards_load(struct shards *shards, const char *settings);
void shards_adopt(struct shards *shards, uint32_t worker);

/* The worker where the sessions of a client identifier live. */
uint32_t shards_worker_of(const struct shards *shards, const char *client_identifier);

/* The session of a client identifier, or NULL. */
struct session *shards_session(const struct shards *shards, const char *client_identifier);

static inline struct turner *turner_of(const struct shard *shard)
{
    return shard->upper;
}

#endif
