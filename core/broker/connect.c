/* CONNECT: checked, settled against the limits, routed; and the session and CONNACK that a handler then asks for. */
#include "broker/connect.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "broker/outbound.h"
#include "broker/topic_limits.h"
#include "broker/verdict.h"
#include "broker/will.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/properties.h"

#include <stdio.h>
#include <string.h>

enum { IDENTIFIER_SIZE = 32, KEEP_ALIVE_UNLIMITED = 65535 };

static uint32_t connect_smaller(uint32_t left, uint64_t right)
{
    return left < right ? left : (uint32_t)right;
}

/* A CONNECT that can't be taken. An unknown protocol gets no answer below 5.0, as nothing is known of who asks; a 5.0
 * client gets CONNACK with the reason (5.0, 4.13), an older one a return code where there is one that fits. */
static enum client_outcome connect_broken(struct gmq_client *client, enum mqtt_error error, uint8_t version)
{
    char subject[160];
    log_write(GMQ_LOG_INFO, client_log_subject(client, subject, sizeof subject), "CONNECT refused: %s",
              mqtt_error_text(error));
    bool is_answered = version >= GMQ_VERSION_5_0 || mqtt_error_return_code(error) != 0;
    if (is_answered && error != MQTT_ERROR_PROTOCOL_NAME) {
        client->version = version >= GMQ_VERSION_5_0 ? GMQ_VERSION_5_0 : GMQ_VERSION_3_1_1;
        client->state = CLIENT_CONNECTING;
        outbound_refuse_connect(client, mqtt_error_reason(error), NULL);
    }
    client_close(client, 0, mqtt_error_text(error));
    return CLIENT_ENDED;
}

/* An identifier that no session has, and that belongs to this worker, so that no hand-over is needed. */
static bool connect_assign_identifier(struct gmq_client *client, struct gmq_connect *packet)
{
    struct shard *shard = client->shard;
    char text[IDENTIFIER_SIZE];
    gmq_view identifier;
    do {
        uint64_t random;
        random_bytes(&random, sizeof random);
        int length = snprintf(text, sizeof text, "gmq-%016llx", (unsigned long long)random);
        identifier = gmq_view_make(text, (size_t)length);
    } while (broker_worker_of(shard->broker, identifier) != shard->index || session_find(shard, identifier) != NULL);
    char *copy = arena_copy(&shard->arena, text, identifier.length);
    if (copy == NULL)
        return false;
    packet->client_identifier = gmq_view_make(copy, identifier.length);
    packet->is_identifier_assigned = true;
    return true;
}

static uint16_t connect_keep_alive(const struct config_limits *limits, uint16_t asked)
{
    uint64_t keep_alive = asked;
    if (keep_alive == 0)
        return limits->keep_alive_max_seconds == KEEP_ALIVE_UNLIMITED ? 0 : (uint16_t)limits->keep_alive_max_seconds;
    if (keep_alive < limits->keep_alive_min_seconds)
        keep_alive = limits->keep_alive_min_seconds;
    return (uint16_t)connect_smaller((uint32_t)keep_alive, limits->keep_alive_max_seconds);
}

/* What holds for this connection from now on. */
static void connect_settle(struct gmq_client *client, const struct gmq_connect *packet)
{
    const struct config_limits *limits = shard_limits(client->shard);
    const struct properties *properties = &packet->packet.properties;
    client->version = packet->packet.version;
    client->keep_alive = connect_keep_alive(limits, packet->keep_alive);
    client->receive_maximum = (uint16_t)properties_number(properties, PROPERTY_RECEIVE_MAXIMUM, UINT16_MAX);
    client->maximum_packet_size = properties_number(properties, PROPERTY_MAXIMUM_PACKET_SIZE, UINT32_MAX);
    client->wants_problem_information = properties_number(properties, PROPERTY_REQUEST_PROBLEM_INFORMATION, 1) != 0;
    uint32_t aliases = properties_number(properties, PROPERTY_TOPIC_ALIAS_MAXIMUM, 0);
    client->topic_alias_maximum_out = (uint16_t)connect_smaller(aliases, limits->topic_aliases_outgoing);
    client->topic_alias_maximum_in = client->version == GMQ_VERSION_5_0 ? (uint16_t)limits->topic_aliases_incoming : 0;
    if (client->version == GMQ_VERSION_5_0)
        client->packet_size_promised = (uint32_t)limits->packet_size_bytes;
    client->receive_maximum_promised = (uint16_t)limits->receive_maximum;
    client->has_authentication = properties_has(properties, PROPERTY_AUTHENTICATION_METHOD);
    client->is_identifier_assigned = packet->is_identifier_assigned;
}

/* The names outlive the packet. */
static bool connect_keep_names(struct gmq_client *client, const struct gmq_connect *packet)
{
    client->identifier = client_identifier_new(&client->shard->session_pool->names, packet->client_identifier);
    if (client->identifier == NULL)
        return false;
    if (packet->has_user_name) {
        client->user_name = mem_copy_text(packet->user_name.data, packet->user_name.length);
        if (client->user_name == NULL)
            return false;
        client->user_name_length = (uint16_t)packet->user_name.length;
    }
    if (!client->has_authentication)
        return true;
    gmq_view method = packet->packet.properties.value[PROPERTY_AUTHENTICATION_METHOD].text;
    client->authentication_method = mem_copy_text(method.data, method.length);
    return client->authentication_method != NULL;
}

