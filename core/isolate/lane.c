/* A worker's way to the process that serves it: what is sent goes out once a turn, what comes back is handled as it
 * comes. */
#include "isolate/isolation.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "isolate/isolated.h"
#include "mqtt/packet_flat.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, KEPT_SIZE = 1048576, ARGUMENTS_MAX = 65536 };

/* Lanes with something to send, by worker. */
static struct list dirty[BROKER_WORKERS_MAX];

static void lane_look_arrived(struct shard *shard, struct shard_mail *mail);
static void lane_leave_arrived(struct shard *shard, struct shard_mail *mail);

void lane_init(struct lane *lane, struct isolated *isolated, uint32_t worker)
{
    lane->isolated = isolated;
    lane->process = &isolated->processes[worker % isolated->config.processes];
    lane->worker = worker;
    lane->descriptor = -1;
    lane->look.handle = lane_look_arrived;
    lane->leave.handle = lane_leave_arrived;
    buffer_init(&lane->out);
    buffer_init(&lane->in);
    list_init(&lane->pending);
    list_init(&lane->dirty);
    atomic_init(&lane->silent_since_ns, 0);
    atomic_init(&lane->is_look_sent, false);
}

void lane_deinit(struct lane *lane)
{
    buffer_deinit(&lane->out);
    buffer_deinit(&lane->in);
    mem_free(lane->arguments);
}

/* ---- sending ---- */

static void lane_make_dirty(struct lane *lane)
{
    if (!list_is_empty(&lane->dirty))
        return;
    if (dirty[lane->worker].next == NULL)
        list_init(&dirty[lane->worker]);
    list_append(&dirty[lane->worker], &lane->dirty);
}

/* A large buffer isn't kept for the next large message. */
static void buffer_rest(struct buffer *buffer)
{
    if (buffer->capacity > KEPT_SIZE)
        buffer_deinit(buffer);
    buffer_clear(buffer);
}

/* False: the other side has gone; its supervisor, or the next read, will say so. */
static bool lane_write(struct lane *lane)
{
    while (lane->sent < lane->out.length) {
        ssize_t count = send(lane->descriptor, lane->out.bytes + lane->sent, lane->out.length - lane->sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0)
            lane->sent += (size_t)count;
        else if (errno != EINTR)
            return errno == EAGAIN;
    }
    return true;
}

static void lane_flush(struct lane *lane)
{
    list_remove(&lane->dirty);
    if (lane->descriptor < 0 || lane->out.length == 0)
        return;
    bool is_sound = lane_write(lane);
    bool is_done = lane->sent == lane->out.length || !is_sound;
    if (is_done) {
        buffer_rest(&lane->out);
        lane->sent = 0;
    }
    event_io_set(lane->shard->loop, &lane->io, is_done ? EV_READ : EV_READ | EV_WRITE);
}

void isolation_flush(struct shard *shard)
{
    struct list *lanes = &dirty[shard->index];
    while (lanes->next != NULL && !list_is_empty(lanes))
        lane_flush(LIST_OBJECT(lanes->next, struct lane, dirty));
}

/* For the supervisor, which wonders whether the process hangs. */
static void lane_note_owed(struct lane *lane, bool has_spoken)
{
    uint64_t since_ns = atomic_load_explicit(&lane->silent_since_ns, memory_order_relaxed);
    uint64_t next_ns = lane->owed == 0 ? 0 : since_ns == 0 || has_spoken ? clock_now_ns() : since_ns;
    if (next_ns != since_ns)
        atomic_store_explicit(&lane->silent_since_ns, next_ns, memory_order_relaxed);
}

static bool lane_has_argument(const struct lane *lane, const struct gmq_settings *arguments)
{
    for (size_t i = 0; i < lane->argument_count; i++) {
        if (lane->arguments[i] == arguments)
            return true;
    }
    return false;
}

/* What a message calls the arguments. Their address will do: they stay as long as the plugin is loaded. */
static uint64_t lane_argument(struct lane *lane, const struct gmq_settings *arguments)
{
    uint64_t id = (uint64_t)(uintptr_t)arguments;
    if (arguments == NULL || lane_has_argument(lane, arguments))
        return id;
    const struct gmq_settings **grown = NULL;
    if (lane->argument_count < ARGUMENTS_MAX)
        grown = mem_realloc(lane->arguments, (lane->argument_count + 1) * sizeof(struct gmq_settings *));
    if (grown != NULL) {
        lane->arguments = grown;
        lane->arguments[lane->argument_count++] = arguments;
    }
    /* Where it can't be remembered it is sent again. */
    size_t begin = message_begin(&lane->out, MESSAGE_ARGUMENTS, id);
    record_view(&lane->out, gmq_settings_json(arguments));
    message_end(&lane->out, begin);
    return id;
}

