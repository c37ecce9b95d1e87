"""SUBSCRIBE: 3.8 of both standards. What a filter may look like is 4.7, a shared one 4.8."""

import pytest

from harness import packet as mqtt
from harness.client import unique
from harness.fixtures import since_3_1_1
from harness.statements import proves

MALFORMED, PROTOCOL = 0x81, 0x82


def drain(client, publisher):
    """Each PUBLISH that is on its way to the client of what `publisher` has caused so far, acknowledged."""
    end = unique("end")
    client.subscribe(end)
    publisher.publish(end, b"")
    packets = []
    while (packet := client.take(mqtt.PUBLISH)).topic != end:
        packets.append(packet)
        client.acknowledge(packet)
    return packets


def finish(publisher, count, qos):
    """Completes the flows of `count` messages that the publisher has sent in one go."""
    if qos == 1:
        for _ in range(count):
            publisher.take(mqtt.PUBACK)
    elif qos == 2:
        for _ in range(count):
            publisher.send(mqtt.pubrel(publisher.take(mqtt.PUBREC).packet_identifier))
        for _ in range(count):
            publisher.take(mqtt.PUBCOMP)


# ---- the packet ----

@since_3_1_1
@pytest.mark.parametrize("flags", sorted(set(range(16)) - {2}))
@proves(v3="3.8.1-1", v5="3.8.1-1")
def test_other_flags_than_2_are_malformed(broker, version, topic, flags):
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(1, [(topic, 0)], version, flags=flags))
    client.expect_end(MALFORMED)


NOT_UTF_8 = {
    "a byte that begins nothing": b"\xff",
    "a byte that continues nothing": b"a/\x80/b",
    "a sequence cut short": b"a/\xc3",
    "an overlong slash": b"a\xc0\xafb",
    "half a surrogate pair": b"\xed\xa0\x80",
    "beyond the last code point": b"\xf4\x90\x80\x80",
}


@pytest.mark.parametrize("wrong", NOT_UTF_8.values(), ids=NOT_UTF_8)
@pytest.mark.parametrize("place", ["alone", "behind a good one"])
@proves(v3="3.8.3-1", v5="3.8.3-1")
def test_a_filter_that_is_not_utf_8_is_malformed(broker, version, topic, wrong, place):
    client = broker.connect(version=version)
    filters = [(wrong, 0)] if place == "alone" else [(topic, 0), (wrong, 0)]
    client.send(mqtt.subscribe(1, filters, version))
    client.expect_end(MALFORMED)


@proves(v3="3.8.3-1", v5="3.8.3-1")
def test_a_filter_is_taken_as_utf_8_of_one_to_four_bytes(broker, version, topic):
    client = broker.connect(version=version)
    for name in ("/a", "/\u00e9", "/\u8776", "/\U0001F98B"):
        client.subscribe((topic + name, 0))
        client.publish(topic + name, name)
        client.expect_publish(topic + name, name)


@since_3_1_1
@proves(v3="3.8.3-3", v5="3.8.3-2")
def test_a_subscribe_without_a_filter_is_a_protocol_error(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(1, [], version))
    client.expect_end(PROTOCOL)


@pytest.mark.parametrize("options", [3, *range(4, 12), 0x10, 0x20, 0x30, 0x40, 0x80, 0xC0, 0xFC, 0xFF], ids=hex)
@proves(v3="3.8.3-4")
def test_the_options_are_the_qos_and_nothing_else_in_3_1_1(broker, topic, options):
    client = broker.connect(version=4)
    client.send(mqtt.subscribe(1, [(topic, 0), (topic, options)], 4))
    client.expect_closed()


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("reserved", [0x40, 0x80, 0xC0], ids=hex)
@proves(v5="3.8.3-5")
def test_reserved_bits_of_the_options_are_malformed(broker, topic, reserved, qos):
    client = broker.connect()
    client.send(mqtt.subscribe(1, [(topic, qos | reserved)]))
    client.expect_end(MALFORMED)


@pytest.mark.parametrize("options", [0x03, 0x30], ids=["QoS 3", "retain handling 3"])
def test_a_value_of_the_options_that_does_not_exist_is_a_protocol_error(broker, topic, options):
    """5.0, 3.8.3.1"""
    client = broker.connect()
    client.send(mqtt.subscribe(1, [(topic, options)]))
    client.expect_end(PROTOCOL)


