/* Loads a broker on this machine with clients and measures it from outside. Prints one JSON object.
 *
 *     load traffic --port 1883 --processes PID --pattern pairs --publishers 100 --subscribers 100 --qos 1
 *     load connections --port 1883 --processes PID --count 10000
 *
 * It is tools/bench that calls it, once for each figure. Exit codes: 0 measured; 1 measured, and the broker made
 * faults; 2 not measured, the reason is on standard error. */
#include "bytes.h"
#include "hold.h"
#include "options.h"
#include "traffic.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct number_option {
    const char *name;
    uint32_t *value;
    uint32_t largest;
};

static bool set_number(const struct number_option *options, const char *name, const char *text)
{
    for (; options->name != NULL; options++) {
        if (strcmp(options->name, name) != 0)
            continue;
        char *end;
        unsigned long value = strtoul(text, &end, 10);
        if (end == text || *end != '\0' || value > options->largest)
            fail("%s is a number up to %u", name, options->largest);
        *options->value = (uint32_t)value;
        return true;
    }
    return false;
}

static void parse(struct options *options, int count, char **arguments)
{
    const struct number_option numbers[] = {
        {"--port", &options->port, UINT16_MAX},
        {"--version", &options->version, 5},
        {"--qos", &options->qos, 2},
        {"--payload", &options->payload, 1 << 20},
        {"--publishers", &options->publishers, 100000},
        {"--subscribers", &options->subscribers, 100000},
        {"--filters", &options->filters, 10000000},
        {"--window", &options->window, 32767},
        {"--rate", &options->rate, 10000000},
        {"--warm-ms", &options->warm_ms, 600000},
        {"--time-ms", &options->time_ms, 600000},
        {"--count", &options->count, 10000000},
        {NULL, NULL, 0},
    };
    if (count < 2)
        fail("what is to be measured? traffic, connections, sessions, subscriptions or retained");
    options->what = arguments[1];
    for (int i = 2; i < count; i += 2) {
        if (i + 1 == count)
            fail("%s needs a value", arguments[i]);
        if (strcmp(arguments[i], "--pattern") == 0)
            options->pattern = arguments[i + 1];
        else if (strcmp(arguments[i], "--processes") == 0)
            options->processes = arguments[i + 1];
        else if (!set_number(numbers, arguments[i], arguments[i + 1]))
            fail("there is no option %s", arguments[i]);
    }
    if (options->port == 0 || options->version < VERSION_3_1_1 || options->count == 0)
        fail("--port must be given, --version is 4 or 5, and --count is at least 1");
}

int main(int count, char **arguments)
{
    struct options options = {.pattern = "pairs",
                              .processes = "",
                              .version = VERSION_5,
                              .payload = 64,
                              .publishers = 1,
                              .subscribers = 1,
                              .filters = 1000,
                              .warm_ms = 200,
                              .time_ms = 1000,
                              .count = 1000};
    struct rlimit files;
    parse(&options, count, arguments);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* so that messages at a rate go out when they are due */
    return strcmp(options.what, "traffic") == 0 ? traffic_run(&options) : hold_run(&options);
}
