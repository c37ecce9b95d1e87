"""What include/graftmq offers beside the way of a packet: other clients, redirection, every packet type deferred."""

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.client import unique
from harness.plugins import compile_plugin

HEADER = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("test", "1.0.0");
"""


@pytest.fixture
def serve(start_broker, tmp_path):
    """Starts a broker with a plugin "test" of this C source; its handlers come before the standard ones."""
    def start(source, routes, **changes):
        path = compile_plugin(tmp_path / "test.so", HEADER + source, flags=["-pthread"])
        plugins = {**standard_config()["plugins"], "test": {"path": str(path)}}
        full = {kind: [step if isinstance(step, dict) else f"test:{step}", f"broker:on_{kind.lower()}"]
                for kind, step in routes.items()}
        return start_broker(plugins=plugins, routes=full, **changes)
    return start


def test_a_client_is_sent_to_another_server(serve):
    """5.0, 4.11: CONNACK and DISCONNECT with a server reference"""
    broker = serve("""
static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    if (!gmq_view_equals(gmq_connect_client_identifier(packet), "moved"))
        return GMQ_NEXT;
    gmq_packet *connack = GMQ_PACKET(gmq_connack_new(call, GMQ_REASON_SERVER_MOVED, false));
    (void)gmq_packet_set_text(call, connack, GMQ_PROPERTY_SERVER_REFERENCE, GMQ_VIEW("other.example:1883"));
    (void)gmq_send(call, gmq_call_client(call), connack);
    return GMQ_DONE;
}
GMQ_HANDLER(CONNECT, on_connect);

static gmq_verdict on_pingreq(gmq_call *call, gmq_pingreq *packet)
{
    (void)packet;
    gmq_packet *goodbye = GMQ_PACKET(gmq_disconnect_new(call, GMQ_REASON_USE_ANOTHER_SERVER));
    (void)gmq_packet_set_text(call, goodbye, GMQ_PROPERTY_SERVER_REFERENCE, GMQ_VIEW("other.example:1883"));
    (void)gmq_send(call, gmq_call_client(call), goodbye);
    return GMQ_DONE;
}
GMQ_HANDLER(PINGREQ, on_pingreq);
""", {"CONNECT": "on_connect", "PINGREQ": "on_pingreq"})
    client = broker.open()
    client.send(mqtt.connect("moved"))
    client.expect(mqtt.CONNACK, reason=0x9D, server_reference="other.example:1883")
    client.expect_closed()
    client = broker.connect()
    client.send(mqtt.pingreq())
    client.expect(mqtt.DISCONNECT, reason=0x9C, server_reference="other.example:1883")
    client.expect_closed()


def test_a_plugin_subscribes_a_client_on_any_worker(serve):
    """A message to "subscribe/CLIENT" subscribes that client to "news"."""
    broker = serve("""
static void subscribe_here(gmq_call *call, void *data)
{
    (void)data;
    gmq_client *client = gmq_call_client(call);
    if (client == NULL)
        return;
    gmq_subscription wanted = {.size = sizeof wanted, .topic_filter = GMQ_VIEW("news"), .maximum_qos = 1};
    gmq_reason reason = gmq_subscribe_client(call, client, &wanted, NULL);
    gmq_publish *done = gmq_publish_new(call, GMQ_VIEW("subscribed"), GMQ_VIEW("yes"), 0);
    if (reason == GMQ_REASON_GRANTED_QOS_1 && done != NULL)
        (void)gmq_send(call, client, GMQ_PACKET(done));
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_view topic = gmq_publish_topic(packet);
    gmq_view name = gmq_view_make(topic.data + 10, topic.length - 10);
    (void)gmq_post_to_client(gmq_call_plugin(call), name, subscribe_here, NULL);
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
""", {"PUBLISH": {"handler": "test:on_publish", "topics": ["subscribe/+"]}})
    clients = [broker.connect(unique()) for _ in range(8)]
    publisher = broker.connect()
    for client in clients:
        publisher.publish(f"subscribe/{client.client_identifier}", b"", 1)
        client.expect_publish("subscribed", b"yes", 0)
    publisher.publish("news", b"!", 1)
    for client in clients:
        client.expect_publish("news", b"!", 1)


def test_a_plugin_disconnects_another_client(serve):
    broker = serve("""
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)gmq_disconnect_client(gmq_call_plugin(call), gmq_publish_payload(packet), GMQ_REASON_ADMINISTRATIVE_ACTION,
                                "kicked");
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
""", {"PUBLISH": {"handler": "test:on_publish", "topics": ["kick"]}})
    victims = [broker.connect(version=version) for version in (5, 4, 3, 5, 4, 5)]
    kicker = broker.connect()
    for victim in victims:
        kicker.publish("kick", victim.client_identifier, 1)
        victim.expect_end(0x98)
    kicker.publish("kick", "nobody", 1)
    kicker.ping()


DEFER = """
#include <stdlib.h>
#include <pthread.h>

