"""DISCONNECT: 3.14 of both standards. A broker sends it in 5.0 only."""

import signal

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.client import lasting, unique
from harness.clock import let_seconds_pass
from harness.explanations import expect_to_fit, explaining
from harness.fixtures import since_3_1_1
from harness.plugins import compile_plugin
from harness.quiz import answer, begin, quiz, quizzing  # noqa: F401
from harness.statements import proves

MALFORMED, PROTOCOL, SHUTTING_DOWN, TAKEN_OVER = 0x81, 0x82, 0x8B, 0x8E

# What a client may give as a reason (5.0, 3.14.2.1).
REASONS_OF_CLIENTS = {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99}


# ---- from the client ----

@since_3_1_1
@pytest.mark.parametrize("flags", range(1, 16))
@proves(v3="3.14.1-1", v5="3.14.1-1")
def test_flags_are_malformed(broker, version, topic, flags):
    """So this is no orderly end, and the will is published."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(version=version, will=mqtt.Will(topic, b"will"))
    client.send(mqtt.frame(mqtt.DISCONNECT, flags, b""))
    client.expect_end(MALFORMED)
    watcher.expect_publish(topic, b"will")


@pytest.mark.parametrize("body", [b"\0", b"\0\0"], ids=repr)
def test_it_has_nothing_behind_its_fixed_header_before_5_0(broker, body):
    """3.1.1, 3.14.2 and 3.14.3"""
    client = broker.connect(version=4)
    client.send(mqtt.frame(mqtt.DISCONNECT, 0, body))
    client.expect_closed()


@proves(v3="3.14.4-1", v5="3.14.4-2")
def test_the_connection_ends(broker, version):
    """The client has to close it; the broker does not wait for that, and does not answer."""
    client = broker.connect(version=version)
    client.send(mqtt.disconnect(version))
    client.expect_closed()


FORMS = {
    "nothing": mqtt.frame(mqtt.DISCONNECT, 0, b""),
    "a reason": mqtt.frame(mqtt.DISCONNECT, 0, b"\0"),
    "a reason and no properties": mqtt.frame(mqtt.DISCONNECT, 0, b"\0\0"),
    "properties": mqtt.disconnect(5, 0, {"session_expiry_interval": 0, "reason_string": "enough",
                                         "user_property": [("a", "b"), ("a", "b")]}),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@proves(v5="3.14.4-2 3.14.4-3")
def test_it_may_say_much_or_little(broker, topic, form):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(will=mqtt.Will(topic, b"will"))
    client.send(form)
    client.expect_closed()
    watcher.expect_nothing(watcher)


@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="3.14.4-3", v5="3.14.4-3")
def test_the_will_is_discarded(broker, version, topic, qos):
    watcher, witness = broker.connect(version=version), broker.connect()
    watcher.subscribe((topic, 2))
    for fields in ({}, lasting(version)):
        client = broker.connect(version=version, will=mqtt.Will(topic, b"will", qos, retain=True), **fields)
        client.disconnect()
        # Its session is left, or gone: the next connection with its name settles what became of the last one.
        broker.connect(client.client_identifier, version=version).disconnect()
    watcher.expect_nothing(witness)
    late = broker.connect(version=version)
    late.subscribe((topic, 2))
    late.expect_nothing(witness)


@pytest.mark.parametrize("delay", [0, 1])
@proves(v5="3.14.4-3")
def test_a_will_with_a_delay_is_discarded_too(broker, topic, delay):
    """Another one, with the same delay, tells when it would have come."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    properties = {"session_expiry_interval": 60}
    client = broker.connect(will=mqtt.Will(topic, b"no", properties={"will_delay_interval": delay}), properties=properties)
    client.disconnect(0)
    broker.connect(will=mqtt.Will(topic, b"clock", properties={"will_delay_interval": delay + 1}),
                   properties=properties).close()
    watcher.expect_publish(topic, b"clock")


