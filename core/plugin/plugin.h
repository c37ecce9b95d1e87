/* A plugin as it is loaded: one library, one descriptor, one set of settings. The struct behind gmq_plugin.
 *
 * It is made and freed by the controller's thread, and shared by every generation whose configuration loads the same
 * bytes with the same settings under the same name: an unchanged plugin is not loaded again by a reload. */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include "config/config.h"
#include "plugin/library.h"
#include "plugin/storage.h"

#include <graftmq/abi.h>
#include <stdatomic.h>

struct config_lease;

/* What the rooms above give to plugins that want more than their call: set once, before anything is loaded. */
struct plugin_host;

/* A plugin's processes, where it is isolated: see host.h. */
struct isolated;

struct gmq_plugin {
    char *name;
    struct library *library;
    const gmq_plugin_descriptor *descriptor; /* in the library, or what its process said of it */
    struct isolated *isolated;               /* NULL: its code runs in this process */
    struct config_isolation isolation;
    struct gmq_settings *settings;  /* of the configuration that loaded it, which is leased */
    struct plugin_storage *storage; /* the bytes kept under `name`; not owned */
    gmq_bytes_layouts layouts;      /* that it writes and reads */
    struct bytes_tally *tally;      /* of those that it writes; NULL: they are not counted */
    struct plugin_host *host;       /* NULL in preflight */
    char log_subject[80];           /* "plugin NAME" */
    uint32_t generations;           /* that hold it; the controller's thread alone counts */
    bool is_loaded;                 /* its load function has run */
    uint64_t number;                /* a serial number over the process's life */
    uint64_t loaded_by;             /* number of the generation */
    atomic_uint_fast64_t pins;      /* jobs and posted functions that are still to run */
    struct config_lease **leases;   /* the configurations whose settings and arguments it was given */
    size_t lease_count;
};

/* Checks the descriptor, without running anything of the plugin but its constructors, which the library's opening has
 * run. Takes the library over; NULL with a line in `problems`, and the library is still the caller's. The plugin reads
 * its settings from `config`: whoever frees that sees to it that the plugin has gone, or leases it (plugin_lease). */
struct gmq_plugin *plugin_open(const struct config *config, const struct config_plugin *definition,
                               struct library *library, struct plugin_storage *storage, struct plugin_host *host,
                               struct problems *problems);

/* Whether it reads bytes that were written in this layout. */
static inline bool plugin_reads_layout(const struct gmq_plugin *plugin, uint32_t layout)
{
    return layout >= plugin->layouts.oldest && layout <= plugin->layouts.newest;
}

/* Runs the load function. False, with a line in `problems`, if it refuses. */
bool plugin_load(struct gmq_plugin *plugin, const struct config *config, const struct config_plugin *definition,
                 struct problems *problems);

/* Runs the unload function if it was loaded, closes the library (which may retire it), and frees the struct. */
void plugin_close(struct gmq_plugin *plugin);

/* The handler record called `name` (gmq_exported_NAME); NULL if there is none, or what is there is no record. */
const gmq_record *plugin_record(const struct gmq_plugin *plugin, const char *name);

/* The exported handler that was most likely meant by `name`, for a message, or NULL. Points into `buffer`. */
const char *plugin_nearest_handler(const struct gmq_plugin *plugin, const char *name, char *buffer, size_t size);

/* "it has on_a, on_b" or "it has none", for a message; cut where it does not fit. Returns `text`. */
const char *plugin_list_handlers(const struct gmq_plugin *plugin, char *text, size_t size);

/* Has the plugin hold the leased configuration until it is closed. False: memory is out. Holding it twice does no harm.
 */
bool plugin_lease(struct gmq_plugin *plugin, struct config_lease *lease);
void plugin_unlease(struct gmq_plugin *plugin, struct config_lease *lease); /* harmless if it isn't held */

/* The plugin may keep its arguments as long as it is loaded. So where a configuration that it holds already has equal
 * ones for it, those are what it gets; else it holds the new configuration too. NULL: memory is out. */
const struct gmq_settings *plugin_arguments(struct gmq_plugin *plugin, struct config_lease *lease,
                                            const struct config_entry *entry);

#endif
