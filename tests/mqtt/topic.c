/* Topic names and filters against oracles that are too simple to be wrong. */
#include "mqtt/topic.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "mqtt/random_packet.h"

enum { LEVELS_MAX = 5, TEXT_SIZE = 64 };

/* ---- matching ---- */

static const char *const topic_levels[] = {"", "a", "b", "$x", "ab"};
static const char *const filter_levels[] = {"", "a", "b", "$x", "ab", "+", "#"};

/* Random levels with "/" between; "#" ends it. Returns how many. */
static int random_levels(struct dice *dice, const char *const *choices, uint32_t count, const char **levels)
{
    int wanted = 1 + (int)dice_below(dice, LEVELS_MAX);
    for (int i = 0; i < wanted; i++) {
        levels[i] = choices[dice_below(dice, count)];
        if (levels[i][0] == '#')
            return i + 1;
    }
    return wanted;
}

static gmq_view join(char *text, const char **levels, int count)
{
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        strcat(text, i > 0 ? "/" : "");
        strcat(text, levels[i]);
    }
    return gmq_view_of(text);
}

static bool naive_levels(const char **filter, int filter_count, const char **topic, int topic_count)
{
    if (filter_count == 0)
        return topic_count == 0;
    if (strcmp(filter[0], "#") == 0)
        return true;
    if (topic_count == 0)
        return false;
    return (strcmp(filter[0], "+") == 0 || strcmp(filter[0], topic[0]) == 0) &&
           naive_levels(filter + 1, filter_count - 1, topic + 1, topic_count - 1);
}

static bool naive_matches(const char **filter, int filter_count, const char **topic, int topic_count)
{
    bool hides = topic[0][0] == '$' && (filter[0][0] == '+' || filter[0][0] == '#');
    return !hides && naive_levels(filter, filter_count, topic, topic_count);
}

Test(topic, matching_agrees_with_the_naive_oracle)
{
    struct dice dice = {1};
    int matched = 0;
    for (int i = 0; i < 300000; i++) {
        const char *filter[LEVELS_MAX], *topic[LEVELS_MAX];
        char filter_text[TEXT_SIZE], topic_text[TEXT_SIZE];
        int filter_count = random_levels(&dice, filter_levels, 7, filter);
        int topic_count = random_levels(&dice, topic_levels, 5, topic);
        gmq_view filter_view = join(filter_text, filter, filter_count);
        gmq_view topic_view = join(topic_text, topic, topic_count);
        if (filter_view.length == 0 || topic_view.length == 0)
            continue;
        bool expected = naive_matches(filter, filter_count, topic, topic_count);
        bool got = topic_matches(filter_view, topic_view);
        cr_assert_eq(got, expected, "filter \"%s\", topic \"%s\": got %d", filter_text, topic_text, got);
        matched += got;
    }
    cr_assert_gt(matched, 10000);
}

struct match_row {
    const char *filter;
    const char *topic;
    bool matches;
};

/* The examples of 4.7.1 and 4.7.2. */
static const struct match_row examples[] = {
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/#", "sport", true},
    {"#", "a", true},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+", "/finance", false},
    {"#", "$SYS/a", false},
    {"+/monitor/Clients", "$SYS/monitor/Clients", false},
    {"$SYS/#", "$SYS/", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
    {"ACCOUNTS", "Accounts", false},
    {"a/$b", "a/$b", true},
    {"+/$b", "a/$b", true},
    {"", "a", false},
    {"#", "", false},
};

Test(topic, matching_does_as_the_examples_of_the_standard)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct match_row *row = &examples[i];
        bool got = topic_matches(gmq_view_of(row->filter), gmq_view_of(row->topic));
        cr_assert_eq(got, row->matches, "filter \"%s\", topic \"%s\": got %d", row->filter, row->topic, got);
    }
}

/* ---- validity ---- */

struct filter_row {
    const char *filter;
    bool is_valid;
};

static const struct filter_row filters[] = {
    {"", false},
    {"a", true},
    {"/", true},
    {"#", true},
    {"+", true},
    {"a/#", true},
    {"a#", false},
    {"a/b#", false},
    {"a/#/b", false},
    {"#/", false},
    {"+/a/+", true},
    {"a+", false},
    {"+a/b", false},
    {"/+/#", true},
    {"##", false},
    {"++", false},
    {"$share", true},
    {"$share/", false},
    {"$share/g", false},
    {"$share/g/", false},
    {"$share/g/a", true},
    {"$share//a", false},
    {"$share/g//", true},
    {"$share/g/#", true},
    {"$share/+/a", false},
    {"$share/g#/a", false},
    {"$share/g/a#", false},
    {"$share/g/#/a", false},
    {"$share/g/+/a", true},
    {"$sharex/+", true},
    {"$share/g/$share/h/a", true},
};

Test(topic, a_filter_has_wildcards_only_where_they_may_stand)
{
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        bool got = topic_is_filter(gmq_view_of(filters[i].filter));
        cr_assert_eq(got, filters[i].is_valid, "\"%s\": got %d", filters[i].filter, got);
    }
    cr_assert(!topic_is_filter(GMQ_VIEW("a\0b")));
    cr_assert(!topic_is_filter(GMQ_VIEW("$share/g/a\0b")));
}

