/* The course of a measurement: connect, subscribe, warm up, measure, let everything arrive, judge, report. */
#include "traffic.h"

#include "report.h"
#include "stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

enum {
    COPIES_ON_THE_WAY = 8192,
    BYTES_ON_THE_WAY = 4 << 20,
    HANDSHAKES_AT_ONCE = 64,
    FILTERS_PER_PACKET = 100,
    LONGER = 20
};

static const uint64_t silence_limit_ns = 2 * SECOND; /* what hasn't come after it never will */
static const uint64_t start_limit_ns = 30 * SECOND;
static const uint64_t nap_ns = MILLISECOND;

/* ---- beginning ---- */

/* As many messages as make COPIES_ON_THE_WAY in all, and no more bytes than a broker should have to hold back. */
static uint32_t window_of(const struct options *options, const struct plan *plan)
{
    if (options->window > 0)
        return options->window;
    uint64_t copies = COPIES_ON_THE_WAY;
    if (copies * options->payload > BYTES_ON_THE_WAY)
        copies = BYTES_ON_THE_WAY / options->payload;
    uint64_t window = copies / plan->copies / plan->publishers;
    return window > 4 ? (uint32_t)window : 4;
}

static void traffic_init(struct traffic *traffic, const struct options *options)
{
    *traffic = (struct traffic){.options = options};
    processes_parse(&traffic->processes, options->processes);
    struct plan *plan = &traffic->plan;
    *plan = (struct plan){.pattern = pattern_by_name(options->pattern),
                          .publishers = options->publishers,
                          .subscribers = options->subscribers,
                          .filters = options->filters};
    if (plan->pattern == NULL)
        fail("there is no pattern \"%s\"", options->pattern);
    if (options->payload < STAMP_SIZE || options->payload > STAMP_PAYLOAD_MAX / 2)
        fail("a payload has %d to %d bytes", STAMP_SIZE, STAMP_PAYLOAD_MAX / 2);
    plan_complete(plan);
    checker_init(&traffic->checker, plan->slots, plan->pattern->is_ordered);
    traffic->streams = allocate(plan->streams, sizeof *traffic->streams);
    for (uint32_t i = 0; i < plan->streams; i++) {
        plan->pattern->topic(plan, i, traffic->streams[i].topic);
        traffic->streams[i].topic_length = (uint16_t)strlen(traffic->streams[i].topic);
    }
    traffic->publishers = allocate(plan->publishers, sizeof *traffic->publishers);
    for (uint32_t i = 0; i < plan->publishers; i++) {
        traffic->publishers[i].next_stream = i;
        traffic->publishers[i].window = options->rate > 0 ? UINT16_MAX / 2 : window_of(options, plan);
        traffic->publishers[i].flows = options->qos > 0 ? allocate(UINT16_MAX + 1, 1) : NULL;
    }
    links_init(&traffic->links, (uint16_t)options->port, plan->publishers + plan->subscribers);
    traffic->links.on_packet = traffic_on_packet;
    traffic->links.on_end = traffic_on_end;
    traffic->links.context = traffic;
}

static void traffic_deinit(struct traffic *traffic)
{
    links_deinit(&traffic->links);
    checker_deinit(&traffic->checker);
    for (uint32_t i = 0; i < traffic->plan.publishers; i++)
        free(traffic->publishers[i].flows);
    free(traffic->publishers);
    free(traffic->streams);
}

/* Turns until a count is reached. What doesn't come in time could not be measured: the end. */
static void await(struct traffic *traffic, const uint64_t *count, uint64_t wanted, const char *what)
{
    uint64_t limit = now_ns() + start_limit_ns;
    while (*count < wanted) {
        links_turn(&traffic->links, 10 * MILLISECOND);
        if (traffic->faults.count[FAULT_CLOSED] + traffic->faults.count[FAULT_REFUSED] > 0)
            fail("while waiting for %s: %s", what, traffic->faults.first);
        if (now_ns() > limit)
            fail("%llu of %llu %s came within %llu s", (unsigned long long)*count, (unsigned long long)wanted, what,
                 (unsigned long long)(start_limit_ns / SECOND));
    }
}

