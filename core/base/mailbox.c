/* A queue from many threads to one. */
#include "base/mailbox.h"

#include <stddef.h>

void mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->newest, NULL);
}

/* A chain is linked from the newest to the oldest, as the mailbox is, so that pushing it is a matter of one pointer. */
void mail_chain_append(struct mail_chain *chain, struct mail *mail)
{
    mail->next = chain->last;
    if (chain->first == NULL)
        chain->first = mail;
    chain->last = mail;
}

bool mailbox_push(struct mailbox *mailbox, struct mail_chain *chain)
{
    if (chain->first == NULL)
        return false;
    struct mail *below = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    do {
        chain->first->next = below;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &below, chain->last, memory_order_release,
                                                    memory_order_relaxed));
    *chain = (struct mail_chain){0};
    return below == NULL;
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
    /* A look first: an exchange would take the cache line from the senders each turn. */
    if (atomic_load_explicit(&mailbox->newest, memory_order_relaxed) == NULL)
        return NULL;
    struct mail *newest = atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
    struct mail *oldest = NULL;
    while (newest != NULL) {
        struct mail *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}
