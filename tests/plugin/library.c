/* Private copies, and what is left of them. */
#include "plugin/library.h"
#include "given.h"

#include <dlfcn.h>
#include <graftmq/abi.h>
#include <sys/file.h>
#include <sys/wait.h>

static struct given given;

static void begin(void)
{
    given_begin(&given);
}

static void end(void)
{
    given_end(&given);
}

TestSuite(library, .init = begin, .fini = end);

static void refused(const char *path, const char *expected)
{
    struct library_copy copy = {.path = "untouched"};
    cr_assert_not(library_copy_make(given.loader.folder, path, "test.json:1:2: plugins.p", &copy, &given.problems));
    expect_line(&given.problems, expected);
    cr_assert_str_eq(copy.path, "untouched");
    cr_assert_eq(strncmp(given.problems.lines[0], "test.json:1:2: plugins.p: cannot load \"", 38), 0);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3, "something is left in the folder");
}

static struct library *opened(const char *path)
{
    struct library_copy copy;
    cr_assert(library_copy_make(given.loader.folder, path, "place", &copy, &given.problems), "%s",
              problems_text(&given.problems));
    struct library *library = library_open(&copy, path, "place", &given.problems);
    cr_assert_not_null(library, "%s", problems_text(&given.problems));
    return library;
}

static const char *version(const struct library *library)
{
    const gmq_plugin_descriptor *descriptor = library_symbol(library, "gmq_plugin_exported");
    cr_assert_not_null(descriptor);
    return descriptor->version;
}

static const char *in_place(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", given.place.path, name);
    return path;
}

Test(library, a_missing_file_is_refused)
{
    refused("/nowhere/shop.so", "cannot load \"/nowhere/shop.so\": there is no such file");
}

Test(library, a_directory_is_refused)
{
    refused("/tmp", "it is a directory");
}

Test(library, a_named_pipe_is_refused_and_not_waited_for)
{
    cr_assert_eq(mkfifo(in_place("pipe"), 0600), 0);
    refused(in_place("pipe"), "it is a named pipe");
}

Test(library, a_device_is_refused)
{
    refused("/dev/zero", "it is a device");
}

Test(library, an_empty_file_is_refused)
{
    close(open(in_place("empty.so"), O_CREAT | O_WRONLY, 0600));
    refused(in_place("empty.so"), "it is empty");
}

Test(library, a_cut_file_is_refused)
{
    file_copy(SO("shop"), in_place("cut.so"));
    cr_assert_eq(truncate(in_place("cut.so"), 2000), 0);
    refused(in_place("cut.so"), "it is truncated");
}

Test(library, a_text_is_refused)
{
    refused(GRAFTMQ_SOURCE_FOLDER "/CMakeLists.txt", "it is not an ELF shared object");
}

Test(library, unique_symbols_are_refused_with_the_remedy)
{
    refused(SO("unique"), "\"unique_counter\"");
    expect_line(&given.problems, "-fno-gnu-unique");
}

Test(library, the_loaders_message_names_the_original)
{
    struct library_copy copy;
    cr_assert(library_copy_make(given.loader.folder, SO("missing_symbol"), "place", &copy, &given.problems));
    cr_assert_null(library_open(&copy, SO("missing_symbol"), "place", &given.problems));
    expect_line(&given.problems,
                "place: cannot load \"" SO("missing_symbol") "\": " SO("missing_symbol") ": undefined");
    expect_line(&given.problems, "gmq_not_in_this_broker");
    cr_assert_not(problems_have(&given.problems, library_folder_path(given.loader.folder)));
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
}

