/* From the socket to the client: reads into the worker's buffer, finds packets in place, hands them in one by one.
 *
 * What is left over is stashed: the beginning of a packet until the rest has come, or what a paused client has sent
 * meanwhile. A stash holds the beginning of one packet only, unless the client is paused. */
#include "net/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    INFLOW_DIRECT_FROM = 16 * 1024 /* a packet that misses so much is read to where it will be */
};

/* What became of a run of bytes. */
enum inflow_result {
    INFLOW_MORE,   /* all whole packets are handed in; what is left is the beginning of one */
    INFLOW_PAUSED, /* what is left waits */
    INFLOW_OVER    /* the connection ends or has moved: it may be gone */
};

/* The packet at the front of `bytes`, complete or not, is one that the client may send. */
static bool inflow_accepts(struct connection *connection, enum frame_status status, const struct frame *frame)
{
    if (status == FRAME_MALFORMED) {
        client_bad_frame(&connection->client, false);
        return false;
    }
    if (status != FRAME_PARTIAL && frame_size(frame) > client_packet_size_limit(&connection->client)) {
        client_bad_frame(&connection->client, true);
        return false;
    }
    return true;
}

/* Hands one packet in; `bytes` is the run that begins with it. */
static enum inflow_result inflow_hand_in(struct connection *connection, const struct frame *frame, const uint8_t *bytes,
                                         size_t length)
{
    uint32_t worker = 0;
    /* Its first packet decides where it belongs, or ends it. */
    bool is_settled_now = lobby_leave(connection);
    switch (client_packet(&connection->client, frame, &worker)) {
    case CLIENT_GOES_ON:
        break;
    case CLIENT_PAUSED:
        /* Unless its verdict has come already. */
        if (list_is_empty(&connection->resume_link))
            connection->is_paused = true;
        if (is_settled_now)
            connection_watch(connection);
        return INFLOW_PAUSED;
    case CLIENT_ENDED:
        return INFLOW_OVER;
    case CLIENT_HAND_OVER:
        if (!hand_over_send(connection, worker, bytes, length))
            client_close(&connection->client, GMQ_REASON_SERVER_BUSY, "out of memory");
        return INFLOW_OVER;
    }
    if (is_settled_now)
        connection_watch(connection);
    if (connection->client.state == CLIENT_CLOSING)
        return INFLOW_OVER;
    /* Another function may have asked for it meanwhile. */
    return connection->is_paused ? INFLOW_PAUSED : INFLOW_MORE;
}

/* Hands in the whole packets of a run; `*used` bytes of it are done with. */
static enum inflow_result inflow_parse(struct connection *connection, const uint8_t *bytes, size_t length, size_t *used)
{
    size_t at = 0;
    enum inflow_result result = INFLOW_MORE;
    *used = 0;
    while (result == INFLOW_MORE && at < length) {
        struct frame frame;
        enum frame_status status = frame_read(bytes + at, length - at, &frame);
        if (!inflow_accepts(connection, status, &frame))
            return INFLOW_OVER;
        if (status != FRAME_COMPLETE) {
            if (!client_may_begin(&connection->client, bytes[at]))
                return INFLOW_OVER;
            break;
        }
        result = inflow_hand_in(connection, &frame, bytes + at, length - at);
        if (result == INFLOW_OVER)
            return result;
        at += frame_size(&frame);
    }
    *used = at;
    return result;
}

/* Keeps what a run has left. */
static void inflow_keep(struct connection *connection, const uint8_t *bytes, size_t length)
{
    if (!stash_append(&connection->stash, bytes, length))
        client_close(&connection->client, GMQ_REASON_SERVER_BUSY, "out of memory");
    else if (connection->is_paused)
        connection_watch(connection); /* it may be enough */
}

/* How many bytes the packet in the stash still needs, as far as they tell: one, as long as the header isn't there. */
static size_t stash_misses(const struct connection *connection, struct frame *frame, enum frame_status *status)
{
    const struct stash *stash = &connection->stash;
    *status = frame_read(stash->bytes, stash->length, frame);
    if (*status == FRAME_PARTIAL)
        return 1;
    return *status == FRAME_HEADER ? frame_size(frame) - stash->length : 0;
}

/* Hands in the packet that the stash has, now that it is whole; `behind` are the bytes that follow it. */
static enum inflow_result inflow_hand_in_stash(struct connection *connection, const struct frame *frame,
                                               const uint8_t *behind, size_t length)
{
    /* Who takes over a connection gets all that was read, in one piece. */
    bool is_first = connection->client.state == CLIENT_NEW;
    if (is_first && !stash_append(&connection->stash, behind, length)) {
        client_close(&connection->client, GMQ_REASON_SERVER_BUSY, "out of memory");
        return INFLOW_OVER;
    }
    struct stash stash = connection->stash;
    struct frame moved = *frame;
    moved.body = stash.bytes + frame->header_size;
    connection->stash = (struct stash){0};
    enum inflow_result result = inflow_hand_in(connection, &moved, stash.bytes, stash.length);
    stash_clear(&stash);
    return result;
}

