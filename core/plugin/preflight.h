/* The preflight: a child process, executed afresh, loads the whole new configuration before the broker does, so that a
 * plugin which crashes, exits or hangs while it is loaded does so there.
 *
 * The child gets the very copies that the broker will map, the configuration's text and the plugins' stored bytes
 * through the folder of private copies, tells each step before it takes it through a pipe, and ends. */
#ifndef PLUGIN_PREFLIGHT_H
#define PLUGIN_PREFLIGHT_H

#include "plugin/generation.h"

/* What is to be loaded. */
struct preflight_task {
    struct generation_loader *loader;
    const struct config *config;
    const char *text; /* the configuration exactly as it was parsed */
    size_t length;
    const struct config_overrides *overrides; /* or NULL */
    const struct generation_copies *copies;
    bool is_left_out[CONFIG_PLUGINS_MAX]; /* plugins that an earlier flight did not survive */
};

/* Runs it and waits, at most config->limits.preflight_ms (the child is killed then). False with lines in `problems`:
 * each names the plugin, its place in the configuration, and what happened (signal, exit code, time, or the child's own
 * errors). After a plugin that ends the child, another child finds out about the rest, with its own time. Blocks:
 * controller's thread only. */
bool preflight_run(const struct preflight_task *task, struct problems *problems);

/* The child's side: main() calls it for "graftmq --preflight MANIFEST DESCRIPTOR". Returns the exit code. */
int preflight_child_main(const char *manifest, int descriptor);

/* "graftmq --check FILE": configuration, copies, preflight, each as far as the errors of the one before let it come, so
 * that all errors are told at once. Prints nothing: all is in `problems`. */
bool preflight_check(struct generation_loader *loader, const char *file, const struct config_overrides *overrides,
                     struct problems *problems);

/* Reads a whole configuration file for the three steps above, at most 16 MiB. NULL with a line in `problems`. */
char *preflight_read_file(const char *file, size_t *length, struct problems *problems);

#endif
