"""UNSUBSCRIBE: 3.10 of both standards."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.fixtures import since_3_1_1
from harness.statements import proves

MALFORMED, PROTOCOL = 0x81, 0x82


def expected(version, *reasons):
    """UNSUBACK has reasons in 5.0 only."""
    return list(reasons) if version == 5 else []


# ---- the packet ----

@since_3_1_1
@pytest.mark.parametrize("flags", sorted(set(range(16)) - {2}))
@proves(v3="3.10.1-1", v5="3.10.1-1")
def test_other_flags_than_2_are_malformed(broker, version, topic, flags):
    client = broker.connect(version=version)
    client.send(mqtt.unsubscribe(1, [topic], version, flags=flags))
    client.expect_end(MALFORMED)


@pytest.mark.parametrize("wrong", [b"\xff", b"a/\xc3", b"a\xc0\xafb", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"], ids=repr)
@proves(v3="3.10.3-1", v5="3.10.3-1")
def test_a_filter_that_is_not_utf_8_is_malformed(broker, version, topic, wrong):
    for filters in ([wrong], [topic, wrong]):
        client = broker.connect(version=version)
        client.send(mqtt.unsubscribe(1, filters, version))
        client.expect_end(MALFORMED)


@since_3_1_1
@proves(v3="3.10.3-2", v5="3.10.3-2")
def test_an_unsubscribe_without_a_filter_is_a_protocol_error(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.unsubscribe(1, [], version))
    client.expect_end(PROTOCOL)


# ---- which subscription it ends ----

# what is subscribed to, what is unsubscribed from and is not the same, a topic that matches the former; X is a name
NEARLY = [
    ("X/a", "X/A", "X/a"),
    ("X/a", "X/a/", "X/a"),
    ("X/a", "X/+", "X/a"),
    ("X/a", "X/#", "X/a"),
    ("X/+", "X/a", "X/a"),
    ("X/+", "X/#", "X/a"),
    ("X/#", "X", "X"),
    ("X/#", "X/+/#", "X/a"),
    ("X/+/+", "X/+", "X/a/b"),
    ("/X", "X", "/X"),
    ("X/\u00e9", "X/e\u0301", "X/\u00e9"),
    ("X/ a", "X/a", "X/ a"),
]


@pytest.mark.parametrize("subscribed, other, name", NEARLY, ids=[f"{a} not by {b}" for a, b, _ in NEARLY])
@proves(v3="3.10.4-1", v5="3.10.4-1")
def test_filters_are_compared_character_by_character(broker, version, topic, subscribed, other, name):
    client = broker.connect(version=version)
    subscribed, other, name = (each.replace("X", topic) for each in (subscribed, other, name))
    client.subscribe((subscribed, 1))
    assert client.unsubscribe(other) == expected(version, 0x11)
    client.publish(name, b"still", 1)
    client.expect_publish(name, b"still", 1)
    assert client.unsubscribe(subscribed) == expected(version, 0)
    client.publish(name, b"no more", 1)
    client.expect_nothing(client)


@proves(v3="3.10.4-1", v5="3.10.4-1")
def test_only_ones_own_subscription_ends(broker, version, topic):
    leaving, staying = broker.connect(version=version), broker.connect(version=version)
    for client in (leaving, staying):
        client.subscribe((topic, 1))
    leaving.unsubscribe(topic)
    staying.publish(topic, b"x", 1)
    staying.expect_publish(topic, b"x", 1)
    leaving.expect_nothing(staying)


@proves(v3="3.10.4-1", v5="3.10.4-1")
def test_a_filter_that_was_unsubscribed_stays_so_in_a_lasting_session(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 1), (topic + "/2", 1))
    client.unsubscribe(topic)
    client.disconnect()
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"no", 1)
    publisher.publish(topic + "/2", b"yes", 1)
    again = broker.connect(name, version=version, **lasting(version))
    again.expect_publish(topic + "/2", b"yes", 1)
    again.expect_nothing(publisher)


@proves(v3="3.10.4-1", v5="3.10.4-1")
def test_subscriptions_that_come_and_go_leave_the_others_alone(broker, version, topic):
    """The index of subscriptions under change, with messages passing through it."""
    steady, changing, publisher = (broker.connect(version=version) for _ in range(3))
    steady.subscribe(topic + "/+/x")
    for number in range(100):
        filters = f"{topic}/{number}/x", f"{topic}/{number}/#", f"{topic}/+/x/{number}"
        changing.subscribe(*filters)
        publisher.publish(f"{topic}/{number}/x", str(number))
        steady.expect_publish(f"{topic}/{number}/x", str(number))
        assert changing.unsubscribe(*filters) == expected(version, 0, 0, 0)
    steady.expect_nothing(publisher)


# ---- what is delivered afterwards ----

@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="3.10.4-2", v5="3.10.4-2")
def test_no_further_message_comes(broker, version, topic, qos):
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic + "/a", qos), (topic + "/+", qos), (topic + "/b", qos))
    assert client.unsubscribe(topic + "/+", topic + "/a") == expected(version, 0, 0)
    for retain in (False, True):
        publisher.publish(topic + "/a", b"no", qos, retain)
    publisher.publish(topic + "/b", b"yes", qos)
    client.expect_publish(topic + "/b", b"yes", qos)
    client.expect_nothing(publisher)
    publisher.publish(topic + "/a", b"", retain=True)


@proves(v3="3.10.4-3", v5="3.10.4-3")
def test_a_qos_1_delivery_that_has_begun_is_completed(broker, version, topic):
    """Its PUBACK ends it: it is not sent again, and the identifier is free for the next message."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 1))
    client.publish(topic, b"x", 1)
    packet = client.expect(mqtt.PUBLISH, topic=topic, qos=1)
    client.unsubscribe(topic)
    client.acknowledge(packet)
    client.ping()
    client.close()
    again = broker.connect(name, version=version, **lasting(version))
    again.expect_nothing(again)


