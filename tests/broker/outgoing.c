/* Handlers on the way out: they see, change, suppress or end what a client is about to get. */
#include "broker/outbound.h"

#include "broker/session.h"
#include "shard/each.h"

#include <string.h>

static const char routes[] = "'outgoing': {'PUBLISH': {'handler': 'desk:on_publish', 'topics': ['x/#']}}";
static const char all_routes[] =
    "'outgoing': {'CONNACK': 'desk:on_connack', 'PUBLISH': 'desk:on_publish', 'PUBACK': 'desk:on_puback', "
    "'PUBREC': 'desk:on_pubrec', 'PUBREL': 'desk:on_pubrel', 'PUBCOMP': 'desk:on_pubcomp', "
    "'SUBACK': 'desk:on_suback', 'UNSUBACK': 'desk:on_unsuback', 'PINGRESP': 'desk:on_pingresp', "
    "'DISCONNECT': 'desk:on_disconnect'}";

static void begin(desk_handler *handler)
{
    memset(desk_outgoing, 0, sizeof desk_outgoing);
    desk_outgoing[GMQ_PUBLISH] = handler;
}

static struct peer *subscriber(struct shards *shards, const char *identifier, uint8_t qos)
{
    struct peer *to = CONNECT(shards, .identifier = identifier, .expiry = 100);
    SUBSCRIBE(to, "x/#", qos);
    SUBSCRIBE(to, "y/#", qos);
    return to;
}

/* ---- changed ---- */

static gmq_verdict address(gmq_call *call, gmq_packet *packet)
{
    gmq_publish *publish = (gmq_publish *)packet;
    cr_assert_eq(gmq_call_direction(call), GMQ_OUTGOING);
    cr_assert_eq(gmq_publish_set_payload(call, publish, gmq_client_identifier(gmq_call_client(call))), GMQ_OK);
    cr_assert_eq(gmq_publish_set_topic(call, publish, GMQ_VIEW("changed")), GMQ_OK);
    cr_assert_eq(gmq_packet_add_user_property(call, packet, GMQ_VIEW("by"), GMQ_VIEW("desk")), GMQ_OK);
    return GMQ_NEXT;
}

