/* Holds values to the rows of the schema. */
#include "config/reader.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { WORDS_SIZE = 400 };

static const char *const kind_names[] = {"a number",      "a string", "an object", "a list", "a number with a fraction",
                                         "true or false", "null"};

static uint32_t kind_of(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return KIND_OBJECT;
    case JSON_ARRAY:
        return KIND_LIST;
    case JSON_STRING:
        return KIND_TEXT;
    case JSON_INTEGER:
        return KIND_NUMBER;
    case JSON_REAL:
        return KIND_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return KIND_BOOLEAN;
    case JSON_NULL:
    default:
        return KIND_NULL;
    }
}

/* Appends " or WORD", or the word alone to an empty list. */
static void words_add(char words[WORDS_SIZE], const char *word, const char *separator)
{
    size_t length = strlen(words);
    snprintf(words + length, WORDS_SIZE - length, "%s%s", length > 0 ? separator : "", word);
}

static void kinds_write(uint32_t kinds, char words[WORDS_SIZE])
{
    words[0] = '\0';
    for (uint32_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
        if ((kinds & (UINT32_C(1) << i)) != 0)
            words_add(words, kind_names[i], " or ");
    }
}

static void choices_write(const char *const *choices, char words[WORDS_SIZE])
{
    words[0] = '\0';
    for (; *choices != NULL; choices++) {
        char quoted[64];
        snprintf(quoted, sizeof(quoted), "\"%s\"", *choices);
        words_add(words, quoted, ", ");
    }
}

static bool fits_kind(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    uint32_t kind = kind_of(node->json);
    if ((key->kinds & kind) != 0)
        return true;
    char expected[WORDS_SIZE];
    char found[WORDS_SIZE];
    kinds_write(key->kinds, expected);
    kinds_write(kind, found);
    reader_error(reader, node, "expected %s, found %s; correct the value", expected, found);
    return false;
}

static bool fits_number(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    json_int_t value = json_integer_value(node->json);
    if (value >= key->smallest && value <= key->largest)
        return true;
    reader_error(reader, node, "%" JSON_INTEGER_FORMAT " is out of range; use %" PRId64 " to %" PRId64, value,
                 key->smallest, key->largest);
    return false;
}

static bool fits_choice(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    const char *value = json_string_value(node->json);
    for (const char *const *choice = key->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, value) == 0)
            return true;
    }
    char words[WORDS_SIZE];
    char otherwise[WORDS_SIZE + 32];
    choices_write(key->choices, words);
    snprintf(otherwise, sizeof(otherwise), "use %s%s", (key->kinds & KIND_NUMBER) != 0 ? "a number or " : "one of ",
             words);
    reader_error_unknown(reader, node, value, key->choices, (const char *const[]){"value", otherwise});
    return false;
}

static bool fits_text(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    if (key->choices != NULL)
        return fits_choice(reader, key, node);
    const char *value = json_string_value(node->json);
    if (key->form == NULL || key->form->matches(value))
        return true;
    reader_error(reader, node, "\"%s\" can't be used; write %s", shown_of(value).text, key->form->expected);
    return false;
}

static bool fits_count(struct reader *reader, const struct schema_key *key, const struct node *node, size_t count)
{
    if (count >= (size_t)key->smallest && count <= (size_t)key->largest)
        return true;
    if (count == 0)
        reader_error(reader, node, "is empty; name at least one, or remove the key");
    else
        reader_error(reader, node, "has %zu elements; at most %" PRId64 " are possible", count, key->largest);
    return false;
}

static bool fits(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    if (!fits_kind(reader, key, node))
        return false;
    switch (kind_of(node->json)) {
    case KIND_NUMBER:
        return fits_number(reader, key, node);
    case KIND_TEXT:
        return fits_text(reader, key, node);
    case KIND_LIST:
        return fits_count(reader, key, node, json_array_size(node->json));
    default:
        return key->names == NULL || fits_count(reader, key, node, json_object_size(node->json));
    }
}

void reader_read(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    if (fits(reader, key, node) && key->store != NULL)
        key->store(reader, key, node, target);
}

static bool is_allowed(const struct schema_key *key, const struct node *object)
{
    return (key->needs & ~object->context) == 0;
}

static const struct schema_key *key_find(const struct schema_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0)
            return keys;
    }
    return NULL;
}

static void tell_unknown(struct reader *reader, const struct schema_key *keys, const struct node *member)
{
    const char *known[SCHEMA_KEYS_MAX + 1];
    char words[WORDS_SIZE] = "";
    size_t count = 0;
    for (; keys->name != NULL && count < SCHEMA_KEYS_MAX; keys++) {
        if (!is_allowed(keys, member))
            continue;
        known[count++] = keys->name;
        words_add(words, keys->name, ", ");
    }
    known[count] = NULL;
    const char *nearest = text_nearest(member->key, known);
    struct shown name = shown_of(member->key);
    if (nearest != NULL)
        reader_error_at_key(reader, member, "unknown key \"%s\"; did you mean \"%s\"?", name.text, nearest);
    else if (strlen(words) + 1 < WORDS_SIZE)
        reader_error_at_key(reader, member, "unknown key \"%s\"; known are: %s", name.text, words);
    else
        reader_error_at_key(reader, member, "unknown key \"%s\"; etc/README.md lists the known ones", name.text);
}

/* Keys that may not be there, in the order of the file. */
static void check_keys(struct reader *reader, const struct schema_key *keys, const struct node *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object->json, name, value)
    {
        if (strcmp(name, SCHEMA_COMMENT) == 0)
            continue;
        struct node member = node_member(object, name, value);
        const struct schema_key *key = key_find(keys, name);
        if (key == NULL)
            tell_unknown(reader, keys, &member);
        else if (!is_allowed(key, object))
            reader_error_at_key(reader, &member, "\"%s\" can't stand here: %s", name, key->elsewhere);
    }
}

static void read_preset(struct reader *reader, const struct schema_key *key, const struct node *object, void *target)
{
    json_t *preset = json_loads(key->preset, JSON_DECODE_ANY, NULL);
    if (preset == NULL) {
        reader->is_out_of_memory = true;
        return;
    }
    struct node member = node_member(object, key->name, preset);
    member.context |= key->gives;
    reader_read(reader, key, &member, target);
    json_decref(preset);
}

void reader_read_object(struct reader *reader, const struct schema_key *keys, const struct node *object, void *target)
{
    check_keys(reader, keys, object);
    for (const struct schema_key *key = keys; key->name != NULL; key++) {
        json_t *value = json_object_get(object->json, key->name);
        struct node member = node_member(object, key->name, value);
        member.context |= key->gives;
        if (!is_allowed(key, object))
            continue;
        if (value != NULL)
            reader_read(reader, key, &member, target);
        else if (key->is_required)
            reader_error(reader, object, "\"%s\" is missing; add it", key->name);
        else if (key->preset != NULL)
            read_preset(reader, key, object, target);
    }
}