@pytest.mark.parametrize("step", ["before PUBREC", "before PUBREL is answered"])
@proves(v3="3.10.4-3", v5="3.10.4-3")
def test_a_qos_2_delivery_that_has_begun_is_completed(broker, version, topic, step):
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    client.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, topic=topic, qos=2)
    if step == "before PUBREC":
        client.unsubscribe(topic)
    client.send(mqtt.pubrec(packet.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier, reason=0)
    if step != "before PUBREC":
        client.unsubscribe(topic)
    client.send(mqtt.pubcomp(packet.packet_identifier))
    client.expect_nothing(client)


@pytest.mark.parametrize("qos", [1, 2])
@proves(v3="3.10.4-3", v5="3.10.4-3")
def test_a_delivery_that_has_begun_is_completed_over_a_reconnection(broker, version, topic, qos):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"x", qos)
    packet = client.expect(mqtt.PUBLISH, topic=topic, qos=qos)
    client.unsubscribe(topic)
    client.close()
    publisher.publish(topic, b"no", qos)
    again = broker.connect(name, version=version, **lasting(version))
    again.expect_publish(topic, b"x", qos, dup=True, packet_identifier=packet.packet_identifier)
    again.expect_nothing(publisher)


# ---- the answer ----

@proves(v3="3.10.4-4", v5="3.10.4-4 3.10.4-5")
def test_an_unsuback_answers_with_the_packet_identifier(broker, version, topic):
    client = broker.connect(version=version)
    for identifier in (1, 2, 127, 128, 255, 256, 32767, 65535, 1):
        client.subscribe(topic)
        client.send(mqtt.unsubscribe(identifier, [topic], version))
        client.expect(mqtt.UNSUBACK, packet_identifier=identifier)


@proves(v3="3.10.4-5", v5="3.10.4-5")
def test_unsubscribing_from_nothing_is_answered(broker, version, topic):
    client = broker.connect(version=version)
    assert client.unsubscribe(topic) == expected(version, 0x11)
    client.subscribe(topic + "/+")
    assert client.unsubscribe(topic, topic + "/a") == expected(version, 0x11, 0x11)
    client.send(mqtt.unsubscribe(4711, [topic], version))
    client.expect(mqtt.UNSUBACK, packet_identifier=4711)
    client.publish(topic + "/a", b"still")
    client.expect_publish(topic + "/a", b"still")


@proves(v3="3.10.4-6", v5="3.10.4-6")
def test_several_filters_are_as_good_as_several_packets(broker, version, topic):
    """One client leaves by one packet, the other by a row of them: both are answered, and sent, the same."""
    together, apart = broker.connect(version=version), broker.connect(version=version)
    names = [f"{topic}/{letter}" for letter in "abcd"]
    for client in (together, apart):
        client.subscribe(*((name, 1) for name in names))
    leaving = [names[0], topic + "/none", names[2], names[0], topic + "/+"]
    reasons = together.unsubscribe(*leaving)
    assert reasons == sum((apart.unsubscribe(each) for each in leaving), [])
    assert reasons == expected(version, 0, 0x11, 0, 0x11, 0x11)
    publisher = broker.connect(version=version)
    for name in names:
        publisher.publish(name, name, 1)
    for client in (together, apart):
        client.expect_publish(names[1], names[1], 1)
        client.expect_publish(names[3], names[3], 1)
        client.expect_nothing(publisher)


@proves(v3="3.10.4-6", v5="3.10.4-6")
def test_one_unsuback_answers_many_filters(broker, version, topic):
    client = broker.connect(version=version)
    names = [f"{topic}/{number}" for number in range(300)]
    client.subscribe(*names[::2])
    assert client.unsubscribe(*names) == expected(version, *(0x11 if number % 2 else 0 for number in range(300)))
    client.expect_nothing(client)
