/* From the configuration's entries to functions: every handler is found in its plugin, and is of its route's packet
 * type. Routes that are not configured are those of the plugin "broker", by the names of its handlers. */
#include "plugin/generation_resolve.h"

#include "base/clock.h"
#include "base/memory.h"
#include "plugin/config_lease.h"

#include <stdio.h>
#include <string.h>

/* What an entry's record must be. */
struct wanted {
    uint16_t kind;
    uint16_t number;
};

struct resolver {
    struct generation *generation;
    struct problems *problems;
    const struct config_plugin *broker; /* the definition of the plugin "broker", or NULL */
    struct gmq_plugin *broker_plugin;   /* or NULL */
    uint32_t broker_index;
    size_t implied_count;
    bool is_failed;
};

/* The names that make a handler of the plugin "broker" a route. */
static const struct {
    const char *incoming;
    const char *outgoing;
} implied_handlers[CONFIG_PACKET_TYPES] = {
#define PACKET(number, NAME, name, flags, sender) [number] = {"on_" #name, "on_outgoing_" #name},
#include "mqtt/packets.def"
#undef PACKET
};

enum { IMPLIED_MAX = 2 * CONFIG_PACKET_TYPES + CONFIG_EVENTS };

static void report(struct resolver *resolver, const struct config_entry *entry, const char *text)
{
    char place[CONFIG_PLACE_TEXT_SIZE];
    config_place_text(resolver->generation->config, &entry->place, place, sizeof(place));
    problems_add(resolver->problems, "%s: %s", place, text);
    resolver->is_failed = true;
}

static void report_missing(struct resolver *resolver, const struct config_entry *entry, const struct gmq_plugin *plugin)
{
    char text[1024], near[256], all[512], symbol[512];
    snprintf(symbol, sizeof(symbol), "gmq_exported_%s", entry->handler);
    if (library_symbol(plugin->library, symbol) != NULL)
        snprintf(text, sizeof(text),
                 "what plugin \"%s\" exports as \"%.200s\" is no handler; use GMQ_HANDLER or "
                 "GMQ_CALLBACK, and rebuild it with the headers of this broker",
                 plugin->name, entry->handler);
    else if (plugin_nearest_handler(plugin, entry->handler, near, sizeof(near)) != NULL)
        snprintf(text, sizeof(text), "plugin \"%s\" has no handler \"%.200s\"; did you mean \"%s\"?", plugin->name,
                 entry->handler, near);
    else
        snprintf(text, sizeof(text), "plugin \"%s\" has no handler \"%.200s\"; %s", plugin->name, entry->handler,
                 plugin_list_handlers(plugin, all, sizeof(all)));
    report(resolver, entry, text);
}

static void report_wrong(struct resolver *resolver, const struct config_entry *entry, const gmq_record *record,
                         struct wanted wanted)
{
    char is_for[64], use[96], text[768];
    if (record->kind == GMQ_RECORD_HANDLER)
        snprintf(is_for, sizeof(is_for), "%s packets", packet_type_name((gmq_packet_type)record->number));
    else
        snprintf(is_for, sizeof(is_for), "the event \"%s\"", config_event_name((gmq_event)record->number));
    if (wanted.kind == GMQ_RECORD_HANDLER)
        snprintf(use, sizeof(use), "be on the route of %s", packet_type_name((gmq_packet_type)wanted.number));
    else
        snprintf(use, sizeof(use), "be a callback for \"%s\"", config_event_name((gmq_event)wanted.number));
    snprintf(text, sizeof(text), "%s \"%.200s\" of plugin \"%.200s\" is for %s and can't %s",
             record->kind == GMQ_RECORD_HANDLER ? "handler" : "callback", entry->handler, entry->plugin_name, is_for,
             use);
    report(resolver, entry, text);
}

/* All typed records have one layout, the one of callbacks among them. */
static route_function *record_function(const gmq_record *record)
{
    route_function *function;
    memcpy(&function, (const char *)record + offsetof(gmq_record_callback, function), sizeof(function));
    return function;
}

static uint64_t budget_ns(const struct generation *generation, const struct config_entry *entry)
{
    return (entry->budget_us != 0 ? entry->budget_us : generation->config->limits.budget_us) * CLOCK_NS_PER_US;
}

static void step_fill(struct resolver *resolver, struct route_step *step, const struct config_entry *entry,
                      struct gmq_plugin *plugin, const gmq_record *record)
{
    *step = (struct route_step){.function = record_function(record),
                                .plugin = plugin,
                                .record = record,
                                .entry = entry,
                                .budget_ns = budget_ns(resolver->generation, entry),
                                .is_conditional = entry->topics != NULL || entry->listeners != NULL ||
                                                  entry->versions != CONFIG_VERSION_ALL};
    if (entry->arguments == NULL)
        return;
    step->arguments = plugin_arguments(plugin, resolver->generation->lease, entry);
    if (step->arguments == NULL)
        report(resolver, entry, "memory is out");
}

/* A packet on its way out can't wait for another process: see core/README.md. Also in preflight, where the plugin is
 * in this one. */
static bool is_refused_outgoing(struct resolver *resolver, const struct config_entry *entry, const struct route *route)
{
    const struct generation *generation = resolver->generation;
    bool is_outgoing = route >= generation->outgoing && route < generation->outgoing + CONFIG_PACKET_TYPES;
    if (!is_outgoing || generation->config->plugins[entry->plugin].isolation.processes == 0)
        return false;
    char text[512];
    snprintf(text, sizeof(text),
             "plugin \"%.200s\" is isolated, and an outgoing %s can't wait for another process; move \"%.100s\" to "
             "\"routes\", or remove \"isolate\" from the plugin",
             entry->plugin_name, packet_type_name((gmq_packet_type)route->type), entry->handler);
    report(resolver, entry, text);
    return true;
}

