/* A connection that was accepted by one worker and whose session lives in another: moves there with its CONNECT and all
 * that was read behind it. */
#include "base/memory.h"
#include "net/connection.h"

#include <string.h>
#include <unistd.h>

struct hand_over {
    struct shard_mail mail;
    int descriptor;
    struct listener *listener; /* a reference */
    struct bytes *plugin_bytes;
    size_t length;
    uint8_t bytes[];
};

static void hand_over_refuse(struct hand_over *hand_over, struct shard *shard)
{
    close(hand_over->descriptor);
    atomic_fetch_sub_explicit(&shard->broker->connection_count, 1, memory_order_relaxed);
    listener_unref(hand_over->listener);
    bytes_free(&hand_over->plugin_bytes);
}

/* On the worker where the session lives. */
static void hand_over_arrive(struct shard *shard, struct shard_mail *mail)
{
    struct hand_over *hand_over = (struct hand_over *)(void *)mail;
    struct connection *connection = NULL;
    if (!atomic_load_explicit(&shard->broker->is_stopping, memory_order_relaxed))
        connection = connection_new(shard->sockets, hand_over->descriptor, hand_over->listener);
    if (connection == NULL) {
        hand_over_refuse(hand_over, shard);
    } else {
        connection->client.bytes = hand_over->plugin_bytes;
        client_init_moved(&connection->client, shard);
        inflow_take(connection, hand_over->bytes, hand_over->length); /* first: then it needs no lobby */
        connection_start(connection);
    }
    mem_free(hand_over);
}

/* Nothing has happened yet to the client, so it leaves without its CLOSE callbacks. */
static void hand_over_leave(struct connection *connection)
{
    struct gmq_client *client = &connection->client;
    struct shard *shard = client->shard;
    wheel_stop(&shard->wheel, &client->timer);
    list_remove(&client->pump_link);
    output_deinit(&client->output, &shard->outputs);
    connection_free(connection, true);
}

bool hand_over_send(struct connection *connection, uint32_t worker, const uint8_t *bytes, size_t length)
{
    struct gmq_client *client = &connection->client;
    struct shard *shard = client->shard;
    struct hand_over *hand_over = mem_alloc(sizeof(*hand_over) + length);
    if (hand_over == NULL)
        return false;
    hand_over->mail.handle = hand_over_arrive;
    hand_over->descriptor = connection->io.fd;
    hand_over->listener = connection->listener;
    hand_over->plugin_bytes = client->bytes;
    hand_over->length = length;
    memcpy(hand_over->bytes, bytes, length);
    hand_over_leave(connection);
    shard_post(shard, worker, &hand_over->mail);
    return true;
}
