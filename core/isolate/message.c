/* Whole messages over a socket, for the channels that may block. */
#include "isolate/message.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

static bool socket_await(int descriptor, short events, int limit_ms)
{
    struct pollfd watched = {.fd = descriptor, .events = events};
    int count;
    do {
        count = poll(&watched, 1, limit_ms);
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

/* After a call that failed: whether it was for want of room or bytes, which are there now, or a signal. */
static bool can_go_on(int descriptor, short events, int limit_ms)
{
    return errno == EINTR || (errno == EAGAIN && socket_await(descriptor, events, limit_ms));
}

bool message_write(int descriptor, const struct buffer *out, int limit_ms)
{
    size_t sent = 0;
    if (out->is_failed)
        return false;
    while (sent < out->length) {
        ssize_t count = send(descriptor, out->bytes + sent, out->length - sent, MSG_NOSIGNAL);
        if (count >= 0)
            sent += (size_t)count;
        else if (!can_go_on(descriptor, POLLOUT, limit_ms))
            return false;
    }
    return true;
}

static bool read_exactly(int descriptor, uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = recv(descriptor, bytes, length, 0);
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (count == 0 || !can_go_on(descriptor, POLLIN, -1)) {
            return false;
        }
    }
    return true;
}

bool message_read(int descriptor, struct buffer *in, struct message_header *header)
{
    bool is_bad = false;
    buffer_clear(in);
    uint8_t *bytes = buffer_reserve(in, sizeof *header);
    if (bytes == NULL || !read_exactly(descriptor, bytes, sizeof *header))
        return false;
    in->length = sizeof *header;
    (void)message_peek(in->bytes, in->length, header, &is_bad);
    if (is_bad)
        return false;
    size_t rest = header->length - sizeof *header;
    bytes = buffer_reserve(in, rest);
    if (bytes == NULL || !read_exactly(descriptor, bytes, rest))
        return false;
    in->length += rest;
    return true;
}
