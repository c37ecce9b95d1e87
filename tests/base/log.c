/* The log's lines as they arrive in a pipe. */
#include "base/log.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static char received[65536];

static void open_pipe(void)
{
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    log_configure(ends[1], LOG_TEXT, GMQ_LOG_INFO);
}

/* What is in the pipe; the time, 24 characters, is checked by its length only. */
static const char *receive(void)
{
    ssize_t length = read(ends[0], received, sizeof(received) - 1);
    received[length > 0 ? length : 0] = '\0';
    return received;
}

TestSuite(log, .init = open_pipe);

Test(log, a_line_for_people_says_when_how_bad_who_and_what)
{
    log_write(GMQ_LOG_NOTICE, "listener mqtt", "listening on %s:%d", "127.0.0.1", 1883);

    cr_assert_str_eq(receive() + 24, " notice  listener mqtt: listening on 127.0.0.1:1883\n");
}

Test(log, a_line_for_machines_is_json)
{
    log_configure(ends[1], LOG_JSON, GMQ_LOG_INFO);

    log_write(GMQ_LOG_WARNING, "client \"c1\"", "a\\b\n\x1b\xff\xC2\x85 \xC3\xBC");

    receive();
    cr_assert_eq(strncmp(received, "{\"time\":\"20", 11), 0);
    cr_assert_str_eq(received + 33, "\",\"level\":\"warning\",\"subject\":\"client \\\"c1\\\"\","
                                    "\"message\":\"a\\\\b\\n\\u001b\\ufffd\\u0085 \xC3\xBC\"}\n");
}

Test(log, levels_that_are_off_write_nothing)
{
    cr_assert(log_is_on(GMQ_LOG_INFO));
    cr_assert_not(log_is_on(GMQ_LOG_DEBUG));

    log_write(GMQ_LOG_DEBUG, "broker", "not to be seen");
    cr_assert_str_eq(receive(), "");

    log_configure(ends[1], LOG_TEXT, GMQ_LOG_DEBUG);
    log_write(GMQ_LOG_DEBUG, "broker", "seen");
    cr_assert_str_eq(receive() + 24, " debug   broker: seen\n");
}

Test(log, a_name_can_not_forge_a_line)
{
    log_write(GMQ_LOG_ERROR, "client x\n2026-01-31 notice", "says \"\x1b[2J\" \xff \xC2\x9B");

    cr_assert_str_eq(receive() + 24, " error   client x\\n2026-01-31 notice: says \"\\x1b[2J\" \\xff \\xc2\\x9b\n");
}

Test(log, a_line_without_a_subject_has_no_colon)
{
    log_write(GMQ_LOG_INFO, NULL, "plain");

    cr_assert_str_eq(receive() + 24, " info    plain\n");
}

Test(log, a_line_that_is_too_long_is_marked)
{
    static char text[10000];
    memset(text, 'x', sizeof(text) - 1);

    log_write(GMQ_LOG_INFO, "broker", "%s", text);
    size_t length = strlen(receive());
    cr_assert_leq(length, 4096);
    cr_assert_gt(length, 4000);
    cr_assert_str_eq(received + length - 5, "x...\n");

    log_write(GMQ_LOG_INFO, text, "message");
    length = strlen(receive());
    cr_assert_leq(length, 4096);
    cr_assert_str_eq(received + length - 5, "x...\n");
}

/* Wherever the cut falls, the end must not become part of an escape. */
Test(log, a_json_line_that_is_too_long_is_still_json)
{
    static char text[10000];
    memset(text, '"', sizeof(text) - 1);
    log_configure(ends[1], LOG_JSON, GMQ_LOG_INFO);
    for (int shift = 0; shift < 4; shift++) {
        log_write(GMQ_LOG_INFO, "broker", "%.*s%s", shift, "xxx", text);

        size_t length = strlen(receive());
        cr_assert_leq(length, 4096);
        cr_assert_str_eq(received + length - 8, "\\\"...\"}\n");
        size_t backslashes = 0;
        for (size_t i = length - 8; received[i] != 'x' && received[i] != ':'; i--)
            backslashes += received[i] == '\\';
        cr_assert_gt(backslashes, 1000);
    }
}

Test(log, errno_is_what_it_was)
{
    log_configure(-1, LOG_TEXT, GMQ_LOG_INFO);
    errno = ENOENT;
    log_write(GMQ_LOG_INFO, "broker", "can't be written");
    cr_assert_eq(errno, ENOENT);

    log_configure(ends[1], LOG_TEXT, GMQ_LOG_INFO);
    log_write(GMQ_LOG_INFO, "broker", "%s", strerror(errno));
    cr_assert_eq(errno, ENOENT);
}

static void *write_lines(void *name)
{
    for (int i = 0; i < 200; i++)
        log_write(GMQ_LOG_INFO, name, "%040d", i);
    return NULL;
}

Test(log, lines_of_several_threads_do_not_mix)
{
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, write_lines, "a");
    pthread_create(&threads[1], NULL, write_lines, "b");
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);

    size_t lines = 0;
    receive();
    for (char *line = strtok(received, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++)
        cr_assert_eq(strlen(line), 24 + sizeof(" info    a: ") - 1 + 40, "%s", line);
    cr_assert_eq(lines, 400);
}

Test(log, a_limiter_lets_so_many_pass_in_a_second_and_counts_the_rest)
{
    struct log_limiter limiter = {0};
    uint64_t now = 5 * CLOCK_NS_PER_SECOND;
    uint32_t suppressed = 99;

    for (int i = 0; i < 3; i++) {
        cr_assert(log_limiter_allows(&limiter, 3, now, &suppressed));
        cr_assert_eq(suppressed, 0);
    }
    for (int i = 0; i < 7; i++)
        cr_assert_not(log_limiter_allows(&limiter, 3, now + CLOCK_NS_PER_SECOND - 1, &suppressed));

    cr_assert(log_limiter_allows(&limiter, 3, now + CLOCK_NS_PER_SECOND, &suppressed));
    cr_assert_eq(suppressed, 7);
    cr_assert(log_limiter_allows(&limiter, 3, now + CLOCK_NS_PER_SECOND, &suppressed));
    cr_assert_eq(suppressed, 0);
}
