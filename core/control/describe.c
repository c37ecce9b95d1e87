/* What the controller knows itself: the broker as a whole, its routes as they are wired, its plugins. */
#include "base/clock.h"
#include "control/command.h"
#include "control/json_line.h"
#include "net/address.h"
#include "plugin/config_lease.h"
#include "plugin/handler_statistics.h"

#include <graftmq/call.h>
#include <stdio.h>
#include <unistd.h>

/* ---- status ---- */

static uint64_t resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_listeners(struct buffer *line, const struct listener_set *listeners)
{
    char text[ADDRESS_TEXT_SIZE];
    json_begin(line, "listeners", '[');
    for (size_t i = 0; listeners != NULL && i < listeners->count; i++) {
        const struct listener *listener = listeners->listeners[i];
        json_begin(line, NULL, '{');
        json_text(line, "name", listener->name);
        json_begin(line, "addresses", '[');
        for (uint32_t j = 0; j < listener->address_count; j++)
            json_text(line, NULL, address_text(&listener->addresses[j], text, sizeof(text)));
        json_end(line, ']');
        json_end(line, '}');
    }
    json_end(line, ']');
}

static size_t draining_count(const struct controller *controller)
{
    size_t count = 0;
    for (const struct list *link = controller->draining.next; link != &controller->draining; link = link->next)
        count++;
    return count;
}

static void write_generations(struct buffer *line, const struct controller *controller)
{
    struct library_retired retired = library_retired_total();
    json_number(line, "generation", controller->generation->number);
    json_number(line, "draining_generations", draining_count(controller));
    if (controller->recalled != 0)
        json_number(line, "recalled", controller->recalled);
    else
        json_text(line, "recalled", NULL);
    if (controller->keepsake != NULL)
        json_number(line, "rollback_to", controller->keepsake->number);
    else
        json_text(line, "rollback_to", NULL);
    json_number(line, "retired_libraries", retired.count);
    json_number(line, "retired_bytes", retired.bytes);
}

void command_status(struct control_connection *connection, const struct command_arguments *arguments)
{
    (void)arguments;
    const struct controller *controller = connection->control->controller;
    struct broker *broker = controller->broker;
    struct buffer *line = &connection->output;
    json_line_begin(line, "status");
    json_text(line, "version", GRAFTMQ_VERSION);
    json_number(line, "process", (uint64_t)getpid());
    json_number(line, "uptime_ms", (clock_now_ns() - connection->control->started_ns) / CLOCK_NS_PER_MS);
    json_text(line, "configuration", controller->options->file);
    json_text(line, "control", connection->control->path);
    write_generations(line, controller);
    json_number(line, "workers", broker->worker_count);
    json_number(line, "connections", atomic_load(&broker->connection_count));
    json_number(line, "sessions", atomic_load(&broker->session_count));
    json_number(line, "subscriptions", subscription_count(broker->subscriptions));
    json_number(line, "retained_messages", retained_store_count(broker->retained));
    json_number(line, "resident_bytes", resident_bytes());
    write_listeners(line, controller->listeners);
    json_line_end(line);
    answer_end_begin(connection, true);
    answer_end(connection);
}

/* ---- what handlers have done ---- */

static void figures_add(struct handler_figures *sum, const struct handler_figures *figures)
{
    sum->calls += figures->calls;
    for (size_t i = 0; i < HANDLER_VERDICTS; i++) {
        sum->verdicts[i] += figures->verdicts[i];
        sum->settled[i] += figures->settled[i];
    }
    sum->overruns += figures->overruns;
    sum->timeouts += figures->timeouts;
    sum->faults += figures->faults;
    sum->took_ns += figures->took_ns;
    if (figures->longest_ns > sum->longest_ns)
        sum->longest_ns = figures->longest_ns;
    for (size_t i = 0; i < HANDLER_BUCKETS; i++) {
        sum->took[i] += figures->took[i];
        sum->waited[i] += figures->waited[i];
    }
}