BROKER_TEST_WITH(outgoing, each_client_can_get_a_message_of_its_own, routes)
{
    begin(address);
    struct peer *one = subscriber(shards, "one", 2), *two = subscriber(shards, "two", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (uint8_t qos = 0; qos <= 2; qos++) {
        PUBLISH(from, .topic = "x/1", .payload = "x", .qos = qos);
        const struct gmq_publish *packet = EXPECT(one, "changed", "one");
        cr_assert_eq(packet->qos, qos);
        gmq_view name, value;
        cr_assert(properties_user_at(&packet->packet.properties, 0, &name, &value));
        cr_assert(gmq_view_equals(value, "desk"));
        EXPECT(two, "changed", "two");
    }
    PUBLISH(from, .topic = "y", .payload = "untouched", .qos = 1);
    EXPECT(one, "y", "untouched");
    EXPECT(two, "y", "untouched");
}

BROKER_TEST_WITH(outgoing, what_is_sent_again_is_changed_again, routes)
{
    begin(address);
    struct peer *to = subscriber(shards, "to", 1);
    PUBLISH(CONNECT(shards, .identifier = "from"), .topic = "x/1", .payload = "x", .qos = 1);
    cr_assert(gmq_view_equals(TAKE(to, GMQ_PUBLISH)->publish.payload, "to"));
    peer_break(to);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    cr_assert(EXPECT(to, "changed", "to")->is_duplicate);
}

static gmq_verdict retain(gmq_call *call, gmq_packet *packet)
{
    (void)call;
    gmq_publish_set_retained((gmq_publish *)packet, true);
    return GMQ_NEXT;
}

BROKER_TEST_WITH(outgoing, the_rest_of_the_message_stays_as_it_was, routes)
{
    begin(retain);
    struct peer *to = CONNECT(shards, .identifier = "to");
    peer_subscribe_at(to, "x/#", 1, 99, __FILE__, __LINE__);
    PUBLISH(CONNECT(shards, .identifier = "from"), .topic = "x/1", .payload = "x", .qos = 1, .expiry = 50);
    const struct gmq_publish *packet = &TAKE(to, GMQ_PUBLISH)->publish;
    cr_assert(packet->is_retained);
    cr_assert_eq(packet->packet.properties.subscription_identifier_count, 1);
    cr_assert_eq(packet->packet.properties.subscription_identifiers[0], 99);
    cr_assert_eq(properties_number(&packet->packet.properties, PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0), 50);
}

/* ---- suppressed ---- */

static gmq_verdict suppress(gmq_call *call, gmq_packet *packet)
{
    (void)call, (void)packet;
    return GMQ_DONE;
}

static gmq_verdict reject(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    return gmq_reject(call, GMQ_REASON_NOT_AUTHORIZED, NULL);
}

static void expect_suppressed(struct shards *shards, desk_handler *handler)
{
    begin(handler);
    struct peer *to = subscriber(shards, "to", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 30; i++)
        PUBLISH(from, .topic = "x/1", .payload = "secret", .qos = (uint8_t)(i % 3));
    EXPECT_SILENCE(to);
    cr_assert_eq(shards_session(shards, "to")->inflight.count, 0);
    PUBLISH(from, .topic = "y/1", .payload = "open", .qos = 2);
    EXPECT(to, "y/1", "open");
    peer_leave(to);
}

BROKER_TEST_WITH(outgoing, what_is_suppressed_counts_as_delivered, routes)
{
    expect_suppressed(shards, suppress);
    expect_suppressed(shards, reject);
}

BROKER_TEST_WITH(outgoing, what_waits_can_be_suppressed_when_its_turn_comes, routes)
{
    begin(suppress);
    struct peer *to = subscriber(shards, "to", 1);
    peer_break(to);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 20; i++)
        PUBLISH(from, .topic = i % 2 == 0 ? "x/1" : "y/1", .payload = "x", .qos = 1);
    to = CONNECT(shards, .identifier = "to", .expiry = 100, .receive_maximum = 1);
    for (int i = 0; i < 10; i++)
        EXPECT(to, "y/1", "x");
    EXPECT_SILENCE(to);
}

BROKER_TEST_WITH(outgoing, what_was_sent_before_can_be_suppressed_when_it_is_sent_again, routes)
{
    begin(NULL);
    struct peer *to = subscriber(shards, "to", 2);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 20; i++)
        PUBLISH(from, .topic = i % 2 == 0 ? "x/1" : "y/1", .payload = "x", .qos = (uint8_t)(1 + i % 2));
    peer_break(to);
    begin(suppress);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    for (int i = 0; i < 10; i++)
        EXPECT(to, "y/1", "x");
    EXPECT_SILENCE(to);
    cr_assert_eq(shards_session(shards, "to")->inflight.count, 0);
}

static gmq_verdict defer(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    cr_assert_null(gmq_defer(call, 0, GMQ_CLOSE));
    return GMQ_DEFER;
}

BROKER_TEST_WITH(outgoing, what_goes_out_cannot_be_deferred, routes)
{
    begin(defer);
    struct peer *to = subscriber(shards, "to", 1);
    PUBLISH(CONNECT(shards, .identifier = "from"), .topic = "x/1", .payload = "x", .qos = 1);
    EXPECT(to, "x/1", "x");
}

/* ---- closed ---- */

static gmq_verdict close_client(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    return gmq_close(call, GMQ_REASON_ADMINISTRATIVE_ACTION, "enough");
}

