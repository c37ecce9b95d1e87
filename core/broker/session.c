/* Sessions: opened, resumed, taken over, left behind, ended. */
#include "broker/session.h"

#include "base/clock.h"
#include "base/memory.h"
#include "broker/client.h"
#include "broker/delivery.h"
#include "broker/flow.h"
#include "broker/retained_run.h"
#include "broker/will.h"

#include <string.h>

enum { SESSION_NUMBER_SHIFT = 48, SESSION_END_SLICE = 250 };

static void session_timer_due(struct wheel_timer *timer);

struct session *session_find(const struct shard *shard, gmq_view identifier)
{
    return map_find(&shard->sessions, identifier);
}

static struct session *session_allocate(struct shard *shard, struct client_identifier *identifier)
{
    struct session *session = session_pool_take(shard->session_pool);
    if (session == NULL)
        return NULL;
    session->identifier = client_identifier_ref(identifier);
    session->shard = shard;
    session->number = ((uint64_t)shard->index + 1) << SESSION_NUMBER_SHIFT | ++shard->last_session_number;
    atomic_init(&session->presence, SESSION_OFFLINE);
    session->ends_ns = UINT64_MAX;
    session->will_ns = UINT64_MAX;
    wheel_timer_init(&session->timer, session_timer_due);
    return session;
}

static void session_free(struct session_pool *pool, struct session *session)
{
    mem_free(session->subscriptions);
    client_identifier_unref(&pool->names, session->identifier);
    session_pool_give(pool, session);
}

static void session_release(struct grace_retired *retired)
{
    struct session *session = LIST_OBJECT(retired, struct session, retired);
    session_free(session->pool, session);
}

static gmq_status session_new(struct shard *shard, struct client_identifier *identifier, struct session **created)
{
    struct broker *broker = shard->broker;
    if (atomic_fetch_add(&broker->session_count, 1) >= shard_limits(shard)->sessions) {
        atomic_fetch_sub(&broker->session_count, 1);
        return GMQ_ERROR_LIMIT;
    }
    struct session *session = session_allocate(shard, identifier);
    if (session != NULL && map_insert(&shard->sessions, session)) {
        *created = session;
        return GMQ_OK;
    }
    if (session != NULL)
        session_free(shard->session_pool, session);
    atomic_fetch_sub(&broker->session_count, 1);
    return GMQ_ERROR_MEMORY;
}

void session_set_presence(struct session *session)
{
    enum session_presence presence = session->is_ended ? SESSION_ENDED : SESSION_OFFLINE;
    if (!session->is_ended && session->client != NULL && client_is_connected(session->client))
        presence = session->queue.count > 0 ? SESSION_CONGESTED : SESSION_READY;
    if (atomic_load_explicit(&session->presence, memory_order_relaxed) != presence)
        atomic_store_explicit(&session->presence, (unsigned char)presence, memory_order_relaxed);
}

/* The old connection is told and closed, its will goes out unless it may wait longer than the new one took to come
 * (5.0, 3.1.4 and 3.1.3.2.2). */
static void session_take_over(struct session *session)
{
    struct gmq_client *old = session->client;
    flow_abandon(old);
    session->client = NULL;
    old->session = NULL;
    client_close(old, GMQ_REASON_SESSION_TAKEN_OVER, "another connection uses this client identifier");
}

void session_discard_will(struct session *session)
{
    will_free(session->will);
    session->will = NULL;
    session->will_ns = UINT64_MAX;
}

static void session_settle_will(struct session *session, bool is_ending)
{
    struct will *will = session->will;
    if (will == NULL)
        return;
    session->will = NULL;
    session->will_ns = UINT64_MAX;
    if (is_ending || will->delay == 0)
        will_publish(session->shard, will);
    else
        will_free(will);
}

/* A session that can't outlive its connection ends with it, also where a new connection asks to resume it. */
static void session_clear_for(struct session *session, const struct session_request *request)
{
    bool is_ending = request->is_clean_start || !session_is_resumable(session);
    if (session->client != NULL)
        session_take_over(session);
    session_settle_will(session, is_ending);
    if (is_ending)
        session_end(session);
}

static void session_attach(struct session *session, struct gmq_client *client, const struct session_request *request)
{
    wheel_stop(&session->shard->wheel, &session->timer);
    session->ends_ns = UINT64_MAX;
    session->client = client;
    session->expiry_interval = request->expiry_interval;
    session->will = request->will;
    if (session->will != NULL)
        session->will->message->publisher = session->number;
    inflight_restart(&session->inflight);
    client->session = session;
}

