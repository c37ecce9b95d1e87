/* Retained messages on their way to new subscriptions. */
#include "broker/retained_run.h"

#include "base/memory.h"

enum { RUN_FIRST_CAPACITY = 16, RUN_SLICE = 1000 };

struct retained_run {
    struct retained_run *next; /* of the same session: later subscriptions */
    struct message **messages; /* references */
    uint32_t count;
    uint32_t capacity;
    uint32_t position;
    uint32_t identifier; /* subscription identifier, 0: none */
    uint8_t options;
    bool is_late; /* at least one slice is over: messages may have been replaced since */
    bool is_short_of_memory;
};

static void run_collect(struct message *message, void *data)
{
    struct retained_run *run = data;
    if (run->count == run->capacity) {
        uint32_t capacity = run->capacity == 0 ? RUN_FIRST_CAPACITY : run->capacity * 2;
        struct message **messages = mem_realloc(run->messages, capacity * sizeof *messages);
        if (messages == NULL) {
            run->is_short_of_memory = true;
            return;
        }
        run->messages = messages;
        run->capacity = capacity;
    }
    message_ref(message, 1);
    run->messages[run->count++] = message;
}

static void run_free(struct retained_run *run)
{
    for (uint32_t i = run->position; i < run->count; i++)
        message_unref(run->messages[i]);
    mem_free(run->messages);
    mem_free(run);
}

static uint8_t run_qos(const struct retained_run *run, const struct message *message)
{
    uint8_t granted = run->options & SUBSCRIBE_QOS_MASK;
    return granted < message->qos ? granted : message->qos;
}

gmq_status delivery_retained(struct session *session, gmq_view filter, uint8_t options, uint32_t identifier)
{
    struct shard *shard = session->shard;
    struct retained_run *run = mem_alloc_zero(1, sizeof *run);
    if (run == NULL)
        return GMQ_ERROR_MEMORY;
    run->options = options;
    run->identifier = identifier;
    bool is_whole =
        retained_store_match(shard->broker->retained, filter, shard->now_ns, &shard->walk, run_collect, run);
    if (!is_whole || run->is_short_of_memory || run->count == 0) {
        bool is_failed = !is_whole || run->is_short_of_memory;
        run_free(run);
        return is_failed ? GMQ_ERROR_MEMORY : GMQ_OK;
    }
    struct retained_run **last = &session->retained;
    while (*last != NULL)
        last = &(*last)->next;
    *last = run;
    if (delivery_pump(session))
        client_pump_soon(session->client);
    return GMQ_OK;
}

static void run_note_current(struct message *message, void *data)
{
    struct message **wanted = data;
    if (message == *wanted)
        *wanted = NULL;
}

/* A message that was replaced while it waited here has reached the client as a live one: the old one must not follow.
 */
static bool run_is_current(const struct retained_run *run, struct shard *shard, struct message *message)
{
    if (!run->is_late)
        return true;
    struct message *wanted = message;
    (void)retained_store_match(shard->broker->retained, message_topic(message), shard->now_ns, &shard->walk,
                               run_note_current, &wanted);
    return wanted == NULL;
}

static void run_send(struct session *session, const struct retained_run *run, struct message *message)
{
    struct publication publication;
    publication_init_kept(&publication, message);
    uint32_t identifier = run->identifier; /* handlers on the way may bring the run to its end */
    struct delivery_order order = {
        .qos = run_qos(run, message),
        .is_retained = true,
        .identifier_count = identifier != 0 ? 1 : 0,
        .identifiers = &identifier,
    };
    delivery_to_session(session, &publication, &order);
    publication_deinit(&publication);
}

enum run_progress retained_run_advance(struct session *session)
{
    struct shard *shard = session->shard;
    for (uint32_t sent = 0; session->retained != NULL; sent++) {
        struct retained_run *run = session->retained;
        if (run->position == run->count) {
            session->retained = run->next;
            run_free(run);
            continue;
        }
        if (sent >= RUN_SLICE) {
            run->is_late = true;
            return RUN_HAS_MORE;
        }
        struct message *message = run->messages[run->position];
        if (!delivery_has_room(session, run_qos(run, message))) {
            run->is_late = true;
            return RUN_WAITS;
        }
        run->position++;
        if (run_is_current(run, shard, message))
            run_send(session, run, message);
        message_unref(message);
    }
    return RUN_DONE;
}

void retained_run_abandon(struct session *session)
{
    while (session->retained != NULL) {
        struct retained_run *run = session->retained;
        session->retained = run->next;
        bool is_kept = session_is_resumable(session) && !session->is_ended;
        for (uint32_t i = run->position; is_kept && i < run->count; i++) {
            if (run_qos(run, run->messages[i]) > 0)
                run_send(session, run, run->messages[i]);
        }
        run_free(run);
    }
}
