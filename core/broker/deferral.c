/* Deferred verdicts: put aside, resumed, timed out or given up. */
#include "broker/deferral.h"

#include "base/clock.h"
#include "base/memory.h"
#include "broker/client.h"
#include "broker/verdict.h"

static void deferral_timed_out(struct wheel_timer *timer);
static void deferral_arrived(struct shard *shard, struct shard_mail *mail);

/* What the route says goes before what the handler says. */
static void deferral_bound(struct gmq_deferral *deferral, const struct gmq_call *call, uint32_t limit_ms,
                           gmq_verdict at_limit)
{
    const struct shard *shard = deferral->shard;
    const struct config_entry *entry = call->route != NULL ? call->route->steps[call->step].entry : NULL;
    if (entry != NULL && entry->defer_ms > 0)
        limit_ms = entry->defer_ms;
    if (limit_ms == 0)
        limit_ms = (uint32_t)shard_limits(shard)->deferral_ms;
    if (entry != NULL && entry->defer_at_limit != GMQ_DEFER)
        at_limit = entry->defer_at_limit;
    deferral->at_limit = (unsigned)at_limit < GMQ_DEFER ? at_limit : GMQ_REJECT; /* a plugin's word is no promise */
    deferral->timer.deadline_ns = shard->now_ns + limit_ms * CLOCK_NS_PER_MS;
}

void deferral_set_limit(struct gmq_deferral *deferral, uint32_t limit_ms, gmq_verdict at_limit)
{
    if (deferral->is_over)
        return;
    deferral_bound(deferral, &deferral->call, limit_ms, at_limit);
    wheel_stop(&deferral->shard->wheel, &deferral->timer);
    wheel_start(&deferral->shard->wheel, &deferral->timer, deferral->timer.deadline_ns);
}

struct gmq_deferral *deferral_new(struct gmq_call *call, uint32_t limit_ms, gmq_verdict at_limit)
{
    struct gmq_deferral *deferral = mem_alloc_zero(1, sizeof *deferral);
    if (deferral == NULL)
        return NULL;
    struct shard *shard = call->shard;
    deferral->shard = shard;
    deferral->mail.handle = deferral_arrived;
    arena_init(&deferral->arena, shard_limits(shard)->call_memory_bytes);
    wheel_timer_init(&deferral->timer, deferral_timed_out);
    deferral_bound(deferral, call, limit_ms, at_limit);
    return deferral;
}

bool deferral_start(struct gmq_call *call)
{
    struct gmq_deferral *deferral = call->deferral;
    if (deferral == NULL)
        return false;
    struct gmq_packet *packet = packet_copy(call->packet, &deferral->arena);
    if (packet == NULL) {
        deferral_cancel(deferral);
        return false;
    }
    deferral->call = *call;
    deferral->call.packet = packet;
    deferral->call.arena = &deferral->arena;
    deferral->is_started = true;
    deferral->since_ticks = clock_ticks();
    atomic_fetch_add(&call->generation->pins, 1);
    wheel_start(&deferral->shard->wheel, &deferral->timer, deferral->timer.deadline_ns);
    return true;
}

static void deferral_free(struct gmq_deferral *deferral)
{
    arena_deinit(&deferral->arena);
    mem_free(deferral->text);
    mem_free(deferral);
}

/* The worker's half is done. */
static void deferral_finish(struct gmq_deferral *deferral)
{
    wheel_stop(&deferral->shard->wheel, &deferral->timer);
    if (deferral->is_started)
        atomic_fetch_sub(&deferral->call.generation->pins, 1);
    deferral->is_over = true;
    if (deferral->is_resumed)
        deferral_free(deferral);
}

void deferral_cancel(struct gmq_deferral *deferral)
{
    if (deferral != NULL && !deferral->is_over)
        deferral_finish(deferral);
}

/* Before anything of a plugin runs: that may close the client, which cancels what it waits for, or defer anew. */
static void deferral_leave_client(struct gmq_deferral *deferral)
{
    struct gmq_client *client = deferral->call.client;
    if (client->connect_deferral == deferral)
        client->connect_deferral = NULL;
    else
        client->deferral = NULL;
    deferral->call.deferral = NULL;
}

static void deferral_decide(struct gmq_deferral *deferral, gmq_verdict verdict)
{
    /* The generation must outlive the rest of the route, and the call is the deferral's: finish it afterwards. */
    if (deferral->call.client->state != CLIENT_CLOSING)
        verdict_continue(&deferral->call, verdict);
    else if (deferral->call.deferral != NULL)
        deferral_cancel(deferral->call.deferral);
    deferral_finish(deferral);
}

static void deferral_timed_out(struct wheel_timer *timer)
{
    struct gmq_deferral *deferral = LIST_OBJECT(timer, struct gmq_deferral, timer);
    deferral->call.reason = GMQ_REASON_SERVER_BUSY;
    deferral->call.text = "the decision took too long";
    char subject[160];
    log_write(GMQ_LOG_WARNING, client_log_subject(deferral->call.client, subject, sizeof subject),
              "the deferred %s was not resumed by %s within its time limit",
              packet_type_name(deferral->call.packet->type), deferral->call.plugin->log_subject);
    deferral_leave_client(deferral);
    route_settle(&deferral->call, deferral->at_limit, deferral->since_ticks, true);
    deferral_decide(deferral, deferral->at_limit);
}

static gmq_verdict deferral_verdict(struct gmq_deferral *deferral)
{
    struct gmq_call *call = &deferral->call;
    if (deferral->continuation == NULL) {
        call->reason = deferral->reason;
        call->text = deferral->text;
        return deferral->verdict;
    }
    return route_continue(call, deferral->continuation, deferral->data);
}

/* On the worker, by mail. The code that resumed stays mapped until its workers have emptied their mailboxes: the
 * controller sees to that between a plugin's unload function and the unmapping. */
static void deferral_arrived(struct shard *shard, struct shard_mail *mail)
{
    (void)shard;
    struct gmq_deferral *deferral = LIST_OBJECT(mail, struct gmq_deferral, mail);
    deferral->is_resumed = true;
    if (!deferral->is_over) {
        deferral_leave_client(deferral);
        gmq_verdict verdict = deferral_verdict(deferral);
        route_settle(&deferral->call, verdict, deferral->since_ticks, false);
        deferral_decide(deferral, verdict);
    } else {
        if (deferral->continuation != NULL)
            deferral->continuation(NULL, NULL, deferral->data);
        deferral_free(deferral);
    }
}

void deferral_resume(struct gmq_deferral *deferral)
{
    deferral->shard->broker->ways->post_any(deferral->shard->broker, deferral->shard->index, &deferral->mail);
}
