"""PUBLISH: its properties, and the ways on which they reach a subscriber (MQTT 5.0, 3.3.2.3)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.clock import let_seconds_pass
from harness.statements import proves


# ---- the ways of a message: each sends one with these properties, and returns what the subscriber gets ----

def straight(broker, topic, qos, properties):
    client = broker.connect()
    client.subscribe((topic, 2))
    broker.connect().publish(topic, b"x", qos, properties=properties)
    return client.expect_publish(topic, b"x", qos)


def with_alias(broker, topic, qos, properties):
    """Both publisher and subscriber use aliases: the second message names no topic."""
    client, publisher = broker.connect(properties={"topic_alias_maximum": 10}), broker.connect()
    client.subscribe((topic, 2))
    may_use_alias = publisher.connack.get("topic_alias_maximum", 0) > 0
    for name in (topic, "" if may_use_alias else topic):
        publisher.publish(name, b"x", qos, properties=[("topic_alias", 1)] * may_use_alias + properties)
        packet = client.expect_publish(topic, b"x", qos)
    return packet


def through_a_session(broker, topic, qos, properties):
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    client.disconnect()
    broker.connect().publish(topic, b"x", qos, properties=properties)
    return broker.connect(name, **lasting(5)).expect_publish(topic, b"x", qos)


def sent_again(broker, topic, qos, properties):
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    broker.connect().publish(topic, b"x", qos, properties=properties)
    client.expect_publish(topic, b"x", qos, acknowledge=False)
    client.close()
    return broker.connect(name, **lasting(5)).expect_publish(topic, b"x", qos, dup=True)


def behind_a_full_window(broker, topic, qos, properties):
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    publisher.publish(topic, b"first", 1)
    publisher.publish(topic, b"x", qos, properties=properties)
    client.acknowledge(client.expect(mqtt.PUBLISH, payload="first"))
    return client.expect_publish(topic, b"x", qos)


def retained(broker, topic, qos, properties):
    publisher = broker.connect()
    publisher.publish(topic, b"x", qos, retain=True, properties=properties)
    client = broker.connect()
    client.subscribe((topic, 2))
    packet = client.expect_publish(topic, b"x", qos, retain=True)
    publisher.publish(topic, b"", retain=True)
    return packet


def shared(broker, topic, qos, properties):
    client = broker.connect()
    client.subscribe((f"$share/{unique()}/{topic}", 2))
    broker.connect().publish(topic, b"x", qos, properties=properties)
    return client.expect_publish(topic, b"x", qos)


def as_a_will(broker, topic, qos, properties):
    client = broker.connect()
    client.subscribe((topic, 2))
    broker.connect(will=mqtt.Will(topic, b"x", qos, properties=properties)).close()
    return client.expect_publish(topic, b"x", qos)


WAYS = [pytest.param(way, qos, id=f"{way.__name__}-{qos}")
        for way in (straight, with_alias, through_a_session, sent_again, behind_a_full_window, retained, shared, as_a_will)
        for qos in (0, 1, 2)
        if qos > 0 or way not in (through_a_session, sent_again, behind_a_full_window)]

PASSED_ON = [
    pytest.param("payload_format_indicator", [[0], [1], []], marks=proves(v5="3.3.2-4"), id="payload_format_indicator"),
    pytest.param("response_topic", [["reply/here"], ["жук/蟲"], ["r" * 60000], []],
                 marks=proves(v5="3.3.2-15"), id="response_topic"),
    pytest.param("correlation_data", [[bytes(range(256))], [b"\0"], [b"\xff" * 60000], []],
                 marks=proves(v5="3.3.2-16"), id="correlation_data"),
    pytest.param("content_type", [["text/жук"], ["x"], ["t" * 60000], []], marks=proves(v5="3.3.2-20"), id="content_type"),
    pytest.param("user_property", [[("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("жук", "\U0001F600"), ("b", "0")],
                                   [(f"name{number % 7}", str(number)) for number in range(500)],
                                   [("n" * 60000, "v" * 60000)], []],
                 marks=proves(v5="3.3.2-17 3.3.2-18"), id="user_property"),
]


@pytest.mark.parametrize("way, qos", WAYS)
@pytest.mark.parametrize("name, values", PASSED_ON)
def test_a_property_arrives_as_it_was(broker, topic, name, values, way, qos):
    for number, value in enumerate(values):
        properties = [(name, each) for each in value]
        packet = way(broker, f"{topic}/{number}", qos, properties)
        assert packet.all(name) == value
        other = [each for each in packet.properties if each[0] not in (name, "topic_alias")]
        assert other == [], "the publisher has not said this"


@proves(v5="3.3.2-4 3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-18 3.3.2-20")
@pytest.mark.parametrize("way, qos", WAYS)
def test_all_properties_arrive_together(broker, topic, way, qos):
    """Of several subscribers it is the same: the message is kept, or sent, to others at the same time."""
    sent = [("user_property", ("b", "1")), ("payload_format_indicator", 1), ("content_type", "text/plain"),
            ("user_property", ("a", "2")), ("correlation_data", b"\x00\xff"), ("response_topic", "reply"),
            ("user_property", ("b", "1"))]
    others = [broker.connect() for _ in range(3)]
    for number, other in enumerate(others):
        other.subscribe((topic, number))
    packets = [way(broker, topic, qos, sent)]
    for other in others:
        while (packet := other.take(mqtt.PUBLISH)).payload != b"x":
            pass  # what some way sends before
        packets.append(packet)
    for packet in packets:
        got = [each for each in packet.properties if each[0] != "topic_alias"]
        assert sorted(got, key=str) == sorted(sent, key=str)
        assert packet.all("user_property") == [("b", "1"), ("a", "2"), ("b", "1")]


@proves(v5="3.3.2-4")
def test_a_payload_that_is_not_what_its_indicator_says_is_passed_on_or_refused(broker, topic):
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic, 1))
    reason = publisher.publish(topic, b"\xff\xfe", 1, properties={"payload_format_indicator": 1})
    if reason == 0x99:
        client.expect_nothing(publisher)
    else:
        assert reason == 0
        client.expect_publish(topic, b"\xff\xfe", 1, payload_format_indicator=1)


# ---- 3.3.2.3.3 message expiry interval ----

@proves(v5="3.3.2-5")
def test_a_message_that_expires_in_a_session_is_not_delivered(broker, topic):
    """Whatever version its client speaks. The copies of others, who were there, are not concerned."""
    sessions = [(unique(), version) for version in (5, 4, 3)]
    for name, version in sessions:
        client = broker.connect(name, version=version, **lasting(version))
        client.subscribe((topic, 2))
        client.disconnect()
    there, publisher = broker.connect(), broker.connect()
    there.subscribe((topic, 2))
    for qos in (1, 2):
        publisher.publish(topic, b"short", qos, properties={"message_expiry_interval": 1})
        publisher.publish(topic, b"long", qos, properties={"message_expiry_interval": 1000})
        publisher.publish(topic, b"for ever", qos)
        for payload in (b"short", b"long", b"for ever"):
            there.expect_publish(topic, payload, qos)
    let_seconds_pass(broker)
    for name, version in sessions:
        client = broker.connect(name, version=version, **lasting(version))
        for qos in (1, 2):
            client.expect_publish(topic, b"long", qos)
            client.expect_publish(topic, b"for ever", qos)
        client.expect_nothing(publisher)


@proves(v5="3.3.2-5")
def test_a_message_that_expires_behind_a_full_window_is_not_delivered(broker, topic):
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    publisher.publish(topic, b"first", 1)
    for qos in (1, 2):
        publisher.publish(topic, b"short", qos, properties={"message_expiry_interval": 1})
    publisher.publish(topic, b"long", 1, properties={"message_expiry_interval": 1000})
    first = client.expect_publish(topic, b"first", 1, acknowledge=False)
    let_seconds_pass(broker)
    client.acknowledge(first)
    client.expect_publish(topic, b"long", 1)
    client.expect_nothing(publisher)


@proves(v5="3.3.2-5")
def test_a_message_that_expires_while_it_is_retained_is_not_delivered(broker, topic):
    """3.3.1.3 lets it count for retained messages, too."""
    publisher = broker.connect()
    for qos in (0, 1, 2):
        publisher.publish(f"{topic}/short/{qos}", b"x", qos, retain=True, properties={"message_expiry_interval": 1})
    publisher.publish(topic + "/long", b"y", 1, retain=True, properties={"message_expiry_interval": 1000})
    let_seconds_pass(broker)
    client = broker.connect()
    client.subscribe((topic + "/#", 2))
    client.expect_publish(topic + "/long", b"y", 1, retain=True)
    client.expect_nothing(publisher)
    publisher.publish(topic + "/long", b"", 1, retain=True)


@proves(v5="3.3.2-6")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_expiry_interval_is_passed_on(broker, topic, qos):
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic, 2))
    for interval in (100, 3_000_000_000, 0xFFFFFFFF):
        publisher.publish(topic, b"x", qos, properties={"message_expiry_interval": interval})
        assert interval - 2 <= client.expect_publish(topic, b"x", qos).get("message_expiry_interval") <= interval
    publisher.publish(topic, b"x", qos)
    assert client.expect_publish(topic, b"x", qos).get("message_expiry_interval") is None


@proves(v5="3.3.2-6")
def test_the_time_that_a_message_has_waited_is_taken_off_its_expiry_interval(broker, topic):
    """In a session, behind a full window, retained, and in flight before it is sent again."""
    name, unanswered = unique(), unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    client.disconnect()
    silent = broker.connect(unanswered, **lasting(5))
    held = broker.connect(properties={"receive_maximum": 1})
    for client in (silent, held):
        client.subscribe((topic, 2))
    publisher = broker.connect()
    for qos in (1, 2):
        publisher.publish(topic, str(qos), qos, retain=True, properties={"message_expiry_interval": 1000})
        assert silent.expect_publish(topic, str(qos), qos, acknowledge=False).get("message_expiry_interval") >= 998
    first = held.expect(mqtt.PUBLISH, payload="1")
    let_seconds_pass(broker)

    silent.close()
    held.acknowledge(first)
    late = broker.connect()
    late.subscribe((topic, 2))
    packets = [held.expect(mqtt.PUBLISH, payload="2"), late.expect(mqtt.PUBLISH, payload="2", retain=True)]
    for client in (broker.connect(name, **lasting(5)), broker.connect(unanswered, **lasting(5))):
        packets += [client.expect(mqtt.PUBLISH, payload=str(qos)) for qos in (1, 2)]
    for packet in packets:
        assert 900 <= packet.get("message_expiry_interval") <= 999, packet
    publisher.publish(topic, b"", 1, retain=True)


@proves(v5="3.3.2-6")
@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_left_of_the_expiry_interval_of_what_was_sent_in_time_and_is_sent_again_late(broker, topic, qos):
    """A QoS 2 message must be sent again; one of QoS 1 may be. In either case it does not become one that never expires."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, qos))
    publisher = broker.connect()
    publisher.publish(topic, b"sent", qos, properties={"message_expiry_interval": 1})
    client.expect_publish(topic, b"sent", qos, acknowledge=False)
    client.close()
    let_seconds_pass(broker)
    client = broker.connect(name, **lasting(5))
    publisher.publish(topic, b"later", qos)
    packet = client.expect(mqtt.PUBLISH, qos=qos)
    if packet.payload == b"later" and qos == 1:
        return
    assert packet.payload == b"sent" and packet.dup and packet.get("message_expiry_interval") == 0, packet