static void connect_all(struct traffic *traffic)
{
    for (uint32_t i = 0; i < traffic->links.count; i++) {
        char identifier[32];
        snprintf(identifier, sizeof identifier, "bench-%u", i);
        link_open(&traffic->links, &traffic->links.link[i]);
        wire_connect(link_out(&traffic->links, &traffic->links.link[i]), (uint8_t)traffic->options->version, identifier,
                     false);
        if (i >= HANDSHAKES_AT_ONCE)
            await(traffic, &traffic->connected, i - HANDSHAKES_AT_ONCE, "CONNACK");
    }
    await(traffic, &traffic->connected, traffic->links.count, "CONNACK");
}

/* All of a subscriber's filters; returns how many SUBACKs there will be. */
static uint32_t subscribe(struct traffic *traffic, uint32_t subscriber)
{
    const struct plan *plan = &traffic->plan;
    struct link *link = &traffic->links.link[plan->publishers + subscriber];
    struct bytes filters = {0};
    uint32_t packets = 0;
    for (uint32_t i = 0; i < plan->filters_each; i++) {
        char filter[TOPIC_MAX];
        plan->pattern->filter(plan, subscriber, i, filter);
        wire_add_filter(&filters, filter, (uint8_t)traffic->options->qos);
        if ((i + 1) % FILTERS_PER_PACKET != 0 && i + 1 < plan->filters_each)
            continue;
        wire_subscribe(link_out(&traffic->links, link), (uint8_t)traffic->options->version, (uint16_t)++packets,
                       &filters);
        filters.length = 0;
    }
    bytes_free(&filters);
    return packets;
}

static void subscribe_all(struct traffic *traffic)
{
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < traffic->plan.subscribers; i++)
        wanted += subscribe(traffic, i);
    await(traffic, &traffic->subscribed, wanted, "SUBACK");
}

/* ---- measuring ---- */

struct reading {
    uint64_t time_ns;
    uint64_t cpu_ns;
    uint64_t own_cpu_ns;
    uint64_t arrived;
    uint64_t sent;
};

static struct reading read_all(const struct traffic *traffic)
{
    return (struct reading){.time_ns = now_ns(),
                            .cpu_ns = processes_cpu_ns(&traffic->processes),
                            .own_cpu_ns = own_cpu_ns(),
                            .arrived = traffic->arrived,
                            .sent = traffic->sent};
}

static void turn(struct traffic *traffic, uint64_t begin_ns)
{
    if (traffic->options->rate == 0) {
        traffic_send_window(traffic);
        links_turn_after_nap(&traffic->links, nap_ns);
        return;
    }
    uint64_t now = now_ns();
    traffic_send_due(traffic, begin_ns, now);
    uint64_t due = traffic_next_due_ns(traffic, begin_ns);
    links_turn(&traffic->links, due > now ? due - now : MILLISECOND / 10);
}

/* Traffic for a time, and longer if less than `least` has arrived by then: the broker may have had no processor. False:
 * nothing has arrived for so long that something is lost. */
static bool drive(struct traffic *traffic, uint64_t begin_ns, uint64_t time_ns, uint64_t least)
{
    uint64_t arrived = traffic->arrived;
    uint64_t begin = now_ns(), silent_since = begin;
    least += arrived;
    for (uint64_t now = begin; now - begin < time_ns || (traffic->arrived < least && now - begin < LONGER * time_ns);
         now = now_ns()) {
        turn(traffic, begin_ns);
        if (traffic->arrived != arrived || traffic->copies_wanted == traffic->arrived)
            silent_since = now;
        arrived = traffic->arrived;
        if (now - silent_since > silence_limit_ns)
            return false;
    }
    return true;
}

/* ---- ending ---- */

static bool is_all_there(const struct traffic *traffic)
{
    return traffic->arrived == traffic->copies_wanted &&
           (traffic->options->qos == 0 || traffic->acknowledged == traffic->sent);
}

static void drain(struct traffic *traffic)
{
    uint64_t silent_since = now_ns();
    while (!is_all_there(traffic) && now_ns() - silent_since < silence_limit_ns)
        if (links_turn(&traffic->links, 10 * MILLISECOND))
            silent_since = now_ns();
}

