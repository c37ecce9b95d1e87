/* Messages that wait in a session, first in, first out. Bounded by its user. One thread. */
#ifndef BROKER_QUEUE_H
#define BROKER_QUEUE_H

#include "broker/message.h"

/* One message on its way to one session. */
struct delivery {
    struct message *message;            /* a reference; NULL only in flight, where it can't be needed again */
    uint32_t *subscription_identifiers; /* owned: the count, then the identifiers; NULL: none */
    uint8_t qos;                        /* of the delivery, 1 or 2 (0 in a retained run) */
    bool is_retained;                   /* the RETAIN flag to be sent */
    bool is_shared;                     /* of a shared subscription: another member can take it */
};

void delivery_deinit(struct delivery *delivery);

/* All zero is a valid empty queue. */
struct queue {
    struct delivery *ring;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t first;
    uint32_t count;
    uint64_t bytes;
};

void queue_deinit(struct queue *queue);

/* Takes the delivery over; false: memory is out, nothing taken. */
bool queue_push(struct queue *queue, const struct delivery *delivery) __attribute__((warn_unused_result));

/* The oldest one, handed over to the caller; false: empty. Memory goes back when the queue gets empty. */
bool queue_pop(struct queue *queue, struct delivery *delivery);

static inline struct delivery *queue_peek(const struct queue *queue)
{
    return queue->count > 0 ? &queue->ring[queue->first] : NULL;
}

#endif