@proves(v3="3.8.3-2")
def test_wildcards_are_supported_or_refused(broker, version, topic):
    client = broker.connect(version=version)
    for pattern in (topic + "/+", topic + "/+/b", topic + "/#"):
        reasons = client.subscribe(pattern)
        if reasons == [0x80 if version < 5 else 0xA2]:
            continue
        assert reasons == [0]
        client.publish(topic + "/a/b", b"x")
        packets = drain(client, client)
        assert len(packets) == (0 if pattern.endswith("/+") else 1)
        client.unsubscribe(pattern)


# ---- the answer ----

@proves(v3="3.8.4-1 3.8.4-2", v5="3.8.4-1 3.8.4-2")
def test_a_suback_answers_with_the_packet_identifier(broker, version, topic):
    client = broker.connect(version=version)
    for identifier in (1, 2, 127, 128, 255, 256, 32767, 65535, 1):
        client.send(mqtt.subscribe(identifier, [(topic, 0)], version))
        client.expect(mqtt.SUBACK, packet_identifier=identifier)


@proves(v3="3.8.4-1 3.8.4-2", v5="3.8.4-1 3.8.4-2")
def test_many_at_once_are_each_answered(broker, version, topic):
    client = broker.connect(version=version)
    identifiers = [65535, *range(1, 200)]
    client.send(*(mqtt.subscribe(each, [(f"{topic}/{each}", each % 3)], version) for each in identifiers))
    for each in identifiers:
        client.expect(mqtt.SUBACK, packet_identifier=each, reasons=[each % 3])


@proves(v3="3.8.4-5", v5="3.8.4-6 3.8.4-7")
def test_a_suback_has_a_reason_for_each_filter(broker, version, topic):
    """Granted is the QoS that was asked for, or a lower one."""
    client = broker.connect(version=version)
    assert client.subscribe((topic + "/a", 2), (topic + "/b", 0), (topic + "/c", 1), (topic + "/#", 0)) == [2, 0, 1, 0]
    wanted = [number % 3 for number in range(300)]
    assert client.subscribe(*((f"{topic}/{number}", qos) for number, qos in enumerate(wanted))) == wanted


@pytest.mark.ours("the limit of subscriptions is this broker's")
@proves(v3="3.8.4-5 3.9.3-2", v5="3.8.4-6 3.8.4-7 3.9.3-2")
def test_a_subscription_that_fails_is_told_beside_those_that_do_not(start_broker, version, topic):
    broker = start_broker(limits={"subscriptions": 2, "topic_levels": 3})
    client = broker.connect(version=version)
    reasons = client.subscribe((topic, 2), (topic + "/1/2/3", 1), (topic + "/1", 1), (topic + "/2", 0), (topic, 1))
    assert reasons == ([2, 0x80, 1, 0x80, 1] if version < 5 else [2, 0x8F, 1, 0x97, 1])
    for name in ("/1/2/3", "/2", "/1", ""):  # a message to one that failed would come first
        client.publish(topic + name, name, 1)
    client.expect_publish(topic + "/1", b"/1", 1)
    client.expect_publish(topic, b"", 1)


# ---- granted and published QoS ----

@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
@proves(v3="3.8.4-6", v5="3.8.4-8")
def test_a_message_comes_with_the_lower_of_granted_and_published_qos(broker, version, topic, granted, published):
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    assert client.subscribe((topic, granted)) == [granted]
    publisher.publish(topic, b"live", published)
    client.expect_publish(topic, b"live", min(granted, published))

    publisher.publish(topic, b"retained", published, retain=True)
    client.expect_publish(topic, b"retained", min(granted, published), retain=False)
    late = broker.connect(version=version)
    assert late.subscribe((topic, granted)) == [granted]
    late.expect_publish(topic, b"retained", min(granted, published), retain=True)
    publisher.publish(topic, b"", retain=True)


# ---- an identical filter ----

@pytest.mark.parametrize("pattern", ["{}", "{}/#", "+/{}"])
@proves(v3="3.8.4-3", v5="3.8.4-3")
def test_an_identical_filter_replaces_the_subscription(broker, version, topic, pattern):
    client = broker.connect(version=version)
    name = f"a/{topic}" if pattern.startswith("+") else topic
    for qos in (2, 0, 1, 2):
        assert client.subscribe((pattern.format(topic), qos)) == [qos]
        client.publish(name, b"x", 2)
        client.expect_publish(name, b"x", qos)
        client.expect_nothing(client)
    client.unsubscribe(pattern.format(topic))
    client.publish(name, b"no", 1)
    client.expect_nothing(client)


