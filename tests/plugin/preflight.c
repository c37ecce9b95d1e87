/* Plugins that crash, end, hang or lie while they are loaded do so in a process of their own, and end as one line. */
#include "plugin/preflight.h"
#include "given.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

static bool run(struct generation_loader *loader, const struct config *config, const char *text,
                const struct generation_copies *copies, struct problems *problems)
{
    struct preflight_task task = {loader, config, text, strlen(text), NULL, copies, {0}};
    return preflight_run(&task, problems);
}

static struct given given;

/* Sanitizers would turn crashes into exits of their own, and complain where this test does not look. */
static void begin(void)
{
    given_begin(&given);
    setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
}

static void end(void)
{
    given_end(&given);
}

TestSuite(preflight, .init = begin, .fini = end, .timeout = 60);

static bool flown(const char *text, const struct generation *previous)
{
    struct generation_copies copies;
    struct config *config = given_config(&given, text);
    size_t descriptors = folder_count("/proc/self/fd");
    bool is_fit = generation_copies_make(&given.loader, config, previous, &copies, &given.problems) &&
                  run(&given.loader, config, text, &copies, &given.problems);
    generation_copies_discard(&copies);
    config_free(config);
    cr_assert_eq(folder_count("/proc/self/fd"), descriptors, "a descriptor is left");
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a process is left");
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3 + (previous != NULL), "a file is left");
    return is_fit;
}

static void refused(const char *text, const char *expected)
{
    cr_assert_not(flown(text, NULL));
    expect_line(&given.problems, expected);
    cr_assert_eq(given.problems.error_count, 1, "%s", problems_text(&given.problems));
}

#define PLUGIN_LINE(file) "test.json:1:19: plugins.p: plugin \"p\" (" SO(file) ") "

Test(preflight, good_plugins_pass_and_are_loaded_and_unloaded)
{
    cr_assert(flown(ONE_PLUGIN("p", "shop") ", \"routes\": {\"PUBLISH\": \"p:on_publish\"}}", NULL), "%s",
              problems_text(&given.problems));
    cr_assert_str_eq(trace_read(&given.place), "load shop 1.0.0\nunload shop 1.0.0\n");
    cr_assert_eq(mapping_count(library_folder_path(given.loader.folder)), 0, "this process mapped it");
}

Test(preflight, a_constructor_that_crashes_is_named)
{
    refused(ONE_PLUGIN("p", "crash_constructor") "}",
            PLUGIN_LINE("crash_constructor") "crashed with SIGSEGV while its constructors ran");
}

Test(preflight, a_constructor_that_exits_is_named)
{
    refused(ONE_PLUGIN("p", "exit_constructor") "}",
            PLUGIN_LINE("exit_constructor") "called exit(3) while its constructors ran");
}

Test(preflight, a_constructor_that_exits_without_an_error_is_noticed)
{
    refused(ONE_PLUGIN("p", "quiet_exit_constructor") "}",
            PLUGIN_LINE("quiet_exit_constructor") "called exit(0) while its constructors ran");
}

Test(preflight, a_constructor_that_hangs_is_ended)
{
    refused(
        ONE_PLUGIN("p", "hang_constructor") ", \"limits\": {\"preflight_ms\": 1000}}",
        PLUGIN_LINE("hang_constructor") "did not return within 1000 ms (limits.preflight_ms) while its constructors "
                                        "ran");
}

Test(preflight, a_load_function_that_crashes_is_named)
{
    refused(ONE_PLUGIN("p", "crash_load") "}",
            PLUGIN_LINE("crash_load") "crashed with SIGSEGV while its load function ran");
}

Test(preflight, a_load_function_that_hangs_is_ended)
{
    refused(ONE_PLUGIN("p", "hang_load") ", \"limits\": {\"preflight_ms\": 1000}}",
            PLUGIN_LINE("hang_load") "did not return within 1000 ms (limits.preflight_ms) while its load function ran");
}

Test(preflight, a_plugin_that_logs_without_end_is_ended_as_well)
{
    refused(ONE_PLUGIN("p", "flood_load") ", \"limits\": {\"preflight_ms\": 1000}}",
            PLUGIN_LINE("flood_load") "did not return within 1000 ms");
}

Test(preflight, a_load_function_that_refuses_is_named)
{
    refused(ONE_PLUGIN("p", "refuse_load") "}",
            PLUGIN_LINE("refuse_load") "refuses to be loaded: its load function answered GMQ_ERROR_SYSTEM");
}

Test(preflight, an_unload_function_that_crashes_is_named)
{
    refused(ONE_PLUGIN("p", "crash_unload") "}",
            PLUGIN_LINE("crash_unload") "crashed with SIGSEGV while its unload function or its destructors ran");
}

