/* What tests of this room start from: test plugins by name, configurations as text, generations of them. */
#ifndef TESTS_PLUGIN_GIVEN_H
#define TESTS_PLUGIN_GIVEN_H

#include "base/memory.h"
#include "plugin/generation.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SO(name) GRAFTMQ_BUILD_FOLDER "/tests/plugins/" name ".so"

/* A configuration with one plugin and more text behind it. */
#define ONE_PLUGIN(name, file) "{\"plugins\": {\"" name "\": {\"path\": \"" SO(file) "\"}}"

#define expect_line(problems, text)                                                                                    \
    cr_assert(problems_have((problems), (text)), "expected a line with <%s>, got: %s", (text), problems_text(problems))

static inline const char *problems_text(const struct problems *problems)
{
    static char text[16384];
    size_t used = (size_t)snprintf(text, sizeof(text), "%zu lines", problems->count);
    for (size_t i = 0; i < problems->count && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "\n  %s", problems->lines[i]);
    return text;
}

static inline bool problems_have(const struct problems *problems, const char *text)
{
    for (size_t i = 0; i < problems->count; i++) {
        if (strstr(problems->lines[i], text) != NULL)
            return true;
    }
    return false;
}

/* A folder of the test's own, and nothing of it left afterwards. */
struct place_of_test {
    char path[128];
    char trace[160];
};

static inline void place_make(struct place_of_test *place)
{
    snprintf(place->path, sizeof(place->path), "/tmp/graftmq_test_XXXXXX");
    cr_assert_not_null(mkdtemp(place->path));
    snprintf(place->trace, sizeof(place->trace), "%s/trace", place->path);
    setenv("GRAFTMQ_TEST_TRACE", place->trace, 1);
    setenv("TMPDIR", place->path, 1);
    unsetenv("RUNTIME_DIRECTORY");
    unsetenv("XDG_RUNTIME_DIR");
}

static inline void place_remove(struct place_of_test *place)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", place->path);
    cr_assert_eq(system(command), 0);
}

static inline const char *trace_read(const struct place_of_test *place)
{
    static char text[8192];
    FILE *file = fopen(place->trace, "re");
    size_t length = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[length] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

static inline void file_copy(const char *from, const char *to)
{
    static char bytes[4 * 1024 * 1024];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    cr_assert(in >= 0 && out >= 0, "cannot copy %s to %s", from, to);
    ssize_t length = read(in, bytes, sizeof(bytes));
    cr_assert(length > 0 && length < (ssize_t)sizeof(bytes));
    cr_assert_eq(write(out, bytes, (size_t)length), length);
    close(in);
    close(out);
}

static inline size_t folder_count(const char *path)
{
    size_t count = 0;
    DIR *list = opendir(path);
    cr_assert_not_null(list);
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count;
}

static inline size_t mapping_count(const char *part)
{
    size_t count = 0;
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, part) != NULL;
    fclose(maps);
    return count;
}

/* A loader with its folder. */
struct given {
    struct place_of_test place;
    struct generation_loader loader;
    struct problems problems;
};

static inline void given_begin(struct given *given)
{
    memset(given, 0, sizeof(*given));
    place_make(&given->place);
    given->loader.folder = library_folder_open(&given->problems);
    cr_assert_not_null(given->loader.folder, "%s", problems_text(&given->problems));
    given->loader.storage = plugin_storage_new();
    given->loader.program = GRAFTMQ_BUILD_FOLDER "/tests/plugins/test_preflight_program";
}

static inline void given_end(struct given *given)
{
    plugin_storage_free(given->loader.storage);
    library_folder_close(given->loader.folder);
    problems_deinit(&given->problems);
    place_remove(&given->place);
}

static inline struct config *given_config(struct given *given, const char *text)
{
    struct config *config = config_parse(text, strlen(text), "test.json", NULL, &given->problems);
    cr_assert_not_null(config, "%s", problems_text(&given->problems));
    return config;
}

/* NULL if it can't be loaded; nothing is left of it then. */
static inline struct generation *given_try(struct given *given, const char *text, const struct generation *previous)
{
    struct generation_copies copies;
    struct config *config = given_config(given, text);
    struct generation *generation = NULL;
    if (generation_copies_make(&given->loader, config, previous, &copies, &given->problems)) {
        generation = generation_new(&given->loader, config, &copies, previous, &given->problems);
        generation_copies_discard(&copies);
    }
    if (generation == NULL)
        config_free(config);
    return generation;
}

static inline struct generation *given_generation(struct given *given, const char *text,
                                                  const struct generation *previous)
{
    struct generation *generation = given_try(given, text, previous);
    cr_assert_not_null(generation, "%s", problems_text(&given->problems));
    return generation;
}

#endif
