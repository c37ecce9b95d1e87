/* Connections without sockets: what net/ does, with the peer's memory in the place of a socket.
 *
 * Each packet is handed in from a block of exactly its size, which is gone afterwards: a sanitizer sees who reads
 * beyond it, or keeps a view of it. */
#include "shard/link.h"

#include "shard/demand.h"
#include "shard/peer.h"

#include <string.h>

enum { LINK_VECTORS = 64 };

static struct link *link_of(const struct gmq_client *client)
{
    return (struct link *)(void *)(uintptr_t)client;
}

static struct link *link_new(struct shards *shards, uint32_t worker, struct peer *peer)
{
    struct link *link = calloc(1, sizeof *link);
    demand(link != NULL, "no memory");
    link->shards = shards;
    link->peer = peer;
    link->client.listener_name = "mqtt";
    list_init(&link->attention_link);
    list_init(&link->resume_link);
    list_append(&shards->turners[worker].links, &link->link);
    peer->connection = link;
    return link;
}

static void link_free(struct link *link)
{
    list_remove(&link->link);
    list_remove(&link->attention_link);
    list_remove(&link->resume_link);
    free(link->bytes);
    free(link);
}

void link_open(struct shards *shards, uint32_t worker, struct peer *peer)
{
    struct link *link = link_new(shards, worker, peer);
    atomic_fetch_add(&shards->broker->connection_count, 1);
    client_init(&link->client, shards->turners[worker].shard);
}

void link_write(struct link *link, const void *bytes, size_t length)
{
    uint8_t *all = realloc(link->bytes, link->length + length + 1);
    demand(all != NULL, "no memory");
    if (length > 0)
        memcpy(all + link->length, bytes, length);
    link->bytes = all;
    link->length += length;
}

void link_close(struct link *link)
{
    link->is_at_end = true;
}

/* ---- the ways of a shard ---- */

static void way_attention(struct gmq_client *client)
{
    struct link *link = link_of(client);
    if (list_is_empty(&link->attention_link))
        list_append(&turner_of(client->shard)->attended, &link->attention_link);
}

static void way_pause(struct gmq_client *client)
{
    link_of(client)->is_paused = true;
}

static void way_resume(struct gmq_client *client)
{
    struct link *link = link_of(client);
    link->is_paused = false;
    if (list_is_empty(&link->resume_link))
        list_append(&turner_of(client->shard)->resumed, &link->resume_link);
}

static const char *way_peer(const struct gmq_client *client, char *text, size_t size)
{
    snprintf(text, size, "link %u", (unsigned)client->shard->index);
    return text;
}

const struct shard_ways link_ways = {
    .client_attention = way_attention, .client_pause = way_pause, .client_resume = way_resume, .client_peer = way_peer};

/* ---- handing over ---- */

struct moving {
    struct shard_mail mail;
    struct peer *peer;
    struct shards *shards;
    struct bytes *plugin_bytes;
    size_t length;
    bool is_at_end;
    uint8_t bytes[];
};

static void moving_arrive(struct shard *shard, struct shard_mail *mail)
{
    struct moving *moving = (struct moving *)(void *)mail;
    struct link *link = link_new(moving->shards, shard->index, moving->peer);
    link->client.bytes = moving->plugin_bytes;
    link->is_at_end = moving->is_at_end;
    client_init_moved(&link->client, shard);
    link_write(link, moving->bytes, moving->length);
    free(moving);
}

static void link_move(struct link *link, uint32_t worker)
{
    struct gmq_client *client = &link->client;
    struct shard *shard = client->shard;
    struct moving *moving = malloc(sizeof *moving + link->length);
    demand(moving != NULL, "no memory");
    *moving = (struct moving){.mail.handle = moving_arrive,
                              .peer = link->peer,
                              .shards = link->shards,
                              .plugin_bytes = client->bytes,
                              .length = link->length,
                              .is_at_end = link->is_at_end};
    memcpy(moving->bytes, link->bytes, link->length);
    wheel_stop(&shard->wheel, &client->timer);
    list_remove(&client->pump_link);
    output_deinit(&client->output, &shard->outputs);
    link->peer->connection = NULL;
    link_free(link);
    shard_post(shard, worker, &moving->mail);
}

/* ---- taking packets ---- */

/* The packet at the front, in memory of its own. False: there is none, or none that is let in. */
static bool link_cut(struct link *link, struct frame *frame, uint8_t **copy)
{
    enum frame_status status = frame_read(link->bytes, link->length, frame);
    bool is_too_large = (status == FRAME_COMPLETE || status == FRAME_HEADER) &&
                        frame_size(frame) > client_packet_size_limit(&link->client);
    if (status == FRAME_MALFORMED || is_too_large)
        client_bad_frame(&link->client, is_too_large);
    if (status != FRAME_COMPLETE || is_too_large)
        return false;
    size_t size = frame_size(frame);
    *copy = malloc(size);
    demand(*copy != NULL, "no memory");
    memcpy(*copy, link->bytes, size);
    frame->body = *copy + frame->header_size;
    return true;
}

