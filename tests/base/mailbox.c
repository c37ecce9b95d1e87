/* The mailbox: order, the wake-up, and many threads at once. */
#include "base/mailbox.h"

#include "base/memory.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

struct letter {
    struct mail mail; /* first, so that a pointer to one is a pointer to the other */
    int sender;
    int number;
};

static struct mailbox mailbox;

static void send_letter(struct mail_chain *chain, struct letter *letter, int sender, int number)
{
    letter->sender = sender;
    letter->number = number;
    mail_chain_append(chain, &letter->mail);
}

Test(mailbox, an_empty_mailbox_has_no_mail)
{
    struct mail_chain chain = {0};
    mailbox_init(&mailbox);

    cr_assert_null(mailbox_take(&mailbox));
    cr_assert_not(mailbox_push(&mailbox, &chain));
    cr_assert_null(mailbox_take(&mailbox));
}

Test(mailbox, mail_arrives_oldest_first_over_chains)
{
    struct letter letters[6];
    struct mail_chain chain = {0};
    mailbox_init(&mailbox);
    for (int i = 0; i < 3; i++)
        send_letter(&chain, &letters[i], 0, i);

    cr_assert(mailbox_push(&mailbox, &chain));
    cr_assert_null(chain.first);
    for (int i = 3; i < 6; i++)
        send_letter(&chain, &letters[i], 0, i);
    cr_assert_not(mailbox_push(&mailbox, &chain));

    int number = 0;
    for (struct mail *mail = mailbox_take(&mailbox); mail != NULL; mail = mail->next)
        cr_assert_eq(((struct letter *)mail)->number, number++);
    cr_assert_eq(number, 6);
}

Test(mailbox, the_receiver_is_to_be_woken_once_for_each_time_it_was_empty)
{
    struct letter letters[3];
    struct mail_chain chain = {0};
    mailbox_init(&mailbox);

    send_letter(&chain, &letters[0], 0, 0);
    cr_assert(mailbox_push(&mailbox, &chain));
    send_letter(&chain, &letters[1], 0, 1);
    cr_assert_not(mailbox_push(&mailbox, &chain));
    cr_assert_not_null(mailbox_take(&mailbox));
    send_letter(&chain, &letters[2], 0, 2);
    cr_assert(mailbox_push(&mailbox, &chain));
}

Test(mailbox, random_use_agrees_with_a_shadow)
{
    enum { COUNT = 20000 };
    static struct letter letters[COUNT];
    struct random random = {3};
    struct mail_chain chain = {0};
    int appended = 0, pushed = 0, taken = 0;
    mailbox_init(&mailbox);
    while (taken < COUNT) {
        switch (random_below(&random, 6)) {
        case 0:
            for (struct mail *mail = mailbox_take(&mailbox); mail != NULL; mail = mail->next)
                cr_assert_eq(((struct letter *)mail)->number, taken++);
            cr_assert_eq(taken, pushed);
            break;
        case 1: {
            bool is_woken = pushed == taken && appended > pushed;
            cr_assert_eq(mailbox_push(&mailbox, &chain), is_woken);
            pushed = appended;
            break;
        }
        default:
            if (appended < COUNT) {
                send_letter(&chain, &letters[appended], 0, appended);
                appended++;
            }
        }
    }
}

enum { SENDERS = 4, LETTERS = 20000 };

static void *send_all(void *argument)
{
    int sender = *(int *)argument;
    struct random random = {(uint64_t)sender + 1};
    struct mail_chain chain = {0};
    for (int i = 0; i < LETTERS; i++) {
        struct letter *letter = mem_alloc(sizeof(*letter));
        send_letter(&chain, letter, sender, i);
        if (random_below(&random, 5) == 0 || i == LETTERS - 1)
            mailbox_push(&mailbox, &chain);
    }
    return NULL;
}

Test(mailbox, each_senders_order_is_kept)
{
    pthread_t threads[SENDERS];
    int senders[SENDERS], next[SENDERS] = {0}, received = 0;
    mailbox_init(&mailbox);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = i;
        pthread_create(&threads[i], NULL, send_all, &senders[i]);
    }

    while (received < SENDERS * LETTERS) {
        struct mail *mail = mailbox_take(&mailbox);
        if (mail == NULL)
            sched_yield();
        while (mail != NULL) {
            struct letter *letter = (struct letter *)mail;
            mail = mail->next;
            cr_assert_eq(letter->number, next[letter->sender]++);
            mem_free(letter);
            received++;
        }
    }

    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_null(mailbox_take(&mailbox));
}
