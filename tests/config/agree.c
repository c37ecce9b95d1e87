/* The JSON Schema is walked key by key; what it allows and what it doesn't, the parser must see in the same way. A
 * value of each key is put into a file that is otherwise valid. */
#include "given.h"

#include <jansson.h>

enum { DEPTH_MAX = 16 };

/* The way from the file's root to the schema at hand: what stands at each level, and the key that leads on. */
struct level {
    const json_t *schema;
    const char *key; /* NULL: an element of a list */
};

static json_t *root;
static struct level levels[DEPTH_MAX];
static size_t depth;
static size_t visited;

static json_t *sample(const json_t *schema, const char *key);

/* Values that mean something, where the schema can't say what does. */
static json_t *sample_text(const json_t *schema, const char *key)
{
    static const char *const samples[][2] = {{"name", "mqtt"},        {"bind", "*"},         {"path", "/proc/self/exe"},
                                             {"handler", "broker:f"}, {"topics", "a/+/#"},   {"listeners", "mqtt"},
                                             {"mode", "0600"},        {"file", "/tmp/file"}, {"$schema", "x"}};
    const json_t *choices = json_object_get(schema, "enum");
    if (choices != NULL)
        return json_incref(json_array_get(choices, 0));
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (strcmp(samples[i][0], key) == 0)
            return json_string(samples[i][1]);
    }
    return json_string("broker:f");
}

static json_t *sample_object(const json_t *schema)
{
    json_t *object = json_object();
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        const char *key = json_string_value(name);
        json_object_set_new(object, key, sample(json_object_get(json_object_get(schema, "properties"), key), key));
    }
    if (schema == root)
        json_object_set_new(object, "plugins", json_pack("{s: {s: s}}", "broker", "path", "/proc/self/exe"));
    return object;
}

static const json_t *resolve(const json_t *schema)
{
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (reference == NULL)
        return schema;
    const char *prefix = "#/definitions/";
    cr_assert(zero(int, strncmp(reference, prefix, strlen(prefix))));
    const json_t *definition = json_object_get(json_object_get(root, "definitions"), reference + strlen(prefix));
    cr_assert(not(zero(ptr, (void *)definition)), "%s", reference);
    return definition;
}

static json_t *sample(const json_t *schema, const char *key)
{
    schema = resolve(schema);
    const json_t *alternatives = json_object_get(schema, "anyOf");
    if (alternatives != NULL)
        return sample(json_array_get(alternatives, 0), key);
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (strcmp(type, "integer") == 0)
        return json_incref(json_object_get(schema, "minimum"));
    if (strcmp(type, "string") == 0)
        return sample_text(schema, key);
    if (strcmp(type, "array") == 0)
        return json_pack("[o]", sample(json_object_get(schema, "items"), key));
    return sample_object(schema);
}

/* The file with `value` where the levels lead. Takes `value`. */
static json_t *file_with(json_t *value)
{
    for (size_t i = depth; i-- > 0;) {
        if (levels[i].key == NULL) {
            value = json_pack("[o]", value);
            continue;
        }
        json_t *object = sample_object(levels[i].schema);
        json_object_set_new(object, levels[i].key, value);
        value = object;
    }
    return value;
}

static void expect(json_t *value, bool is_valid)
{
    struct problems problems = {0};
    json_t *file = file_with(value);
    char *text = json_dumps(file, JSON_ENCODE_ANY);
    struct config *config = given_parse_as(text, "f", &problems);
    cr_expect(eq(int, config != NULL, is_valid), "%s: %s", text, problems.count > 0 ? problems.lines[0] : "");
    config_free(config);
    problems_deinit(&problems);
    mem_free(text);
    json_decref(file);
}

static void check_integer(const json_t *schema)
{
    json_int_t minimum = json_integer_value(json_object_get(schema, "minimum"));
    json_int_t maximum = json_integer_value(json_object_get(schema, "maximum"));
    expect(json_integer(minimum), true);
    expect(json_integer(maximum), true);
    expect(json_integer(minimum - 1), false);
    expect(json_integer(maximum + 1), false);
}

