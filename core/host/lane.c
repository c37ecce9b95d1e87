/* A lane's thread: takes messages one after the other, and answers them in batches. */
#include "base/memory.h"
#include "host/host.h"
#include "net/event.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, FLUSH_SIZE = 65536 };

struct watchers {
    ev_io readable;
    ev_async woken;
};

/* What a reply leaves of itself among the messages that are still to be handled. */
enum { MESSAGE_TAKEN = UINT16_MAX };

static void lane_flush(struct lane *lane)
{
    if (lane->out.length != 0 && !message_write(lane->descriptor, &lane->out, -1))
        lane->is_over = true;
    buffer_clear(&lane->out);
}

/* Waits for more unless there is some. False: the broker has closed the lane. */
static bool lane_receive(struct lane *lane, int flags)
{
    ssize_t count;
    uint8_t *room = buffer_reserve(&lane->in, READ_SIZE);
    do {
        count = room != NULL ? recv(lane->descriptor, room, READ_SIZE, flags) : 0;
    } while (count < 0 && errno == EINTR);
    if (count > 0)
        lane->in.length += (size_t)count;
    lane->is_over = lane->is_over || count == 0 || (count < 0 && errno != EAGAIN);
    return !lane->is_over;
}

/* A message is handled where it isn't any more: what its handler asks for comes in behind it, and moves the buffer. */
static void lane_take_messages(struct lane *lane)
{
    struct message_header header;
    bool is_bad = false;
    while (message_peek(lane->in.bytes + lane->taken, lane->in.length - lane->taken, &header, &is_bad)) {
        size_t begin = lane->taken;
        lane->taken += header.length;
        if (header.kind == MESSAGE_TAKEN)
            continue;
        struct record_reader reader = message_reader(lane->in.bytes + begin, &header);
        is_bad = !invoke_message(lane, &header, &reader);
        if (lane->out.length > FLUSH_SIZE)
            lane_flush(lane);
        if (is_bad)
            break;
    }
    lane->is_over = lane->is_over || is_bad;
    size_t rest = lane->in.length - lane->taken;
    if (rest > 0 && lane->taken > 0)
        memmove(lane->in.bytes, lane->in.bytes + lane->taken, rest);
    lane->in.length = rest;
    lane->taken = 0;
    lane_flush(lane);
}

static void lane_turn(struct lane *lane, int flags)
{
    if (lane_receive(lane, flags) || lane->in.length > 0)
        lane_take_messages(lane);
    if (lane->is_over)
        ev_break(lane->loop, EVBREAK_ALL);
}

void lane_settle(struct lane *lane)
{
    lane_flush(lane);
    if (lane->in.length > 0)
        lane_turn(lane, MSG_DONTWAIT);
}

static void lane_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    lane_turn(watcher->data, MSG_DONTWAIT);
}

/* ---- mail ---- */

static struct lane_mail *mail_take(struct lane *lane, bool is_last)
{
    pthread_mutex_lock(&lane->lock);
    struct lane_mail *mail = lane->first_mail;
    lane->first_mail = lane->last_mail = NULL;
    lane->is_closed = is_last;
    pthread_mutex_unlock(&lane->lock);
    return mail;
}

static void mail_handle(struct lane *lane, struct lane_mail *mail)
{
    while (mail != NULL) {
        struct lane_mail *next = mail->next;
        mail->handle(lane, mail);
        mail = next;
    }
}

static void lane_woken(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)loop;
    (void)events;
    struct lane *lane = watcher->data;
    mail_handle(lane, mail_take(lane, false));
    lane_settle(lane);
}

void lane_post(struct lane *lane, struct lane_mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&lane->lock);
    bool is_taken = !lane->is_closed;
    if (is_taken) {
        if (lane->last_mail != NULL)
            lane->last_mail->next = mail;
        else
            lane->first_mail = mail;
        lane->last_mail = mail;
        if (lane->loop != NULL)
            ev_async_send(lane->loop, &((struct watchers *)lane->watchers)->woken);
    }
    pthread_mutex_unlock(&lane->lock);
    if (!is_taken)
        mail->handle(NULL, mail);
}

/* ---- operations ---- */

size_t operation_begin(struct lane *lane, uint64_t id, enum operation operation)
{
    size_t begin = message_begin(&lane->out, MESSAGE_REQUEST, ++lane->last_request);
    record_u64(&lane->out, id);
    record_u16(&lane->out, (uint16_t)operation);
    return begin;
}

