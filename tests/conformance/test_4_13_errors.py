"""Errors: 4.13 of 5.0, 4.8 of 3.1.1. Every field that can be wrong has its own tests; here is what follows from any of them."""

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.client import unique
from harness.plugins import compile_plugin
from harness.statements import proves

MALFORMED, PROTOCOL = 0x81, 0x82

# name: (bytes by version, the reasons that the standard has for it). One of each kind, and of each packet that clients send.
ERRORS = {
    "a reserved packet type": (lambda v: b"\x00\x00", {MALFORMED, PROTOCOL}),
    "a packet type of brokers": (lambda v: b"\xd0\x00", {PROTOCOL}),
    "a remaining length of five bytes": (lambda v: b"\x30\x80\x80\x80\x80\x01", {MALFORMED}),
    "a second CONNECT": (lambda v: mqtt.connect("second", version=v), {PROTOCOL}),
    "PUBLISH with QoS 3": (lambda v: mqtt.publish("a", b"", 3, packet_identifier=1, version=v), {MALFORMED}),
    "PUBLISH with a wildcard": (lambda v: mqtt.publish("a/+", version=v), {0x90, MALFORMED, PROTOCOL}),
    "PUBLISH that ends too early": (lambda v: b"\x30\x04\x00\x0aab", {MALFORMED}),
    "PUBACK of one byte": (lambda v: b"\x40\x01\x00", {MALFORMED}),
    "PUBREC without a body": (lambda v: b"\x50\x00", {MALFORMED}),
    "PUBREL of one byte": (lambda v: b"\x62\x01\x00", {MALFORMED}),
    "PUBCOMP with packet identifier 0": (lambda v: mqtt.pubcomp(0), {MALFORMED, PROTOCOL}),
    "SUBSCRIBE without options": (lambda v: mqtt.frame(mqtt.SUBSCRIBE, 2, mqtt.subscribe(1, [("a", 0)], v)[2:-1]), {MALFORMED}),
    "SUBSCRIBE with packet identifier 0": (lambda v: mqtt.subscribe(0, [("a", 0)], v), {MALFORMED, PROTOCOL}),
    "UNSUBSCRIBE with a wrong filter": (lambda v: mqtt.unsubscribe(1, ["a/#/b"], v), {0x8F, MALFORMED, PROTOCOL}),
    "PINGREQ with a body": (lambda v: b"\xc0\x01\x00", {MALFORMED}),
    "DISCONNECT with flags": (lambda v: b"\xe8\x00", {MALFORMED}),
    "AUTH": (lambda v: mqtt.auth(0x18, {"authentication_method": "m"}), {MALFORMED, PROTOCOL}),
}
ERRORS_OF_5_0 = {
    "an unknown property": (lambda v: mqtt.publish("a", properties=[(0x7F, b"\0")]), {MALFORMED, PROTOCOL}),
    "a property of another packet": (lambda v: mqtt.subscribe(1, [("a", 0)], 5, {"topic_alias": 1}), {MALFORMED, PROTOCOL}),
    "a property twice": (lambda v: mqtt.publish("a", properties=[("content_type", "x")] * 2), {PROTOCOL}),
    "a topic alias of 0": (lambda v: mqtt.publish("a", properties={"topic_alias": 0}), {0x94, PROTOCOL}),
    "a reason that does not exist": (lambda v: mqtt.puback(1, 0x42), {MALFORMED, PROTOCOL}),
}
CASES = [(version, name) for name in ERRORS for version in (3, 4, 5)] + [(5, name) for name in ERRORS_OF_5_0]


@pytest.mark.parametrize("version, name", CASES, ids=[f"{ {3: '3.1', 4: '3.1.1', 5: '5.0'}[v]}-{name}" for v, name in CASES])
@proves(v3="4.8.0-1", v5="4.13.1-1 4.13.2-1")
def test_the_connection_on_which_it_came_is_closed(broker, version, name, topic):
    """And no other; what came before it counts, what comes behind it doesn't. In 5.0 the reason is said first."""
    make, reasons = (ERRORS | ERRORS_OF_5_0)[name]
    watcher = broker.connect()
    watcher.subscribe((topic, 1))
    client = broker.connect(version=version, will=mqtt.Will(topic, b"will", 1))
    client.send(mqtt.publish(topic, b"before", version=version), make(version),
                mqtt.publish(topic, b"behind", version=version), mqtt.disconnect(version))
    client.expect_end(reasons)
    watcher.expect_publish(topic, b"before")
    watcher.expect_publish(topic, b"will", 1)  # the connection did not end in good order
    watcher.expect_nothing(watcher)