BROKER_TEST_WITH(outgoing, a_delivery_can_end_the_connection_and_is_not_lost, routes)
{
    struct peer *to = subscriber(shards, "to", 1), *other = subscriber(shards, "other", 0);
    begin(close_client);
    PUBLISH(CONNECT(shards, .identifier = "from"), .topic = "x/1", .payload = "x", .qos = 1);
    EXPECT_END(to, GMQ_REASON_ADMINISTRATIVE_ACTION);
    EXPECT_END(other, GMQ_REASON_ADMINISTRATIVE_ACTION);
    begin(NULL);
    EXPECT(CONNECT(shards, .identifier = "to", .expiry = 100), "x/1", "x");
    EXPECT_SILENCE(CONNECT(shards, .identifier = "other", .expiry = 100));
}

/* ---- handlers that deliver ---- */

static int depth;

/* Before this message, some others to the same client: its flights grow under the one that begins. */
static gmq_verdict deliver_more(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    if (depth > 0)
        return GMQ_NEXT;
    depth++;
    char topic[16];
    for (int i = 0; i < 40; i++) {
        snprintf(topic, sizeof topic, "y/%d", i);
        cr_assert_eq(gmq_deliver(call, gmq_publish_new(call, gmq_view_of(topic), GMQ_VIEW("more"), 1), NULL), GMQ_OK);
    }
    depth--;
    return GMQ_DONE;
}

BROKER_TEST_WITH(outgoing, a_handler_may_deliver_others_and_suppress_the_one, routes)
{
    begin(deliver_more);
    struct peer *to = subscriber(shards, "to", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "x/1", .payload = "x", .qos = 1);
    int got = 0;
    while (peer_next(to) != NULL)
        got++;
    cr_assert_eq(got, 40);
    cr_assert_eq(shards_session(shards, "to")->inflight.count, 40);
}

