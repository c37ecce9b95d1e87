/* The bytes that plugins keep, by name. */
#include "broker/bytes.h"

#include "base/memory.h"

#include <criterion/criterion.h>

static const gmq_view shop = {"shop", 4}, shops = {"shops", 5}, gate = {"gate", 4};
static const struct bytes_mark unmarked = {0};

Test(bytes, each_name_has_its_own)
{
    struct bytes *list = NULL;
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("one"), unmarked), GMQ_OK);
    cr_assert_eq(bytes_set(&list, shops, GMQ_VIEW("two"), unmarked), GMQ_OK);
    cr_assert_eq(bytes_set(&list, gate, GMQ_VIEW("\0\0"), unmarked), GMQ_OK);

    cr_assert(gmq_view_equals(bytes_view(bytes_find(list, shop)), "one"));
    cr_assert(gmq_view_equals(bytes_view(bytes_find(list, shops)), "two"));
    cr_assert_eq(bytes_view(bytes_find(list, gate)).length, 2);
    cr_assert_null(bytes_find(list, GMQ_VIEW("sho")));
    bytes_free(&list);
    cr_assert_null(list);
}

Test(bytes, new_ones_replace_the_old)
{
    struct bytes *list = NULL;
    bytes_set(&list, gate, GMQ_VIEW("stays"), unmarked);
    bytes_set(&list, shop, GMQ_VIEW("short"), unmarked);
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("a good deal longer"), unmarked), GMQ_OK);
    cr_assert(gmq_view_equals(bytes_view(bytes_find(list, shop)), "a good deal longer"));
    cr_assert(gmq_view_equals(bytes_view(bytes_find(list, gate)), "stays"));
    bytes_free(&list);
}

Test(bytes, nothing_removes_them)
{
    struct bytes *list = NULL;
    bytes_set(&list, shop, GMQ_VIEW("x"), unmarked);
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW(""), unmarked), GMQ_OK);
    cr_assert_null(list);
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW(""), unmarked), GMQ_OK);
    cr_assert_null(list);
}

Test(bytes, they_may_be_made_of_themselves)
{
    struct bytes *list = NULL;
    bytes_set(&list, shop, GMQ_VIEW("abcdef"), unmarked);
    gmq_view all = bytes_view(bytes_find(list, shop));
    cr_assert_eq(bytes_set(&list, shop, gmq_view_make(all.data + 2, 3), unmarked), GMQ_OK);
    cr_assert(gmq_view_equals(bytes_view(bytes_find(list, shop)), "cde"));
    bytes_free(&list);
}

Test(bytes, without_memory_the_old_ones_stay)
{
    struct bytes *list = NULL;
    bytes_set(&list, shop, GMQ_VIEW("old"), unmarked);
    mem_fail_after(1);
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("new"), unmarked), GMQ_ERROR_MEMORY);
    mem_fail_after(0);
    cr_assert(gmq_view_equals(bytes_view(bytes_find(list, shop)), "old"));
    bytes_free(&list);
}

Test(bytes, what_is_stored_is_counted_where_it_was_written)
{
    struct bytes *list = NULL;
    atomic_size_t first = 0, second = 0;
    bytes_set(&list, shop, GMQ_VIEW("a"), (struct bytes_mark){1, &first});
    bytes_set(&list, gate, GMQ_VIEW("b"), (struct bytes_mark){1, &first});
    cr_assert_eq(first, 2);
    bytes_set(&list, shop, GMQ_VIEW("c"), (struct bytes_mark){2, &second});
    cr_assert_eq(first, 1);
    cr_assert_eq(second, 1);
    cr_assert_eq(bytes_find(list, shop)->mark.layout, 2);
    bytes_set(&list, gate, GMQ_VIEW(""), (struct bytes_mark){2, &second});
    cr_assert_eq(first, 0);
    bytes_free(&list);
    cr_assert_eq(second, 0);
}
