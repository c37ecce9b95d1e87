/* A loaded plugin: its descriptor is checked, its handlers are found, its load and unload functions are run. */
#include "plugin/plugin.h"

#include "base/memory.h"
#include "base/text.h"
#include "plugin/config_lease.h"
#include "plugin/host.h"

#include <stdio.h>
#include <string.h>

#define DESCRIPTOR_SYMBOL "gmq_plugin_exported"
#define LAYOUTS_SYMBOL "gmq_bytes_exported"
#define RECORD_PREFIX "gmq_exported_"

/* What messages about a plugin that isn't one yet begin with. */
struct subject {
    char place[CONFIG_PLACE_TEXT_SIZE];
    const char *name;
    const char *path;
    struct problems *problems;
};

static void subject_init(struct subject *subject, const struct config *config, const struct config_plugin *definition,
                         struct problems *problems)
{
    config_place_text(config, &definition->place, subject->place, sizeof(subject->place));
    subject->name = definition->name;
    subject->path = definition->path;
    subject->problems = problems;
}

static bool refuse(const struct subject *subject, const char *why)
{
    problems_add(subject->problems, "%s: plugin \"%s\" (%s) %s", subject->place, subject->name, subject->path, why);
    return false;
}

static bool refuse_version(const struct subject *subject, const gmq_plugin_descriptor *descriptor)
{
    char why[160];
    snprintf(why, sizeof(why),
             "was built for plugin interface %u.%u, this broker has %d.%d; rebuild it with the headers of this broker",
             descriptor->abi_major, descriptor->abi_minor, GMQ_ABI_MAJOR, GMQ_ABI_MINOR);
    return refuse(subject, why);
}

/* The versions are read first: what lies behind them in another major's descriptor is not known. A greater size is a
 * later minor's or a padding compiler's; a smaller one can't be of this major. */
static bool descriptor_check(const struct subject *subject, const gmq_plugin_descriptor *descriptor)
{
    if (descriptor == NULL)
        return refuse(subject, "is no GraftMQ plugin: it has no GMQ_PLUGIN(name, version) line, or hides its symbols");
    bool is_aligned = (uintptr_t)descriptor % _Alignof(gmq_plugin_descriptor) == 0;
    if (!is_aligned || descriptor->magic != GMQ_PLUGIN_MAGIC)
        return refuse(subject, "is no GraftMQ plugin: its descriptor does not begin as one; rebuild it");
    if (descriptor->abi_major != GMQ_ABI_MAJOR || descriptor->abi_minor > GMQ_ABI_MINOR)
        return refuse_version(subject, descriptor);
    if (descriptor->size < sizeof(gmq_plugin_descriptor))
        return refuse(subject, "has a descriptor that is too small; rebuild it with the headers of this broker");
    if (descriptor->name == NULL || descriptor->version == NULL)
        return refuse(subject, "has no name or version; give both in GMQ_PLUGIN(name, version)");
    if (!library_is_address(descriptor->name) || !library_is_address(descriptor->version))
        return refuse(subject, "has a damaged descriptor: its name or version lies nowhere; rebuild it");
    return true;
}

/* What the plugin says of the bytes that are kept for it; zeros if it says nothing. */
static bool layouts_read(const struct subject *subject, const struct library *library, gmq_bytes_layouts *layouts)
{
    const gmq_bytes_layouts *exported = library_symbol(library, LAYOUTS_SYMBOL);
    *layouts = (gmq_bytes_layouts){0};
    if (exported == NULL)
        return true;
    if ((uintptr_t)exported % _Alignof(gmq_bytes_layouts) != 0 || exported->magic != GMQ_LAYOUT_MAGIC)
        return refuse(subject, "says nothing of use about its bytes: gmq_bytes_exported is not made by GMQ_BYTES");
    if (exported->written < exported->oldest || exported->written > exported->newest)
        return refuse(subject, "can't read the bytes that it writes itself; correct its GMQ_BYTES line");
    *layouts = *exported;
    return true;
}

