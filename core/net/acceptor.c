/* Takes new connections from a listening socket. */
#include "base/clock.h"
#include "base/log.h"
#include "net/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTOR_BATCH = 64, ACCEPTOR_LINES_PER_SECOND = 1 };

#define ACCEPTOR_PAUSE_NS (100 * CLOCK_NS_PER_MS)

static void acceptor_log_refusal(const struct acceptor *acceptor, const char *why)
{
    struct connections *owner = acceptor->owner;
    uint32_t suppressed;
    if (log_limiter_allows(&owner->refused, ACCEPTOR_LINES_PER_SECOND, owner->shard->now_ns, &suppressed))
        log_write(GMQ_LOG_WARNING, acceptor->listener->log_subject, "a connection was refused: %s (%u more before)",
                  why, suppressed);
}

/* False: limits.connections is reached. */
static bool connection_is_granted(struct shard *shard)
{
    atomic_uint_fast64_t *count = &shard->broker->connection_count;
    if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < shard_limits(shard)->connections)
        return true;
    atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
    return false;
}

static void acceptor_welcome(struct acceptor *acceptor, int descriptor)
{
    struct connections *owner = acceptor->owner;
    struct shard *shard = owner->shard;
    if (!connection_is_granted(shard)) {
        acceptor_log_refusal(acceptor, "limits.connections is reached");
        close(descriptor);
        return;
    }
    struct connection *connection = connection_new(owner, descriptor, acceptor->listener);
    if (connection == NULL) {
        acceptor_log_refusal(acceptor, "out of memory");
        close(descriptor);
        atomic_fetch_sub_explicit(&shard->broker->connection_count, 1, memory_order_relaxed);
        return;
    }
    listener_ref(acceptor->listener);
    client_init(&connection->client, shard);
    connection_start(connection);
}

/* No descriptor is left: the one in reserve serves to turn a connection away, so that it doesn't wait in vain and the
 * socket isn't ready for ever. */
static bool acceptor_turn_away(struct acceptor *acceptor)
{
    struct connections *owner = acceptor->owner;
    if (owner->reserve_descriptor < 0)
        return false;
    close(owner->reserve_descriptor);
    int descriptor = accept4(acceptor->descriptor, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor >= 0)
        close(descriptor);
    owner->reserve_descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return descriptor >= 0;
}

static void acceptor_pause(struct acceptor *acceptor)
{
    struct connections *owner = acceptor->owner;
    event_io_set(owner->loop, &acceptor->io, 0);
    wheel_start(&owner->shard->wheel, &acceptor->pause, owner->shard->now_ns + ACCEPTOR_PAUSE_NS);
}

static void acceptor_go_on(struct wheel_timer *timer)
{
    struct acceptor *acceptor = LIST_OBJECT(timer, struct acceptor, pause);
    struct connections *owner = acceptor->owner;
    if (owner->reserve_descriptor < 0)
        owner->reserve_descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    event_io_set(owner->loop, &acceptor->io, EV_READ);
}

/* Whether to try the next one at once. */
static bool acceptor_failed(struct acceptor *acceptor, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        acceptor_log_refusal(acceptor, strerror(error));
        if (acceptor_turn_away(acceptor))
            return true;
        acceptor_pause(acceptor);
        return false;
    case ENOMEM:
    case ENOBUFS:
        acceptor_log_refusal(acceptor, strerror(error));
        acceptor_pause(acceptor);
        return false;
    default:
        return true; /* this connection failed on its own, before it was taken */
    }
}

/* Takes up to `most`. */
static void acceptor_take(struct acceptor *acceptor, uint32_t most)
{
    while (most-- > 0) {
        int descriptor = accept4(acceptor->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0)
            acceptor_welcome(acceptor, descriptor);
        else if (!acceptor_failed(acceptor, errno))
            return;
    }
}

static void acceptor_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    acceptor_take(watcher->data, ACCEPTOR_BATCH);
}

void acceptor_attach(struct connections *connections, struct acceptor *acceptor, uint32_t listener_index)
{
    acceptor->listener_index = listener_index;
    if (acceptor->is_attached || acceptor->descriptor < 0)
        return;
    acceptor->is_attached = true;
    acceptor->owner = connections;
    wheel_timer_init(&acceptor->pause, acceptor_go_on);
    event_io_init(&acceptor->io, acceptor_ready, acceptor->descriptor, EV_READ, acceptor);
    event_io_set(connections->loop, &acceptor->io, EV_READ);
}

void acceptor_detach(struct acceptor *acceptor)
{
    if (!acceptor->is_attached)
        return;
    /* Who was let in by the kernel already would be reset when the socket is closed. */
    acceptor_take(acceptor, UINT32_MAX);
    wheel_stop(&acceptor->owner->shard->wheel, &acceptor->pause);
    event_io_set(acceptor->owner->loop, &acceptor->io, 0);
    acceptor->is_attached = false;
}
