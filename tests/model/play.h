/* One run of the model: a broker without sockets, ten clients, and the oracle. */
#ifndef TESTS_MODEL_PLAY_H
#define TESTS_MODEL_PLAY_H

#include "model/actor.h"
#include "model/script.h"
#include "shard/shards.h"

enum {
    PLAY_PUBLISHERS = ORACLE_PUBLISHERS,
    PLAY_SUBSCRIBERS = ORACLE_SUBSCRIBERS,
    PLAY_ACTORS = PLAY_PUBLISHERS + PLAY_SUBSCRIBERS, /* in this order */
    PLAY_SETTINGS = 3,
};

struct play {
    struct shards *shards;
    struct oracle oracle;
    struct actor actors[PLAY_ACTORS];
    uint32_t session_expiry; /* the broker's limit */
    uint32_t defer_next;     /* so many messages that come in wait for a verdict */
    uint32_t close_at;       /* the connection is closed at this message that goes out; 0: at none */
    bool is_quiet;           /* handlers let all packets pass */
};

/* From the first step to the last and the checks after it. The process ends where something is wrong. */
void play_script(const struct script *script);

/* The same in steps. */
void play_begin(struct play *play, uint64_t workers, uint64_t order, uint64_t settings, uint64_t expiry,
                uint64_t versions);
void play_end(struct play *play);

/* A configuration anew, with all plugins. */
void play_load(struct play *play, uint64_t settings);

/* Until nothing moves any more, with all that waits let go; then all that must have come has come. */
void play_rest(struct play *play);

/* How often connections were cut at each step of the flows; the least of the numbers (steps.c). */
uint32_t steps_print_cuts(const cut_counts *counts);

static inline struct actor *play_actor(struct play *play, uint64_t number)
{
    return &play->actors[number % PLAY_ACTORS];
}

static inline struct actor *play_publisher(struct play *play, uint64_t number)
{
    return &play->actors[number % PLAY_PUBLISHERS];
}

static inline struct actor *play_subscriber(struct play *play, uint64_t number)
{
    return &play->actors[PLAY_PUBLISHERS + number % PLAY_SUBSCRIBERS];
}

#endif
