/* Files: the configuration's own and those of plugins. */
#include "given.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[32];

static void setup(void)
{
    given_folder(folder);
}

static void teardown(void)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert(zero(int, system(command)));
}

TestSuite(load, .init = setup, .fini = teardown);

static struct config *load(const char *name, const char *plugin_folder, struct problems *problems)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct config_overrides overrides = {.port = -1, .plugin_folder = plugin_folder};
    return config_load(path, &overrides, problems);
}

/* With "%s" for the test's folder. */
static void expect_error(const char *name, const char *plugin_folder, const char *format)
{
    char expected[512];
    struct problems problems = {0};
    snprintf(expected, sizeof(expected), format, folder, folder, folder);
    cr_assert(zero(ptr, load(name, plugin_folder, &problems)));
    cr_assert(eq(sz, problems.count, 1));
    cr_assert(eq(str, problems.lines[0], expected));
    problems_deinit(&problems);
}

Test(load, a_file_that_is_not_there_is_told_with_the_systems_reason)
{
    expect_error("nothing", NULL,
                 "%s/nothing: can't be read: No such file or directory; check the path and its permissions");
    expect_error(".", NULL, "%s/.: can't be read: Is a directory; check the path and its permissions");
}

Test(load, what_has_errors_comes_back_only_for_those_who_ask_and_says_so)
{
    const char *text = "{\"workers\": \"many\", \"limits\": {\"preflight_ms\": \"x\"},"
                       " \"plugins\": {\"good\": {\"path\": \"/proc/self/exe\"}, \"gone\": {\"path\": \"/nowhere\"},"
                       " \"odd\": {\"path\": \"/proc/self/exe\", \"settings\": 3}},"
                       " \"routes\": {\"PUBLISH\": [\"nobody:x\", \"odd:on_publish\"]}}";
    struct problems problems = {0};

    struct config *config = config_parse_partly(text, strlen(text), "f", NULL, &problems);

    cr_assert_eq(problems.error_count, 5);
    cr_assert_not_null(config);
    cr_assert(config->has_errors);
    cr_assert_eq(config->workers, 1);
    cr_assert_eq(config->limits.preflight_ms, 10000);
    cr_assert(config->plugins[0].is_sound);
    cr_assert_not(config->plugins[1].is_sound);
    cr_assert_null(config->plugins[1].path);
    cr_assert_not(config->plugins[2].is_sound);
    cr_assert_not_null(config->plugins[2].settings);
    cr_assert_null(config->incoming[3].entries[0].handler);
    cr_assert_str_eq(config->incoming[3].entries[1].handler, "on_publish");
    config_free(config);
    cr_assert_null(config_parse(text, strlen(text), "f", NULL, &problems));
    cr_assert_null(config_parse_partly("{", 1, "f", NULL, &problems));
    problems_deinit(&problems);
}

Test(load, a_file_over_16_MiB_is_refused)
{
    char path[64];
    given_file(folder, "big.json", "{}");
    snprintf(path, sizeof(path), "%s/big.json", folder);
    cr_assert(zero(int, truncate(path, (16 << 20) + 1)));
    expect_error("big.json", NULL, "%s/big.json: is larger than 16777216 bytes; is it the right file?");
}

#define WITH_PLUGIN(path) "{ \"plugins\": { \"broker\": { \"path\": \"" path "\" } } }"

static void expect_path(const char *plugin_folder, const char *format)
{
    char expected[128];
    struct problems problems = {0};
    struct config *config = load("c.json", plugin_folder, &problems);
    cr_assert(zero(sz, problems.count), "%s", problems.count > 0 ? problems.lines[0] : "");
    snprintf(expected, sizeof(expected), format, folder);
    cr_assert(eq(str, config->plugins[0].path, expected));
    config_free(config);
}

Test(load, a_relative_plugin_is_looked_for_beside_the_file_first)
{
    char plugins[64];
    snprintf(plugins, sizeof(plugins), "%s/plugins", folder);
    mkdir(plugins, 0700);
    given_file(folder, "c.json", WITH_PLUGIN("broker.so"));
    given_file(plugins, "broker.so", "");
    expect_path(plugins, "%s/plugins/broker.so");
    given_file(folder, "broker.so", "");
    expect_path(plugins, "%s/broker.so");
    expect_path(NULL, "%s/broker.so");
}

Test(load, an_absolute_plugin_is_only_looked_for_there)
{
    given_file(folder, "c.json", WITH_PLUGIN("/proc/self/exe"));
    expect_path(folder, "/proc/self/exe");
    given_file(folder, "c.json", WITH_PLUGIN("/nothing/broker.so"));
    expect_error(
        "c.json", folder,
        "%s/c.json:1:36: plugins.broker.path: no plugin file \"/nothing/broker.so\" (No such file or directory); "
        "correct the path or put the file there");
}

Test(load, a_plugin_that_is_nowhere_is_told_with_both_places)
{
    given_file(folder, "c.json", WITH_PLUGIN("broker.so"));
    expect_error("c.json", "/nothing",
                 "%s/c.json:1:36: plugins.broker.path: no plugin file \"%s/broker.so\" (No such file or directory) nor "
                 "\"/nothing/broker.so\" (No such file or directory); correct the path or put the file there");
}

Test(load, a_folder_is_no_plugin)
{
    given_file(folder, "c.json", WITH_PLUGIN("."));
    expect_error("c.json", NULL,
                 "%s/c.json:1:36: plugins.broker.path: no plugin file \"%s/.\" (is a folder); "
                 "correct the path or put the file there");
}

Test(load, a_file_named_without_a_folder_has_its_plugins_in_the_working_folder)
{
    struct problems problems = {0};
    cr_assert(zero(int, chdir(folder)));
    given_file(folder, "broker.so", "");
    struct config *config = given_parse_as(WITH_PLUGIN("broker.so"), "c.json", &problems);
    cr_assert(eq(str, config->plugins[0].path, "./broker.so"));
    config_free(config);
    cr_assert(zero(int, chdir("/")));
}
