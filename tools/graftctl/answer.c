/* Answers of the broker. */
#include "answer.h"

#include "link.h"

#include <stdio.h>

void answer_ask(const char *command, const char *client, const char *topic)
{
    json_t *request = json_pack("{s:s}", "command", command);
    if (client != NULL && json_object_set_new(request, "client", json_string(client)) != 0)
        fail(EXIT_USAGE, "the client's name is no UTF-8 text");
    if (topic != NULL && json_object_set_new(request, "topic", json_string(topic)) != 0)
        fail(EXIT_USAGE, "the topic is no UTF-8 text");
    link_send(request);
}

void print_lines(const json_t *line, const char *key, const char *before)
{
    const json_t *text;
    size_t index;
    fflush(stdout);
    json_array_foreach(json_object_get(line, key), index, text)
    {
        fprintf(stderr, "graftctl: %s%s\n", before, json_string_value(text));
    }
    if (json_is_integer(json_object_get(line, "left_out")))
        fprintf(stderr, "graftctl: and %lld more\n", (long long)json_integer_value(json_object_get(line, "left_out")));
}

json_t *answer_next(const struct request *request, json_t **end, int *code)
{
    const char *text;
    json_t *line = link_receive(&text);
    bool is_end = line_is(line, "end");
    if (request->is_json && !is_end)
        fputs(text, stdout);
    if (!is_end)
        return line;
    bool is_done = json_is_true(json_object_get(line, "ok"));
    *code = is_done ? EXIT_DONE : EXIT_REFUSED;
    if (request->is_json && end != NULL)
        fputs(text, stdout);
    else if (!is_done)
        print_lines(line, "errors", "");
    if (end != NULL)
        *end = line;
    else
        json_decref(line);
    return NULL;
}

json_t *answer_end(const struct request *request, int *code)
{
    json_t *line, *end = NULL;
    while ((line = answer_next(request, &end, code)) != NULL)
        json_decref(line);
    return end;
}

int answer_list(const struct request *request, const struct table_column *columns, const char *name)
{
    struct table table;
    int code = EXIT_REFUSED;
    json_t *line;
    table_init(&table, columns);
    while ((line = answer_next(request, NULL, &code)) != NULL) {
        if (request->is_names) {
            print_safely(line_text(line, name));
            putchar('\n');
        } else if (!request->is_json) {
            table_add(&table, line);
        }
        json_decref(line);
    }
    if (code == EXIT_DONE && !request->is_names && !request->is_json)
        table_print(&table);
    return code;
}
