/* Every allocation fails once, jansson's too. */
#include "given.h"

#include <unistd.h>

Test(memory, a_file_that_can_not_be_read_for_lack_of_memory_is_an_error_or_all_there)
{
    struct config *whole = given_config(GIVEN_FULL);
    uint64_t failed = 0;
    for (uint64_t n = 1;; n++) {
        struct problems problems = {0};
        mem_fail_after(n);
        struct config *config = given_parse_as(GIVEN_FULL, "f", &problems);
        if (!mem_fail_after(0)) {
            cr_assert(not(zero(ptr, config)));
            config_free(config);
            problems_deinit(&problems);
            break;
        }
        failed++;
        cr_expect(zero(ptr, config), "allocation %d", (int)n);
        cr_expect(problems_has_errors(&problems), "allocation %d", (int)n);
        config_free(config);
        problems_deinit(&problems);
    }
    cr_assert(gt(u64, failed, 100));
    config_free(whole);
}

Test(memory, the_errors_of_a_file_survive_a_lack_of_memory)
{
    const char *text =
        "{\"workers\": 0, \"routes\": {\"CONNECT\": {\"handler\": \"a:b\", \"topics\": 1}}, \"lmits\": {}}";
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct problems problems = {0};
        mem_fail_after(n);
        struct config *config = given_parse_as(text, "f", &problems);
        has_failed = mem_fail_after(0) != 0;
        cr_expect(zero(ptr, config), "allocation %d", (int)n);
        cr_expect(problems_has_errors(&problems), "allocation %d", (int)n);
        problems_deinit(&problems);
    }
}

Test(memory, schema_and_table_are_whole_or_not_there)
{
    char *(*const makers[])(void) = {config_schema_json, config_schema_markdown};
    for (size_t i = 0; i < 2; i++) {
        char *whole = makers[i]();
        bool has_failed = true;
        for (uint64_t n = 1; has_failed; n++) {
            mem_fail_after(n);
            char *text = makers[i]();
            has_failed = mem_fail_after(0) != 0;
            cr_expect(text == NULL || strcmp(text, whole) == 0, "allocation %d", (int)n);
            mem_free(text);
        }
        mem_free(whole);
    }
}

Test(memory, a_file_is_loaded_whole_or_not_at_all)
{
    char folder[32];
    char path[64];
    given_folder(folder);
    given_file(folder, "f.json", GIVEN_FULL);
    snprintf(path, sizeof(path), "%s/f.json", folder);
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct problems problems = {0};
        mem_fail_after(n);
        struct config *config = config_load(path, NULL, &problems);
        has_failed = mem_fail_after(0) != 0;
        cr_expect(eq(int, config == NULL, has_failed), "allocation %d", (int)n);
        cr_expect(eq(int, config == NULL, problems_has_errors(&problems)), "allocation %d", (int)n);
        config_free(config);
        problems_deinit(&problems);
    }
    unlink(path);
    rmdir(folder);
}
