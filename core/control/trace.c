/* A trace has a leg on each worker. The leg's mail goes there and back: with the worker it waits for something to tell,
 * which it then brings; what happens meanwhile is kept up to a bound, and counted beyond it. So a client that doesn't
 * read holds nobody up. To stop, another mail of the leg goes; when it is back, nothing of the leg is under way. */
#include "control/trace.h"

#include "base/clock.h"
#include "base/memory.h"
#include "broker/client.h"
#include "config/config.h"
#include "control/command.h"
#include "control/json_line.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"
#include "plugin/route.h"
#include "plugin/route_meter.h"

#include <string.h>

enum { TRACE_KEPT_MAX = 256 * 1024 };

struct trace_tap {
    struct route_trace trace;
    struct list legs; /* trace_leg.link: the worker's */
};

struct trace_leg {
    struct control_mail mail;
    struct control_mail stop;
    struct trace *trace;
    struct trace_tap *tap;
    struct list link;
    struct buffer batch; /* travels with the mail */
    uint32_t worker;
    bool is_held_back; /* the mail has come, and the client has not read enough. The controller's */

    /* The worker's, until the stop mail is back. */
    struct buffer kept;
    uint64_t lost; /* lines for which there was no room */
    bool has_mail;
};

struct trace {
    struct list link; /* of control->traces */
    struct control *control;
    struct control_connection *connection; /* NULL: it has gone */
    gmq_view client;                       /* copies, behind the legs; data NULL: any */
    gmq_view filter;
    uint32_t leg_count;
    uint32_t started; /* legs that are on their worker */
    uint32_t stopped;
    struct trace_leg legs[];
};

/* ---- the worker's side ---- */

/* The first filter of SUBSCRIBE or UNSUBSCRIBE that the trace is about; `data` NULL: none. */
static gmq_view filter_of(const struct trace *trace, const struct gmq_packet *packet)
{
    const struct gmq_subscribe *subscribe = (const struct gmq_subscribe *)packet;
    const struct gmq_unsubscribe *unsubscribe = (const struct gmq_unsubscribe *)packet;
    bool is_subscribe = packet->type == GMQ_SUBSCRIBE;
    uint32_t count = is_subscribe ? subscribe->count : unsubscribe->count;
    for (uint32_t i = 0; i < count; i++) {
        gmq_view filter = is_subscribe ? subscribe->entries[i].topic_filter : unsubscribe->topic_filters[i];
        if (trace->filter.data == NULL || gmq_view_same(trace->filter, filter) ||
            (!topic_has_wildcard(filter) && topic_matches(trace->filter, filter)))
            return filter;
    }
    return gmq_view_make(NULL, 0);
}

static bool has_filters(const struct gmq_packet *packet)
{
    return packet->type == GMQ_SUBSCRIBE || packet->type == GMQ_UNSUBSCRIBE;
}

static bool topic_matches_packet(const struct trace *trace, const struct gmq_packet *packet)
{
    if (packet == NULL)
        return false;
    if (packet->type == GMQ_PUBLISH)
        return topic_matches(trace->filter, ((const struct gmq_publish *)packet)->topic);
    return has_filters(packet) && filter_of(trace, packet).data != NULL;
}

static bool trace_wants(const struct trace *trace, const gmq_call *call)
{
    if (trace->client.data != NULL)
        return call->client != NULL && gmq_view_same(trace->client, client_identifier_view(call->client));
    return topic_matches_packet(trace, call->packet);
}

/* What there was no room for comes behind what there was. */
static void leg_tell(struct trace_leg *leg)
{
    if (!leg->has_mail || (leg->kept.length == 0 && leg->lost == 0))
        return;
    if (leg->lost != 0) {
        json_line_begin(&leg->kept, "lost");
        json_number(&leg->kept, "count", leg->lost);
        json_line_end(&leg->kept);
        leg->lost = 0;
    }
    leg->has_mail = false;
    leg->batch = leg->kept;
    buffer_init(&leg->kept);
    control_mail_return(&leg->mail);
}

static bool leg_has_room(struct trace_leg *leg)
{
    bool has_room = leg->kept.length < TRACE_KEPT_MAX && !leg->kept.is_failed;
    leg->lost += has_room ? 0 : 1;
    return has_room;
}

static void write_packet(struct buffer *line, const struct trace *trace, const gmq_call *call)
{
    const struct gmq_packet *packet = call->packet;
    if (packet == NULL) {
        json_text(line, "route", "callback");
        json_text(line, "packet", config_event_name((gmq_event)call->route->type));
        return;
    }
    json_text(line, "route", call->direction == GMQ_INCOMING ? "incoming" : "outgoing");
    json_text(line, "packet", packet_type_name(packet->type));
    if (packet->type == GMQ_PUBLISH) {
        const struct gmq_publish *publish = (const struct gmq_publish *)packet;
        json_view(line, "topic", publish->topic);
        json_number(line, "qos", publish->qos);
        json_number(line, "payload_bytes", publish->payload.length);
    } else if (has_filters(packet)) {
        json_view(line, "topic", filter_of(trace, packet));
    }
}