# ---- 3.3.2.3.4 topic alias ----

def aliased(topic, alias, payload=b"x", **fields):
    return mqtt.publish(topic, payload, properties={"topic_alias": alias}, **fields)


@pytest.fixture
def publisher(broker):
    """A client that may use aliases."""
    client = broker.connect()
    if client.connack.get("topic_alias_maximum", 0) < 2:
        pytest.skip("this broker takes fewer than two topic aliases")
    return client


@proves(v5="3.3.2-12")
def test_each_alias_up_to_the_brokers_maximum_is_taken(broker, publisher, topic):
    """Set, used, and set anew, at each QoS."""
    client = broker.connect()
    client.subscribe((topic + "/#", 2))
    maximum = publisher.connack.get("topic_alias_maximum")
    aliases = [*range(1, min(maximum, 300) + 1), maximum]
    for start in ("one", "two"):
        for alias in aliases:
            name = f"{topic}/{start}/{alias}"
            publisher.send(aliased(name, alias), aliased("", alias))
            for _ in range(2):
                assert client.expect_publish(name, b"x").get("topic_alias") is None
    for alias in aliases:
        for qos in (1, 2):
            assert publisher.publish("", b"y", qos, properties={"topic_alias": alias}) == 0
            client.expect_publish(f"{topic}/two/{alias}", b"y", qos)


