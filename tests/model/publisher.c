/* The actor as a publisher: messages, sent again until they are acknowledged. */
#include "model/actor.h"

#include "shard/demand.h"

#include <string.h>

static void open_send(struct actor *actor, const struct open_message *open, bool is_duplicate)
{
    char topic[8], payload[16] = "";
    if (!actor_may_send(actor, GMQ_PUBLISH))
        return;
    actor_trace(actor, "sends message %u to topic %u, QoS %u, identifier %u%s%s%s", open->number, open->topic,
                open->qos, open->identifier, is_duplicate ? ", again" : "", open->is_retained ? ", retained" : "",
                open->is_empty ? ", empty" : "");
    snprintf(topic, sizeof topic, "t/%u", open->topic);
    if (!open->is_empty)
        snprintf(payload, sizeof payload, "%u", open->number);
    SEND(actor->peer, .topic = topic, .payload = payload, .qos = open->qos, .identifier = open->identifier,
         .is_duplicate = is_duplicate, .is_retained = open->is_retained,
         .expiry = actor->version == GMQ_VERSION_5_0 ? open->expiry : 0);
    actor_sent(actor, GMQ_PUBLISH);
}

static void send_pubrel(struct actor *actor, uint16_t identifier)
{
    if (!actor_may_send(actor, GMQ_PUBREL))
        return;
    peer_send_ack(actor->peer, GMQ_PUBREL, identifier, GMQ_REASON_SUCCESS);
    actor_sent(actor, GMQ_PUBREL);
}

/* All that is open, in the order of its sending [MQTT-4.4.0-1]. */
void publisher_send_again(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->open_count; i++) {
        const struct open_message *open = &actor->open[i];
        if (open->is_received)
            send_pubrel(actor, open->identifier);
        else
            open_send(actor, open, true);
    }
}

static struct open_message *open_find(struct actor *actor, uint16_t identifier)
{
    for (uint32_t i = 0; i < actor->open_count; i++) {
        if (actor->open[i].identifier == identifier)
            return &actor->open[i];
    }
    return NULL;
}

/* From so few that they come again soon. */
static uint16_t free_identifier(struct actor *actor)
{
    do
        actor->last_identifier = (uint16_t)(actor->last_identifier % 20 + 1);
    while (open_find(actor, actor->last_identifier) != NULL);
    return actor->last_identifier;
}

void actor_publish(struct actor *actor, const struct open_message *message)
{
    if (actor->open_count == ACTOR_OPEN_MAX)
        return;
    struct open_message open = *message;
    if (actor->version != GMQ_VERSION_5_0)
        open.expiry = 0;
    struct oracle_message sent = {.publisher = actor->number,
                                  .topic = open.topic,
                                  .qos = open.qos,
                                  .is_retained = open.is_retained,
                                  .is_empty = open.is_empty,
                                  .is_mortal = open.expiry != 0};
    open.number = oracle_send(actor->oracle, &sent);
    if (open.qos > 0) {
        open.identifier = free_identifier(actor);
        actor->open[actor->open_count++] = open;
    }
    open_send(actor, &open, false);
}

static void open_end(struct actor *actor, struct open_message *open)
{
    uint32_t behind = actor->open_count - (uint32_t)(open - actor->open) - 1;
    memmove(open, open + 1, behind * sizeof *open);
    actor->open_count--;
}

void publisher_take(struct actor *actor, const struct gmq_packet *packet)
{
    struct open_message *open = open_find(actor, packet->identifier);
    demand(open != NULL, "%s got %s of %u, which is not open", actor->name, packet_type_name(packet->type),
           packet->identifier);
    /* Where an earlier PUBCOMP was lost, the broker has forgotten the identifier already. */
    bool is_known = packet->type != GMQ_PUBCOMP || packet->reason != GMQ_REASON_PACKET_IDENTIFIER_NOT_FOUND;
    demand(packet->reason < GMQ_REASON_UNSPECIFIED_ERROR || !is_known, "%s got %s with 0x%02X", actor->name,
           packet_type_name(packet->type), packet->reason);
    oracle_accept(actor->oracle, open->number);
    if (packet->type == GMQ_PUBREC) {
        demand(open->qos == 2, "%s got PUBREC for a message of QoS %u", actor->name, open->qos);
        open->is_received = true;
        send_pubrel(actor, packet->identifier);
        return;
    }
    demand(packet->type == (open->qos == 1 ? GMQ_PUBACK : GMQ_PUBCOMP), "%s got %s for a message of QoS %u",
           actor->name, packet_type_name(packet->type), open->qos);
    open_end(actor, open);
}

void publisher_lose_session(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->open_count; i++)
        oracle_abandon(actor->oracle, actor->open[i].number);
    actor->open_count = 0;
}
