/* What changes the broker: reload, rollback, kick. */
#include "answer.h"
#include "command.h"
#include "link.h"

#include <stdio.h>

static long long number_of(const json_t *line, const char *key)
{
    return (long long)json_integer_value(json_object_get(line, key));
}

static void print_change(const json_t *end)
{
    print_lines(end, "warnings", "warning: ");
    printf("generation %lld serves: ", number_of(end, "generation"));
    print_safely(line_text(end, "changed"));
    printf(" (took %lld ms)\n", number_of(end, "took_ms"));
    if (json_is_integer(json_object_get(end, "recalled")))
        printf("brought back from generation %lld; the next reload reads the configuration file again\n",
               number_of(end, "recalled"));
}

static int change(const struct request *request, const char *command)
{
    int code = EXIT_REFUSED;
    answer_ask(command, NULL, NULL);
    json_t *end = answer_end(request, &code);
    if (code == EXIT_DONE && !request->is_json)
        print_change(end);
    else if (code != EXIT_DONE && !request->is_json && json_is_integer(json_object_get(end, "generation")))
        fprintf(stderr, "graftctl: %s refused: generation %lld serves on\n", command, number_of(end, "generation"));
    json_decref(end);
    return code;
}

int run_reload(const struct request *request)
{
    return change(request, "reload");
}

int run_rollback(const struct request *request)
{
    return change(request, "rollback");
}

int run_kick(const struct request *request)
{
    int code = EXIT_REFUSED;
    answer_ask("kick", request->argument, NULL);
    json_t *end = answer_end(request, &code);
    if (code == EXIT_DONE && number_of(end, "count") == 0) {
        code = EXIT_REFUSED;
        if (!request->is_json)
            fprintf(stderr, "graftctl: no client of this name is connected\n");
    }
    json_decref(end);
    return code;
}