struct order { gmq_deferral *deferral; gmq_verdict verdict; };

static void *decide(void *data)
{
    struct order *order = data;
    if (order->verdict == GMQ_REJECT)
        gmq_resume_reject(order->deferral, GMQ_REASON_NOT_AUTHORIZED, "thought about it");
    else
        gmq_resume(order->deferral, order->verdict);
    free(order);
    return NULL;
}

static gmq_verdict later(gmq_call *call)
{
    struct order *order = malloc(sizeof *order);
    order->verdict = (gmq_verdict)gmq_settings_integer(gmq_call_arguments(call), "verdict", GMQ_NEXT);
    order->deferral = gmq_defer(call, 5000, GMQ_CLOSE);
    pthread_t thread;
    if (order->deferral == NULL || pthread_create(&thread, NULL, decide, order) != 0)
        abort();
    pthread_detach(thread);
    return GMQ_DEFER;
}

#define LATER(TYPE, name) \\
    static gmq_verdict on_##name(gmq_call *call, gmq_##name *packet) { (void)packet; return later(call); } \\
    GMQ_HANDLER(TYPE, on_##name)
LATER(CONNECT, connect); LATER(PUBLISH, publish); LATER(PUBACK, puback); LATER(PUBREC, pubrec); LATER(PUBREL, pubrel);
LATER(PUBCOMP, pubcomp); LATER(SUBSCRIBE, subscribe); LATER(UNSUBSCRIBE, unsubscribe); LATER(PINGREQ, pingreq);
LATER(DISCONNECT, disconnect);
"""

TYPES = "CONNECT PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE UNSUBSCRIBE PINGREQ DISCONNECT".split()


def test_every_packet_type_may_be_deferred_and_resumed_from_any_thread(serve, version):
    broker = serve(DEFER, {kind: f"on_{kind.lower()}" for kind in TYPES})
    subscriber, publisher = broker.connect(version=version), broker.connect(version=version)
    topic = unique()
    subscriber.subscribe((topic, 2))
    for qos in (0, 1, 2):
        for number in range(3):
            publisher.publish(topic, str(number), qos)
            subscriber.expect_publish(topic, str(number), qos)
    subscriber.unsubscribe(topic)
    subscriber.ping()
    subscriber.disconnect()


def test_what_waits_behind_a_deferred_packet_keeps_its_order(serve, version):
    broker = serve(DEFER, {"PUBLISH": "on_publish"})
    subscriber, publisher = broker.connect(version=version), broker.connect(version=version)
    topic = unique()
    subscriber.subscribe((topic, 0))
    publisher.send(*[mqtt.publish(topic, str(number), version=version) for number in range(50)])
    for number in range(50):
        subscriber.expect_publish(topic, str(number), 0)


REJECTED = {"handler": None, "args": {"verdict": 2}}


@pytest.mark.parametrize("kind", ["CONNECT", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"])
def test_a_deferred_packet_may_be_rejected(serve, kind):
    broker = serve(DEFER, {kind: {**REJECTED, "handler": f"test:on_{kind.lower()}"}})
    if kind == "CONNECT":
        client = broker.open()
        client.send(mqtt.connect(unique()))
        client.expect(mqtt.CONNACK, reason=0x87, reason_string="thought about it")
        client.expect_closed()
        return
    client = broker.connect()
    if kind == "PUBLISH":
        assert client.publish("t", b"", 1) == 0x87
        assert client.publish("t", b"", 2) == 0x87
    elif kind == "SUBSCRIBE":
        assert client.subscribe("a", "b") == [0x87, 0x87]
    elif kind == "UNSUBSCRIBE":
        assert client.unsubscribe("a", "b") == [0x87, 0x87]
    else:
        client.send(mqtt.pingreq())
        client.expect_end(0x87)