@proves(v5="3.3.2-12")
def test_each_client_has_its_own_aliases(broker, publisher, topic):
    listener = broker.connect()
    listener.subscribe(topic + "/#")
    clients = [publisher] + [broker.connect() for _ in range(4)]
    for number, client in enumerate(clients):
        client.send(aliased(f"{topic}/{number}", 1))
        listener.expect_publish(f"{topic}/{number}", b"x")
    for number, client in enumerate(clients):
        client.send(aliased("", 1))
        listener.expect_publish(f"{topic}/{number}", b"x")


@proves(v5="3.3.2-8")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_alias_0_ends_the_connection(broker, publisher, topic, qos):
    watcher = broker.connect()
    watcher.subscribe(topic)
    publisher.send(aliased(topic, 0, qos=qos, packet_identifier=1 if qos else None))
    publisher.expect_end({0x94, 0x82, 0x81})
    watcher.expect_nothing(watcher)


@proves(v5="3.3.2-9")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_alias_above_the_brokers_maximum_ends_the_connection(broker, publisher, topic, qos):
    watcher = broker.connect()
    watcher.subscribe(topic)
    alias = publisher.connack.get("topic_alias_maximum") + 1
    publisher.send(aliased(topic, alias, qos=qos, packet_identifier=1 if qos else None))
    publisher.expect_end(0x94)
    watcher.expect_nothing(watcher)


