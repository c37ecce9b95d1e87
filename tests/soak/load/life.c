/* How clients come and go. Who stays is never closed but by a mistake of the broker. */
#include "soak.h"

#include "process.h"
#include "stamp.h"

#include <stdio.h>
#include <string.h>

static const uint64_t fresh_limit_ns = UINT64_C(20000000000);

/* Between a half and one and a half of it. */
static uint64_t about(struct soak *soak, uint64_t time_ns)
{
    return time_ns / 2 + time_ns / 1024 * soak_random(soak, 1024);
}

static bool comes_and_goes(const struct client *client)
{
    return client->role == ROLE_ABSENT || client->role == ROLE_MORTAL || client->role == ROLE_FRESH;
}

/* ---- coming ---- */

static void connect_mortal(struct soak *soak, struct client *client, const char *identifier)
{
    uint8_t payload[PAYLOAD_SIZE] = {0};
    struct stream *stream = &soak->streams[client->first_stream];
    const struct stamp stamp = {.stream = client->first_stream, .number = stream->sent, .time_ns = now_ns()};
    stamp_write(&stamp, payload, PAYLOAD_SIZE / 2);
    const struct will_form will = {stream->topic, stream->qos, payload, PAYLOAD_SIZE};
    wire_connect_with_will(link_out(&soak->links, client_link(soak, client)), client->version, identifier, false,
                           &will);
}

/* What is retained by now, a fresh one must hear: that or something later. */
static void note_retained(struct soak *soak, struct client *client)
{
    uint32_t keepers = soak->first[ROLE_KEEPER + 1] - soak->first[ROLE_KEEPER];
    const struct client *keeper = &soak->clients[soak->first[ROLE_KEEPER] + client->place % keepers];
    for (uint32_t i = 0; i < keeper->streams; i++)
        client->wanted[i] = soak->streams[keeper->first_stream + i].acknowledged;
}

void life_begin(struct soak *soak, struct client *client)
{
    char identifier[32];
    struct link *link = client_link(soak, client);
    snprintf(identifier, sizeof identifier, "%s-%u", role_name(client->role), client->place);
    link_open(&soak->links, link);
    client->presence = CONNECTING;
    client->is_deaf = false;
    client->due_ns = UINT64_MAX;
    client->pinged_ns = 0;
    if (client->role == ROLE_MORTAL)
        connect_mortal(soak, client, identifier);
    else
        wire_connect(link_out(&soak->links, link), client->version, identifier, client->role == ROLE_ABSENT);
}

static void subscribe(struct soak *soak, struct client *client)
{
    struct bytes filters = {0};
    if (cast_filters(soak, client, &filters) > 0)
        wire_subscribe(link_out(&soak->links, client_link(soak, client)), client->version, UINT16_MAX, &filters);
    else
        client->is_subscribed = true;
    bytes_free(&filters);
}

void life_on_connack(struct soak *soak, struct client *client, const struct packet *packet)
{
    uint16_t receive_maximum;
    uint8_t reason = wire_read_connack(packet, client->version, &receive_maximum);
    bool is_present = packet->length > 0 && (packet->body[0] & 1) != 0;
    if (reason != 0)
        faults_add(&soak->faults, FAULT_REFUSED, 1, "CONNECT of %s %u was refused with 0x%02X", role_name(client->role),
                   client->place, reason);
    if (is_present != client->has_session)
        faults_add(&soak->faults, FAULT_LOST, 1, "session present is %d for %s %u, which is here for time number %u",
                   is_present, role_name(client->role), client->place, client->turns + 1);
    client->presence = HERE;
    client->turns++;
    if (client->role == ROLE_FRESH)
        note_retained(soak, client);
    if (client->has_session)
        send_again(soak, client);
    else
        subscribe(soak, client);
    client->has_session = client->role == ROLE_ABSENT;
    if (client->turns > 1)
        soak->returns++;
    if (client->role == ROLE_PROBE)
        client->due_ns = 0;
    if (client->role == ROLE_FRESH)
        client->due_ns = now_ns() + fresh_limit_ns;
    else if (comes_and_goes(client))
        client->due_ns = now_ns() + about(soak, soak->pace_ns);
}