static bool lane_has_room(const struct lane *lane)
{
    const struct config_isolation *config = &lane->isolated->config;
    return lane->pending_count < config->pending_calls && lane->out.length - lane->sent < config->pending_bytes;
}

/* A message that could not be written whole is taken back, with what was to answer it. */
static struct pending *lane_sent(struct lane *lane, struct pending *pending, size_t length_before)
{
    if (lane->out.is_failed) {
        lane->out.is_failed = false;
        lane->out.length = length_before;
        lane->argument_count = 0; /* some may be among what was taken back */
        pending_free(pending);
        return NULL;
    }
    lane_note_owed(lane, false);
    lane_make_dirty(lane);
    return pending;
}

static void lane_write_call(struct lane *lane, enum message_kind kind, const gmq_call *call, uint32_t number,
                            struct pending *pending)
{
    uint64_t arguments = lane_argument(lane, call->arguments);
    size_t begin = message_begin(&lane->out, kind, pending->id);
    record_u32(&lane->out, number);
    record_u64(&lane->out, arguments);
    facts_write(&lane->out, call->client, lane->isolated->plugin);
    if (kind == MESSAGE_CALL)
        packet_flat_write(&lane->out, call->packet);
    message_end(&lane->out, begin);
}

struct pending *lane_call(struct lane *lane, const gmq_call *call, uint32_t number)
{
    struct pending *pending = lane_has_room(lane) ? pending_new(lane) : NULL;
    size_t length = lane->out.length;
    if (pending == NULL)
        return NULL;
    lane_write_call(lane, MESSAGE_CALL, call, number, pending);
    return lane_sent(lane, pending, length);
}

/* Events are never left out for their number: what they tell must arrive. */
struct pending *lane_event(struct lane *lane, const gmq_call *call, uint32_t number)
{
    struct pending *pending = pending_new(lane);
    size_t length = lane->out.length;
    if (pending == NULL)
        return NULL;
    lane_write_call(lane, MESSAGE_CALLBACK, call, number, pending);
    return lane_sent(lane, pending, length);
}

struct pending *lane_posted(struct lane *lane, const gmq_call *call, uint64_t token)
{
    struct pending *pending = pending_new(lane);
    size_t length = lane->out.length;
    if (pending == NULL)
        return NULL;
    size_t begin = message_begin(&lane->out, MESSAGE_POSTED, pending->id);
    record_u64(&lane->out, token);
    facts_write(&lane->out, call->client, lane->isolated->plugin);
    message_end(&lane->out, begin);
    return lane_sent(lane, pending, length);
}

/* ---- receiving ---- */

/* What a handler may not change stays as the client sent it. */
static bool packet_keep_identity(struct gmq_packet *packet, const struct gmq_packet *original)
{
    if (packet->type != original->type || packet->type == GMQ_UNSUBSCRIBE)
        return false;
    packet->version = original->version;
    packet->identifier = original->identifier;
    if (packet->type == GMQ_PUBLISH) {
        struct gmq_publish *publish = (struct gmq_publish *)packet;
        publish->qos = ((const struct gmq_publish *)original)->qos;
        publish->is_duplicate = ((const struct gmq_publish *)original)->is_duplicate;
    } else if (packet->type == GMQ_SUBSCRIBE) {
        return ((struct gmq_subscribe *)packet)->count == ((const struct gmq_subscribe *)original)->count;
    } else if (packet->type == GMQ_CONNECT) {
        struct gmq_connect *connect = (struct gmq_connect *)packet;
        const struct gmq_connect *sent = (const struct gmq_connect *)original;
        connect->protocol_name = sent->protocol_name;
        connect->client_identifier = sent->client_identifier;
        connect->is_identifier_assigned = sent->is_identifier_assigned;
        connect->keep_alive = sent->keep_alive;
        connect->has_password = sent->has_password;
        connect->password = sent->password;
        return !connect->has_will || sent->has_will;
    }
    return true;
}

