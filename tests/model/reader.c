/* The actor as a reader: subscriptions, messages that come, and their acknowledgements, at once or when it pleases. */
#include "model/actor.h"

#include "mqtt/properties.h"
#include "shard/demand.h"

#include <string.h>

/* ---- subscriptions ---- */

void actor_subscribe(struct actor *actor, uint8_t filter, int8_t qos)
{
    char text[24] = "$share/g/t/#";
    bool is_subscribe = qos != NOT_GRANTED, is_member = actor->number >= ORACLE_SINGLE;
    gmq_packet_type type = is_subscribe ? GMQ_SUBSCRIBE : GMQ_UNSUBSCRIBE;
    if (actor->asked_count == ACTOR_ASKED_MAX || !oracle_may_read(actor->oracle) || !actor_may_send(actor, type))
        return;
    if (is_member) {
        filter = ORACLE_TOPICS;
        qos = is_subscribe ? 2 : NOT_GRANTED;
    } else {
        snprintf(text, sizeof text, filter == ORACLE_TOPICS ? "t/+" : "t/%u", filter);
    }
    actor_trace(actor, "asks for %s, QoS %d", text, qos);
    oracle_ask(actor->oracle, actor->number, filter, qos);
    if (is_subscribe && !is_member)
        oracle_read_begin(actor->oracle, actor->number, filter, (uint8_t)qos);
    else if (!is_member)
        oracle_read_unwanted(actor->oracle, actor->number, filter);
    struct asked asked = {.filter = filter, .qos = qos};
    asked.identifier = is_subscribe ? peer_send_subscribe(actor->peer, text, (uint8_t)qos, 0)
                                    : peer_send_unsubscribe(actor->peer, text);
    actor->asked[actor->asked_count++] = asked;
    actor_sent(actor, type);
}

void reader_take_answer(struct actor *actor, const struct gmq_packet *packet, uint8_t reason)
{
    uint32_t i = 0;
    while (i < actor->asked_count && actor->asked[i].identifier != packet->identifier)
        i++;
    demand(i < actor->asked_count, "%s got %s of %u, which it had not asked", actor->name,
           packet_type_name(packet->type), packet->identifier);
    struct asked asked = actor->asked[i];
    memmove(&actor->asked[i], &actor->asked[i + 1], (--actor->asked_count - i) * sizeof asked);
    demand((packet->type == GMQ_SUBACK) == (asked.qos != NOT_GRANTED), "%s got the wrong answer", actor->name);
    demand(asked.qos == NOT_GRANTED || reason == (uint8_t)asked.qos, "%s was granted 0x%02X for %d", actor->name,
           reason, asked.qos);
    for (uint32_t later = i; later < actor->asked_count; later++) {
        if (actor->asked[later].filter == asked.filter)
            return; /* that one's answer will say how it is */
    }
    oracle_grant(actor->oracle, actor->number, asked.filter, asked.qos);
    if (asked.qos != NOT_GRANTED && actor->number < ORACLE_SINGLE)
        oracle_read_granted(actor->oracle, actor->number, asked.filter);
}

void reader_lose_connection(struct actor *actor)
{
    if (actor->is_subscriber && actor->number < ORACLE_SINGLE && actor->asked_count > 0)
        oracle_read_interrupted(actor->oracle, actor->number);
    actor->asked_count = 0;
    actor->held_count = 0;
    actor->in_flight_count = 0;
    memset(actor->in_flight, 0, sizeof actor->in_flight);
    memset(actor->aliases, 0, sizeof actor->aliases);
}

void reader_lose_session(struct actor *actor)
{
    memset(actor->unreleased, 0, sizeof actor->unreleased);
    if (actor->is_subscriber)
        oracle_forget(actor->oracle, actor->number, actor->session_since);
}

/* ---- acknowledgements ---- */

static void ack_send(struct actor *actor, struct held_ack ack)
{
    if (!actor_may_send(actor, ack.type))
        return;
    actor_trace(actor, "sends %s of %u", packet_type_name(ack.type), ack.identifier);
    if (ack.type != GMQ_PUBREC && actor->in_flight[ack.identifier] != 0) {
        actor->in_flight[ack.identifier] = 0;
        actor->in_flight_count--;
    }
    peer_send_ack(actor->peer, ack.type, ack.identifier, GMQ_REASON_SUCCESS);
    actor_sent(actor, ack.type);
}

