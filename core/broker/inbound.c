/* Packets from a connected client: what must hold for the connection's state, before the route gets them.
 *
 * One row per packet type. PUBLISH, the hot path, is decoded without the table of decoders. */
#include "broker/inbound.h"

#include "broker/alias.h"
#include "broker/outbound.h"
#include "broker/session.h"
#include "broker/topic_limits.h"
#include "broker/verdict.h"
#include "mqtt/decode.h"

/* False: the packet is settled already, or the client is closing. */
typedef bool inbound_check(struct gmq_client *client, union any_packet *packet);

static void inbound_break(struct gmq_client *client, enum mqtt_error error)
{
    client_close(client, mqtt_error_reason(error), mqtt_error_text(error));
}

/* Messages that await their PUBREL fill the window; one of QoS 1 is through with its PUBACK, but as it comes it counts,
 * too (5.0, 3.3.4). Older clients were never told of a maximum. */
static bool inbound_has_room(struct gmq_client *client)
{
    const struct session *session = client->session;
    if (client->version != GMQ_VERSION_5_0 || session == NULL ||
        session->incoming.count < client->receive_maximum_promised)
        return true;
    client_close(client, GMQ_REASON_RECEIVE_MAXIMUM_EXCEEDED, "more unacknowledged messages than the receive maximum");
    return false;
}

/* A QoS 2 message whose identifier is known was delivered before: only its PUBREC is repeated [MQTT-4.3.3-10]. */
static bool inbound_check_qos_2(struct gmq_client *client, const struct gmq_publish *packet)
{
    struct session *session = client->session;
    if (session == NULL)
        return true;
    if (id_set_has(&session->incoming, packet->packet.identifier)) {
        outbound_ack(client, GMQ_PUBREC, packet->packet.identifier, GMQ_REASON_SUCCESS);
        return false;
    }
    if (!inbound_has_room(client))
        return false;
    if (!id_set_add(&session->incoming, packet->packet.identifier)) {
        client_close(client, GMQ_REASON_SERVER_BUSY, "out of memory");
        return false;
    }
    client->unsettled = packet->packet.identifier;
    return true;
}

static void inbound_refuse_topic(struct gmq_client *client, const struct gmq_publish *packet, const char *limit)
{
    client_log_limit(client, GMQ_PUBLISH, limit);
    if (packet->qos > 0)
        outbound_ack(client, packet->qos == 1 ? GMQ_PUBACK : GMQ_PUBREC, packet->packet.identifier,
                     GMQ_REASON_TOPIC_NAME_INVALID);
}

static bool inbound_check_publish(struct gmq_client *client, union any_packet *packet)
{
    struct gmq_publish *publish = &packet->publish;
    enum mqtt_error error = alias_resolve(client, publish);
    if (error != MQTT_OK) {
        inbound_break(client, error);
        return false;
    }
    const char *limit = topic_limit_passed(shard_limits(client->shard), publish->topic);
    if (limit != NULL) {
        inbound_refuse_topic(client, publish, limit);
        return false;
    }
    if (publish->qos == 1)
        return inbound_has_room(client);
    return publish->qos == 0 || inbound_check_qos_2(client, publish);
}

/* Re-authentication, and the steps of an authentication, only for who began with one (5.0, 4.12), with the same method.
 */
static bool inbound_check_auth(struct gmq_client *client, union any_packet *packet)
{
    const struct properties *properties = &packet->packet.properties;
    bool is_same =
        (properties->present & PROPERTY_BIT(PROPERTY_AUTHENTICATION_METHOD)) != 0 && client->has_authentication &&
        gmq_view_equals(properties->value[PROPERTY_AUTHENTICATION_METHOD].text, client->authentication_method);
    bool is_connecting = client->state == CLIENT_CONNECTING;
    bool is_right_step =
        packet->packet.reason == (is_connecting ? GMQ_REASON_CONTINUE_AUTHENTICATION : packet->packet.reason) &&
        packet->packet.reason != GMQ_REASON_SUCCESS;
    if (is_same && is_right_step)
        return true;
    client_close(client, GMQ_REASON_PROTOCOL_ERROR, "AUTH without, or with another, authentication method");
    return false;
}

static inbound_check *const inbound_checks[CONFIG_PACKET_TYPES] = {
    [GMQ_PUBLISH] = inbound_check_publish,
    [GMQ_AUTH] = inbound_check_auth,
};

/* Until CONNACK only an authentication's packets may come; a client that sends on without waiting (3.1.1, 3.1.4) is
 * held up by net/ meanwhile, or here, if it named an authentication method [MQTT-3.1.2-30]. */
static bool inbound_is_timely(const struct gmq_client *client, uint8_t type)
{
    return client->state == CLIENT_CONNECTED || type == GMQ_AUTH || type == GMQ_DISCONNECT;
}

static enum mqtt_error inbound_decode(struct gmq_client *client, const struct frame *frame, union any_packet *packet)
{
    if (frame->type == GMQ_PUBLISH)
        return publish_decode(frame, client->version, &packet->publish);
    if (frame->type == GMQ_CONNECT) /* whatever it says [MQTT-3.1.0-2] */
        return MQTT_ERROR_SECOND_CONNECT;
    return packet_decode(frame, client->version, &client->shard->arena, packet);
}

enum client_outcome inbound_receive(struct gmq_client *client, const struct frame *frame)
{
    struct shard *shard = client->shard;
    union any_packet packet;
    struct gmq_call call;
    shard_call_begin(shard, &call, client);
    bool is_waiting = false;
    enum mqtt_error error = inbound_decode(client, frame, &packet);
    inbound_check *check = inbound_checks[frame->type];
    if (error != MQTT_OK) {
        inbound_break(client, error);
    } else if (!inbound_is_timely(client, frame->type)) {
        client_close(client, GMQ_REASON_PROTOCOL_ERROR, "a packet before CONNACK");
    } else if (check == NULL || check(client, &packet)) {
        call.route = &call.generation->incoming[frame->type];
        call.packet = &packet.packet;
        is_waiting = verdict_run(&call);
    }
    shard_call_end(shard);
    if (client->state == CLIENT_CLOSING)
        return CLIENT_ENDED;
    return is_waiting ? CLIENT_PAUSED : CLIENT_GOES_ON;
}