@proves(v5="3.8.4-3")
def test_a_replacement_takes_all_options_with_it(broker, topic):
    client = broker.connect()
    client.subscribe((topic, mqtt.options(2, no_local=True)), properties={"subscription_identifier": 7})
    client.publish(topic, b"own", 2)
    client.expect_nothing(client)
    client.subscribe((topic, mqtt.options(1, retain_as_published=True)))
    client.publish(topic, b"kept", 2, retain=True)
    packet = client.expect_publish(topic, b"kept", 1, retain=True)
    assert packet.all("subscription_identifier") == []
    client.subscribe((topic, mqtt.options(0, retain_handling=2)), properties={"subscription_identifier": 8})
    client.publish(topic, b"", 2, retain=True)
    client.expect_publish(topic, b"", 0, retain=False, subscription_identifier=8)
    client.expect_nothing(client)


@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="3.8.4-3", v5="3.8.4-4")
def test_a_replacement_sends_the_retained_messages_again(broker, version, topic, qos):
    publisher = broker.connect(version=version)
    names = [topic + "/a", topic + "/b"]
    for name in names:
        publisher.publish(name, name, 2, retain=True)
    client = broker.connect(version=version)
    for _ in range(3):
        client.subscribe((topic + "/+", qos))
        got = drain(client, publisher)
        assert sorted(each.topic for each in got) == names
        assert all(each.retain and each.qos == qos and each.payload.decode() == each.topic for each in got)
    for name in names:
        publisher.publish(name, b"", retain=True)


@proves(v5="3.8.4-4")
def test_retain_handling_decides_whether_a_replacement_sends_them(broker, topic):
    client = broker.connect()
    client.publish(topic, b"kept", 1, retain=True)
    # (retain handling, whether they come): as a new subscription, then as a replacement
    for handling, comes_new, comes_again in ((0, True, True), (1, True, False), (2, False, False)):
        for comes in (comes_new, comes_again):
            client.subscribe((topic, mqtt.options(1, retain_handling=handling)))
            if comes:
                client.expect_publish(topic, b"kept", 1, retain=True)
            client.expect_nothing(client)
        client.unsubscribe(topic)
    client.publish(topic, b"", retain=True)