void actor_acknowledge(struct actor *actor, uint32_t most)
{
    for (uint32_t i = 0; i < most && actor->held_count > 0; i++) {
        struct held_ack ack = actor->held[0];
        memmove(&actor->held[0], &actor->held[1], --actor->held_count * sizeof ack);
        ack_send(actor, ack);
    }
}

static void acknowledge(struct actor *actor, gmq_packet_type type, uint16_t identifier)
{
    struct held_ack ack = {type, identifier};
    if (!actor->is_holding && actor->held_count == 0) {
        ack_send(actor, ack);
        return;
    }
    demand(actor->held_count < ACTOR_HELD_MAX, "too many acknowledgements wait");
    actor->held[actor->held_count++] = ack; /* in the order of what they are for [MQTT-4.6.0-2] */
}

/* ---- messages ---- */

/* The topic as the client knows it, by its name or its alias. */
static gmq_view topic_of(struct actor *actor, const struct gmq_publish *packet)
{
    uint32_t alias = properties_number(&packet->packet.properties, PROPERTY_TOPIC_ALIAS, 0);
    demand(alias < ACTOR_ALIASES_MAX, "%s got topic alias %u", actor->name, alias);
    if (alias == 0)
        return packet->topic;
    char *known = actor->aliases[alias];
    if (packet->topic.length > 0)
        snprintf(known, sizeof actor->aliases[alias], "%.*s", (int)packet->topic.length, packet->topic.data);
    demand(known[0] != '\0', "%s got topic alias %u, which stands for nothing", actor->name, alias);
    return gmq_view_of(known);
}

static void check_window(struct actor *actor, uint16_t identifier)
{
    if (actor->in_flight[identifier] != 0)
        return;
    actor->in_flight[identifier] = 1;
    actor->in_flight_count++;
    demand(actor->in_flight_count <= actor->receive_maximum, "%s got more than its receive maximum of %u", actor->name,
           actor->receive_maximum);
}

static void tell_oracle(struct actor *actor, const struct gmq_publish *packet)
{
    gmq_view topic = topic_of(actor, packet);
    demand(topic.length == 3 && memcmp(topic.data, "t/", 2) == 0, "%s got a message of an unknown topic", actor->name);
    if (packet->payload.length == 0) {
        demand(!packet->is_retained, "%s got an empty message as a retained one", actor->name);
        return; /* it can't say which it is */
    }
    uint32_t number = (uint32_t)strtoul(packet->payload.data, NULL, 10);
    uint8_t reader = oracle_reader_of(actor->number);
    const char *complaint = packet->is_retained ? oracle_receive_retained(actor->oracle, reader, number, packet->qos)
                                                : oracle_receive(actor->oracle, reader, number, packet->qos);
    demand(complaint == NULL, "%s: %s", actor->name, complaint);
    demand(actor->oracle->messages[number].topic == topic.data[2] - '0', "%s got message %u with topic %.*s",
           actor->name, number, (int)topic.length, topic.data);
}

void reader_take_message(struct actor *actor, const struct gmq_publish *packet)
{
    uint16_t identifier = packet->packet.identifier;
    demand(identifier < ACTOR_IDENTIFIERS, "too many packet identifiers");
    demand(actor->is_subscriber, "%s got a message", actor->name);
    bool is_known = packet->qos == 2 && actor->unreleased[identifier] != 0;
    demand(!is_known || packet->is_duplicate, "%s got %u anew before it had released it", actor->name, identifier);
    if (is_known)
        (void)topic_of(actor, packet);
    else
        tell_oracle(actor, packet);
    if (packet->qos == 0)
        return;
    check_window(actor, identifier);
    if (packet->qos == 2)
        actor->unreleased[identifier] = 1;
    acknowledge(actor, packet->qos == 1 ? GMQ_PUBACK : GMQ_PUBREC, identifier);
}

void reader_take_release(struct actor *actor, uint16_t identifier)
{
    demand(identifier < ACTOR_IDENTIFIERS, "too many packet identifiers");
    actor->unreleased[identifier] = 0;
    acknowledge(actor, GMQ_PUBCOMP, identifier);
}