Test(preflight, what_a_plugin_said_before_it_refused_is_told_and_it_sees_its_bytes)
{
    cr_assert_eq(plugin_storage_write(given.loader.storage, GMQ_VIEW("p"), "kept", 4), GMQ_OK);
    refused(ONE_PLUGIN("p", "talk_load") "}", "answered GMQ_ERROR_STATE; it said: found 4 bytes: kept");
}

Test(preflight, a_warning_of_a_plugin_that_loads_is_passed_on)
{
    cr_assert(flown(ONE_PLUGIN("p", "talk_load") "}", NULL), "%s", problems_text(&given.problems));
    expect_line(&given.problems, "warning: test.json: in preflight, plugin \"p\" said: found 0 bytes: ");
}

Test(preflight, the_second_of_two_plugins_is_named_when_it_is_the_one)
{
    cr_assert_not(
        flown("{\"plugins\": {\"good\": {\"path\": \"" SO("shop") "\"}, \"p\": {\"path\": \"" SO("crash_load") "\"}}}",
              NULL));
    expect_line(&given.problems, "plugins.p: plugin \"p\" (" SO("crash_load") ") crashed with SIGSEGV");
}

Test(preflight, errors_that_need_no_crash_come_as_in_the_broker)
{
    refused(ONE_PLUGIN("p", "missing_symbol") "}", "undefined symbol: gmq_not_in_this_broker");
    cr_assert_not(problems_have(&given.problems, library_folder_path(given.loader.folder)));
}

Test(preflight, several_errors_come_all)
{
    cr_assert_not(flown("{\"plugins\": {\"p\": {\"path\": \"" SO("abi_major") "\"}, \"q\": {\"path\": \"" SO(
                            "shop") "\"}}, \"routes\": {\"PUBLISH\": [\"q:on_publsh\", \"q:on_subscribe\"]}}",
                        NULL));
    expect_line(&given.problems, "test.json:1:19: plugins.p: plugin \"p\" (" SO("abi_major") ") was built for");
    expect_line(&given.problems, "routes.PUBLISH[0]: plugin \"q\" has no handler \"on_publsh\"");
    expect_line(&given.problems, "routes.PUBLISH[1]: handler \"on_subscribe\" of plugin \"q\" is for SUBSCRIBE");
    cr_assert_eq(given.problems.error_count, 3, "%s", problems_text(&given.problems));
}

Test(preflight, what_will_stay_mapped_is_warned_of)
{
    cr_assert(flown(ONE_PLUGIN("p", "nodelete") "}", NULL), "%s", problems_text(&given.problems));
    expect_line(&given.problems,
                "warning: " PLUGIN_LINE("nodelete") "stays mapped when it is closed (it is linked with "
                                                    "-z nodelete): it will be retired when it is");
}

Test(preflight, a_destructor_of_the_thread_that_holds_the_library_is_noticed)
{
    cr_assert(flown(ONE_PLUGIN("p", "thread_local") "}", NULL), "%s", problems_text(&given.problems));
    expect_line(&given.problems, "stays mapped when it is closed (a thread-local destructor");
}

Test(preflight, what_stays_mapped_is_known_when_it_is_replaced)
{
    const char *limits = ", \"limits\": {\"retired_libraries\": 0}}";
    char text[1024];
    snprintf(text, sizeof(text), "%s%s", ONE_PLUGIN("p", "thread_local"), limits);
    struct config *config = given_config(&given, text);
    struct generation_copies copies;
    cr_assert(generation_copies_make(&given.loader, config, NULL, &copies, &given.problems));
    cr_assert(run(&given.loader, config, text, &copies, &given.problems));
    struct generation *first = generation_new(&given.loader, config, &copies, NULL, &given.problems);
    cr_assert_not_null(first);
    snprintf(text, sizeof(text), "%s%s", ONE_PLUGIN("p", "shop"), limits);
    cr_assert_null(given_try(&given, text, first));
    expect_line(&given.problems, "limits.retired_libraries");
    generation_free(first);
}

Test(preflight, a_kept_plugin_flies_with_the_rest)
{
    struct generation *first = given_generation(&given, ONE_PLUGIN("p", "shop") "}", NULL);
    cr_assert(flown("{\"plugins\": {\"q\": {\"path\": \"" SO("shop_2") "\"}, \"p\": {\"path\": \"" SO(
                        "shop") "\"}}, \"routes\": {\"PUBLISH\": [\"p:on_publish\", \"q:on_publish\"]}}",
                    first),
              "%s", problems_text(&given.problems));
    cr_assert_eq(access(first->plugins[0]->library->copy.path, F_OK), 0, "its copy is still there");
    cr_assert_str_eq(trace_read(&given.place), "load shop 1.0.0\nload shop 2.0.0\nload shop 1.0.0\n"
                                               "unload shop 1.0.0\nunload shop 2.0.0\n");
    generation_free(first);
}

