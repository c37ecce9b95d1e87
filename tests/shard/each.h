/* A test of the broker without sockets: run with one worker, and again with four. */
#ifndef TESTS_SHARD_EACH_H
#define TESTS_SHARD_EACH_H

#include "mqtt/properties.h"
#include "shard/desk.h"
#include "shard/peer.h"
#include "shard/shards.h"

#include <criterion/criterion.h>
#include <stdio.h>

static inline void each_width(void (*body)(struct shards *shards), const char *settings)
{
    static const uint32_t widths[] = {1, 4};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        desk_reset();
        struct shards *shards = shards_new(widths[i], settings);
        body(shards);
        shards_free(shards);
    }
}

#define BROKER_TEST(suite, name) BROKER_TEST_WITH(suite, name, NULL)

/* With settings, as shards_new takes them. */
#define BROKER_TEST_WITH(suite, name, settings)                                                                        \
    static void suite##_##name(struct shards *shards);                                                                 \
    Test(suite, name)                                                                                                  \
    {                                                                                                                  \
        each_width(suite##_##name, settings);                                                                          \
    }                                                                                                                  \
    static void suite##_##name(struct shards *shards)

#endif