@pytest.mark.parametrize("reason", sorted(REASONS_OF_CLIENTS - {0}), ids=hex)
def test_with_another_reason_the_will_is_published(broker, topic, reason):
    """5.0, 3.1.2.5; and the connection ends without an answer."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(will=mqtt.Will(topic, b"will"))
    client.send(mqtt.disconnect(5, reason))
    client.expect_closed()
    watcher.expect_publish(topic, b"will")


@pytest.mark.parametrize("reason", [0x01, 0x05, 0x18, 0x7F, 0x84, 0x87, 0x8B, 0x8D, 0x8E, 0x8F, 0x9C, 0x9D, 0xA2, 0xFF],
                         ids=hex)
@proves(v5="3.14.2-1")
def test_a_reason_that_is_none_of_a_clients_is_refused(broker, topic, reason):
    """It is no orderly end either."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(will=mqtt.Will(topic, b"will"))
    client.send(mqtt.disconnect(5, reason))
    client.expect_end({MALFORMED, PROTOCOL})
    watcher.expect_publish(topic, b"will")


@proves(v3="3.14.4-2", v5="3.14.4-1")
def test_what_a_client_sends_behind_it_has_no_effect(broker, version, topic):
    """Binds the client; this is what comes of breaking it."""
    watcher = broker.connect()
    watcher.subscribe((topic, 2))
    client = broker.connect(version=version, **lasting(version))
    client.send(mqtt.disconnect(version), mqtt.publish(topic, b"0", version=version),
                mqtt.publish(topic, b"1", 1, packet_identifier=1, version=version),
                mqtt.subscribe(2, [(topic, 1)], version), mqtt.pingreq())
    client.expect_closed()
    watcher.expect_nothing(watcher)
    watcher.publish(topic, b"for nobody else", 1)
    watcher.expect_publish(topic, b"for nobody else", 1)
    again = broker.connect(client.client_identifier, version=version, **lasting(version))
    again.expect_nothing(watcher)


# ---- the session expiry interval (3.14.2.2.2) ----

def test_it_may_end_the_session(broker):
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.disconnect(0, {"session_expiry_interval": 0})
    assert broker.connect(name, clean=False).connack.session_present is False


def test_it_may_lengthen_the_life_of_the_session(broker):
    name = unique()
    client = broker.connect(name, **lasting(5, expiry=1))
    client.disconnect(0, {"session_expiry_interval": 3600})
    let_seconds_pass(broker)
    assert broker.connect(name, clean=False).connack.session_present is True


@pytest.mark.parametrize("fields", [{}, {"properties": {"session_expiry_interval": 0}}], ids=["absent", "zero"])
def test_it_must_not_give_a_session_a_life_that_it_had_not(broker, topic, fields):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(will=mqtt.Will(topic, b"will"), **fields)
    client.send(mqtt.disconnect(5, 0, {"session_expiry_interval": 10}))
    client.expect_end(PROTOCOL)
    watcher.expect_publish(topic, b"will")
    assert broker.connect(client.client_identifier, clean=False).connack.session_present is False


# ---- from the broker ----

def break_the_protocol(broker, client):
    client.send(mqtt.connect(client.client_identifier))
    return PROTOCOL


def send_a_malformed_packet(broker, client):
    client.send(mqtt.publish("a/#"))
    return {MALFORMED, PROTOCOL, 0x90}


def take_over(broker, client):
    broker.connect(client.client_identifier)
    return TAKEN_OVER


def send_a_property_of_another_packet(broker, client):
    client.send(mqtt.publish("a", properties={"server_keep_alive": 1}))
    return {MALFORMED, PROTOCOL}


def be_silent(broker, client):
    return 0x8D


WAYS_TO_BE_DISCONNECTED = [break_the_protocol, send_a_malformed_packet, take_over, send_a_property_of_another_packet, be_silent]


@pytest.mark.parametrize("provoke", WAYS_TO_BE_DISCONNECTED, ids=lambda each: each.__name__)
@proves(v5="3.14.2-1 3.14.2-2 3.14.4-1 3.14.4-2")
def test_it_is_the_last_word_and_the_connection_ends(broker, topic, provoke):
    """The codec knows the reasons and properties that a broker's DISCONNECT may have; an expiry interval is none."""
    client = broker.connect(keep_alive=1 if provoke is be_silent else 60, **lasting(5))
    client.subscribe((topic, 1))
    client.expect_end(provoke(broker, client))


