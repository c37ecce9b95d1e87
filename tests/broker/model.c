/* Random clients, messages, subscriptions, broken connections, take-overs, deferred verdicts, reloads and times against
 * an oracle: nothing is lost at QoS 1 and 2, nothing doubled at QoS 2, and the order of each publisher stands.
 *
 *     GRAFTMQ_MODEL_SEEDS=5000 GRAFTMQ_MODEL_FIRST=1 build/asan/tests/test_broker_model
 *
 * A seed that fails is named; run it alone with GRAFTMQ_MODEL_SEEDS=1 GRAFTMQ_MODEL_FIRST=SEED. */
#include "base/random.h"
#include "shard/actor.h"
#include "shard/desk.h"
#include "shard/each.h"
#include "shard/oracle.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* The last two readers share one subscription, and are one to the oracle. */
enum { PUBLISHERS = ORACLE_PUBLISHERS, READERS = 4, MEMBERS = 2, ACTORS = PUBLISHERS + READERS + MEMBERS };
enum { GROUP = READERS, STEPS = 120, SEEDS_DEFAULT = 300 };

#define LIMITS "'limits': {'outgoing_bytes': 4096, 'in_flight_messages': 6}, "
#define INCOMING "'routes': {'PUBLISH': ['desk:on_publish', 'broker:on_publish']}"
#define OUTGOING ", 'outgoing': {'PUBLISH': 'desk:on_publish'}"

static const char *const settings[] = {LIMITS INCOMING, LIMITS INCOMING OUTGOING};

struct model {
    struct random random;
    struct shards *shards;
    struct oracle oracle;
    struct actor actors[ACTORS]; /* publishers, readers, members */
    bool is_quiet;               /* handlers let all packets pass */
};

static struct model model;

/* In the place of the C library's, so that a seed leads the same way each time: clients' names decide by a seeded hash
 * where they live. */
ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
    (void)flags;
    memset(bytes, 7, length);
    return (ssize_t)length;
}

static uint32_t dice(uint32_t sides)
{
    return (uint32_t)random_below(&model.random, sides);
}

static struct actor *any_publisher(void)
{
    return &model.actors[dice(PUBLISHERS)];
}

static uint8_t any_reader(void)
{
    return (uint8_t)dice(READERS);
}

static struct actor *reader_actor(uint8_t reader)
{
    return &model.actors[PUBLISHERS + reader];
}

/* ---- whole rounds ---- */

static void settle_and_read(void)
{
    for (int quiet = 0; quiet < 2;) {
        shards_settle(model.shards);
        bool has_read = false;
        for (int i = 0; i < ACTORS; i++) {
            struct actor *actor = &model.actors[i];
            has_read = has_read || (actor->peer != NULL && actor->peer->connection != NULL && actor->peer->first);
            actor_read(actor, UINT32_MAX);
        }
        quiet = has_read ? 0 : quiet + 1;
    }
}

static void resume_one(void)
{
    gmq_deferral *deferral = desk_take_deferral();
    if (deferral != NULL)
        gmq_resume(deferral, GMQ_NEXT);
}

static gmq_verdict defer_some(gmq_call *call, gmq_packet *packet)
{
    return !model.is_quiet && dice(5) == 0 ? desk_defer(call, packet) : GMQ_NEXT;
}

/* Nothing is on its way any more, but what closed connections have lost; and nothing happens but what is asked for. */
static void come_to_rest(void)
{
    model.is_quiet = true;
    for (int i = 0; i < DESK_DEFERRALS_MAX; i++)
        resume_one();
    settle_and_read();
    oracle_rest(&model.oracle);
}

static struct hello any_hello(void)
{
    return (struct hello){
        .expiry = UINT32_MAX, .receive_maximum = (uint16_t)(1 + dice(4)), .alias_maximum = (uint16_t)dice(3)};
}

static void ensure_there(struct actor *actor)
{
    if (actor_is_there(actor))
        return;
    struct hello hello = any_hello();
    actor_connect(actor, &hello);
    settle_and_read();
}

/* ---- steps ---- */

static void step_publish(void)
{
    struct actor *actor = any_publisher();
    if (!actor_is_there(actor))
        return;
    uint32_t expiry = dice(8) == 0 ? 1 + dice(20) : 0;
    if (actor->version != GMQ_VERSION_5_0)
        expiry = 0;
    actor_publish(actor, (uint8_t)dice(ORACLE_TOPICS), (uint8_t)dice(3), dice(6) == 0, expiry);
}

static void step_connect(void)
{
    struct hello hello = any_hello();
    actor_connect(&model.actors[dice(ACTORS)], &hello);
}

static void step_break(void)
{
    actor_break(&model.actors[dice(ACTORS)], dice(3) == 0 ? dice(100) : 0);
}

static void step_leave(void)
{
    struct actor *actor = &model.actors[dice(ACTORS)];
    if (!actor_is_there(actor))
        return;
    peer_send_disconnect(actor->peer, GMQ_REASON_SUCCESS);
    actor_break(actor, 0);
}

static void step_read(void)
{
    actor_read(&model.actors[dice(ACTORS)], 1 + dice(6));
}

static void step_turn(void)
{
    shards_turn(model.shards);
}

static void step_settle(void)
{
    shards_settle(model.shards);
}

