/* The search for the retained messages that a filter matches. */
#include "broker/retained_search.h"

#include "base/memory.h"
#include "broker/client.h"
#include "broker/session.h"

#include <string.h>

enum {
    SEARCH_FIRST_CAPACITY = 16,
    SEARCH_AT_ONCE = 200, /* children looked at: some 20 microseconds, as a packet may have thousands of filters */
    SEARCH_SLICE = 2000,
    DISCARD_SLICE = 5000,
};

static void search_collect(struct message *message, void *data)
{
    struct retained_run *run = data;
    if (run->count == run->capacity) {
        uint32_t capacity = run->capacity == 0 ? SEARCH_FIRST_CAPACITY : run->capacity * 2;
        struct message **messages = mem_realloc(run->messages, capacity * sizeof *messages);
        if (messages == NULL) {
            run->is_failed = true;
            return;
        }
        run->messages = messages;
        run->capacity = capacity;
    }
    message_ref(message, 1);
    run->messages[run->count++] = message;
}

static void run_forget_messages(struct retained_run *run, uint32_t most)
{
    for (; most > 0 && run->position < run->count; most--)
        message_unref(run->messages[run->position++]);
}

static void run_free(struct retained_run *run)
{
    run_forget_messages(run, UINT32_MAX);
    mem_free(run->messages);
    mem_free(run->filter);
    mem_free(run);
}

/* ---- the search that is under way: the first of the shard's ---- */

static void search_leave(struct shard *shard)
{
    if (shard->search_reader != NULL)
        grace_leave(shard->search_reader);
    shard->search_reader = NULL;
}

/* Later: what was found so far is found again, so that all is found in one grace period. */
static bool search_put_off(struct retained_run *run, gmq_view filter)
{
    run_forget_messages(run, UINT32_MAX);
    run->position = run->count = 0;
    run->filter = mem_copy_text(filter.data, filter.length);
    run->filter_length = (uint16_t)filter.length;
    run->is_late = true;
    if (run->filter != NULL)
        list_append(&run->session->shard->searching, &run->link);
    return run->filter != NULL;
}

bool retained_search_begin(struct retained_run *run, gmq_view filter)
{
    struct shard *shard = run->session->shard;
    shard->walk.most = SEARCH_AT_ONCE;
    bool is_whole =
        retained_store_match(shard->broker->retained, filter, shard->now_ns, &shard->walk, search_collect, run);
    shard->walk.most = 0;
    if (!is_whole && shard->walk.is_cut)
        return !run->is_failed && search_put_off(run, filter);
    return is_whole && !run->is_failed;
}

/* What a client is told must not depend on how busy the broker is: what can't be found for want of memory is said. */
static void search_end(struct shard *shard, struct retained_run *run, bool is_whole)
{
    search_leave(shard);
    list_remove(&run->link);
    mem_free(run->filter);
    run->filter = NULL;
    struct gmq_client *client = run->session->client;
    if (!is_whole || run->is_failed)
        log_write(GMQ_LOG_WARNING, "broker", "client \"%s\": retained messages are not sent: out of memory",
                  run->session->identifier->text);
    if (client != NULL)
        client_pump_soon(client);
    else
        retained_run_abandon(run->session);
}

static void search_slice(struct shard *shard, struct retained_run *run)
{
    struct retained_store *store = shard->broker->retained;
    gmq_view filter = gmq_view_make(run->filter, run->filter_length);
    struct topic_walk *walk = &shard->search_walk;
    bool is_new = shard->search_reader == NULL;
    if (is_new)
        shard->search_reader = grace_join(shard->broker->grace);
    walk->most = shard->search_reader != NULL ? SEARCH_SLICE : 0; /* no place among the readers: all at once, then */
    bool is_whole = is_new ? retained_store_match(store, filter, shard->now_ns, walk, search_collect, run)
                           : retained_store_match_more(store, filter, shard->now_ns, walk, search_collect, run);
    if (is_whole || !walk->is_cut || run->is_failed)
        search_end(shard, run, is_whole);
}

/* ---- */

void retained_search_discard(struct retained_run *run)
{
    struct shard *shard = run->session->shard;
    if (run->filter != NULL && shard->searching.next == &run->link)
        search_leave(shard);
    list_remove(&run->link);
    run->session = NULL;
    if (run->count - run->position <= DISCARD_SLICE)
        run_free(run);
    else
        list_append(&shard->discarding, &run->link);
}

void retained_search_advance(struct shard *shard)
{
    if (!list_is_empty(&shard->searching))
        search_slice(shard, LIST_OBJECT(shard->searching.next, struct retained_run, link));
    if (list_is_empty(&shard->discarding))
        return;
    struct retained_run *run = LIST_OBJECT(shard->discarding.next, struct retained_run, link);
    run_forget_messages(run, DISCARD_SLICE);
    if (run->position < run->count)
        return;
    list_remove(&run->link);
    run_free(run);
}

bool retained_search_is_busy(const struct shard *shard)
{
    return !list_is_empty(&shard->searching) || !list_is_empty(&shard->discarding);
}

void retained_search_deinit(struct shard *shard)
{
    while (!list_is_empty(&shard->discarding)) {
        struct retained_run *run = LIST_OBJECT(shard->discarding.next, struct retained_run, link);
        list_remove(&run->link);
        run_free(run);
    }
    topic_walk_deinit(&shard->search_walk);
}