gmq_status session_open(struct shard *shard, struct gmq_client *client, const struct session_request *request,
                        bool *is_present)
{
    gmq_view name = client_identifier_view(client);
    struct session *session = session_find(shard, name);
    if (session != NULL) {
        session_clear_for(session, request);
        session = session_find(shard, name);
    }
    *is_present = session != NULL;
    if (session == NULL) {
        gmq_status status = session_new(shard, client->identifier, &session);
        if (status != GMQ_OK)
            return status;
    }
    session_attach(session, client, request);
    return GMQ_OK;
}

/* One timer for both: what is due first. */
static void session_arm(struct session *session)
{
    uint64_t due_ns = session->ends_ns < session->will_ns ? session->ends_ns : session->will_ns;
    if (due_ns != UINT64_MAX)
        wheel_start(&session->shard->wheel, &session->timer, due_ns);
}

static void session_timer_due(struct wheel_timer *timer)
{
    struct session *session = LIST_OBJECT(timer, struct session, timer);
    uint64_t now_ns = session->shard->now_ns;
    bool is_over = now_ns >= session->ends_ns;
    if (is_over || now_ns >= session->will_ns) /* the session's end is also the end of the delay [MQTT-3.1.3-9] */
        session_settle_will(session, true);
    if (is_over)
        session_end(session);
    else
        session_arm(session);
}

/* The server's going down is no reason to announce that its clients have died. */
static void session_leave_will(struct session *session)
{
    if (session->will == NULL)
        return;
    if (atomic_load(&session->shard->broker->is_stopping)) {
        session_discard_will(session);
        return;
    }
    if (session->will->delay == 0)
        session_settle_will(session, true);
    else
        session->will_ns = session->shard->now_ns + session->will->delay * CLOCK_NS_PER_SECOND;
}

void session_leave(struct session *session)
{
    session->client = NULL;
    session_set_presence(session);
    retained_run_abandon(session);
    session_leave_will(session);
    if (!session_is_resumable(session)) {
        session_settle_will(session, true); /* the session's end is also the end of the delay */
        session_end(session);
        return;
    }
    if (session->expiry_interval != SESSION_NEVER_EXPIRES)
        session->ends_ns = session->shard->now_ns + session->expiry_interval * CLOCK_NS_PER_SECOND;
    session_arm(session);
}

/* A message of a shared subscription that nobody has begun to receive goes to another member (5.0, 4.8.2); QoS 2 that
 * was sent must not. */
static void session_pass_on_shared(struct session *session)
{
    struct delivery delivery;
    struct inflight_entry *entry = NULL;
    while ((entry = inflight_next(&session->inflight, entry)) != NULL) {
        if (entry->delivery.is_shared && entry->state == INFLIGHT_PUBACK && entry->delivery.message != NULL)
            session_pass_on(session, entry->delivery.message);
    }
    while (queue_pop(&session->queue, &delivery)) {
        if (delivery.is_shared)
            session_pass_on(session, delivery.message);
        delivery_deinit(&delivery);
    }
}

/* Other workers' mail may name it until their next quiescent state. */
static void session_retire(struct session *session)
{
    session->pool = session->shard->session_pool;
    grace_retire(session->shard->reader, &session->retired, session_release);
}

void session_end(struct session *session)
{
    struct shard *shard = session->shard;
    if (session->is_ended)
        return;
    session->is_ended = true;
    struct gmq_client shell = {
        .shard = shard, .session = session, .identifier = session->identifier, .state = CLIENT_CLOSING};
    shard_call_back(shard, GMQ_EVENT_SESSION_END, &shell);
    wheel_stop(&shard->wheel, &session->timer);
    (void)map_remove(&shard->sessions, client_identifier_text(session->identifier));
    atomic_fetch_sub(&shard->broker->session_count, 1);
    session_set_presence(session);
    if (!atomic_load(&shard->broker->is_stopping))
        session_pass_on_shared(session);
    inflight_deinit(&session->inflight);
    queue_deinit(&session->queue);
    id_set_deinit(&session->incoming);
    retained_run_abandon(session);
    session_discard_will(session);
    bytes_free(&session->bytes);
    session_unsubscribe_some(session, SESSION_END_SLICE);
    if (session->subscription_count == 0) {
        session_retire(session);
        return;
    }
    list_init(&session->ending);
    list_append(&shard->ending, &session->ending);
}

void session_end_more(struct shard *shard)
{
    if (list_is_empty(&shard->ending))
        return;
    struct session *session = LIST_OBJECT(shard->ending.next, struct session, ending);
    session_unsubscribe_some(session, SESSION_END_SLICE);
    if (session->subscription_count > 0)
        return;
    list_remove(&session->ending);
    session_retire(session);
}
