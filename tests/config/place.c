#include "config/place.h"

#include "given.h"

#define KEY(name)                                                                                                      \
    {                                                                                                                  \
        name, 0                                                                                                        \
    }
#define INDEX(i)                                                                                                       \
    {                                                                                                                  \
        NULL, i                                                                                                        \
    }

static void expect_place(const char *text, const struct place_step *steps, size_t count, struct place expected)
{
    struct place place = place_find(gmq_view_of(text), steps, count, false);
    cr_expect(eq(u32, place.line, expected.line), "%s", text);
    cr_expect(eq(u32, place.column, expected.column), "%s", text);
}

#define expect(text, line, column, ...)                                                                                \
    do {                                                                                                               \
        const struct place_step steps[] = {__VA_ARGS__};                                                               \
        expect_place(text, steps, sizeof(steps) / sizeof(steps[0]), (struct place){line, column});                     \
    } while (0)

Test(place, the_whole_file_begins_at_its_first_character)
{
    expect_place("{}", NULL, 0, (struct place){1, 1});
    expect_place("\n\n  {}", NULL, 0, (struct place){3, 3});
}

Test(place, a_member_and_an_element_are_found_behind_all_kinds_of_values)
{
    const char *text = "{ \"a\": -1.5e3, \"b\": [ {}, [ [], \"]}\\\"\" ], null ],\n"
                       "  \"c\" : { \"a\" : true ,\"b\":7 } }";
    expect(text, 1, 8, KEY("a"));
    expect(text, 1, 21, KEY("b"));
    expect(text, 1, 23, KEY("b"), INDEX(0));
    expect(text, 1, 27, KEY("b"), INDEX(1));
    expect(text, 1, 29, KEY("b"), INDEX(1), INDEX(0));
    expect(text, 1, 33, KEY("b"), INDEX(1), INDEX(1));
    expect(text, 1, 43, KEY("b"), INDEX(2));
    expect(text, 2, 9, KEY("c"));
    expect(text, 2, 17, KEY("c"), KEY("a"));
    expect(text, 2, 27, KEY("c"), KEY("b"));
}

Test(place, a_key_is_found_where_it_begins)
{
    struct place_step step = KEY("b");
    struct place place = place_find(GMQ_VIEW("{\"a\":1,\n \"b\" :2}"), &step, 1, true);
    cr_assert(eq(u32, place.line, 2));
    cr_assert(eq(u32, place.column, 2));
}

Test(place, a_key_with_escapes_is_the_same_key)
{
    expect("{\"\\u0061\\n\\/\\\\\\\"\": 1}", 1, 20, KEY("a\n/\\\""));
    expect("{\"\\u00e9\": 1}", 1, 12, KEY("\xC3\xA9"));
    expect("{\"\\u20AC\": 1}", 1, 12, KEY("\xE2\x82\xAC"));
    expect("{\"\\ud83d\\ude00\": 1}", 1, 18, KEY("\xF0\x9F\x98\x80"));
}

Test(place, a_key_that_begins_or_ends_like_another_is_another)
{
    expect("{\"ab\":1,\"a\":2}", 1, 13, KEY("a"));
    expect("{\"a\":1,\"ab\":2}", 1, 13, KEY("ab"));
    expect("{\"\":1,\"a\":2}", 1, 5, KEY(""));
}

Test(place, columns_count_characters)
{
    expect("{\"\xC3\xA9\xE2\x82\xAC\": \"\xF0\x9F\x98\x80\", \"a\": 1}", 1, 18, KEY("a"));
}

Test(place, steps_that_lead_nowhere_give_the_last_value_there_is)
{
    expect("{\"a\": [1]}", 1, 7, KEY("a"), INDEX(1));
    expect("{\"a\": [1]}", 1, 1, KEY("b"), KEY("a"));
    expect("{\"a\": []}", 1, 7, KEY("a"), INDEX(0));
    expect("{\"a\": 1}", 1, 7, KEY("a"), KEY("b"));
}

/* It is only given valid text, but must not run away if that is ever wrong. */
Test(place, no_part_of_a_text_leads_out_of_it)
{
    const char *text = "{\"a\\u0061\\ud83d\\ude00\": [1, {\"b\": \"c\\\"\"}, [2]], \"d\": {}}";
    const struct place_step steps[] = {KEY("aa\xF0\x9F\x98\x80"), INDEX(2), INDEX(0)};
    for (size_t length = 0; length <= strlen(text); length++) {
        char *part = malloc(length + 1);
        memcpy(part, text, length);
        place_find(gmq_view_make(part, length), steps, 3, true);
        place_find(gmq_view_make(part, length), &(struct place_step){"d", 0}, 1, false);
        free(part);
    }
}
