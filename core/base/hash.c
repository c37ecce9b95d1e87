/* Hashing by xxHash, and the random bytes that seed it. */
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* 0 until the first hash. */
static _Atomic uint64_t process_seed;

/* Whoever comes first decides; the others take that one's seed. */
static uint64_t seed_choose(void)
{
    uint64_t fresh = 0;
    while (fresh == 0)
        random_bytes(&fresh, sizeof(fresh));
    uint64_t current = 0;
    return atomic_compare_exchange_strong(&process_seed, &current, fresh) ? fresh : current;
}

uint64_t hash_bytes(const void *bytes, size_t length)
{
    /* Relaxed is enough: the seed is all there is to see. */
    uint64_t seed = atomic_load_explicit(&process_seed, memory_order_relaxed);
    if (__builtin_expect(seed == 0, 0))
        seed = seed_choose();
    return XXH3_64bits_withSeed(bytes, length, seed);
}

void hash_content_text(const void *bytes, size_t length, char text[33])
{
    XXH128_hash_t hash = XXH3_128bits(bytes, length);
    snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

void random_bytes(void *bytes, size_t length)
{
    unsigned char *next = bytes;
    while (length != 0) {
        ssize_t got = getrandom(next, length, 0);
        /* Anything but an interruption means a kernel without getrandom: guessable seeds and names would be worse. */
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            next += got;
            length -= (size_t)got;
        }
    }
}
