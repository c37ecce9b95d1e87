/* Files with random damage: whatever is made of them, nothing breaks. The seed is in the message of a failure. */
#include "given.h"

#include <inttypes.h>

enum { ROUNDS = 20000 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One change: a byte replaced, a run removed, or a run copied elsewhere. */
static size_t mutate(char *text, size_t length, size_t capacity, uint64_t *random)
{
    static const char likely[] = "{}[],:\"\\/#0-1.e u\xC3\x80\n";
    size_t at = next_random(random) % length;
    size_t run = next_random(random) % 24 + 1;
    switch (next_random(random) % 3) {
    case 0:
        text[at] = likely[next_random(random) % (sizeof(likely) - 1)];
        return length;
    case 1:
        run = run < length - at ? run : length - at - 1;
        memmove(text + at, text + at + run, length - at - run);
        return length - run;
    default:
        if (length + run > capacity || at + run > length)
            return length;
        size_t from = next_random(random) % (length - run);
        char copy[24];
        memcpy(copy, text + from, run);
        memmove(text + at + run, text + at, length - at);
        memcpy(text + at, copy, run);
        return length + run;
    }
}

static bool has_place(const char *line)
{
    unsigned text_line;
    unsigned column;
    const char *at = strncmp(line, "warning: ", 9) == 0 ? line + 9 : line;
    return sscanf(at, "f:%u:%u: ", &text_line, &column) == 2 && text_line >= 1 && column >= 1;
}

static void parse_damaged(const char *text, size_t length, uint64_t seed)
{
    struct problems problems = {0};
    char *exact = malloc(length);
    memcpy(exact, text, length);
    struct config *config = config_parse(exact, length, "f", NULL, &problems);
    cr_assert(eq(int, config == NULL, problems_has_errors(&problems)), "seed %" PRIu64, seed);
    for (size_t i = 0; i < problems.count; i++)
        cr_assert(has_place(problems.lines[i]), "seed %" PRIu64 ": %s", seed, problems.lines[i]);
    config_free(config);
    problems_deinit(&problems);
    free(exact);
}

Test(mutation, a_damaged_file_gives_errors_with_places_or_a_configuration)
{
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        char text[8192] = GIVEN_FULL;
        uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15);
        size_t length = strlen(text);
        size_t changes = seed % 4 + 1;
        for (size_t i = 0; i < changes; i++)
            length = mutate(text, length, sizeof(text), &random);
        parse_damaged(text, length, seed);
    }
}

Test(mutation, a_file_cut_anywhere_gives_an_error)
{
    for (size_t length = 1; length < strlen(GIVEN_FULL) - 1; length++)
        parse_damaged(GIVEN_FULL, length, length);
}
