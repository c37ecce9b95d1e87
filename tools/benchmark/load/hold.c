/* Connections, sessions without one, subscriptions, retained messages: `count` of them, made by links of which each
 * does one step after the other. */
#include "hold.h"

#include "faults.h"
#include "link.h"
#include "plan.h"
#include "process.h"
#include "report.h"
#include "stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_AT_ONCE = 64, FILTERS_PER_PACKET = 50, FILTERS_PER_CLIENT = 1000 };

static const uint64_t limit_ns = UINT64_C(300000000000);

struct hold;

/* What is held: how many links make it, and what a link does when the broker has answered. */
struct kind {
    const char *name;
    uint32_t (*links)(const struct options *options);
    void (*next)(struct hold *hold, struct link *link);
};

struct hold {
    const struct options *options;
    const struct kind *kind;
    struct processes processes;
    struct links links;
    struct faults faults;
    uint32_t *made_by; /* of each link */
    uint32_t begun;    /* of the things */
    uint32_t made;
    uint32_t opened; /* of the links */
    uint32_t connected;
};

/* ---- the kinds ---- */

static uint32_t smaller(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

static void open_next(struct hold *hold, struct link *link)
{
    char identifier[32];
    snprintf(identifier, sizeof identifier, "bench-hold-%u", hold->opened++);
    link_open(&hold->links, link);
    wire_connect(link_out(&hold->links, link), (uint8_t)hold->options->version, identifier,
                 strcmp(hold->kind->name, "sessions") == 0);
}

static uint32_t connections_links(const struct options *options)
{
    return options->count;
}

static void connections_next(struct hold *hold, struct link *link)
{
    (void)link;
    hold->made++;
    if (hold->opened < hold->links.count)
        open_next(hold, &hold->links.link[hold->opened]);
}

static uint32_t sessions_links(const struct options *options)
{
    return smaller(options->count, LINKS_AT_ONCE);
}

/* The broker ends the connection at DISCONNECT, and then the link has its next session. */
static void sessions_next(struct hold *hold, struct link *link)
{
    wire_empty(link_out(&hold->links, link), DISCONNECT);
}

static uint32_t subscriptions_links(const struct options *options)
{
    return (options->count + FILTERS_PER_CLIENT - 1) / FILTERS_PER_CLIENT;
}

static void subscriptions_next(struct hold *hold, struct link *link)
{
    uint32_t *made = &hold->made_by[link->number];
    uint32_t count =
        smaller(FILTERS_PER_CLIENT - *made, smaller(FILTERS_PER_PACKET, hold->options->count - hold->begun));
    if (count == 0)
        return;
    struct bytes filters = {0};
    for (uint32_t i = 0; i < count; i++) {
        char filter[TOPIC_MAX];
        uint32_t number = hold->begun++;
        snprintf(filter, sizeof filter, "site/%u/room/%u/device/%u/+", number / 1000, number / 10 % 100, number);
        wire_add_filter(&filters, filter, 1);
    }
    *made += count;
    wire_subscribe(link_out(&hold->links, link), (uint8_t)hold->options->version,
                   (uint16_t)(*made / FILTERS_PER_PACKET + 1), &filters);
    bytes_free(&filters);
}

static uint32_t retained_links(const struct options *options)
{
    return smaller(options->count, LINKS_AT_ONCE);
}

static void retained_next(struct hold *hold, struct link *link)
{
    if (hold->begun >= hold->options->count)
        return;
    char topic[TOPIC_MAX];
    const struct stamp stamp = {.number = hold->begun++};
    snprintf(topic, sizeof topic, "site/%u/room/%u/device/%u/state", stamp.number / 1000, stamp.number / 10 % 100,
             stamp.number);
    const struct publish_form form = {.version = (uint8_t)hold->options->version,
                                      .qos = 1,
                                      .is_retained = true,
                                      .topic = topic,
                                      .topic_length = (uint16_t)strlen(topic),
                                      .payload_length = hold->options->payload};
    struct bytes *out = link_out(&hold->links, link);
    wire_publish_head(out, &form, (uint16_t)(stamp.number % UINT16_MAX + 1));
    stamp_write(&stamp, bytes_extend(out, form.payload_length), form.payload_length);
}

static const struct kind kinds[] = {
    {"connections", connections_links, connections_next},
    {"sessions", sessions_links, sessions_next},
    {"subscriptions", subscriptions_links, subscriptions_next},
    {"retained", retained_links, retained_next},
};

/* ---- answers ---- */

static void on_connack(struct hold *hold, struct link *link, const struct packet *packet)
{
    uint16_t receive_maximum;
    uint8_t reason = wire_read_connack(packet, (uint8_t)hold->options->version, &receive_maximum);
    if (reason != 0)
        fail("CONNECT was refused with 0x%02X", reason);
    hold->connected++;
    hold->kind->next(hold, link);
}

static void on_suback(struct hold *hold, struct link *link, const struct packet *packet)
{
    if (wire_suback_reason(packet, (uint8_t)hold->options->version) >= FAILURE_FROM)
        fail("a SUBSCRIBE was refused when %u subscriptions stood", hold->made);
    hold->made += packet->length - (hold->options->version == VERSION_5 ? 3 : 2);
    hold->kind->next(hold, link);
}

static void on_packet(void *context, struct link *link, const struct packet *packet)
{
    struct hold *hold = context;
    uint16_t identifier;
    uint8_t reason;
    switch (packet->type) {
    case CONNACK:
        on_connack(hold, link, packet);
        break;
    case SUBACK:
        on_suback(hold, link, packet);
        break;
    case PUBACK:
        if (!wire_read_acknowledgement(packet, &identifier, &reason) || reason >= FAILURE_FROM)
            fail("a PUBLISH was refused when %u messages were retained", hold->made);
        hold->made++;
        hold->kind->next(hold, link);
        break;
    default:
        faults_add(&hold->faults, FAULT_UNEXPECTED, 1, "a packet of type %d came", packet->type);
    }
}

static void on_end(void *context, struct link *link)
{
    struct hold *hold = context;
    if (strcmp(hold->kind->name, "sessions") != 0) {
        faults_add(&hold->faults, FAULT_CLOSED, 1, "the broker closed connection %u", link->number);
        return;
    }
    hold->made++;
    if (hold->opened < hold->options->count)
        open_next(hold, link);
}

/* ---- the course ---- */

static const struct kind *kind_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    fail("there is nothing to measure that is called \"%s\"", name);
}

