/* A queue from any number of threads to one: senders push whole chains with one atomic exchange, the receiver takes all
 * at once, in the order of arrival, each sender's order kept. */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

/* To be embedded in what is sent. */
struct mail {
    struct mail *next;
};

struct mailbox {
    _Atomic(struct mail *) newest; /* a stack; reversed when taken */
};

/* A chain that one sender collects during a turn: all zero is empty. */
struct mail_chain {
    struct mail *first;
    struct mail *last;
};

void mailbox_init(struct mailbox *mailbox);
void mail_chain_append(struct mail_chain *chain, struct mail *mail);

/* Empties `chain` into the mailbox. True if the mailbox was empty: the receiver has to be woken. */
bool mailbox_push(struct mailbox *mailbox, struct mail_chain *chain);

/* All mail, oldest first, linked by `next`; NULL if there is none. */
struct mail *mailbox_take(struct mailbox *mailbox);

#endif
