/* Which filter matches which topic name, as simply as it can be said. */
#include "matching/naive.h"

#include "shard/demand.h"

#include <string.h>

/* ---- the rules ---- */

struct levels {
    char text[NAIVE_TEXT_MAX];
    const char *level[NAIVE_LEVELS_MAX];
    uint32_t count;
};

/* The separator makes levels of what stands on either side of it, be it nothing (4.7.1.1). */
static void levels_cut(struct levels *levels, const char *text)
{
    demand(strlen(text) < sizeof levels->text, "too long: %s", text);
    strcpy(levels->text, text);
    levels->count = 0;
    char *rest = levels->text;
    while (rest != NULL) {
        demand(levels->count < NAIVE_LEVELS_MAX, "too deep: %s", text);
        char *separator = strchr(rest, '/');
        levels->level[levels->count++] = rest;
        if (separator != NULL)
            *separator++ = '\0';
        rest = separator;
    }
}

static bool is_wildcard(const char *level)
{
    return strcmp(level, "+") == 0 || strcmp(level, "#") == 0;
}

bool naive_matches(const char *filter, const char *topic)
{
    struct levels wanted, given;
    levels_cut(&wanted, filter);
    levels_cut(&given, topic);
    if (topic[0] == '$' && is_wildcard(wanted.level[0])) /* [MQTT-4.7.2-1] */
        return false;
    bool has_rest = strcmp(wanted.level[wanted.count - 1], "#") == 0;
    uint32_t fixed = has_rest ? wanted.count - 1 : wanted.count;
    if (has_rest ? given.count < fixed : given.count != fixed) /* "#" is for the parent, too (4.7.1.2) */
        return false;
    for (uint32_t i = 0; i < fixed; i++) {
        if (strcmp(wanted.level[i], "+") != 0 && strcmp(wanted.level[i], given.level[i]) != 0)
            return false;
    }
    return true;
}

/* ---- random ones ---- */

/* What is alike, what begins alike, what is empty, what begins with "$", what isn't ASCII. */
static const char *const all_levels[] = {
    "",         "a",         "b", "aa",  "A",       "0",           "$", "$SYS", "$share",           "$SYSTEM", "sensor",
    "\xC3\xA9", "e\xCC\x81", " ", "a b", "sensor1", "temperature", "-", "..",   "\xF0\x9F\x90\xA2", "%2F",     "*"};

enum { ALL_LEVELS = sizeof all_levels / sizeof all_levels[0] };

void alphabet_choose(struct random *random, struct alphabet *alphabet)
{
    alphabet->count = 1 + (uint32_t)random_below(random, ALPHABET_MAX);
    for (uint32_t i = 0; i < alphabet->count; i++)
        alphabet->levels[i] = all_levels[random_below(random, ALL_LEVELS)];
    static const uint32_t depths[] = {1, 2, 3, 3, 4, 4, 6, 8, 30};
    alphabet->depth = depths[random_below(random, sizeof depths / sizeof depths[0])];
}

static const char *any_level(struct random *random, const struct alphabet *alphabet)
{
    return alphabet->levels[random_below(random, alphabet->count)];
}

static void append(char *text, bool is_first, const char *level)
{
    size_t length = strlen(text);
    int more = snprintf(text + length, NAIVE_TEXT_MAX - length, "%s%s", is_first ? "" : "/", level);
    demand(more >= 0 && length + (size_t)more < NAIVE_TEXT_MAX, "too long: %s", text);
}

/* The one text without a character is neither topic nor filter [MQTT-4.7.3-1]. */
static void ensure_one_character(char *text)
{
    if (text[0] == '\0')
        strcpy(text, "/");
}

void naive_topic(struct random *random, const struct alphabet *alphabet, char *text)
{
    uint32_t depth = 1 + (uint32_t)random_below(random, alphabet->depth);
    text[0] = '\0';
    for (uint32_t i = 0; i < depth; i++)
        append(text, i == 0, any_level(random, alphabet));
    ensure_one_character(text);
}

/* What begins with "$share/" is a shared subscription, and no filter in itself. */
static void avoid_share(char *text)
{
    if (strncmp(text, "$share/", 7) == 0)
        text[1] = 'S';
}

void naive_filter(struct random *random, const struct alphabet *alphabet, char *text)
{
    uint32_t depth = 1 + (uint32_t)random_below(random, alphabet->depth);
    text[0] = '\0';
    for (uint32_t i = 0; i < depth; i++) {
        uint64_t kind = random_below(random, 10);
        if (kind < 2 && i + 1 == depth)
            append(text, i == 0, "#");
        else
            append(text, i == 0, kind < 5 ? "+" : any_level(random, alphabet));
    }
    ensure_one_character(text);
    avoid_share(text);
}

static void append_rest(struct random *random, const struct alphabet *alphabet, bool is_first, char *text)
{
    for (uint64_t more = random_below(random, 4); more > 0; more--) {
        append(text, is_first, any_level(random, alphabet));
        is_first = false;
    }
}

void naive_topic_near(struct random *random, const struct alphabet *alphabet, const char *filter, char *text)
{
    struct levels wanted;
    levels_cut(&wanted, filter);
    text[0] = '\0';
    for (uint32_t i = 0; i < wanted.count; i++) {
        if (strcmp(wanted.level[i], "#") == 0)
            append_rest(random, alphabet, i == 0, text);
        else if (strcmp(wanted.level[i], "+") == 0 || random_below(random, 20) == 0)
            append(text, i == 0, any_level(random, alphabet));
        else if (i == 0 || random_below(random, 20) != 0)
            append(text, i == 0, wanted.level[i]);
    }
    if (random_below(random, 20) == 0)
        append_rest(random, alphabet, false, text);
    ensure_one_character(text);
}
