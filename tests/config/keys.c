/* Each key arrives where it belongs; missing ones have their defaults. */
#include "given.h"

#include <graftmq/call.h>
#include <sched.h>

Test(keys, an_empty_object_is_a_listener_on_localhost_and_defaults)
{
    struct problems problems = {0};
    struct config *config = given_parse_as("{}", "folder/f", &problems);
    struct config_limits limits;
    cr_assert(eq(sz, problems.error_count, 0));
    cr_assert(eq(str, config->file, "folder/f"));
    cr_assert(eq(u32, config->workers, 1));
    cr_assert(eq(sz, config->listener_count, 1));
    cr_assert(eq(str, config->listeners[0].name, "mqtt"));
    cr_assert(eq(str, config->listeners[0].bind, "localhost"));
    cr_assert(eq(u16, config->listeners[0].port, 1883));
    cr_assert(eq(u32, config->listeners[0].unix_mode, 0660));
    cr_assert(eq(sz, config->plugin_count, 0));
    cr_assert(eq(int, config->log_format, LOG_TEXT));
    cr_assert(eq(int, config->log_level, GMQ_LOG_NOTICE));
    cr_assert(zero(ptr, config->log_file));
    memset(&limits, 0, sizeof(limits));
    config_limits_default(&limits);
    cr_assert(zero(int, memcmp(&limits, &config->limits, sizeof(limits))));
    cr_assert(eq(u64, limits.connections, 100000));
    cr_assert(eq(u64, limits.retired_libraries, 1000));
    config_free(config);
    problems_deinit(&problems);
}

static struct config *config;

static void setup(void)
{
    config = given_config(GIVEN_FULL);
}

static void teardown(void)
{
    config_free(config);
}

Test(full, workers_listeners_and_log_are_read, .init = setup, .fini = teardown)
{
    const struct config_listener *listeners = config->listeners;
    cr_assert(eq(u32, config->workers, 3));
    cr_assert(eq(sz, config->listener_count, 2));
    cr_assert(eq(str, listeners[0].bind, "::1"));
    cr_assert(eq(int, listeners[0].family, CONFIG_ADDRESS));
    cr_assert(eq(u16, listeners[0].port, 1884));
    cr_assert(eq(str, listeners[1].name, "apps"));
    cr_assert(eq(str, listeners[1].bind, "/tmp/s"));
    cr_assert(eq(int, listeners[1].family, CONFIG_UNIX));
    cr_assert(eq(u32, listeners[1].unix_mode, 0600));
    cr_assert(eq(str, listeners[1].place.path, "listeners[1]"));
    cr_assert(eq(u32, listeners[1].place.line, 6));
    cr_assert(eq(u32, listeners[1].place.column, 5));
    cr_assert(eq(int, config->log_format, LOG_JSON));
    cr_assert(eq(int, config->log_level, GMQ_LOG_DEBUG));
    cr_assert(eq(str, config->log_file, "/tmp/graftmq.log"));
    cr_assert(eq(u64, config->limits.packet_size_bytes, 4096));
    cr_assert(eq(u64, config->limits.connections, 100000));
}

Test(full, plugins_are_read_in_the_order_of_the_file, .init = setup, .fini = teardown)
{
    cr_assert(eq(sz, config->plugin_count, 2));
    cr_assert(eq(str, config->plugins[0].name, "broker"));
    cr_assert(eq(str, config->plugins[0].path, "/proc/self/exe"));
    cr_assert(eq(str, config->plugins[0].path_written, "/proc/self/exe"));
    cr_assert(gmq_view_equals(gmq_settings_json(config->plugins[0].settings), "{}"));
    cr_assert(eq(str, config->plugins[1].name, "shop"));
    cr_assert(eq(str, config->plugins[1].place.path, "plugins.shop"));
    cr_assert(eq(u32, config->plugins[1].place.line, 8));
    cr_assert(gmq_view_equals(gmq_settings_string(config->plugins[1].settings, "currency", ""), "EUR"));
}

