/* Every allocation of a scenario fails once, one after the other: nothing crashes or leaks, and who stands by is served
 * as before. */
#include "base/memory.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

enum { FAILURES_MAX = 3000, LONG_PAYLOAD = 6000 };

/* ---- clients that take what comes ---- */

static void answer(struct peer *peer, const union any_packet *packet)
{
    uint16_t identifier = packet->packet.identifier;
    if (packet->packet.type == GMQ_PUBLISH && packet->publish.qos == 1)
        peer_send_ack(peer, GMQ_PUBACK, identifier, GMQ_REASON_SUCCESS);
    else if (packet->packet.type == GMQ_PUBLISH && packet->publish.qos == 2)
        peer_send_ack(peer, GMQ_PUBREC, identifier, GMQ_REASON_SUCCESS);
    else if (packet->packet.type == GMQ_PUBREC && packet->packet.reason < GMQ_REASON_UNSPECIFIED_ERROR)
        peer_send_ack(peer, GMQ_PUBREL, identifier, GMQ_REASON_SUCCESS);
    else if (packet->packet.type == GMQ_PUBREL)
        peer_send_ack(peer, GMQ_PUBCOMP, identifier, GMQ_REASON_SUCCESS);
}

static void converse(struct peer *peer)
{
    const union any_packet *packet;
    while (peer->connection != NULL && (packet = peer_next(peer)) != NULL)
        answer(peer, packet);
}

static void try_subscribe(struct peer *peer, const char *filter, uint8_t options, uint32_t identifier)
{
    if (peer->connection != NULL)
        peer_send_subscribe(peer, filter, options, identifier);
}

static void try_publish(struct peer *peer, struct letter letter)
{
    if (peer->connection != NULL)
        peer_send_publish(peer, &letter);
    converse(peer);
}

static struct peer *try_connect(struct shards *shards, const struct hello *hello)
{
    struct peer *peer = peer_open(shards);
    if (peer->connection != NULL)
        peer_send_connect(peer, hello);
    return peer;
}

/* ---- the scenario ---- */

static const struct hello reader = {
    .identifier = "reader", .expiry = 100, .receive_maximum = 3, .alias_maximum = 5, .user = "someone"};
static const struct hello writer = {
    .identifier = "writer",
    .expiry = 50,
    .will = {.topic = "will/of/writer", .payload = "gone", .qos = 1, .is_retained = true, .delay = 5, .expiry = 60}};

static void publish_all_kinds(struct peer *from)
{
    static char payload[LONG_PAYLOAD];
    memset(payload, 'x', sizeof payload);
    for (uint8_t qos = 0; qos <= 2; qos++) {
        try_publish(from, (struct letter){.topic = "a/short", .payload = "x", .qos = qos, .expiry = 1000});
        try_publish(from, (struct letter){.topic = "a/long", .payload = payload, .length = LONG_PAYLOAD, .qos = qos});
        try_publish(from, (struct letter){.topic = "a/kept", .payload = "k", .qos = qos, .is_retained = true});
        try_publish(from, (struct letter){.topic = "a/alias", .payload = "k", .qos = qos, .alias = 2});
    }
}

static void scenario(struct shards *shards)
{
    struct peer *from = try_connect(shards, &writer);
    struct peer *to = try_connect(shards, &reader);
    struct peer *old = try_connect(shards, &(struct hello){.identifier = "old", .version = 4});
    struct peer *member = try_connect(shards, &(struct hello){.identifier = "member", .receive_maximum = 1});
    try_publish(from, (struct letter){.topic = "a/first/kept", .payload = "k", .qos = 1, .is_retained = true});
    try_subscribe(to, "a/#", 2, 11);
    try_subscribe(to, "a/+", 1, 12);
    try_subscribe(to, "will/#", 1, 0);
    try_subscribe(old, "#", 2, 0);
    try_subscribe(member, "$share/g/a/#", 2, 0);
    publish_all_kinds(from);
    peer_break(to);
    publish_all_kinds(from);
    to = try_connect(shards, &reader);
    converse(to);
    try_connect(shards, &(struct hello){.identifier = "old", .version = 4}); /* takes over */
    peer_break(member);
    peer_break(from);
    shards_wait(shards, 6); /* the will */
    converse(to);
    peer_break(to);
    shards_wait(shards, 200); /* all sessions but that of 3.1.1 are over */
    struct peer *last = try_connect(shards, &(struct hello){.identifier = "old", .version = 4, .is_clean = true});
    peer_break(last);
}

/* ---- the same with plugins on the way ---- */

static const char routes[] = "'routes': {'CONNECT': ['desk:on_connect', 'broker:on_connect'], "
                             "'PUBLISH': ['desk:on_publish', 'broker:on_publish'], "
                             "'SUBSCRIBE': ['desk:on_subscribe', 'broker:on_subscribe']}, "
                             "'outgoing': {'PUBLISH': 'desk:on_publish', 'PUBACK': 'desk:on_puback'}";

