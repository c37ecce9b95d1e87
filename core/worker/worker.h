/* A worker: a thread with a libev loop, a shard of the broker's state, and the connections whose sessions live there.
 *
 * Its turn: what the kernel has ready is read and handled; then, before it sleeps again, mail is taken, timers run,
 * waiting messages are sent, mail to other workers goes out, each connection is written once, and the closed ones are
 * freed. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "broker/shard.h"
#include "net/connections.h"

#include <pthread.h>
#include <stdalign.h>

struct crew;

struct worker {
    uint32_t index;
    struct crew *crew;
    pthread_t thread;
    bool has_thread;
    bool is_ready; /* it could be set up; read after its first report */
    struct ev_loop *loop;
    struct shard *shard;
    struct connections *connections;
    int wake_descriptor; /* an eventfd, not ev_async: its fences are known to ThreadSanitizer */
    ev_io wake;
    ev_check turn_begin;
    ev_prepare turn_end;
    ev_timer timer;    /* the wheel's next deadline */
    ev_idle again;     /* runs while there is more to do than one turn takes */
    uint64_t timer_ns; /* when `timer` fires; UINT64_MAX: it doesn't run */
    struct wheel_timer tick;
    struct wheel_timer patience; /* while closing: how long clients may take */
    bool is_closing;             /* reports to the crew when its connections are gone */
    struct mail_chain outgoing[BROKER_WORKERS_MAX];
    bool has_outgoing;
    alignas(64) struct mailbox mailbox; /* other threads write here */
};

/* The thread's function. Reports to the crew when it is set up or has failed. */
void *worker_main(void *worker);

/* shard_ways.post: sent at the end of the turn. */
void worker_post(struct shard *shard, uint32_t index, struct shard_mail *mail);

/* Any thread. */
void worker_receive(struct worker *worker, struct mail_chain *chain);

/* Begins to close all clients; reports to the crew when they are gone, in a few seconds at most. */
void worker_close_clients(struct worker *worker);

/* Handles all mail that has arrived. The worker's thread, or any after it has ended. */
void worker_take_mail(struct worker *worker);

/* Frees what worker_main has set up: after the thread has ended. */
void worker_deinit(struct worker *worker);

#endif
