/* Questions on their way between the controller and the workers. */
#include "control/gather.h"

#include "base/clock.h"
#include "base/memory.h"
#include "control/json_line.h"

#include <string.h>

enum { GATHER_SLICE_SIZE = 16 * 1024 };

#define GATHER_SLICE_NS UINT64_C(200000)

/* ---- the worker's side ---- */

bool gather_is_full(const struct gather *gather)
{
    return gather->lines.length >= GATHER_SLICE_SIZE || clock_now_ns() >= gather->slice_end_ns;
}

static bool gather_has_finished(const struct gather *gather, const struct session *session)
{
    for (uint32_t i = 0; i < gather->finished_count; i++) {
        if (gather->finished[i] == session->number)
            return true;
    }
    return false;
}

/* While a session is unfinished, only that one; else all that aren't finished. */
static void gather_visit(void *value, void *data)
{
    struct gather *gather = data;
    struct session *session = value;
    if (gather_has_finished(gather, session) || (gather->unfinished != 0 && gather->unfinished != session->number))
        return;
    if (gather->unfinished == 0)
        gather->position = 0;
    gather->unfinished = 0;
    gather->was_visited = true;
    gather->visit(gather, session);
    if (gather->unfinished == 0 && gather->finished_count < GATHER_FINISHED_MAX)
        gather->finished[gather->finished_count++] = session->number;
}

/* All sessions at the cursor. False: one of them has more to say. */
static bool gather_visit_place(struct gather *gather, const struct shard *shard)
{
    if (gather->unfinished != 0) {
        gather->was_visited = false;
        (void)map_scan(&shard->sessions, gather->cursor, gather_visit, gather);
        if (!gather->was_visited)
            gather->unfinished = 0; /* it has ended meanwhile */
    }
    uint64_t next = gather->cursor;
    if (gather->unfinished == 0)
        next = map_scan(&shard->sessions, gather->cursor, gather_visit, gather);
    if (gather->unfinished != 0)
        return false;
    gather->cursor = next;
    gather->finished_count = 0;
    return true;
}

bool gather_walk(struct gather *gather, struct shard *shard)
{
    if (gather->client.data != NULL) {
        struct session *session = session_find(shard, gather->client);
        if (session != NULL && gather->unfinished == 0)
            gather->position = 0;
        gather->unfinished = 0;
        if (session != NULL)
            gather->visit(gather, session);
        return gather->unfinished == 0;
    }
    do {
        if (!gather_visit_place(gather, shard))
            return false;
    } while (gather->cursor != 0 && !gather_is_full(gather));
    return gather->cursor == 0;
}

static void gather_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct gather *gather = (struct gather *)(void *)mail;
    gather->slice_end_ns = clock_now_ns() + GATHER_SLICE_NS;
    gather->is_complete = gather->work(gather, shard);
    control_mail_return(&gather->mail);
}

/* ---- the controller's side ---- */

static void gather_free(struct gather *gather)
{
    list_remove(&gather->link);
    buffer_deinit(&gather->lines);
    mem_free(gather);
}

static void gather_finish(struct gather *gather)
{
    struct control_connection *connection = gather->connection;
    connection->gather = NULL;
    answer_end_begin(connection, true);
    json_number(&connection->output, "count", gather->found);
    answer_end(connection);
    gather_free(gather);
}

static void gather_returned(struct control_mail *mail)
{
    struct gather *gather = (struct gather *)(void *)mail;
    struct control_connection *connection = gather->connection;
    gather->is_away = false;
    if (connection == NULL) {
        gather_free(gather);
        return;
    }
    connection->output.is_failed |= gather->lines.is_failed;
    buffer_append(&connection->output, gather->lines.bytes, gather->lines.length);
    buffer_clear(&gather->lines);
    if (gather->is_complete) {
        gather->worker++;
        gather->cursor = 0;
        gather->finished_count = 0;
        gather->unfinished = 0;
        if (gather->is_of_one_worker || gather->worker == gather->mail.control->controller->crew->count)
            gather_finish(gather);
    }
    control_connection_settle(connection);
}

static gmq_view view_copy(char **room, gmq_view view)
{
    if (view.data == NULL)
        return view;
    memcpy(*room, view.data, view.length);
    gmq_view copy = gmq_view_make(*room, view.length);
    *room += view.length;
    return copy;
}

void gather_start(struct control_connection *connection, gather_work *work,
                  void (*visit)(struct gather *gather, struct session *session),
                  const struct command_arguments *arguments)
{
    struct control *control = connection->control;
    struct gather *gather = mem_alloc(sizeof(*gather) + arguments->client.length + arguments->topic.length);
    if (gather == NULL) {
        answer_refuse(connection, "the broker's memory is out");
        return;
    }
    char *room = (char *)(gather + 1);
    *gather = (struct gather){.mail = {{.handle = gather_arrived}, control, gather_returned},
                              .connection = connection,
                              .work = work,
                              .visit = visit};
    gather->client = view_copy(&room, arguments->client);
    gather->topic = view_copy(&room, arguments->topic);
    buffer_init(&gather->lines);
    if (gather->client.data != NULL) {
        gather->is_of_one_worker = true;
        gather->worker = broker_worker_of(control->controller->broker, gather->client);
    }
    list_append(&control->gathers, &gather->link);
    connection->gather = gather;
}

void gather_go_on(struct gather *gather)
{
    if (gather->is_away || control_connection_pending(gather->connection) >= CONTROL_OUTPUT_ENOUGH)
        return;
    gather->is_away = true;
    control_mail_send(&gather->mail, gather->worker);
}

void gather_abandon(struct gather *gather)
{
    gather->connection = NULL;
    if (!gather->is_away)
        gather_free(gather);
}

void gather_free_all(struct control *control)
{
    while (!list_is_empty(&control->gathers))
        gather_free(LIST_OBJECT(control->gathers.next, struct gather, link));
}