struct gmq_packet *lane_packet(struct arena *arena, struct record_reader *reader, const struct gmq_packet *original)
{
    size_t length = reader->length - reader->position;
    const uint8_t *bytes = record_take(reader, length);
    const char *copy = bytes != NULL ? arena_copy(arena, bytes, length) : NULL;
    struct gmq_packet *packet = copy != NULL ? packet_flat_read(gmq_view_make(copy, length), arena) : NULL;
    bool is_sound = packet != NULL &&
                    (original == NULL || packet->type != original->type || packet_keep_identity(packet, original));
    return is_sound ? packet : NULL;
}

static bool verdict_read_packet(struct pending *pending, struct record_reader *reader)
{
    gmq_call *call = &pending->deferral->call;
    struct gmq_packet *packet = lane_packet(call->arena, reader, call->packet);
    if (packet == NULL || packet->type != call->packet->type)
        return false;
    call->packet = packet;
    return true;
}

static bool take_verdict(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    struct pending *pending = pending_find(lane->worker, header->id);
    unsigned verdict = record_read_u8(reader);
    unsigned reason = record_read_u8(reader);
    bool has_text = record_read_bool(reader);
    gmq_view text = record_read_view(reader);
    bool has_packet = record_read_bool(reader);
    bool is_sound = !reader->is_bad && pending != NULL && pending->lane == lane && pending->deferral != NULL &&
                    verdict < GMQ_DEFER && memchr(text.data, '\0', text.length) == NULL &&
                    (verdict != GMQ_REJECT || reason >= GMQ_REASON_UNSPECIFIED_ERROR);
    if (!is_sound || (has_packet && !verdict_read_packet(pending, reader)))
        return false;
    char *copy = has_text ? mem_copy_text(text.data, text.length) : NULL;
    pending_settle(pending, (gmq_verdict)verdict, (gmq_reason)reason, copy);
    mem_free(copy);
    return true;
}

/* The handler has deferred it: from now on its limit counts, and what it said for then, or what the route says. */
static bool take_put_off(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    struct pending *pending = pending_find(lane->worker, header->id);
    uint32_t limit_ms = record_read_u32(reader);
    unsigned at_limit = record_read_u8(reader);
    if (!record_is_whole(reader) || pending == NULL || pending->lane != lane || pending->deferral == NULL ||
        at_limit >= GMQ_DEFER || at_limit == GMQ_DONE)
        return false;
    lane->owed -= !pending->is_put_off; /* a continuation may defer once more */
    pending->is_put_off = true;
    deferral_set_limit(pending->deferral, limit_ms, (gmq_verdict)at_limit);
    return true;
}

static bool take_done(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    struct pending *pending = pending_find(lane->worker, header->id);
    if (!record_is_whole(reader) || pending == NULL || pending->lane != lane || pending->deferral != NULL)
        return false;
    pending_fail(pending); /* which only lets it go */
    return true;
}

/* Of a call that another process of a plugin of this name has deferred. It may be over by now. */
static bool take_resume(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    struct pending *pending = pending_find(lane->worker, header->id);
    unsigned verdict = record_read_u8(reader);
    unsigned reason = record_read_u8(reader);
    if (!record_is_whole(reader) || verdict >= GMQ_DEFER)
        return false;
    if (pending != NULL && pending->is_put_off && strcmp(pending->plugin->name, lane->isolated->plugin->name) == 0)
        pending_settle(pending, (gmq_verdict)verdict, (gmq_reason)reason, NULL);
    return true;
}

static bool take_operation(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    struct pending *pending = pending_find(lane->worker, record_read_u64(reader));
    if (pending != NULL && pending->lane != lane)
        return false;
    size_t begin = message_begin(&lane->out, MESSAGE_REPLY, header->id);
    bool is_sound = operation_do(lane, pending, reader, &lane->out);
    if (header->kind == MESSAGE_COMMAND)
        lane->out.length = begin;
    else
        message_end(&lane->out, begin);
    lane_make_dirty(lane);
    return is_sound && !lane->out.is_failed;
}

static bool lane_take_message(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    switch (header->kind) {
    case MESSAGE_VERDICT:
        return take_verdict(lane, header, reader);
    case MESSAGE_PUT_OFF:
        return take_put_off(lane, header, reader);
    case MESSAGE_DONE:
        return take_done(lane, header, reader);
    case MESSAGE_RESUME:
        return take_resume(lane, header, reader);
    case MESSAGE_REQUEST:
    case MESSAGE_COMMAND:
        return take_operation(lane, header, reader);
    default:
        return false;
    }
}

