#include "config/config.h"

#include "base/memory.h"
#include "config/schema.h"
#include "config/settings.h"

void config_limits_default(struct config_limits *limits)
{
#define LIMIT(key, preset, smallest, largest, text) limits->key = UINT64_C(preset);
#include "config/limits.def"
#undef LIMIT
}

const char *config_event_name(gmq_event event)
{
    return (unsigned)event < CONFIG_EVENTS ? schema_events[event].name : "?";
}

static void listener_deinit(struct config_listener *listener)
{
    mem_free(listener->place.path);
    mem_free(listener->name);
    mem_free(listener->bind);
}

static void plugin_deinit(struct config_plugin *plugin)
{
    mem_free(plugin->place.path);
    mem_free(plugin->name);
    mem_free(plugin->path_written);
    mem_free(plugin->path);
    settings_free(plugin->settings);
}

static void entry_deinit(struct config_entry *entry)
{
    mem_free(entry->place.path);
    mem_free(entry->plugin_name);
    mem_free(entry->handler);
    for (char **topic = entry->topics; topic != NULL && *topic != NULL; topic++)
        mem_free(*topic);
    mem_free(entry->topics);
    mem_free(entry->listeners);
    settings_free(entry->arguments);
}

static void routes_deinit(struct config_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < routes[i].count; j++)
            entry_deinit(&routes[i].entries[j]);
        mem_free(routes[i].entries);
        mem_free(routes[i].place.path);
    }
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->listener_count; i++)
        listener_deinit(&config->listeners[i]);
    mem_free(config->listeners);
    for (size_t i = 0; i < config->plugin_count; i++)
        plugin_deinit(&config->plugins[i]);
    mem_free(config->plugins);
    routes_deinit(config->incoming, CONFIG_PACKET_TYPES);
    routes_deinit(config->outgoing, CONFIG_PACKET_TYPES);
    routes_deinit(config->callbacks, CONFIG_EVENTS);
    mem_free(config->workers_place.path);
    mem_free(config->log_file);
    mem_free(config->control_path);
    mem_free(config->control_place.path);
    mem_free(config->file);
    mem_free(config);
}
