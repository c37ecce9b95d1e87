/* What a plugin reaches the broker by outside of its calls: from threads of its own, and while it is loaded. */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include "config/config.h"

#include <graftmq/abi.h>

struct broker;
struct isolated;

/* How a plugin is run in a process of its own: what a room above knows. A function that can fail writes to `problem`
 * why ("its process ..."). Controller's thread. */
struct plugin_isolation {
    /* Starts the process with the plugin's private copy, and learns what it exports. NULL: `problem` says why not. */
    struct isolated *(*open)(struct gmq_plugin *plugin, const struct config_plugin *definition, char *problem,
                             size_t size);
    const gmq_plugin_descriptor *(*descriptor)(const struct isolated *isolated);
    gmq_bytes_layouts (*layouts)(const struct isolated *isolated);
    /* The record called `name`, whose function is ours; NULL. */
    const gmq_record *(*record)(const struct isolated *isolated, const char *name);
    /* Runs the load function there. GMQ_OK with a problem: it could not be run. */
    gmq_status (*load)(struct isolated *isolated, char *problem, size_t size);
    /* Runs the unload function there, and ends the process. */
    void (*close)(struct isolated *isolated);
};

/* gmq_plugin.host; NULL in preflight. Lives as long as the broker. */
struct plugin_host {
    struct broker *broker;
    /* Called between a plugin's unload function and its unmapping: returns when all mail that was sent before has been
     * handled by the workers, so that no posted function or continuation of the plugin is left. Controller's thread. */
    void (*drain)(struct plugin_host *host);
    const struct plugin_isolation *isolation;
    const char *program; /* this executable: that of isolated plugins lies beside it */
};

#endif
