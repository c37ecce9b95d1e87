/* A message on its way to its subscribers: from a publication, through the subscription index, to each session's
 * client, window or queue. */
#ifndef BROKER_DELIVERY_H
#define BROKER_DELIVERY_H

#include "broker/client.h"
#include "broker/message.h"
#include "broker/session.h"
#include "mqtt/packet.h"

enum { PUBLICATION_CACHE_SIZE = 512 };

/* A message that is being handed out. The views belong to somebody else, who keeps them for so long; the refcounted
 * message is only made when somebody has to keep it. */
struct publication {
    struct message_parts parts;
    struct message *message;         /* a reference of the publication's own, or NULL */
    const struct properties *source; /* encoded to parts.properties when the first 5.0 subscriber needs them; or NULL */
    struct session *except;          /* not to this one: it has just left its share to the others; or NULL */
    struct buffer properties;        /* what parts.properties points to, if `source` was encoded */
    /* The last encoded packet, if it was short: most subscribers get the same bytes but for the packet identifier. */
    uint32_t cached_length; /* 0: none */
    uint32_t cached_identifier_at;
    uint8_t cached_key;
    uint8_t cache[PUBLICATION_CACHE_SIZE];
};

/* From a decoded packet, which must stay as long as the publication. `now_ns` is when its expiry began to run. */
void publication_init(struct publication *publication, const struct gmq_publish *packet, uint64_t publisher,
                      uint64_t now_ns);

/* From a kept message; takes a reference of its own. */
void publication_init_kept(struct publication *publication, struct message *message);

/* From the parts of a message, whose bytes must stay as long as the publication. */
void publication_init_parts(struct publication *publication, const struct message_parts *parts);
void publication_deinit(struct publication *publication);

/* The kept message, made if needed (a reference that stays the publication's); NULL: memory is out. */
struct message *publication_message(struct publication *publication);

/* The forwarded properties in wire form. */
gmq_view publication_properties(struct publication *publication);

/* What is left of its message expiry interval, in whole seconds, begun ones counted; it must have one. 0: it is over.
 */
uint32_t publication_expiry_seconds(const struct publication *publication, const struct shard *shard);

/* To all sessions with a matching subscription, on all workers; `matched` counts subscriptions. GMQ_ERROR_MEMORY: some
 * did not get it. */
gmq_status delivery_publish(struct shard *shard, struct publication *publication, uint32_t *matched);

/* To one member of a group, but not to publication->except. False: there is no other. */
bool delivery_to_group(struct shard *shard, struct publication *publication, struct share_group *group);

/* What one session is to get, after overlapping subscriptions were put together. */
struct delivery_order {
    uint8_t qos; /* already the lower of published and granted */
    bool is_retained;
    bool is_shared;
    uint32_t identifier_count;
    const uint32_t *identifiers;
};

/* Sends, keeps in flight, queues or drops, as the session and the limits demand. */
void delivery_to_session(struct session *session, struct publication *publication, const struct delivery_order *order);

/* Moves what waits (resends, retained run, queue) to the client while window and output allow. True: something still
 * waits for the output to drain. */
bool delivery_pump(struct session *session);

/* Whether a delivery of this QoS could be sent at once: the output, and the window for QoS 1 and 2, have room. */
bool delivery_has_room(const struct session *session, uint8_t qos);

/* Puts one PUBLISH into the client's output, through the outgoing route. `identifier` is 0 for QoS 0. */
enum delivery_result { DELIVERY_SENT, DELIVERY_SUPPRESSED, DELIVERY_NO_MEMORY };
struct delivery_flags {
    uint8_t qos;
    bool is_retained;
    bool is_duplicate;
    uint16_t packet_identifier;
    uint32_t identifier_count;
    const uint32_t *identifiers;
};
enum delivery_result delivery_send(struct gmq_client *client, struct publication *publication,
                                   const struct delivery_flags *flags);

/* The two ways of delivery_send: through the outgoing route of PUBLISH, and past it. */
enum delivery_result delivery_send_routed(struct gmq_client *client, struct publication *publication,
                                          const struct delivery_flags *flags);
enum delivery_result delivery_send_unrouted(struct gmq_client *client, struct publication *publication,
                                            const struct delivery_flags *flags);

/* Retained messages for a new subscription: collected at once, sent as the output allows. */
gmq_status delivery_retained(struct session *session, gmq_view filter, uint8_t options, uint32_t identifier);

#endif
