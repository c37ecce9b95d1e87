/* All connections of one worker: their part in the end of a turn, in a reload and in the end of the broker. */
#include "net/connections.h"

#include "base/memory.h"
#include "net/connection.h"

#include <fcntl.h>
#include <unistd.h>

struct connections *connections_new(struct shard *shard, struct ev_loop *loop)
{
    struct connections *connections = mem_alloc_zero(1, sizeof(*connections));
    if (connections == NULL)
        return NULL;
    connections->read_buffer = mem_alloc(CONNECTIONS_READ_SIZE);
    if (connections->read_buffer == NULL) {
        mem_free(connections);
        return NULL;
    }
    connections->shard = shard;
    connections->loop = loop;
    pool_init(&connections->pool, sizeof(struct connection));
    pool_init(&connections->lingering_pool, CONNECTIONS_LINGERING_SIZE);
    list_init(&connections->all);
    list_init(&connections->attended);
    list_init(&connections->resumed);
    list_init(&connections->lingering);
    connections->reserve_descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!lobby_open(connections)) {
        connections_free(connections);
        return NULL;
    }
    shard->sockets = connections;
    return connections;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL)
        return;
    if (connections->reserve_descriptor >= 0)
        close(connections->reserve_descriptor);
    lobby_close(connections);
    pool_deinit(&connections->pool);
    pool_deinit(&connections->lingering_pool);
    mem_free(connections->read_buffer);
    mem_free(connections);
}

static void connections_detach_old(struct connections *connections, const struct listener_set *next)
{
    const struct listener_set *previous = connections->listeners;
    for (size_t i = 0; previous != NULL && i < previous->count; i++) {
        struct listener *listener = previous->listeners[i];
        if (listener_set_index(next, listener) != LISTENER_INDEX_GONE)
            continue;
        struct acceptor *acceptors = listener_acceptors(listener, connections->shard->index);
        for (uint32_t place = 0; place < LISTENER_ADDRESSES_MAX; place++)
            acceptor_detach(&acceptors[place]);
    }
}

static void connections_attach_new(struct connections *connections)
{
    const struct listener_set *set = connections->listeners;
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        struct acceptor *acceptors = listener_acceptors(set->listeners[i], connections->shard->index);
        for (uint32_t place = 0; place < LISTENER_ADDRESSES_MAX; place++)
            acceptor_attach(connections, &acceptors[place], (uint32_t)i);
    }
}

/* Whether a listener that connections may have come by is now at another place, or gone. */
static bool listeners_have_moved(const struct listener_set *previous, const struct listener_set *next)
{
    for (size_t i = 0; previous != NULL && i < previous->count; i++) {
        if (listener_set_index(next, previous->listeners[i]) != i)
            return true;
    }
    return false;
}

/* Most reloads change nothing that a connection has to know; then a worker with very many doesn't stop to tell each. */
void connections_adopt(struct connections *connections, const struct listener_set *listeners)
{
    uint64_t outgoing_bytes = shard_limits(connections->shard)->outgoing_bytes;
    bool is_told =
        listeners_have_moved(connections->listeners, listeners) || outgoing_bytes > connections->outgoing_bytes;
    connections_detach_old(connections, listeners);
    connections->listeners = listeners;
    connections->outgoing_bytes = outgoing_bytes;
    connections_attach_new(connections);
    if (!is_told)
        return;
    for (struct list *link = connections->all.next; link != &connections->all; link = link->next) {
        struct connection *connection = LIST_OBJECT(link, struct connection, link);
        connection->client.listener_index = listener_set_index(listeners, connection->listener);
        if (connection->client.output.pending != 0)
            client_pump_soon(&connection->client); /* limits.outgoing_bytes may be higher now */
    }
}

void connections_resume(struct connections *connections)
{
    /* Those that wait again and are resumed meanwhile go on in the next turn. */
    struct list resumed;
    list_init(&resumed);
    list_move_all(&resumed, &connections->resumed);
    while (!list_is_empty(&resumed)) {
        struct connection *connection = LIST_OBJECT(resumed.next, struct connection, resume_link);
        list_remove(&connection->resume_link);
        if (!connection->is_paused && connection->client.state != CLIENT_CLOSING)
            inflow_resume(connection);
    }
}

void connections_flush(struct connections *connections)
{
    /* The end of one client gives others something to write: its will. */
    while (!list_is_empty(&connections->attended)) {
        struct connection *connection = LIST_OBJECT(connections->attended.next, struct connection, attention_link);
        list_remove(&connection->attention_link);
        connection->client.is_attended = false;
        outflow_flush(connection);
        if (connection->client.state == CLIENT_CLOSING)
            connection_end(connection);
    }
}

void connections_trim(struct connections *connections)
{
    pool_trim(&connections->pool);
    pool_trim(&connections->lingering_pool);
}

void connections_close_all(struct connections *connections, gmq_reason reason, const char *text)
{
    for (struct list *link = connections->all.next; link != &connections->all; link = link->next)
        client_close(&LIST_OBJECT(link, struct connection, link)->client, reason, text);
}

bool connections_are_gone(const struct connections *connections)
{
    return list_is_empty(&connections->all) && list_is_empty(&connections->lingering);
}

void connections_drop_all(struct connections *connections)
{
    while (!list_is_empty(&connections->all)) {
        struct connection *connection = LIST_OBJECT(connections->all.next, struct connection, link);
        connection->is_broken = true;
        client_lost(&connection->client, "the broker is shutting down");
        connection_end(connection);
    }
    lingering_drop_all(connections);
}
