/* The buffer: what it appends, and that a failure stays. */
#include "base/buffer.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

Test(buffer, numbers_are_written_big_endian)
{
    struct buffer buffer;
    buffer_init(&buffer);

    buffer_append_u8(&buffer, 0x01);
    buffer_append_u16(&buffer, 0x0203);
    buffer_append_u32(&buffer, 0x04050607);

    cr_assert_eq(buffer.length, 7);
    cr_assert_eq(memcmp(buffer.bytes, "\1\2\3\4\5\6\7", 7), 0);
    buffer_deinit(&buffer);
}

Test(buffer, a_format_counts_without_its_terminating_zero)
{
    struct buffer buffer;
    buffer_init(&buffer);

    buffer_append_text(&buffer, "a");
    buffer_append_format(&buffer, "%d-%s", 42, "x");
    buffer_append_format(&buffer, "%300s", "y");
    buffer_append_u8(&buffer, 'z');

    cr_assert_eq(buffer.length, 306);
    cr_assert_eq(memcmp(buffer.bytes, "a42-x ", 6), 0);
    cr_assert_eq(memcmp(buffer.bytes + 304, "yz", 2), 0);
    buffer_deinit(&buffer);
}

Test(buffer, reserved_room_counts_only_when_its_owner_says_so)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_text(&buffer, "head");

    uint8_t *room = buffer_reserve(&buffer, 1000);
    memset(room, 'x', 1000);

    cr_assert_eq(buffer.length, 4);
    cr_assert_not_null(buffer_reserve(&buffer, 0));
    buffer_deinit(&buffer);
}

Test(buffer, nothing_can_be_appended_to_an_empty_buffer)
{
    struct buffer buffer;
    buffer_init(&buffer);

    buffer_append(&buffer, NULL, 0);

    cr_assert_eq(buffer.length, 0);
    cr_assert_not(buffer.is_failed);
    buffer_deinit(&buffer);
}

Test(buffer, a_size_that_can_not_be_fails)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_text(&buffer, "abc");

    cr_assert_null(buffer_reserve(&buffer, SIZE_MAX));

    cr_assert(buffer.is_failed);
    buffer_deinit(&buffer);
}

Test(buffer, a_cleared_buffer_keeps_its_memory)
{
    struct buffer buffer;
    buffer_init(&buffer);
    for (int i = 0; i < 1000; i++)
        buffer_append_u32(&buffer, 7);

    mem_fail_after(1);
    buffer_clear(&buffer);
    for (int i = 0; i < 1000; i++)
        buffer_append_u32(&buffer, 7);

    cr_assert_eq(mem_fail_after(0), 0);
    cr_assert_eq(buffer.length, 4000);
    buffer_deinit(&buffer);
}

Test(buffer, after_a_failure_nothing_is_appended_until_it_is_cleared)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct buffer buffer;
        size_t length = 0;
        buffer_init(&buffer);
        mem_fail_after(n);

        for (int i = 0; i < 500; i++) {
            buffer_append_format(&buffer, "%04d", i);
            if (!buffer.is_failed)
                length += 4;
        }

        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(buffer.is_failed, has_failed);
        cr_assert_eq(buffer.length, length);
        buffer_clear(&buffer);
        buffer_append_text(&buffer, "works");
        cr_assert_eq(buffer.length, 5);
        buffer_deinit(&buffer);
    }
}
