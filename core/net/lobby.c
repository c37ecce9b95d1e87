/* Where connections wait for their CONNECT. */
#include "net/lobby.h"

#include "net/connection.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { LOBBY_BATCH = 64 };

/* Connections are freed at the end of the turn, or when they themselves move on, so all in the batch are alive. */
static void lobby_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct epoll_event ready[LOBBY_BATCH];
    int count = epoll_wait(watcher->fd, ready, LOBBY_BATCH, 0);
    for (int i = 0; i < count; i++)
        inflow_read(ready[i].data.ptr);
}

bool lobby_open(struct connections *connections)
{
    struct lobby *lobby = &connections->lobby;
    lobby->descriptor = -1;
    if (connections->shard->broker->worker_count == 1)
        return true;
    lobby->descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (lobby->descriptor < 0)
        return false;
    event_io_init(&lobby->io, lobby_ready, lobby->descriptor, EV_READ, connections);
    event_io_set(connections->loop, &lobby->io, EV_READ);
    return true;
}

void lobby_close(struct connections *connections)
{
    struct lobby *lobby = &connections->lobby;
    if (lobby->descriptor < 0)
        return;
    event_io_set(connections->loop, &lobby->io, 0);
    close(lobby->descriptor);
    lobby->descriptor = -1;
}

bool lobby_enter(struct connection *connection)
{
    int lobby = connection->owner->lobby.descriptor;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    if (lobby < 0 || epoll_ctl(lobby, EPOLL_CTL_ADD, connection->io.fd, &event) != 0)
        return false;
    connection->is_in_lobby = true;
    return true;
}

bool lobby_leave(struct connection *connection)
{
    if (!connection->is_in_lobby)
        return false;
    connection->is_in_lobby = false;
    (void)epoll_ctl(connection->owner->lobby.descriptor, EPOLL_CTL_DEL, connection->io.fd, NULL);
    return true;
}
