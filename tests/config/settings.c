#include "given.h"

#include <graftmq/call.h>

static struct config *config;
static const struct gmq_settings *settings;

static void setup(void)
{
    config = given_config("{\"plugins\": {\"broker\": {\"path\": \"/proc/self/exe\", \"settings\": {"
                          "\"text\": \"a\\u00e9\", \"number\": -7, \"real\": 2.5, \"yes\": true,"
                          "\"price\": {\"currency\": {\"name\": \"EUR\"}}}}}}");
    settings = config->plugins[0].settings;
}

static void teardown(void)
{
    config_free(config);
}

TestSuite(settings, .init = setup, .fini = teardown);

Test(settings, a_value_is_found_by_its_path)
{
    cr_assert(gmq_view_equals(gmq_settings_string(settings, "text", "x"), "a\xC3\xA9"));
    cr_assert(gmq_view_equals(gmq_settings_string(settings, "price.currency.name", "x"), "EUR"));
    cr_assert(eq(i64, gmq_settings_integer(settings, "number", 1), -7));
    cr_assert(eq(dbl, gmq_settings_real(settings, "real", 1), 2.5));
    cr_assert(eq(dbl, gmq_settings_real(settings, "number", 1), -7));
    cr_assert(gmq_settings_boolean(settings, "yes", false));
}

Test(settings, what_is_missing_or_of_another_type_gives_the_fallback)
{
    const char *const paths[] = {
        "", ".", "nothing", "price", "price.", "price.currency", "text.name", "price..currency"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        cr_expect(gmq_view_equals(gmq_settings_string(settings, paths[i], "x"), "x"), "%s", paths[i]);
        cr_expect(eq(i64, gmq_settings_integer(settings, paths[i], 5), 5));
        cr_expect(eq(dbl, gmq_settings_real(settings, paths[i], 5), 5));
        cr_expect(gmq_settings_boolean(settings, paths[i], true));
    }
    cr_assert(eq(i64, gmq_settings_integer(settings, "real", 5), 5));
    cr_assert(eq(sz, gmq_settings_string(settings, "nothing", NULL).length, 0));
}

Test(settings, the_whole_object_is_there_as_text)
{
    cr_assert(gmq_view_equals(gmq_settings_json(settings),
                              "{\"text\":\"a\xC3\xA9\",\"number\":-7,\"real\":2.5,\"yes\":true,"
                              "\"price\":{\"currency\":{\"name\":\"EUR\"}}}"));
}

Test(settings, objects_are_equal_if_their_json_is)
{
    struct config *other = given_config("{\"plugins\": {"
                                        "\"a\": {\"path\": \"/proc/self/exe\", \"settings\": {\"x\": 1, \"y\": [2]}},"
                                        "\"b\": {\"path\": \"/proc/self/exe\", \"settings\": {\"y\": [2], \"x\": 1}},"
                                        "\"broker\": {\"path\": \"/proc/self/exe\"}}}");
    const struct config_plugin *plugins = other->plugins;
    cr_assert(settings_equal(plugins[0].settings, plugins[1].settings));
    cr_assert(settings_equal(settings, settings));
    cr_assert(not(settings_equal(plugins[0].settings, plugins[2].settings)));
    cr_assert(not(settings_equal(plugins[0].settings, settings)));
    cr_assert(gmq_view_equals(gmq_settings_json(plugins[2].settings), "{}"));
    config_free(other);
}