static void line_begin(struct trace_leg *leg, const char *type, const gmq_call *call)
{
    struct buffer *line = &leg->kept;
    char time[32];
    clock_wall_text(time, sizeof(time));
    json_line_begin(line, type);
    json_text(line, "time", time);
    json_number(line, "worker", call->worker);
    json_number(line, "generation", call->generation->number);
    if (call->client != NULL)
        json_view(line, "client", client_identifier_view(call->client));
    else
        json_text(line, "client", NULL);
    write_packet(line, leg->trace, call);
}

static void write_step(struct buffer *line, const gmq_call *call)
{
    const struct route_step *step = &call->route->steps[call->step];
    json_number(line, "step", call->step);
    json_text(line, "plugin", step->plugin->name);
    json_text(line, "handler", step->entry->handler);
}

static const char *verdict_text(gmq_verdict verdict)
{
    static const char *const names[] = {[GMQ_NEXT] = "next",
                                        [GMQ_DONE] = "done",
                                        [GMQ_REJECT] = "reject",
                                        [GMQ_CLOSE] = "close",
                                        [GMQ_DEFER] = "defer"};
    return (unsigned)verdict < sizeof(names) / sizeof(names[0]) ? names[verdict] : "?";
}

static void write_verdict(struct buffer *line, const gmq_call *call, gmq_verdict verdict)
{
    json_text(line, "verdict", verdict_text(verdict));
    if (verdict == GMQ_REJECT || verdict == GMQ_CLOSE)
        json_number(line, "reason", call->reason);
}

/* What happened, for all that want it. `write` adds what is particular. */
struct trace_event {
    const char *type;
    const gmq_call *call;
    gmq_verdict verdict;
    uint64_t ns;
    bool is_timeout;
};

typedef void trace_write(struct buffer *line, const struct trace_event *event);

static void tap_tell(struct route_trace *route_trace, const struct trace_event *event, trace_write *write)
{
    struct trace_tap *tap = LIST_OBJECT(route_trace, struct trace_tap, trace);
    for (struct list *link = tap->legs.next; link != &tap->legs; link = link->next) {
        struct trace_leg *leg = LIST_OBJECT(link, struct trace_leg, link);
        if (!trace_wants(leg->trace, event->call) || !leg_has_room(leg))
            continue;
        line_begin(leg, event->type, event->call);
        write(&leg->kept, event);
        json_line_end(&leg->kept);
        leg_tell(leg);
    }
}

static void tap_begin(struct route_trace *trace, const gmq_call *call)
{
    (void)trace;
    (void)call;
}

static void write_skipped(struct buffer *line, const struct trace_event *event)
{
    write_step(line, event->call);
}

static void tap_skipped(struct route_trace *trace, const gmq_call *call)
{
    tap_tell(trace, &(struct trace_event){.type = "skipped", .call = call}, write_skipped);
}

static void write_passed(struct buffer *line, const struct trace_event *event)
{
    write_step(line, event->call);
    write_verdict(line, event->call, event->verdict);
    json_number(line, "took_ns", event->ns);
}

static void tap_passed(struct route_trace *trace, const gmq_call *call, gmq_verdict verdict, uint64_t took_ns)
{
    tap_tell(trace, &(struct trace_event){.type = "passed", .call = call, .verdict = verdict, .ns = took_ns},
             write_passed);
}

static void write_end(struct buffer *line, const struct trace_event *event)
{
    (void)line;
    (void)event;
}

/* How a route ends is what its last handler answered; but for a packet that came and that none took. */
static void tap_end(struct route_trace *trace, const gmq_call *call, gmq_verdict verdict)
{
    if (verdict == GMQ_NEXT && call->packet != NULL && call->direction == GMQ_INCOMING)
        tap_tell(trace, &(struct trace_event){.type = "unhandled", .call = call}, write_end);
}

static void write_settled(struct buffer *line, const struct trace_event *event)
{
    write_step(line, event->call);
    write_verdict(line, event->call, event->verdict);
    json_number(line, "waited_ns", event->ns);
    json_bool(line, "is_timeout", event->is_timeout);
}

static void tap_settled(struct route_trace *trace, const gmq_call *call, gmq_verdict verdict, uint64_t waited_ns,
                        bool is_timeout)
{
    struct trace_event event = {
        .type = "settled", .call = call, .verdict = verdict, .ns = waited_ns, .is_timeout = is_timeout};
    tap_tell(trace, &event, write_settled);
}

/* The mail comes for the first time, or with room for more. */
static void leg_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct trace_leg *leg = (struct trace_leg *)(void *)mail;
    leg->has_mail = true;
    if (list_is_empty(&leg->link)) {
        list_append(&leg->tap->legs, &leg->link);
        shard->meter.trace = &leg->tap->trace;
        leg->has_mail = false;
        control_mail_return(&leg->mail); /* says that it has begun */
        return;
    }
    leg_tell(leg);
}