Test(full, an_entry_with_all_conditions_is_read, .init = setup, .fini = teardown)
{
    const struct config_route *route = &config->incoming[GMQ_PUBLISH];
    const struct config_entry *entry = &route->entries[0];
    cr_assert(eq(sz, route->count, 2));
    cr_assert(eq(str, route->place.path, "routes.PUBLISH"));
    cr_assert(eq(str, entry->place.path, "routes.PUBLISH[0]"));
    cr_assert(eq(u32, entry->place.line, 11));
    cr_assert(eq(u32, entry->place.column, 18));
    cr_assert(eq(str, entry->plugin_name, "shop"));
    cr_assert(eq(u32, entry->plugin, 1));
    cr_assert(eq(str, entry->handler, "on_price"));
    cr_assert(eq(str, entry->topics[0], "shop/+/price"));
    cr_assert(eq(str, entry->topics[1], "#"));
    cr_assert(zero(ptr, entry->topics[2]));
    cr_assert(eq(u64, *entry->listeners, 2));
    cr_assert(eq(u8, entry->versions, CONFIG_VERSION_3_1_1 | CONFIG_VERSION_5_0));
    cr_assert(eq(u32, entry->defer_ms, 250));
    cr_assert(eq(int, entry->defer_at_limit, GMQ_REJECT));
    cr_assert(eq(int, entry->on_fault, GMQ_CLOSE));
    cr_assert(eq(u32, entry->budget_us, 700));
    cr_assert(eq(i64, gmq_settings_integer(entry->arguments, "round", 0), 2));
}

Test(full, an_entry_that_is_only_a_handler_has_no_conditions, .init = setup, .fini = teardown)
{
    const struct config_entry *entry = &config->incoming[GMQ_PUBLISH].entries[1];
    cr_assert(eq(str, entry->plugin_name, "broker"));
    cr_assert(eq(u32, entry->plugin, 0));
    cr_assert(eq(str, entry->handler, "on_publish"));
    cr_assert(zero(ptr, entry->topics));
    cr_assert(zero(ptr, entry->listeners));
    cr_assert(eq(u8, entry->versions, CONFIG_VERSION_ALL));
    cr_assert(eq(u32, entry->defer_ms, 0));
    cr_assert(eq(int, entry->defer_at_limit, GMQ_DEFER));
    cr_assert(eq(int, entry->on_fault, GMQ_REJECT), "a check that can't be made must not let in");
    cr_assert(eq(u32, entry->budget_us, 0));
    cr_assert(gmq_view_equals(gmq_settings_json(entry->arguments), "{}"));
    cr_assert(eq(str, config->incoming[GMQ_CONNECT].entries[0].place.path, "routes.CONNECT"));
}

Test(full, outgoing_routes_and_callbacks_are_read, .init = setup, .fini = teardown)
{
    const struct config_route *close = &config->callbacks[GMQ_EVENT_CLOSE];
    cr_assert(eq(sz, config->outgoing[GMQ_PUBLISH].count, 1));
    cr_assert(eq(str, config->outgoing[GMQ_PUBLISH].entries[0].handler, "on_deliver"));
    cr_assert(eq(str, config->outgoing[GMQ_PUBLISH].entries[0].topics[0], "shop/#"));
    cr_assert(eq(sz, config->callbacks[GMQ_EVENT_START].count, 1));
    cr_assert(eq(str, config->callbacks[GMQ_EVENT_START].entries[0].handler, "on_start"));
    cr_assert(eq(sz, close->count, 2));
    cr_assert(eq(str, close->entries[1].place.path, "callbacks.close[1]"));
    cr_assert(eq(u64, *close->entries[1].listeners, 1));
    cr_assert(zero(ptr, config->outgoing[GMQ_CONNACK].entries));
    cr_assert(zero(ptr, config->callbacks[GMQ_EVENT_TICK].entries));
}

