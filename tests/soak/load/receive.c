/* What the broker sends, held against what it should send. */
#include "mark.h"
#include "process.h"
#include "soak.h"
#include "stamp.h"

#include <stdio.h>
#include <string.h>

/* ---- the code that has handled it ---- */

/* The first message that a worker has handled with a newer configuration is told at once: tests/soak/reload waits. */
static void note_newest(struct soak *soak, const struct mark *mark, uint64_t now)
{
    if (mark->worker >= WORKERS_MAX || mark->marker <= soak->newest[mark->worker])
        return;
    soak->newest[mark->worker] = mark->marker;
    soak->workers = mark->worker >= soak->workers ? mark->worker + 1 : soak->workers;
    printf("{\"event\": \"first\", \"marker\": %u, \"worker\": %u, \"version\": %u, \"handled_ns\": %llu, "
           "\"seen_ns\": %llu}\n",
           mark->marker, mark->worker, mark->version, (unsigned long long)mark->handled_ns, (unsigned long long)now);
    fflush(stdout);
}

static void judge_mark(struct soak *soak, struct client *client, struct inlet *inlet, const struct publish *publish)
{
    struct mark mark;
    const struct stream *stream = &soak->streams[inlet->stream];
    enum role sender = soak->clients[stream->owner].role;
    memcpy(&mark, publish->payload + MARK_AT, sizeof mark);
    if (sender == ROLE_MORTAL)
        return; /* a will passes no route */
    if (mark.marker == 0 || mark.marker < inlet->marker)
        faults_add(&soak->faults, FAULT_DAMAGED, 1, "a message of %s to %s %u was handled by configuration %u after %u",
                   stream->topic, role_name(client->role), client->place, mark.marker, inlet->marker);
    inlet->marker = mark.marker;
    if (sender == ROLE_PAIR && client->role == ROLE_PAIR)
        note_newest(soak, &mark, now_ns());
    if (client->role == ROLE_PROBE && mark.worker < WORKERS_MAX && soak->probes[mark.worker] == 0)
        soak->probes[mark.worker] = (uint32_t)(client - soak->clients) + 1;
}

/* ---- messages ---- */

static void judge_number(struct soak *soak, struct client *client, struct inlet *inlet, const struct stamp *stamp,
                         bool may_repeat)
{
    const struct stream *stream = &soak->streams[inlet->stream];
    if (checker_take(&soak->checker, inlet->slot, stamp->number) == ARRIVAL_DOUBLED) {
        if (may_repeat)
            soak->repeated++;
        else
            faults_add(&soak->faults, FAULT_DOUBLED, 1, "%s %u got message %u of %s twice", role_name(client->role),
                       client->place, stamp->number, stream->topic);
        return;
    }
    if (stamp->number < inlet->next)
        faults_add(&soak->faults, FAULT_REORDERED, 1, "%s %u got message %u of %s after number %u",
                   role_name(client->role), client->place, stamp->number, stream->topic, inlet->next - 1);
    else
        inlet->next = stamp->number + 1;
    soak->arrived++;
}

/* A fresh one: what it wants is what was retained before it came, or later. */
static void judge_retained(struct soak *soak, struct client *client, const struct stamp *stamp)
{
    const struct stream *stream = &soak->streams[stamp->stream];
    uint32_t kept = stamp->stream - soak->clients[stream->owner].first_stream;
    if (soak->clients[stream->owner].role != ROLE_KEEPER || kept >= KEPT) {
        faults_add(&soak->faults, FAULT_MISROUTED, 1, "fresh %u got %s", client->place, stream->topic);
        return;
    }
    if (stamp->number + 1 < client->wanted[kept])
        faults_add(&soak->faults, FAULT_LOST, 1, "fresh %u got number %u of %s, where %u was retained", client->place,
                   stamp->number, stream->topic, client->wanted[kept] - 1);
    client->wanted[kept] = 0;
    soak->retained++;
}

static bool is_whole(const struct soak *soak, const struct publish *publish, struct stamp *stamp)
{
    if (publish->payload_length != PAYLOAD_SIZE || !stamp_read(publish->payload, PAYLOAD_SIZE / 2, stamp) ||
        stamp->stream >= soak->stream_count)
        return false;
    const struct stream *stream = &soak->streams[stamp->stream];
    return stamp->number < stream->sent && publish->topic_length == strlen(stream->topic) &&
           memcmp(publish->topic, stream->topic, publish->topic_length) == 0 && publish->qos == stream->qos;
}