static void write_verdicts(struct buffer *line, const char *key, const uint64_t *verdicts)
{
    json_begin(line, key, '{');
    json_number(line, "next", verdicts[GMQ_NEXT]);
    json_number(line, "done", verdicts[GMQ_DONE]);
    json_number(line, "reject", verdicts[GMQ_REJECT]);
    json_number(line, "close", verdicts[GMQ_CLOSE]);
    json_number(line, "defer", verdicts[GMQ_DEFER]);
    json_end(line, '}');
}

static void write_figures(struct buffer *line, const struct handler_figures *figures)
{
    json_number(line, "calls", figures->calls);
    write_verdicts(line, "verdicts", figures->verdicts);
    write_verdicts(line, "settled", figures->settled);
    json_number(line, "overruns", figures->overruns);
    json_number(line, "timeouts", figures->timeouts);
    json_number(line, "faults", figures->faults);
    json_number(line, "took_ns", figures->took_ns);
    json_number(line, "median_ns", handler_buckets_within_ns(figures->took, 500));
    json_number(line, "p99_ns", handler_buckets_within_ns(figures->took, 990));
    json_number(line, "longest_ns", figures->longest_ns);
    json_number(line, "waited_median_ns", handler_buckets_within_ns(figures->waited, 500));
    json_number(line, "waited_p99_ns", handler_buckets_within_ns(figures->waited, 990));
}

/* ---- routes ---- */

static void write_topics(struct buffer *line, char *const *topics)
{
    if (topics == NULL) {
        json_text(line, "topics", NULL);
        return;
    }
    json_begin(line, "topics", '[');
    for (; *topics != NULL; topics++)
        json_text(line, NULL, *topics);
    json_end(line, ']');
}

static void write_condition_listeners(struct buffer *line, const struct config *config, const uint64_t *set)
{
    if (set == NULL) {
        json_text(line, "listeners", NULL);
        return;
    }
    json_begin(line, "listeners", '[');
    for (size_t i = 0; i < config->listener_count; i++) {
        if ((set[i / 64] >> (i % 64) & 1) != 0)
            json_text(line, NULL, config->listeners[i].name);
    }
    json_end(line, ']');
}

static void write_versions(struct buffer *line, uint8_t versions)
{
    if (versions == CONFIG_VERSION_ALL) {
        json_text(line, "versions", NULL);
        return;
    }
    json_begin(line, "versions", '[');
    if ((versions & CONFIG_VERSION_3_1) != 0)
        json_text(line, NULL, "3.1");
    if ((versions & CONFIG_VERSION_3_1_1) != 0)
        json_text(line, NULL, "3.1.1");
    if ((versions & CONFIG_VERSION_5_0) != 0)
        json_text(line, NULL, "5.0");
    json_end(line, ']');
}

static const char *verdict_text(gmq_verdict verdict)
{
    return verdict == GMQ_NEXT ? "next" : verdict == GMQ_REJECT ? "reject" : verdict == GMQ_CLOSE ? "close" : NULL;
}

static void write_defer(struct buffer *line, const struct config_entry *entry)
{
    if (entry->defer_ms != 0)
        json_number(line, "defer_ms", entry->defer_ms);
    else
        json_text(line, "defer_ms", NULL);
    json_text(line, "defer_at_limit", verdict_text(entry->defer_at_limit));
}

struct route_name {
    const char *direction;
    const char *name;
};

