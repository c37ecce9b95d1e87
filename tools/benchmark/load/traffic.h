/* Publishers and subscribers at work: the state that sending (traffic_send.c), receiving (traffic_receive.c) and the
 * course of a measurement (traffic.c) share. */
#ifndef LOAD_TRAFFIC_H
#define LOAD_TRAFFIC_H

#include "checker.h"
#include "faults.h"
#include "histogram.h"
#include "link.h"
#include "options.h"
#include "plan.h"
#include "process.h"

/* A topic of one publisher. */
struct stream {
    char topic[TOPIC_MAX];
    uint16_t topic_length;
    uint32_t sent; /* also the next number */
};

/* What is open of a packet identifier. */
enum flow { FLOW_FREE, FLOW_PUBACK, FLOW_PUBREC, FLOW_PUBCOMP };

struct publisher {
    uint32_t next_stream;
    uint32_t copies_on_the_way;
    uint32_t unacknowledged;
    uint32_t window;
    uint16_t last_identifier;
    uint8_t *flows; /* by packet identifier; QoS 1 and 2 */
};

struct traffic {
    const struct options *options;
    struct processes processes;
    struct plan plan;
    struct links links; /* the publishers, then the subscribers */
    struct stream *streams;
    struct publisher *publishers;
    struct checker checker;
    struct faults faults;
    struct histogram latency;
    bool is_measuring;
    /* Counts of the whole run. */
    uint64_t connected;
    uint64_t subscribed;
    uint64_t sent;
    uint64_t copies_wanted;
    uint64_t arrived;
    uint64_t acknowledged;
    uint64_t pinged;
};

/* What to measure with "traffic"; prints the result as JSON. The exit code: 0, or 1 where the broker made faults. */
int traffic_run(const struct options *options);

/* Callbacks of the links. */
void traffic_on_packet(void *context, struct link *link, const struct packet *packet);
void traffic_on_end(void *context, struct link *link);

/* Sends as much as the windows allow, or what is due at `now` when there is a rate. */
void traffic_send_window(struct traffic *traffic);
void traffic_send_due(struct traffic *traffic, uint64_t begin_ns, uint64_t now);

/* When the next message is due at the rate. */
uint64_t traffic_next_due_ns(const struct traffic *traffic, uint64_t begin_ns);

#endif