WRONG_CONNECTS = {
    "a reserved flag": lambda v: mqtt.connect("c", v, flags=3),
    "a will with QoS 3": lambda v: mqtt.connect("c", v, will=mqtt.Will("w", qos=3)),
    "an identifier that is not UTF-8": lambda v: mqtt.connect(b"\xff", v),
    "too short": lambda v: mqtt.frame(mqtt.CONNECT, 0, mqtt.connect("c", v)[2:-1]),
    "too long": lambda v: mqtt.frame(mqtt.CONNECT, 0, mqtt.connect("c", v)[2:] + b"\0"),
}


@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])
@pytest.mark.parametrize("name", WRONG_CONNECTS)
@proves(v3="4.8.0-1", v5="4.13.1-1 4.13.2-1")
def test_an_error_in_connect_closes_too(broker, version, name):
    """In 5.0 after a CONNACK with the reason, if there is a word at all."""
    client = broker.open(version)
    client.send(WRONG_CONNECTS[name](version), mqtt.pingreq())
    client.expect_turned_away(*({MALFORMED, PROTOCOL, 0x85} if version == 5 else {2}))


# ---- the broker's own trouble (3.1.1, 4.8; 5.0, 4.13.2) ----

FAILING = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("fail", "1.0.0");

/* What can't be done, for whatever reason: here because the client's identifier begins with "fail". */
static gmq_verdict trouble(gmq_call *call)
{
    gmq_view name = gmq_client_identifier(gmq_call_client(call));
    bool is_meant = name.length >= 4 && memcmp(name.data, "fail", 4) == 0;
    return is_meant ? gmq_close(call, GMQ_REASON_SERVER_BUSY, "out of something") : GMQ_NEXT;
}

#define FAIL(TYPE, name) \\
    static gmq_verdict on_##name(gmq_call *call, gmq_##name *packet) { (void)packet; return trouble(call); } \\
    GMQ_HANDLER(TYPE, on_##name)
FAIL(CONNECT, connect); FAIL(PUBLISH, publish); FAIL(PUBACK, puback); FAIL(PUBREC, pubrec); FAIL(PUBREL, pubrel);
FAIL(PUBCOMP, pubcomp); FAIL(SUBSCRIBE, subscribe); FAIL(UNSUBSCRIBE, unsubscribe); FAIL(PINGREQ, pingreq);
"""

PACKETS = {
    "PUBLISH": lambda v: mqtt.publish("lost", b"x", 1, packet_identifier=1, version=v),
    "PUBACK": lambda v: mqtt.puback(1),
    "PUBREC": lambda v: mqtt.pubrec(1),
    "PUBREL": lambda v: mqtt.pubrel(1),
    "PUBCOMP": lambda v: mqtt.pubcomp(1),
    "SUBSCRIBE": lambda v: mqtt.subscribe(1, [("lost", 1)], v),
    "UNSUBSCRIBE": lambda v: mqtt.unsubscribe(1, ["lost"], v),
    "PINGREQ": lambda v: mqtt.pingreq(),
}


def failing(start_broker, folder, *types):
    path = compile_plugin(folder / "fail.so", FAILING)
    return start_broker(plugins={**standard_config()["plugins"], "fail": {"path": str(path)}},
                        routes={each: [f"fail:on_{each.lower()}", f"broker:on_{each.lower()}"] for each in types})


@pytest.mark.ours("a plugin fails")
@proves(v3="4.8.0-2", v5="4.13.2-1")
def test_a_packet_that_cannot_be_processed_closes_its_connection(start_broker, version, tmp_path):
    """It is not answered, so that the client knows to send it again; nobody else notices."""
    broker = failing(start_broker, tmp_path, *PACKETS)
    watcher = broker.connect()
    watcher.subscribe("lost")
    for name, make in PACKETS.items():
        client = broker.connect(unique("fail"), version=version)
        client.send(make(version), mqtt.publish("lost", b"behind", version=version))
        client.expect_end(0x89)
    watcher.expect_nothing(watcher)


@pytest.mark.ours("a plugin fails")
@proves(v3="4.8.0-2", v5="4.13.2-1")
def test_a_connect_that_cannot_be_processed_closes_its_connection(start_broker, version, tmp_path):
    broker = failing(start_broker, tmp_path, "CONNECT")
    client = broker.open(version)
    client.send(mqtt.connect(unique("fail"), version=version), mqtt.pingreq())
    client.expect_closed()
    broker.connect(version=version).ping()


@pytest.mark.ours("the limit is this broker's")
@proves(v3="4.8.0-2", v5="4.13.2-1")
def test_a_client_that_the_broker_has_no_room_for_is_closed(start_broker, version):
    """CONNACK with a reason of 0x80 and above, or a return code, ends the connection."""
    broker = start_broker(limits={"sessions": 2})
    clients = [broker.connect(version=version) for _ in range(2)]
    refused = broker.open(version)
    refused.send(mqtt.connect(unique(), version=version), mqtt.pingreq())
    refused.expect_turned_away(0x97 if version == 5 else 3)
    for client in clients:
        client.ping()
