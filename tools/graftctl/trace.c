/* Packets as they pass their routes. */
#include "answer.h"
#include "command.h"
#include "link.h"

#include <stdio.h>
#include <string.h>

/* Whether there is a session of this name. */
static bool is_client(const char *name)
{
    const struct request quiet = {.is_json = false};
    int code = EXIT_REFUSED;
    bool is_found = false;
    json_t *line;
    answer_ask("sessions", name, NULL);
    while ((line = answer_next(&quiet, NULL, &code)) != NULL) {
        is_found = true;
        json_decref(line);
    }
    return is_found;
}

static void print_time(const json_t *line, const char *key)
{
    double ns = (double)json_integer_value(json_object_get(line, key));
    if (ns < 1e3)
        printf("%7.0f ns", ns);
    else if (ns < 1e6)
        printf("%7.1f us", ns / 1e3);
    else
        printf("%7.1f ms", ns / 1e6);
}

static void print_verdict(const json_t *line)
{
    const json_t *reason = json_object_get(line, "reason");
    if (line_is(line, "skipped"))
        printf("%12s", "skipped");
    else if (json_is_integer(reason))
        printf("%7s 0x%02llX", line_text(line, "verdict"), (long long)json_integer_value(reason));
    else
        printf("%12s", line_text(line, "verdict"));
}

static void print_subject(const json_t *line)
{
    const char *time = line_text(line, "time");
    printf("%.12s  %-8s %-11s ", strlen(time) > 23 ? time + 11 : time, line_text(line, "route"),
           line_text(line, "packet"));
}

static void print_behind(const json_t *line)
{
    printf("  ");
    print_safely(line_text(line, "client"));
    if (json_is_string(json_object_get(line, "topic"))) {
        printf("  ");
        print_safely(line_text(line, "topic"));
    }
    putchar('\n');
}

static void print_event(const json_t *line)
{
    if (line_is(line, "lost")) {
        printf("... %lld lines were lost: more came than could be read\n",
               (long long)json_integer_value(json_object_get(line, "count")));
        return;
    }
    print_subject(line);
    if (line_is(line, "unhandled")) {
        printf("no handler took it");
        print_behind(line);
        return;
    }
    print_verdict(line);
    printf("  ");
    if (line_is(line, "settled")) {
        print_time(line, "waited_ns");
        printf(json_is_true(json_object_get(line, "is_timeout")) ? " waited, time limit" : " waited");
    } else if (line_is(line, "passed")) {
        print_time(line, "took_ns");
    } else {
        printf("%10s", "");
    }
    printf("  %s:%s", line_text(line, "plugin"), line_text(line, "handler"));
    print_behind(line);
}

int run_trace(const struct request *request)
{
    const char *client = request->client, *topic = request->topic;
    const char *argument = request->argument;
    if ((client != NULL) + (topic != NULL) + (argument != NULL) != 1)
        fail(EXIT_USAGE, "trace needs one client or one topic; see graftctl trace --help");
    if (argument != NULL && strpbrk(argument, "/+#") == NULL && is_client(argument))
        client = argument;
    else if (argument != NULL)
        topic = argument;
    int code = EXIT_REFUSED;
    json_t *line;
    setvbuf(stdout, NULL, _IOLBF, 0);
    answer_ask("trace", client, topic);
    while ((line = answer_next(request, NULL, &code)) != NULL) {
        if (line_is(line, "tracing"))
            fprintf(stderr, "graftctl: tracing the %s \"%s\"; Ctrl-C ends\n", client != NULL ? "client" : "topic",
                    client != NULL ? client : topic);
        else if (!request->is_json)
            print_event(line);
        json_decref(line);
    }
    return code;
}
