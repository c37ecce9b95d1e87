/* From the client's output to the socket: gathered, and written once per loop turn. */
#include "net/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
    OUTFLOW_VECTORS = 64,
    OUTFLOW_ROUNDS = 8 /* system calls for one connection in one turn: others wait */
};

/* For one vector send() is the shorter way through the kernel. */
static ssize_t outflow_send(int descriptor, struct iovec *vectors, int count)
{
    if (count == 1)
        return send(descriptor, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Writes once. True: go on, the socket took it all. */
static bool outflow_write_once(int descriptor, struct output *output, struct output_pool *pool,
                               enum outflow_result *result)
{
    struct iovec vectors[OUTFLOW_VECTORS];
    int count = output_gather(output, vectors, OUTFLOW_VECTORS);
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += vectors[i].iov_len;
    ssize_t written = outflow_send(descriptor, vectors, count);
    if (written < 0) {
        bool is_blocked = errno == EAGAIN || errno == EINTR;
        *result = is_blocked ? OUTFLOW_PENDING : OUTFLOW_FAILED;
        return false;
    }
    output_consume(output, pool, (size_t)written);
    return (size_t)written == length;
}

enum outflow_result outflow_write(int descriptor, struct output *output, struct output_pool *pool)
{
    enum outflow_result result = OUTFLOW_PENDING;
    for (int round = 0; output->pending != 0 && round < OUTFLOW_ROUNDS; round++) {
        if (!outflow_write_once(descriptor, output, pool, &result))
            break;
    }
    return output->pending == 0 ? OUTFLOW_DONE : result;
}

/* Messages that found the output at its limit wait in the session; half of it makes a next batch worth while. */
static void outflow_make_known(struct gmq_client *client, size_t before)
{
    size_t half = shard_limits(client->shard)->outgoing_bytes / 2;
    if (before >= half && client->output.pending < half)
        client_pump_soon(client);
}

void outflow_flush(struct connection *connection)
{
    struct gmq_client *client = &connection->client;
    size_t before = client->output.pending;
    if (before == 0 || connection->is_broken)
        return;
    enum outflow_result result = outflow_write(connection->io.fd, &client->output, &client->shard->outputs);
    if (result == OUTFLOW_FAILED) {
        connection->is_broken = true;
        client_lost(client, strerror(errno));
        return;
    }
    if (client->state == CLIENT_CLOSING)
        connection->is_last_word_sent = true;
    else
        outflow_make_known(client, before);
    connection_watch(connection);
}
