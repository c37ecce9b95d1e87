/* Text: what UTF-8 is well-formed, what was meant, what is printed. */
#include "base/text.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static bool is_utf8(const char *text)
{
    return text_is_utf8(text, strlen(text));
}

Test(text, well_formed_text_is_accepted)
{
    static const char *const texts[] = {
        "",
        "a",
        "plain text that is longer than a word of the machine",
        "\x7F",
        "gr\xC3\xBC\xC3\x9F",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBB\xBF bom",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "1234567\xE2\x82\xAC"
        "89",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert(is_utf8(texts[i]), "text %zu", i);
}

Test(text, ill_formed_text_is_refused_wherever_it_stands)
{
    static const char *const wrong[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2\x41",
        "\xE0\x9F\xBF",
        "\xE2\x82",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF0\x9F\x98",
        "\xFE",
        "\xFF",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            memset(text, 'x', sizeof(text));
            memcpy(text + before, wrong[i], strlen(wrong[i]));
            cr_assert_not(text_is_utf8(text, sizeof(text)), "sequence %zu at %zu", i, before);
            cr_assert_not(text_is_utf8(text, before + strlen(wrong[i])), "sequence %zu at %zu", i, before);
        }
    }
}

Test(text, a_zero_is_refused_wherever_it_stands)
{
    for (size_t at = 0; at < 30; at++) {
        char text[30];
        memset(text, 'x', sizeof(text));
        cr_assert(text_is_utf8(text, sizeof(text)));
        text[at] = '\0';
        cr_assert_not(text_is_utf8(text, sizeof(text)), "at %zu", at);
    }
}

/* By arithmetic on the code point, as no fast validator does it. */
static bool is_utf8_slowly(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t more = bytes[i] < 0x80 ? 0 : bytes[i] < 0xC0 ? 9 : bytes[i] < 0xE0 ? 1 : bytes[i] < 0xF0 ? 2 : 3;
        static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
        if (bytes[i] >= 0xF8 || more == 9 || i + more >= length)
            return false;
        uint32_t point = more == 0 ? bytes[i] : bytes[i] & (0x3Fu >> more);
        for (size_t k = 1; k <= more; k++) {
            if (bytes[i + k] >> 6 != 2)
                return false;
            point = point << 6 | (bytes[i + k] & 0x3F);
        }
        if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return false;
        i += more + 1;
    }
    return true;
}

Test(text, random_bytes_are_judged_as_by_a_slow_validator)
{
    struct random random = {5};
    static const uint8_t likely[] = {0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xED, 0xEF,
                                     0xF0, 0xF4, 0x9F, 0xA0, 0x8F, 0x90, 0x01};
    size_t accepted = 0;
    for (int round = 0; round < 300000; round++) {
        uint8_t bytes[20];
        size_t length = random_below(&random, 12) + 1;
        for (size_t i = 0; i < length; i++)
            bytes[i] = round % 2 != 0 ? likely[random_below(&random, sizeof(likely))] : (uint8_t)random_next(&random);
        bool expected = is_utf8_slowly(bytes, length);
        cr_assert_eq(text_is_utf8((const char *)bytes, length), expected);
        accepted += expected;
    }
    cr_assert_gt(accepted, 1000);
}

Test(text, the_nearest_word_is_the_one_with_the_fewest_slips)
{
    static const char *const words[] = {"on_publish", "on_subscribe", "on_connect", "port", "bind", "qos", NULL};

    cr_assert_str_eq(text_nearest("on_publsh", words), "on_publish");
    cr_assert_str_eq(text_nearest("on_pbulish", words), "on_publish");
    cr_assert_str_eq(text_nearest("ON_CONNECT", words), "on_connect");
    cr_assert_str_eq(text_nearest("prot", words), "port");
    cr_assert_str_eq(text_nearest("qs", words), "qos");
}

Test(text, nothing_is_near_a_word_of_another_kind)
{
    static const char *const words[] = {"on_publish", "port", "a", NULL};
    static const char *const none[] = {NULL};
    char long_word[1000];
    memset(long_word, 'p', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    const char *const long_words[] = {long_word, "port", NULL};

    cr_assert_null(text_nearest("listener", words));
    cr_assert_null(text_nearest("b", words));
    cr_assert_null(text_nearest("", words));
    cr_assert_null(text_nearest("port", none));
    cr_assert_null(text_nearest(long_word, words));
    cr_assert_str_eq(text_nearest("prt", long_words), "port");
}

Test(text, what_could_confuse_a_terminal_is_escaped)
{
    char text[100];

    cr_assert_str_eq(text_printable(text, sizeof(text), GMQ_VIEW("gr\xC3\xBC\xC3\x9F")), "gr\xC3\xBC\xC3\x9F");
    cr_assert_str_eq(text_printable(text, sizeof(text), GMQ_VIEW("a\nb\tc\r\"\\")), "a\\nb\\tc\\r\\\"\\\\");
    cr_assert_str_eq(text_printable(text, sizeof(text), GMQ_VIEW("\0\x1b[31m\x7f")), "\\x00\\x1b[31m\\x7f");
    cr_assert_str_eq(text_printable(text, sizeof(text), GMQ_VIEW("\xff\xC2\x9B\xE2\x82")), "\\xff\\xc2\\x9b\\xe2\\x82");
    cr_assert_str_eq(text_printable(text, sizeof(text), gmq_view_make(NULL, 0)), "");
}

Test(text, what_does_not_fit_is_cut_at_a_character)
{
    char text[100];
    gmq_view view = GMQ_VIEW("ab\xC3\xBC\ncdef");

    cr_assert_str_eq(text_printable(text, 11, view), "ab\xC3\xBC\\ncdef");
    cr_assert_str_eq(text_printable(text, 10, view), "ab\xC3\xBC\\n...");
    cr_assert_str_eq(text_printable(text, 9, view), "ab\xC3\xBC...");
    cr_assert_str_eq(text_printable(text, 7, view), "ab...");
    cr_assert_str_eq(text_printable(text, 3, view), "..");
    cr_assert_str_eq(text_printable(text, 1, view), "");
    cr_assert_eq(text_printable(text, 0, view), text);
}

Test(text, a_printed_text_always_ends_within_its_size)
{
    struct random random = {11};
    for (int round = 0; round < 20000; round++) {
        char bytes[30], text[64];
        size_t length = random_below(&random, sizeof(bytes)), size = random_below(&random, 40) + 1;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)random_next(&random);
        memset(text, 'Z', sizeof(text));

        text_printable(text, size, gmq_view_make(bytes, length));

        cr_assert_lt(strlen(text), size);
        cr_assert_eq(text[size], 'Z');
        cr_assert(is_utf8(text));
    }
}
