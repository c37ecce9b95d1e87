/* One line for people: what a new generation has that the one before had not, and the reverse. */
#include "plugin/generation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that grows: sections joined by "; ", items within a section by ", ". Cut where it does not fit. */
struct line {
    char *text;
    size_t size;
    size_t used;
    const char *section; /* not yet written, or NULL */
};

static void line_section(struct line *line, const char *name)
{
    line->section = name;
}

__attribute__((format(printf, 2, 0))) static void line_append_list(struct line *line, const char *format,
                                                                   va_list arguments)
{
    if (line->used >= line->size)
        return;
    int length = vsnprintf(line->text + line->used, line->size - line->used, format, arguments);
    line->used += length > 0 ? (size_t)length : 0;
}

__attribute__((format(printf, 2, 3))) static void line_append(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_append_list(line, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void line_item(struct line *line, const char *format, ...)
{
    if (line->section != NULL)
        line_append(line, "%s%s: ", line->used != 0 ? "; " : "", line->section);
    else
        line_append(line, ", ");
    line->section = NULL;
    va_list arguments;
    va_start(arguments, format);
    line_append_list(line, format, arguments);
    va_end(arguments);
}

static const struct gmq_plugin *plugin_find(const struct generation *generation, const char *name)
{
    for (size_t i = 0; i < generation->plugin_count; i++) {
        if (strcmp(generation->plugins[i]->name, name) == 0)
            return generation->plugins[i];
    }
    return NULL;
}

static void plugin_compare(struct line *line, const struct gmq_plugin *old, const struct gmq_plugin *new)
{
    const char *old_version = old->descriptor->version, *new_version = new->descriptor->version;
    const char *content = new->library->copy.content;
    if (old == new)
        return;
    if (strcmp(old_version, new_version) != 0)
        line_item(line, "%s %s -> %s (%.8s)", new->name, old_version, new_version, content);
    else if (strcmp(old->library->copy.content, content) != 0)
        line_item(line, "%s %s, other code (%.8s -> %.8s)", new->name, new_version, old->library->copy.content,
                  content);
    else if (!settings_equal(old->settings, new->settings))
        line_item(line, "%s %s, other settings", new->name, new_version);
    else
        line_item(line, "%s %s, loaded again", new->name, new_version);
}

static void plugins_compare(struct line *line, const struct generation *previous, const struct generation *next)
{
    line_section(line, "plugins");
    for (size_t i = 0; i < next->plugin_count; i++) {
        const struct gmq_plugin *plugin = next->plugins[i];
        const struct gmq_plugin *old = plugin_find(previous, plugin->name);
        if (old != NULL)
            plugin_compare(line, old, plugin);
        else
            line_item(line, "+%s %s (%.8s)", plugin->name, plugin->descriptor->version, plugin->library->copy.content);
    }
    for (size_t i = 0; i < previous->plugin_count; i++) {
        if (plugin_find(next, previous->plugins[i]->name) == NULL)
            line_item(line, "-%s", previous->plugins[i]->name);
    }
}

static bool texts_same(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static bool lists_same(char *const *left, char *const *right)
{
    if (left == NULL || right == NULL)
        return left == right;
    for (; *left != NULL && *right != NULL; left++, right++) {
        if (strcmp(*left, *right) != 0)
            return false;
    }
    return *left == *right;
}

static bool arguments_same(const struct gmq_settings *left, const struct gmq_settings *right)
{
    return left == right || (left != NULL && right != NULL && settings_equal(left, right));
}

static bool set_has(const uint64_t *set, size_t index)
{
    return set == NULL || (set[index / 64] >> (index % 64) & 1) != 0;
}

/* Listeners may have moved in the list: what counts is that the same names are in both sets. */
static bool listeners_are_within(const struct config *config, const uint64_t *set, const struct config *other,
                                 const uint64_t *other_set)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        bool is_found = !set_has(set, i);
        for (size_t j = 0; j < other->listener_count && !is_found; j++)
            is_found = set_has(other_set, j) && texts_same(config->listeners[i].name, other->listeners[j].name);
        if (!is_found)
            return false;
    }
    return true;
}

struct side {
    const struct config *config;
    const struct route_step *step;
};

static bool listeners_same(struct side left, struct side right)
{
    const uint64_t *left_set = left.step->entry->listeners, *right_set = right.step->entry->listeners;
    if (left_set == NULL || right_set == NULL)
        return left_set == right_set;
    return listeners_are_within(left.config, left_set, right.config, right_set) &&
           listeners_are_within(right.config, right_set, left.config, left_set);
}

static bool steps_same(struct side left, struct side right)
{
    const struct config_entry *one = left.step->entry, *other = right.step->entry;
    return texts_same(one->plugin_name, other->plugin_name) && texts_same(one->handler, other->handler) &&
           lists_same(one->topics, other->topics) && listeners_same(left, right) && one->versions == other->versions &&
           one->defer_ms == other->defer_ms && one->defer_at_limit == other->defer_at_limit &&
           one->on_fault == other->on_fault && one->budget_us == other->budget_us &&
           arguments_same(left.step->arguments, right.step->arguments);
}

static void route_compare(struct line *line, const char *name, const struct generation *sides[2],
                          const struct route *old, const struct route *new)
{
    bool is_same = old->count == new->count;
    for (uint32_t i = 0; i < new->count &&is_same; i++)
        is_same = steps_same((struct side){sides[0]->config, &old->steps[i]},
                             (struct side){sides[1]->config, &new->steps[i]});
    if (old->count == 0 && new->count != 0)
        line_item(line, "+%s", name);
    else if (old->count != 0 && new->count == 0)
        line_item(line, "-%s", name);
    else if (!is_same)
        line_item(line, "%s changed", name);
}

static void routes_compare(struct line *line, const struct generation *sides[2])
{
    line_section(line, "routes");
    for (size_t i = 1; i < CONFIG_PACKET_TYPES; i++)
        route_compare(line, packet_type_name((gmq_packet_type)i), sides, &sides[0]->incoming[i],
                      &sides[1]->incoming[i]);
    line_section(line, "outgoing");
    for (size_t i = 1; i < CONFIG_PACKET_TYPES; i++)
        route_compare(line, packet_type_name((gmq_packet_type)i), sides, &sides[0]->outgoing[i],
                      &sides[1]->outgoing[i]);
    line_section(line, "callbacks");
    for (size_t i = 0; i < CONFIG_EVENTS; i++)
        route_compare(line, config_event_name((gmq_event)i), sides, &sides[0]->callbacks[i], &sides[1]->callbacks[i]);
}

static const struct config_listener *listener_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        if (texts_same(config->listeners[i].name, name))
            return &config->listeners[i];
    }
    return NULL;
}