BROKER_TEST_WITH(outgoing, a_handler_may_deliver_others_while_old_ones_are_sent_again, routes)
{
    begin(NULL);
    struct peer *to = subscriber(shards, "to", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (int i = 0; i < 5; i++)
        PUBLISH(from, .topic = "x/1", .payload = "x", .qos = 1);
    peer_break(to);
    begin(deliver_more);
    to = CONNECT(shards, .identifier = "to", .expiry = 100);
    int got = 0;
    const union any_packet *packet;
    while ((packet = peer_next(to)) != NULL) {
        got++;
        peer_send_ack(to, GMQ_PUBACK, packet->packet.identifier, GMQ_REASON_SUCCESS);
    }
    cr_assert_eq(got, 5 * 40);
}

/* Changes the subscriptions that are being served, and delivers to the same topic. */
static gmq_verdict subscribe_more(gmq_call *call, gmq_packet *packet)
{
    gmq_publish *publish = (gmq_publish *)packet;
    if (depth > 0)
        return GMQ_NEXT;
    depth++;
    gmq_subscription subscription = {.size = sizeof subscription, .maximum_qos = 1};
    subscription.topic_filter = gmq_publish_topic(publish);
    cr_assert_lt(gmq_subscribe_client(call, gmq_call_client(call), &subscription, NULL), 0x80);
    gmq_publish *again = gmq_publish_new(call, gmq_publish_topic(publish), GMQ_VIEW("again"), 1);
    cr_assert_eq(gmq_deliver(call, again, NULL), GMQ_OK);
    gmq_unsubscribe_client(call, gmq_call_client(call), gmq_publish_topic(publish));
    cr_assert_eq(gmq_deliver(call, again, NULL), GMQ_OK);
    depth--;
    return GMQ_NEXT;
}

BROKER_TEST_WITH(outgoing, a_handler_may_change_the_subscriptions_that_led_to_it, routes)
{
    begin(subscribe_more);
    struct peer *to = subscriber(shards, "to", 1);
    struct peer *from = CONNECT(shards, .identifier = "from");
    for (uint8_t qos = 0; qos <= 2; qos++) {
        PUBLISH(from, .topic = "x/1", .payload = "x", .qos = qos);
        EXPECT(to, "x/1", "again");
        EXPECT(to, "x/1", "again");
        EXPECT(to, "x/1", "x");
    }
}

static gmq_verdict deliver_retained(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    if (depth > 0)
        return GMQ_NEXT;
    depth++;
    gmq_subscription subscription = {.size = sizeof subscription, .topic_filter = GMQ_VIEW("x/+"), .identifier = 5};
    cr_assert_eq(gmq_deliver_retained(call, gmq_call_client(call), &subscription), GMQ_OK);
    depth--;
    return GMQ_NEXT;
}

BROKER_TEST_WITH(outgoing, a_handler_may_ask_for_retained_messages_in_the_middle_of_them, routes)
{
    begin(NULL);
    struct peer *from = CONNECT(shards, .identifier = "from");
    PUBLISH(from, .topic = "x/1", .payload = "x", .is_retained = true);
    PUBLISH(from, .topic = "x/2", .payload = "x", .is_retained = true);
    begin(deliver_retained);
    struct peer *to = CONNECT(shards, .identifier = "to");
    peer_subscribe_at(to, "x/#", 0, 4, __FILE__, __LINE__);
    int got = 0;
    while (peer_next(to) != NULL)
        got++;
    cr_assert_eq(got, 2 + 2); /* those of the second demand are among what the first one's first waits for */
}

/* ---- what plugins send ---- */

static const char incoming[] = "'routes': {'PUBLISH': ['desk:on_publish', 'broker:on_publish']}";

static gmq_verdict greet(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    for (uint8_t qos = 0; qos <= 2; qos++) {
        gmq_publish *greeting = gmq_publish_new(call, GMQ_VIEW("greeting"), GMQ_VIEW("hello"), qos);
        cr_assert_eq(gmq_send(call, gmq_call_client(call), GMQ_PACKET(greeting)), GMQ_OK);
    }
    cr_assert_eq(gmq_send(call, gmq_call_client(call), GMQ_PACKET(gmq_connack_new(call, 0, false))), GMQ_ERROR_STATE);
    return GMQ_DONE;
}

BROKER_TEST_WITH(outgoing, a_plugin_can_send_messages_of_its_own, incoming)
{
    begin(NULL);
    desk_incoming[GMQ_PUBLISH] = greet;
    struct peer *peer = CONNECT(shards, .identifier = "c", .receive_maximum = 1, .expiry = 10);
    SEND(peer, .topic = "a");
    desk_incoming[GMQ_PUBLISH] = NULL;
    for (uint8_t qos = 0; qos <= 2; qos++)
        cr_assert_eq(EXPECT(peer, "greeting", "hello")->qos, qos);
    EXPECT_SILENCE(peer);
}

static const char *unwanted;

static gmq_verdict disconnect(gmq_call *call, gmq_packet *packet)
{
    (void)packet;
    cr_assert_eq(gmq_disconnect_client(gmq_call_plugin(call), gmq_view_of(unwanted), GMQ_REASON_ADMINISTRATIVE_ACTION,
                                       "go away"),
                 GMQ_OK);
    return GMQ_NEXT;
}

BROKER_TEST_WITH(outgoing, a_plugin_can_disconnect_a_client_on_any_worker, incoming)
{
    static const char *const names[] = {"c0", "c1", "c2", "c3", "c4", "c5"};
    begin(NULL);
    struct peer *peer = CONNECT(shards, .identifier = "c");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unwanted = names[i];
        struct peer *victim = CONNECT(shards, .identifier = unwanted);
        desk_incoming[GMQ_PUBLISH] = disconnect;
        SEND(peer, .topic = "a");
        SEND(peer, .topic = "a"); /* nobody is there any more */
        desk_incoming[GMQ_PUBLISH] = NULL;
        EXPECT_END(victim, GMQ_REASON_ADMINISTRATIVE_ACTION);
    }
}