static void entry_resolve(struct resolver *resolver, const struct config_entry *entry, struct wanted wanted,
                          struct route *route)
{
    if (entry->handler == NULL || is_refused_outgoing(resolver, entry, route))
        return;
    struct gmq_plugin *plugin = resolver->generation->plugins[entry->plugin];
    if (plugin == NULL)
        return;
    const gmq_record *record = plugin_record(plugin, entry->handler);
    if (record == NULL)
        report_missing(resolver, entry, plugin);
    else if (record->kind != wanted.kind || record->number != wanted.number)
        report_wrong(resolver, entry, record, wanted);
    else
        step_fill(resolver, &route->steps[route->count++], entry, plugin, record);
}

static bool route_make_room(struct resolver *resolver, struct route *route, size_t count)
{
    route->steps = mem_alloc_zero(count, sizeof(*route->steps));
    if (route->steps != NULL)
        return true;
    problems_add(resolver->problems, "%s: memory is out", resolver->generation->config->file);
    resolver->is_failed = true;
    return false;
}

static void route_resolve(struct resolver *resolver, const struct config_route *configured, struct wanted wanted,
                          struct route *route)
{
    route->type = (uint8_t)wanted.number;
    if (configured->count == 0 || !route_make_room(resolver, route, configured->count))
        return;
    for (size_t i = 0; i < configured->count; i++)
        entry_resolve(resolver, &configured->entries[i], wanted, route);
}

/* An entry as if the file had it. It has no arguments; it stands where the plugin does. */
static const struct config_entry *implied_entry(struct resolver *resolver, const gmq_record *record)
{
    struct config_entry *entry = &resolver->generation->implied[resolver->implied_count++];
    *entry = (struct config_entry){.place = resolver->broker->place,
                                   .plugin_name = resolver->broker->name,
                                   .plugin = resolver->broker_index,
                                   .handler = (char *)(uintptr_t)record->name, /* as long as the plugin is there */
                                   .versions = CONFIG_VERSION_ALL,
                                   .defer_at_limit = GMQ_DEFER,
                                   .on_fault = GMQ_REJECT};
    return entry;
}

static void route_imply(struct resolver *resolver, const struct config_route *configured, const char *handler,
                        struct wanted wanted, struct route *route)
{
    if (configured->entries != NULL || resolver->broker_plugin == NULL)
        return;
    const gmq_record *record = plugin_record(resolver->broker_plugin, handler);
    if (record == NULL)
        return;
    const struct config_entry *entry = implied_entry(resolver, record);
    if (record->kind != wanted.kind || record->number != wanted.number)
        report_wrong(resolver, entry, record, wanted);
    else if (!is_refused_outgoing(resolver, entry, route) && route_make_room(resolver, route, 1))
        step_fill(resolver, &route->steps[route->count++], entry, resolver->broker_plugin, record);
}

static void packets_resolve(struct resolver *resolver)
{
    struct generation *generation = resolver->generation;
    const struct config *config = generation->config;
    for (unsigned type = 1; type < CONFIG_PACKET_TYPES; type++) {
        struct wanted wanted = {GMQ_RECORD_HANDLER, (uint16_t)type};
        struct route *incoming = &generation->incoming[type], *outgoing = &generation->outgoing[type];
        route_resolve(resolver, &config->incoming[type], wanted, incoming);
        route_resolve(resolver, &config->outgoing[type], wanted, outgoing);
        if (packet_type_is_incoming((gmq_packet_type)type))
            route_imply(resolver, &config->incoming[type], implied_handlers[type].incoming, wanted, incoming);
        if (packet_type_is_outgoing((gmq_packet_type)type))
            route_imply(resolver, &config->outgoing[type], implied_handlers[type].outgoing, wanted, outgoing);
        if (outgoing->count != 0)
            generation->outgoing_types |= UINT32_C(1) << type;
    }
}

static void callbacks_resolve(struct resolver *resolver)
{
    struct generation *generation = resolver->generation;
    for (unsigned event = 0; event < CONFIG_EVENTS; event++) {
        struct wanted wanted = {GMQ_RECORD_CALLBACK, (uint16_t)event};
        const struct config_route *configured = &generation->config->callbacks[event];
        char handler[64];
        snprintf(handler, sizeof(handler), "on_%s", config_event_name((gmq_event)event));
        route_resolve(resolver, configured, wanted, &generation->callbacks[event]);
        route_imply(resolver, configured, handler, wanted, &generation->callbacks[event]);
    }
}

static void broker_find(struct resolver *resolver)
{
    const struct config *config = resolver->generation->config;
    for (uint32_t i = 0; i < config->plugin_count; i++) {
        if (strcmp(config->plugins[i].name, "broker") != 0)
            continue;
        resolver->broker = &config->plugins[i];
        resolver->broker_plugin = resolver->generation->plugins[i];
        resolver->broker_index = i;
    }
}

bool generation_resolve(struct generation *generation, struct problems *problems)
{
    struct resolver resolver = {.generation = generation, .problems = problems};
    generation->implied = mem_alloc_zero(IMPLIED_MAX, sizeof(*generation->implied));
    if (generation->implied == NULL) {
        problems_add(problems, "%s: memory is out", generation->config->file);
        return false;
    }
    broker_find(&resolver);
    packets_resolve(&resolver);
    callbacks_resolve(&resolver);
    return !resolver.is_failed;
}