Test(library, copies_are_for_the_owner_alone)
{
    struct library_copy copy;
    struct stat status;
    cr_assert(library_copy_make(given.loader.folder, SO("shop"), "place", &copy, &given.problems));
    cr_assert_eq(stat(copy.path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0500);
    cr_assert_eq((uint64_t)status.st_size, copy.size);
    cr_assert_eq(strlen(copy.content), 32);
    cr_assert_eq(stat(library_folder_path(given.loader.folder), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    library_copy_remove(&copy);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
}

Test(library, a_file_that_is_overwritten_in_place_gives_new_code_and_leaves_the_old_alone)
{
    char path[256];
    snprintf(path, sizeof(path), "%s", in_place("shop.so"));
    file_copy(SO("shop"), path);
    struct library *first = opened(path);
    file_copy(SO("shop_2"), path); /* same file, other bytes */
    struct library *second = opened(path);
    cr_assert_str_eq(version(first), "1.0.0");
    cr_assert_str_eq(version(second), "2.0.0");
    cr_assert_str_neq(first->copy.content, second->copy.content);
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert_str_eq(version(first), "1.0.0");
    cr_assert_eq(unlink(path), 0);
    cr_assert_str_eq(version(second), "2.0.0");
    cr_assert(library_close(first));
    cr_assert(library_close(second));
}

Test(library, only_what_the_library_itself_exports_is_its_symbol)
{
    struct library *library = opened(SO("shop"));
    cr_assert_not_null(library_symbol(library, "gmq_exported_on_publish"));
    cr_assert_null(library_symbol(library, "malloc"));
    cr_assert_null(library_symbol(library, "gmq_exported_nothing"));
    cr_assert(library_close(library));
}

Test(library, a_thousand_cycles_leave_no_mapping_descriptor_or_file)
{
    const char *folder = library_folder_path(given.loader.folder);
    cr_assert(library_close(opened(SO("shop")))); /* the first one makes what the loader keeps for good */
    size_t descriptors = folder_count("/proc/self/fd"), mappings = mapping_count("");
    for (int i = 0; i < 1000; i++) {
        struct library *library = opened(i % 2 == 0 ? SO("shop") : SO("shop_2"));
        cr_assert_str_eq(version(library), i % 2 == 0 ? "1.0.0" : "2.0.0");
        cr_assert(library_close(library));
    }
    cr_assert_eq(mapping_count(folder), 0);
    cr_assert_leq(mapping_count(""), mappings + 20, "from %zu to %zu mappings", mappings, mapping_count(""));
    cr_assert_eq(folder_count("/proc/self/fd"), descriptors);
    cr_assert_eq(folder_count(folder), 3);
    cr_assert_eq(library_retired_total().count, 0);
}

Test(library, what_stays_mapped_is_retired_with_its_copy)
{
    struct library *library = opened(SO("nodelete"));
    cr_assert(library->copy.is_sticky);
    cr_assert_not(library_close(library));
    cr_assert_eq(library_retired_total().count, 1);
    cr_assert_gt(library_retired_total().bytes, 4096);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 4);
    library = opened(SO("nodelete"));
    cr_assert_not(library_close(library));
    cr_assert_eq(library_retired_total().count, 2);
}

Test(library, a_folder_is_gone_when_it_is_closed)
{
    struct library_folder *folder = library_folder_open(&given.problems);
    char path[256];
    snprintf(path, sizeof(path), "%s", library_folder_path(folder));
    struct library_copy copy;
    cr_assert(library_copy_make(folder, SO("shop"), "place", &copy, &given.problems));
    library_folder_close(folder);
    cr_assert_neq(access(path, F_OK), 0);
    library_copy_remove(&copy);
}

Test(library, folders_of_processes_that_are_gone_are_removed_and_those_of_others_stay)
{
    int path[2];
    char left[256] = "";
    cr_assert_eq(pipe(path), 0);
    pid_t child = fork();
    if (child == 0) {
        struct problems problems = {0};
        struct library_folder *folder = library_folder_open(&problems);
        struct library_copy copy;
        if (library_copy_make(folder, SO("shop"), "place", &copy, &problems))
            (void)!write(path[1], library_folder_path(folder), strlen(library_folder_path(folder)));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    cr_assert_gt(read(path[0], left, sizeof(left) - 1), 0);
    cr_assert_eq(access(left, F_OK), 0);
    struct library_folder *folder = library_folder_open(&given.problems);
    cr_assert_neq(access(left, F_OK), 0, "%s was left", left);
    cr_assert_eq(access(library_folder_path(given.loader.folder), F_OK), 0);
    library_folder_close(folder);
}

Test(library, a_folder_that_cannot_be_written_is_passed_over)
{
    setenv("RUNTIME_DIRECTORY", "/proc:/nowhere", 1);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    struct library_folder *folder = library_folder_open(&given.problems);
    cr_assert_not_null(folder);
    cr_assert_eq(strncmp(library_folder_path(folder), given.place.path, strlen(given.place.path)), 0);
    library_folder_close(folder);
}

Test(library, memory_that_runs_out_leaves_nothing_behind)
{
    for (uint64_t failures = 1; failures < 1000; failures++) {
        struct problems problems = {0};
        struct library_copy copy = {0};
        struct library *library = NULL;
        mem_fail_after(failures);
        if (library_copy_make(given.loader.folder, SO("shop"), "place", &copy, &problems))
            library = library_open(&copy, SO("shop"), "place", &problems);
        bool has_failed = mem_fail_after(0) != 0;
        cr_assert(library != NULL || problems_has_errors(&problems));
        if (library != NULL)
            cr_assert(library_close(library));
        problems_deinit(&problems);
        cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
        if (!has_failed)
            return;
    }
    cr_assert_fail("it never ran out of failures");
}