static void write_step(struct buffer *line, const struct generation *generation, struct route_name name,
                       const struct route *route, uint32_t index)
{
    const struct route_step *step = &route->steps[index];
    const struct config_entry *entry = step->entry;
    char place[CONFIG_PLACE_TEXT_SIZE];
    json_line_begin(line, "step");
    json_text(line, "route", name.direction);
    json_text(line, "packet", name.name);
    json_number(line, "step", index);
    json_text(line, "plugin", step->plugin->name);
    json_text(line, "handler", entry->handler);
    write_topics(line, entry->topics);
    write_condition_listeners(line, generation->config, entry->listeners);
    write_versions(line, entry->versions);
    write_defer(line, entry);
    json_raw(line, "arguments", gmq_settings_json(step->arguments));
    struct handler_figures figures;
    handler_figures_sum(generation, step, &figures);
    json_number(line, "budget_us", step->budget_ns / 1000);
    write_figures(line, &figures);
    json_text(line, "place", config_place_text(generation->config, &entry->place, place, sizeof(place)));
    json_line_end(line);
}

static void write_route(struct buffer *line, const struct generation *generation, struct route_name name,
                        const struct route *route)
{
    for (uint32_t i = 0; i < route->count; i++)
        write_step(line, generation, name, route, i);
}

void command_routes(struct control_connection *connection, const struct command_arguments *arguments)
{
    (void)arguments;
    const struct generation *generation = connection->control->controller->generation;
    struct buffer *line = &connection->output;
    char missing[256];
    for (size_t i = 1; i < CONFIG_PACKET_TYPES; i++)
        write_route(line, generation, (struct route_name){"incoming", packet_type_name((gmq_packet_type)i)},
                    &generation->incoming[i]);
    for (size_t i = 1; i < CONFIG_PACKET_TYPES; i++)
        write_route(line, generation, (struct route_name){"outgoing", packet_type_name((gmq_packet_type)i)},
                    &generation->outgoing[i]);
    for (size_t i = 0; i < CONFIG_EVENTS; i++)
        write_route(line, generation, (struct route_name){"callback", config_event_name((gmq_event)i)},
                    &generation->callbacks[i]);
    generation_missing_routes(generation, missing, sizeof(missing));
    answer_end_begin(connection, true);
    json_number(line, "generation", generation->number);
    json_text(line, "missing", missing);
    answer_end(connection);
}

/* ---- plugins ---- */

/* Of all steps of the generation that are the plugin's. */
static void routes_add(struct handler_figures *sum, const struct generation *generation, const struct route *routes,
                       size_t count, const struct gmq_plugin *plugin)
{
    struct handler_figures figures;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < routes[i].count; j++) {
            if (routes[i].steps[j].plugin != plugin)
                continue;
            handler_figures_sum(generation, &routes[i].steps[j], &figures);
            figures_add(sum, &figures);
        }
    }
}

static void write_plugin(struct buffer *line, const struct generation *generation, const struct gmq_plugin *plugin)
{
    struct handler_figures figures = {0};
    routes_add(&figures, generation, generation->incoming, CONFIG_PACKET_TYPES, plugin);
    routes_add(&figures, generation, generation->outgoing, CONFIG_PACKET_TYPES, plugin);
    routes_add(&figures, generation, generation->callbacks, CONFIG_EVENTS, plugin);
    const struct library *library = plugin->library;
    json_line_begin(line, "plugin");
    json_text(line, "plugin", plugin->name);
    json_text(line, "name", plugin->descriptor->name);
    json_text(line, "version", plugin->descriptor->version);
    json_text(line, "path", library->path_original);
    json_text(line, "content", library->copy.content);
    json_text(line, "build_id", library->copy.build_id[0] != '\0' ? library->copy.build_id : NULL);
    json_number(line, "size_bytes", library->copy.size);
    json_number(line, "generation", plugin->loaded_by);
    json_number(line, "generations", plugin->generations);
    write_figures(line, &figures);
    json_line_end(line);
}

void command_plugins(struct control_connection *connection, const struct command_arguments *arguments)
{
    (void)arguments;
    const struct generation *generation = connection->control->controller->generation;
    for (size_t i = 0; i < generation->plugin_count; i++)
        write_plugin(&connection->output, generation, generation->plugins[i]);
    answer_end_begin(connection, true);
    json_number(&connection->output, "generation", generation->number);
    answer_end(connection);
}
