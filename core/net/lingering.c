/* The last bytes of a connection whose client is gone: they are written, and then the peer gets time to read them,
 * before the socket is closed. Nobody waits for this, and it is bounded. */
#include "base/clock.h"
#include "net/connection.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGERING_WRITE_NS (2 * CLOCK_NS_PER_SECOND)
#define LINGERING_READ_NS (1 * CLOCK_NS_PER_SECOND)

struct lingering {
    struct list link;
    struct connections *owner;
    struct output output;
    ev_io io;
    struct wheel_timer timer;
};

_Static_assert(sizeof(struct lingering) <= CONNECTIONS_LINGERING_SIZE, "the pool's objects are large enough");

static void lingering_free(struct lingering *lingering)
{
    struct connections *owner = lingering->owner;
    struct shard *shard = owner->shard;
    ev_io_stop(owner->loop, &lingering->io);
    wheel_stop(&shard->wheel, &lingering->timer);
    list_remove(&lingering->link);
    output_deinit(&lingering->output, &shard->outputs);
    close(lingering->io.fd);
    atomic_fetch_sub_explicit(&shard->broker->connection_count, 1, memory_order_relaxed);
    pool_free(&owner->lingering_pool, lingering);
}

static void lingering_expired(struct wheel_timer *timer)
{
    lingering_free(LIST_OBJECT(timer, struct lingering, timer));
}

/* All is written: tell the peer, and wait until it has heard. */
static void lingering_shut(struct lingering *lingering)
{
    struct shard *shard = lingering->owner->shard;
    shutdown(lingering->io.fd, SHUT_WR);
    event_io_set(lingering->owner->loop, &lingering->io, EV_READ);
    wheel_start(&shard->wheel, &lingering->timer, shard->now_ns + LINGERING_READ_NS);
}

static void lingering_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct lingering *lingering = watcher->data;
    struct connections *owner = lingering->owner;
    if (events & EV_WRITE) {
        enum outflow_result result = outflow_write(watcher->fd, &lingering->output, &owner->shard->outputs);
        if (result == OUTFLOW_FAILED)
            lingering_free(lingering);
        else if (result == OUTFLOW_DONE)
            lingering_shut(lingering);
        return;
    }
    ssize_t got = recv(watcher->fd, owner->read_buffer, CONNECTIONS_READ_SIZE, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        lingering_free(lingering);
}

bool lingering_start(struct connection *connection)
{
    struct connections *owner = connection->owner;
    struct lingering *lingering = pool_alloc(&owner->lingering_pool);
    if (lingering == NULL)
        return false;
    lingering->owner = owner;
    lingering->output = connection->client.output;
    output_init(&connection->client.output);
    list_append(&owner->lingering, &lingering->link);
    wheel_timer_init(&lingering->timer, lingering_expired);
    event_io_init(&lingering->io, lingering_ready, connection->io.fd, EV_WRITE, lingering);
    if (lingering->output.pending == 0) {
        lingering_shut(lingering);
        return true;
    }
    struct shard *shard = owner->shard;
    wheel_start(&shard->wheel, &lingering->timer, shard->now_ns + LINGERING_WRITE_NS);
    event_io_set(owner->loop, &lingering->io, EV_WRITE);
    return true;
}

void lingering_drop_all(struct connections *connections)
{
    while (!list_is_empty(&connections->lingering))
        lingering_free(LIST_OBJECT(connections->lingering.next, struct lingering, link));
}
