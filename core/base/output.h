/* Bytes that wait to be written to one connection: small things are copied into chunks from the worker's pool, large
 * ones are referenced. An idle output owns nothing. One thread. */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include "base/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { OUTPUT_CHUNK_SIZE = 8192, OUTPUT_REFERENCE_FROM = 4096 };

/* Shared by the outputs of one worker. */
struct output_pool {
    struct pool chunks;     /* copied bytes */
    struct pool references; /* the small nodes of referenced bytes */
};

void output_pool_init(struct output_pool *pool);
void output_pool_deinit(struct output_pool *pool);
void output_pool_trim(struct output_pool *pool); /* as pool_trim */

/* Called once, when the referenced bytes are written or dropped. */
typedef void output_release(void *owner);

struct output_chunk;

struct output {
    struct output_chunk *first;
    struct output_chunk *last;
    size_t pending; /* bytes not yet written */
};

void output_init(struct output *output);
void output_deinit(struct output *output, struct output_pool *pool); /* drops what is pending */

/* Room for `size` (at most OUTPUT_CHUNK_SIZE / 2) contiguous bytes at the end; what is written there counts after
 * output_commit, which must come before any other call for this output. NULL: memory is out. */
uint8_t *output_reserve(struct output *output, struct output_pool *pool, size_t size);
void output_commit(struct output *output, size_t size);

/* Copies. False: memory is out, nothing was appended. */
bool output_append(struct output *output, struct output_pool *pool, const void *bytes, size_t length)
    __attribute__((warn_unused_result));

/* References bytes that stay unchanged until `release(owner)`. False: memory is out, nothing was appended, and
 * `release` is not called. With a length of 0 there is nothing to write, so `release` is called at once. */
bool output_append_reference(struct output *output, struct output_pool *pool, const void *bytes, size_t length,
                             output_release *release, void *owner) __attribute__((warn_unused_result));

/* The pending bytes as at most `capacity` vectors; returns how many. */
int output_gather(const struct output *output, struct iovec *vectors, int capacity);

/* The first `written` pending bytes have gone. */
void output_consume(struct output *output, struct output_pool *pool, size_t written);

#endif
