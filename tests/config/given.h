/* What tests of the configuration start from. */
#ifndef TESTS_CONFIG_GIVEN_H
#define TESTS_CONFIG_GIVEN_H

#include "base/memory.h"
#include "config/config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Criterion's macros are not made for it. */
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* A file that is there on every machine: only a plugin's path is looked at here, not its content. */
#define GIVEN_PLUGIN "\"broker\": { \"path\": \"/proc/self/exe\" }"

/* Every key of the file, in a form that is valid. */
#define GIVEN_FULL                                                                                                     \
    "{\n"                                                                                                              \
    "  \"$schema\": \"graftmq.schema.json\", \"//\": [\"a\", \"comment\"],\n"                                          \
    "  \"workers\": 3,\n"                                                                                              \
    "  \"listeners\": [\n"                                                                                             \
    "    { \"name\": \"mqtt\", \"bind\": \"::1\", \"port\": 1884, \"//\": \"x\" },\n"                                  \
    "    { \"name\": \"apps\", \"bind\": \"/tmp/s\", \"mode\": \"0600\" } ],\n"                                        \
    "  \"plugins\": { \"//\": \"x\", " GIVEN_PLUGIN ",\n"                                                              \
    "    \"shop\": { \"path\": \"/proc/self/exe\", \"settings\": { \"currency\": \"EUR\", \"//\": \"x\" } } },\n"      \
    "  \"routes\": { \"//\": \"x\",\n"                                                                                 \
    "    \"CONNECT\": \"broker:on_connect\",\n"                                                                        \
    "    \"PUBLISH\": [ { \"handler\": \"shop:on_price\", \"topics\": [ \"shop/+/price\", \"#\" ],\n"                  \
    "        \"listeners\": [ \"apps\" ], \"versions\": [ \"3.1.1\", \"5.0\" ], \"args\": { \"round\": 2 },\n"         \
    "        \"defer\": { \"limit_ms\": 250, \"at_limit\": \"reject\", \"//\": \"x\" },\n"                             \
    "        \"on_fault\": \"close\", \"budget_us\": 700 },\n"                                                         \
    "      \"broker:on_publish\" ] },\n"                                                                               \
    "  \"outgoing\": { \"PUBLISH\": { \"handler\": \"shop:on_deliver\", \"topics\": [ \"shop/#\" ] } },\n"             \
    "  \"callbacks\": { \"start\": \"shop:on_start\", \"close\": [ \"broker:on_close\",\n"                             \
    "      { \"handler\": \"shop:on_close\", \"versions\": [ \"5.0\" ], \"listeners\": [ \"mqtt\" ] } ] },\n"          \
    "  \"limits\": { \"packet_size_bytes\": 4096, \"//\": \"x\" },\n"                                                  \
    "  \"log\": { \"format\": \"json\", \"level\": \"debug\", \"file\": \"/tmp/graftmq.log\" }\n"                      \
    "}\n"

static inline struct config *given_parse_as(const char *text, const char *file, struct problems *problems)
{
    return config_parse(text, strlen(text), file, NULL, problems);
}

/* Valid, without errors and warnings. */
static inline struct config *given_config(const char *text)
{
    struct problems problems = {0};
    struct config *config = given_parse_as(text, "f", &problems);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr, "unexpected: %s\n", problems.lines[i]);
    cr_assert(not(zero(ptr, config)), "the configuration is not valid: %s", text);
    cr_assert(zero(sz, problems.count));
    problems_deinit(&problems);
    return config;
}

/* `text` read as a file "f" gives exactly these lines, which end with NULL. */
static inline void given_expect_lines(const char *text, const char *const *expected)
{
    struct problems problems = {0};
    struct config *config = given_parse_as(text, "f", &problems);
    size_t count = 0;
    while (expected[count] != NULL)
        count++;
    for (size_t i = 0; i < problems.count && i < count; i++)
        cr_expect(eq(str, problems.lines[i], (char *)expected[i]), "in: %s", text);
    for (size_t i = count; i < problems.count; i++)
        cr_expect(false, "too many: %s", problems.lines[i]);
    for (size_t i = problems.count; i < count; i++)
        cr_expect(false, "missing: %s\nin: %s", expected[i], text);
    cr_expect(eq(int, config == NULL, problems_has_errors(&problems)));
    config_free(config);
    problems_deinit(&problems);
}

#define given_expect(text, ...) given_expect_lines(text, (const char *const[]){__VA_ARGS__, NULL})

static inline char *given_read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    cr_assert(not(zero(ptr, file)), "%s", path);
    char *text = malloc(1 << 20);
    *length = fread(text, 1, (1 << 20) - 1, file);
    text[*length] = '\0';
    fclose(file);
    return text;
}

/* An empty folder of this test's own. */
static inline void given_folder(char path[32])
{
    strcpy(path, "/tmp/graftmq-config-XXXXXX");
    cr_assert(not(zero(ptr, mkdtemp(path))));
}

static inline void given_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert(not(zero(ptr, file)));
    fputs(text, file);
    fclose(file);
}

#endif