void life_on_suback(struct soak *soak, struct client *client, const struct packet *packet)
{
    if (wire_suback_reason(packet, client->version) >= FAILURE_FROM)
        faults_add(&soak->faults, FAULT_REFUSED, 1, "a SUBSCRIBE of %s %u was refused", role_name(client->role),
                   client->place);
    client->is_subscribed = true;
}

/* ---- going ---- */

static void gone(struct soak *soak, struct client *client)
{
    client->presence = AWAY;
    client->due_ns =
        now_ns() + (client->role == ROLE_FRESH ? about(soak, soak->pace_ns / 4) : about(soak, soak->pace_ns));
}

/* Whatever was on its way in either direction is gone with the connection. */
static void cut_off(struct soak *soak, struct client *client)
{
    link_close(&soak->links, client_link(soak, client));
    soak->cut++;
    gone(soak, client);
}

static void leave(struct soak *soak, struct client *client)
{
    wire_empty(link_out(&soak->links, client_link(soak, client)), DISCONNECT);
    client->presence = LEAVING; /* the broker closes */
    client->due_ns = UINT64_MAX;
}

static void leave_mortal(struct soak *soak, struct client *client)
{
    if (soak_random(soak, 4) == 0) {
        leave(soak, client);
        return;
    }
    soak->streams[client->first_stream].sent++; /* the will */
    soak->wills++;
    cut_off(soak, client);
}

/* Half of the times in order. Else it falls silent first, so that flows are cut off at every step. */
static void leave_absent(struct soak *soak, struct client *client)
{
    if (client->is_deaf) {
        cut_off(soak, client);
    } else if (soak_random(soak, 2) == 0) {
        leave(soak, client);
    } else {
        client->is_deaf = true;
        client->due_ns = now_ns() + soak->pace_ns / 8;
    }
}

static void leave_fresh(struct soak *soak, struct client *client)
{
    for (uint32_t i = 0; i < KEPT; i++)
        if (client->wanted[i] > 0)
            faults_add(&soak->faults, FAULT_LOST, 1,
                       "fresh %u did not get the retained message of topic %u, which is %u or later", client->place, i,
                       client->wanted[i] - 1);
    leave(soak, client);
}

static void step_here(struct soak *soak, struct client *client)
{
    if (soak->is_ending && client->role != ROLE_FRESH && !client->is_deaf) {
        client->due_ns = UINT64_MAX;
        return;
    }
    switch (client->role) {
    case ROLE_MORTAL:
        leave_mortal(soak, client);
        break;
    case ROLE_FRESH:
        leave_fresh(soak, client);
        break;
    default:
        leave_absent(soak, client);
        break;
    }
}

static bool is_served(const struct client *client)
{
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < KEPT; i++)
        wanted |= client->wanted[i];
    return client->is_subscribed && wanted == 0;
}

void life_step(struct soak *soak, uint64_t now)
{
    for (uint32_t i = 0; i < soak->client_count; i++) {
        struct client *client = &soak->clients[i];
        if (!comes_and_goes(client))
            continue;
        bool is_due = client->due_ns <= now;
        bool comes = soak->is_ending ? client->role != ROLE_FRESH : is_due;
        if (client->presence == AWAY && comes) {
            client->is_subscribed = client->role == ROLE_ABSENT;
            life_begin(soak, client);
        } else if (client->presence == HERE && (is_due || (client->role == ROLE_FRESH && is_served(client)))) {
            step_here(soak, client);
        }
    }
}

void life_on_end(void *context, struct link *link)
{
    struct soak *soak = context;
    struct client *client = &soak->clients[link->number];
    if (client->presence != LEAVING)
        faults_add(&soak->faults, FAULT_CLOSED, 1, "the broker closed the connection of %s %u", role_name(client->role),
                   client->place);
    gone(soak, client);
}
