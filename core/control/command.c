/* From a line of JSON to the function that answers it. */
#include "control/command.h"

#include "config/json_text.h"
#include "mqtt/topic.h"

#include <string.h>

enum { TAKES_CLIENT = 1, TAKES_TOPIC = 2, NEEDS_CLIENT = 4, TAKES_FILTER = 8 };

static const struct {
    const char *name;
    command_function *function;
    unsigned takes;
} commands[] = {
    {"status", command_status, 0},
    {"routes", command_routes, 0},
    {"plugins", command_plugins, 0},
    {"clients", command_clients, TAKES_CLIENT},
    {"sessions", command_sessions, TAKES_CLIENT},
    {"subscriptions", command_subscriptions, TAKES_CLIENT | TAKES_TOPIC},
    {"trace", command_trace, TAKES_CLIENT | TAKES_TOPIC | TAKES_FILTER},
    {"kick", command_kick, TAKES_CLIENT | NEEDS_CLIENT},
    {"reload", command_reload, 0},
    {"rollback", command_rollback, 0},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static gmq_view member_view(const json_t *request, const char *key)
{
    const json_t *value = json_object_get(request, key);
    if (value == NULL)
        return gmq_view_make(NULL, 0);
    return gmq_view_make(json_string_value(value), json_string_length(value));
}

static bool member_is_known(const char *key, unsigned takes)
{
    return strcmp(key, "version") == 0 || strcmp(key, "command") == 0 ||
           ((takes & TAKES_CLIENT) != 0 && strcmp(key, "client") == 0) ||
           ((takes & TAKES_TOPIC) != 0 && strcmp(key, "topic") == 0);
}

/* NULL, or what is wrong with the request of a known command; `what` is the member. */
static const char *arguments_problem(json_t *request, unsigned takes, const char **what)
{
    const char *key;
    json_t *value;
    json_object_foreach(request, key, value)
    {
        *what = key;
        if (!member_is_known(key, takes))
            return "the command doesn't take it";
        if (strcmp(key, "version") != 0 && !json_is_string(value))
            return "must be a text";
    }
    *what = "client";
    if ((takes & NEEDS_CLIENT) != 0 && json_object_get(request, "client") == NULL)
        return "is missing";
    *what = "topic";
    const json_t *topic = json_object_get(request, "topic");
    if (topic == NULL)
        return NULL;
    gmq_view view = member_view(request, "topic");
    if ((takes & TAKES_FILTER) != 0)
        return topic_is_filter(view) && !topic_is_shared(view) ? NULL : "is no topic filter, or one with \"$share/\"";
    return topic_is_name(view) ? NULL : "is no topic name: it is empty, or has wildcards";
}

static void command_call(struct control_connection *connection, json_t *request, size_t index)
{
    const char *what = NULL, *problem = arguments_problem(request, commands[index].takes, &what);
    if (problem != NULL) {
        answer_refuse(connection, "%s: \"%s\": %s", commands[index].name, what, problem);
        return;
    }
    struct command_arguments arguments = {member_view(request, "client"), member_view(request, "topic")};
    commands[index].function(connection, &arguments);
}

static void command_find(struct control_connection *connection, json_t *request)
{
    const json_t *version = json_object_get(request, "version");
    const char *name = json_string_value(json_object_get(request, "command"));
    if (!json_is_integer(version) || json_integer_value(version) != CONTROL_VERSION) {
        answer_refuse(connection, "this broker speaks version %d of the control protocol: \"version\": %d",
                      CONTROL_VERSION, CONTROL_VERSION);
        return;
    }
    for (size_t i = 0; name != NULL && i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            command_call(connection, request, i);
            return;
        }
    }
    answer_refuse(connection, "\"command\": there is no such command in this broker");
}

void command_run(struct control_connection *connection, gmq_view request)
{
    json_error_t error;
    json_memory_init();
    json_t *json = json_loadb(request.data, request.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json_is_object(json))
        command_find(connection, json);
    else
        answer_refuse(connection, "the request is no JSON object in one line");
    json_decref(json);
}
