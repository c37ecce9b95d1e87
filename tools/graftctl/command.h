/* What graftctl can be told: a row each. */
#ifndef GRAFTCTL_COMMAND_H
#define GRAFTCTL_COMMAND_H

#include <stdbool.h>

/* What the command line says. */
struct request {
    const char *argument; /* the one behind the command, or NULL */
    const char *client;   /* --client */
    const char *topic;    /* --topic */
    bool is_json;
    bool is_names;
};

enum { TAKES_ARGUMENT = 1, NEEDS_ARGUMENT = 2, TAKES_CLIENT = 4, TAKES_TOPIC = 8, TAKES_NAMES = 16 };

struct command {
    const char *name; /* NULL ends the table */
    const char *usage;
    const char *summary;
    const char *help;
    int (*run)(const struct request *request); /* the exit code */
    unsigned takes;
};

extern const struct command commands[];

/* lists.c, broker.c, trace.c, change.c */
int run_clients(const struct request *request);
int run_sessions(const struct request *request);
int run_subscriptions(const struct request *request);
int run_plugins(const struct request *request);
int run_routes(const struct request *request);
int run_status(const struct request *request);
int run_reload(const struct request *request);
int run_rollback(const struct request *request);
int run_trace(const struct request *request);
int run_kick(const struct request *request);

#endif
