/* "routes", "outgoing" and "callbacks". */
#include "base/memory.h"
#include "config/reader.h"
#include "config/settings.h"
#include "config/store.h"

#include <string.h>

static void tell_unknown_plugin(struct reader *reader, const struct node *node, const char *name)
{
    const struct config *config = reader->config;
    const char *known[CONFIG_PLUGINS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < config->plugin_count && count < CONFIG_PLUGINS_MAX; i++) {
        if (config->plugins[i].name != NULL)
            known[count++] = config->plugins[i].name;
    }
    known[count] = NULL;
    reader_error_unknown(reader, node, name, known, (const char *const[]){"plugin", "add it to \"plugins\""});
}

static bool plugin_find(const struct config *config, const char *name, uint32_t *index)
{
    for (size_t i = 0; i < config->plugin_count; i++) {
        if (config->plugins[i].name != NULL && strcmp(config->plugins[i].name, name) == 0) {
            *index = (uint32_t)i;
            return true;
        }
    }
    return false;
}

void store_handler(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)key;
    struct config_entry *entry = target;
    const char *text = json_string_value(node->json);
    const char *colon = strchr(text, ':');
    entry->plugin_name = mem_copy_text(text, (size_t)(colon - text));
    if (entry->plugin_name == NULL)
        reader->is_out_of_memory = true;
    else if (plugin_find(reader->config, entry->plugin_name, &entry->plugin))
        entry->handler = reader_copy(reader, colon + 1);
    else
        tell_unknown_plugin(reader, node, entry->plugin_name);
}

/* Checks each element of a list against its row; whether all fit. */
static bool elements_fit(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    size_t before = reader->problems->error_count;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node element = node_element(node, i);
        reader_read(reader, key->element, &element, NULL);
    }
    return reader->problems->error_count == before;
}

void store_topics(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_entry *entry = target;
    size_t count = json_array_size(node->json);
    if (!elements_fit(reader, key, node))
        return;
    entry->topics = reader_allocate(reader, count + 1, sizeof(*entry->topics));
    for (size_t i = 0; entry->topics != NULL && i < count; i++) {
        entry->topics[i] = reader_copy(reader, json_string_value(json_array_get(node->json, i)));
        /* A gap would be taken for the end. */
        if (entry->topics[i] == NULL)
            return;
    }
}

/* The listener's index, or -1 after telling that there is none. */
static int listener_find(struct reader *reader, const struct node *node)
{
    const struct config *config = reader->config;
    const char *name = json_string_value(node->json);
    const char *known[CONFIG_LISTENERS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < config->listener_count; i++) {
        const char *candidate = config->listeners[i].name;
        if (candidate != NULL && strcmp(candidate, name) == 0)
            return (int)i;
        if (candidate != NULL)
            known[count++] = candidate;
    }
    known[count] = NULL;
    reader_error_unknown(reader, node, name, known, (const char *const[]){"listener", "add it to \"listeners\""});
    return -1;
}

_Static_assert(CONFIG_LISTENERS_MAX <= 64, "the set of listeners is one word");

void store_listener_set(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_entry *entry = target;
    if (!elements_fit(reader, key, node))
        return;
    entry->listeners = reader_allocate(reader, 1, sizeof(*entry->listeners));
    for (size_t i = 0; entry->listeners != NULL && i < json_array_size(node->json); i++) {
        struct node element = node_element(node, i);
        int index = listener_find(reader, &element);
        if (index >= 0)
            *entry->listeners |= UINT64_C(1) << index;
    }
}

/* The choices are in the order of the bits. */
static uint8_t version_bit(const char *const *choices, const char *version)
{
    uint8_t bit = CONFIG_VERSION_3_1;
    for (; strcmp(*choices, version) != 0; choices++)
        bit = (uint8_t)(bit << 1);
    return bit;
}

void store_versions(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_entry *entry = target;
    if (!elements_fit(reader, key, node))
        return;
    entry->versions = 0;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        const char *version = json_string_value(json_array_get(node->json, i));
        entry->versions |= version_bit(key->element->choices, version);
    }
}

void store_verdict(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)reader;
    static const gmq_verdict verdicts[] = {GMQ_NEXT, GMQ_REJECT, GMQ_CLOSE};
    size_t index = 0;
    while (index < 2 && strcmp(key->choices[index], json_string_value(node->json)) != 0)
        index++;
    memcpy((char *)target + key->offset, &verdicts[index], sizeof(verdicts[index]));
}

void store_entry(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_entry *entry = target;
    entry->place = reader_place(reader, node);
    entry->versions = CONFIG_VERSION_ALL;
    entry->defer_at_limit = GMQ_DEFER;
    entry->on_fault = GMQ_REJECT;
    if (json_is_object(node->json)) {
        reader_read_object(reader, key->keys, node, entry);
        return;
    }
    store_handler(reader, key, node, entry);
    entry->arguments = settings_new(NULL);
    reader->is_out_of_memory |= entry->arguments == NULL;
}

/* A list of entries, or one entry that stands for a list of one. */
void store_route(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_route *route = (struct config_route *)(void *)((char *)target + key->offset);
    bool is_list = json_is_array(node->json);
    size_t count = is_list ? json_array_size(node->json) : 1;
    route->place = reader_place(reader, node);
    route->entries = reader_allocate(reader, count, sizeof(*route->entries));
    if (route->entries == NULL)
        return;
    route->count = count;
    for (size_t i = 0; i < count; i++) {
        struct node element = is_list ? node_element(node, i) : *node;
        reader_read(reader, key->element, &element, &route->entries[i]);
    }
}
