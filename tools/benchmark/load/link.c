/* Sockets, and whole packets out of them. */
#include "link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 20, EVENTS_PER_TURN = 512 };

void links_init(struct links *links, uint16_t port, uint32_t count)
{
    links->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (links->epoll < 0)
        fail("epoll_create1: %s", strerror(errno));
    links->port = port;
    links->count = count;
    links->link = allocate(count, sizeof *links->link);
    links->dirty = allocate(count, sizeof *links->dirty);
    links->dirty_count = 0;
    for (uint32_t i = 0; i < count; i++)
        links->link[i] = (struct link){.socket = -1, .number = i};
}

void links_deinit(struct links *links)
{
    for (uint32_t i = 0; i < links->count; i++)
        link_close(links, &links->link[i]);
    free(links->link);
    free(links->dirty);
    close(links->epoll);
}

static void watch(struct links *links, struct link *link, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = link};
    if (epoll_ctl(links->epoll, operation, link->socket, &event) != 0)
        fail("epoll_ctl: %s", strerror(errno));
}

void link_open(struct links *links, struct link *link)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(links->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    link->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->socket < 0)
        fail("socket number %u: %s", link->number, strerror(errno));
    (void)setsockopt(link->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(link->socket, (const struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
        fail("connection number %u to port %u: %s", link->number, links->port, strerror(errno));
    watch(links, link, EPOLL_CTL_ADD, EPOLLIN);
}

/* It may still be among the dirty ones, where it then has nothing to say. */
void link_close(struct links *links, struct link *link)
{
    (void)links;
    if (link->socket >= 0)
        close(link->socket);
    link->socket = -1;
    link->is_stuck = false;
    bytes_free(&link->in);
    bytes_free(&link->out);
}

struct bytes *link_out(struct links *links, struct link *link)
{
    if (!link->is_dirty) {
        link->is_dirty = true;
        links->dirty[links->dirty_count++] = link;
    }
    return &link->out;
}

static void set_stuck(struct links *links, struct link *link, bool is_stuck)
{
    if (link->is_stuck != is_stuck)
        watch(links, link, EPOLL_CTL_MOD, EPOLLIN | (is_stuck ? (uint32_t)EPOLLOUT : 0));
    link->is_stuck = is_stuck;
}

/* An error is left to the reading side, which learns of it, too. */
static void flush(struct links *links, struct link *link)
{
    if (link->socket < 0)
        return;
    while (link->out.length > 0) {
        ssize_t written = send(link->socket, link->out.data, link->out.length, MSG_NOSIGNAL);
        if (written <= 0)
            break;
        bytes_drop_front(&link->out, (size_t)written);
    }
    set_stuck(links, link, link->out.length > 0);
    if (link->out.length == 0 && link->out.capacity > 4096)
        return; /* a busy one keeps its memory */
    if (link->out.length == 0)
        bytes_free(&link->out);
}

static void flush_all(struct links *links)
{
    for (uint32_t i = 0; i < links->dirty_count; i++) {
        struct link *link = links->dirty[i];
        link->is_dirty = false;
        if (!link->is_stuck)
            flush(links, link);
    }
    links->dirty_count = 0;
}

static void end(struct links *links, struct link *link)
{
    link_close(links, link);
    links->on_end(links->context, link);
}

/* One read: what is left of the last one, and what there is. */
static void take(struct links *links, struct link *link)
{
    static uint8_t buffer[READ_SIZE + READ_SIZE];
    size_t left = link->in.length;
    if (left > READ_SIZE)
        fail("a packet of the broker has more than %d bytes", READ_SIZE);
    if (left > 0)
        memcpy(buffer, link->in.data, left);
    ssize_t got = recv(link->socket, buffer + left, READ_SIZE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(links, link);
        return;
    }
    size_t length = left + (size_t)got, at = 0, size;
    struct packet packet;
    while (link->socket >= 0 && (size = wire_next(buffer + at, length - at, &packet)) > 0) {
        at += size;
        links->on_packet(links->context, link, &packet);
    }
    bytes_free(&link->in);
    if (link->socket >= 0)
        bytes_append(&link->in, buffer + at, length - at);
}

bool links_turn(struct links *links, uint64_t wait_ns)
{
    struct epoll_event events[EVENTS_PER_TURN];
    const struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};
    flush_all(links);
    int count = epoll_pwait2(links->epoll, events, EVENTS_PER_TURN, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct link *link = events[i].data.ptr;
        if (link->socket >= 0 && (events[i].events & EPOLLOUT) != 0)
            flush(links, link);
        if (link->socket >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            take(links, link);
    }
    flush_all(links);
    return count > 0;
}

bool links_turn_after_nap(struct links *links, uint64_t nap_ns)
{
    const struct timespec nap = {.tv_nsec = (long)nap_ns};
    flush_all(links);
    nanosleep(&nap, NULL);
    return links_turn(links, 0);
}
