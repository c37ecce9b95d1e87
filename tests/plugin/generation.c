/* Generations: resolved routes, what is kept of the one before, and that nothing is half done. */
#include "plugin/generation.h"
#include "given.h"
#include "plugin/route_meter.h"

#define TWO_PLUGINS                                                                                                    \
    "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop") "\"}, \"other\": {\"path\": \"" SO("shop_2") "\"}}"

static struct given given;

static void begin(void)
{
    given_begin(&given);
}

static void end(void)
{
    given_end(&given);
}

TestSuite(generation, .init = begin, .fini = end);

Test(generation, the_handlers_of_a_route_stand_in_the_order_of_the_file)
{
    struct generation *generation = given_generation(
        &given, TWO_PLUGINS ", \"routes\": {\"PUBLISH\": [\"other:on_publish\", \"shop:on_publish\"]}}", NULL);
    const struct route *route = &generation->incoming[GMQ_PUBLISH];
    cr_assert_eq(route->count, 2);
    cr_assert_eq(route->type, GMQ_PUBLISH);
    cr_assert_str_eq(route->steps[0].plugin->name, "other");
    cr_assert_str_eq(route->steps[1].plugin->name, "shop");
    cr_assert_not(route->steps[0].is_conditional);
    cr_assert_eq(route->steps[1].entry, &generation->config->incoming[GMQ_PUBLISH].entries[1]);
    cr_assert_eq(route->steps[0].function(NULL, NULL), GMQ_DONE, "the second version's");
    cr_assert_eq(route->steps[1].function(NULL, NULL), GMQ_NEXT, "the first version's");
    cr_assert_eq(generation->number, 1);
    generation_free(generation);
}

Test(generation, conditions_and_arguments_reach_the_step)
{
    struct generation *generation = given_generation(
        &given,
        TWO_PLUGINS ", \"routes\": {\"PUBLISH\": [{\"handler\": \"shop:on_publish\", \"topics\": [\"shop/#\"], "
                    "\"args\": {\"round\": 2}}, \"other:on_publish\"]},"
                    "\"outgoing\": {\"PUBLISH\": \"shop:on_publish\"}}",
        NULL);
    const struct route *route = &generation->incoming[GMQ_PUBLISH];
    cr_assert(route->steps[0].is_conditional);
    cr_assert(settings_equal(route->steps[0].arguments, route->steps[0].entry->arguments));
    cr_assert_not(settings_equal(route->steps[0].arguments, route->steps[1].arguments));
    cr_assert_eq(generation->outgoing_types, 1u << GMQ_PUBLISH);
    generation_free(generation);
}

Test(generation, callbacks_are_functions_of_their_event)
{
    struct generation *generation =
        given_generation(&given, ONE_PLUGIN("shop", "shop") ", \"callbacks\": {\"close\": \"shop:on_close\"}}", NULL);
    struct route_meter meter = {0};
    gmq_call call = {.generation = generation, .meter = &meter};
    cr_assert_eq(generation->callbacks[GMQ_EVENT_CLOSE].count, 1);
    route_call_back(&call, &generation->callbacks[GMQ_EVENT_CLOSE]);
    generation_free(generation);
    cr_assert_str_eq(trace_read(&given.place), "load shop 1.0.0\nclose shop 1.0.0\nunload shop 1.0.0\n");
}

Test(generation, what_no_route_names_is_the_broker_plugins_by_its_handlers_names)
{
    struct generation *generation =
        given_generation(&given,
                         "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop") "\"}, \"broker\": {\"path\": \"" SO(
                             "standard") "\"}}, \"routes\": {\"PUBLISH\": \"shop:on_publish\"}}",
                         NULL);
    char missing[128];
    const struct route_step *step = generation->incoming[GMQ_CONNECT].steps;
    cr_assert_eq(generation->incoming[GMQ_CONNECT].count, 1);
    cr_assert_str_eq(step->plugin->name, "broker");
    cr_assert_str_eq(step->entry->handler, "on_connect");
    cr_assert_str_eq(step->entry->plugin_name, "broker");
    cr_assert_eq(step->entry->plugin, 1);
    cr_assert_eq(step->entry->versions, CONFIG_VERSION_ALL);
    cr_assert_eq(step->entry->defer_at_limit, GMQ_DEFER);
    cr_assert_str_eq(generation->incoming[GMQ_PUBLISH].steps->plugin->name, "shop", "a configured route is left alone");
    cr_assert_eq(generation->incoming[GMQ_PUBLISH].count, 1);
    cr_assert_eq(generation->incoming[GMQ_AUTH].count, 0);
    cr_assert_eq(generation->incoming[GMQ_CONNACK].count, 0);
    cr_assert_eq(generation->outgoing[GMQ_PUBLISH].count, 1);
    cr_assert_eq(generation->outgoing_types, 1u << GMQ_PUBLISH);
    cr_assert_eq(generation->callbacks[GMQ_EVENT_START].count, 1);
    cr_assert_eq(generation->callbacks[GMQ_EVENT_TICK].count, 0);
    cr_assert_str_eq(generation_missing_routes(generation, missing, sizeof(missing)), "AUTH");
    generation_free(generation);
}

