/* Lists: clients, sessions, subscriptions, plugins, routes. */
#include "answer.h"
#include "command.h"
#include "link.h"

#include <stdio.h>
#include <string.h>

static const char *client_of(const struct request *request)
{
    return request->client != NULL ? request->client : request->argument;
}

int run_clients(const struct request *request)
{
    static const struct table_column columns[] = {
        {"CLIENT", "client", NULL, false, true},
        {"USER", "user", NULL, false, true},
        {"ADDRESS", "address", NULL, false, true},
        {"LISTENER", "listener", NULL, false, true},
        {"MQTT", "version", NULL, false, false},
        {"STATE", "state", NULL, false, false},
        {"WORKER", "worker", NULL, true, false},
        {"SUBSCRIPTIONS", "subscriptions", NULL, true, false},
        {"IN FLIGHT", "in_flight", NULL, true, false},
        {"QUEUED", "queued", NULL, true, false},
        {"UNWRITTEN", "unwritten_bytes", cell_bytes, true, false},
        {"SILENT", "silent_ms", cell_ms, true, false},
        {NULL, NULL, NULL, false, false},
    };
    answer_ask("clients", client_of(request), NULL);
    return answer_list(request, columns, "client");
}

int run_sessions(const struct request *request)
{
    static const struct table_column columns[] = {
        {"CLIENT", "client", NULL, false, true},           {"CONNECTED", "is_connected", cell_bool, false, false},
        {"WORKER", "worker", NULL, true, false},           {"EXPIRY", "expiry_seconds", cell_seconds, true, false},
        {"ENDS IN", "ends_in_ms", cell_ms, true, false},   {"SUBSCRIPTIONS", "subscriptions", NULL, true, false},
        {"IN FLIGHT", "in_flight", NULL, true, false},     {"QUEUED", "queued", NULL, true, false},
        {"SIZE", "queued_bytes", cell_bytes, true, false}, {"DROPPED", "dropped", NULL, true, false},
        {"WILL", "has_will", cell_bool, false, false},     {NULL, NULL, NULL, false, false},
    };
    answer_ask("sessions", client_of(request), NULL);
    return answer_list(request, columns, "client");
}

int run_subscriptions(const struct request *request)
{
    static const struct table_column columns[] = {
        {"CLIENT", "client", NULL, false, true},
        {"FILTER", "filter", NULL, false, true},
        {"SHARE", "share", NULL, false, true},
        {"QOS", "qos", NULL, true, false},
        {"NO LOCAL", "no_local", cell_bool, false, false},
        {"AS PUBLISHED", "retain_as_published", cell_bool, false, false},
        {"IDENTIFIER", "identifier", NULL, true, false},
        {"CONNECTED", "is_connected", cell_bool, false, false},
        {"WORKER", "worker", NULL, true, false},
        {NULL, NULL, NULL, false, false},
    };
    answer_ask("subscriptions", request->client, request->topic != NULL ? request->topic : request->argument);
    return answer_list(request, columns, "client");
}

/* Those that there were, as "12 next, 3 done". */
static void cell_verdicts(const json_t *line, const char *key, char *text, size_t size)
{
    static const char *const names[] = {"next", "done", "reject", "close", "defer"};
    const json_t *verdicts = json_object_get(line, key);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        long long count = (long long)json_integer_value(json_object_get(verdicts, names[i]));
        if (count != 0 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%lld %s", used != 0 ? ", " : "", count, names[i]);
    }
}

/* What went wrong, as "2 slow, 1 late, 4 failed". */
static void cell_trouble(const json_t *line, const char *key, char *text, size_t size)
{
    static const struct {
        const char *key;
        const char *name;
    } kinds[] = {{"overruns", "slow"}, {"timeouts", "late"}, {"faults", "failed"}};
    size_t used = 0;
    (void)key;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        long long count = (long long)json_integer_value(json_object_get(line, kinds[i].key));
        if (count != 0 && used < size)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%lld %s", used != 0 ? ", " : "", count, kinds[i].name);
    }
}

static void cell_short(const json_t *line, const char *key, char *text, size_t size)
{
    snprintf(text, size, "%.12s", line_text(line, key));
}

int run_plugins(const struct request *request)
{
    static const struct table_column columns[] = {
        {"PLUGIN", "plugin", NULL, false, true},
        {"VERSION", "version", NULL, false, true},
        {"GENERATION", "generation", NULL, true, false},
        {"BUILD ID", "build_id", cell_short, false, false},
        {"CALLS", "calls", NULL, true, false},
        {"VERDICTS", "verdicts", cell_verdicts, false, true},
        {"MEDIAN", "median_ns", cell_ns, true, false},
        {"P99", "p99_ns", cell_ns, true, false},
        {"TROUBLE", "overruns", cell_trouble, false, true},
        {"PATH", "path", NULL, false, true},
        {NULL, NULL, NULL, false, false},
    };
    answer_ask("plugins", NULL, NULL);
    return answer_list(request, columns, "plugin");
}

/* ---- routes ---- */

static void cell_handler(const json_t *line, const char *key, char *text, size_t size)
{
    (void)key;
    snprintf(text, size, "%s:%s", line_text(line, "plugin"), line_text(line, "handler"));
}

static void write_condition(const json_t *line, const char *key, char *text, size_t size)
{
    char list[2048];
    size_t used = strlen(text);
    cell_list(line, key, list, sizeof(list));
    if (list[0] != '\0')
        snprintf(text + used, size - used, "%s%s: %s", used != 0 ? "; " : "", key, list);
}

static void cell_conditions(const json_t *line, const char *key, char *text, size_t size)
{
    (void)key;
    text[0] = '\0';
    write_condition(line, "topics", text, size);
    write_condition(line, "listeners", text, size);
    write_condition(line, "versions", text, size);
}

static void cell_defer(const json_t *line, const char *key, char *text, size_t size)
{
    const json_t *limit = json_object_get(line, key);
    const char *then = line_text(line, "defer_at_limit");
    text[0] = '\0';
    if (json_is_integer(limit))
        snprintf(text, size, "%lld ms", (long long)json_integer_value(limit));
    if (then[0] != '\0')
        snprintf(text + strlen(text), size - strlen(text), "%s%s", text[0] != '\0' ? ", then " : "then ", then);
}

int run_routes(const struct request *request)
{
    static const struct table_column columns[] = {
        {"ROUTE", "route", NULL, false, false},
        {"PACKET", "packet", NULL, false, false},
        {"STEP", "step", NULL, true, false},
        {"HANDLER", "handler", cell_handler, false, true},
        {"CONDITIONS", "topics", cell_conditions, false, true},
        {"DEFER", "defer_ms", cell_defer, false, false},
        {"CALLS", "calls", NULL, true, false},
        {"VERDICTS", "verdicts", cell_verdicts, false, true},
        {"MEDIAN", "median_ns", cell_ns, true, false},
        {"P99", "p99_ns", cell_ns, true, false},
        {"TROUBLE", "overruns", cell_trouble, false, true},
        {"ARGUMENTS", "arguments", cell_json, false, true},
        {NULL, NULL, NULL, false, false},
    };
    answer_ask("routes", NULL, NULL);
    return answer_list(request, columns, "plugin");
}
