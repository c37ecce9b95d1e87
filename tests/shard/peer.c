/* A client as a test drives it: what it sends. */
#include "shard/peer.h"

#include "mqtt/encode.h"
#include "mqtt/properties.h"
#include "shard/demand.h"

#include <string.h>

static struct peer *peer_new(struct shards *shards)
{
    struct peer *peer = calloc(1, sizeof *peer);
    demand(peer != NULL, "no memory");
    peer->shards = shards;
    peer->version = GMQ_VERSION_5_0;
    peer->budget = SIZE_MAX;
    list_append(&shards->peers, &peer->link);
    return peer;
}

struct peer *peer_open(struct shards *shards)
{
    struct peer *peer = peer_new(shards);
    link_open(shards, shards->next_worker++ % shards->count, peer);
    return peer;
}

void peer_send_bytes(struct peer *peer, const void *bytes, size_t length)
{
    demand(peer->connection != NULL, "the broker has closed the connection");
    link_write(peer->connection, bytes, length);
    if (!peer->is_held)
        shards_settle(peer->shards);
}

void peer_send_packet(struct peer *peer, struct gmq_packet *packet)
{
    struct buffer *out = &peer->shards->encoded;
    buffer_clear(out);
    packet->version = peer->version;
    enum mqtt_error error = packet_encode_from_client(packet, SHARDS_ENCODED_MAX, out);
    demand(error == MQTT_OK, "%s can't be sent: %s", packet_type_name(packet->type), mqtt_error_text(error));
    peer_send_bytes(peer, out->bytes, out->length);
}

static void say_number(struct properties *properties, enum property_index index, uint32_t number)
{
    properties->present |= PROPERTY_BIT(index);
    properties->value[index].number = number;
}

static void say_unless_zero(struct properties *properties, enum property_index index, uint32_t number)
{
    if (number != 0)
        say_number(properties, index, number);
}

static gmq_view letter_payload(const struct letter *letter)
{
    return letter->length > 0 ? gmq_view_make(letter->payload, letter->length) : gmq_view_of(letter->payload);
}

static void letter_to_packet(const struct letter *letter, uint8_t version, struct gmq_publish *packet)
{
    packet_init(&packet->packet, GMQ_PUBLISH, version);
    packet->topic = gmq_view_of(letter->topic);
    packet->payload = letter_payload(letter);
    packet->qos = letter->qos;
    packet->is_retained = letter->is_retained;
    packet->is_duplicate = letter->is_duplicate;
    struct properties *properties = &packet->packet.properties;
    if (letter->has_expiry || letter->expiry != 0)
        say_number(properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, letter->expiry);
    say_unless_zero(properties, PROPERTY_WILL_DELAY_INTERVAL, letter->delay);
    say_unless_zero(properties, PROPERTY_TOPIC_ALIAS, letter->alias);
}

static void hello_say_properties(const struct hello *hello, struct properties *properties)
{
    say_unless_zero(properties, PROPERTY_SESSION_EXPIRY_INTERVAL, hello->expiry);
    say_unless_zero(properties, PROPERTY_RECEIVE_MAXIMUM, hello->receive_maximum);
    say_unless_zero(properties, PROPERTY_TOPIC_ALIAS_MAXIMUM, hello->alias_maximum);
    say_unless_zero(properties, PROPERTY_MAXIMUM_PACKET_SIZE, hello->maximum_packet_size);
    if (hello->method == NULL)
        return;
    properties->present |= PROPERTY_BIT(PROPERTY_AUTHENTICATION_METHOD);
    properties->value[PROPERTY_AUTHENTICATION_METHOD].text = gmq_view_of(hello->method);
}

void peer_send_connect(struct peer *peer, const struct hello *hello)
{
    peer->version = hello->version != 0 ? hello->version : GMQ_VERSION_5_0;
    struct gmq_connect packet;
    packet_init(&packet.packet, GMQ_CONNECT, peer->version);
    packet.protocol_name = peer->version == GMQ_VERSION_3_1 ? GMQ_VIEW("MQIsdp") : GMQ_VIEW("MQTT");
    packet.client_identifier = gmq_view_of(hello->identifier);
    packet.is_clean_start = hello->is_clean;
    packet.keep_alive = hello->keep_alive;
    packet.has_user_name = hello->user != NULL;
    packet.user_name = gmq_view_of(hello->user);
    hello_say_properties(hello, &packet.packet.properties);
    packet.has_will = hello->will.topic != NULL;
    if (packet.has_will)
        letter_to_packet(&hello->will, peer->version, &packet.will);
    peer_send_packet(peer, &packet.packet);
}

