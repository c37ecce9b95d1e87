/* A client that keeps its side of the flows. */
#include "shard/actor.h"

#include "shard/demand.h"

#include <stdarg.h>
#include <string.h>

/* With GRAFTMQ_MODEL_TRACE set, what each actor does, for a seed that fails. */
static void trace(const struct actor *actor, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void trace(const struct actor *actor, const char *format, ...)
{
    if (getenv("GRAFTMQ_MODEL_TRACE") == NULL)
        return;
    fprintf(stderr, "%-12s ", actor->name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void actor_begin(struct actor *actor, struct shards *shards, struct oracle *oracle, const char *name, uint8_t version)
{
    memset(actor, 0, sizeof *actor);
    actor->shards = shards;
    actor->oracle = oracle;
    snprintf(actor->name, sizeof actor->name, "%s", name);
    actor->version = version;
}

void actor_connect(struct actor *actor, const struct hello *hello)
{
    struct hello own = *hello;
    own.identifier = actor->name;
    own.version = actor->version;
    trace(actor, "connects%s", own.is_clean ? ", clean" : "");
    actor->is_connected = false;
    actor->peer = peer_open(actor->shards);
    actor->peer->is_held = true;
    peer_send_connect(actor->peer, &own);
}

void actor_break(struct actor *actor, size_t lost)
{
    struct peer *peer = actor->peer;
    trace(actor, "breaks, %zu bytes lost", lost);
    actor->peer = NULL;
    actor->is_connected = false;
    if (peer == NULL || peer->connection == NULL)
        return;
    struct link *link = peer->connection;
    link->length -= lost < link->length ? lost : link->length;
    peer_break(peer);
}

/* ---- as a publisher ---- */

static void open_send(struct actor *actor, const struct open_message *open, bool is_duplicate)
{
    char topic[8], payload[16];
    trace(actor, "sends message %u to topic %u, QoS %u, identifier %u%s%s", open->number, open->topic, open->qos,
          open->identifier, is_duplicate ? ", again" : "", open->is_retained ? ", retained" : "");
    snprintf(topic, sizeof topic, "t/%u", open->topic);
    snprintf(payload, sizeof payload, "%u", open->number);
    SEND(actor->peer, .topic = topic, .payload = payload, .qos = open->qos, .identifier = open->identifier,
         .is_duplicate = is_duplicate, .is_retained = open->is_retained,
         .expiry = actor->version == GMQ_VERSION_5_0 ? open->expiry : 0);
}

/* All that is open, in the order of its sending [MQTT-4.4.0-1]. */
static void actor_send_again(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->open_count; i++) {
        const struct open_message *open = &actor->open[i];
        if (open->is_received)
            peer_send_ack(actor->peer, GMQ_PUBREL, open->identifier, GMQ_REASON_SUCCESS);
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

static uint16_t actor_free_identifier(struct actor *actor)
{
    do {
        actor->last_identifier = (uint16_t)(actor->last_identifier % 20 + 1);
    } while (open_find(actor, actor->last_identifier) != NULL);
    return actor->last_identifier;
}

bool actor_publish(struct actor *actor, uint8_t topic, uint8_t qos, bool is_retained, uint32_t expiry)
{
    if (actor->open_count == ACTOR_OPEN_MAX)
        return false;
    struct open_message open = {.topic = topic, .qos = qos, .is_retained = is_retained, .expiry = expiry};
    open.number = oracle_send(actor->oracle, actor->number, topic, qos, expiry != 0);
    if (qos > 0) {
        open.identifier = actor_free_identifier(actor);
        actor->open[actor->open_count++] = open;
    }
    open_send(actor, &open, false);
    return true;
}

static void open_end(struct actor *actor, struct open_message *open)
{
    uint32_t behind = actor->open_count - (uint32_t)(open - actor->open) - 1;
    memmove(open, open + 1, behind * sizeof *open);
    actor->open_count--;
}

static void take_acknowledgement(struct actor *actor, const struct gmq_packet *packet)
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
        open->is_received = true;
        peer_send_ack(actor->peer, GMQ_PUBREL, packet->identifier, GMQ_REASON_SUCCESS);
        return;
    }
    demand(packet->type == (open->qos == 1 ? GMQ_PUBACK : GMQ_PUBCOMP), "%s got %s for a message of QoS %u",
           actor->name, packet_type_name(packet->type), open->qos);
    open_end(actor, open);
}

/* ---- as a reader ---- */

static void take_message(struct actor *actor, const struct gmq_publish *packet)
{
    uint16_t identifier = packet->packet.identifier;
    bool is_known = packet->qos == 2 && actor->unreleased[identifier] != 0;
    demand(!is_known || packet->is_duplicate, "%s got %u anew before it had released it", actor->name, identifier);
    if (!is_known && !packet->is_retained) {
        uint32_t number = (uint32_t)strtoul(packet->payload.data, NULL, 10);
        const char *complaint = oracle_receive(actor->oracle, actor->number, number, packet->qos);
        demand(complaint == NULL, "%s: %s", actor->name, complaint);
    }
    if (packet->qos == 1)
        peer_send_ack(actor->peer, GMQ_PUBACK, identifier, GMQ_REASON_SUCCESS);
    if (packet->qos != 2)
        return;
    actor->unreleased[identifier] = 1;
    peer_send_ack(actor->peer, GMQ_PUBREC, identifier, GMQ_REASON_SUCCESS);
}

static void take_release(struct actor *actor, uint16_t identifier)
{
    actor->unreleased[identifier] = 0;
    peer_send_ack(actor->peer, GMQ_PUBCOMP, identifier, GMQ_REASON_SUCCESS);
}

/* ---- both ---- */

static void take_connack(struct actor *actor, const struct gmq_connack *packet)
{
    demand(packet->packet.reason == GMQ_REASON_SUCCESS, "%s was refused: 0x%02X", actor->name, packet->packet.reason);
    demand(packet->is_session_present || !actor->has_session, "the session of %s is gone", actor->name);
    actor->has_session = true;
    if (!packet->is_session_present)
        memset(actor->unreleased, 0, sizeof actor->unreleased);
    actor->is_connected = true;
    actor_send_again(actor);
}

static void actor_take(struct actor *actor, const union any_packet *packet)
{
    trace(actor, "takes %s of %u%s%.*s", packet_type_name(packet->packet.type), packet->packet.identifier,
          packet->packet.type == GMQ_PUBLISH ? ", message " : "",
          packet->packet.type == GMQ_PUBLISH ? (int)packet->publish.payload.length : 0,
          packet->packet.type == GMQ_PUBLISH ? packet->publish.payload.data : "");
    switch (packet->packet.type) {
    case GMQ_CONNACK:
        take_connack(actor, &packet->connack);
        break;
    case GMQ_PUBLISH:
        take_message(actor, &packet->publish);
        break;
    case GMQ_PUBACK:
    case GMQ_PUBREC:
    case GMQ_PUBCOMP:
        take_acknowledgement(actor, &packet->packet);
        break;
    case GMQ_PUBREL:
        take_release(actor, packet->packet.identifier);
        break;
    default:
        break;
    }
}

/* What has come on a connection that is closed now is not answered any more, so it counts as lost on the way. */
void actor_read(struct actor *actor, uint32_t most)
{
    const union any_packet *packet;
    for (uint32_t i = 0; i < most && actor->peer != NULL && actor->peer->connection != NULL; i++) {
        packet = peer_next(actor->peer);
        if (packet == NULL)
            return;
        actor_take(actor, packet);
    }
}
