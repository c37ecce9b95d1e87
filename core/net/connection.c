/* One network connection: its life, and what the broker's state asks of it. */
#include "net/connection.h"

#include "net/address.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTION_READ_AHEAD_MAX = 64 * 1024 /* of a paused client; enough to notice that it left */ };

void connection_watch(struct connection *connection)
{
    if (connection->is_in_lobby)
        return;
    int events = 0;
    bool is_full = connection_waits(connection) && connection->stash.length >= CONNECTION_READ_AHEAD_MAX;
    bool is_closing = connection->client.state == CLIENT_CLOSING;
    if (!is_closing && !connection->is_at_end && !is_full)
        events |= EV_READ;
    if (connection->client.output.pending != 0 && !connection->is_broken)
        events |= EV_WRITE;
    event_io_set(connection->owner->loop, &connection->io, events);
}

static void connection_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct connection *connection = watcher->data;
    if (events & EV_WRITE)
        connection_attention(&connection->client);
    if (events & EV_READ)
        inflow_read(connection);
}

struct connection *connection_new(struct connections *owner, int descriptor, struct listener *listener)
{
    struct connection *connection = pool_alloc(&owner->pool);
    if (connection == NULL)
        return NULL;
    memset(connection, 0, sizeof(*connection));
    connection->owner = owner;
    connection->listener = listener;
    connection->client.listener = listener->number;
    connection->client.listener_index = listener_set_index(owner->listeners, listener);
    connection->client.listener_name = listener->name;
    event_io_init(&connection->io, connection_ready, descriptor, EV_READ, connection);
    list_init(&connection->attention_link);
    list_init(&connection->resume_link);
    list_append(&owner->all, &connection->link);
    return connection;
}

void connection_start(struct connection *connection)
{
    if (connection->client.state == CLIENT_NEW && lobby_enter(connection))
        return;
    connection_watch(connection);
}

static void connection_close_descriptor(struct connection *connection)
{
    close(connection->io.fd);
    atomic_fetch_sub_explicit(&connection->owner->shard->broker->connection_count, 1, memory_order_relaxed);
}

void connection_free(struct connection *connection, bool keeps_descriptor)
{
    struct connections *owner = connection->owner;
    (void)lobby_leave(connection);
    ev_io_stop(owner->loop, &connection->io);
    if (!keeps_descriptor)
        connection_close_descriptor(connection);
    list_remove(&connection->link);
    list_remove(&connection->attention_link);
    list_remove(&connection->resume_link);
    stash_clear(&connection->stash);
    pool_free(&owner->pool, connection);
}

void connection_end(struct connection *connection)
{
    struct output *output = &connection->client.output;
    struct listener *listener = connection->listener;
    /* Closing a socket with unread bytes resets it, which can destroy what the peer has not read yet. */
    bool has_last_word = output->pending != 0 || (connection->is_last_word_sent && !connection->is_peer_gone);
    (void)lobby_leave(connection);
    ev_io_stop(connection->owner->loop, &connection->io);
    bool is_lingering = has_last_word && !connection->is_broken && lingering_start(connection);
    client_gone(&connection->client);
    connection_free(connection, is_lingering);
    listener_unref(listener);
}

void connection_attention(struct gmq_client *client)
{
    struct connection *connection = connection_of(client);
    if (list_is_empty(&connection->attention_link))
        list_append(&connection->owner->attended, &connection->attention_link);
}

void connection_pause(struct gmq_client *client)
{
    connection_of(client)->is_paused = true;
}

void connection_resume(struct gmq_client *client)
{
    struct connection *connection = connection_of(client);
    connection->is_paused = false;
    if (list_is_empty(&connection->resume_link))
        list_append(&connection->owner->resumed, &connection->resume_link);
}

const char *connection_peer(const struct gmq_client *client, char *text, size_t size)
{
    const struct connection *connection = (const struct connection *)(const void *)client;
    union address address = {.any.sa_family = AF_UNIX};
    socklen_t length = sizeof(address);
    /* The peer of a unix socket has no name; one that is gone already has none any more either. */
    if (getpeername(connection->io.fd, &address.any, &length) != 0 || address.any.sa_family == AF_UNIX)
        address = (union address){.any.sa_family = AF_UNIX};
    if (address.any.sa_family != AF_UNIX || connection->listener->family == CONFIG_UNIX)
        return address_text(&address, text, size);
    snprintf(text, size, "?");
    return text;
}