/* A packet there and back on each connection, so that what follows the last message (a second copy of it) is seen. */
static void ping_all(struct traffic *traffic)
{
    uint64_t wanted = 0;
    traffic->pinged = 0;
    for (uint32_t i = 0; i < traffic->links.count; i++) {
        if (traffic->links.link[i].socket < 0)
            continue;
        wire_empty(link_out(&traffic->links, &traffic->links.link[i]), PINGREQ);
        wanted++;
    }
    uint64_t limit = now_ns() + silence_limit_ns;
    while (traffic->pinged < wanted && now_ns() < limit)
        links_turn(&traffic->links, 10 * MILLISECOND);
}

/* Slots say where something is missing by numbers; who should have got it is found by asking all of them. */
static void judge_missing(struct traffic *traffic)
{
    const struct plan *plan = &traffic->plan;
    for (uint32_t stream = 0; stream < plan->streams; stream++) {
        for (uint32_t subscriber = 0; subscriber < plan->subscribers; subscriber++) {
            int64_t slot = plan->pattern->slot(plan, subscriber, stream);
            uint32_t first, sent = traffic->streams[stream].sent;
            uint32_t missing = slot >= 0 ? checker_missing(&traffic->checker, (uint32_t)slot, sent, &first) : 0;
            if (missing > 0)
                faults_add(&traffic->faults, FAULT_LOST, missing,
                           "message %u of topic %s did not come to subscriber %u", first,
                           traffic->streams[stream].topic, subscriber);
            if (slot >= 0 && !plan->pattern->is_ordered)
                break; /* one slot for all subscribers */
        }
    }
    if (traffic->options->qos > 0 && traffic->acknowledged < traffic->sent)
        faults_add(&traffic->faults, FAULT_UNANSWERED, traffic->sent - traffic->acknowledged,
                   "a message was not acknowledged to its publisher");
}

static void report(const struct traffic *traffic, const struct reading *from, const struct reading *to)
{
    double seconds = (double)(to->time_ns - from->time_ns) / 1e9;
    double delivered = (double)(to->arrived - from->arrived);
    report_begin();
    report_number("seconds", seconds);
    report_number("delivered", delivered);
    report_number("published_per_second", (double)(to->sent - from->sent) / seconds);
    report_number("delivered_per_second", delivered / seconds);
    if (delivered > 0)
        report_number("cpu_us_per_message", (double)(to->cpu_ns - from->cpu_ns) / 1e3 / delivered);
    report_number("load_busy", (double)(to->own_cpu_ns - from->own_cpu_ns) / 1e9 / seconds);
    if (traffic->options->rate > 0) {
        report_number("latency_p50_us", (double)histogram_quantile(&traffic->latency, 0.5) / 1e3);
        report_number("latency_p90_us", (double)histogram_quantile(&traffic->latency, 0.9) / 1e3);
        report_number("latency_p99_us", (double)histogram_quantile(&traffic->latency, 0.99) / 1e3);
        report_number("latency_p999_us", (double)histogram_quantile(&traffic->latency, 0.999) / 1e3);
        report_number("latency_max_us", (double)traffic->latency.largest / 1e3);
    }
    report_faults(&traffic->faults);
    report_end();
}

int traffic_run(const struct options *options)
{
    struct traffic traffic;
    traffic_init(&traffic, options);
    connect_all(&traffic);
    subscribe_all(&traffic);

    uint64_t begin_ns = now_ns();
    bool is_alive = drive(&traffic, begin_ns, options->warm_ms * MILLISECOND, 0);
    struct reading from = read_all(&traffic);
    traffic.is_measuring = true;
    uint64_t least = options->rate == 0 ? 2 * (uint64_t)traffic.publishers[0].window * traffic.plan.publishers : 0;
    is_alive = is_alive && drive(&traffic, begin_ns, options->time_ms * MILLISECOND, least * traffic.plan.copies);
    struct reading to = read_all(&traffic);
    if (is_alive)
        drain(&traffic); /* at a rate, the slowest ones still count */
    ping_all(&traffic);
    judge_missing(&traffic);
    report(&traffic, &from, &to);

    int code = faults_any(&traffic.faults) ? 1 : 0;
    traffic_deinit(&traffic);
    return code;
}