Test(generation, missing_routes_are_all_named_and_cut_where_there_is_no_room)
{
    struct generation *generation =
        given_generation(&given, ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": \"shop:on_publish\"}}", NULL);
    char missing[256], little[12];
    cr_assert_str_eq(generation_missing_routes(generation, missing, sizeof(missing)),
                     "CONNECT, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH");
    cr_assert_eq(strlen(generation_missing_routes(generation, little, sizeof(little))), 11);
    generation_free(generation);
}

Test(generation, all_errors_are_told_at_once)
{
    cr_assert_null(given_try(
        &given,
        "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop") "\"}, \"old\": {\"path\": \"" SO(
            "abi_major") "\"}, \"bad\": {\"path\": \"" SO("missing_symbol") "\"}}, \"routes\": {\"PUBLISH\": "
                                                                            "[\"shop:on_publsh\", \"old:on_publish\"], "
                                                                            "\"SUBSCRIBE\": \"shop:on_publish\"}}",
        NULL));
    expect_line(&given.problems, "plugin interface 2.0");
    expect_line(&given.problems, "gmq_not_in_this_broker");
    expect_line(&given.problems, "routes.PUBLISH[0]: plugin \"shop\" has no handler \"on_publsh\"");
    expect_line(&given.problems, "routes.SUBSCRIBE: handler \"on_publish\" of plugin \"shop\" is for PUBLISH");
    cr_assert_eq(given.problems.error_count, 4, "%s", problems_text(&given.problems));
    cr_assert_str_eq(trace_read(&given.place), "", "a load function ran");
    cr_assert_eq(mapping_count(library_folder_path(given.loader.folder)), 0);
    cr_assert_eq(given.loader.last_number, 0);
}

Test(generation, a_refused_load_unloads_what_was_loaded_before_it_and_nothing_else)
{
    cr_assert_null(given_try(&given,
                             "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop") "\"}, \"no\": {\"path\": \"" SO(
                                 "refuse_load") "\"}, \"other\": {\"path\": \"" SO("shop_2") "\"}}}",
                             NULL));
    expect_line(&given.problems, "plugins.no: plugin \"no\" (" SO("refuse_load") ") refuses to be loaded: its load "
                                                                                 "function answered GMQ_ERROR_SYSTEM");
    cr_assert_str_eq(trace_read(&given.place), "load shop 1.0.0\nload refuse_load\nunload shop 1.0.0\n");
    cr_assert_eq(mapping_count(library_folder_path(given.loader.folder)), 0);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
}

Test(generation, an_unchanged_plugin_is_kept_and_outlives_the_generation_that_loaded_it)
{
    const char *text = ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": {\"handler\": \"shop:on_publish\", "
                                                  "\"args\": {\"round\": 2}}}}";
    struct generation *first = given_generation(&given, text, NULL);
    const struct gmq_plugin *plugin = first->plugins[0];
    const struct gmq_settings *arguments = first->incoming[GMQ_PUBLISH].steps->arguments;
    struct generation *second = given_generation(&given, text, first);
    cr_assert_eq(second->plugins[0], plugin);
    cr_assert_eq(plugin->generations, 2);
    cr_assert_eq(second->number, 2);
    generation_free(first);
    cr_assert_eq(plugin->generations, 1);
    cr_assert(settings_equal(plugin->settings, second->config->plugins[0].settings), "the settings are still there");
    cr_assert_eq(second->incoming[GMQ_PUBLISH].steps->arguments, arguments, "equal arguments stay the same ones");
    for (int i = 0; i < 100; i++) {
        struct generation *next = given_generation(&given, text, second);
        generation_free(second);
        second = next;
    }
    cr_assert_eq(plugin->lease_count, 1, "reloads of the same configuration add nothing");
    generation_free(second);
    cr_assert_str_eq(trace_read(&given.place), "load shop 1.0.0\nunload shop 1.0.0\n");
}

