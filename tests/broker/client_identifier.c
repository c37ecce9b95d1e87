/* The name of a client: shared by its connection and its session, freed with the last of them. */
#include "broker/client_identifier.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <string.h>

static struct small names;

static void setup(void)
{
    small_init(&names);
}

/* Asserts that every name was given back. */
static void teardown(void)
{
    small_deinit(&names);
}

TestSuite(client_identifier, .init = setup, .fini = teardown);

Test(client_identifier, a_name_is_copied_and_terminated)
{
    char name[] = "sensor-7 and more";
    struct client_identifier *identifier = client_identifier_new(&names, gmq_view_make(name, 8));
    memset(name, 'x', sizeof name);
    cr_assert_str_eq(identifier->text, "sensor-7");
    cr_assert_eq(client_identifier_text(identifier).length, 8);
    client_identifier_unref(&names, identifier);
}

Test(client_identifier, it_lasts_as_long_as_one_of_its_users)
{
    struct client_identifier *identifier = client_identifier_new(&names, GMQ_VIEW("sensor-7"));
    cr_assert_eq(client_identifier_ref(identifier), identifier);
    client_identifier_unref(&names, identifier);
    cr_assert_str_eq(identifier->text, "sensor-7"); /* a sanitizer would know better */
    client_identifier_unref(&names, identifier);
}

Test(client_identifier, none_is_the_empty_text)
{
    cr_assert_eq(client_identifier_text(NULL).length, 0);
    client_identifier_unref(&names, NULL);
}

Test(client_identifier, the_longest_string_of_the_protocol_fits)
{
    static char name[UINT16_MAX];
    memset(name, 'n', sizeof name);
    struct client_identifier *identifier = client_identifier_new(&names, gmq_view_make(name, sizeof name));
    cr_assert_eq(client_identifier_text(identifier).length, UINT16_MAX);
    cr_assert_eq(strlen(identifier->text), UINT16_MAX);
    client_identifier_unref(&names, identifier);
}

Test(client_identifier, without_memory_there_is_none)
{
    mem_fail_after(1);
    cr_assert_null(client_identifier_new(&names, GMQ_VIEW("sensor-7")));
    mem_fail_after(0);
}