Test(preflight, what_a_plugin_leaves_behind_is_ended_and_not_waited_for)
{
    refused(
        ONE_PLUGIN("p", "fork_constructor") "}",
        PLUGIN_LINE("fork_constructor") "leaves behind when it is unloaded: a process; undo it in the unload function");
    pid_t left = (pid_t)atoi(trace_read(&given.place));
    cr_assert_gt(left, 1);
    int process = pidfd_open(left, 0); /* readable when it has ended, also where nobody waits for it */
    struct pollfd ending = {.fd = process, .events = POLLIN};
    cr_assert(process >= 0 ? poll(&ending, 1, 10000) == 1 : errno == ESRCH, "process %d goes on", (int)left);
    if (process >= 0)
        close(process);
}

Test(preflight, missing_routes_of_the_broker_plugin_are_warned_of)
{
    cr_assert(flown(ONE_PLUGIN("broker", "standard") "}", NULL), "%s", problems_text(&given.problems));
    expect_line(&given.problems, "warning: test.json: no route for AUTH, and the plugin \"broker\"");
}

Test(preflight, a_program_that_is_not_there_is_named)
{
    given.loader.program = "/nowhere/graftmq";
    refused(ONE_PLUGIN("p", "shop") "}", "\"/nowhere/graftmq\" can't be started: No such file");
}

Test(preflight, a_program_that_knows_no_preflight_fails_it)
{
    given.loader.program = "/bin/true";
    refused(ONE_PLUGIN("p", "shop") "}", "test.json: the preflight process called exit(0) before anything was loaded");
}

Test(preflight, ignored_and_blocked_signals_of_the_broker_change_nothing)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGCHLD, SIG_IGN);
    cr_assert(flown(ONE_PLUGIN("p", "shop") "}", NULL), "%s", problems_text(&given.problems));
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

Test(preflight, check_reads_the_file_and_flies)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/graftmq.json", given.place.path);
    FILE *file = fopen(path, "we");
    fputs(ONE_PLUGIN("p", "shop") ", \"routes\": {\"PUBLISH\": \"p:on_publsh\"}}", file);
    fclose(file);
    cr_assert_not(preflight_check(&given.loader, path, NULL, &given.problems));
    expect_line(&given.problems, "graftmq.json:1:");
    expect_line(&given.problems, "did you mean \"on_publish\"?");
    cr_assert_not(preflight_check(&given.loader, given.place.path, NULL, &given.problems));
    expect_line(&given.problems, "cannot be read: Is a directory");
}

/* Errors of the file, a file that is no plugin, a plugin that ends its process, one that refuses, a wrong handler. */
Test(preflight, check_tells_all_that_is_wrong_at_once)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/graftmq.json", given.place.path);
    FILE *file = fopen(path, "we");
    fputs("{\"lissteners\": 1, \"plugins\": {\"text\": {\"path\": \"/etc/passwd\"},"
          " \"crash\": {\"path\": \"" SO("crash_constructor") "\"}, \"refuse\": {\"path\": \"" SO(
              "refuse_load") "\"},"
                             " \"exit\": {\"path\": \"" SO(
                                 "exit_constructor") "\"},"
                                                     " \"shop\": {\"path\": \"" SO(
                                                         "shop") "\", \"setings\": {}}},"
                                                                 " \"routes\": {\"PUBLISH\": [\"shop:on_publsh\", "
                                                                 "\"crash:on_publish\"]}}",
          file);
    fclose(file);

    cr_assert_not(preflight_check(&given.loader, path, NULL, &given.problems));

    expect_line(&given.problems, "unknown key \"lissteners\"");
    expect_line(&given.problems, "unknown key \"setings\"");
    expect_line(&given.problems, "plugins.text: cannot load \"/etc/passwd\"");
    expect_line(&given.problems, "crashed with SIGSEGV while its constructors ran");
    expect_line(&given.problems, "called exit(3) while its constructors ran");
    expect_line(&given.problems, "plugin \"refuse\"");
    expect_line(&given.problems, "did you mean \"on_publish\"?");
    cr_assert_eq(given.problems.error_count, 7, "%s", problems_text(&given.problems));
}

Test(preflight, memory_that_runs_out_at_any_point_is_a_line_and_nothing_more)
{
    const char *text = ONE_PLUGIN("p", "shop") "}";
    struct config *config = given_config(&given, text);
    struct generation_copies copies;
    cr_assert(generation_copies_make(&given.loader, config, NULL, &copies, &given.problems));
    for (uint64_t failures = 1; failures < 100; failures++) {
        struct problems problems = {0};
        mem_fail_after(failures);
        bool is_fit = run(&given.loader, config, text, &copies, &problems);
        bool has_failed = mem_fail_after(0) != 0;
        cr_assert(is_fit || problems_has_errors(&problems));
        problems_deinit(&problems);
        if (!has_failed)
            break;
        cr_assert_lt(failures, 99);
    }
    generation_copies_discard(&copies);
    config_free(config);
}
