/* What is seen in a plugin's file without loading it. */
#include "plugin/elf.h"
#include "given.h"

#include <elf.h>
#include <stddef.h>

static char file[4 * 1024 * 1024];

static size_t given_file(const char *path)
{
    int descriptor = open(path, O_RDONLY);
    cr_assert(descriptor >= 0, "no file %s", path);
    ssize_t length = read(descriptor, file, sizeof(file));
    close(descriptor);
    cr_assert(length >= 0 && length < (ssize_t)sizeof(file));
    return (size_t)length;
}

static const char *refusal(size_t length)
{
    static char why[512];
    struct elf_facts facts;
    cr_assert_not(elf_examine(file, length, &facts, why, sizeof(why)));
    return why;
}

Test(elf, a_plugin_is_a_shared_object_without_anything_special)
{
    struct elf_facts facts;
    char why[512] = "";
    size_t length = given_file(SO("shop"));
    cr_assert(elf_examine(file, length, &facts, why, sizeof(why)), "%s", why);
    cr_assert_null(facts.unique_symbol);
    cr_assert_not(facts.is_nodelete);
    cr_assert_not(facts.uses_origin);
}

Test(elf, the_first_unique_symbol_is_named)
{
    struct elf_facts facts;
    char why[512] = "";
    size_t length = given_file(SO("unique"));
    cr_assert(elf_examine(file, length, &facts, why, sizeof(why)), "%s", why);
    cr_assert_str_eq(facts.unique_symbol, "unique_counter");
}

Test(elf, nodelete_is_seen)
{
    struct elf_facts facts;
    char why[512] = "";
    size_t length = given_file(SO("nodelete"));
    cr_assert(elf_examine(file, length, &facts, why, sizeof(why)), "%s", why);
    cr_assert(facts.is_nodelete);
}

Test(elf, another_machine_is_named)
{
    size_t length = given_file(SO("shop"));
    uint16_t machine = EM_AARCH64;
    memcpy(file + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine));
    const char *why = refusal(length);
    cr_assert_not_null(strstr(why, "built for aarch64, this broker is "), "%s", why);
    machine = 4711;
    memcpy(file + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine));
    why = refusal(length);
    cr_assert_not_null(strstr(why, "machine number 4711"), "%s", why);
}

Test(elf, a_text_a_program_and_an_object_file_are_no_plugins)
{
    strcpy(file, "#!/bin/sh\necho this is no plugin at all, though it has enough bytes for a header of one\n");
    const char *why = refusal(strlen(file));
    cr_assert_not_null(strstr(why, "not an ELF shared object"), "%s", why);
    why = refusal(0);
    cr_assert_not_null(strstr(why, "empty"), "%s", why);
    size_t length = given_file("/proc/self/exe");
    why = refusal(length);
    cr_assert(strstr(why, "program") != NULL || strstr(why, "not a shared object") != NULL, "%s", why);
    length = given_file(SO("shop"));
    uint16_t type = ET_REL;
    memcpy(file + offsetof(Elf64_Ehdr, e_type), &type, sizeof(type));
    why = refusal(length);
    cr_assert_not_null(strstr(why, "object file"), "%s", why);
}

Test(elf, every_cut_of_a_plugin_is_refused)
{
    size_t length = given_file(SO("shop"));
    for (size_t cut = length - 1; cut > 16; cut--) {
        const char *why = refusal(cut);
        cr_assert_not_null(strstr(why, "truncated"), "at %zu of %zu: %s", cut, length, why);
    }
}

static bool count(const char *name, void *data)
{
    cr_assert_not_null(name);
    ++*(size_t *)data;
    return true;
}

static bool count_to_one(const char *name, void *data)
{
    (void)name;
    return ++*(size_t *)data < 1;
}

static bool find(const char *name, void *data)
{
    const char **wanted = data;
    if (strcmp(name, *wanted) == 0)
        *wanted = NULL;
    return *wanted != NULL;
}

Test(elf, every_exported_symbol_is_visited_until_the_visitor_has_enough)
{
    size_t visited = 0, length = given_file(SO("shop"));
    const char *wanted[] = {"gmq_plugin_exported", "gmq_exported_on_publish", "gmq_exported_on_subscribe",
                            "gmq_exported_on_close"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        const char *name = wanted[i];
        elf_each_symbol(file, length, find, &name);
        cr_assert_null(name, "%s was not visited", wanted[i]);
    }
    elf_each_symbol(file, length, count_to_one, &visited);
    cr_assert_eq(visited, 1);
}

/* Nothing in a file may be trusted: whatever a damaged one answers, no byte outside of it is read (AddressSanitizer).
 */
Test(elf, damaged_files_do_no_harm)
{
    size_t length = given_file(SO("shop")), visited = 0;
    char *exact = malloc(length);
    uint64_t state = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        memcpy(exact, file, length);
        for (int i = 0; i < 4; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            size_t at = i < 3 ? state % 1024 : state % length;
            exact[at] = (char)(state >> 40);
        }
        struct elf_facts facts;
        char why[512];
        size_t shown = state % 3 == 0 ? state % length : length;
        if (elf_examine(exact, shown, &facts, why, sizeof(why)))
            elf_each_symbol(exact, shown, count, &visited);
    }
    free(exact);
}