Test(keys, each_event_has_its_name_and_its_place)
{
    static const char *const names[] = {"start", "worker_start", "open",        "close", "session_end",
                                        "tick",  "reload",       "worker_stop", "stop"};
    for (unsigned event = 0; event < CONFIG_EVENTS; event++) {
        char text[256];
        cr_expect(eq(str, (char *)config_event_name((gmq_event)event), (char *)names[event]));
        snprintf(text, sizeof(text), "{\"plugins\": {" GIVEN_PLUGIN "}, \"callbacks\": {\"%s\": \"broker:f\"}}",
                 names[event]);
        struct config *one = given_config(text);
        for (unsigned other = 0; other < CONFIG_EVENTS; other++)
            cr_expect(eq(sz, one->callbacks[other].count, other == event ? 1 : 0));
        config_free(one);
    }
    cr_assert(eq(str, (char *)config_event_name((gmq_event)CONFIG_EVENTS), "?"));
}

Test(keys, auto_is_a_worker_for_each_usable_processor)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    cr_assert(zero(int, sched_setaffinity(0, sizeof(one), &one)));
    struct config *pinned = given_config("{\"workers\": \"auto\", \"plugins\": {" GIVEN_PLUGIN "}}");
    cr_assert(eq(u32, pinned->workers, 1));
    config_free(pinned);
}

Test(keys, bind_takes_names_addresses_and_paths)
{
    static const struct {
        const char *bind;
        enum config_family family;
    } cases[] = {{"localhost", CONFIG_LOCALHOST}, {"*", CONFIG_ANY},      {"127.0.0.1", CONFIG_ADDRESS},
                 {"0.0.0.0", CONFIG_ADDRESS},     {"::", CONFIG_ADDRESS}, {"2001:db8::1", CONFIG_ADDRESS},
                 {"/run/mqtt.sock", CONFIG_UNIX}, {"./mqtt", CONFIG_UNIX}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"plugins\": {" GIVEN_PLUGIN "}, \"listeners\": [{\"name\": \"a\", \"bind\": \"%s\"}]}",
                 cases[i].bind);
        struct config *one = given_config(text);
        cr_expect(eq(int, one->listeners[0].family, cases[i].family), "%s", cases[i].bind);
        cr_expect(eq(str, one->listeners[0].bind, (char *)cases[i].bind));
        config_free(one);
    }
}

static struct config *parse_with(const char *text, const struct config_overrides *overrides, struct problems *problems)
{
    return config_parse(text, strlen(text), "f", overrides, problems);
}

Test(overrides, the_command_line_goes_over_the_file)
{
    struct problems problems = {0};
    struct config_overrides overrides = {.port = 0, .workers = 5};
    struct config *one = parse_with("{\"workers\": 2, \"plugins\": {" GIVEN_PLUGIN "}, \"listeners\": ["
                                    "{\"name\": \"a\", \"bind\": \"/tmp/a\"}, {\"name\": \"b\", \"port\": 7}, "
                                    "{\"name\": \"c\", \"port\": 8}]}",
                                    &overrides, &problems);
    cr_assert(zero(sz, problems.count));
    cr_assert(eq(u32, one->workers, 5));
    cr_assert(eq(u16, one->listeners[1].port, 0));
    cr_assert(eq(u16, one->listeners[2].port, 8));
    config_free(one);
}

Test(overrides, a_command_line_that_can_not_be_followed_is_an_error)
{
    struct problems problems = {0};
    struct config_overrides overrides = {.port = 70000, .workers = 65};
    cr_assert(zero(ptr, parse_with("{}", &overrides, &problems)));
    overrides = (struct config_overrides){.port = 1};
    cr_assert(zero(ptr, parse_with("{\"listeners\": [{\"name\": \"a\", \"bind\": \"/a\"}]}", &overrides, &problems)));
    cr_assert(eq(sz, problems.count, 3));
    cr_assert(eq(str, problems.lines[0], "command line: port 70000 is out of range; use 0 to 65535"));
    cr_assert(eq(str, problems.lines[1], "command line: 65 workers are out of range; use 1 to 64"));
    cr_assert(
        eq(str, problems.lines[2], "f:1:15: listeners: no listener has a port for the command line's 1; add one"));
    problems_deinit(&problems);
}
