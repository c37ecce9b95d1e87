/* Grace periods by epochs.
 *
 * The epoch counts what was retired: retiring takes the next number as a ticket, after the object was unlinked. A
 * reader publishes the epoch that it has last seen while it held nothing. Whoever finds that all online readers have
 * seen a ticket knows that they were quiescent after the unlinking, and that they have seen it.
 *
 * Why the orderings hold, without a fence:
 *  - Only read-modify-write operations change the epoch, so whoever reads (acquire) a value of at least a ticket sees
 * all that was done before that ticket was taken (release).
 *  - A reader stores `seen` with release after its last access; who reads it (acquire) may free what was accessed.
 *  - A reader that comes online stores `seen` and then does a read-modify-write of the epoch. Either that comes before
 * the one of a retiring thread: then that thread, looking at `seen` afterwards, finds the reader online. Or it comes
 * after: then the reader sees that the object is unlinked. A plain store could be overtaken by the reader's next loads.
 */
#include "base/grace.h"

#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#define READER_OFFLINE UINT64_MAX

enum { CACHE_LINE = 64 };

struct grace_reader {
    /* Others read this line all the time, so nothing else is in it. */
    alignas(CACHE_LINE) _Atomic uint64_t seen;
    alignas(CACHE_LINE) struct grace *grace;
    struct list retired; /* about in the order of their tickets; the reader's thread only */
    bool is_taken;       /* under `mutex` */
};

struct grace {
    alignas(CACHE_LINE) _Atomic uint64_t epoch;
    alignas(CACHE_LINE) _Atomic size_t readers_used; /* places in `readers` that were ever taken */
    atomic_bool has_orphans;
    pthread_mutex_t mutex; /* joining, leaving and `orphans` */
    struct list orphans;   /* what readers that have left could not free */
    struct grace_reader readers[GRACE_READERS_MAX];
};

struct grace *grace_new(void)
{
    struct grace *grace = mem_alloc_aligned(alignof(struct grace), sizeof(*grace));
    if (grace == NULL)
        return NULL;
    atomic_init(&grace->epoch, 1);
    atomic_init(&grace->readers_used, 0);
    atomic_init(&grace->has_orphans, false);
    pthread_mutex_init(&grace->mutex, NULL);
    list_init(&grace->orphans);
    for (size_t i = 0; i < GRACE_READERS_MAX; i++) {
        struct grace_reader *reader = &grace->readers[i];
        atomic_init(&reader->seen, READER_OFFLINE);
        reader->grace = grace;
        list_init(&reader->retired);
        reader->is_taken = false;
    }
    return grace;
}

/* Releases those from the front whose ticket is due. A release function may retire more. */
static void retired_release(struct list *retired, uint64_t horizon)
{
    while (!list_is_empty(retired)) {
        struct grace_retired *first = LIST_OBJECT(retired->next, struct grace_retired, link);
        if (first->ticket > horizon)
            return;
        list_remove(&first->link);
        first->release(first);
    }
}

void grace_free(struct grace *grace)
{
    if (grace == NULL)
        return;
    for (size_t i = 0; i < GRACE_READERS_MAX; i++)
        assert(!grace->readers[i].is_taken);
    retired_release(&grace->orphans, UINT64_MAX);
    pthread_mutex_destroy(&grace->mutex);
    mem_free(grace);
}

static struct grace_reader *grace_free_place(struct grace *grace)
{
    for (size_t i = 0; i < GRACE_READERS_MAX; i++) {
        struct grace_reader *reader = &grace->readers[i];
        if (reader->is_taken)
            continue;
        /* Before the reader comes online, so that whoever must wait for it also looks at its place. */
        if (i >= atomic_load_explicit(&grace->readers_used, memory_order_relaxed))
            atomic_store_explicit(&grace->readers_used, i + 1, memory_order_release);
        return reader;
    }
    return NULL;
}

struct grace_reader *grace_join(struct grace *grace)
{
    pthread_mutex_lock(&grace->mutex);
    struct grace_reader *reader = grace_free_place(grace);
    if (reader != NULL)
        reader->is_taken = true;
    pthread_mutex_unlock(&grace->mutex);
    if (reader != NULL)
        grace_online(reader);
    return reader;
}

void grace_leave(struct grace_reader *reader)
{
    struct grace *grace = reader->grace;
    grace_offline(reader);
    pthread_mutex_lock(&grace->mutex);
    list_move_all(&grace->orphans, &reader->retired);
    atomic_store_explicit(&grace->has_orphans, !list_is_empty(&grace->orphans), memory_order_relaxed);
    reader->is_taken = false;
    pthread_mutex_unlock(&grace->mutex);
}

struct grace *grace_of(const struct grace_reader *reader)
{
    return reader->grace;
}

void grace_quiescent(struct grace_reader *reader)
{
    uint64_t epoch = atomic_load_explicit(&reader->grace->epoch, memory_order_acquire);
    atomic_store_explicit(&reader->seen, epoch, memory_order_release);
}

void grace_offline(struct grace_reader *reader)
{
    atomic_store_explicit(&reader->seen, READER_OFFLINE, memory_order_release);
}

void grace_online(struct grace_reader *reader)
{
    grace_quiescent(reader);
    /* Adds nothing, but is ordered against every ticket; see above. */
    atomic_fetch_add_explicit(&reader->grace->epoch, 0, memory_order_seq_cst);
}

uint64_t grace_ticket(struct grace *grace)
{
    return atomic_fetch_add_explicit(&grace->epoch, 1, memory_order_seq_cst) + 1;
}

void grace_retire(struct grace_reader *reader, struct grace_retired *retired,
                  void (*release)(struct grace_retired *retired))
{
    retired->release = release;
    retired->ticket = grace_ticket(reader->grace);
    list_append(&reader->retired, &retired->link);
}

/* The newest ticket that all online readers have seen. */
static uint64_t grace_seen_by_all(const struct grace *grace)
{
    /* The epoch first: a later ticket could name what a reader, found offline and now online again, may hold. */
    uint64_t horizon = atomic_load_explicit(&grace->epoch, memory_order_acquire);
    size_t used = atomic_load_explicit(&grace->readers_used, memory_order_acquire);
    for (size_t i = 0; i < used; i++) {
        uint64_t seen = atomic_load_explicit(&grace->readers[i].seen, memory_order_acquire);
        if (seen < horizon)
            horizon = seen;
    }
    return horizon;
}

uint64_t grace_horizon(struct grace_reader *reader)
{
    return grace_seen_by_all(reader->grace);
}

static void reader_adopt_orphans(struct grace_reader *reader)
{
    struct grace *grace = reader->grace;
    pthread_mutex_lock(&grace->mutex);
    list_move_all(&reader->retired, &grace->orphans);
    atomic_store_explicit(&grace->has_orphans, false, memory_order_relaxed);
    pthread_mutex_unlock(&grace->mutex);
}

bool grace_collect(struct grace_reader *reader, uint64_t horizon)
{
    if (atomic_load_explicit(&reader->grace->has_orphans, memory_order_relaxed))
        reader_adopt_orphans(reader);
    retired_release(&reader->retired, horizon);
    return !list_is_empty(&reader->retired);
}

bool grace_is_over(struct grace *grace, uint64_t ticket)
{
    return grace_seen_by_all(grace) >= ticket;
}
