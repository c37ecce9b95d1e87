/* A bump allocator for what lives as long as one call: freed all at once. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* One block of ordinary size is kept over arena_reset(), so that a steady user never allocates again. */
struct arena {
    struct arena_block *block; /* the current one, newest first */
    size_t used;               /* bytes used of it */
    size_t total;              /* bytes of all blocks, for the bound */
    size_t limit;              /* arena_alloc answers NULL beyond this many bytes in all */
};

void arena_init(struct arena *arena, size_t limit);
void arena_deinit(struct arena *arena);

/* Aligned for any type, not cleared; NULL when memory or the limit is out. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((warn_unused_result));

/* A copy of the bytes; NULL as above. `length` 0 gives a valid pointer. */
void *arena_copy(struct arena *arena, const void *bytes, size_t length) __attribute__((warn_unused_result));

/* Everything allocated is gone. */
void arena_reset(struct arena *arena);

/* Takes everything that `from` holds, beside what `to` already has; `from` is then empty and usable. Used when a call
 * outlives its turn. */
void arena_move(struct arena *to, struct arena *from);

#endif
