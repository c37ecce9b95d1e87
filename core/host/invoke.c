/* Messages become calls of the plugin's functions, and their verdicts messages. */
#include "base/memory.h"
#include "host/host.h"
#include "plugin/route.h"

enum { CALL_MEMORY = 1073741824 }; /* the broker's own limit counts for what comes back to it */

/* ---- invocations ---- */

static struct invocation *invocation_new(struct lane *lane)
{
    struct invocation *invocation = lane->spare;
    lane->spare = NULL;
    if (invocation == NULL) {
        invocation = mem_alloc_zero(1, sizeof *invocation);
        if (invocation == NULL)
            return NULL;
        arena_init(&invocation->arena, CALL_MEMORY);
    }
    list_init(&invocation->link);
    return invocation;
}

static void invocation_free(struct lane *lane, struct invocation *invocation)
{
    list_remove(&invocation->link);
    if (lane->spare == NULL) {
        arena_reset(&invocation->arena);
        lane->spare = invocation;
        return;
    }
    arena_deinit(&invocation->arena);
    mem_free(invocation);
}

struct invocation *invocation_begin(struct lane *lane)
{
    struct invocation *invocation = invocation_new(lane);
    if (invocation == NULL)
        return NULL;
    invocation->id = 0;
    invocation->packet = gmq_view_make(NULL, 0);
    invocation->call =
        (gmq_call){.worker = lane->worker, .shard = lane, .arena = &invocation->arena, .plugin = host.plugin};
    return invocation;
}

void invocation_end(struct lane *lane, struct invocation *invocation)
{
    invocation_free(lane, invocation);
}

void invocations_free(struct lane *lane)
{
    while (!list_is_empty(&lane->deferred))
        invocation_free(lane, LIST_OBJECT(lane->deferred.next, struct invocation, link));
    if (lane->spare != NULL)
        arena_deinit(&lane->spare->arena);
    mem_free(lane->spare);
    lane->spare = NULL;
}

static struct invocation *deferred_find(struct lane *lane, uint64_t id)
{
    for (struct list *link = lane->deferred.next; link != &lane->deferred; link = link->next) {
        struct invocation *invocation = LIST_OBJECT(link, struct invocation, link);
        if (invocation->id == id)
            return invocation;
    }
    return NULL;
}

/* ---- reading ---- */

static bool facts_read(struct record_reader *reader, struct invocation *invocation)
{
    struct gmq_client *client = &invocation->client;
    uint8_t flags = record_read_u8(reader);
    invocation->call.client = NULL;
    if ((flags & CLIENT_IS_THERE) == 0)
        return !reader->is_bad;
    *client = (struct gmq_client){
        .lane = lane_of(&invocation->call), .call = invocation->id, .arena = &invocation->arena, .flags = flags};
    client->version = record_read_u8(reader);
    client->identifier = record_read_view(reader);
    client->username = record_read_view(reader);
    client->listener = record_read_view(reader);
    client->bytes = record_read_view(reader);
    client->layout = record_read_u32(reader);
    client->session_bytes = record_read_view(reader);
    client->session_layout = record_read_u32(reader);
    invocation->call.client = client;
    return !reader->is_bad;
}

static const struct gmq_settings *arguments_find(const struct lane *lane, uint64_t id)
{
    for (size_t i = lane->argument_count; i > 0; i--) {
        if (lane->arguments[i - 1].id == id)
            return lane->arguments[i - 1].settings;
    }
    return NULL;
}

static bool arguments_learn(struct lane *lane, uint64_t id, struct record_reader *reader)
{
    gmq_view json = record_read_view(reader);
    if (reader->is_bad || arguments_find(lane, id) != NULL)
        return !reader->is_bad;
    struct known_arguments *grown =
        mem_realloc(lane->arguments, (lane->argument_count + 1) * sizeof(struct known_arguments));
    if (grown == NULL)
        return false;
    lane->arguments = grown;
    struct gmq_settings *settings = settings_parse(json);
    if (settings == NULL)
        return false;
    grown[lane->argument_count++] = (struct known_arguments){id, settings};
    return true;
}

/* A call, whose message it keeps: a handler that asks for something moves the buffer that it came in. NULL: memory is
 * out. */
static struct invocation *invocation_read(struct lane *lane, uint64_t id, struct record_reader *reader)
{
    struct invocation *invocation = invocation_begin(lane);
    void *copy = invocation != NULL ? arena_copy(&invocation->arena, reader->bytes, reader->length) : NULL;
    if (copy == NULL)
        return NULL;
    reader->bytes = copy;
    invocation->id = id;
    return invocation;
}

/* The record that the next two fields name, and its arguments. */
static const gmq_record *record_take_next(struct record_reader *reader, struct invocation *invocation, uint16_t kind)
{
    uint32_t number = record_read_u32(reader);
    uint64_t arguments = record_read_u64(reader);
    if (reader->is_bad || number >= host.record_count || host.records[number]->kind != kind)
        return NULL;
    invocation->call.arguments = arguments_find(lane_of(&invocation->call), arguments);
    return host.records[number];
}

/* ---- verdicts ---- */