/* Completes the packet in the stash from a run; `*used` bytes of it are done with. INFLOW_MORE with an empty stash: the
 * packet is handed in. */
static enum inflow_result inflow_complete(struct connection *connection, const uint8_t *bytes, size_t length,
                                          size_t *used)
{
    *used = 0;
    for (;;) {
        struct frame frame;
        enum frame_status status;
        size_t missing = stash_misses(connection, &frame, &status);
        if (!inflow_accepts(connection, status, &frame))
            return INFLOW_OVER;
        if (status == FRAME_COMPLETE)
            return inflow_hand_in_stash(connection, &frame, bytes + *used, length - *used);
        size_t part = length - *used < missing ? length - *used : missing;
        if (part == 0)
            return INFLOW_MORE;
        if (!stash_append(&connection->stash, bytes + *used, part)) {
            client_close(&connection->client, GMQ_REASON_SERVER_BUSY, "out of memory");
            return INFLOW_OVER;
        }
        *used += part;
    }
}

void inflow_take(struct connection *connection, const uint8_t *bytes, size_t length)
{
    enum inflow_result result = INFLOW_MORE;
    size_t used = 0;
    if (connection_waits(connection)) {
        inflow_keep(connection, bytes, length);
        return;
    }
    if (connection->stash.length != 0) {
        result = inflow_complete(connection, bytes, length, &used);
        if (result == INFLOW_OVER || connection->stash.length != 0)
            return;
        bytes += used;
        length -= used;
    }
    if (result == INFLOW_MORE && length != 0) {
        result = inflow_parse(connection, bytes, length, &used);
        if (result == INFLOW_OVER)
            return;
        bytes += used;
        length -= used;
    }
    inflow_keep(connection, bytes, length);
}

/* The peer sends no more. A client that is paused may have sent its DISCONNECT behind the packet that waits. */
static void inflow_ended(struct connection *connection)
{
    connection->is_at_end = true;
    if (connection_waits(connection) && connection->stash.length != 0) {
        connection_watch(connection);
        return;
    }
    connection->is_peer_gone = true;
    client_lost(&connection->client, "the peer closed the connection");
}

static void inflow_failed(struct connection *connection, int error)
{
    if (error == EAGAIN || error == EINTR)
        return;
    connection->is_broken = true;
    connection->is_peer_gone = true;
    client_lost(&connection->client, strerror(error));
}

/* Where the next bytes go: behind the beginning of a long packet first, the rest to the worker's buffer. */
static int inflow_aim(struct connection *connection, struct iovec *vectors)
{
    struct stash *stash = &connection->stash;
    uint8_t *buffer = connection->owner->read_buffer;
    vectors[0] = (struct iovec){.iov_base = buffer, .iov_len = CONNECTIONS_READ_SIZE};
    if (stash->length == 0 || connection_waits(connection))
        return 1;
    struct frame frame;
    enum frame_status status;
    size_t missing = stash_misses(connection, &frame, &status);
    if (missing < INFLOW_DIRECT_FROM || !stash_make_room(stash, frame_size(&frame)))
        return 1;
    vectors[1] = vectors[0];
    size_t room = stash->capacity - stash->length;
    vectors[0] = (struct iovec){.iov_base = stash->bytes + stash->length, .iov_len = room < missing ? room : missing};
    return 2;
}

void inflow_read(struct connection *connection)
{
    if (connection->client.state == CLIENT_CLOSING)
        return;
    struct iovec vectors[2];
    int count = inflow_aim(connection, vectors);
    /* For one vector recv() is the shorter way through the kernel. */
    ssize_t got = count == 1 ? recv(connection->io.fd, vectors[0].iov_base, vectors[0].iov_len, 0)
                             : readv(connection->io.fd, vectors, count);
    if (got == 0) {
        inflow_ended(connection);
        return;
    }
    if (got < 0) {
        inflow_failed(connection, errno);
        return;
    }
    size_t length = (size_t)got;
    if (count == 2) {
        size_t direct = length < vectors[0].iov_len ? length : vectors[0].iov_len;
        connection->stash.length += (uint32_t)direct;
        length -= direct;
    }
    /* With a length of 0 too: the packet in the stash may be whole now. */
    inflow_take(connection, connection->owner->read_buffer, length);
}

/* What was read meanwhile is taken as if it had just come; packets in it are handed in in place. */
void inflow_resume(struct connection *connection)
{
    struct stash stash = connection->stash;
    connection->stash = (struct stash){0};
    size_t used = 0;
    enum inflow_result result = inflow_parse(connection, stash.bytes, stash.length, &used);
    if (result != INFLOW_OVER) {
        if (used < stash.length)
            inflow_keep(connection, stash.bytes + used, stash.length - used);
        if (connection->is_at_end && result == INFLOW_MORE) {
            connection->is_peer_gone = true;
            client_lost(&connection->client, "the peer closed the connection");
        }
        connection_watch(connection);
    }
    stash_clear(&stash);
}