/* False: what came is no message. */
static bool lane_take_messages(struct lane *lane)
{
    struct message_header header;
    bool is_bad = false;
    lane->is_handling = true;
    while (!is_bad && message_peek(lane->in.bytes + lane->taken, lane->in.length - lane->taken, &header, &is_bad)) {
        struct record_reader reader = message_reader(lane->in.bytes + lane->taken, &header);
        is_bad = !lane_take_message(lane, &header, &reader);
        lane->taken += header.length;
    }
    lane->is_handling = false;
    size_t rest = lane->in.length - lane->taken;
    if (rest > 0 && lane->taken > 0)
        memmove(lane->in.bytes, lane->in.bytes + lane->taken, rest);
    lane->in.length = rest;
    lane->taken = 0;
    if (rest == 0)
        buffer_rest(&lane->in);
    return !is_bad;
}

static bool lane_receive(struct lane *lane)
{
    uint8_t *room = buffer_reserve(&lane->in, READ_SIZE);
    if (room == NULL)
        return false;
    ssize_t count = recv(lane->descriptor, room, READ_SIZE, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (count <= 0)
        return false;
    lane->in.length += (size_t)count;
    bool is_sound = lane_take_messages(lane);
    lane_note_owed(lane, true);
    if (!is_sound)
        log_write(GMQ_LOG_ERROR, lane->isolated->plugin->log_subject,
                  "its process sent what is no message of a sound one: it is ended");
    return is_sound;
}

static void lane_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct lane *lane = watcher->data;
    if ((events & EV_WRITE) != 0)
        lane_make_dirty(lane);
    if ((events & (EV_READ | EV_ERROR)) == 0 || lane_receive(lane))
        return;
    process_condemn(lane->process, lane->epoch);
    lane_close(lane);
}

/* ---- attached and detached ---- */

static void lane_attach(struct lane *lane)
{
    if (lane->is_ended || !process_take_end(lane->process, lane))
        return;
    buffer_clear(&lane->out);
    buffer_clear(&lane->in);
    lane->sent = lane->taken = 0;
    lane->argument_count = 0;
    event_io_init(&lane->io, lane_ready, lane->descriptor, EV_READ, lane);
    ev_io_start(lane->shard->loop, &lane->io);
}

void lane_close(struct lane *lane)
{
    if (lane->descriptor < 0)
        return;
    ev_io_stop(lane->shard->loop, &lane->io);
    lane_flush(lane);
    ev_io_stop(lane->shard->loop, &lane->io);
    close(lane->descriptor);
    lane->descriptor = -1;
    uint32_t lost = lane->pending_count;
    /* The rest of a route may come back here: it finds the lane closed. */
    while (!list_is_empty(&lane->pending))
        pending_fail(LIST_OBJECT(lane->pending.next, struct pending, link));
    atomic_store_explicit(&lane->silent_since_ns, 0, memory_order_relaxed);
    process_lane_left(lane->process, lost);
}

/* A process that was started anew is attached by mail alone: its start callbacks come before its first packet. */
bool lane_is_ready(struct lane *lane, struct shard *shard)
{
    lane->shard = shard;
    if (lane->descriptor < 0 && lane->epoch == 0)
        lane_attach(lane);
    return lane->descriptor >= 0;
}

static void lane_look_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct lane *lane = LIST_OBJECT(mail, struct lane, look);
    atomic_store(&lane->is_look_sent, false);
    lane->shard = shard;
    if (lane->descriptor >= 0 && process_has_left(lane->process, lane->epoch))
        lane_close(lane);
    if (lane->descriptor >= 0)
        return;
    lane_attach(lane);
    if (lane->descriptor >= 0 && lane->epoch > 1)
        isolated_call_start(lane->isolated, shard);
}

static void lane_leave_arrived(struct shard *shard, struct shard_mail *mail)
{
    (void)shard;
    struct lane *lane = LIST_OBJECT(mail, struct lane, leave);
    lane->is_ended = true;
    lane_close(lane);
}

static void lane_post(struct lane *lane, struct shard_mail *mail)
{
    struct broker *broker = lane->isolated->host->broker;
    broker->ways->post_any(broker, lane->worker, mail);
}

void lane_look(struct lane *lane)
{
    if (!atomic_exchange(&lane->is_look_sent, true))
        lane_post(lane, &lane->look);
}

void lane_leave(struct lane *lane)
{
    lane_post(lane, &lane->leave);
}
