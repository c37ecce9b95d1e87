/* Packets that the broker sends. */
#include "broker/outbound.h"

#include "broker/delivery.h"
#include "broker/flow.h"
#include "mqtt/encode.h"
#include "mqtt/properties.h"

void outbound_set_text(struct gmq_packet *packet, const char *text)
{
    if (text == NULL)
        return;
    packet->properties.present |= PROPERTY_BIT(PROPERTY_REASON_STRING);
    packet->properties.value[PROPERTY_REASON_STRING].text = gmq_view_of(text);
}

uint8_t outbound_reason(gmq_packet_type type, gmq_reason reason)
{
    bool is_ours = mqtt_reason_is_allowed(type, reason) && !mqtt_reason_is_of_client(reason);
    return (uint8_t)(is_ours ? reason : GMQ_REASON_UNSPECIFIED_ERROR);
}

/* Only what a CONNACK or DISCONNECT says may go to a client that does not want explanations (5.0, 3.1.2.11.7). */
static void outbound_hold_back_problem(const struct gmq_client *client, struct gmq_packet *packet)
{
    bool may_explain = client->wants_problem_information || packet->type == GMQ_CONNACK ||
                       packet->type == GMQ_DISCONNECT || packet->type == GMQ_PUBLISH;
    if (may_explain)
        return;
    properties_remove(&packet->properties, GMQ_PROPERTY_REASON_STRING);
    properties_remove(&packet->properties, GMQ_PROPERTY_USER_PROPERTY);
}

/* The method of CONNECT stands in every AUTH and in the CONNACK that lets in [MQTT-4.12.0-5]; where there was none,
 * none does [MQTT-4.12.0-6]. */
static void outbound_settle_method(const struct gmq_client *client, struct gmq_packet *packet)
{
    bool is_let_in = packet->type == GMQ_CONNACK && packet->reason == GMQ_REASON_SUCCESS;
    struct properties *properties = &packet->properties;
    if (client->has_authentication && (packet->type == GMQ_AUTH || is_let_in)) {
        properties->present |= PROPERTY_BIT(PROPERTY_AUTHENTICATION_METHOD);
        properties->value[PROPERTY_AUTHENTICATION_METHOD].text = gmq_view_of(client->authentication_method);
    } else if (!client->has_authentication && packet->type == GMQ_CONNACK) {
        properties_remove(properties, GMQ_PROPERTY_AUTHENTICATION_METHOD);
        properties_remove(properties, GMQ_PROPERTY_AUTHENTICATION_DATA);
    }
}

bool outbound_route(struct gmq_client *client, struct gmq_packet *packet, struct arena *arena)
{
    struct shard *shard = client->shard;
    struct gmq_call call;
    shard_call_begin(shard, &call, client);
    call.arena = arena;
    call.route = &shard->generation->outgoing[packet->type];
    call.direction = GMQ_OUTGOING;
    call.packet = packet;
    struct route_facts facts = {.listener = client->listener_index, .version = client->version};
    gmq_verdict verdict = route_run(&call, &facts);
    if (verdict == GMQ_CLOSE)
        client_close(client, call.reason, call.text);
    shard_call_end(shard);
    /* An outgoing packet can't wait: gmq_defer told the handler so. */
    return verdict == GMQ_NEXT || verdict == GMQ_DEFER;
}

gmq_status outbound_append(struct gmq_client *client, const struct gmq_packet *packet)
{
    struct shard *shard = client->shard;
    buffer_clear(&shard->scratch);
    enum mqtt_error error = packet_encode(packet, client->maximum_packet_size, &shard->scratch);
    if (error == MQTT_ERROR_PACKET_TOO_LARGE)
        return GMQ_ERROR_LIMIT;
    if (error == MQTT_ERROR_PACKET_TYPE || error == MQTT_ERROR_REASON_CODE)
        return GMQ_ERROR_UNSUPPORTED;
    if (error != MQTT_OK)
        return GMQ_ERROR_MEMORY;
    if (client->output.pending + shard->scratch.length > shard_limits(shard)->outgoing_bytes) {
        client_close(client, GMQ_REASON_QUOTA_EXCEEDED, "limits.outgoing_bytes is reached");
        return GMQ_ERROR_LIMIT;
    }
    if (!output_append(&client->output, &shard->outputs, shard->scratch.bytes, shard->scratch.length))
        return GMQ_ERROR_MEMORY;
    client_attention(client);
    return GMQ_OK;
}

