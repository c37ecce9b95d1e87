/* Grace periods: readers without locks, and the moment when no reader can still hold what was unlinked.
 *
 * Quiescent-state flavour of RCU, with C11 atomics only, so that ThreadSanitizer can see it (liburcu's assembly it
 * can't). Each worker is a reader. It announces once per loop turn that it holds nothing (grace_quiescent), and is
 * offline while it sleeps in the kernel. A writer unlinks an object, then retires it; when every online reader has been
 * quiescent since, the object is freed by the thread that retired it. */
#ifndef BASE_GRACE_H
#define BASE_GRACE_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum { GRACE_READERS_MAX = 256 };

struct grace;        /* one per process */
struct grace_reader; /* one per worker */

struct grace *grace_new(void);
void grace_free(struct grace *grace); /* all readers must have left */

/* The new reader is online. NULL: memory is out, or too many. */
struct grace_reader *grace_join(struct grace *grace);

/* Frees the reader; what it retired and could not yet free is handed to the next grace_collect of any reader, or to
 * grace_free. */
void grace_leave(struct grace_reader *reader);

/* What it reads. */
struct grace *grace_of(const struct grace_reader *reader);

/* Called by the reader's thread when it holds no reference to shared objects. */
void grace_quiescent(struct grace_reader *reader);
void grace_offline(struct grace_reader *reader); /* before a sleep: nobody waits for this reader */
void grace_online(struct grace_reader *reader);  /* after it */

/* To be embedded in what is retired. */
struct grace_retired {
    struct list link;
    uint64_t ticket;
    void (*release)(struct grace_retired *retired);
};

/* `release` runs on this reader's thread, in a later grace_collect. */
void grace_retire(struct grace_reader *reader, struct grace_retired *retired,
                  void (*release)(struct grace_retired *retired));

/* Runs the releases that are due; returns whether some still wait, so that the worker comes back soon. When it returns,
 * everything that other readers did before their last quiescent state is visible. Split in two, so that a worker can
 * empty its mailbox in between: mail that names a retired object was sent before its sender's quiescent state. */
uint64_t grace_horizon(struct grace_reader *reader);
bool grace_collect(struct grace_reader *reader, uint64_t horizon);

/* For threads that are no readers: a ticket for "now", and whether all readers have been quiescent since. */
uint64_t grace_ticket(struct grace *grace);
bool grace_is_over(struct grace *grace, uint64_t ticket);

#endif