@pytest.mark.ours("another limit than the default")
@proves(v5="3.3.2-9")
def test_a_client_that_was_offered_no_aliases_is_ended_for_the_first(start_broker, topic):
    broker = start_broker(limits={"topic_aliases_incoming": 0})
    client = broker.connect()
    assert client.connack.get("topic_alias_maximum", 0) == 0
    client.send(aliased(topic, 1))
    client.expect_end(0x94)


@proves(v5="3.3.2-7")
def test_a_publishers_aliases_end_with_its_connection(broker, publisher, topic):
    """Though its session goes on."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.send(aliased(topic, 1))
    client.ping()
    client.close()
    client = broker.connect(name, **lasting(5))
    assert client.connack.session_present
    client.send(aliased("", 1))
    client.expect_end({0x82, 0x94})


@proves(v5="3.3.2-7")
def test_a_taken_over_session_has_no_aliases_either(broker, publisher, topic):
    name = unique()
    first = broker.connect(name, **lasting(5))
    first.send(aliased(topic, 1))
    first.ping()
    client = broker.connect(name, **lasting(5))
    client.send(aliased("", 1))
    client.expect_end({0x82, 0x94})


@proves(v5="3.3.2-7")
@pytest.mark.parametrize("qos", [1, 2])
def test_the_broker_names_the_topic_in_full_on_a_new_connection(broker, topic, qos):
    """Of what it sends again, and of what comes after that. The client that reads here would not know the alias."""
    name = unique()
    fields = {"clean": False, "properties": {"topic_alias_maximum": 4, "session_expiry_interval": 60}}
    client = broker.connect(name, **fields)
    client.subscribe((topic, qos))
    publisher = broker.connect()
    for number in range(3):
        publisher.publish(topic, str(number), qos)
        client.expect_publish(topic, str(number), qos, acknowledge=False)
    client.close()
    client = broker.connect(name, **fields)
    publisher.publish(topic, b"3", qos)
    for number in range(4):
        client.expect_publish(topic, str(number), qos)


@proves(v5="3.3.2-8 3.3.2-11")
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("maximum", [0, 1, 2, 65535])
def test_the_broker_stays_within_the_clients_maximum(broker, topic, maximum, qos):
    """Whatever aliases it uses, they lead to the right topics."""
    properties = {"topic_alias_maximum": maximum} if maximum else {}
    client, publisher = broker.connect(properties=properties), broker.connect()
    client.subscribe((topic + "/#", 2))
    for number in (1, 2, 3, 1, 2, 3, 3, 1, 2, 2, 1):
        publisher.publish(f"{topic}/{number}", str(number), qos)
        packet = client.expect_publish(f"{topic}/{number}", str(number), qos)
        if packet.get("topic_alias") is not None:
            assert 1 <= packet.get("topic_alias") <= maximum


@pytest.mark.ours("a broker need not use aliases")
@proves(v5="3.3.2-10 3.3.2-11")
def test_the_broker_uses_what_the_client_has_to_take(broker, topic):
    """Each alias from 1 to the client's maximum, and then names in full."""
    client, publisher = broker.connect(properties={"topic_alias_maximum": 4}), broker.connect()
    client.subscribe(topic + "/#")
    used = []
    for again in (False, True):
        for number in range(6):
            publisher.publish(f"{topic}/{number}", b"x")
            packet = client.expect_publish(f"{topic}/{number}", b"x")
            assert (packet.wire_topic == "") == (again and number < 4)
            used.append(packet.get("topic_alias"))
    assert used == [1, 2, 3, 4, None, None] * 2


