/* Retained messages on their way to new subscriptions. */
#include "broker/retained_run.h"

#include "base/memory.h"
#include "broker/retained_search.h"

enum { RUN_SLICE = 1000 };

static uint8_t run_qos(const struct retained_run *run, const struct message *message)
{
    uint8_t granted = run->options & SUBSCRIBE_QOS_MASK;
    return granted < message->qos ? granted : message->qos;
}

gmq_status delivery_retained(struct session *session, gmq_view filter, uint8_t options, uint32_t identifier)
{
    struct retained_run *run = mem_alloc_zero(1, sizeof *run);
    if (run == NULL)
        return GMQ_ERROR_MEMORY;
    list_init(&run->link);
    run->session = session;
    run->options = options;
    run->identifier = identifier;
    bool is_begun = retained_search_begin(run, filter);
    if (!is_begun || (run->count == 0 && run->filter == NULL)) {
        retained_search_discard(run);
        return is_begun ? GMQ_OK : GMQ_ERROR_MEMORY;
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
        if (run->filter != NULL)
            return RUN_WAITS;
        if (run->position == run->count) {
            session->retained = run->next;
            retained_search_discard(run);
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

/* Up to the limit of the queue, beyond which nothing is kept. */
static void run_queue(struct session *session, struct retained_run *run)
{
    uint64_t dropped = session->dropped;
    while (run->position < run->count && session->dropped == dropped) {
        struct message *message = run->messages[run->position++];
        if (run_qos(run, message) > 0)
            run_send(session, run, message);
        message_unref(message);
    }
}

void retained_run_abandon(struct session *session)
{
    bool is_kept = session_is_resumable(session) && !session->is_ended;
    struct retained_run **next = &session->retained;
    while (*next != NULL) {
        struct retained_run *run = *next;
        if (is_kept && run->filter != NULL) {
            next = &run->next;
            continue;
        }
        *next = run->next;
        if (is_kept)
            run_queue(session, run);
        retained_search_discard(run);
    }
}
