/* Messages: their parts, their limits and their references. */
#include "broker/message.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 4, REFERENCES = 20000 };

static const struct message_parts parts = {.topic = {"a/b", 3},
                                           .properties = {"\x01\x01", 2},
                                           .payload = {"payload", 7},
                                           .expires_ns = 77,
                                           .publisher = 12,
                                           .qos = 2,
                                           .is_retained = true};

Test(message, it_holds_copies_of_its_parts)
{
    char topic[] = "a/b";
    struct message_parts own = parts;
    own.topic = gmq_view_make(topic, 3);

    struct message *message = message_new(&own);
    topic[0] = 'x';

    cr_assert(gmq_view_equals(message_topic(message), "a/b"));
    cr_assert(gmq_view_equals(message_properties(message), "\x01\x01"));
    cr_assert(gmq_view_equals(message_payload(message), "payload"));
    cr_assert_eq(message->expires_ns, 77);
    cr_assert_eq(message->publisher, 12);
    cr_assert_eq(message->qos, 2);
    cr_assert(message->is_retained);
    cr_assert_eq(message_size(message), sizeof(*message) + 12);
    message_unref(message);
}

Test(message, parts_may_be_empty)
{
    struct message *message = message_new(&(struct message_parts){.topic = GMQ_VIEW("t")});

    cr_assert(gmq_view_equals(message_topic(message), "t"));
    cr_assert_eq(message_properties(message).length, 0);
    cr_assert_eq(message_payload(message).length, 0);
    message_unref(message);
}

Test(message, parts_that_are_too_long_are_refused)
{
    struct message_parts long_topic = parts, long_properties = parts, long_payload = parts;
    long_topic.topic.length = UINT16_MAX + 1;
    long_properties.properties.length = (size_t)UINT32_MAX + 1;
    long_payload.payload.length = SIZE_MAX;

    cr_assert_null(message_new(&long_topic));
    cr_assert_null(message_new(&long_properties));
    cr_assert_null(message_new(&long_payload));
}

Test(message, a_topic_may_have_all_the_length_there_is)
{
    char *topic = calloc(1, UINT16_MAX);
    struct message_parts own = parts;
    own.topic = gmq_view_make(topic, UINT16_MAX);

    struct message *message = message_new(&own);

    cr_assert(gmq_view_same(message_topic(message), own.topic));
    cr_assert(gmq_view_equals(message_payload(message), "payload"));
    message_unref(message);
    free(topic);
}

Test(message, without_memory_there_is_none)
{
    mem_fail_after(1);
    cr_assert_null(message_new(&parts));
    mem_fail_after(0);
}

Test(message, no_message_may_be_let_go)
{
    message_unref(NULL);
}

Test(message, it_lives_until_the_last_reference_is_gone)
{
    struct message *message = message_new(&parts);
    message_ref(message, 2);

    message_unref(message);
    message_unref(message);
    cr_assert(gmq_view_equals(message_payload(message), "payload"));
    message_unref(message);
}

static void *use_references(void *data)
{
    struct message *message = data;
    for (int i = 0; i < REFERENCES; i++) {
        message_ref(message, 2);
        message_unref(message);
        message_unref(message);
    }
    message_unref(message);
    return NULL;
}

Test(message, threads_share_it)
{
    struct message *message = message_new(&parts);
    message_ref(message, THREADS - 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_references, message), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* That the last one freed it, and none before, is for the sanitizers to say. */
}