Test(generation, a_kept_plugin_gets_new_arguments_and_may_keep_the_old)
{
#define WITH_ROUND(round)                                                                                              \
    ONE_PLUGIN("shop", "shop")                                                                                         \
    ", \"routes\": {\"PUBLISH\": {\"handler\": \"shop:on_publish\", \"args\": {\"round\": " round "}}}}"
    struct generation *first = given_generation(&given, WITH_ROUND("1"), NULL);
    const struct gmq_settings *old = first->incoming[GMQ_PUBLISH].steps->arguments;
    struct generation *second = given_generation(&given, WITH_ROUND("2"), first);
    cr_assert_eq(second->plugins[0], first->plugins[0]);
    generation_free(first);
    struct generation *third = given_generation(&given, WITH_ROUND("1"), second);
    cr_assert_not(settings_equal(old, second->incoming[GMQ_PUBLISH].steps->arguments), "still readable, and another");
    cr_assert_eq(third->incoming[GMQ_PUBLISH].steps->arguments, old);
    generation_free(second);
    generation_free(third);
}

Test(generation, a_plugin_moves_in_the_list_and_on_the_disk_and_is_kept)
{
    char text[1024], path[256];
    struct generation *first = given_generation(&given, TWO_PLUGINS "}", NULL);
    snprintf(path, sizeof(path), "%s/moved.so", given.place.path);
    file_copy(SO("shop"), path);
    snprintf(text, sizeof(text), "{\"plugins\": {\"other\": {\"path\": \"%s\"}, \"shop\": {\"path\": \"%s\"}}}",
             SO("shop_2"), path);
    struct generation *second = given_generation(&given, text, first);
    cr_assert_eq(second->plugins[0], first->plugins[1]);
    cr_assert_eq(second->plugins[1], first->plugins[0]);
    generation_free(first);
    generation_free(second);
}

Test(generation, other_settings_load_the_same_code_again)
{
    struct generation *first = given_generation(&given, ONE_PLUGIN("shop", "shop") "}", NULL);
    struct generation *second = given_generation(
        &given, "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop") "\", \"settings\": {\"currency\": \"EUR\"}}}}",
        first);
    cr_assert_neq(second->plugins[0], first->plugins[0]);
    cr_assert_neq(second->plugins[0]->number, first->plugins[0]->number);
    cr_assert_neq((const void *)second->plugins[0]->descriptor, (const void *)first->plugins[0]->descriptor);
    generation_free(first);
    generation_free(second);
}

Test(generation, a_failed_reload_leaves_the_generation_before_untouched)
{
    struct generation *first =
        given_generation(&given, ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": \"shop:on_publish\"}}", NULL);
    cr_assert_null(given_try(&given,
                             "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop") "\"}, \"no\": {\"path\": \"" SO(
                                 "refuse_load") "\"}}, \"routes\": {\"PUBLISH\": {\"handler\": \"shop:on_publish\", "
                                                "\"args\": {\"new\": true}}}}",
                             first));
    cr_assert_eq(first->plugins[0]->generations, 1);
    cr_assert_eq(first->plugins[0]->lease_count, 1, "nothing of the failed configuration is held");
    cr_assert_eq(first->incoming[GMQ_PUBLISH].steps->function(NULL, NULL), GMQ_NEXT);
    cr_assert_str_eq(trace_read(&given.place), "load shop 1.0.0\nload refuse_load\n");
    generation_free(first);
}

static void difference(struct generation *previous, struct generation *next, const char *expected)
{
    char text[512];
    generation_difference(previous, next, text, sizeof(text));
    cr_assert_not_null(strstr(text, expected), "expected <%s> in: %s", expected, text);
}

Test(generation, the_difference_of_two_generations_is_one_readable_line)
{
    struct generation *first = given_generation(
        &given, TWO_PLUGINS ", \"routes\": {\"PUBLISH\": \"shop:on_publish\", \"SUBSCRIBE\": \"shop:on_subscribe\"}}",
        NULL);
    struct generation *second =
        given_generation(&given,
                         "{\"plugins\": {\"shop\": {\"path\": \"" SO("shop_2") "\"}, \"audit\": {\"path\": \"" SO(
                             "records") "\"}}, \"routes\": {\"PUBLISH\": [\"audit:sound\", \"shop:on_publish\"]},"
                                        "\"callbacks\": {\"close\": \"shop:on_close\"},"
                                        "\"listeners\": [{\"name\": \"second\", \"bind\": \"localhost\", \"port\": 1}],"
                                        "\"limits\": {\"packet_size_bytes\": 4096}}",
                         first);
    difference(first, first, "nothing changed");
    difference(first, second, "plugins: shop 1.0.0 -> 2.0.0 (");
    difference(first, second, "), +audit 1.0.0 (");
    difference(first, second, "), -other; routes: PUBLISH changed, -SUBSCRIBE; callbacks: +close; listeners: +second");
    difference(first, second, "; limits: packet_size_bytes 1048576 -> 4096");
    difference(second, first, "+SUBSCRIBE; callbacks: -close");
    generation_free(first);
    generation_free(second);
}