@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v5="3.14.4-1 3.14.4-2")
def test_messages_that_are_on_their_way_do_not_follow_it(broker, topic, qos):
    """The subscriber is taken over while others publish to it."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, qos))
    publishers = [broker.connect() for _ in range(3)]
    for publisher in publishers:
        publisher.send(*(mqtt.publish(topic, b"x" * 100, qos, packet_identifier=number if qos else None)
                         for number in range(1, 16)))
    successor = broker.open()
    successor.send(mqtt.connect(name, clean=True))
    for publisher in publishers:
        publisher.send(*(mqtt.publish(topic, b"x" * 100) for _ in range(100)))
    while (packet := client.receive()).type != mqtt.DISCONNECT:
        assert packet.type == mqtt.PUBLISH, packet
    assert packet.reason == TAKEN_OVER
    client.expect_closed()
    successor.expect(mqtt.CONNACK, reason=0)


NO_CONNACK = {
    "a first packet that is not CONNECT": mqtt.publish("a", b"b"),
    "an empty CONNECT": mqtt.frame(mqtt.CONNECT, 0, b""),
    "a CONNECT with flags": b"\x11" + mqtt.connect("c")[1:],
    "a CONNECT with a reserved flag": mqtt.connect("c", flags=3),
    "a CONNECT cut short": mqtt.frame(mqtt.CONNECT, 0, mqtt.connect("c")[2:-1]),
    "a CONNECT with a property of CONNACK": mqtt.connect("c", properties={"server_keep_alive": 1}),
    "a CONNECT with a receive maximum of 0": mqtt.connect("c", properties={"receive_maximum": 0}),
    "a CONNECT with an unknown method of authentication": mqtt.connect("c", properties={"authentication_method": "m"}),
    "a DISCONNECT": mqtt.disconnect(5, 0),
    "AUTH": mqtt.auth(0x18, {"authentication_method": "m"}),
    "a remaining length of five bytes": b"\x10\xff\xff\xff\xff\x01",
}


@pytest.mark.parametrize("first", NO_CONNACK.values(), ids=NO_CONNACK)
@proves(v5="3.14.0-1")
def test_it_is_not_sent_before_a_connack_that_lets_in(broker, first):
    """Also with more behind it that would bring one."""
    for more in (b"", mqtt.connect("d"), mqtt.pingreq() + b"\x00\x00"):
        client = broker.open()
        client.send(first + more)
        client.expect_turned_away()


@pytest.mark.parametrize("wrong", [b"\x00\x00", mqtt.pingreq(), mqtt.connect("c"), answer(1, "another"),
                                   answer(1, reason=0x19)],
                         ids=["malformed", "PINGREQ", "CONNECT", "another method", "another reason"])
@pytest.mark.ours("a plugin takes its time over CONNECT")
@proves(v5="3.14.0-1")
def test_it_is_not_sent_in_the_middle_of_an_authentication(quiz, wrong):  # noqa: F811
    client = begin(quiz)
    client.send(wrong)
    client.expect_turned_away()


KICKING = """
#include <graftmq/plugin.h>
#include <stdlib.h>
GMQ_PLUGIN("kick", "1.0.0");

/* The number at the begin of the payload is a reason to leave with; the topic says by which function. */
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_view order = gmq_publish_payload(packet);
    gmq_view topic = gmq_publish_topic(packet);
    gmq_reason reason = (gmq_reason)atoi((char[]){order.data[0], order.data[1], order.data[2], 0});
    if (gmq_view_equals(topic, "kick/close"))
        return gmq_close(call, reason, NULL);
    if (gmq_view_equals(topic, "kick/other")) {
        (void)gmq_disconnect_client(gmq_call_plugin(call), gmq_view_make(order.data + 3, order.length - 3), reason, NULL);
        return GMQ_NEXT;
    }
    if (gmq_view_equals(topic, "kick/route")) /* its DISCONNECT passes on_disconnect below */
        return gmq_client_set_bytes(call, gmq_call_client(call), order) == GMQ_OK
                   ? gmq_close(call, GMQ_REASON_SERVER_BUSY, NULL) : GMQ_NEXT;
    gmq_packet *goodbye = GMQ_PACKET(gmq_disconnect_new(call, reason));
    if (goodbye == NULL)
        return gmq_close(call, GMQ_REASON_UNSPECIFIED_ERROR, NULL);
    (void)gmq_packet_set_number(call, goodbye, GMQ_PROPERTY_SESSION_EXPIRY_INTERVAL, 7);
    (void)gmq_send(call, gmq_call_client(call), goodbye);
    return GMQ_DONE;
}
GMQ_HANDLER(PUBLISH, on_publish);

