/* Reload and rollback: asked for here, done as SIGHUP's is, answered when it serves or was refused. */
#include "control/command.h"
#include "control/json_line.h"

#include <string.h>

#define WARNING "warning: " /* as problems_warn begins a line */

static bool line_is_warning(const char *line)
{
    return strncmp(line, WARNING, sizeof(WARNING) - 1) == 0;
}

static void write_problems(struct buffer *line, const struct problems *problems, bool are_warnings)
{
    json_begin(line, are_warnings ? "warnings" : "errors", '[');
    for (size_t i = 0; i < problems->count; i++) {
        const char *text = problems->lines[i];
        if (line_is_warning(text) == are_warnings)
            json_text(line, NULL, text + (are_warnings ? sizeof(WARNING) - 1 : 0));
    }
    json_end(line, ']');
}

static void change_answered(struct controller_request *request, const struct controller_outcome *outcome)
{
    struct control_connection *connection = LIST_OBJECT(request, struct control_connection, request);
    struct controller *controller = connection->control->controller;
    struct buffer *line = &connection->output;
    answer_end_begin(connection, outcome->is_done);
    json_number(line, "generation", outcome->generation);
    json_text(line, "changed", outcome->difference);
    json_number(line, "took_ms", outcome->took_ms);
    if (controller->recalled != 0)
        json_number(line, "recalled", controller->recalled);
    else
        json_text(line, "recalled", NULL);
    write_problems(line, outcome->problems, true);
    if (!outcome->is_done)
        write_problems(line, outcome->problems, false);
    if (outcome->problems->left_out != 0)
        json_number(line, "left_out", outcome->problems->left_out);
    answer_end(connection);
    /* Whoever called may be at work on the connection: it is settled by the loop. */
    ev_feed_event(controller->loop, &connection->io, EV_CUSTOM);
}

static void change_ask(struct control_connection *connection, bool is_rollback)
{
    connection->request.is_rollback = is_rollback;
    connection->request.answer = change_answered;
    controller_ask(connection->control->controller, &connection->request);
}

void command_reload(struct control_connection *connection, const struct command_arguments *arguments)
{
    (void)arguments;
    change_ask(connection, false);
}

void command_rollback(struct control_connection *connection, const struct command_arguments *arguments)
{
    (void)arguments;
    change_ask(connection, true);
}
