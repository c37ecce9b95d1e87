/* Makes a generation out of a configuration and private copies, all or nothing, and takes it apart again. */
#include "plugin/generation.h"

#include "base/memory.h"
#include "plugin/config_lease.h"
#include "plugin/generation_resolve.h"
#include "plugin/handler_statistics.h"
#include "plugin/host.h"

#include <stdio.h>
#include <string.h>

static void announce(const struct generation *generation, const char *plugin_name, const char *step)
{
    if (generation->announce != NULL)
        generation->announce(plugin_name, step);
}

static void routes_free(struct route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(routes[i].steps);
}

/* In reverse order of loading. */
static void plugins_release(struct generation *generation)
{
    for (size_t i = generation->plugin_count; i > 0; i--) {
        struct gmq_plugin *plugin = generation->plugins[i - 1];
        if (plugin == NULL || --plugin->generations != 0)
            continue;
        announce(generation, plugin->name, "unload");
        plugin_close(plugin);
    }
    announce(generation, "", "end");
}

static void generation_dismantle(struct generation *generation)
{
    handler_statistics_free(generation);
    routes_free(generation->incoming, CONFIG_PACKET_TYPES);
    routes_free(generation->outgoing, CONFIG_PACKET_TYPES);
    routes_free(generation->callbacks, CONFIG_EVENTS);
    if (generation->plugins != NULL)
        plugins_release(generation);
    mem_free(generation->plugins);
    mem_free(generation->implied);
}

void generation_free(struct generation *generation)
{
    if (generation == NULL)
        return;
    generation_dismantle(generation);
    config_lease_unref(generation->lease);
    mem_free(generation);
}

/* The way back: the configuration stays the caller's, so no plugin may hold it any more. */
static void generation_abandon(struct generation *generation)
{
    for (size_t i = 0; generation->plugins != NULL && generation->lease != NULL && i < generation->plugin_count; i++) {
        if (generation->plugins[i] != NULL)
            plugin_unlease(generation->plugins[i], generation->lease);
    }
    generation_dismantle(generation);
    config_lease_disband(generation->lease);
    mem_free(generation);
}

static struct generation *generation_begin(const struct generation_loader *loader, struct config *config)
{
    struct generation *generation = mem_alloc_zero(1, sizeof(*generation));
    if (generation == NULL)
        return NULL;
    generation->number = loader->last_number + 1;
    generation->announce = loader->announce;
    generation->config = config;
    generation->lease = config_lease_new(config);
    generation->plugin_count = config->plugin_count;
    generation->worker_count = loader->worker_count != 0 ? loader->worker_count : config->workers;
    generation->plugins = mem_alloc_zero(config->plugin_count, sizeof(struct gmq_plugin *));
    atomic_init(&generation->pins, 0);
    if (generation->lease != NULL && generation->plugins != NULL)
        return generation;
    generation_abandon(generation);
    return NULL;
}

static struct gmq_plugin *plugin_begin(struct generation_loader *loader, struct generation *generation,
                                       const struct config_plugin *definition, struct library_copy *copy,
                                       struct problems *problems)
{
    char place[CONFIG_PLACE_TEXT_SIZE];
    config_place_text(generation->config, &definition->place, place, sizeof(place));
    announce(generation, definition->name, "open");
    bool is_isolated = definition->isolation.processes != 0 && loader->host != NULL && loader->host->isolation != NULL;
    struct library *library =
        is_isolated ? library_hold(copy, definition->path) : library_open(copy, definition->path, place, problems);
    if (library == NULL && is_isolated)
        problems_add(problems, "%s: memory is out", place);
    if (library == NULL)
        return NULL;
    struct gmq_plugin *plugin =
        plugin_open(generation->config, definition, library, loader->storage, loader->host, problems);
    if (plugin == NULL) {
        announce(generation, definition->name, "unload");
        library_close(library);
        return NULL;
    }
    plugin->number = ++loader->last_plugin_number;
    plugin->loaded_by = generation->number;
    if (plugin_lease(plugin, generation->lease))
        return plugin;
    problems_add(problems, "%s: memory is out", place);
    plugin_close(plugin);
    return NULL;
}

/* All of them, so that all errors are seen. */
static bool plugins_begin(struct generation_loader *loader, struct generation *generation,
                          struct generation_copies *copies, struct problems *problems)
{
    bool is_complete = true;
    for (size_t i = 0; i < generation->plugin_count; i++) {
        struct gmq_plugin *plugin = copies->kept[i];
        if (plugin == NULL && generation_copies_have(copies, i))
            plugin = plugin_begin(loader, generation, &generation->config->plugins[i], &copies->copies[i], problems);
        generation->plugins[i] = plugin;
        if (plugin != NULL)
            plugin->generations++;
        else
            is_complete = false;
    }
    return is_complete;
}

/* A kept plugin was loaded by an earlier generation; one whose definition is in error would only complain of what is
 * told already. */
static bool plugins_load(const struct generation_loader *loader, struct generation *generation,
                         struct problems *problems)
{
    bool is_complete = true;
    for (size_t i = 0; i < generation->plugin_count && (is_complete || loader->tries_all); i++) {
        struct gmq_plugin *plugin = generation->plugins[i];
        const struct config_plugin *definition = &generation->config->plugins[i];
        if (plugin == NULL || plugin->is_loaded || !definition->is_sound)
            continue;
        announce(generation, plugin->name, "load");
        is_complete = plugin_load(plugin, generation->config, definition, problems) && is_complete;
    }
    announce(generation, "", "end");
    return is_complete;
}

struct generation *generation_new(struct generation_loader *loader, struct config *config,
                                  struct generation_copies *copies, const struct generation *previous,
                                  struct problems *problems)
{
    (void)previous; /* what is kept of it is in `copies` */
    struct generation *generation = generation_begin(loader, config);
    if (generation == NULL) {
        problems_add(problems, "%s: memory is out", config->file);
        return NULL;
    }
    bool is_complete = plugins_begin(loader, generation, copies, problems);
    announce(generation, "", "resolve");
    is_complete = generation_resolve(generation, problems) && is_complete;
    if (!handler_statistics_make(generation)) {
        problems_add(problems, "%s: memory is out", config->file);
        is_complete = false;
    }
    if (is_complete || loader->tries_all)
        is_complete = plugins_load(loader, generation, problems) && is_complete;
    if (!is_complete) {
        generation_abandon(generation);
        return NULL;
    }
    loader->last_number = generation->number;
    generation_copies_discard(copies);
    return generation;
}

const char *generation_missing_routes(const struct generation *generation, char *text, size_t size)
{
    size_t used = 0;
    if (size != 0)
        text[0] = '\0';
    for (size_t type = 1; type < CONFIG_PACKET_TYPES; type++) {
        if (!packet_type_is_incoming((gmq_packet_type)type) || generation->incoming[type].count != 0 || used >= size)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used != 0 ? ", " : "",
                                 packet_type_name((gmq_packet_type)type));
    }
    return text;
}