Test(generation, a_reload_that_would_pass_the_limit_of_retired_libraries_is_refused)
{
    const char *limits = "\"limits\": {\"retired_libraries\": 1}";
    char sticky[1024], clean[1024];
    snprintf(sticky, sizeof(sticky), "%s, %s}", ONE_PLUGIN("shop", "nodelete"), limits);
    snprintf(clean, sizeof(clean), "%s, %s}", ONE_PLUGIN("shop", "shop_2"), limits);
    struct generation *first = given_generation(&given, sticky, NULL);
    struct generation *second = given_generation(&given, clean, first);
    generation_free(first);
    cr_assert_eq(library_retired_total().count, 1);
    cr_assert_null(given_try(&given, sticky, second));
    expect_line(&given.problems, "test.json: limits.retired_libraries: ");
    struct generation *third = given_generation(&given, clean, second); /* loads nothing new */
    generation_free(second);
    generation_free(third);
}

Test(generation, a_library_that_is_known_to_stay_counts_before_it_is_replaced)
{
    const char *limits = "\"limits\": {\"retired_libraries\": 0}";
    char sticky[1024], clean[1024];
    snprintf(sticky, sizeof(sticky), "%s, %s}", ONE_PLUGIN("shop", "nodelete"), limits);
    snprintf(clean, sizeof(clean), "%s, %s}", ONE_PLUGIN("shop", "shop_2"), limits);
    struct generation *first = given_generation(&given, sticky, NULL);
    cr_assert_null(given_try(&given, clean, first));
    expect_line(&given.problems, "and 1 that this reload replaces can't be either; the limit is 0");
    generation_free(first);
}

Test(generation, memory_that_runs_out_at_any_point_leaves_the_generation_before_whole)
{
    const char *text = TWO_PLUGINS ", \"routes\": {\"PUBLISH\": [{\"handler\": \"shop:on_publish\", \"args\": "
                                   "{\"round\": 3}}, \"other:on_publish\"]}}";
    struct generation *first =
        given_generation(&given, ONE_PLUGIN("shop", "shop") ", \"routes\": {\"PUBLISH\": \"shop:on_publish\"}}", NULL);
    for (uint64_t failures = 1; failures < 1000; failures++) {
        struct problems problems = {0};
        struct generation_copies copies;
        struct config *config = given_config(&given, text);
        struct generation *next = NULL;
        mem_fail_after(failures);
        if (generation_copies_make(&given.loader, config, first, &copies, &problems)) {
            next = generation_new(&given.loader, config, &copies, first, &problems);
            generation_copies_discard(&copies);
        }
        bool has_failed = mem_fail_after(0) != 0;
        cr_assert(next != NULL || problems_has_errors(&problems), "a failure without a line");
        if (next != NULL)
            generation_free(next);
        else
            config_free(config);
        problems_deinit(&problems);
        cr_assert_eq(first->plugins[0]->generations, 1);
        cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 4);
        if (!has_failed) {
            generation_free(first);
            return;
        }
    }
    cr_assert_fail("it never ran out of failures");
}

Test(generation, a_thousand_reloads_leave_nothing_behind)
{
    struct generation *now = given_generation(&given, ONE_PLUGIN("shop", "shop") "}", NULL);
    size_t descriptors = folder_count("/proc/self/fd");
    for (int i = 0; i < 1000; i++) {
        struct generation *next = given_generation(
            &given, i % 2 == 0 ? ONE_PLUGIN("shop", "shop_2") "}" : ONE_PLUGIN("shop", "shop") "}", now);
        generation_free(now);
        now = next;
    }
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 4);
    cr_assert_eq(folder_count("/proc/self/fd"), descriptors);
    generation_free(now);
    cr_assert_eq(mapping_count(library_folder_path(given.loader.folder)), 0);
    cr_assert_eq(library_retired_total().count, 0);
}

Test(generation, a_plugin_that_leaves_a_thread_behind_stays_mapped_and_no_other_with_it)
{
    struct library_retired before = library_retired_total();
    struct generation *first = given_generation(
        &given,
        "{\"plugins\": {\"a\": {\"path\": \"" SO(
            "thread_left") "\"},"
                           " \"b\": {\"path\": \"" SO("thread_ended") "\"}, \"c\": {\"path\": \"" SO("shop") "\"}}}",
        NULL);
    struct generation *second =
        given_generation(&given, "{\"plugins\": {\"b\": {\"path\": \"" SO("thread_ended") "\"}}}", first);
    generation_free(first);
    cr_assert_eq(library_retired_total().count, before.count + 1, "only the one that left its thread is retired");
    generation_free(second);
    cr_assert_eq(library_retired_total().count, before.count + 1, "a thread that was joined keeps nothing");
}