static void make_all(struct hold *hold)
{
    uint64_t end = now_ns() + limit_ns;
    while (hold->made < hold->options->count) {
        links_turn(&hold->links, 10000000);
        if (faults_any(&hold->faults) || now_ns() > end)
            fail("%u of %u %s; %s", hold->made, hold->options->count, hold->kind->name,
                 hold->faults.first[0] != '\0' ? hold->faults.first : "the time is over");
    }
}

/* Who makes subscriptions or retained messages is not part of what they cost: those links stand before. */
static void open_first(struct hold *hold, bool is_before)
{
    void (*next)(struct hold *, struct link *) = hold->kind->next;
    bool is_apart = next == subscriptions_next || next == retained_next;
    if (is_before != is_apart)
        return;
    for (uint32_t i = 0; i < smaller(hold->links.count, LINKS_AT_ONCE); i++)
        open_next(hold, &hold->links.link[i]);
}

static void stand_idle(struct hold *hold, struct link *link)
{
    (void)link;
    if (hold->opened < hold->links.count)
        open_next(hold, &hold->links.link[hold->opened]);
}

/* Connects those links first, so that their memory is not counted. */
static void prepare(struct hold *hold)
{
    const struct kind *kind = hold->kind;
    const struct kind idle = {kind->name, NULL, stand_idle};
    open_first(hold, true);
    hold->kind = &idle;
    while (hold->connected < hold->links.count && hold->opened > 0)
        links_turn(&hold->links, 10000000);
    hold->kind = kind;
    processes_await_rest(&hold->processes);
}

static void begin(struct hold *hold)
{
    open_first(hold, false);
    for (uint32_t i = 0; i < hold->links.count && hold->connected > 0; i++)
        hold->kind->next(hold, &hold->links.link[i]);
}

int hold_run(const struct options *options)
{
    struct hold hold = {.options = options, .kind = kind_by_name(options->what)};
    processes_parse(&hold.processes, options->processes);
    links_init(&hold.links, (uint16_t)options->port, hold.kind->links(options));
    hold.links.on_packet = on_packet;
    hold.links.on_end = on_end;
    hold.links.context = &hold;
    hold.made_by = allocate(hold.links.count, sizeof *hold.made_by);

    prepare(&hold);
    uint64_t memory = processes_memory_bytes(&hold.processes);
    uint64_t cpu = processes_cpu_ns(&hold.processes);
    uint64_t time = now_ns();
    begin(&hold);
    make_all(&hold);
    double seconds = (double)(now_ns() - time) / 1e9;
    double cpu_us = (double)(processes_cpu_ns(&hold.processes) - cpu) / 1e3;
    processes_await_rest(&hold.processes);
    uint64_t memory_after = processes_memory_bytes(&hold.processes);

    report_begin();
    report_number("count", options->count);
    report_number("per_second", options->count / seconds);
    report_number("cpu_us_each", cpu_us / options->count);
    report_number("bytes_each", ((double)memory_after - (double)memory) / options->count);
    report_number("memory_before_bytes", (double)memory);
    report_faults(&hold.faults);
    report_end();
    links_deinit(&hold.links);
    free(hold.made_by);
    return faults_any(&hold.faults) ? 1 : 0;
}
