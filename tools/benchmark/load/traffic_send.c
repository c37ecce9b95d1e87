/* Publishing: in windows, or at a rate. */
#include "traffic.h"

#include "stamp.h"

static uint16_t take_identifier(struct publisher *publisher, uint8_t qos)
{
    do
        publisher->last_identifier = publisher->last_identifier == UINT16_MAX ? 1 : publisher->last_identifier + 1;
    while (publisher->flows[publisher->last_identifier] != FLOW_FREE);
    publisher->flows[publisher->last_identifier] = qos == 1 ? FLOW_PUBACK : FLOW_PUBREC;
    publisher->unacknowledged++;
    return publisher->last_identifier;
}

/* One message of the publisher's next topic. */
static void send_one(struct traffic *traffic, uint32_t number, uint64_t time_ns)
{
    const struct options *options = traffic->options;
    struct publisher *publisher = &traffic->publishers[number];
    uint32_t stream_number = publisher->next_stream;
    struct stream *stream = &traffic->streams[stream_number];
    const struct publish_form form = {.version = (uint8_t)options->version,
                                      .qos = (uint8_t)options->qos,
                                      .topic = stream->topic,
                                      .topic_length = stream->topic_length,
                                      .payload_length = options->payload};
    struct bytes *out = link_out(&traffic->links, &traffic->links.link[number]);
    wire_publish_head(out, &form, options->qos > 0 ? take_identifier(publisher, form.qos) : 0);
    const struct stamp stamp = {.stream = stream_number, .number = stream->sent++, .time_ns = time_ns};
    stamp_write(&stamp, bytes_extend(out, options->payload), options->payload);

    publisher->next_stream += traffic->plan.publishers;
    if (publisher->next_stream >= traffic->plan.streams)
        publisher->next_stream = number;
    publisher->copies_on_the_way += traffic->plan.copies;
    traffic->sent++;
    traffic->copies_wanted += traffic->plan.copies;
}

/* How many messages the window has room for: those count that some subscriber or the acknowledgement hasn't reached. */
static uint32_t room_of(const struct traffic *traffic, const struct publisher *publisher)
{
    uint32_t on_the_way = (publisher->copies_on_the_way + traffic->plan.copies - 1) / traffic->plan.copies;
    if (publisher->unacknowledged > on_the_way)
        on_the_way = publisher->unacknowledged;
    return on_the_way < publisher->window ? publisher->window - on_the_way : 0;
}

/* A quarter of the window at a time, so that reads and writes carry several messages as they do in a busy broker. */
void traffic_send_window(struct traffic *traffic)
{
    for (uint32_t i = 0; i < traffic->plan.publishers; i++) {
        uint32_t room = room_of(traffic, &traffic->publishers[i]);
        if (traffic->links.link[i].socket < 0 || room == 0 || room * 4 < traffic->publishers[i].window)
            continue;
        uint64_t now = now_ns();
        for (; room > 0; room--)
            send_one(traffic, i, now);
    }
}

uint64_t traffic_next_due_ns(const struct traffic *traffic, uint64_t begin_ns)
{
    return begin_ns + (uint64_t)((double)traffic->sent * 1e9 / traffic->options->rate);
}

/* A message bears the time at which it should have been sent: a delay counts for all that it delays. */
void traffic_send_due(struct traffic *traffic, uint64_t begin_ns, uint64_t now)
{
    for (;;) {
        uint64_t due = traffic_next_due_ns(traffic, begin_ns);
        uint32_t number = (uint32_t)(traffic->sent % traffic->plan.publishers);
        if (due > now || traffic->links.link[number].socket < 0)
            return;
        if (traffic->options->qos > 0 &&
            traffic->publishers[number].unacknowledged >= traffic->publishers[number].window)
            return;
        send_one(traffic, number, due);
    }
}
