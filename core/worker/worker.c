/* A worker's thread and its turn. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "broker/parcel.h"
#include "isolate/isolation.h"
#include "worker/crew.h"

#include <stdio.h>
#include <unistd.h>

enum { TURN_ROUNDS = 2, TURN_TIMERS = 1000 };

#define COLLECT_AGAIN_NS (2 * CLOCK_NS_PER_MS)
#define CLOSING_PATIENCE_NS (3 * CLOCK_NS_PER_SECOND)

/* libev rounds down here and there; a timer that fires early costs a turn. */
#define TIMER_SLACK_NS (CLOCK_NS_PER_MS / 10)

void worker_post(struct shard *shard, uint32_t index, struct shard_mail *mail)
{
    struct worker *worker = shard->upper;
    mail_chain_append(&worker->outgoing[index], &mail->mail);
    worker->has_outgoing = true;
}

void worker_receive(struct worker *worker, struct mail_chain *chain)
{
    if (!mailbox_push(&worker->mailbox, chain))
        return; /* it has been woken by who came before */
    const uint64_t one = 1;
    ssize_t written = write(worker->wake_descriptor, &one, sizeof(one));
    (void)written; /* it fails only where the counter is full, and then the worker is awake */
}

void worker_take_mail(struct worker *worker)
{
    struct mail *mail = mailbox_take(&worker->mailbox);
    while (mail != NULL) {
        struct shard_mail *next = LIST_OBJECT(mail, struct shard_mail, mail);
        mail = mail->next; /* first: the handler owns it */
        next->handle(worker->shard, next);
    }
}

static void worker_send_mail(struct worker *worker)
{
    if (!worker->has_outgoing)
        return;
    worker->has_outgoing = false;
    parcel_seal_all(worker->shard);
    for (uint32_t i = 0; i < worker->shard->broker->worker_count; i++) {
        if (worker->outgoing[i].first != NULL)
            worker_receive(crew_worker(worker->crew, i), &worker->outgoing[i]);
    }
}

static bool worker_is_busy(const struct worker *worker)
{
    return connections_are_busy(worker->connections) || shard_is_busy(worker->shard);
}

/* Everything that a turn has left to do. What a round makes new, the next one does; the rest is for the next turn, so
 * that sockets are read in between. */
static void worker_finish_work(struct worker *worker)
{
    for (int round = 0; round < TURN_ROUNDS; round++) {
        connections_resume(worker->connections);
        shard_end_turn(worker->shard);
        worker_send_mail(worker);
        connections_flush(worker->connections);
        if (!worker_is_busy(worker))
            break;
    }
    worker_send_mail(worker);
    isolation_flush(worker->shard);
}

/* The timer is only moved to an earlier time: firing too early is cheaper than a change in each turn. */
static void worker_set_timer(struct worker *worker, bool must_collect)
{
    uint64_t now_ns = worker->shard->now_ns;
    uint64_t next_ns = wheel_next_ns(&worker->shard->wheel);
    if (must_collect && next_ns > now_ns + COLLECT_AGAIN_NS)
        next_ns = now_ns + COLLECT_AGAIN_NS;
    if (next_ns >= worker->timer_ns)
        return;
    worker->timer_ns = next_ns;
    event_timer_start(worker->loop, &worker->timer, next_ns > now_ns ? next_ns - now_ns + TIMER_SLACK_NS : 0);
}

static void worker_report_if_gone(struct worker *worker)
{
    if (!worker->is_closing || !connections_are_gone(worker->connections))
        return;
    worker->is_closing = false;
    wheel_stop(&worker->shard->wheel, &worker->patience);
    crew_report(worker->crew);
}

static void worker_turn_end(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)events;
    struct worker *worker = watcher->data;
    struct shard *shard = worker->shard;
    uint64_t horizon = grace_horizon(shard->reader);
    worker_take_mail(worker);
    /* After the sockets were read: what a client sent in time counts, however long this turn took. */
    wheel_advance(&shard->wheel, shard->now_ns, TURN_TIMERS);
    worker_finish_work(worker);
    worker_report_if_gone(worker);
    if (worker_is_busy(worker))
        ev_idle_start(loop, &worker->again);
    else
        ev_idle_stop(loop, &worker->again);
    worker_set_timer(worker, grace_collect(shard->reader, horizon));
    grace_quiescent(shard->reader);
    grace_offline(shard->reader);
}