@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v3="3.8.4-3", v5="3.8.4-4")
def test_no_message_is_lost_while_a_subscription_is_replaced(broker, version, topic, qos):
    """A publisher sends on while the subscriber asks for the same filter again and again."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, qos))
    rounds, batch, again = 12, 10, 3
    for each in range(rounds):
        client.send(*(mqtt.subscribe(number + 1, [(topic, qos)], version) for number in range(again)))
        numbers = range(each * batch, (each + 1) * batch)
        publisher.send(*(mqtt.publish(topic, str(number), qos, packet_identifier=number + 1 if qos else None,
                                      version=version) for number in numbers))
        finish(publisher, batch, qos)
        for number in numbers:
            packet = client.take(mqtt.PUBLISH)
            assert packet.payload == str(number).encode() and packet.qos == qos and not packet.dup, packet
            client.acknowledge(packet)
    for _ in range(rounds * again):
        client.take(mqtt.SUBACK)
    client.expect_nothing(publisher)


# ---- several filters ----

@proves(v3="3.8.4-4", v5="3.8.4-5")
def test_several_filters_are_as_good_as_several_packets(broker, version, topic):
    """One client asks in one packet, the other in a row of them: both are granted and sent the same."""
    publisher = broker.connect(version=version)
    names = [f"{topic}/{letter}" for letter in "abc"]
    for name in names:
        publisher.publish(name, name, 2, retain=True)
    filters = [(names[0], 1), (topic + "/+", 0), (names[1], 2), (names[0], 2), (topic + "/none", 1), (topic + "/+", 1)]

    together, apart = broker.connect(version=version), broker.connect(version=version)
    granted = together.subscribe(*filters)
    assert granted == sum((apart.subscribe(each) for each in filters), [])

    def retained(client):
        packets = drain(client, publisher)
        assert all(each.retain for each in packets)
        return sorted((each.topic, each.qos) for each in packets)

    first = retained(together)
    assert first == retained(apart) and len(first) == 1 + 3 + 1 + 1 + 0 + 3
    for name in names:
        publisher.publish(name, b"", 2, retain=True)  # removes it, and is a message like any other

    def live(client):
        """By topic, the highest QoS: overlapping subscriptions may bring one copy or several (3.3.4)."""
        best = {}
        for each in drain(client, publisher):
            best[each.topic] = max(each.qos, best.get(each.topic, 0))
        return best

    assert live(together) == live(apart) == {names[0]: 2, names[1]: 2, names[2]: 1}


@proves(v3="3.8.4-4", v5="3.8.4-5")
def test_the_last_of_two_identical_filters_counts(broker, version, topic):
    client = broker.connect(version=version)
    assert client.subscribe((topic, 2), (topic, 0)) == [2, 0]
    client.publish(topic, b"x", 2)
    client.expect_publish(topic, b"x", 0)
    client.expect_nothing(client)


@proves(v3="3.8.4-4", v5="3.8.4-5")
def test_one_wrong_filter_spoils_the_packet(broker, version, topic):
    """It is malformed as a whole, so that none of its subscriptions may be left behind."""
    client, watcher = broker.connect(version=version), broker.connect()
    client.send(mqtt.subscribe(1, [(topic, 1), (topic + "/#/a", 1)], version))
    client.expect_end({0x81, 0x82, 0x8F})
    watcher.ping()


# ---- no local ----

@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v5="3.8.3-3")
def test_no_local_keeps_ones_own_messages_away(broker, topic, qos):
    client, other = broker.connect(), broker.connect()
    client.subscribe((topic, mqtt.options(qos, no_local=True)))
    client.publish(topic, b"own", qos)
    other.publish(topic, b"other's", qos)
    client.expect_publish(topic, b"other's", qos)
    client.expect_nothing(client)
    client.expect_nothing(other)


@proves(v5="3.8.3-3")
def test_no_local_holds_for_a_session_that_was_resumed(broker, topic):
    """The same client identifier on another connection."""
    name, lasting = unique(), {"clean": False, "properties": {"session_expiry_interval": 60}}
    client = broker.connect(name, **lasting)
    client.subscribe((topic, mqtt.options(1, no_local=True)))
    client.disconnect()
    again = broker.connect(name, **lasting)
    again.publish(topic, b"own", 1)
    again.expect_nothing(again)


@proves(v5="3.8.3-3")
def test_no_local_goes_by_the_publishers_identifier_only(broker, topic):
    """Another client's subscription without the option is not touched, nor is another of the same client's."""
    client, other = broker.connect(), broker.connect()
    other.subscribe((topic + "/a", 1))
    client.subscribe((topic + "/#", mqtt.options(1, no_local=True)), (topic + "/a", 1))
    client.publish(topic + "/a", b"own", 1)
    client.publish(topic + "/b", b"own", 1)
    other.expect_publish(topic + "/a", b"own", 1)
    client.expect_publish(topic + "/a", b"own", 1)
    client.expect_nothing(client)


@pytest.mark.parametrize("qos", [0, 1, 2])
@proves(v5="3.8.3-4")
def test_no_local_on_a_shared_subscription_is_a_protocol_error(broker, topic, qos):
    client = broker.connect()
    client.send(mqtt.subscribe(1, [(f"$share/{unique('group')}/{topic}", mqtt.options(qos, no_local=True))]))
    client.expect_end(PROTOCOL)


# ---- subscription identifiers (5.0, 3.8.2.1.2) ----

def test_a_subscription_identifier_can_be_replaced_and_removed(broker, topic):
    client = broker.connect()
    for identifiers in ([5], [128], [16384], [2097152], [268435455], []):
        client.subscribe(topic, properties={"subscription_identifier": identifiers})
        client.publish(topic, b"x")
        assert client.expect_publish(topic, b"x").all("subscription_identifier") == identifiers


def test_a_subscription_identifier_counts_for_all_filters_of_its_packet(broker, topic):
    client = broker.connect()
    client.subscribe(topic + "/a", topic + "/b", properties={"subscription_identifier": 9})
    for name in ("/a", "/b"):
        client.publish(topic + name, b"x")
        client.expect_publish(topic + name, b"x", subscription_identifier=9)


@pytest.mark.parametrize("identifiers", [[0], [1, 2]], ids=["zero", "two"])
def test_a_subscription_identifier_is_one_and_not_zero(broker, topic, identifiers):
    client = broker.connect()
    client.send(mqtt.subscribe(1, [(topic, 0)], 5, {"subscription_identifier": identifiers}))
    client.expect_end(PROTOCOL)


def test_a_subscribe_may_have_user_properties(broker, topic):
    """3.8.2.1.3: their meaning is not the standard's."""
    client = broker.connect()
    assert client.subscribe((topic, 1), properties={"user_property": [("a", "b"), ("a", "c")]}) == [1]