static bool has_changed(struct lane *lane, const struct invocation *invocation)
{
    buffer_clear(&lane->scratch);
    packet_flat_write(&lane->scratch, invocation->call.packet);
    return !gmq_view_same(gmq_view_make(lane->scratch.bytes, lane->scratch.length), invocation->packet);
}

static void verdict_send(struct lane *lane, const struct invocation *invocation, gmq_verdict verdict)
{
    const gmq_call *call = &invocation->call;
    bool has_packet = verdict == GMQ_NEXT && has_changed(lane, invocation);
    size_t begin = message_begin(&lane->out, MESSAGE_VERDICT, invocation->id);
    record_u8(&lane->out, (uint8_t)verdict);
    record_u8(&lane->out, (uint8_t)call->reason);
    record_u8(&lane->out, call->text != NULL);
    record_view(&lane->out, gmq_view_of(call->text));
    record_u8(&lane->out, has_packet);
    if (has_packet)
        buffer_append(&lane->out, lane->scratch.bytes, lane->scratch.length);
    message_end(&lane->out, begin);
}

static void put_off_send(struct lane *lane, const struct invocation *invocation)
{
    size_t begin = message_begin(&lane->out, MESSAGE_PUT_OFF, invocation->id);
    record_u32(&lane->out, invocation->limit_ms);
    record_u8(&lane->out, (uint8_t)invocation->at_limit);
    message_end(&lane->out, begin);
}

/* What a handler or continuation answered. As in the broker: what is no verdict closes, and who defers without
 * gmq_defer() refuses. */
static void verdict_take(struct lane *lane, struct invocation *invocation, gmq_verdict verdict)
{
    gmq_call *call = &invocation->call;
    bool is_deferred = verdict == GMQ_DEFER && call->deferral != NULL;
    call->deferral = NULL;
    if (is_deferred) {
        if (list_is_empty(&invocation->link))
            list_append(&lane->deferred, &invocation->link);
        put_off_send(lane, invocation);
        return;
    }
    if (verdict == GMQ_DEFER)
        verdict = gmq_reject(call, GMQ_REASON_SERVER_BUSY, NULL);
    else if ((unsigned)verdict > GMQ_DEFER)
        verdict = gmq_close(call, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, NULL);
    if (verdict == GMQ_REJECT && call->reason < GMQ_REASON_UNSPECIFIED_ERROR)
        call->reason = GMQ_REASON_UNSPECIFIED_ERROR;
    verdict_send(lane, invocation, verdict);
    invocation_free(lane, invocation);
}

/* ---- what comes ---- */

static bool take_call(struct lane *lane, uint64_t id, struct record_reader *reader)
{
    struct invocation *invocation = invocation_read(lane, id, reader);
    const gmq_record *record = invocation != NULL ? record_take_next(reader, invocation, GMQ_RECORD_HANDLER) : NULL;
    if (record == NULL || !facts_read(reader, invocation))
        return false;
    size_t length = reader->length - reader->position;
    invocation->packet = gmq_view_make(record_take(reader, length), length);
    invocation->call.packet = packet_flat_read(invocation->packet, &invocation->arena);
    if (invocation->call.packet == NULL || invocation->call.packet->type != record->number)
        return false;
    invocation->call.packet->is_changed = false;
    route_function *function;
    memcpy(&function, (const char *)record + offsetof(gmq_record_callback, function), sizeof function);
    verdict_take(lane, invocation, function(&invocation->call, invocation->call.packet));
    return true;
}

static void done_send(struct lane *lane, uint64_t id)
{
    message_end(&lane->out, message_begin(&lane->out, MESSAGE_DONE, id));
}

static bool take_callback(struct lane *lane, uint64_t id, struct record_reader *reader)
{
    struct invocation *invocation = invocation_read(lane, id, reader);
    const gmq_record *record = invocation != NULL ? record_take_next(reader, invocation, GMQ_RECORD_CALLBACK) : NULL;
    if (record == NULL || !facts_read(reader, invocation))
        return false;
    ((const gmq_record_callback *)(const void *)record)->function(&invocation->call);
    done_send(lane, id);
    invocation_free(lane, invocation);
    return true;
}

static bool take_posted(struct lane *lane, uint64_t id, struct record_reader *reader)
{
    struct invocation *invocation = invocation_read(lane, id, reader);
    uint64_t token = record_read_u64(reader);
    if (invocation == NULL || !facts_read(reader, invocation) || !posted_run(invocation, token))
        return false;
    done_send(lane, id);
    invocation_free(lane, invocation);
    return true;
}

bool invoke_message(struct lane *lane, const struct message_header *header, struct record_reader *reader)
{
    switch (header->kind) {
    case MESSAGE_ARGUMENTS:
        return arguments_learn(lane, header->id, reader);
    case MESSAGE_CALL:
        return take_call(lane, header->id, reader);
    case MESSAGE_CALLBACK:
        return take_callback(lane, header->id, reader);
    case MESSAGE_POSTED:
        return take_posted(lane, header->id, reader);
    default:
        return false;
    }
}

/* ---- resumed ---- */

