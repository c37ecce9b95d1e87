/* Packets that the broker sends: through the outgoing route of their type, encoded, into the client's output. */
#ifndef BROKER_OUTBOUND_H
#define BROKER_OUTBOUND_H

#include "broker/client.h"
#include "broker/shard.h"

/* Sends a packet as gmq_send says; `arena` is for what handlers on the way change. */
gmq_status outbound_send(struct gmq_client *client, struct gmq_packet *packet, struct arena *arena);

/* Encodes and appends without any route. */
gmq_status outbound_append(struct gmq_client *client, const struct gmq_packet *packet);

/* PUBACK, PUBREC, PUBREL or PUBCOMP: the short way unless there is an outgoing route for it. */
gmq_status outbound_ack(struct gmq_client *client, gmq_packet_type type, uint16_t packet_identifier, gmq_reason reason);

/* CONNACK with a reason of 0x80 and above, then close. */
void outbound_refuse_connect(struct gmq_client *client, gmq_reason reason, const char *text);

/* Runs the outgoing route of a packet's type. True: send it (it may have been changed). */
bool outbound_route(struct gmq_client *client, struct gmq_packet *packet, struct arena *arena);

/* The reason itself where the standard allows it in packets of this type, else the most general one that it does allow.
 */
uint8_t outbound_reason(gmq_packet_type type, gmq_reason reason);

/* Sets the reason string without a copy: `text` (may be NULL) must outlive the packet. */
void outbound_set_text(struct gmq_packet *packet, const char *text);

static inline bool outbound_has_route(const struct gmq_client *client, gmq_packet_type type)
{
    return (client->shard->generation->outgoing_types & (UINT32_C(1) << type)) != 0;
}

#endif