static void check_string(const json_t *schema)
{
    size_t i;
    json_t *choice;
    json_array_foreach(json_object_get(schema, "enum"), i, choice) expect(json_incref(choice), true);
    if (json_object_get(schema, "enum") != NULL)
        expect(json_string("no such choice"), false);
    if (json_object_get(schema, "pattern") != NULL)
        expect(json_string(""), false);
}

static void walk(const json_t *schema, const char *key);

static void step(const json_t *schema, const char *level_key, const json_t *below, const char *key)
{
    cr_assert(lt(sz, depth, DEPTH_MAX));
    levels[depth++] = (struct level){schema, level_key};
    walk(below, key);
    depth--;
}

static void check_array(const json_t *schema, const char *key)
{
    const json_t *items = json_object_get(schema, "items");
    json_int_t most = json_integer_value(json_object_get(schema, "maxItems"));
    json_t *list = json_array();
    for (json_int_t i = 0; i <= most; i++)
        json_array_append_new(list, sample(items, key));
    expect(list, false);
    cr_expect(eq(i64, json_integer_value(json_object_get(schema, "minItems")), 1));
    expect(json_array(), false);
    step(schema, NULL, items, key);
}

static void check_required(const json_t *schema)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        json_t *object = sample_object(schema);
        json_object_del(object, json_string_value(name));
        expect(object, false);
    }
}

static void check_object(const json_t *schema)
{
    json_t *with_comment = sample_object(schema);
    json_object_set_new(with_comment, "//", json_pack("[s, i]", "any", 1));
    expect(with_comment, true);
    check_required(schema);
    if (!json_is_false(json_object_get(schema, "additionalProperties")))
        return;
    json_t *with_unknown = sample_object(schema);
    json_object_set_new(with_unknown, "no such key", json_object());
    expect(with_unknown, false);
    const char *name;
    json_t *below;
    json_object_foreach(json_object_get(schema, "properties"), name, below)
    {
        if (strcmp(name, "//") != 0)
            step(schema, name, below, name);
    }
    json_object_foreach(json_object_get(schema, "patternProperties"), name, below)
        step(schema, "broker", below, "broker");
}

static void check_kind(const json_t *schema, const char *key)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    expect(sample(schema, key), true);
    if (strcmp(type, "integer") == 0)
        check_integer(schema);
    else if (strcmp(type, "boolean") == 0) {
        expect(json_true(), true);
        expect(json_false(), true);
    } else if (strcmp(type, "string") == 0)
        check_string(schema);
    else if (strcmp(type, "array") == 0)
        check_array(schema, key);
    else
        check_object(schema);
}

/* Whether the schema takes values of `type`. */
static bool takes(const json_t *schema, const char *type)
{
    schema = resolve(schema);
    const json_t *alternatives = json_object_get(schema, "anyOf");
    if (alternatives == NULL)
        return strcmp(json_string_value(json_object_get(schema, "type")), type) == 0;
    bool is_taken = false;
    for (size_t i = 0; i < json_array_size(alternatives); i++)
        is_taken = is_taken || takes(json_array_get(alternatives, i), type);
    return is_taken;
}

static void check_other_types(const json_t *schema)
{
    expect(json_null(), false);
    if (!takes(schema, "boolean"))
        expect(json_true(), false);
    expect(json_real(1.5), false);
    if (!takes(schema, "integer"))
        expect(json_integer(1), false);
    if (!takes(schema, "string"))
        expect(json_string("x"), false);
    if (!takes(schema, "array"))
        expect(json_array(), false);
    if (!takes(schema, "object") && depth > 0)
        expect(json_object(), false);
}

static void walk_alternatives(const json_t *schema, const char *key)
{
    schema = resolve(schema);
    const json_t *alternatives = json_object_get(schema, "anyOf");
    if (alternatives == NULL)
        check_kind(schema, key);
    for (size_t i = 0; i < json_array_size(alternatives); i++)
        walk_alternatives(json_array_get(alternatives, i), key);
}

static void walk(const json_t *schema, const char *key)
{
    visited++;
    check_other_types(schema);
    walk_alternatives(schema, key);
}

Test(agree, schema_and_parser_take_and_refuse_the_same)
{
    char *text = config_schema_json();
    root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(not(zero(ptr, root)));
    walk(root, "");
    cr_assert(gt(sz, visited, 200));
    json_decref(root);
    mem_free(text);
}
