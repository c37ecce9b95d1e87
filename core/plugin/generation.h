/* A generation: the immutable result of loading one configuration. Plugins, resolved routes, settings.
 *
 * Made, published and freed by the controller's thread; read by all workers. */
#ifndef PLUGIN_GENERATION_H
#define PLUGIN_GENERATION_H

#include "plugin/route.h"

#include <stdatomic.h>

struct generation {
    uint64_t number; /* from 1 */
    struct config *config;
    struct config_lease *lease;  /* of `config`, which plugins that are kept may hold for longer */
    struct gmq_plugin **plugins; /* in the order of config->plugins */
    size_t plugin_count;
    struct route incoming[CONFIG_PACKET_TYPES];
    struct route outgoing[CONFIG_PACKET_TYPES];
    struct route callbacks[CONFIG_EVENTS];
    uint32_t outgoing_types;   /* bit of each type that has an outgoing route */
    atomic_uint_fast64_t pins; /* deferred calls that still need it */
    struct handler_record
        *records; /* of the steps of all routes: `record_count` for each worker, one after the other */
    uint32_t record_count;
    uint32_t worker_count;
    struct config_entry *implied; /* of the steps that no entry names, but a handler's name in the plugin "broker" */
    void (*announce)(const char *plugin_name, const char *step); /* the loader's */
};

/* What every load needs, over the process's life. */
struct generation_loader {
    struct library_folder *folder;
    struct plugin_storage *storage;
    struct plugin_host *host; /* NULL in preflight */
    const char *program;      /* this executable, for the preflight child */
    const char *plugin_folder;
    uint32_t worker_count; /* that the process has; 0: as many as the configuration says */
    uint64_t last_number;
    uint64_t last_plugin_number;

    /* In the preflight child: load functions run even if something is wrong already, so that their errors are told as
     * well. Elsewhere none runs for a generation that can't serve. */
    bool tries_all;

    /* For the preflight child, or NULL: told what is about to be done with a plugin: "open", "resolve", "load",
     * "unload"; "end" when nothing is. */
    void (*announce)(const char *plugin_name, const char *step);
};

/* The copies that belong to one load, in the order of config->plugins. A plugin of `previous` with the same name, bytes
 * and settings needs no copy: `kept` is that plugin then. A plugin of which no copy could be made has neither. */
struct generation_copies {
    struct library_copy *copies;
    struct gmq_plugin **kept;
    size_t count;
};

/* False, with nothing to discard, when no generation can come of it: the folder takes no copies, for one. A plugin that
 * can't be copied is told, and left out: what is wrong with the others can still be found out, and generation_new will
 * refuse the whole. */
bool generation_copies_make(struct generation_loader *loader, const struct config *config,
                            const struct generation *previous, struct generation_copies *copies,
                            struct problems *problems);

/* The same from what was kept of a generation, whose text `config` is. */
struct keepsake;
bool generation_copies_recall(struct generation_loader *loader, const struct keepsake *keepsake,
                              const struct config *config, const struct generation *previous,
                              struct generation_copies *copies, struct problems *problems);
bool generation_copies_have(const struct generation_copies *copies, size_t index);
void generation_copies_discard(struct generation_copies *copies);

/* Opens all plugins, resolves and checks every route, then runs the load functions; takes `config` over. On any error
 * what was opened is closed again (unload functions of those that were loaded included), NULL is returned, and `config`
 * stays the caller's; all errors are in `problems`. `copies` is to be discarded by the caller in any case. A packet
 * type without a route gets "broker:on_TYPE" if a plugin of the name "broker" has that handler; so do outgoing types
 * and events for which it exports "on_outgoing_TYPE" and "on_EVENT". */
struct generation *generation_new(struct generation_loader *loader, struct config *config,
                                  struct generation_copies *copies, const struct generation *previous,
                                  struct problems *problems);

/* Frees it with its configuration, closing the plugins that no other generation holds. Nothing may run in it any more.
 */
void generation_free(struct generation *generation);

/* The packet types that clients send and for which there is no route, as text ("SUBSCRIBE, AUTH"); empty if none. */
const char *generation_missing_routes(const struct generation *generation, char *text, size_t size);

/* One line for the log: what `next` has that `previous` had not, and the reverse. */
const char *generation_difference(const struct generation *previous, const struct generation *next, char *text,
                                  size_t size);

/* Whether that line would name anything. */
bool generation_differs(const struct generation *previous, const struct generation *next);

#endif