static void link_drop(struct link *link, size_t size)
{
    link->length -= size;
    memmove(link->bytes, link->bytes + size, link->length);
}

/* Whether the link is still there and takes more. */
static bool link_hand_in(struct link *link, const struct frame *frame)
{
    uint32_t worker = 0;
    switch (client_packet(&link->client, frame, &worker)) {
    case CLIENT_HAND_OVER:
        link_move(link, worker);
        return false;
    case CLIENT_ENDED:
        link->length = 0;
        return false;
    case CLIENT_PAUSED: /* unless its verdict has come already */
        link->is_paused = list_is_empty(&link->resume_link);
        break;
    case CLIENT_GOES_ON:
        break;
    }
    link_drop(link, frame_size(frame));
    return !link->is_paused && list_is_empty(&link->resume_link) && link->client.state != CLIENT_CLOSING;
}

static bool link_take(struct link *link)
{
    bool has_moved = false;
    bool goes_on = !link->is_paused && list_is_empty(&link->resume_link) && link->client.state != CLIENT_CLOSING;
    while (goes_on && link->length > 0) {
        struct frame frame;
        uint8_t *copy;
        if (!link_cut(link, &frame, &copy))
            break;
        has_moved = true;
        goes_on = link_hand_in(link, &frame);
        free(copy);
    }
    return has_moved;
}

/* The end is seen when what came before it has been taken; a half packet never will be. */
static void link_take_end(struct link *link)
{
    bool waits = link->is_paused || !list_is_empty(&link->resume_link);
    if (link->is_at_end && link->client.state != CLIENT_CLOSING && !(waits && link->length > 0))
        client_lost(&link->client, "the peer closed the connection");
}

bool links_take(struct turner *turner)
{
    bool has_moved = false;
    struct list *next;
    for (struct list *at = turner->links.next; at != &turner->links; at = next) {
        struct link *link = LIST_OBJECT(at, struct link, link);
        const struct peer *peer = link->peer;
        next = at->next;
        has_moved = link_take(link) || has_moved;
        if (peer->connection == link)
            link_take_end(link);
    }
    return has_moved;
}

bool links_resume(struct turner *turner)
{
    bool has_moved = !list_is_empty(&turner->resumed);
    while (!list_is_empty(&turner->resumed))
        list_remove(turner->resumed.next); /* its packets are taken in the next turn */
    return has_moved;
}

/* ---- writing ---- */

static bool link_flush(struct link *link)
{
    struct output *output = &link->client.output;
    bool has_moved = false;
    if (link->client.version != 0)
        link->peer->version = link->client.version; /* a test that speaks in bytes doesn't say it */
    while (output->pending > 0) {
        struct iovec vectors[LINK_VECTORS];
        int count = output_gather(output, vectors, LINK_VECTORS);
        size_t written = 0, length = 0;
        for (int i = 0; i < count; i++) {
            length += vectors[i].iov_len;
            written += peer_receive(link->peer, vectors[i].iov_base, vectors[i].iov_len);
        }
        output_consume(output, &link->client.shard->outputs, written);
        has_moved = has_moved || written > 0;
        if (written < length)
            break;
    }
    return has_moved;
}

static void link_make_known(struct link *link, size_t before)
{
    struct gmq_client *client = &link->client;
    size_t half = shard_limits(client->shard)->outgoing_bytes / 2;
    if (client->state != CLIENT_CLOSING && before >= half && client->output.pending < half)
        client_pump_soon(client);
}

static void link_end(struct link *link)
{
    struct peer *peer = link->peer;
    atomic_fetch_sub(&link->shards->broker->connection_count, 1);
    client_gone(&link->client);
    link_free(link);
    peer->connection = NULL;
    peer_closed(peer);
}

bool links_flush(struct turner *turner)
{
    bool has_moved = false;
    while (!list_is_empty(&turner->attended)) {
        struct link *link = LIST_OBJECT(turner->attended.next, struct link, attention_link);
        list_remove(&link->attention_link);
        link->client.is_attended = false;
        size_t before = link->client.output.pending;
        has_moved = link_flush(link) || has_moved;
        link_make_known(link, before);
        if (link->client.state != CLIENT_CLOSING)
            continue;
        link_end(link);
        has_moved = true;
    }
    return has_moved;
}

void link_attend(struct link *link)
{
    way_attention(&link->client);
}
