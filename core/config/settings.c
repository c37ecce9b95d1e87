#include "config/settings.h"

#include "base/memory.h"
#include "config/json_text.h"

#include <graftmq/call.h>

struct gmq_settings {
    json_t *json;
    char *text; /* the same as text, made once so that any thread can have it */
};

struct gmq_settings *settings_new(json_t *json)
{
    json_memory_init();
    struct gmq_settings *settings = mem_alloc(sizeof(*settings));
    if (settings == NULL)
        return NULL;
    settings->json = json != NULL ? json_incref(json) : json_object();
    settings->text = settings->json != NULL ? json_dumps(settings->json, JSON_COMPACT) : NULL;
    if (settings->text != NULL)
        return settings;
    settings_free(settings);
    return NULL;
}

struct gmq_settings *settings_parse(gmq_view text)
{
    json_memory_init();
    json_t *json = json_loadb(text.data, text.length, 0, NULL);
    struct gmq_settings *settings = json_is_object(json) ? settings_new(json) : NULL;
    json_decref(json);
    return settings;
}

void settings_free(struct gmq_settings *settings)
{
    if (settings == NULL)
        return;
    mem_free(settings->text);
    json_decref(settings->json);
    mem_free(settings);
}

bool settings_equal(const struct gmq_settings *left, const struct gmq_settings *right)
{
    return left == right || json_equal(left->json, right->json) != 0;
}

/* The value at a path of keys joined by dots, or NULL. Functions without a route entry have NULL for their arguments:
 * an empty object. */
static const json_t *value_at(const struct gmq_settings *settings, const char *path)
{
    const json_t *value = settings != NULL ? settings->json : NULL;
    for (const char *key = path; value != NULL; key = strchr(key, '.') + 1) {
        size_t length = strcspn(key, ".");
        value = json_object_getn(value, key, length);
        if (key[length] == '\0')
            return value;
    }
    return NULL;
}

gmq_view gmq_settings_string(const gmq_settings *settings, const char *path, const char *fallback)
{
    const json_t *value = value_at(settings, path);
    if (!json_is_string(value))
        return gmq_view_of(fallback);
    return gmq_view_make(json_string_value(value), json_string_length(value));
}

int64_t gmq_settings_integer(const gmq_settings *settings, const char *path, int64_t fallback)
{
    const json_t *value = value_at(settings, path);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double gmq_settings_real(const gmq_settings *settings, const char *path, double fallback)
{
    const json_t *value = value_at(settings, path);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool gmq_settings_boolean(const gmq_settings *settings, const char *path, bool fallback)
{
    const json_t *value = value_at(settings, path);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

gmq_view gmq_settings_json(const gmq_settings *settings)
{
    return settings != NULL ? gmq_view_of(settings->text) : GMQ_VIEW("{}");
}