static enum client_outcome connect_route(struct gmq_client *client, struct gmq_connect *packet, struct gmq_call *call)
{
    connect_settle(client, packet);
    client->state = CLIENT_CONNECTING;
    if (!connect_keep_names(client, packet)) {
        outbound_refuse_connect(client, GMQ_REASON_SERVER_BUSY, NULL);
        return CLIENT_ENDED;
    }
    const char *limit = packet->has_will ? topic_limit_passed(shard_limits(client->shard), packet->will.topic) : NULL;
    if (limit != NULL) {
        client_log_limit(client, GMQ_CONNECT, limit);
        outbound_refuse_connect(client, GMQ_REASON_TOPIC_NAME_INVALID,
                                "the will topic is longer than this broker allows");
        return CLIENT_ENDED;
    }
    call->route = &call->generation->incoming[GMQ_CONNECT];
    call->packet = &packet->packet;
    bool is_waiting = verdict_run(call);
    if (client->state == CLIENT_CLOSING)
        return CLIENT_ENDED;
    return is_waiting ? CLIENT_PAUSED : CLIENT_GOES_ON;
}

enum client_outcome connect_receive(struct gmq_client *client, const struct frame *frame, uint32_t *worker)
{
    struct shard *shard = client->shard;
    if (frame->type != GMQ_CONNECT) {
        client_close(client, 0, "the first packet is not CONNECT"); /* [MQTT-3.1.0-1] */
        return CLIENT_ENDED;
    }
    struct gmq_call call;
    shard_call_begin(shard, &call, client);
    union any_packet packet;
    enum client_outcome outcome;
    enum mqtt_error error = packet_decode(frame, 0, &shard->arena, &packet);
    if (error == MQTT_OK && packet.connect.client_identifier.length == 0 &&
        !connect_assign_identifier(client, &packet.connect))
        error = MQTT_ERROR_MEMORY;
    if (error != MQTT_OK) {
        outcome = connect_broken(client, error, packet.packet.version);
    } else {
        *worker = broker_worker_of(shard->broker, packet.connect.client_identifier);
        outcome = *worker != shard->index ? CLIENT_HAND_OVER : connect_route(client, &packet.connect, &call);
    }
    shard_call_end(shard);
    return outcome;
}

/* Sessions of 3.1 and 3.1.1 are for this connection only, or for as long as the limit says. */
static uint32_t connect_expiry(const struct gmq_client *client, const struct gmq_connect *packet)
{
    uint64_t limit = shard_limits(client->shard)->session_expiry_seconds;
    if (packet->packet.version == GMQ_VERSION_5_0)
        return connect_smaller(properties_number(&packet->packet.properties, PROPERTY_SESSION_EXPIRY_INTERVAL, 0),
                               limit);
    return packet->is_clean_start ? 0 : (uint32_t)limit;
}

gmq_status connect_open_session(struct gmq_client *client, struct gmq_connect *packet, bool *is_present)
{
    if (client->session != NULL || client->state != CLIENT_CONNECTING)
        return GMQ_ERROR_STATE;
    struct shard *shard = client->shard;
    struct session_request request = {
        .is_clean_start = packet->is_clean_start,
        .expiry_interval = connect_expiry(client, packet),
    };
    if (packet->has_will) {
        request.will = will_new(&packet->will, 0);
        if (request.will == NULL)
            return GMQ_ERROR_MEMORY;
    }
    gmq_status status = session_open(shard, client, &request, is_present);
    if (status != GMQ_OK)
        will_free(request.will);
    if (status == GMQ_ERROR_LIMIT)
        client_log_limit(client, GMQ_CONNECT, "limits.sessions");
    return status;
}

static void connect_say_number(struct gmq_connack *connack, enum property_index index, uint32_t value)
{
    connack->packet.properties.present |= PROPERTY_BIT(index);
    connack->packet.properties.value[index].number = value;
}

void connect_acknowledge(const struct gmq_client *client, const struct gmq_connect *packet, struct gmq_connack *connack)
{
    if (client->version != GMQ_VERSION_5_0)
        return;
    if (client->receive_maximum_promised != UINT16_MAX)
        connect_say_number(connack, PROPERTY_RECEIVE_MAXIMUM, client->receive_maximum_promised);
    if (client->topic_alias_maximum_in > 0)
        connect_say_number(connack, PROPERTY_TOPIC_ALIAS_MAXIMUM, client->topic_alias_maximum_in);
    connect_say_number(connack, PROPERTY_MAXIMUM_PACKET_SIZE, client->packet_size_promised);
    if (client->keep_alive != packet->keep_alive)
        connect_say_number(connack, PROPERTY_SERVER_KEEP_ALIVE, client->keep_alive);
    uint32_t asked = properties_number(&packet->packet.properties, PROPERTY_SESSION_EXPIRY_INTERVAL, 0);
    if (client->session != NULL && client->session->expiry_interval != asked)
        connect_say_number(connack, PROPERTY_SESSION_EXPIRY_INTERVAL, client->session->expiry_interval);
    if (client->is_identifier_assigned) {
        connack->packet.properties.present |= PROPERTY_BIT(PROPERTY_ASSIGNED_CLIENT_IDENTIFIER);
        connack->packet.properties.value[PROPERTY_ASSIGNED_CLIENT_IDENTIFIER].text = client_identifier_view(client);
    }
}
