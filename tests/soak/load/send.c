/* Publishing at a rate, in turns over all who have something to say. */
#include "process.h"
#include "soak.h"
#include "stamp.h"

#include <string.h>

enum { IDENTIFIER_NOT_FOUND = 0x92 };

static void write_message(struct soak *soak, struct client *client, uint32_t number, const struct flight *flight,
                          bool is_duplicate)
{
    const struct stream *stream = &soak->streams[number];
    struct bytes *out = link_out(&soak->links, client_link(soak, client));
    const struct publish_form form = {.version = client->version,
                                      .qos = stream->qos,
                                      .is_retained = client->role == ROLE_KEEPER,
                                      .is_duplicate = is_duplicate,
                                      .topic = stream->topic,
                                      .topic_length = (uint16_t)strlen(stream->topic),
                                      .payload_length = PAYLOAD_SIZE};
    const struct stamp stamp = {.stream = number, .number = flight->number, .time_ns = flight->time_ns};
    wire_publish_head(out, &form, flight->identifier);
    uint8_t *payload = bytes_extend(out, PAYLOAD_SIZE);
    memset(payload, 0, PAYLOAD_SIZE); /* where the plugin writes its mark */
    stamp_write(&stamp, payload, PAYLOAD_SIZE / 2);
}

/* One message of the client's next topic. False: it has too many on the way, or isn't here. */
static bool send_one(struct soak *soak, struct client *client, uint64_t now)
{
    uint32_t number = client->next_stream;
    struct stream *stream = &soak->streams[number];
    if (client->presence != HERE || client->flights == WINDOW)
        return false;
    struct flight flight = {.stream = number, .number = stream->sent, .time_ns = now};
    if (stream->qos > 0) {
        client->last_identifier = (uint16_t)(client->last_identifier % (UINT16_MAX - 1) + 1);
        flight.identifier = client->last_identifier;
        flight.flow = stream->qos == 1 ? FLOW_PUBACK : FLOW_PUBREC;
        client->flight[(client->flights_begin + client->flights++) % WINDOW] = flight;
        soak->unacknowledged++;
    }
    write_message(soak, client, number, &flight, false);
    stream->sent++;
    soak->sent[stream->qos]++;
    if (++client->next_stream == client->first_stream + client->streams)
        client->next_stream = client->first_stream;
    return true;
}

/* The stamp has the time of writing: that this process comes late to it is no delay of the broker's. */
void send_due(struct soak *soak, uint64_t begin_ns, uint64_t now)
{
    uint64_t due = (uint64_t)((double)(now - begin_ns) / 1e9 * soak->rate);
    uint64_t limit = soak->due + soak->client_count; /* after a standstill of ours, no flood */
    if (due > limit) {
        soak->held_back += due - limit;
        soak->due += due - limit;
    }
    while (soak->due < due) {
        struct client *client = &soak->clients[soak->senders[soak->next_sender++ % soak->sender_count]];
        if (!send_one(soak, client, now))
            soak->held_back++;
        soak->due++;
    }
}

/* ---- acknowledgements ---- */

/* After the connection was broken: what the session has open, in its order. */
void send_again(struct soak *soak, struct client *client)
{
    for (uint32_t i = 0; i < client->flights; i++) {
        const struct flight *flight = &client->flight[(client->flights_begin + i) % WINDOW];
        if (flight->flow == FLOW_PUBCOMP)
            wire_acknowledge(link_out(&soak->links, client_link(soak, client)), PUBREL, flight->identifier);
        else if (flight->flow != 0)
            write_message(soak, client, flight->stream, flight, true);
    }
}

static struct flight *find_flight(struct client *client, uint16_t identifier)
{
    for (uint32_t i = 0; i < client->flights; i++) {
        struct flight *flight = &client->flight[(client->flights_begin + i) % WINDOW];
        if (flight->identifier == identifier)
            return flight;
    }
    return NULL;
}

static void end_flight(struct soak *soak, struct client *client, struct flight *flight)
{
    if (client->role == ROLE_KEEPER)
        soak->streams[flight->stream].acknowledged = flight->number + 1;
    flight->flow = 0;
    flight->identifier = 0;
    soak->unacknowledged--;
    while (client->flights > 0 && client->flight[client->flights_begin].flow == 0) {
        client->flights_begin = (client->flights_begin + 1) % WINDOW;
        client->flights--;
    }
}

void send_on_acknowledgement(struct soak *soak, struct client *client, const struct packet *packet)
{
    static const uint8_t awaited[16] = {[PUBACK] = FLOW_PUBACK, [PUBREC] = FLOW_PUBREC, [PUBCOMP] = FLOW_PUBCOMP};
    uint16_t identifier = 0;
    uint8_t reason = 0;
    struct flight *flight =
        wire_read_acknowledgement(packet, &identifier, &reason) ? find_flight(client, identifier) : NULL;
    if (flight == NULL || flight->flow != awaited[packet->type]) {
        faults_add(&soak->faults, FAULT_UNEXPECTED, 1, "%s %u got an acknowledgement of type %d that answers nothing",
                   role_name(client->role), client->place, packet->type);
        return;
    }
    /* A PUBREL that is sent again finds nothing where the PUBCOMP before was lost with its connection (4.3.3). */
    bool is_late = packet->type == PUBCOMP && reason == IDENTIFIER_NOT_FOUND && client->turns > 1;
    if (reason >= FAILURE_FROM && !is_late)
        faults_add(&soak->faults, FAULT_REFUSED, 1, "a message of %s %u was refused with 0x%02X",
                   role_name(client->role), client->place, reason);
    if (packet->type == PUBREC && reason < FAILURE_FROM) {
        flight->flow = FLOW_PUBCOMP;
        wire_acknowledge(link_out(&soak->links, client_link(soak, client)), PUBREL, identifier);
    } else {
        end_flight(soak, client, flight);
    }
}
