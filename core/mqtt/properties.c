/* The table of properties, and reading and changing the properties of a packet. Their wire form is in
 * properties_wire.c. */
#include "mqtt/properties.h"

#include "base/text.h"
#include "mqtt/reader.h"
#include "mqtt/topic.h"

#define IN(type) PROPERTY_IN(GMQ_##type)
#define WILL PROPERTY_IN_WILL

static const struct property_rule rules[PROPERTY_COUNT] = {
#define PROPERTY(identifier, name, type, packets, repeats, smallest, largest)                                          \
    [PROPERTY_##name] = {#name, packets, smallest, largest, identifier, PROPERTY_##type, repeats},
#include "mqtt/properties.def"
#undef PROPERTY
};

/* Index and 1 by identifier; 0 for those that are none. */
static const uint8_t places[256] = {
#define PROPERTY(identifier, name, type, packets, repeats, smallest, largest) [identifier] = PROPERTY_##name + 1,
#include "mqtt/properties.def"
#undef PROPERTY
};

const uint32_t PROPERTIES_FORWARDED =
    ~(PROPERTY_BIT(PROPERTY_MESSAGE_EXPIRY_INTERVAL) | PROPERTY_BIT(PROPERTY_TOPIC_ALIAS) |
      PROPERTY_BIT(PROPERTY_SUBSCRIPTION_IDENTIFIER) | PROPERTY_BIT(PROPERTY_WILL_DELAY_INTERVAL));

_Static_assert(PROPERTY_COUNT <= 32, "a set of properties fits into 32 bits");

const struct property_rule *property_rule_at(enum property_index index)
{
    return &rules[index];
}

const struct property_rule *property_rule_of(uint32_t identifier, enum property_index *index)
{
    if (identifier >= sizeof places || places[identifier] == 0)
        return NULL;
    *index = (enum property_index)(places[identifier] - 1);
    return &rules[*index];
}

void properties_init(struct properties *properties)
{
    properties->present = 0;
    properties->wire = gmq_view_make(NULL, 0);
    properties->added = NULL;
    properties->added_last = NULL;
    properties->subscription_identifiers = NULL;
    properties->subscription_identifier_count = 0;
}

/* The kinds of types: those whose value is a number, and those whose value is text. */
static bool rule_is_number(const struct property_rule *rule)
{
    return rule->type <= PROPERTY_VARINT;
}

gmq_status properties_set_number(struct properties *properties, uint32_t place, uint32_t identifier, uint32_t value)
{
    enum property_index index;
    const struct property_rule *rule = property_rule_of(identifier, &index);
    if (rule == NULL)
        return GMQ_ERROR_ARGUMENT;
    if ((rule->packets & place) == 0)
        return GMQ_ERROR_UNSUPPORTED;
    if (!rule_is_number(rule) || value < rule->smallest || value > rule->largest)
        return GMQ_ERROR_ARGUMENT;
    properties->value[index].number = value;
    properties->present |= PROPERTY_BIT(index);
    return GMQ_OK;
}

static bool text_is_valid(enum property_index index, const struct property_rule *rule, gmq_view value)
{
    if (value.length > UINT16_MAX)
        return false;
    if (rule->type == PROPERTY_BINARY)
        return true;
    if (index == PROPERTY_RESPONSE_TOPIC) /* [MQTT-3.3.2-14] */
        return topic_check_name(value) == MQTT_OK;
    return rule->type == PROPERTY_STRING && (value.length == 0 || text_is_utf8(value.data, value.length));
}

/* An empty view keeps no pointer to bytes that go away. */
static bool view_copy(gmq_view *copy, gmq_view view, struct arena *arena)
{
    const char *data = view.length > 0 ? arena_copy(arena, view.data, view.length) : "";
    if (data == NULL)
        return false;
    *copy = gmq_view_make(data, view.length);
    return true;
}

gmq_status properties_set_text(struct properties *properties, uint32_t place, uint32_t identifier, gmq_view value,
                               struct arena *arena)
{
    enum property_index index;
    const struct property_rule *rule = property_rule_of(identifier, &index);
    if (rule == NULL)
        return GMQ_ERROR_ARGUMENT;
    if ((rule->packets & place) == 0)
        return GMQ_ERROR_UNSUPPORTED;
    if (!text_is_valid(index, rule, value))
        return GMQ_ERROR_ARGUMENT;
    gmq_view copy;
    if (!view_copy(&copy, value, arena))
        return GMQ_ERROR_MEMORY;
    properties->value[index].text = copy;
    properties->present |= PROPERTY_BIT(index);
    return GMQ_OK;
}

void properties_remove(struct properties *properties, uint32_t identifier)
{
    enum property_index index;
    if (property_rule_of(identifier, &index) == NULL)
        return;
    properties->present &= ~PROPERTY_BIT(index);
    if (index == PROPERTY_USER_PROPERTY) {
        properties->wire = gmq_view_make(NULL, 0);
        properties->added = NULL;
        properties->added_last = NULL;
    }
    if (index == PROPERTY_SUBSCRIPTION_IDENTIFIER) {
        properties->subscription_identifiers = NULL;
        properties->subscription_identifier_count = 0;
    }
}

static bool pair_is_valid(gmq_view name, gmq_view value)
{
    return name.length <= UINT16_MAX && value.length <= UINT16_MAX &&
           (name.length == 0 || text_is_utf8(name.data, name.length)) &&
           (value.length == 0 || text_is_utf8(value.data, value.length)); /* [MQTT-1.5.7-1] */
}

static void properties_append_user(struct properties *properties, struct added_user_property *user_property)
{
    user_property->next = NULL;
    if (properties->added_last != NULL)
        properties->added_last->next = user_property;
    else
        properties->added = user_property;
    properties->added_last = user_property;
    properties->present |= PROPERTY_BIT(PROPERTY_USER_PROPERTY);
}

gmq_status properties_add_user(struct properties *properties, gmq_view name, gmq_view value, struct arena *arena)
{
    if (!pair_is_valid(name, value))
        return GMQ_ERROR_ARGUMENT;
    struct added_user_property *added = arena_alloc(arena, sizeof *added);
    if (added == NULL || !view_copy(&added->name, name, arena) || !view_copy(&added->value, value, arena))
        return GMQ_ERROR_MEMORY;
    properties_append_user(properties, added);
    return GMQ_OK;
}

bool properties_user_at(const struct properties *properties, size_t index, gmq_view *name, gmq_view *value)
{
    struct user_property_cursor cursor = {0};
    gmq_view found_name;
    gmq_view found_value;
    do {
        if (!properties_user_next(properties, &cursor, &found_name, &found_value))
            return false;
    } while (index-- > 0);
    *name = found_name;
    *value = found_value;
    return true;
}

static bool copy_values(struct properties *copy, const struct properties *properties, struct arena *arena)
{
    uint32_t rest = properties->present & ~PROPERTY_BIT(PROPERTY_USER_PROPERTY);
    for (; rest != 0; rest &= rest - 1) {
        int index = __builtin_ctz(rest);
        if (rule_is_number(&rules[index]))
            copy->value[index].number = properties->value[index].number;
        else if (!view_copy(&copy->value[index].text, properties->value[index].text, arena))
            return false;
    }
    copy->present = properties->present;
    return true;
}

static bool copy_added(struct properties *copy, const struct properties *properties, struct arena *arena)
{
    for (const struct added_user_property *added = properties->added; added != NULL; added = added->next) {
        /* They were checked when they were added. */
        if (properties_add_user(copy, added->name, added->value, arena) != GMQ_OK)
            return false;
    }
    return true;
}

static bool copy_identifiers(struct properties *copy, const struct properties *properties, struct arena *arena)
{
    uint32_t count = properties->subscription_identifier_count;
    if (count == 0)
        return true;
    copy->subscription_identifiers =
        arena_copy(arena, properties->subscription_identifiers, count * sizeof *copy->subscription_identifiers);
    copy->subscription_identifier_count = count;
    return copy->subscription_identifiers != NULL;
}

bool properties_copy(struct properties *copy, const struct properties *properties, struct arena *arena)
{
    properties_init(copy);
    return (properties->wire.length == 0 || view_copy(&copy->wire, properties->wire, arena)) &&
           copy_values(copy, properties, arena) && copy_added(copy, properties, arena) &&
           copy_identifiers(copy, properties, arena);
}
