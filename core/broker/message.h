/* A message that is kept: refcounted, immutable, shared by queues, retained messages and workers. */
#ifndef BROKER_MESSAGE_H
#define BROKER_MESSAGE_H

#include <graftmq/types.h>
#include <stdatomic.h>
#include <stdint.h>

struct message {
    atomic_uint references;
    uint32_t payload_length;
    uint32_t properties_length; /* encoded, forwarded ones only */
    uint16_t topic_length;
    uint8_t qos;         /* as published */
    bool is_retained;    /* the RETAIN flag as published */
    uint64_t expires_ns; /* monotonic; UINT64_MAX: never */
    uint64_t publisher;  /* serial number of the publishing session, 0: none. For no local */
    char bytes[];        /* topic, properties, payload */
};

/* The parts are copied; the caller has the one reference. NULL: memory is out. `model` says what is not in the views.
 */
struct message_parts {
    gmq_view topic;
    gmq_view properties;
    gmq_view payload;
    uint64_t expires_ns;
    uint64_t publisher;
    uint8_t qos;
    bool is_retained;
};
struct message *message_new(const struct message_parts *parts);

/* Any thread. */
void message_ref(struct message *message, uint32_t count);
void message_unref(struct message *message); /* NULL is allowed */

static inline gmq_view message_topic(const struct message *message)
{
    return gmq_view_make(message->bytes, message->topic_length);
}

static inline gmq_view message_properties(const struct message *message)
{
    return gmq_view_make(message->bytes + message->topic_length, message->properties_length);
}

static inline gmq_view message_payload(const struct message *message)
{
    return gmq_view_make(message->bytes + message->topic_length + message->properties_length, message->payload_length);
}

/* Bytes that count for the limits of queues. */
static inline uint64_t message_size(const struct message *message)
{
    return sizeof *message + message->topic_length + message->properties_length + message->payload_length;
}

#endif
