/* What a plugin reaches the broker by outside of its calls: from threads of its own, and while it is loaded. */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

struct broker;

/* gmq_plugin.host; NULL in preflight. Lives as long as the broker. */
struct plugin_host {
    struct broker *broker;
    /* Called between a plugin's unload function and its unmapping: returns when all mail that was sent before has been
     * handled by the workers, so that no posted function or continuation of the plugin is left. Controller's thread. */
    void (*drain)(struct plugin_host *host);
};

#endif
