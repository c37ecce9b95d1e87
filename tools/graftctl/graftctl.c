/* Looks at a running broker and tells it what to do, by its control socket. The command line. */
#include "command.h"
#include "link.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command commands[] = {
    {"status", "", "the broker as a whole",
     "Version, uptime, generation, listeners, numbers of connections, sessions and subscriptions, memory. It says so\n"
     "when what serves was brought back by a rollback, and which generation a rollback would bring back.\n",
     run_status, 0},
    {"routes", "", "the handlers of every packet type, as they are wired",
     "Each step of each route: incoming packets, outgoing packets, callbacks; with its conditions, its limit for a\n"
     "deferred verdict, and its arguments.\n",
     run_routes, 0},
    {"plugins", "", "the loaded plugins, and what they have done",
     "Each plugin's version, the generation that loaded it, its build id and its file, which may have changed since:\n"
     "what was loaded counts. And of all its handlers, since this generation began: calls, verdicts, durations\n"
     "(\"up to\", from a histogram of powers of two), and calls over their budget (slow), deferred verdicts that did "
     "not\n"
     "come in time (late), calls that an isolated plugin could not answer (failed).\n",
     run_plugins, TAKES_NAMES},
    {"clients", "[CLIENT]", "who is connected",
     "All clients, or the one of this name, with their address, protocol version and what waits for them.\n",
     run_clients, TAKES_ARGUMENT | TAKES_CLIENT | TAKES_NAMES},
    {"sessions", "[CLIENT]", "the sessions, also of clients that are away",
     "All sessions, or that of one client, with their expiry and what is queued in them.\n", run_sessions,
     TAKES_ARGUMENT | TAKES_CLIENT | TAKES_NAMES},
    {"subscriptions", "[TOPIC] [--client CLIENT]", "who would get a message of a topic",
     "The subscriptions that match a topic name; all of them without one; those of one client with --client. Of a\n"
     "shared subscription (a share name is shown) one member gets each message.\n",
     run_subscriptions, TAKES_ARGUMENT | TAKES_TOPIC | TAKES_CLIENT},
    {"trace", "CLIENT | TOPIC | --client CLIENT | --topic FILTER", "what each handler says of each packet, live",
     "A line for each handler that a packet of the client, or with a topic that the filter matches, passes: its "
     "verdict\n"
     "and its own time; handlers whose conditions don't hold; deferred verdicts when they come; and packets that no\n"
     "handler took. Ends with Ctrl-C. An argument with \"/\", \"+\" or \"#\" is a topic; another is a client if there "
     "is a\n"
     "session of that name, else a topic.\n",
     run_trace, TAKES_ARGUMENT | TAKES_CLIENT | TAKES_TOPIC},
    {"reload", "", "load the configuration and changed plugins, as SIGHUP does",
     "Waits until the new generation serves on all workers and says what changed; or prints every error and exits\n"
     "with 1, and the broker serves on as before.\n",
     run_reload, 0},
    {"rollback", "", "bring back what served before the last change",
     "The configuration that was read then and the plugins as they were loaded then, whatever has become of the files\n"
     "since, as a new generation and with all checks of a reload. Sessions, clients and plugins' stored bytes stay. A\n"
     "second rollback goes forth again. The next reload reads the file, as ever.\n",
     run_rollback, 0},
    {"kick", "CLIENT", "end a client's connection",
     "An MQTT 5.0 client is told (0x98, administrative action). Its session stays if it outlives connections.\n"
     "Exits with 1 if no client of this name is connected.\n",
     run_kick, NEEDS_ARGUMENT},
    {NULL, NULL, NULL, NULL, NULL, 0},
};

static const char exit_codes[] = "Exit codes: 0 done, 1 refused by the broker, 2 wrong usage, 3 no broker there.\n";

struct command_line {
    const struct command *command;
    struct request request;
    const char *control;
    bool is_help;
};

enum { OPTION_CONTROL = 256, OPTION_JSON, OPTION_NAMES, OPTION_CLIENT, OPTION_TOPIC, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
    {"control", required_argument, NULL, OPTION_CONTROL}, {"json", no_argument, NULL, OPTION_JSON},
    {"names", no_argument, NULL, OPTION_NAMES},           {"client", required_argument, NULL, OPTION_CLIENT},
    {"topic", required_argument, NULL, OPTION_TOPIC},     {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},       {NULL, 0, NULL, 0},
};

