/* The schema's tables as a JSON Schema (draft-07), for editors. */
#include "base/buffer.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/json_text.h"
#include "config/schema.h"

#include <stdio.h>

/* Entries of routes differ in what may stand in them by the contexts in which they are. */
static const struct definition {
    uint32_t context;
    const char *name;
} definitions[] = {
    {IN_ROUTES | HAS_LISTENER | HAS_VERSION | HAS_TOPICS, "incoming_with_topics"},
    {IN_ROUTES | HAS_LISTENER | HAS_VERSION, "incoming"},
    {IN_OUTGOING | HAS_LISTENER | HAS_VERSION | HAS_TOPICS, "outgoing_with_topics"},
    {IN_OUTGOING | HAS_LISTENER | HAS_VERSION, "outgoing"},
    {IN_CALLBACKS | HAS_LISTENER | HAS_VERSION, "callback_of_client"},
    {IN_CALLBACKS | HAS_LISTENER, "callback_of_connection"},
    {IN_CALLBACKS, "callback"},
};
enum { DEFINITION_COUNT = sizeof(definitions) / sizeof(definitions[0]) };

static json_t *value_schema(const struct schema_key *key, uint32_t context);

/* That memory is out is seen at the end, by json_memory_is_out(). */
static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *reference(uint32_t context)
{
    size_t i = 0;
    while (i + 1 < DEFINITION_COUNT && definitions[i].context != context)
        i++;
    return json_pack("{s: s+}", "$ref", "#/definitions/", definitions[i].name);
}

static json_t *element_schema(const struct schema_key *key, uint32_t context)
{
    return key->element == &schema_entry ? reference(context) : value_schema(key->element, context);
}

static void set_number(json_t *schema, const struct schema_key *key)
{
    set(schema, "type", json_string("integer"));
    set(schema, "minimum", json_integer(key->smallest));
    set(schema, "maximum", json_integer(key->largest));
}

static void set_text(json_t *schema, const struct schema_key *key)
{
    set(schema, "type", json_string("string"));
    if (key->form != NULL && key->form->pattern != NULL)
        set(schema, "pattern", json_string(key->form->pattern));
    if (key->choices == NULL)
        return;
    json_t *choices = json_array();
    for (const char *const *choice = key->choices; *choice != NULL; choice++)
        (void)json_array_append_new(choices, json_string(*choice));
    set(schema, "enum", choices);
}

static void set_list(json_t *schema, const struct schema_key *key, uint32_t context)
{
    set(schema, "type", json_string("array"));
    set(schema, "minItems", json_integer(key->smallest));
    set(schema, "maxItems", json_integer(key->largest));
    set(schema, "items", element_schema(key, context));
}

static json_t *comment_schema(void)
{
    return json_pack("{s: s}", "description", "A comment.");
}

static void set_known_keys(json_t *schema, const struct schema_key *keys, uint32_t context)
{
    json_t *properties = json_pack("{s: o}", SCHEMA_COMMENT, comment_schema());
    json_t *required = json_array();
    for (const struct schema_key *key = keys; key->name != NULL; key++) {
        if ((key->needs & ~context) != 0)
            continue;
        set(properties, key->name, value_schema(key, context));
        if (key->is_required)
            (void)json_array_append_new(required, json_string(key->name));
    }
    set(schema, "properties", properties);
    set(schema, "additionalProperties", json_false());
    if (json_array_size(required) > 0)
        set(schema, "required", required);
    else
        json_decref(required);
}

static void set_free_keys(json_t *schema, const struct schema_key *key, uint32_t context)
{
    set(schema, "properties", json_pack("{s: o}", SCHEMA_COMMENT, comment_schema()));
    set(schema, "patternProperties", json_pack("{s: o}", key->names->pattern, element_schema(key, context)));
    set(schema, "additionalProperties", json_false());
    set(schema, "maxProperties", json_integer(key->largest));
}

static void set_object(json_t *schema, const struct schema_key *key, uint32_t context)
{
    set(schema, "type", json_string("object"));
    if (key->keys != NULL)
        set_known_keys(schema, key->keys, context);
    else if (key->element != NULL)
        set_free_keys(schema, key, context);
}

static void set_kind(json_t *schema, const struct schema_key *key, enum schema_kind kind, uint32_t context)
{
    if (kind == KIND_NUMBER)
        set_number(schema, key);
    else if (kind == KIND_TEXT)
        set_text(schema, key);
    else if (kind == KIND_LIST)
        set_list(schema, key, context);
    else if (kind == KIND_BOOLEAN)
        set(schema, "type", json_string("boolean"));
    else
        set_object(schema, key, context);
}

/* Several kinds are alternatives; a single element that stands for a list of one is described as the element is. */
static void set_alternatives(json_t *schema, const struct schema_key *key, uint32_t context)
{
    json_t *alternatives = json_array();
    bool takes_one = (key->kinds & KIND_LIST) != 0 && key->element != NULL;
    if (takes_one)
        (void)json_array_append_new(alternatives, element_schema(key, context));
    for (uint32_t kind = KIND_NUMBER; kind <= KIND_BOOLEAN; kind <<= 1) {
        if ((key->kinds & kind) == 0 || (takes_one && kind != KIND_LIST))
            continue;
        json_t *alternative = json_object();
        set_kind(alternative, key, (enum schema_kind)kind, context);
        (void)json_array_append_new(alternatives, alternative);
    }
    set(schema, "anyOf", alternatives);
}

/* The tables are not deeper than the file that they describe. */
static json_t *value_schema(const struct schema_key *key, uint32_t context)
{
    json_t *schema = json_object();
    bool is_one_kind = (key->kinds & (key->kinds - 1)) == 0;
    if (key->text != NULL)
        set(schema, "description", json_string(key->text));
    if (key->preset != NULL)
        set(schema, "default", json_loads(key->preset, JSON_DECODE_ANY, NULL));
    if (is_one_kind)
        set_kind(schema, key, (enum schema_kind)key->kinds, context | key->gives);
    else
        set_alternatives(schema, key, context | key->gives);
    return schema;
}

static json_t *file_schema(void)
{
    json_t *schema = json_pack("{s: s, s: s}", "$schema", "http://json-schema.org/draft-07/schema#", "title",
                               "GraftMQ configuration");
    json_t *root = value_schema(&schema_root, 0);
    json_t *entries = json_object();
    for (size_t i = 0; i < DEFINITION_COUNT; i++)
        set(entries, definitions[i].name, value_schema(&schema_entry, definitions[i].context));
    (void)json_object_update(schema, root);
    json_decref(root);
    set(schema, "definitions", entries);
    return schema;
}

static int append(const char *bytes, size_t length, void *out)
{
    struct buffer *text = out;
    buffer_append(text, bytes, length);
    return text->is_failed ? -1 : 0;
}

char *config_schema_json(void)
{
    struct buffer text;
    char *copy = NULL;
    json_memory_init();
    json_memory_clear();
    buffer_init(&text);
    json_t *schema = file_schema();
    bool is_written = json_dump_callback(schema, append, &text, JSON_INDENT(2)) == 0;
    buffer_append_text(&text, "\n");
    if (is_written && !text.is_failed && !json_memory_is_out())
        copy = mem_copy_text((const char *)text.bytes, text.length);
    json_decref(schema);
    buffer_deinit(&text);
    return copy;
}