static gmq_verdict on_disconnect(gmq_call *call, gmq_disconnect *packet)
{
    gmq_view order = gmq_client_bytes(call, gmq_call_client(call));
    if (order.length >= 3) {
        int reason = atoi((char[]){order.data[0], order.data[1], order.data[2], 0});
        (void)gmq_packet_set_reason(GMQ_PACKET(packet), (gmq_reason)reason);
        (void)gmq_packet_set_number(call, GMQ_PACKET(packet), GMQ_PROPERTY_SESSION_EXPIRY_INTERVAL, 7);
    }
    return GMQ_NEXT;
}
GMQ_HANDLER(DISCONNECT, on_disconnect);
"""


@pytest.fixture
def kicking(start_broker, tmp_path):
    path = compile_plugin(tmp_path / "kick.so", KICKING)
    return start_broker(plugins={**standard_config()["plugins"], "kick": {"path": str(path)}},
                        routes={"PUBLISH": [{"handler": "kick:on_publish", "topics": ["kick/+"]}, "broker:on_publish"]},
                        outgoing={"DISCONNECT": "kick:on_disconnect"})


@pytest.mark.parametrize("way", ["send", "close", "route"])
@pytest.mark.ours("a plugin disconnects")
@proves(v5="3.14.2-1 3.14.2-2 3.14.4-2")
def test_a_plugin_cannot_give_another_reason_or_an_interval(kicking, way):
    """Every number is tried. If it is none of a broker's reasons, another one is said, or none; the codec looks."""
    allowed = mqtt.BROKER_REASONS[mqtt.DISCONNECT]
    for reason in [*range(0xA4), 0xFF]:
        client = kicking.connect(properties={"session_expiry_interval": 60})
        client.send(mqtt.publish(f"kick/{way}", f"{reason:03}"))
        try:
            packet = client.expect(mqtt.DISCONNECT)
        except AssertionError:
            assert client.is_closed and (reason not in allowed or (way, reason) == ("close", 0)), hex(reason)
            continue
        wanted = {reason} if reason in allowed else {0x80, 0x89}
        assert packet.reason in wanted and packet.get("session_expiry_interval") is None, packet
        client.expect_closed()


@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
@pytest.mark.ours("a plugin disconnects")
def test_older_clients_are_closed_without_it(kicking, version):
    for way in ("send", "close", "route"):
        client = kicking.connect(version=version)
        client.send(mqtt.publish(f"kick/{way}", b"152", version=version))
        client.expect_closed()


@pytest.mark.ours("a plugin disconnects clients whose CONNECT is not decided yet")
@proves(v5="3.14.0-1")
def test_who_is_disconnected_in_the_middle_of_an_authentication_gets_none(start_broker, tmp_path):
    """By a plugin, by a successor, or by the end of the broker."""
    config = quizzing(tmp_path)
    config["plugins"]["kick"] = {"path": str(compile_plugin(tmp_path / "kick.so", KICKING))}
    config["routes"]["PUBLISH"].insert(0, {"handler": "kick:on_publish", "topics": ["kick/+"]})
    broker = start_broker(**config)
    names = [unique() for _ in range(4)]
    waiting = [begin(broker, client_identifier=name) for name in names]
    kicker = broker.connect()
    kicker.publish("kick/other", "152" + names[0], 1)
    broker.connect(names[1]).ping()
    broker.process.send_signal(signal.SIGTERM)
    for client in waiting:
        client.expect_turned_away()
    kicker.expect_end(SHUTTING_DOWN)
    broker.expect_exit(0)


@proves(v5="3.14.2-3")
def test_its_text_is_left_out_where_the_client_takes_no_such_packet(broker):
    """The smallest packet size with which a client is let in leaves little room for text."""
    smallest = broker.connect().connack.size + 10
    for provoke in (break_the_protocol, send_a_malformed_packet, send_a_property_of_another_packet):
        client = broker.connect(properties={"maximum_packet_size": smallest})
        reasons = provoke(broker, client)
        assert client.expect_end(reasons).size <= smallest


@pytest.mark.ours("a plugin explains")
@proves(v5="3.14.2-3 3.14.2-4")
def test_explanations_are_left_out_where_the_client_takes_no_such_packet(start_broker, tmp_path):
    broker = start_broker(**explaining(tmp_path, "DISCONNECT"))

    def provoke(maximum):
        # A client whose maximum is below the size of its CONNACK is not let in: a plain DISCONNECT is smaller than that.
        client = broker.connect(properties={"maximum_packet_size": max(maximum, 64)} if maximum else None)
        return client.expect_end(break_the_protocol(broker, client))

    expect_to_fit(provoke)
