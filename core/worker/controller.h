/* The main thread: starts the broker, serves signals, reloads, and ends it in order. */
#ifndef WORKER_CONTROLLER_H
#define WORKER_CONTROLLER_H

#include "base/problems.h"
#include "config/config.h"

struct controller;

/* What a room above adds to the controller. Each function is called once, by the controller's thread. */
struct controller_extension {
    /* Whether open() would fail, as far as can be told without touching anything; lines in `problems`. */
    bool (*check)(const struct controller *controller, const struct config *config, struct problems *problems);
    /* Everything else is ready. NULL with lines in `problems`: the broker doesn't start. */
    void *(*open)(struct controller *controller, struct problems *problems);
    void (*start)(void *extension); /* the broker serves */
    void (*stop)(void *extension);  /* it is about to end; mail may still be under way */
    void (*free)(void *extension);  /* all else is gone */
};

struct controller_options {
    const char *file; /* the configuration */
    struct config_overrides overrides;
    const struct controller_extension *extension; /* or NULL */
    int log_level; /* a gmq_log_level that counts instead of the configuration's; -1: none */
};

/* Runs until the broker is told to end. Returns the exit code: 0, or 1 if it could not start (told on standard error).
 */
int controller_run(const struct controller_options *options);

/* --check: all that a reload would check. Prints problems to standard error and "FILE: ok" to standard output. */
int controller_check(const struct controller_options *options);

#endif