static void print_help(void)
{
    fputs("graftctl: looks at a running graftmq, and tells it what to do.\n\n"
          "  graftctl [OPTION...] COMMAND [ARGUMENT]\n\n",
          stdout);
    for (const struct command *command = commands; command->name != NULL; command++) {
        char text[64];
        snprintf(text, sizeof(text), "%s %s", command->name, command->usage);
        printf("  %-40s %s\n", text, command->summary);
    }
    fputs("\n  --control PATH    the broker's control socket; without it: $GRAFTMQ_CONTROL, or the one broker that is "
          "found\n"
          "  --json            lines of JSON for programs, as they come from the broker\n"
          "  --names           of clients, sessions and plugins: names only, one a line\n"
          "  --version         print the version\n"
          "  --help            print this, or the help of the command\n\n",
          stdout);
    fputs(exit_codes, stdout);
}

static void print_command_help(const struct command *command)
{
    printf("graftctl %s %s\n\n%s\n%s", command->name, command->usage, command->help, exit_codes);
}

static const struct command *command_find(const char *name)
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    fail(EXIT_USAGE, "there is no command \"%s\"; see graftctl --help", name);
}

static void take_option(struct command_line *line, int option)
{
    switch (option) {
    case OPTION_CONTROL:
        line->control = optarg;
        break;
    case OPTION_JSON:
        line->request.is_json = true;
        break;
    case OPTION_NAMES:
        line->request.is_names = true;
        break;
    case OPTION_CLIENT:
        line->request.client = optarg;
        break;
    case OPTION_TOPIC:
        line->request.topic = optarg;
        break;
    case OPTION_HELP:
        line->is_help = true;
        break;
    case OPTION_VERSION:
        puts("graftctl " GRAFTMQ_VERSION);
        exit(EXIT_DONE);
    default:
        exit(EXIT_USAGE); /* getopt has said it */
    }
}

/* What the command doesn't take is no option of it. */
static void check(const struct command_line *line)
{
    const struct command *command = line->command;
    const struct request *request = &line->request;
    const char *wrong = NULL;
    if (request->client != NULL && (command->takes & TAKES_CLIENT) == 0)
        wrong = "--client";
    if (request->topic != NULL && (command->takes & TAKES_TOPIC) == 0)
        wrong = "--topic";
    if (request->is_names && (command->takes & TAKES_NAMES) == 0)
        wrong = "--names";
    if (request->argument != NULL && (command->takes & (TAKES_ARGUMENT | NEEDS_ARGUMENT)) == 0)
        wrong = request->argument;
    if (wrong != NULL)
        fail(EXIT_USAGE, "%s doesn't take \"%s\"; see graftctl %s --help", command->name, wrong, command->name);
    if (request->argument == NULL && (command->takes & NEEDS_ARGUMENT) != 0)
        fail(EXIT_USAGE, "%s needs %s; see graftctl %s --help", command->name, command->usage, command->name);
}

static void read_operands(struct command_line *line, int count, char **operands)
{
    if (count > 0)
        line->command = command_find(operands[0]);
    if (line->is_help) {
        if (line->command != NULL)
            print_command_help(line->command);
        else
            print_help();
        exit(EXIT_DONE);
    }
    if (line->command == NULL)
        fail(EXIT_USAGE, "which command? see graftctl --help");
    if (count > 2)
        fail(EXIT_USAGE, "%s: one argument at most; see graftctl %s --help", operands[2], operands[0]);
    line->request.argument = count == 2 ? operands[1] : NULL;
    check(line);
}

int main(int argc, char **argv)
{
    struct command_line line = {0};
    setlocale(LC_CTYPE, "");
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        take_option(&line, option);
    read_operands(&line, argc - optind, argv + optind);
    link_open(line.control);
    int code = line.command->run(&line.request);
    link_close();
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        fail(EXIT_REFUSED, "the output can't be written");
    return code;
}