static bool layouts_check(const struct subject *subject, struct plugin_storage *storage,
                          const gmq_bytes_layouts *layouts)
{
    struct bytes_kept kept;
    char why[512];
    if (storage == NULL || !plugin_storage_has_unreadable(storage, gmq_view_of(subject->name), layouts, &kept))
        return true;
    snprintf(
        why, sizeof(why),
        "can't read the bytes that are kept in layout %u (own bytes: %zu, clients with some: %zu, sessions: %zu): it "
        "reads %u to %u; load a version whose GMQ_BYTES has that layout, or give the plugin another name, under "
        "which nothing is kept",
        kept.layout, kept.own, kept.clients, kept.sessions, layouts->oldest, layouts->newest);
    return refuse(subject, why);
}

static struct gmq_plugin *plugin_new(const struct config_plugin *definition)
{
    struct gmq_plugin *plugin = mem_alloc_zero(1, sizeof(*plugin));
    if (plugin == NULL)
        return NULL;
    plugin->name = mem_copy_text(definition->name, strlen(definition->name));
    if (plugin->name == NULL) {
        mem_free(plugin);
        return NULL;
    }
    snprintf(plugin->log_subject, sizeof(plugin->log_subject), "plugin %s", plugin->name);
    atomic_init(&plugin->pins, 0);
    return plugin;
}

static bool plugin_isolate(struct gmq_plugin *plugin, const struct subject *subject,
                           const struct config_plugin *definition)
{
    char problem[512] = "";
    const struct plugin_isolation *isolation = plugin->host->isolation;
    plugin->isolated = isolation->open(plugin, definition, problem, sizeof(problem));
    if (plugin->isolated == NULL)
        return refuse(subject, problem);
    plugin->descriptor = isolation->descriptor(plugin->isolated);
    plugin->layouts = isolation->layouts(plugin->isolated);
    return true;
}

static bool plugin_examine(struct gmq_plugin *plugin, const struct subject *subject,
                           const struct config_plugin *definition)
{
    if (!library_is_mapped(plugin->library))
        return plugin_isolate(plugin, subject, definition);
    plugin->descriptor = library_symbol(plugin->library, DESCRIPTOR_SYMBOL);
    return descriptor_check(subject, plugin->descriptor) && layouts_read(subject, plugin->library, &plugin->layouts);
}

static bool plugin_count_bytes(struct gmq_plugin *plugin, const struct subject *subject)
{
    struct plugin_storage *storage = plugin->storage;
    if (storage != NULL)
        plugin->tally = plugin_storage_tally(storage, gmq_view_of(plugin->name), plugin->layouts.written);
    return storage == NULL || plugin->tally != NULL || refuse(subject, "cannot be loaded: memory is out");
}

static void plugin_free(struct gmq_plugin *plugin)
{
    mem_free(plugin->leases);
    mem_free(plugin->name);
    mem_free(plugin);
}

struct gmq_plugin *plugin_open(const struct config *config, const struct config_plugin *definition,
                               struct library *library, struct plugin_storage *storage, struct plugin_host *host,
                               struct problems *problems)
{
    struct subject subject;
    subject_init(&subject, config, definition, problems);
    struct gmq_plugin *plugin = plugin_new(definition);
    if (plugin == NULL) {
        refuse(&subject, "cannot be loaded: memory is out");
        return NULL;
    }
    plugin->library = library;
    plugin->settings = definition->settings;
    plugin->isolation = definition->isolation;
    plugin->storage = storage;
    plugin->host = host;
    if (plugin_examine(plugin, &subject, definition) && layouts_check(&subject, storage, &plugin->layouts) &&
        plugin_count_bytes(plugin, &subject))
        return plugin;
    if (plugin->isolated != NULL)
        host->isolation->close(plugin->isolated);
    plugin_free(plugin);
    return NULL;
}