# ---- 3.3.2.3.5, 3.3.2.3.9: texts ----

NOT_UTF_8 = {"cut": b"a\xc3", "overlong": b"\xc0\x80", "surrogate": b"a\xed\xa0\x80", "too-high": b"\xf4\x90\x80\x80",
             "no-UTF-8": b"\xff", "zero": b"a\0b"}


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("text", NOT_UTF_8.values(), ids=NOT_UTF_8)
@pytest.mark.parametrize("name", [pytest.param("response_topic", marks=proves(v5="3.3.2-13")),
                                  pytest.param("content_type", marks=proves(v5="3.3.2-19"))])
def test_a_text_that_is_not_utf_8_ends_the_connection(broker, topic, name, text, qos):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect()
    client.send(mqtt.publish(topic, b"x", qos, packet_identifier=1 if qos else None, properties={name: text}))
    client.expect_end({0x81, 0x82, 0x90})
    watcher.expect_nothing(watcher)


@proves(v5="3.3.2-14")
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("response_topic", ["#", "a/#", "+", "a/+/b", "a+"])
def test_wildcards_in_a_response_topic_end_the_connection(broker, topic, response_topic, qos):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect()
    client.send(mqtt.publish(topic, b"x", qos, packet_identifier=1 if qos else None,
                             properties={"response_topic": response_topic}))
    client.expect_end({0x81, 0x82, 0x90})
    watcher.expect_nothing(watcher)