/* What may be sent in which state (5.0, 3.2 and 4.12). */
static bool outbound_is_timely(const struct gmq_client *client, const struct gmq_packet *packet)
{
    if (client->state == CLIENT_CLOSING || client->state == CLIENT_NEW)
        return false;
    if (packet->type == GMQ_CONNACK)
        return client->state == CLIENT_CONNECTING && !client->is_connack_sent;
    if (packet->type == GMQ_AUTH)
        return client->has_authentication;
    return client->state == CLIENT_CONNECTED;
}

static gmq_status outbound_publish(struct gmq_client *client, struct gmq_publish *packet)
{
    struct publication publication;
    uint64_t publisher = 0;
    publication_init(&publication, packet, publisher, client->shard->now_ns);
    struct delivery_order order = {.qos = packet->qos, .is_retained = packet->is_retained};
    gmq_status status = GMQ_OK;
    if (client->session != NULL) {
        delivery_to_session(client->session, &publication, &order);
    } else if (packet->qos > 0) {
        status = GMQ_ERROR_STATE;
    } else {
        struct delivery_flags flags = {.is_retained = packet->is_retained};
        if (delivery_send(client, &publication, &flags) == DELIVERY_NO_MEMORY)
            status = GMQ_ERROR_MEMORY;
    }
    publication_deinit(&publication);
    return status;
}

static gmq_status outbound_append_and_follow(struct gmq_client *client, struct gmq_packet *packet)
{
    if (packet->type == GMQ_DISCONNECT && packet->version != GMQ_VERSION_5_0) {
        client_close(client, 0, NULL); /* a broker's DISCONNECT came with 5.0 */
        return GMQ_OK;
    }
    outbound_hold_back_problem(client, packet);
    outbound_settle_method(client, packet);
    gmq_status status = outbound_append(client, packet);
    if (status != GMQ_OK)
        return status;
    if (packet->type == GMQ_CONNACK && packet->reason < GMQ_REASON_UNSPECIFIED_ERROR)
        client_connected(client);
    else if (packet->type == GMQ_CONNACK || packet->type == GMQ_DISCONNECT)
        client_close(client, 0, NULL);
    return GMQ_OK;
}

gmq_status outbound_send(struct gmq_client *client, struct gmq_packet *packet, struct arena *arena)
{
    if (!packet_type_is_outgoing(packet->type))
        return GMQ_ERROR_UNSUPPORTED;
    if (!outbound_is_timely(client, packet))
        return GMQ_ERROR_STATE;
    packet->version = client->version;
    if (packet->type == GMQ_PUBREC)
        flow_settle(client, packet->identifier);
    if (packet->type == GMQ_PUBLISH)
        return outbound_publish(client, (struct gmq_publish *)(void *)packet);
    if (outbound_has_route(client, packet->type) && !outbound_route(client, packet, arena))
        return GMQ_OK;
    return outbound_append_and_follow(client, packet);
}

gmq_status outbound_ack(struct gmq_client *client, gmq_packet_type type, uint16_t packet_identifier, gmq_reason reason)
{
    struct shard *shard = client->shard;
    if (outbound_has_route(client, type)) {
        union any_packet ack;
        packet_init(&ack.packet, type, client->version);
        ack.packet.identifier = packet_identifier;
        ack.packet.reason = (uint8_t)reason;
        return outbound_send(client, &ack.packet, &shard->arena);
    }
    if (client->state != CLIENT_CONNECTED)
        return GMQ_ERROR_STATE;
    if (client->output.pending > shard_limits(shard)->outgoing_bytes) {
        client_close(client, GMQ_REASON_QUOTA_EXCEEDED, "limits.outgoing_bytes is reached");
        return GMQ_ERROR_LIMIT;
    }
    uint8_t *bytes = output_reserve(&client->output, &shard->outputs, ENCODE_ACK_SIZE);
    if (bytes == NULL) {
        client_close(client, GMQ_REASON_SERVER_BUSY, "out of memory");
        return GMQ_ERROR_MEMORY;
    }
    output_commit(&client->output, encode_ack(bytes, type, client->version, packet_identifier, (uint8_t)reason));
    client_attention(client);
    return GMQ_OK;
}

void outbound_refuse_connect(struct gmq_client *client, gmq_reason reason, const char *text)
{
    union any_packet packet;
    packet_init(&packet.packet, GMQ_CONNACK, client->version);
    packet.packet.reason = outbound_reason(GMQ_CONNACK, reason);
    packet.connack.is_session_present = false;
    outbound_set_text(&packet.packet, text);
    if (outbound_send(client, &packet.packet, &client->shard->arena) != GMQ_OK)
        client_close(client, 0, text);
}