static const char *status_name(gmq_status status)
{
    static const char *const names[] = {
        [GMQ_OK] = "GMQ_OK",
        [GMQ_ERROR_MEMORY] = "GMQ_ERROR_MEMORY",
        [GMQ_ERROR_ARGUMENT] = "GMQ_ERROR_ARGUMENT",
        [GMQ_ERROR_STATE] = "GMQ_ERROR_STATE",
        [GMQ_ERROR_NOT_FOUND] = "GMQ_ERROR_NOT_FOUND",
        [GMQ_ERROR_LIMIT] = "GMQ_ERROR_LIMIT",
        [GMQ_ERROR_UNSUPPORTED] = "GMQ_ERROR_UNSUPPORTED",
        [GMQ_ERROR_SYSTEM] = "GMQ_ERROR_SYSTEM",
    };
    return (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status] : "no gmq_status";
}

static gmq_status load_here(struct gmq_plugin *plugin)
{
    int begin = library_load_begin();
    gmq_status status = plugin->descriptor->load != NULL ? plugin->descriptor->load(plugin) : GMQ_OK;
    library_load_end(plugin->library, begin);
    return status;
}

bool plugin_load(struct gmq_plugin *plugin, const struct config *config, const struct config_plugin *definition,
                 struct problems *problems)
{
    char why[512] = "";
    gmq_status status = plugin->isolated != NULL ? plugin->host->isolation->load(plugin->isolated, why, sizeof(why))
                                                 : load_here(plugin);
    if (status == GMQ_OK && why[0] == '\0') {
        plugin->is_loaded = true;
        return true;
    }
    struct subject subject;
    subject_init(&subject, config, definition, problems);
    if (status == GMQ_OK)
        return refuse(&subject, why);
    snprintf(why, sizeof(why), "refuses to be loaded: its load function answered %s", status_name(status));
    return refuse(&subject, why);
}

void plugin_close(struct gmq_plugin *plugin)
{
    if (plugin->isolated != NULL)
        plugin->host->isolation->close(plugin->isolated);
    else if (plugin->is_loaded && plugin->descriptor->unload != NULL)
        plugin->descriptor->unload(plugin);
    /* What its threads and jobs have sent to the workers may still run its code. */
    if (plugin->host != NULL && plugin->host->drain != NULL)
        plugin->host->drain(plugin->host);
    library_close(plugin->library);
    for (size_t i = 0; i < plugin->lease_count; i++)
        config_lease_unref(plugin->leases[i]);
    plugin_free(plugin);
}

static bool record_is_sound(const gmq_record *record, const char *name)
{
    if ((uintptr_t)record % _Alignof(gmq_record_callback) != 0 || record->magic != GMQ_RECORD_MAGIC ||
        record->size < sizeof(gmq_record_callback))
        return false;
    bool is_known =
        (record->kind == GMQ_RECORD_HANDLER && record->number > 0 && record->number < CONFIG_PACKET_TYPES) ||
        (record->kind == GMQ_RECORD_CALLBACK && record->number < CONFIG_EVENTS);
    if (!is_known || !library_is_address(record->name) || strcmp(record->name, name) != 0)
        return false;
    /* The function follows the record, whatever its type: all function pointers have one size here. */
    const void *function;
    memcpy(&function, (const char *)record + offsetof(gmq_record_callback, function), sizeof(function));
    return library_is_address(function);
}

const gmq_record *plugin_record(const struct gmq_plugin *plugin, const char *name)
{
    char symbol[512];
    if (plugin->isolated != NULL)
        return plugin->host->isolation->record(plugin->isolated, name);
    int length = snprintf(symbol, sizeof(symbol), RECORD_PREFIX "%s", name);
    if (length < 0 || (size_t)length >= sizeof(symbol))
        return NULL;
    const gmq_record *record = library_symbol(plugin->library, symbol);
    return record != NULL && record_is_sound(record, name) ? record : NULL;
}

enum { LISTED_MAX = 256 };

/* The exported handlers' names, one after the other with their zeros. */
struct handler_names {
    char text[8192];
    size_t used;
    const char *names[LISTED_MAX + 1]; /* NULL at the end */
    size_t count;
};

