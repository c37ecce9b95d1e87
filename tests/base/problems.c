/* Problems: errors and warnings, the bound, memory that is out. */
#include "base/problems.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(problems, an_empty_list_has_no_errors)
{
    struct problems problems = {0};

    cr_assert_not(problems_has_errors(&problems));
    problems_deinit(&problems);
}

Test(problems, warnings_are_no_errors)
{
    struct problems problems = {0};

    problems_warn(&problems, "%s is odd", "it");
    cr_assert_not(problems_has_errors(&problems));
    problems_add(&problems, "%d is wrong", 7);

    cr_assert(problems_has_errors(&problems));
    cr_assert_eq(problems.error_count, 1);
    cr_assert_eq(problems.count, 2);
    cr_assert_str_eq(problems.lines[0], "warning: it is odd");
    cr_assert_str_eq(problems.lines[1], "7 is wrong");
    problems_deinit(&problems);
}

Test(problems, what_was_added_since_is_forgotten)
{
    struct problems problems = {0};

    problems_add(&problems, "first");
    struct problems before = problems;
    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        problems_add(&problems, "problem %d", i);
    problems_rewind(&problems, &before);

    cr_assert_eq(problems.count, 1);
    cr_assert_eq(problems.error_count, 1);
    cr_assert_eq(problems.left_out, 0);
    cr_assert_str_eq(problems.lines[0], "first");
    problems_deinit(&problems);
}

Test(problems, more_than_a_person_reads_are_counted_only)
{
    struct problems problems = {0};

    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        problems_add(&problems, "problem %d", i);

    cr_assert_eq(problems.count, PROBLEMS_MAX);
    cr_assert_eq(problems.left_out, 5);
    cr_assert_eq(problems.error_count, PROBLEMS_MAX + 5);
    problems_deinit(&problems);
}

Test(problems, an_error_that_can_not_be_stored_is_still_an_error)
{
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct problems problems = {0};
        mem_fail_after(n);

        for (int i = 0; i < 20; i++)
            problems_add(&problems, "problem %d", i);

        has_failed = mem_fail_after(0) != 0;
        cr_assert_eq(problems.left_out, has_failed ? 1 : 0);
        cr_assert_eq(problems.count + problems.left_out, 20);
        cr_assert_eq(problems.error_count, 20);
        problems_deinit(&problems);
    }
}