/* ---- all packets ---- */

static unsigned passed[GMQ_AUTH + 1];

#define COUNT_ONE(TYPE)                                                                                                \
    static gmq_verdict count_##TYPE(gmq_call *call, gmq_packet *packet)                                                \
    {                                                                                                                  \
        (void)call, (void)packet;                                                                                      \
        passed[GMQ_##TYPE]++;                                                                                          \
        return GMQ_NEXT;                                                                                               \
    }
COUNT_ONE(CONNACK)
COUNT_ONE(PUBLISH)
COUNT_ONE(PUBACK)
COUNT_ONE(PUBREC)
COUNT_ONE(PUBREL)
COUNT_ONE(PUBCOMP)
COUNT_ONE(SUBACK)
COUNT_ONE(UNSUBACK)
COUNT_ONE(PINGRESP)
COUNT_ONE(DISCONNECT)

static void count_all(void)
{
    memset(passed, 0, sizeof passed);
    desk_outgoing[GMQ_CONNACK] = count_CONNACK;
    desk_outgoing[GMQ_PUBLISH] = count_PUBLISH;
    desk_outgoing[GMQ_PUBACK] = count_PUBACK;
    desk_outgoing[GMQ_PUBREC] = count_PUBREC;
    desk_outgoing[GMQ_PUBREL] = count_PUBREL;
    desk_outgoing[GMQ_PUBCOMP] = count_PUBCOMP;
    desk_outgoing[GMQ_SUBACK] = count_SUBACK;
    desk_outgoing[GMQ_UNSUBACK] = count_UNSUBACK;
    desk_outgoing[GMQ_PINGRESP] = count_PINGRESP;
    desk_outgoing[GMQ_DISCONNECT] = count_DISCONNECT;
}

BROKER_TEST_WITH(outgoing, every_packet_passes_its_route_once, all_routes)
{
    count_all();
    struct peer *peer = CONNECT(shards, .identifier = "c", .expiry = 10);
    struct peer *from = CONNECT(shards, .identifier = "from");
    SUBSCRIBE(peer, "a", 2);
    PUBLISH(from, .topic = "a", .payload = "x", .qos = 1);
    PUBLISH(from, .topic = "a", .payload = "y", .qos = 2);
    EXPECT(peer, "a", "x");
    EXPECT(peer, "a", "y");
    UNSUBSCRIBE(peer, "a");
    peer_send_ping(peer);
    TAKE(peer, GMQ_PINGRESP);
    CONNECT(shards, .identifier = "c", .expiry = 10);
    EXPECT_END(peer, GMQ_REASON_SESSION_TAKEN_OVER);
    static const unsigned expected[GMQ_AUTH + 1] = {
        [GMQ_CONNACK] = 3, [GMQ_PUBLISH] = 2, [GMQ_PUBACK] = 1,   [GMQ_PUBREC] = 1,   [GMQ_PUBREL] = 1,
        [GMQ_PUBCOMP] = 1, [GMQ_SUBACK] = 1,  [GMQ_UNSUBACK] = 1, [GMQ_PINGRESP] = 1, [GMQ_DISCONNECT] = 1};
    for (int type = GMQ_CONNECT; type <= GMQ_AUTH; type++)
        cr_assert_eq(passed[type], expected[type], "%s", packet_type_name((gmq_packet_type)type));
    memset(desk_outgoing, 0, sizeof desk_outgoing);
}

BROKER_TEST_WITH(outgoing, a_suppressed_connack_leaves_the_client_out, all_routes)
{
    begin(NULL);
    desk_outgoing[GMQ_CONNACK] = suppress;
    struct peer *peer = peer_open(shards);
    peer_send_connect(peer, &(struct hello){.identifier = "c"});
    EXPECT_SILENCE(peer);
    shards_wait(shards, 11);
    EXPECT_END(peer, 0);
    desk_outgoing[GMQ_CONNACK] = NULL;
}