static void listeners_compare(struct line *line, const struct config *old, const struct config *new)
{
    line_section(line, "listeners");
    for (size_t i = 0; i < new->listener_count; i++) {
        const struct config_listener *one = &new->listeners[i], *other = listener_find(old, one->name);
        if (other == NULL)
            line_item(line, "+%s", one->name);
        else if (!texts_same(one->bind, other->bind) || one->port != other->port || one->unix_mode != other->unix_mode)
            line_item(line, "%s changed", one->name);
    }
    for (size_t i = 0; i < old->listener_count; i++) {
        if (listener_find(new, old->listeners[i].name) == NULL)
            line_item(line, "-%s", old->listeners[i].name);
    }
}

static void limits_compare(struct line *line, const struct config_limits *old, const struct config_limits *new)
{
    line_section(line, "limits");
#define LIMIT(key, preset, smallest, largest, text)                                                                    \
    if (old->key != new->key)                                                                                          \
        line_item(line, "%s %llu -> %llu", #key, (unsigned long long)old->key, (unsigned long long)new->key);
#include "config/limits.def"
#undef LIMIT
}

static void rest_compare(struct line *line, const struct config *old, const struct config *new)
{
    line_section(line, "log");
    if (old->log_level != new->log_level)
        line_item(line, "level changed");
    if (old->log_format != new->log_format)
        line_item(line, "format changed");
    if (!texts_same(old->log_file, new->log_file))
        line_item(line, "file changed");
    line_section(line, "workers");
    if (old->workers != new->workers)
        line_item(line, "%u -> %u", old->workers, new->workers);
}

static void generations_compare(struct line *line, const struct generation *previous, const struct generation *next)
{
    const struct generation *sides[2] = {previous, next};
    plugins_compare(line, previous, next);
    routes_compare(line, sides);
    listeners_compare(line, previous->config, next->config);
    limits_compare(line, &previous->config->limits, &next->config->limits);
    rest_compare(line, previous->config, next->config);
}

bool generation_differs(const struct generation *previous, const struct generation *next)
{
    char text[16]; /* what doesn't fit is counted */
    struct line line = {.text = text, .size = sizeof(text)};
    generations_compare(&line, previous, next);
    return line.used != 0;
}

const char *generation_difference(const struct generation *previous, const struct generation *next, char *text,
                                  size_t size)
{
    struct line line = {.text = text, .size = size};
    if (size != 0)
        text[0] = '\0';
    generations_compare(&line, previous, next);
    if (line.used == 0)
        line_append(&line, "nothing changed");
    return text;
}