/* A resume on its way to its lane. */
struct resume {
    struct lane_mail mail;
    uint64_t id;
    gmq_verdict verdict;
    gmq_reason reason;
    char *text; /* owned, or NULL */
    gmq_continuation *continuation;
    void *data;
};

static bool is_waiting(struct lane *lane, uint64_t id)
{
    uint8_t flags;
    uint32_t status;
    struct record_reader rest;
    size_t begin = operation_begin(lane, id, OPERATION_IS_WAITING);
    return operation_ask(lane, begin, &flags, &status, &rest) && record_read_bool(&rest);
}

static void resume_continue(struct lane *lane, struct invocation *invocation, const struct resume *resume)
{
    gmq_call *call = &invocation->call;
    if (is_waiting(lane, invocation->id)) {
        verdict_take(lane, invocation, resume->continuation(call, call->packet, resume->data));
        return;
    }
    resume->continuation(NULL, NULL, resume->data);
    verdict_take(lane, invocation, GMQ_CLOSE); /* it is over: this only has the broker forget it */
}

static void resume_decide(struct lane *lane, struct invocation *invocation, const struct resume *resume)
{
    gmq_call *call = &invocation->call;
    call->reason = resume->reason;
    call->text = NULL;
    if (resume->text != NULL)
        call->text = arena_copy(call->arena, resume->text, strlen(resume->text) + 1);
    verdict_take(lane, invocation, resume->verdict);
}

/* It was deferred by an earlier process of this plugin, if by any. */
static void resume_elsewhere(struct lane *lane, const struct resume *resume)
{
    if (resume->continuation != NULL) {
        resume->continuation(NULL, NULL, resume->data);
        gmq_log(host.plugin, GMQ_LOG_WARNING,
                "a call that was deferred before this process can't be continued in it; give its verdict instead");
        return;
    }
    size_t begin = message_begin(&lane->out, MESSAGE_RESUME, resume->id);
    record_u8(&lane->out, (uint8_t)resume->verdict);
    record_u8(&lane->out, (uint8_t)resume->reason);
    message_end(&lane->out, begin);
}

static void resume_arrived(struct lane *lane, struct lane_mail *mail)
{
    struct resume *resume = LIST_OBJECT(mail, struct resume, mail);
    struct invocation *invocation = lane != NULL ? deferred_find(lane, resume->id) : NULL;
    if (lane == NULL && resume->continuation != NULL)
        resume->continuation(NULL, NULL, resume->data);
    else if (invocation != NULL && resume->continuation != NULL)
        resume_continue(lane, invocation, resume);
    else if (invocation != NULL)
        resume_decide(lane, invocation, resume);
    else if (lane != NULL)
        resume_elsewhere(lane, resume);
    mem_free(resume->text);
    mem_free(resume);
}

/* A deferral is no address here, but the number of its call: it means something to every process of the plugin. Without
 * memory the call goes the way of its time limit. */
static void resume_post(const gmq_deferral *deferral, const struct resume *model, const char *text)
{
    uint64_t id = (uint64_t)(uintptr_t)deferral;
    struct lane *lane = &host.lanes[message_worker_of(id) % CONFIG_WORKERS_MAX];
    struct resume *resume = mem_alloc_zero(1, sizeof *resume);
    if (resume == NULL)
        return;
    *resume = *model;
    resume->mail.handle = resume_arrived;
    resume->id = id;
    if (text != NULL)
        resume->text = mem_copy_text(text, strlen(text));
    if (message_is_call(id) && lane->descriptor >= 0)
        lane_post(lane, &resume->mail);
    else
        resume_arrived(NULL, &resume->mail);
}

void gmq_resume(gmq_deferral *deferral, gmq_verdict verdict)
{
    bool is_plain = verdict == GMQ_NEXT || verdict == GMQ_DONE;
    resume_post(deferral, &(struct resume){.verdict = is_plain ? verdict : GMQ_CLOSE}, NULL);
}

void gmq_resume_reject(gmq_deferral *deferral, gmq_reason reason, const char *text)
{
    bool is_refusal = reason >= GMQ_REASON_UNSPECIFIED_ERROR;
    resume_post(deferral,
                &(struct resume){.verdict = GMQ_REJECT, .reason = is_refusal ? reason : GMQ_REASON_UNSPECIFIED_ERROR},
                text);
}

void gmq_resume_with(gmq_deferral *deferral, gmq_continuation *continuation, void *data)
{
    resume_post(deferral, &(struct resume){.continuation = continuation, .data = data}, NULL);
}

gmq_deferral *gmq_defer(gmq_call *call, uint32_t limit_ms, gmq_verdict at_limit)
{
    struct invocation *invocation = invocation_of(call);
    if (call->packet == NULL || call->deferral != NULL)
        return NULL;
    invocation->limit_ms = limit_ms;
    invocation->at_limit = at_limit == GMQ_NEXT || at_limit == GMQ_CLOSE ? at_limit : GMQ_REJECT;
    call->deferral = (gmq_deferral *)(uintptr_t)invocation->id; /* NOLINT: a number for the plugin to keep */
    return call->deferral;
}
