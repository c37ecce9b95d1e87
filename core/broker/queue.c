/* Messages that wait in a session: a ring that grows and, once empty, owns nothing. */
#include "broker/queue.h"

#include "base/memory.h"

#include <string.h>

enum { QUEUE_FIRST_CAPACITY = 8 };

void delivery_deinit(struct delivery *delivery)
{
    message_unref(delivery->message);
    mem_free(delivery->subscription_identifiers);
    memset(delivery, 0, sizeof *delivery);
}

void queue_deinit(struct queue *queue)
{
    struct delivery delivery;
    while (queue_pop(queue, &delivery))
        delivery_deinit(&delivery);
}

static bool queue_grow(struct queue *queue)
{
    uint32_t capacity = queue->capacity == 0 ? QUEUE_FIRST_CAPACITY : queue->capacity * 2;
    if (capacity < queue->capacity)
        return false;
    struct delivery *ring = mem_alloc(capacity * sizeof *ring);
    if (ring == NULL)
        return false;
    uint32_t until_end = queue->capacity - queue->first;
    if (queue->count > 0) {
        uint32_t head = queue->count < until_end ? queue->count : until_end;
        memcpy(ring, queue->ring + queue->first, head * sizeof *ring);
        memcpy(ring + head, queue->ring, (queue->count - head) * sizeof *ring);
    }
    mem_free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

bool queue_push(struct queue *queue, const struct delivery *delivery)
{
    if (queue->count == queue->capacity && !queue_grow(queue))
        return false;
    queue->ring[(queue->first + queue->count) & (queue->capacity - 1)] = *delivery;
    queue->count++;
    queue->bytes += message_size(delivery->message);
    return true;
}

bool queue_pop(struct queue *queue, struct delivery *delivery)
{
    if (queue->count == 0)
        return false;
    *delivery = queue->ring[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    queue->bytes -= message_size(delivery->message);
    if (queue->count == 0) {
        mem_free(queue->ring);
        memset(queue, 0, sizeof *queue);
    }
    return true;
}