struct peer *peer_connect(struct shards *shards, const struct hello *hello)
{
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, hello);
    const union any_packet *answer = TAKE(peer, GMQ_CONNACK);
    demand(answer->packet.reason == GMQ_REASON_SUCCESS, "CONNECT of %s was refused: 0x%02X", hello->identifier,
           answer->packet.reason);
    peer->is_session_present = answer->connack.is_session_present;
    return peer;
}

static uint16_t peer_new_identifier(struct peer *peer)
{
    peer->next_identifier = peer->next_identifier == UINT16_MAX ? 1 : (uint16_t)(peer->next_identifier + 1);
    return peer->next_identifier;
}

uint16_t peer_send_publish(struct peer *peer, const struct letter *letter)
{
    struct gmq_publish packet;
    letter_to_packet(letter, peer->version, &packet);
    if (letter->qos > 0)
        packet.packet.identifier = letter->identifier != 0 ? letter->identifier : peer_new_identifier(peer);
    peer_send_packet(peer, &packet.packet);
    return packet.packet.identifier;
}

uint16_t peer_send_subscribe(struct peer *peer, const char *filter, uint8_t options, uint32_t identifier)
{
    struct subscribe_entry entry = {.topic_filter = gmq_view_of(filter), .options = options};
    struct gmq_subscribe packet;
    packet_init(&packet.packet, GMQ_SUBSCRIBE, peer->version);
    packet.packet.identifier = peer_new_identifier(peer);
    packet.entries = &entry;
    packet.count = 1;
    say_unless_zero(&packet.packet.properties, PROPERTY_SUBSCRIPTION_IDENTIFIER, identifier);
    peer_send_packet(peer, &packet.packet);
    return packet.packet.identifier;
}

uint16_t peer_send_unsubscribe(struct peer *peer, const char *filter)
{
    gmq_view view = gmq_view_of(filter);
    struct gmq_unsubscribe packet;
    packet_init(&packet.packet, GMQ_UNSUBSCRIBE, peer->version);
    packet.packet.identifier = peer_new_identifier(peer);
    packet.topic_filters = &view;
    packet.count = 1;
    peer_send_packet(peer, &packet.packet);
    return packet.packet.identifier;
}

void peer_send_ack(struct peer *peer, gmq_packet_type type, uint16_t identifier, gmq_reason reason)
{
    union any_packet packet;
    packet_init(&packet.packet, type, peer->version);
    packet.packet.identifier = identifier;
    packet.packet.reason = (uint8_t)reason;
    peer_send_packet(peer, &packet.packet);
}

void peer_send_ping(struct peer *peer)
{
    union any_packet packet;
    packet_init(&packet.packet, GMQ_PINGREQ, peer->version);
    peer_send_packet(peer, &packet.packet);
}

void peer_send_disconnect(struct peer *peer, gmq_reason reason)
{
    union any_packet packet;
    packet_init(&packet.packet, GMQ_DISCONNECT, peer->version);
    packet.packet.reason = (uint8_t)reason;
    peer_send_packet(peer, &packet.packet);
}

void peer_send_disconnect_after(struct peer *peer, uint32_t expiry)
{
    union any_packet packet;
    packet_init(&packet.packet, GMQ_DISCONNECT, peer->version);
    say_number(&packet.packet.properties, PROPERTY_SESSION_EXPIRY_INTERVAL, expiry);
    peer_send_packet(peer, &packet.packet);
}

void peer_break(struct peer *peer)
{
    if (peer->connection == NULL)
        return;
    link_close(peer->connection);
    if (!peer->is_held)
        shards_settle(peer->shards);
}

void peer_leave(struct peer *peer)
{
    peer_send_disconnect(peer, GMQ_REASON_NORMAL_DISCONNECTION);
    demand(peer->connection == NULL, "the broker did not close after DISCONNECT");
}
