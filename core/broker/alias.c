/* Topic aliases: what the client calls a topic, and what we call it towards the client. */
#include "broker/alias.h"

#include "base/map.h"
#include "base/memory.h"
#include "mqtt/properties.h"

#include <string.h>

/* Topics by alias number, from 1. */
struct alias_in {
    uint16_t maximum;
    gmq_view topics[]; /* owned */
};

/* Aliases by topic. First come, first served: a connection's busy topics come early. */
struct alias_out_entry {
    uint16_t alias;
    uint16_t length;
    char topic[];
};

struct alias_out {
    struct map by_topic;
};

enum { ALIAS_WORTH_FROM = 4 }; /* a shorter topic costs less than the alias property */

static enum mqtt_error alias_learn(struct gmq_client *client, uint16_t alias, gmq_view topic)
{
    if (client->aliases_in == NULL) {
        uint16_t maximum = client->topic_alias_maximum_in;
        client->aliases_in = mem_alloc_zero(1, sizeof *client->aliases_in + (maximum + 1u) * sizeof(gmq_view));
        if (client->aliases_in == NULL)
            return MQTT_ERROR_MEMORY;
        client->aliases_in->maximum = maximum;
    }
    gmq_view *known = &client->aliases_in->topics[alias];
    if (gmq_view_same(*known, topic))
        return MQTT_OK;
    char *copy = mem_copy_text(topic.data, topic.length);
    if (copy == NULL)
        return MQTT_ERROR_MEMORY;
    mem_free((void *)(uintptr_t)known->data);
    *known = gmq_view_make(copy, topic.length);
    return MQTT_OK;
}

enum mqtt_error alias_resolve(struct gmq_client *client, struct gmq_publish *packet)
{
    struct properties *properties = &packet->packet.properties;
    if (!properties_has(properties, PROPERTY_TOPIC_ALIAS))
        return MQTT_OK;
    uint16_t alias = (uint16_t)properties->value[PROPERTY_TOPIC_ALIAS].number;
    properties->present &= ~PROPERTY_BIT(PROPERTY_TOPIC_ALIAS);
    if (alias == 0 || alias > client->topic_alias_maximum_in)
        return MQTT_ERROR_TOPIC_ALIAS;
    if (packet->topic.length > 0)
        return alias_learn(client, alias, packet->topic);
    if (client->aliases_in == NULL || client->aliases_in->topics[alias].length == 0)
        return MQTT_ERROR_TOPIC_MISSING;
    packet->topic = client->aliases_in->topics[alias];
    return MQTT_OK;
}

static gmq_view alias_out_topic(const void *value)
{
    const struct alias_out_entry *entry = value;
    return gmq_view_make(entry->topic, entry->length);
}

uint16_t alias_known(const struct gmq_client *client, gmq_view topic)
{
    if (client->aliases_out == NULL)
        return 0;
    const struct alias_out_entry *entry = map_find(&client->aliases_out->by_topic, topic);
    return entry != NULL ? entry->alias : 0;
}

uint16_t alias_next(const struct gmq_client *client, gmq_view topic)
{
    size_t used = client->aliases_out != NULL ? client->aliases_out->by_topic.count : 0;
    if (used >= client->topic_alias_maximum_out || topic.length < ALIAS_WORTH_FROM)
        return 0;
    return (uint16_t)(used + 1);
}

bool alias_assign(struct gmq_client *client, gmq_view topic)
{
    if (client->aliases_out == NULL) {
        client->aliases_out = mem_alloc(sizeof *client->aliases_out);
        if (client->aliases_out == NULL)
            return false;
        map_init(&client->aliases_out->by_topic, alias_out_topic);
    }
    struct alias_out_entry *entry = mem_alloc(sizeof *entry + topic.length);
    if (entry == NULL)
        return false;
    entry->alias = (uint16_t)(client->aliases_out->by_topic.count + 1);
    entry->length = (uint16_t)topic.length;
    memcpy(entry->topic, topic.data, topic.length);
    if (map_insert(&client->aliases_out->by_topic, entry))
        return true;
    mem_free(entry);
    return false;
}

static void alias_free_in(struct alias_in *aliases)
{
    if (aliases == NULL)
        return;
    for (uint32_t i = 0; i <= aliases->maximum; i++)
        mem_free((void *)(uintptr_t)aliases->topics[i].data);
    mem_free(aliases);
}

static void alias_free_out(struct alias_out *aliases)
{
    if (aliases == NULL)
        return;
    size_t position = 0;
    void *entry;
    while ((entry = map_next(&aliases->by_topic, &position)) != NULL)
        mem_free(entry);
    map_deinit(&aliases->by_topic);
    mem_free(aliases);
}

void alias_free(struct gmq_client *client)
{
    alias_free_in(client->aliases_in);
    alias_free_out(client->aliases_out);
    client->aliases_in = NULL;
    client->aliases_out = NULL;
}
