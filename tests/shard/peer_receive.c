/* A client as a test drives it: what it gets. */
#include "mqtt/decode.h"
#include "shard/demand.h"
#include "shard/peer.h"

#include <string.h>

struct got {
    struct got *next;
    size_t length;
    uint8_t bytes[]; /* and a zero, so that a payload can be read as text */
};

/* ---- from the link ---- */

static void peer_append(struct peer *peer, size_t length)
{
    struct got *got = malloc(sizeof *got + length + 1);
    demand(got != NULL, "no memory");
    got->next = NULL;
    got->length = length;
    memcpy(got->bytes, peer->partial, length);
    got->bytes[length] = 0;
    if (peer->last != NULL)
        peer->last->next = got;
    else
        peer->first = got;
    peer->last = got;
    peer->partial_length -= length;
    memmove(peer->partial, peer->partial + length, peer->partial_length);
}

static void peer_cut(struct peer *peer)
{
    struct frame frame;
    enum frame_status status;
    while ((status = frame_read(peer->partial, peer->partial_length, &frame)) == FRAME_COMPLETE)
        peer_append(peer, frame_size(&frame));
    demand(status != FRAME_MALFORMED, "the broker sent what is no packet");
}

size_t peer_receive(struct peer *peer, const uint8_t *bytes, size_t length)
{
    if (length > peer->budget)
        length = peer->budget;
    if (peer->budget != SIZE_MAX)
        peer->budget -= length;
    uint8_t *all = realloc(peer->partial, peer->partial_length + length + 1);
    demand(all != NULL, "no memory");
    memcpy(all + peer->partial_length, bytes, length);
    peer->partial = all;
    peer->partial_length += length;
    peer_cut(peer);
    return length;
}

/* What was not read any more is lost with the connection, but without need a broker never stops within a packet. */
void peer_closed(struct peer *peer)
{
    bool may_be_cut = peer->budget != SIZE_MAX || peer->shards->is_short_of_memory;
    demand(peer->partial_length == 0 || may_be_cut, "the broker closed in the middle of a packet");
    peer->partial_length = 0;
    peer->closed_ns = peer->shards->now_ns;
}

void peer_read_only(struct peer *peer, size_t bytes)
{
    peer->budget = bytes;
    if (peer->connection != NULL)
        link_attend(peer->connection);
    shards_settle(peer->shards);
}

static void got_free(struct got *got)
{
    while (got != NULL) {
        struct got *next = got->next;
        free(got);
        got = next;
    }
}

void peer_free(struct peer *peer)
{
    demand(peer->connection == NULL, "the connection is still there");
    got_free(peer->first);
    got_free(peer->taken);
    free(peer->partial);
    list_remove(&peer->link);
    free(peer);
}

/* ---- to the test ---- */

const union any_packet *peer_next(struct peer *peer)
{
    struct got *got = peer->first;
    if (got == NULL)
        return NULL;
    peer->first = got->next;
    if (peer->first == NULL)
        peer->last = NULL;
    got->next = peer->taken;
    peer->taken = got;
    struct frame frame;
    (void)frame_read(got->bytes, got->length, &frame);
    arena_reset(&peer->shards->decoded);
    enum mqtt_error error = packet_decode_from_broker(&frame, peer->version, &peer->shards->decoded, &peer->packet);
    demand(error == MQTT_OK, "the broker sent a broken %s: %s", packet_type_name(frame.type), mqtt_error_text(error));
    return &peer->packet;
}

const union any_packet *peer_take_at(struct peer *peer, gmq_packet_type type, const char *file, int line)
{
    const union any_packet *packet = peer_next(peer);
    demand_at(file, line, packet != NULL, "expected %s, got nothing", packet_type_name(type));
    demand_at(file, line, packet->packet.type == type, "expected %s, got %s (0x%02X)", packet_type_name(type),
              packet_type_name(packet->packet.type), packet->packet.reason);
    return packet;
}

gmq_reason peer_acknowledge_at(struct peer *peer, gmq_packet_type type, uint16_t identifier, const char *file, int line)
{
    const union any_packet *packet = peer_take_at(peer, type, file, line);
    demand_at(file, line, packet->packet.identifier == identifier, "expected %s of %u, got that of %u",
              packet_type_name(type), identifier, packet->packet.identifier);
    return packet->packet.reason;
}

