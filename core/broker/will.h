/* The will of a client (5.0, 3.1.2.5): kept with the session, published when the connection ends without a word. */
#ifndef BROKER_WILL_H
#define BROKER_WILL_H

#include "broker/message.h"
#include "broker/shard.h"
#include "mqtt/packet.h"

struct will {
    struct message *message;
    uint32_t delay; /* seconds between the end of the connection and the publication */
};

/* From CONNECT. NULL: memory is out. */
struct will *will_new(const struct gmq_publish *packet, uint64_t publisher);
void will_free(struct will *will); /* NULL is allowed */

/* Publishes it and frees it. */
void will_publish(struct shard *shard, struct will *will);

#endif
