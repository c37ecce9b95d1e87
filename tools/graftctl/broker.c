/* The broker as a whole. */
#include "answer.h"
#include "command.h"
#include "link.h"

#include <stdio.h>

static void print_title(const char *title)
{
    printf(is_coloured() ? "\033[1m%-15s\033[0m " : "%-15s ", title);
}

static void print_number(const json_t *line, const char *title, const char *key)
{
    print_title(title);
    printf("%lld\n", (long long)json_integer_value(json_object_get(line, key)));
}

static void print_cell(const json_t *line, const char *title, const char *key, table_cell *cell)
{
    char text[64];
    cell(line, key, text, sizeof(text));
    print_title(title);
    printf("%s\n", text);
}

static void print_text(const json_t *line, const char *title, const char *key)
{
    print_title(title);
    print_safely(line_text(line, key));
    putchar('\n');
}

static void print_listeners(const json_t *line)
{
    const json_t *listener, *address;
    size_t index, other;
    json_array_foreach(json_object_get(line, "listeners"), index, listener)
    {
        json_array_foreach(json_object_get(listener, "addresses"), other, address)
        {
            print_title(index == 0 && other == 0 ? "listeners" : "");
            print_safely(line_text(listener, "name"));
            printf(" on ");
            print_safely(json_string_value(address));
            putchar('\n');
        }
    }
}

static void print_generation(const json_t *line)
{
    long long draining = json_integer_value(json_object_get(line, "draining_generations"));
    const json_t *recalled = json_object_get(line, "recalled"), *back = json_object_get(line, "rollback_to");
    print_title("generation");
    printf("%lld", (long long)json_integer_value(json_object_get(line, "generation")));
    if (draining != 0)
        printf(", %lld older still in use", draining);
    putchar('\n');
    if (json_is_integer(recalled)) {
        print_title("");
        printf("brought back from generation %lld: NOT what the configuration file says\n",
               (long long)json_integer_value(recalled));
    }
    print_title("rollback");
    if (json_is_integer(back))
        printf("to generation %lld\n", (long long)json_integer_value(back));
    else
        printf("nothing to go back to\n");
}

static void print_retired(const json_t *line)
{
    char size[32];
    cell_bytes(line, "retired_bytes", size, sizeof(size));
    long long count = json_integer_value(json_object_get(line, "retired_libraries"));
    if (count == 0)
        return;
    print_title("retired");
    printf("%lld plugins stay mapped, %s\n", count, size);
}

static void print_status(const json_t *line)
{
    print_text(line, "version", "version");
    print_number(line, "process", "process");
    print_cell(line, "uptime", "uptime_ms", cell_ms);
    print_text(line, "configuration", "configuration");
    print_generation(line);
    print_listeners(line);
    print_number(line, "workers", "workers");
    print_number(line, "connections", "connections");
    print_number(line, "sessions", "sessions");
    print_number(line, "subscriptions", "subscriptions");
    print_number(line, "retained", "retained_messages");
    print_cell(line, "memory", "resident_bytes", cell_bytes);
    print_retired(line);
}

int run_status(const struct request *request)
{
    int code = EXIT_REFUSED;
    json_t *line;
    answer_ask("status", NULL, NULL);
    while ((line = answer_next(request, NULL, &code)) != NULL) {
        if (!request->is_json)
            print_status(line);
        json_decref(line);
    }
    return code;
}
