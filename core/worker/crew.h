/* All workers, and the errands that the controller sends them on: a function that runs once on each, and a sign when
 * all have done it. One errand at a time. The controller's thread, where nothing else is said. */
#ifndef WORKER_CREW_H
#define WORKER_CREW_H

#include "worker/worker.h"

/* Runs on the worker. True: done. False: the worker calls crew_report() later. */
typedef bool crew_errand(struct worker *worker, void *data);

/* How long errands have kept a worker from its packets: the longest of all workers. By the clock, which runs on while
 * the system lets others have the processor; and without that: the errand's processor time, or, if it had to wait for
 * something, all of its time. */
struct crew_stop {
    uint64_t time_ns;
    uint64_t own_ns;
};

struct crew_mail {
    struct shard_mail mail;
    struct worker *worker;
};

struct crew {
    struct broker *broker;
    struct generation *first_generation; /* with which the workers begin */
    struct worker *workers;
    uint32_t count;
    struct crew_mail *mails; /* one for each worker */
    crew_errand *errand;
    void *errand_data;
    atomic_uint waiting;               /* workers that have not reported */
    atomic_uint_fast64_t stop_time_ns; /* since crew_take_stop */
    atomic_uint_fast64_t stop_own_ns;
    int done_descriptor; /* an eventfd: readable when all have reported */
    bool is_busy;        /* an errand was sent and its end not yet seen */
    bool is_running;     /* the threads are there */
};

/* Makes the workers, without threads; mail can be sent to them. broker->upper is set to the crew. NULL: memory or
 * descriptors are out. */
struct crew *crew_new(struct broker *broker);

/* Starts the threads and waits until all are set up. False: at least one couldn't be (those that could are ended). */
bool crew_start(struct crew *crew, struct generation *generation) __attribute__((warn_unused_result));

/* Sends all workers on an errand. The crew must not be busy. */
void crew_send(struct crew *crew, crew_errand *errand, void *data);

/* To be called when done_descriptor is readable: the crew is no longer busy. */
void crew_finish(struct crew *crew);

/* Sends them and waits here. */
void crew_send_and_wait(struct crew *crew, crew_errand *errand, void *data);

/* The longest stop by errands since the last time that this was asked. No errand may be on its way. */
struct crew_stop crew_take_stop(struct crew *crew);

/* Worker's side. */
void crew_report(struct crew *crew);

/* Ends the threads' loops and waits for the threads; their shards stay. */
void crew_end(struct crew *crew);

/* Runs what is left in the workers' mailboxes, after crew_end. */
void crew_take_mail(struct crew *crew);
void crew_free(struct crew *crew);

/* Any thread. */
static inline struct worker *crew_worker(const struct crew *crew, uint32_t index)
{
    return &crew->workers[index];
}

/* shard_ways.post_any. */
void crew_post_any(struct broker *broker, uint32_t index, struct shard_mail *mail);

#endif