static void worker_turn_begin(struct ev_loop *loop, ev_check *watcher, int events)
{
    (void)loop;
    (void)events;
    struct worker *worker = watcher->data;
    grace_online(worker->shard->reader);
    worker->shard->now_ns = clock_now_ns();
}

static void worker_woken(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    uint64_t count;
    ssize_t got = read(watcher->fd, &count, sizeof(count));
    (void)got; /* the mail is taken at the end of the turn */
}

static void worker_timer_fired(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    struct worker *worker = watcher->data;
    worker->timer_ns = UINT64_MAX; /* the end of the turn does the rest */
}

static void worker_again(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

static void worker_tick(struct wheel_timer *timer)
{
    struct worker *worker = LIST_OBJECT(timer, struct worker, tick);
    struct shard *shard = worker->shard;
    wheel_start(&shard->wheel, timer, shard->now_ns + CLOCK_NS_PER_SECOND);
    shard_tick(shard);
    connections_trim(worker->connections);
}

static void worker_out_of_patience(struct wheel_timer *timer)
{
    struct worker *worker = LIST_OBJECT(timer, struct worker, patience);
    connections_drop_all(worker->connections);
}

void worker_close_clients(struct worker *worker)
{
    struct shard *shard = worker->shard;
    worker->is_closing = true;
    connections_close_all(worker->connections, GMQ_REASON_SERVER_SHUTTING_DOWN, "the broker is shutting down");
    wheel_start(&shard->wheel, &worker->patience, shard->now_ns + CLOSING_PATIENCE_NS);
}

static void worker_init_watchers(struct worker *worker)
{
    struct shard *shard = worker->shard;
    event_io_init(&worker->wake, worker_woken, worker->wake_descriptor, EV_READ, worker);
    ev_io_start(worker->loop, &worker->wake);
    event_check_init(&worker->turn_begin, worker_turn_begin, worker);
    ev_check_start(worker->loop, &worker->turn_begin);
    event_prepare_init(&worker->turn_end, worker_turn_end, worker);
    ev_prepare_start(worker->loop, &worker->turn_end);
    event_timer_init(&worker->timer, worker_timer_fired, worker);
    event_idle_init(&worker->again, worker_again, worker);
    worker->timer_ns = UINT64_MAX;
    wheel_timer_init(&worker->patience, worker_out_of_patience);
    wheel_timer_init(&worker->tick, worker_tick);
    wheel_start(&shard->wheel, &worker->tick, shard->now_ns + CLOCK_NS_PER_SECOND);
}

static bool worker_set_up(struct worker *worker)
{
    struct broker *broker = worker->crew->broker;
    worker->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (worker->loop == NULL)
        return false;
    worker->shard = shard_new(broker, worker->index, worker->crew->first_generation, clock_now_ns());
    if (worker->shard == NULL)
        return false;
    worker->shard->loop = worker->loop;
    worker->shard->upper = worker;
    broker->shards[worker->index] = worker->shard;
    worker->connections = connections_new(worker->shard, worker->loop);
    if (worker->connections == NULL)
        return false;
    worker_init_watchers(worker);
    shard_start(worker->shard);
    return true;
}

void *worker_main(void *data)
{
    struct worker *worker = data;
    char name[16];
    snprintf(name, sizeof(name), "graftmq-%u", (unsigned)worker->index % 1000);
    pthread_setname_np(pthread_self(), name);
    worker->is_ready = worker_set_up(worker);
    bool is_ready = worker->is_ready;
    crew_report(worker->crew);
    if (is_ready)
        ev_run(worker->loop, 0);
    return NULL;
}

void worker_deinit(struct worker *worker)
{
    connections_free(worker->connections);
    shard_free(worker->shard);
    if (worker->loop != NULL)
        ev_loop_destroy(worker->loop);
    if (worker->wake_descriptor >= 0)
        close(worker->wake_descriptor);
}