static void leg_stop_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct trace_leg *leg = LIST_OBJECT(mail, struct trace_leg, stop.mail);
    list_remove(&leg->link);
    if (list_is_empty(&leg->tap->legs))
        shard->meter.trace = NULL;
    control_mail_return(&leg->stop);
}

/* ---- the controller's side ---- */

struct trace_tap *trace_taps_new(uint32_t worker_count)
{
    struct trace_tap *taps = mem_alloc_zero(worker_count, sizeof(*taps));
    for (uint32_t i = 0; taps != NULL && i < worker_count; i++) {
        taps[i].trace = (struct route_trace){tap_begin, tap_skipped, tap_passed, tap_end, tap_settled};
        list_init(&taps[i].legs);
    }
    return taps;
}

void trace_taps_free(struct trace_tap *taps)
{
    mem_free(taps);
}

static void trace_free(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->leg_count; i++) {
        buffer_deinit(&trace->legs[i].batch);
        buffer_deinit(&trace->legs[i].kept);
    }
    list_remove(&trace->link);
    mem_free(trace);
}

static void leg_send_on(struct trace_leg *leg)
{
    leg->is_held_back = control_connection_pending(leg->trace->connection) >= CONTROL_OUTPUT_ENOUGH;
    if (!leg->is_held_back)
        control_mail_send(&leg->mail, leg->worker);
}

static void leg_returned(struct control_mail *mail)
{
    struct trace_leg *leg = (struct trace_leg *)(void *)mail;
    struct trace *trace = leg->trace;
    struct control_connection *connection = trace->connection;
    if (connection == NULL)
        return; /* the stop mail is behind it */
    struct buffer *output = &connection->output;
    if (trace->started < trace->leg_count && ++trace->started == trace->leg_count) {
        json_line_begin(output, "tracing");
        json_line_end(output);
    }
    output->is_failed |= leg->batch.is_failed;
    buffer_append(output, leg->batch.bytes, leg->batch.length);
    buffer_deinit(&leg->batch);
    leg_send_on(leg);
    control_connection_settle(connection);
}

static void leg_stopped(struct control_mail *mail)
{
    struct trace_leg *leg = LIST_OBJECT(mail, struct trace_leg, stop);
    if (++leg->trace->stopped == leg->trace->leg_count)
        trace_free(leg->trace);
}

void trace_go_on(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->leg_count; i++) {
        if (trace->legs[i].is_held_back)
            leg_send_on(&trace->legs[i]);
    }
}

void trace_abandon(struct trace *trace)
{
    trace->connection = NULL;
    for (uint32_t i = 0; i < trace->leg_count; i++)
        control_mail_send(&trace->legs[i].stop, i);
}

void trace_free_all(struct control *control)
{
    while (!list_is_empty(&control->traces))
        trace_free(LIST_OBJECT(control->traces.next, struct trace, link));
}

static void leg_init(struct trace *trace, uint32_t worker)
{
    struct trace_leg *leg = &trace->legs[worker];
    leg->mail = (struct control_mail){{.handle = leg_arrived}, trace->control, leg_returned};
    leg->stop = (struct control_mail){{.handle = leg_stop_arrived}, trace->control, leg_stopped};
    leg->trace = trace;
    leg->tap = &trace->control->taps[worker];
    leg->worker = worker;
    list_init(&leg->link);
    buffer_init(&leg->batch);
    buffer_init(&leg->kept);
}

static gmq_view view_copy(char **room, gmq_view view)
{
    if (view.data == NULL)
        return view;
    memcpy(*room, view.data, view.length);
    gmq_view copy = gmq_view_make(*room, view.length);
    *room += view.length;
    return copy;
}

static struct trace *trace_new(struct control_connection *connection, const struct command_arguments *arguments)
{
    struct control *control = connection->control;
    uint32_t count = control->controller->crew->count;
    size_t size = sizeof(struct trace) + count * sizeof(struct trace_leg);
    struct trace *trace = mem_alloc_zero(1, size + arguments->client.length + arguments->topic.length);
    if (trace == NULL)
        return NULL;
    char *room = (char *)trace + size;
    trace->control = control;
    trace->connection = connection;
    trace->client = view_copy(&room, arguments->client);
    trace->filter = view_copy(&room, arguments->topic);
    trace->leg_count = count;
    for (uint32_t i = 0; i < count; i++)
        leg_init(trace, i);
    list_append(&control->traces, &trace->link);
    return trace;
}

void command_trace(struct control_connection *connection, const struct command_arguments *arguments)
{
    if ((arguments->client.data == NULL) == (arguments->topic.data == NULL)) {
        answer_refuse(connection, "trace needs either \"client\" or \"topic\"");
        return;
    }
    connection->trace = trace_new(connection, arguments);
    if (connection->trace == NULL) {
        answer_refuse(connection, "the broker's memory is out");
        return;
    }
    for (uint32_t i = 0; i < connection->trace->leg_count; i++)
        control_mail_send(&connection->trace->legs[i].mail, i);
}