/* PUBREL is taken out of what came, wherever it stands: other messages may come meanwhile. */
static void peer_drop_pubrel(struct peer *peer, const char *file, int line)
{
    struct got **at = &peer->first;
    struct got *before = NULL;
    while (*at != NULL && (*at)->bytes[0] >> 4 != GMQ_PUBREL) {
        before = *at;
        at = &(*at)->next;
    }
    demand_at(file, line, *at != NULL, "expected PUBREL");
    struct got *got = *at;
    *at = got->next;
    if (peer->last == got)
        peer->last = before;
    free(got);
}

const struct gmq_publish *peer_expect_at(struct peer *peer, const char *topic, const char *payload, const char *file,
                                         int line)
{
    const struct gmq_publish *packet = &peer_take_at(peer, GMQ_PUBLISH, file, line)->publish;
    demand_at(file, line, gmq_view_equals(packet->payload, payload), "expected \"%s\", got \"%.*s\"", payload,
              (int)packet->payload.length, packet->payload.data);
    demand_at(file, line, gmq_view_equals(packet->topic, topic), "expected topic %s, got %.*s", topic,
              (int)packet->topic.length, packet->topic.data);
    uint16_t identifier = packet->packet.identifier;
    if (packet->qos == 1)
        peer_send_ack(peer, GMQ_PUBACK, identifier, GMQ_REASON_SUCCESS);
    if (packet->qos != 2)
        return packet;
    peer_send_ack(peer, GMQ_PUBREC, identifier, GMQ_REASON_SUCCESS);
    peer_drop_pubrel(peer, file, line);
    peer_send_ack(peer, GMQ_PUBCOMP, identifier, GMQ_REASON_SUCCESS);
    return packet;
}

void peer_expect_silence_at(struct peer *peer, const char *file, int line)
{
    const union any_packet *packet = peer_next(peer);
    demand_at(file, line, packet == NULL, "expected nothing, got %s", packet_type_name(packet->packet.type));
}

void peer_expect_end_at(struct peer *peer, gmq_reason reason, const char *file, int line)
{
    demand_at(file, line, peer->connection == NULL, "expected the end of the connection");
    if (reason != 0 && peer->version == GMQ_VERSION_5_0) {
        const union any_packet *packet = peer_take_at(peer, GMQ_DISCONNECT, file, line);
        demand_at(file, line, packet->packet.reason == (uint8_t)reason, "expected DISCONNECT with 0x%02X, got 0x%02X",
                  (unsigned)reason, packet->packet.reason);
    }
    peer_expect_silence_at(peer, file, line);
}

/* ---- whole conversations ---- */

gmq_reason peer_subscribe_at(struct peer *peer, const char *filter, uint8_t options, uint32_t identifier,
                             const char *file, int line)
{
    uint16_t packet_identifier = peer_send_subscribe(peer, filter, options, identifier);
    const union any_packet *packet = peer_take_at(peer, GMQ_SUBACK, file, line);
    demand_at(file, line, packet->packet.identifier == packet_identifier, "SUBACK of another SUBSCRIBE");
    return packet->suback.reasons[0];
}

gmq_reason peer_unsubscribe_at(struct peer *peer, const char *filter, const char *file, int line)
{
    uint16_t packet_identifier = peer_send_unsubscribe(peer, filter);
    const union any_packet *packet = peer_take_at(peer, GMQ_UNSUBACK, file, line);
    demand_at(file, line, packet->packet.identifier == packet_identifier, "UNSUBACK of another UNSUBSCRIBE");
    return peer->version == GMQ_VERSION_5_0 ? (gmq_reason)packet->unsuback.reasons[0] : GMQ_REASON_SUCCESS;
}

gmq_reason peer_publish_at(struct peer *peer, const struct letter *letter, const char *file, int line)
{
    uint16_t identifier = peer_send_publish(peer, letter);
    if (letter->qos == 0)
        return GMQ_REASON_SUCCESS;
    gmq_packet_type type = letter->qos == 1 ? GMQ_PUBACK : GMQ_PUBREC;
    gmq_reason reason = peer_acknowledge_at(peer, type, identifier, file, line);
    if (letter->qos == 1 || reason >= GMQ_REASON_UNSPECIFIED_ERROR)
        return reason;
    peer_send_ack(peer, GMQ_PUBREL, identifier, GMQ_REASON_SUCCESS);
    peer_acknowledge_at(peer, GMQ_PUBCOMP, identifier, file, line);
    return reason;
}