static bool naive_is_filter(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool begins = i == 0 || text[i - 1] == '/';
        bool ends = i + 1 == length || text[i + 1] == '/';
        if (text[i] == '\0')
            return false;
        if (text[i] == '+' && !(begins && ends))
            return false;
        if (text[i] == '#' && !(begins && i + 1 == length))
            return false;
    }
    return length > 0;
}

static bool naive_is_name(const char *text, size_t length)
{
    bool is_name = length > 0;
    for (size_t i = 0; i < length; i++)
        is_name &= text[i] != '+' && text[i] != '#' && text[i] != '\0';
    return is_name;
}

Test(topic, validity_agrees_with_the_naive_oracle)
{
    struct dice dice = {2};
    for (int i = 0; i < 300000; i++) {
        char text[24];
        size_t length = dice_below(&dice, sizeof text);
        for (size_t k = 0; k < length; k++)
            text[k] = "aaaaaab//+#\0"[dice_below(&dice, 12)];
        gmq_view view = gmq_view_make(text, length);
        cr_assert_eq(topic_is_filter(view), naive_is_filter(text, length), "\"%.*s\"", (int)length, text);
        cr_assert_eq(topic_is_name(view), naive_is_name(text, length), "\"%.*s\"", (int)length, text);
    }
}

/* Exact blocks, so that ASan sees a read beyond the end. */
static enum mqtt_error check_with(size_t length, size_t place, const char *insert, size_t insert_length)
{
    char *text = malloc(length + insert_length);
    memset(text, 'a', length + insert_length);
    memcpy(text + place, insert, insert_length);
    enum mqtt_error error = topic_check_name(gmq_view_make(text, length + insert_length));
    free(text);
    return error;
}

Test(topic, a_name_is_checked_at_every_place_of_every_length)
{
    for (size_t length = 0; length < 40; length++)
        for (size_t place = 0; place <= length; place++) {
            cr_assert_eq(check_with(length, place, "+", 1), MQTT_ERROR_TOPIC_NAME);
            cr_assert_eq(check_with(length, place, "#", 1), MQTT_ERROR_TOPIC_NAME);
            cr_assert_eq(check_with(length, place, "\0", 1), MQTT_ERROR_UTF8);
            cr_assert_eq(check_with(length, place, "\xFF", 1), MQTT_ERROR_UTF8);
            cr_assert_eq(check_with(length, place, "\xED\xA0\x80", 3), MQTT_ERROR_UTF8); /* a surrogate */
            cr_assert_eq(check_with(length, place, "\xC3\xA4", 2), MQTT_OK);
            cr_assert_eq(check_with(length, place, "\xC3\xA4#", 3), MQTT_ERROR_TOPIC_NAME);
            cr_assert_eq(check_with(length, place, "/", 1), MQTT_OK);
            cr_assert_eq(check_with(length, place, "\x01\x7F*\"$,", 6), MQTT_OK);
        }
    cr_assert_eq(topic_check_name(GMQ_VIEW("")), MQTT_ERROR_TOPIC_NAME);
}

Test(topic, a_name_and_a_filter_have_at_most_65535_bytes)
{
    char *text = malloc(65536);
    memset(text, 'a', 65536);
    cr_assert(topic_is_name(gmq_view_make(text, 65535)));
    cr_assert(topic_is_filter(gmq_view_make(text, 65535)));
    cr_assert(!topic_is_name(gmq_view_make(text, 65536)));
    cr_assert(!topic_is_filter(gmq_view_make(text, 65536)));
    free(text);
}

/* ---- levels and shares ---- */

Test(topic, levels_are_what_stands_between_separators)
{
    static const char *const texts[] = {"", "a", "/", "a//b", "/a/"};
    static const char *const expected[] = {"[]", "[a]", "[][]", "[a][][b]", "[][a][]"};
    for (size_t i = 0; i < 5; i++) {
        char got[TEXT_SIZE] = "";
        uint32_t count = 0;
        size_t position = 0;
        gmq_view level;
        for (; topic_next_level(gmq_view_of(texts[i]), &position, &level); count++)
            sprintf(got + strlen(got), "[%.*s]", (int)level.length, level.data);
        cr_assert_str_eq(got, expected[i]);
        cr_assert_eq(topic_depth(gmq_view_of(texts[i])), count);
    }
}

Test(topic, a_shared_filter_is_split_into_name_and_filter)
{
    gmq_view name, filter;
    cr_assert(topic_split_shared(GMQ_VIEW("$share/group/a//+"), &name, &filter));
    cr_assert(gmq_view_equals(name, "group"));
    cr_assert(gmq_view_equals(filter, "a//+"));
    cr_assert(!topic_split_shared(GMQ_VIEW("$share"), &name, &filter));
    cr_assert(!topic_split_shared(GMQ_VIEW("share/group/a"), &name, &filter));
    cr_assert(topic_is_shared(GMQ_VIEW("$share/g/a")));
    cr_assert(!topic_is_shared(GMQ_VIEW("$shared/g/a")));
    cr_assert(topic_has_wildcard(GMQ_VIEW("a/+")));
    cr_assert(!topic_has_wildcard(GMQ_VIEW("a/b")));
}
