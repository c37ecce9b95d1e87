/* The main thread: starts the broker, serves signals, reloads, and ends it in order. */
#ifndef WORKER_CONTROLLER_H
#define WORKER_CONTROLLER_H

#include "base/problems.h"
#include "config/config.h"

struct controller_options {
    const char *file; /* the configuration */
    struct config_overrides overrides;
    int log_level; /* a gmq_log_level that counts instead of the configuration's; -1: none */
};

/* Runs until the broker is told to end. Returns the exit code: 0, or 1 if it could not start (told on standard error).
 */
int controller_run(const struct controller_options *options);

/* --check: all that a reload would check. Prints problems to standard error and "FILE: ok" to standard output. */
int controller_check(const struct controller_options *options);

#endif