static void measure(struct soak *soak, const struct client *client, const struct stamp *stamp, uint8_t qos)
{
    uint64_t now = now_ns();
    const struct client *sender = &soak->clients[soak->streams[stamp->stream].owner];
    if (client->role == ROLE_PAIR && sender->role == ROLE_PAIR)
        histogram_add(&soak->phases[soak->phase].delivery[qos], now > stamp->time_ns ? now - stamp->time_ns : 0);
}

static void judge(struct soak *soak, struct client *client, const struct publish *publish, bool is_duplicate)
{
    struct stamp stamp;
    if (!is_whole(soak, publish, &stamp)) {
        faults_add(&soak->faults, FAULT_DAMAGED, 1, "%s %u got other bytes, or another topic or QoS, than were sent",
                   role_name(client->role), client->place);
        return;
    }
    if (client->role == ROLE_FRESH) {
        judge_retained(soak, client, &stamp);
        return;
    }
    struct inlet *inlet = client_inlet(client, stamp.stream);
    if (inlet == NULL) {
        faults_add(&soak->faults, FAULT_MISROUTED, 1, "%s %u got %s, for which it hadn't asked",
                   role_name(client->role), client->place, soak->streams[stamp.stream].topic);
        return;
    }
    judge_number(soak, client, inlet, &stamp, is_duplicate && publish->qos == 1);
    if (!is_duplicate) {
        judge_mark(soak, client, inlet, publish);
        measure(soak, client, &stamp, publish->qos);
    }
}

/* True: a QoS 2 message that has come already and isn't released. */
static bool is_received(struct client *client, uint16_t identifier)
{
    uint8_t bit = (uint8_t)(1u << identifier % 8), *byte = &client->received[identifier / 8];
    bool was = (*byte & bit) != 0;
    *byte |= bit;
    return was;
}

static void on_publish(struct soak *soak, struct client *client, const struct packet *packet)
{
    struct publish publish;
    if (!wire_read_publish(packet, client->version, &publish)) {
        faults_add(&soak->faults, FAULT_DAMAGED, 1, "%s %u got a PUBLISH that ends too soon", role_name(client->role),
                   client->place);
        return;
    }
    bool is_duplicate = (packet->flags & 8) != 0;
    if (publish.qos == 2 && is_received(client, publish.identifier)) {
        if (!is_duplicate)
            faults_add(&soak->faults, FAULT_DOUBLED, 1, "%s %u got packet identifier %u before it had released it",
                       role_name(client->role), client->place, publish.identifier);
    } else {
        judge(soak, client, &publish, is_duplicate);
    }
    if (publish.qos > 0 && !client->is_deaf)
        wire_acknowledge(link_out(&soak->links, client_link(soak, client)), publish.qos == 1 ? PUBACK : PUBREC,
                         publish.identifier);
}

static void on_pubrel(struct soak *soak, struct client *client, const struct packet *packet)
{
    uint16_t identifier;
    uint8_t reason;
    if (!wire_read_acknowledgement(packet, &identifier, &reason))
        return;
    client->received[identifier / 8] &= (uint8_t) ~(1u << identifier % 8);
    wire_acknowledge(link_out(&soak->links, client_link(soak, client)), PUBCOMP, identifier);
}

static void on_pong(struct soak *soak, struct client *client)
{
    if (client->role == ROLE_PROBE && client->pinged_ns != 0)
        histogram_add(&soak->phases[soak->phase].ping, now_ns() - client->pinged_ns);
    client->pinged_ns = 0;
}

void receive_on_packet(void *context, struct link *link, const struct packet *packet)
{
    struct soak *soak = context;
    struct client *client = &soak->clients[link->number];
    if (client->presence == LEAVING || (client->is_deaf && packet->type != PUBLISH))
        return;
    switch (packet->type) {
    case PUBLISH:
        on_publish(soak, client, packet);
        return;
    case PUBACK:
    case PUBREC:
    case PUBCOMP:
        send_on_acknowledgement(soak, client, packet);
        return;
    case PUBREL:
        on_pubrel(soak, client, packet);
        return;
    case CONNACK:
        life_on_connack(soak, client, packet);
        return;
    case SUBACK:
        life_on_suback(soak, client, packet);
        return;
    case PINGRESP:
        on_pong(soak, client);
        return;
    default:
        faults_add(&soak->faults, FAULT_UNEXPECTED, 1, "%s %u got a packet of type %d", role_name(client->role),
                   client->place, packet->type);
    }
}
