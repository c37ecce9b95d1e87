/* What is kept of a generation can be loaded again, whatever became of the files that it was made from. */
#include "plugin/keepsake.h"
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

TestSuite(keepsake, .init = begin, .fini = end);

/* A configuration that loads the test's own copy of a plugin. */
static const char *given_text(const char *plugin)
{
    static char text[512];
    char path[256];
    snprintf(path, sizeof(path), "%s/p.so", given.place.path);
    file_copy(plugin, path);
    snprintf(text, sizeof(text), "{\"plugins\": {\"p\": {\"path\": \"%s\"}}}", path);
    return text;
}

static struct keepsake *keep(const struct generation *generation, const char *text)
{
    struct keepsake *keepsake =
        keepsake_new(given.loader.folder, generation, mem_copy_text(text, strlen(text)), strlen(text));
    cr_assert_not_null(keepsake);
    return keepsake;
}

/* The generation once more, as a rollback makes it. */
static struct generation *recall(const struct keepsake *keepsake, const struct generation *previous)
{
    struct config_overrides overrides = {.port = -1, .plugin_files = keepsake->files};
    struct generation_copies copies;
    struct config *config = config_parse(keepsake->text, keepsake->length, "test.json", &overrides, &given.problems);
    cr_assert_not_null(config, "%s", problems_text(&given.problems));
    cr_assert(generation_copies_recall(&given.loader, keepsake, config, previous, &copies, &given.problems), "%s",
              problems_text(&given.problems));
    struct generation *generation = generation_new(&given.loader, config, &copies, previous, &given.problems);
    cr_assert_not_null(generation, "%s", problems_text(&given.problems));
    return generation;
}

Test(keepsake, the_bytes_are_those_that_were_loaded_although_the_file_is_another_by_now)
{
    const char *text = given_text(SO("shop"));
    struct generation *first = given_generation(&given, text, NULL);
    char content[33];
    snprintf(content, sizeof(content), "%s", first->plugins[0]->library->copy.content);
    struct keepsake *keepsake = keep(first, text);
    generation_free(first);
    (void)given_text(SO("nodelete"));

    struct generation *again = recall(keepsake, NULL);

    cr_assert_str_eq(again->plugins[0]->library->copy.content, content);
    generation_free(again);
    keepsake_free(keepsake);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
}

Test(keepsake, a_file_that_is_gone_is_not_missed)
{
    const char *text = given_text(SO("shop"));
    struct generation *first = given_generation(&given, text, NULL);
    struct keepsake *keepsake = keep(first, text);
    generation_free(first);
    char path[256];
    snprintf(path, sizeof(path), "%s/p.so", given.place.path);
    cr_assert_eq(unlink(path), 0);

    struct generation *again = recall(keepsake, NULL);

    cr_assert_str_eq(again->plugins[0]->library->path_original, path);
    cr_assert(plugin_record(again->plugins[0], "nothing") == NULL);
    generation_free(again);
    keepsake_free(keepsake);
}

Test(keepsake, a_plugin_that_still_serves_is_not_loaded_again)
{
    const char *text = given_text(SO("shop"));
    struct generation *first = given_generation(&given, text, NULL);
    struct keepsake *keepsake = keep(first, text);

    struct generation *again = recall(keepsake, first);

    cr_assert_eq(again->plugins[0], first->plugins[0]);
    generation_free(first);
    generation_free(again);
    keepsake_free(keepsake);
}

Test(keepsake, it_keeps_nothing_mapped)
{
    const char *text = given_text(SO("shop"));
    struct generation *first = given_generation(&given, text, NULL);
    struct keepsake *keepsake = keep(first, text);

    generation_free(first);

    cr_assert_eq(mapping_count(library_folder_path(given.loader.folder)), 0);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 4);
    keepsake_free(keepsake);
    cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), 3);
}

Test(keepsake, memory_that_is_out_leaves_nothing_behind)
{
    const char *text = given_text(SO("shop"));
    struct generation *first = given_generation(&given, text, NULL);
    struct keepsake *keepsake = NULL;
    char *copy = mem_copy_text(text, strlen(text));
    size_t files = folder_count(library_folder_path(given.loader.folder));
    for (uint64_t n = 1; keepsake == NULL; n++) {
        cr_assert_lt(n, (uint64_t)100);
        mem_fail_after(n);
        keepsake = keepsake_new(given.loader.folder, first, copy, strlen(text));
        mem_fail_after(0);
        cr_assert_eq(folder_count(library_folder_path(given.loader.folder)), files + (keepsake != NULL));
    }
    keepsake_free(keepsake);
    generation_free(first);
}

Test(keepsake, a_copy_says_what_build_it_is)
{
    struct library_copy copy;
    cr_assert(library_copy_make(given.loader.folder, SO("shop"), "place", &copy, &given.problems));
    char command[512], expected[128] = "";
    snprintf(command, sizeof(command), "readelf -n '%s' | sed -n 's/.*Build ID: //p'", SO("shop"));
    FILE *told = popen(command, "r");
    cr_assert_not_null(told);
    cr_assert_not_null(fgets(expected, sizeof(expected), told), "readelf tells no build id");
    pclose(told);
    expected[strcspn(expected, "\n")] = '\0';
    cr_assert_str_eq(copy.build_id, expected);
    library_copy_remove(&copy);
}
