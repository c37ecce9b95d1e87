/* The bytes that plugins keep, by name. */
#include "broker/bytes.h"

#include "base/memory.h"

#include <criterion/criterion.h>

static const gmq_view shop = {"shop", 4}, shops = {"shops", 5}, gate = {"gate", 4};

Test(bytes, each_name_has_its_own)
{
    struct bytes *list = NULL;
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("one")), GMQ_OK);
    cr_assert_eq(bytes_set(&list, shops, GMQ_VIEW("two")), GMQ_OK);
    cr_assert_eq(bytes_set(&list, gate, GMQ_VIEW("\0\0")), GMQ_OK);

    cr_assert(gmq_view_equals(bytes_find(list, shop), "one"));
    cr_assert(gmq_view_equals(bytes_find(list, shops), "two"));
    cr_assert_eq(bytes_find(list, gate).length, 2);
    cr_assert_eq(bytes_find(list, GMQ_VIEW("sho")).length, 0);
    bytes_free(&list);
    cr_assert_null(list);
}

Test(bytes, new_ones_replace_the_old)
{
    struct bytes *list = NULL;
    bytes_set(&list, gate, GMQ_VIEW("stays"));
    bytes_set(&list, shop, GMQ_VIEW("short"));
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("a good deal longer")), GMQ_OK);
    cr_assert(gmq_view_equals(bytes_find(list, shop), "a good deal longer"));
    cr_assert(gmq_view_equals(bytes_find(list, gate), "stays"));
    bytes_free(&list);
}

Test(bytes, nothing_removes_them)
{
    struct bytes *list = NULL;
    bytes_set(&list, shop, GMQ_VIEW("x"));
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("")), GMQ_OK);
    cr_assert_null(list);
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("")), GMQ_OK);
    cr_assert_null(list);
}

Test(bytes, they_may_be_made_of_themselves)
{
    struct bytes *list = NULL;
    bytes_set(&list, shop, GMQ_VIEW("abcdef"));
    gmq_view all = bytes_find(list, shop);
    cr_assert_eq(bytes_set(&list, shop, gmq_view_make(all.data + 2, 3)), GMQ_OK);
    cr_assert(gmq_view_equals(bytes_find(list, shop), "cde"));
    bytes_free(&list);
}

Test(bytes, without_memory_the_old_ones_stay)
{
    struct bytes *list = NULL;
    bytes_set(&list, shop, GMQ_VIEW("old"));
    mem_fail_after(1);
    cr_assert_eq(bytes_set(&list, shop, GMQ_VIEW("new")), GMQ_ERROR_MEMORY);
    mem_fail_after(0);
    cr_assert(gmq_view_equals(bytes_find(list, shop), "old"));
    bytes_free(&list);
}
