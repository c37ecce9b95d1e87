/* The command line. */
#include "base/memory.h"
#include "control/control.h"
#include "plugin/preflight.h"
#include "worker/controller.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_WRONG_USAGE = 2 };

static const char *const default_files[] = {"/etc/graftmq/graftmq.json", "etc/graftmq.json"};

static const char help_text[] =
    "graftmq: an MQTT broker whose every packet is handled by a function that can be replaced while it runs.\n"
    "\n"
    "  graftmq [--config FILE] [OPTION...]\n"
    "\n"
    "  --config FILE         the configuration (default: /etc/graftmq/graftmq.json, then etc/graftmq.json)\n"
    "  --check [FILE]        check the configuration and load its plugins in a child process; serve nothing\n"
    "  --port N              port of the first TCP listener; 0: the system chooses\n"
    "  --workers N           number of workers, 1 to 64, or \"auto\": one for each processor\n"
    "  --plugin-folder DIR   where plugins are looked for whose path is relative\n"
    "  --control PATH        the socket for graftctl, in place of the configuration's; \"none\": no socket\n"
    "  --log-level LEVEL     error, warning, notice, info or debug\n"
    "  --schema              print the JSON Schema of the configuration\n"
    "  --version             print the version\n"
    "  --help                print this\n"
    "\n"
    "SIGHUP loads the configuration and what has changed of the plugins anew; clients notice nothing. SIGTERM ends "
    "the\n"
    "broker in order. Exit codes: 0 ended in order, 1 the configuration or the start failed, 2 wrong usage.\n";

struct command_line {
    struct controller_options options;
    bool is_check;
    int exit_code; /* once is_over */
    bool is_over;
};

static void wrong_usage(struct command_line *line, const char *option, const char *what)
{
    fprintf(stderr, "graftmq: %s: %s; see graftmq --help\n", option, what);
    line->exit_code = EXIT_WRONG_USAGE;
    line->is_over = true;
}

/* A decimal number and nothing else. */
static bool number_read(const char *text, long smallest, long largest, long *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *number = strtol(text, &end, 10);
    return *end == '\0' && *number >= smallest && *number <= largest;
}

typedef void option_function(struct command_line *line, const char *value);

static void option_config(struct command_line *line, const char *value)
{
    if (value[0] == '\0')
        wrong_usage(line, "--config", "the file has no name");
    line->options.file = value;
}

static void option_check(struct command_line *line, const char *value)
{
    (void)value;
    line->is_check = true;
}

static void option_port(struct command_line *line, const char *value)
{
    long port;
    if (number_read(value, 0, UINT16_MAX, &port))
        line->options.overrides.port = (int32_t)port;
    else
        wrong_usage(line, "--port", "needs a number from 0 to 65535");
}

/* As "workers": "auto" in the file: in a container fewer than there are. */
static long usable_processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count < CONFIG_WORKERS_MAX ? count : CONFIG_WORKERS_MAX;
}

static void option_workers(struct command_line *line, const char *value)
{
    long workers = 0;
    if (strcmp(value, "auto") == 0) {
        workers = usable_processors();
    } else if (!number_read(value, 1, CONFIG_WORKERS_MAX, &workers)) {
        wrong_usage(line, "--workers", "needs a number from 1 to 64, or \"auto\"");
    }
    line->options.overrides.workers = (uint32_t)workers;
}

static void option_plugin_folder(struct command_line *line, const char *value)
{
    if (value[0] == '\0')
        wrong_usage(line, "--plugin-folder", "the folder has no name");
    line->options.overrides.plugin_folder = value;
}

static void option_control(struct command_line *line, const char *value)
{
    if (strchr(value, '/') == NULL && strcmp(value, CONFIG_CONTROL_NONE) != 0)
        wrong_usage(line, "--control", "needs a path with a \"/\", or \"none\"");
    line->options.overrides.control_path = value;
}

static void option_log_level(struct command_line *line, const char *value)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(value, names[i]) == 0) {
            line->options.log_level = i;
            return;
        }
    }
    wrong_usage(line, "--log-level", "needs error, warning, notice, info or debug");
}

static void option_schema(struct command_line *line, const char *value)
{
    (void)value;
    char *schema = config_schema_json();
    line->is_over = true;
    line->exit_code = schema != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
    if (schema != NULL)
        fputs(schema, stdout);
    mem_free(schema);
}

static void option_version(struct command_line *line, const char *value)
{
    (void)value;
    puts("graftmq " GRAFTMQ_VERSION);
    line->is_over = true;
}

static void option_help(struct command_line *line, const char *value)
{
    (void)value;
    fputs(help_text, stdout);
    line->is_over = true;
}

/* One row an option; getopt's table, in the same order, and what is done. */
static const struct option options[] = {
    {"config", required_argument, NULL, 0},
    {"check", no_argument, NULL, 0},
    {"port", required_argument, NULL, 0},
    {"workers", required_argument, NULL, 0},
    {"plugin-folder", required_argument, NULL, 0},
    {"control", required_argument, NULL, 0},
    {"log-level", required_argument, NULL, 0},
    {"schema", no_argument, NULL, 0},
    {"version", no_argument, NULL, 0},
    {"help", no_argument, NULL, 0},
    {NULL, 0, NULL, 0},
};
static option_function *const option_functions[] = {
    option_config,  option_check,     option_port,   option_workers, option_plugin_folder,
    option_control, option_log_level, option_schema, option_version, option_help,
};

/* `--check FILE` is short for `--check --config FILE`. */
static void read_operands(struct command_line *line, int count, char **operands)
{
    if (count == 0)
        return;
    if (!line->is_check || count > 1 || line->options.file != NULL)
        wrong_usage(line, operands[count - 1], "not an option");
    else
        line->options.file = operands[0];
}

static void read_options(struct command_line *line, int count, char **arguments)
{
    opterr = 0;
    int index = 0;
    while (!line->is_over) {
        const char *argument = arguments[optind];
        int found = getopt_long(count, arguments, ":", options, &index);
        if (found == -1)
            break;
        if (found == ':')
            wrong_usage(line, argument, "needs a value");
        else if (found == '?')
            wrong_usage(line, argument, "no such option, or it takes no value");
        else
            option_functions[index](line, optarg);
    }
    if (!line->is_over)
        read_operands(line, count - optind, arguments + optind);
}

static const char *default_file(void)
{
    return access(default_files[0], F_OK) == 0 ? default_files[0] : default_files[1];
}

/* Each connection is a descriptor: take what the administrator allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* "graftmq --preflight MANIFEST DESCRIPTOR": the broker's own child. */
static bool is_preflight(int count, char **arguments, long *descriptor)
{
    return count == 4 && strcmp(arguments[1], "--preflight") == 0 &&
           number_read(arguments[3], 0, INT32_MAX, descriptor);
}

int main(int argc, char **argv)
{
    mem_settle();
    long descriptor;
    if (is_preflight(argc, argv, &descriptor))
        return preflight_child_main(argv[2], (int)descriptor);
    struct command_line line = {.options = {.overrides = {.port = -1, .plugin_folder = GRAFTMQ_PLUGIN_FOLDER},
                                            .extension = &control_extension,
                                            .log_level = -1}};
    read_options(&line, argc, argv);
    if (line.is_over)
        return line.exit_code;
    if (line.options.file == NULL)
        line.options.file = default_file();
    raise_descriptor_limit();
    return line.is_check ? controller_check(&line.options) : controller_run(&line.options);
}
