/* Bytes that wait to be written to one connection: a list of chunks that hold bytes or refer to them. */
#include "base/output.h"

#include <assert.h>
#include <string.h>

struct output_chunk {
    struct output_chunk *next;
    const uint8_t *pending; /* the first byte not yet written */
    size_t length;          /* from there on */
    bool is_reference;
};

struct output_copy {
    struct output_chunk chunk;
    uint8_t bytes[OUTPUT_CHUNK_SIZE - sizeof(struct output_chunk)];
};

struct output_reference {
    struct output_chunk chunk;
    output_release *release;
    void *owner;
};

_Static_assert(sizeof(struct output_copy) == OUTPUT_CHUNK_SIZE, "a chunk has its size with its header");

void output_pool_init(struct output_pool *pool)
{
    pool_init(&pool->chunks, sizeof(struct output_copy));
    pool_init(&pool->references, sizeof(struct output_reference));
}

void output_pool_deinit(struct output_pool *pool)
{
    pool_deinit(&pool->chunks);
    pool_deinit(&pool->references);
}

void output_pool_trim(struct output_pool *pool)
{
    pool_trim(&pool->chunks);
    pool_trim(&pool->references);
}

void output_init(struct output *output)
{
    *output = (struct output){0};
}

static void output_link(struct output *output, struct output_chunk *chunk)
{
    if (output->last == NULL)
        output->first = chunk;
    else
        output->last->next = chunk;
    output->last = chunk;
}

/* The release function comes last: it may do anything, appending to the same output included. */
static void output_drop_first(struct output *output, struct output_pool *pool)
{
    struct output_chunk *chunk = output->first;
    output->first = chunk->next;
    if (output->first == NULL)
        output->last = NULL;
    if (!chunk->is_reference) {
        pool_free(&pool->chunks, chunk);
        return;
    }
    struct output_reference reference = *(struct output_reference *)(void *)chunk;
    pool_free(&pool->references, chunk);
    reference.release(reference.owner);
}

void output_deinit(struct output *output, struct output_pool *pool)
{
    output->pending = 0;
    while (output->first != NULL)
        output_drop_first(output, pool);
}

static struct output_copy *copy_new(struct output_pool *pool)
{
    struct output_copy *copy = pool_alloc(&pool->chunks);
    if (copy != NULL)
        copy->chunk = (struct output_chunk){.pending = copy->bytes};
    return copy;
}

/* Where the last chunk goes on, and how many bytes it still takes. */
static uint8_t *output_tail(const struct output *output, size_t *room)
{
    *room = 0;
    if (output->last == NULL || output->last->is_reference)
        return NULL;
    struct output_copy *copy = (struct output_copy *)(void *)output->last;
    size_t used = (size_t)(copy->chunk.pending - copy->bytes) + copy->chunk.length;
    *room = sizeof(copy->bytes) - used;
    return copy->bytes + used;
}

uint8_t *output_reserve(struct output *output, struct output_pool *pool, size_t size)
{
    assert(size <= OUTPUT_CHUNK_SIZE / 2);
    size_t room;
    uint8_t *tail = output_tail(output, &room);
    if (tail != NULL && room >= size)
        return tail;
    struct output_copy *copy = copy_new(pool);
    if (copy == NULL)
        return NULL;
    output_link(output, &copy->chunk);
    return copy->bytes;
}

void output_commit(struct output *output, size_t size)
{
    output->last->length += size;
    output->pending += size;
}

/* The bytes in chunks of their own, in a list that isn't the output's yet. */
static bool output_copy_chunks(struct output *chunks, struct output_pool *pool, const uint8_t *bytes, size_t length)
{
    while (length != 0) {
        struct output_copy *copy = copy_new(pool);
        if (copy == NULL) {
            output_deinit(chunks, pool);
            return false;
        }
        size_t part = length < sizeof(copy->bytes) ? length : sizeof(copy->bytes);
        memcpy(copy->bytes, bytes, part);
        output_link(chunks, &copy->chunk);
        output_commit(chunks, part);
        bytes += part;
        length -= part;
    }
    return true;
}

bool output_append(struct output *output, struct output_pool *pool, const void *bytes, size_t length)
{
    if (length == 0)
        return true;
    size_t room;
    uint8_t *tail = output_tail(output, &room);
    size_t head = length < room ? length : room;
    struct output rest = {0};
    /* First what can fail. */
    if (length > head && !output_copy_chunks(&rest, pool, (const uint8_t *)bytes + head, length - head))
        return false;
    if (head != 0) {
        memcpy(tail, bytes, head);
        output_commit(output, head);
    }
    if (rest.first != NULL) {
        output_link(output, rest.first);
        output->last = rest.last;
        output->pending += rest.pending;
    }
    return true;
}

bool output_append_reference(struct output *output, struct output_pool *pool, const void *bytes, size_t length,
                             output_release *release, void *owner)
{
    if (length == 0) {
        release(owner);
        return true;
    }
    struct output_reference *reference = pool_alloc(&pool->references);
    if (reference == NULL)
        return false;
    *reference = (struct output_reference){
        .chunk = {.pending = bytes, .length = length, .is_reference = true}, .release = release, .owner = owner};
    output_link(output, &reference->chunk);
    output->pending += length;
    return true;
}

int output_gather(const struct output *output, struct iovec *vectors, int capacity)
{
    int count = 0;
    for (const struct output_chunk *chunk = output->first; chunk != NULL && count < capacity; chunk = chunk->next) {
        /* A chunk is empty if it was reserved and then not needed. */
        if (chunk->length == 0)
            continue;
        /* writev takes pointers to what it only reads. */
        vectors[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)chunk->pending, .iov_len = chunk->length};
    }
    return count;
}

void output_consume(struct output *output, struct output_pool *pool, size_t written)
{
    assert(written <= output->pending);
    output->pending -= written;
    /* Chunks that are empty go too, so that an output without pending bytes owns nothing. */
    while (output->first != NULL && written >= output->first->length) {
        written -= output->first->length;
        output_drop_first(output, pool);
    }
    if (written != 0 && output->first != NULL) {
        output->first->pending += written;
        output->first->length -= written;
    }
}