/* Subscriptions change while nothing is on its way, so that the oracle knows when. */
static void step_subscribe(void)
{
    uint8_t reader = any_reader(), filter = (uint8_t)dice(ORACLE_FILTERS);
    int8_t qos = (int8_t)dice(3);
    char text[8];
    snprintf(text, sizeof text, filter == ORACLE_TOPICS ? "t/+" : "t/%u", filter);
    come_to_rest();
    ensure_there(reader_actor(reader));
    if (dice(4) > 0) {
        peer_send_subscribe(reader_actor(reader)->peer, text, (uint8_t)qos, 0);
    } else {
        peer_send_unsubscribe(reader_actor(reader)->peer, text);
        qos = NOT_GRANTED;
    }
    shards_settle(model.shards);
    oracle_grant(&model.oracle, reader, filter, qos);
    model.is_quiet = false;
}

static void step_forget(void)
{
    uint8_t reader = any_reader();
    struct actor *actor = reader_actor(reader);
    come_to_rest();
    actor_break(actor, 0);
    shards_settle(model.shards);
    actor->has_session = false;
    struct hello hello = any_hello();
    hello.is_clean = true;
    if (actor->version != GMQ_VERSION_5_0) { /* else it would not be kept */
        actor_connect(actor, &hello);
        shards_settle(model.shards);
        actor_break(actor, 0);
        hello.is_clean = false;
    }
    actor_connect(actor, &hello);
    shards_settle(model.shards);
    oracle_forget(&model.oracle, reader);
    model.is_quiet = false;
}

static void step_time(void)
{
    shards_wait_ms(model.shards, dice(2) == 0 ? dice(10) : dice(15000));
}

static void step_reload(void)
{
    if (model.shards->draining_count > 8)
        return;
    shards_load(model.shards, settings[dice(2)]);
    for (uint32_t worker = 0; worker < model.shards->count; worker++) {
        shards_adopt(model.shards, worker);
        if (dice(2) == 0)
            shards_turn(model.shards);
    }
}

static void step_slow(void)
{
    struct actor *actor = &model.actors[dice(ACTORS)];
    if (actor_is_there(actor))
        actor->peer->budget = dice(2) == 0 ? dice(200) : SIZE_MAX;
    if (actor_is_there(actor))
        link_attend(actor->peer->connection);
}

static gmq_verdict close_some(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    bool is_closing = !model.is_quiet && dice(40) == 0;
    return is_closing ? gmq_close(call, GMQ_REASON_ADMINISTRATIVE_ACTION, NULL) : GMQ_NEXT;
}

static const struct {
    uint32_t weight;
    void (*take)(void);
} steps[] = {{40, step_publish}, {14, step_connect}, {8, step_break},      {4, step_leave},  {40, step_read},
             {30, step_turn},    {10, step_settle},  {10, step_subscribe}, {1, step_forget}, {4, step_time},
             {2, step_reload},   {4, step_slow},     {8, resume_one}};

static void any_step(void)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        sum += steps[i].weight;
    uint32_t at = dice(sum);
    size_t i = 0;
    while (at >= steps[i].weight)
        at -= steps[i++].weight;
    steps[i].take();
}

/* ---- begin and end ---- */

static void begin(uint64_t seed)
{
    model.random.state = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    model.shards = shards_new(1 + (uint32_t)(seed % 4), settings[seed % 2]);
    model.shards->order = seed | 1;
    oracle_begin(&model.oracle);
    model.oracle.is_group[GROUP] = true;
    model.is_quiet = true;
    desk_limit_ms = 20000;
    desk_at_limit = GMQ_NEXT;
    desk_incoming[GMQ_PUBLISH] = defer_some;
    desk_outgoing[GMQ_PUBLISH] = close_some;
    for (uint8_t i = 0; i < ACTORS; i++) {
        char name[40];
        snprintf(name, sizeof name, "%u of %llu", i, (unsigned long long)seed);
        actor_begin(&model.actors[i], model.shards, &model.oracle, name, (uint8_t)(4 + dice(2)));
        model.actors[i].number = i < PUBLISHERS ? i : i < PUBLISHERS + READERS ? (uint8_t)(i - PUBLISHERS) : GROUP;
    }
    for (int i = 0; i < ACTORS; i++)
        ensure_there(&model.actors[i]);
    for (uint8_t i = PUBLISHERS + READERS; i < ACTORS; i++)
        peer_send_subscribe(model.actors[i].peer, "$share/g/t/#", 2, 0);
    settle_and_read();
    oracle_grant(&model.oracle, GROUP, ORACLE_TOPICS, 2);
    model.is_quiet = false;
}

/* Everybody comes back and finishes. */
static void end(void)
{
    model.is_quiet = true;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ACTORS; i++) {
            struct hello hello = any_hello();
            actor_connect(&model.actors[i], &hello);
        }
        come_to_rest();
    }
    const char *complaint = oracle_check(&model.oracle);
    cr_assert_null(complaint, "%s", complaint);
    shards_free(model.shards);
}

static uint64_t number_of(const char *variable, uint64_t preset)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : preset;
}

static uint64_t running;

static void name_seed(void)
{
    if (running != 0)
        fprintf(stderr, "the seed is %llu\n", (unsigned long long)running);
}

static void on_abort(int signal)
{
    (void)signal;
    name_seed();
    _exit(1);
}

Test(model, random_use_loses_and_doubles_nothing, .timeout = 3600)
{
    uint64_t first = number_of("GRAFTMQ_MODEL_FIRST", 1);
    uint64_t seeds = number_of("GRAFTMQ_MODEL_SEEDS", SEEDS_DEFAULT);
    signal(SIGABRT, on_abort);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        running = seed;
        begin(seed);
        for (int i = 0; i < STEPS; i++)
            any_step();
        end();
    }
    running = 0;
}
