/* Hashes: stable within the process, known for contents; random bytes that differ. */
#include "base/hash.h"

#include <criterion/criterion.h>
#include <string.h>

Test(hash, equal_bytes_have_equal_hashes)
{
    cr_assert_eq(hash_bytes("topic/a", 7), hash_bytes("topic/a", 7));
    cr_assert_neq(hash_bytes("topic/a", 7), hash_bytes("topic/b", 7));
    cr_assert_eq(hash_bytes(NULL, 0), hash_bytes("", 0));
}

Test(hash, a_name_of_a_content_is_the_same_everywhere)
{
    char text[33];

    hash_content_text("", 0, text);
    cr_assert_str_eq(text, "99aa06d3014798d86001c324468d497f");

    hash_content_text("abc", 3, text);
    cr_assert_str_eq(text, "06b05ab6733a618578af5f94892f3950");
}

Test(hash, random_bytes_fill_any_length)
{
    static unsigned char first[5000], second[5000];

    random_bytes(first, sizeof(first));
    random_bytes(second, sizeof(second));
    random_bytes(NULL, 0);

    cr_assert_neq(memcmp(first, second, sizeof(first)), 0);
    cr_assert_neq(memcmp(first + 4900, second + 4900, 100), 0);
}
