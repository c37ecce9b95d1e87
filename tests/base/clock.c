/* Clocks: one never goes back, the other is written as RFC 3339. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

Test(clock, monotonic_time_does_not_go_back)
{
    uint64_t before = clock_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns();
        cr_assert_geq(now, before);
        before = now;
    }
}

Test(clock, wall_time_has_the_form_of_rfc_3339)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    char text[25];

    clock_wall_text(text, sizeof(text));

    cr_assert_eq(strlen(text), 24);
    for (size_t i = 0; i < 24; i++)
        cr_assert(form[i] == '0' ? isdigit((unsigned char)text[i]) != 0 : text[i] == form[i], "%s", text);
    cr_assert_geq(strcmp(text, "2024"), 0);
}
