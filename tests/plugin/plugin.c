/* The descriptor and the records of a plugin. */
#include "plugin/plugin.h"
#include "given.h"

static struct given given;

static void begin(void)
{
    given_begin(&given);
}

static void end(void)
{
    given_end(&given);
}

TestSuite(plugin, .init = begin, .fini = end);

static void refused(const char *text, const char *expected)
{
    cr_assert_null(given_try(&given, text, NULL));
    expect_line(&given.problems, expected);
    expect_line(&given.problems, "test.json:1:");
    cr_assert_eq(given.problems.error_count, 1, "%s", problems_text(&given.problems));
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
}

Test(plugin, another_major_is_refused_with_both_versions)
{
    refused(ONE_PLUGIN("shop", "abi_major") "}",
            "plugin \"shop\" (" SO("abi_major") ") was built for plugin interface 2.0, this broker has 1.1; rebuild");
}

Test(plugin, a_newer_minor_is_refused_with_both_versions)
{
    refused(ONE_PLUGIN("shop", "abi_minor") "}", "was built for plugin interface 1.2, this broker has 1.1");
}

Test(plugin, a_short_descriptor_is_refused)
{
    refused(ONE_PLUGIN("shop", "abi_small") "}", "descriptor that is too small");
}

Test(plugin, a_descriptor_of_something_else_is_refused)
{
    refused(ONE_PLUGIN("shop", "abi_magic") "}", "is no GraftMQ plugin");
}

Test(plugin, a_library_without_a_descriptor_is_refused)
{
    refused(ONE_PLUGIN("shop", "no_descriptor") "}", "is no GraftMQ plugin: it has no GMQ_PLUGIN(name, version) line");
}

Test(plugin, only_sound_records_are_handlers)
{
    struct generation *generation = given_generation(&given, ONE_PLUGIN("shop", "records") "}", NULL);
    const struct gmq_plugin *plugin = generation->plugins[0];
    const char *unsound[] = {"magic", "kind", "number", "small", "other", "nameless", "empty", "absent", ""};
    cr_assert_not_null(plugin_record(plugin, "sound"));
    for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++)
        cr_assert_null(plugin_record(plugin, unsound[i]), "\"%s\" was taken", unsound[i]);
    generation_free(generation);
}

Test(plugin, the_nearest_handler_and_all_of_them_can_be_named)
{
    struct generation *generation = given_generation(&given, ONE_PLUGIN("shop", "shop") "}", NULL);
    char text[256];
    cr_assert_str_eq(plugin_nearest_handler(generation->plugins[0], "on_publsh", text, sizeof(text)), "on_publish");
    cr_assert_null(plugin_nearest_handler(generation->plugins[0], "something_else", text, sizeof(text)));
    plugin_list_handlers(generation->plugins[0], text, sizeof(text));
    cr_assert_not_null(strstr(text, "on_close"));
    cr_assert_not_null(strstr(text, "on_publish"));
    generation_free(generation);
}

Test(plugin, a_handler_that_is_not_there_is_named_with_the_nearest)
{
    refused(ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": \"shop:on_publsh\"}}",
            "routes.PUBLISH: plugin \"shop\" has no handler \"on_publsh\"; did you mean \"on_publish\"?");
}

Test(plugin, a_handler_that_resembles_none_is_answered_with_all)
{
    refused(ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": \"shop:stamp\"}}",
            "plugin \"shop\" has no handler \"stamp\"; it has ");
}

Test(plugin, a_record_that_is_none_is_not_called_missing)
{
    refused(ONE_PLUGIN("shop", "records") ", \"routes\": {\"PUBLISH\": \"shop:magic\"}}",
            "what plugin \"shop\" exports as \"magic\" is no handler");
}

Test(plugin, a_handler_of_another_packet_type_is_refused)
{
    refused(
        ONE_PLUGIN("shop", "shop") ", \"routes\": {\"SUBSCRIBE\": \"shop:on_publish\"}}",
        "routes.SUBSCRIBE: handler \"on_publish\" of plugin \"shop\" is for PUBLISH packets and can't be on the route "
        "of SUBSCRIBE");
}

Test(plugin, a_callback_on_a_route_is_refused)
{
    refused(ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": \"shop:on_close\"}}",
            "callback \"on_close\" of plugin \"shop\" is for the event \"close\" and can't be on the route of PUBLISH");
}

Test(plugin, a_handler_as_a_callback_is_refused)
{
    refused(ONE_PLUGIN("shop", "shop") ", \"callbacks\": {\"close\": \"shop:on_publish\"}}",
            "handler \"on_publish\" of plugin \"shop\" is for PUBLISH packets and can't be a callback for \"close\"");
}

Test(plugin, a_callback_for_another_event_is_refused)
{
    refused(ONE_PLUGIN("shop", "shop") ", \"callbacks\": {\"open\": \"shop:on_close\"}}",
            "is for the event \"close\" and can't be a callback for \"open\"");
}

Test(plugin, a_handler_of_the_broker_plugin_whose_name_lies_is_refused)
{
    refused(ONE_PLUGIN("broker", "misnamed") "}",
            "plugins.broker: handler \"on_publish\" of plugin \"broker\" is for SUBSCRIBE packets and can't be on the "
            "route of PUBLISH");
}