void operation_tell(struct lane *lane, size_t begin)
{
    uint16_t kind = MESSAGE_COMMAND;
    message_end(&lane->out, begin);
    if (!lane->out.is_failed)
        memcpy(lane->out.bytes + begin + offsetof(struct message_header, kind), &kind, sizeof kind);
}

/* Looks through what has come in from `*position` on. */
static bool reply_find(struct lane *lane, size_t *position)
{
    struct message_header header;
    bool is_bad = false;
    while (message_peek(lane->in.bytes + *position, lane->in.length - *position, &header, &is_bad)) {
        uint8_t *message = lane->in.bytes + *position;
        *position += header.length;
        if (header.kind != MESSAGE_REPLY || header.id != lane->last_request)
            continue;
        buffer_clear(&lane->reply);
        buffer_append(&lane->reply, message + sizeof header, header.length - sizeof header);
        header.kind = MESSAGE_TAKEN;
        memcpy(message, &header, sizeof header);
        return true;
    }
    lane->is_over = lane->is_over || is_bad;
    return false;
}

bool operation_ask(struct lane *lane, size_t begin, uint8_t *flags, uint32_t *status, struct record_reader *rest)
{
    size_t position = lane->taken;
    message_end(&lane->out, begin);
    lane_flush(lane);
    while (!lane->is_over && !reply_find(lane, &position))
        lane_receive(lane, 0);
    if (lane->is_over || lane->reply.is_failed)
        return false;
    *rest = record_reader_make(lane->reply.bytes, lane->reply.length);
    *flags = record_read_u8(rest);
    *status = record_read_u32(rest);
    return !rest->is_bad;
}

gmq_status operation_status(struct lane *lane, size_t begin, struct gmq_client *client)
{
    uint8_t flags;
    uint32_t status;
    struct record_reader rest;
    if (!operation_ask(lane, begin, &flags, &status, &rest))
        return GMQ_ERROR_STATE;
    if (client != NULL)
        client->flags = flags;
    return (gmq_status)status;
}

/* ---- the thread ---- */

static void *lane_main(void *data)
{
    struct lane *lane = data;
    char name[16];
    snprintf(name, sizeof name, "lane-%u", (unsigned)lane->worker % 1000);
    pthread_setname_np(pthread_self(), name);
    ev_async_send(lane->loop, &((struct watchers *)lane->watchers)->woken); /* for mail that was here first */
    ev_run(lane->loop, 0);
    watchers_free(lane);
    mail_handle(NULL, mail_take(lane, true));
    return NULL;
}

static void watchers_start(struct lane *lane, struct watchers *watchers)
{
    event_io_init(&watchers->readable, lane_readable, lane->descriptor, EV_READ, lane);
    ev_io_start(lane->loop, &watchers->readable);
    event_async_init(&watchers->woken, lane_woken, lane);
    ev_async_start(lane->loop, &watchers->woken);
}

bool lane_start(struct lane *lane)
{
    struct watchers *watchers = mem_alloc_zero(1, sizeof *watchers);
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (watchers == NULL || loop == NULL) {
        mem_free(watchers);
        return false;
    }
    pthread_mutex_lock(&lane->lock);
    lane->loop = loop;
    lane->watchers = watchers;
    watchers_start(lane, watchers);
    pthread_mutex_unlock(&lane->lock);
    lane->has_thread = pthread_create(&lane->thread, NULL, lane_main, lane) == 0;
    return lane->has_thread;
}

void lane_await_end(struct lane *lane)
{
    if (lane->has_thread)
        pthread_join(lane->thread, NULL);
    lane->has_thread = false;
}

void lane_free(struct lane *lane)
{
    invocations_free(lane);
    for (size_t i = 0; i < lane->argument_count; i++)
        settings_free(lane->arguments[i].settings);
    mem_free(lane->arguments);
    if (lane->loop != NULL)
        ev_loop_destroy(lane->loop);
    mem_free(lane->watchers);
    buffer_deinit(&lane->in);
    buffer_deinit(&lane->out);
    buffer_deinit(&lane->reply);
    buffer_deinit(&lane->scratch);
    if (lane->descriptor >= 0)
        close(lane->descriptor);
}