static bool handler_names_add(const char *symbol, void *data)
{
    struct handler_names *list = data;
    const char *name = symbol + sizeof(RECORD_PREFIX) - 1;
    size_t size = strlen(name) + 1;
    if (list->count == LISTED_MAX || size > sizeof(list->text) - list->used)
        return false;
    memcpy(list->text + list->used, name, size);
    list->names[list->count++] = list->text + list->used;
    list->used += size;
    return true;
}

static struct handler_names *handler_names_new(const struct gmq_plugin *plugin)
{
    struct handler_names *list = mem_alloc_zero(1, sizeof(*list));
    if (list != NULL)
        library_each_symbol(plugin->library, RECORD_PREFIX, handler_names_add, list);
    return list;
}

const char *plugin_nearest_handler(const struct gmq_plugin *plugin, const char *name, char *buffer, size_t size)
{
    struct handler_names *list = handler_names_new(plugin);
    const char *nearest = list != NULL ? text_nearest(name, list->names) : NULL;
    if (nearest != NULL)
        snprintf(buffer, size, "%s", nearest);
    mem_free(list);
    return nearest != NULL ? buffer : NULL;
}

const char *plugin_list_handlers(const struct gmq_plugin *plugin, char *text, size_t size)
{
    struct handler_names *list = handler_names_new(plugin);
    size_t used = (size_t)snprintf(text, size, "it has");
    for (size_t i = 0; list != NULL && i < list->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %s", i == 0 ? "" : ",", list->names[i]);
    if (list == NULL || list->count == 0)
        snprintf(text, size, "it has none");
    mem_free(list);
    return text;
}

bool plugin_lease(struct gmq_plugin *plugin, struct config_lease *lease)
{
    for (size_t i = 0; i < plugin->lease_count; i++) {
        if (plugin->leases[i] == lease)
            return true;
    }
    struct config_lease **leases =
        mem_realloc(plugin->leases, (plugin->lease_count + 1) * sizeof(struct config_lease *));
    if (leases == NULL)
        return false;
    plugin->leases = leases;
    plugin->leases[plugin->lease_count++] = config_lease_ref(lease);
    return true;
}

void plugin_unlease(struct gmq_plugin *plugin, struct config_lease *lease)
{
    for (size_t i = 0; i < plugin->lease_count; i++) {
        if (plugin->leases[i] == lease) {
            plugin->leases[i] = plugin->leases[--plugin->lease_count];
            config_lease_unref(lease);
            return;
        }
    }
}

static const struct gmq_settings *route_arguments(const struct config_route *route, const struct config_entry *wanted)
{
    for (size_t i = 0; i < route->count; i++) {
        const struct config_entry *entry = &route->entries[i];
        if (strcmp(entry->plugin_name, wanted->plugin_name) == 0 && settings_equal(entry->arguments, wanted->arguments))
            return entry->arguments;
    }
    return NULL;
}

static const struct gmq_settings *config_arguments(const struct config *config, const struct config_entry *wanted)
{
    const struct gmq_settings *found = NULL;
    for (size_t type = 0; type < CONFIG_PACKET_TYPES && found == NULL; type++) {
        found = route_arguments(&config->incoming[type], wanted);
        if (found == NULL)
            found = route_arguments(&config->outgoing[type], wanted);
    }
    for (size_t event = 0; event < CONFIG_EVENTS && found == NULL; event++)
        found = route_arguments(&config->callbacks[event], wanted);
    return found;
}

const struct gmq_settings *plugin_arguments(struct gmq_plugin *plugin, struct config_lease *lease,
                                            const struct config_entry *entry)
{
    for (size_t i = 0; i < plugin->lease_count; i++) {
        const struct gmq_settings *found = config_arguments(plugin->leases[i]->config, entry);
        if (found != NULL)
            return found;
    }
    return plugin_lease(plugin, lease) ? entry->arguments : NULL;
}