static gmq_verdict change_deferred(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)data;
    if (call == NULL)
        return GMQ_DONE;
    (void)gmq_client_set_bytes(call, gmq_call_client(call), GMQ_VIEW("bytes of the connection"));
    (void)gmq_session_set_bytes(call, gmq_call_client(call), GMQ_VIEW("bytes of the session"));
    (void)gmq_packet_add_user_property(call, packet, GMQ_VIEW("name"), GMQ_VIEW("value"));
    return GMQ_NEXT;
}

static gmq_verdict change_outgoing(gmq_call *call, gmq_packet *packet)
{
    if (gmq_packet_add_user_property(call, packet, GMQ_VIEW("to"), gmq_client_identifier(gmq_call_client(call))) !=
        GMQ_OK)
        return GMQ_DONE;
    return GMQ_NEXT;
}

static void resume_all(struct shards *shards)
{
    gmq_deferral *deferral;
    while ((deferral = desk_take_deferral()) != NULL) {
        gmq_resume_with(deferral, change_deferred, NULL);
        shards_settle(shards);
    }
}

static void routed_scenario(struct shards *shards)
{
    desk_incoming[GMQ_CONNECT] = desk_incoming[GMQ_PUBLISH] = desk_incoming[GMQ_SUBSCRIBE] = desk_defer;
    desk_outgoing[GMQ_PUBLISH] = desk_outgoing[GMQ_PUBACK] = change_outgoing;
    struct peer *from = try_connect(shards, &writer), *to = try_connect(shards, &reader);
    resume_all(shards);
    try_subscribe(to, "a/#", 2, 11);
    resume_all(shards);
    for (uint8_t qos = 0; qos <= 2; qos++) {
        try_publish(from, (struct letter){.topic = "a/b", .payload = "x", .qos = qos, .is_retained = true});
        resume_all(shards);
        converse(from);
        converse(to);
    }
    try_publish(from, (struct letter){.topic = "a/b", .payload = "given up", .qos = 1});
    peer_break(from);
    resume_all(shards);
    peer_break(to);
    desk_incoming[GMQ_CONNECT] = desk_incoming[GMQ_PUBLISH] = desk_incoming[GMQ_SUBSCRIBE] = NULL;
    desk_outgoing[GMQ_PUBLISH] = desk_outgoing[GMQ_PUBACK] = NULL;
    shards_wait(shards, 200);
}

/* ---- what must still be right ---- */

static void check_bystander(struct peer *bystander)
{
    EXPECT_SILENCE(bystander);
    cr_assert_eq(SUBSCRIBE(bystander, "mine/#", 2), 2);
    for (uint8_t qos = 0; qos <= 2; qos++) {
        SEND(bystander, .topic = "mine/1", .payload = "x", .qos = qos);
        bool has_come = false;
        const union any_packet *packet;
        while ((packet = peer_next(bystander)) != NULL) {
            has_come = has_come || packet->packet.type == GMQ_PUBLISH;
            answer(bystander, packet);
        }
        cr_assert(has_come, "QoS %u", qos);
    }
    cr_assert_eq(UNSUBSCRIBE(bystander, "mine/#"), GMQ_REASON_SUCCESS);
    peer_send_ping(bystander);
    TAKE(bystander, GMQ_PINGRESP);
}

static void check_newcomer(struct shards *shards)
{
    struct peer *newcomer = CONNECT(shards, .identifier = "reader", .is_clean = true, .expiry = 10);
    cr_assert_eq(SUBSCRIBE(newcomer, "mine/#", 2), 2);
    struct peer *from = CONNECT(shards, .identifier = "writer", .is_clean = true);
    cr_assert_eq(PUBLISH(from, .topic = "mine/2", .payload = "y", .qos = 2), GMQ_REASON_SUCCESS);
    EXPECT(newcomer, "mine/2", "y");
}

/* Whether the n-th allocation was there to fail. */
static bool fails_well(uint32_t width, void (*play)(struct shards *shards), uint64_t n)
{
    struct shards *shards = shards_new(width, play == routed_scenario ? routes : NULL);
    struct peer *bystander = CONNECT(shards, .identifier = "bystander");
    shards->is_short_of_memory = true;
    mem_fail_after(n);
    play(shards);
    bool has_failed = mem_fail_after(0) != 0;
    check_bystander(bystander);
    check_newcomer(shards);
    shards_free(shards);
    return has_failed;
}

static void every_failure(uint32_t width, void (*play)(struct shards *shards))
{
    uint64_t n = 1;
    while (n < FAILURES_MAX && fails_well(width, play, n))
        n++;
    cr_assert_lt(n, FAILURES_MAX, "the scenario never ends");
    cr_log_info("%llu allocations\n", (unsigned long long)n);
}

Test(memory, each_failure_is_survived, .timeout = 300)
{
    every_failure(1, scenario);
}

Test(memory, each_failure_between_workers_is_survived, .timeout = 300)
{
    every_failure(3, scenario);
}

Test(memory, each_failure_with_plugins_on_the_way_is_survived, .timeout = 300)
{
    every_failure(2, routed_scenario);
}
