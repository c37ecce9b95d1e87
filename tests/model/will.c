/* What becomes of an actor's wills: each is published once, or never, by what the actor knows of its connections (5.0,
 * 3.1.2.5 and 3.1.3.2.2). */
#include "model/actor.h"

#include "base/clock.h"
#include "shard/demand.h"

void wills_add(struct actor *actor, const struct letter *will, uint8_t topic, char *payload, size_t size)
{
    demand(actor->will_count < ACTOR_WILLS_MAX, "too many wills");
    struct oracle_message message = {
        .publisher = ORACLE_PUBLISHERS, .topic = topic, .qos = will->qos, .is_retained = will->is_retained};
    uint32_t number = oracle_send(actor->oracle, &message);
    actor_trace(actor, "has will %u", number);
    snprintf(payload, size, "%u", number);
    actor->wills[actor->will_count++] =
        (struct known_will){.number = number,
                            .peer = actor->peer,
                            .connection = actor->connection,
                            .delay = actor->version == GMQ_VERSION_5_0 ? will->delay : 0};
}

/* The broker has its connection still, and so not published it. */
static void will_postpone(struct actor *actor, struct known_will *will)
{
    if (will->peer->connection != NULL)
        oracle_postpone(actor->oracle, will->number);
}

void wills_before_connect(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->will_count; i++) {
        struct known_will *will = &actor->wills[i];
        will_postpone(actor, will);
        if (will->followed_by != 0)
            continue;
        will->followed_by = actor->connection + 1;
        will->was_open = will->peer->closed_ns == 0;
    }
}

void wills_before_break(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->will_count; i++) {
        if (actor->wills[i].peer == actor->peer && actor->peer != NULL)
            will_postpone(actor, &actor->wills[i]);
    }
}

static void will_cancel(struct actor *actor, const struct known_will *will)
{
    const char *complaint = oracle_cancel(actor->oracle, will->number);
    demand(complaint == NULL, "%s: %s", actor->name, complaint);
}

/* The next connection has resumed the session: the will was published if its delay had passed by then. */
static void will_decide_resumed(struct actor *actor, const struct known_will *will)
{
    uint64_t due_ns = will->peer->closed_ns + will->delay * CLOCK_NS_PER_SECOND;
    if (due_ns > actor->shards->now_ns)
        will_cancel(actor, will);
    else if (!will->was_open && due_ns + ACTOR_SLACK_NS <= actor->asked_ns)
        oracle_accept(actor->oracle, will->number);
    else
        oracle_abandon(actor->oracle, will->number);
}

static void will_decide(struct actor *actor, const struct known_will *will, bool is_present)
{
    bool is_next = will->followed_by == actor->connection;
    if (!will->stands || will->is_doubtful || (!is_next && will->delay > 0))
        oracle_abandon(actor->oracle, will->number);
    else if (will->delay == 0 || !is_present)
        oracle_accept(actor->oracle, will->number);
    else
        will_decide_resumed(actor, will);
}

/* CONNACK has come: that is the end of all earlier connections. */
void wills_decide(struct actor *actor, bool is_present)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < actor->will_count; i++) {
        struct known_will *will = &actor->wills[i];
        if (will->connection == actor->connection) {
            will->stands = true;
            actor->wills[kept++] = *will;
        } else {
            will_decide(actor, will, is_present);
        }
    }
    actor->will_count = kept;
}

void wills_take_back(struct actor *actor, bool is_certain)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < actor->will_count; i++) {
        struct known_will *will = &actor->wills[i];
        bool is_own = will->peer == actor->peer;
        will->is_doubtful = will->is_doubtful || is_own;
        if (is_own && is_certain)
            will_cancel(actor, will);
        else
            actor->wills[kept++] = *will;
    }
    actor->will_count = kept;
}

/* Whether it must have been published by now, without another connection. */
static bool will_is_over(const struct actor *actor, const struct known_will *will)
{
    if (!will->stands || will->is_doubtful || will->followed_by != 0 || will->peer->closed_ns == 0)
        return false;
    uint32_t wait = will->delay < actor->session_expiry ? will->delay : actor->session_expiry;
    uint64_t due_ns = will->peer->closed_ns + wait * CLOCK_NS_PER_SECOND;
    return wait == 0 || due_ns + ACTOR_SLACK_NS <= actor->shards->now_ns;
}

void wills_rest(struct actor *actor)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < actor->will_count; i++) {
        struct known_will *will = &actor->wills[i];
        if (will_is_over(actor, will))
            oracle_accept(actor->oracle, will->number);
        else
            actor->wills[kept++] = *will;
    }
    actor->will_count = kept;
}
