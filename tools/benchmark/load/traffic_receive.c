/* What the broker sends, held against what it should send. */
#include "traffic.h"

#include "stamp.h"

#include <string.h>

static bool is_publisher(const struct traffic *traffic, const struct link *link)
{
    return link->number < traffic->plan.publishers;
}

/* ---- messages ---- */

static void judge_order(struct traffic *traffic, const struct stamp *stamp, int64_t slot, uint32_t subscriber)
{
    switch (checker_take(&traffic->checker, (uint32_t)slot, stamp->number)) {
    case ARRIVAL_DOUBLED:
        faults_add(&traffic->faults, FAULT_DOUBLED, 1, "subscriber %u got message %u of topic %s twice", subscriber,
                   stamp->number, traffic->streams[stamp->stream].topic);
        return; /* the first one has been counted */
    case ARRIVAL_REORDERED:
        faults_add(&traffic->faults, FAULT_REORDERED, 1, "subscriber %u got message %u of topic %s after a later one",
                   subscriber, stamp->number, traffic->streams[stamp->stream].topic);
        break;
    case ARRIVAL_FINE:
        break;
    }
    traffic->arrived++;
    traffic->publishers[stamp->stream % traffic->plan.publishers].copies_on_the_way--;
}

/* The payload, the topic and the number are those that were sent? */
static bool is_whole(const struct traffic *traffic, const struct publish *publish, struct stamp *stamp)
{
    if (!stamp_read(publish->payload, publish->payload_length, stamp) ||
        publish->payload_length != traffic->options->payload || stamp->stream >= traffic->plan.streams)
        return false;
    const struct stream *stream = &traffic->streams[stamp->stream];
    return stamp->number < stream->sent && publish->topic_length == stream->topic_length &&
           memcmp(publish->topic, stream->topic, stream->topic_length) == 0;
}

static void judge(struct traffic *traffic, uint32_t subscriber, const struct publish *publish)
{
    struct stamp stamp;
    if (!is_whole(traffic, publish, &stamp) || publish->qos != traffic->options->qos) {
        faults_add(&traffic->faults, FAULT_DAMAGED, 1,
                   "subscriber %u got other bytes, or another topic or QoS, than were sent", subscriber);
        return;
    }
    int64_t slot = traffic->plan.pattern->slot(&traffic->plan, subscriber, stamp.stream);
    if (slot < 0) {
        faults_add(&traffic->faults, FAULT_MISROUTED, 1, "subscriber %u got topic %s, for which it hadn't asked",
                   subscriber, traffic->streams[stamp.stream].topic);
        return;
    }
    if (traffic->is_measuring && traffic->options->rate > 0) {
        uint64_t now = now_ns();
        histogram_add(&traffic->latency, now > stamp.time_ns ? now - stamp.time_ns : 0);
    }
    judge_order(traffic, &stamp, slot, subscriber);
}

static void on_publish(struct traffic *traffic, struct link *link, const struct packet *packet)
{
    struct publish publish;
    if (!wire_read_publish(packet, (uint8_t)traffic->options->version, &publish) || is_publisher(traffic, link)) {
        faults_add(&traffic->faults, FAULT_UNEXPECTED, 1, "connection %u got a PUBLISH that is cut off or not for it",
                   link->number);
        return;
    }
    judge(traffic, link->number - traffic->plan.publishers, &publish);
    if (publish.qos > 0)
        wire_acknowledge(link_out(&traffic->links, link), publish.qos == 1 ? PUBACK : PUBREC, publish.identifier);
}

/* ---- acknowledgements ---- */

static void end_flow(struct traffic *traffic, struct publisher *publisher, uint16_t identifier)
{
    publisher->flows[identifier] = FLOW_FREE;
    publisher->unacknowledged--;
    traffic->acknowledged++;
}

/* The publisher's side: each step at its time. */
static void on_acknowledgement(struct traffic *traffic, struct link *link, const struct packet *packet)
{
    static const enum flow awaited[16] = {[PUBACK] = FLOW_PUBACK, [PUBREC] = FLOW_PUBREC, [PUBCOMP] = FLOW_PUBCOMP};
    struct publisher *publisher = &traffic->publishers[link->number];
    uint16_t identifier;
    uint8_t reason;
    if (!wire_read_acknowledgement(packet, &identifier, &reason) || publisher->flows == NULL ||
        publisher->flows[identifier] != awaited[packet->type]) {
        faults_add(&traffic->faults, FAULT_UNEXPECTED, 1,
                   "publisher %u got an acknowledgement of type %d that answers nothing", link->number, packet->type);
        return;
    }
    if (reason >= FAILURE_FROM)
        faults_add(&traffic->faults, FAULT_REFUSED, 1, "a message of publisher %u was refused with 0x%02X",
                   link->number, reason);
    if (packet->type == PUBREC && reason < FAILURE_FROM) {
        publisher->flows[identifier] = FLOW_PUBCOMP;
        wire_acknowledge(link_out(&traffic->links, link), PUBREL, identifier);
    } else {
        end_flow(traffic, publisher, identifier);
    }
}

/* The subscriber's side of QoS 2. */
static void on_pubrel(struct traffic *traffic, struct link *link, const struct packet *packet)
{
    uint16_t identifier;
    uint8_t reason;
    if (wire_read_acknowledgement(packet, &identifier, &reason))
        wire_acknowledge(link_out(&traffic->links, link), PUBCOMP, identifier);
}

/* ---- the rest ---- */

static void on_connack(struct traffic *traffic, struct link *link, const struct packet *packet)
{
    uint16_t receive_maximum;
    uint8_t reason = wire_read_connack(packet, (uint8_t)traffic->options->version, &receive_maximum);
    if (reason != 0)
        faults_add(&traffic->faults, FAULT_REFUSED, 1, "CONNECT was refused with 0x%02X", reason);
    if (is_publisher(traffic, link) && traffic->options->qos > 0 &&
        traffic->publishers[link->number].window > receive_maximum)
        traffic->publishers[link->number].window = receive_maximum;
    traffic->connected++;
}

void traffic_on_packet(void *context, struct link *link, const struct packet *packet)
{
    struct traffic *traffic = context;
    switch (packet->type) {
    case PUBLISH:
        on_publish(traffic, link, packet);
        return;
    case PUBACK:
    case PUBREC:
    case PUBCOMP:
        if (is_publisher(traffic, link)) {
            on_acknowledgement(traffic, link, packet);
            return;
        }
        break;
    case PUBREL:
        on_pubrel(traffic, link, packet);
        return;
    case CONNACK:
        on_connack(traffic, link, packet);
        return;
    case SUBACK:
        if (wire_suback_reason(packet, (uint8_t)traffic->options->version) >= FAILURE_FROM)
            faults_add(&traffic->faults, FAULT_REFUSED, 1, "a SUBSCRIBE of subscriber %u was refused",
                       link->number - traffic->plan.publishers);
        traffic->subscribed++;
        return;
    case PINGRESP:
        traffic->pinged++;
        return;
    default:
        break;
    }
    faults_add(&traffic->faults, FAULT_UNEXPECTED, 1, "connection %u got a packet of type %d", link->number,
               packet->type);
}

void traffic_on_end(void *context, struct link *link)
{
    struct traffic *traffic = context;
    faults_add(&traffic->faults, FAULT_CLOSED, 1, "the broker closed the connection of %s %u",
               is_publisher(traffic, link) ? "publisher" : "subscriber",
               is_publisher(traffic, link) ? link->number : link->number - traffic->plan.publishers);
}
