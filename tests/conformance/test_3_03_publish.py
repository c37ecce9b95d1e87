"""PUBLISH: its flags and its topic, and what follows from them (MQTT 3.1.1 and 5.0, 3.3). Its properties are in
test_3_03_publish_properties.py, the receive maximum (3.3.4) in test_4_9_flow_control.py."""

import pytest

from harness import packet as mqtt
from harness.acknowledgements import start_refusing_broker
from harness.client import lasting, unique
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)
ONLY_5_0 = pytest.mark.parametrize("version", [5], ids=["5.0"], indirect=True)
EACH_QOS = pytest.mark.parametrize("qos", [0, 1, 2])


@pytest.fixture
def publisher(broker, version, topic):
    client = broker.connect(version=version)
    yield client
    client.publish(topic, b"", retain=True)  # leave none behind for the next test's wildcards


def whether_retained(broker, publisher, topic, version=5):
    """The payloads that a new subscriber to the topic gets: of one retained message or of none."""
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    marker = unique("end")
    client.subscribe(marker)
    publisher.publish(marker)
    payloads = []
    while (packet := client.take(mqtt.PUBLISH)).topic != marker:
        assert packet.retain and packet.topic == topic, packet
        payloads.append(packet.payload)
        client.acknowledge(packet)
    client.disconnect()
    return payloads


# ---- 3.3.1.1 DUP ----

@proves(v3="3.3.1-1", v5="3.3.1-1")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_that_is_sent_again_says_so(broker, version, topic, qos):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    client.publish(topic, b"x", qos)
    first = client.expect_publish(topic, b"x", qos, acknowledge=False, dup=False)
    for _ in range(2):
        client.close()
        client = broker.connect(name, version=version, **lasting(version))
        client.expect_publish(topic, b"x", qos, acknowledge=False, dup=True, packet_identifier=first.packet_identifier)


@proves(v3="3.3.1-2", v5="3.3.1-2")
@EACH_QOS
def test_qos_0_never_says_that_it_is_sent_again(broker, publisher, version, topic, qos):
    """Also where the message came with DUP, and as a retained one."""
    client = broker.connect(version=version)
    client.subscribe((topic, 0))
    publisher.publish(topic, b"x", qos, retain=True, dup=qos > 0)
    client.expect_publish(topic, b"x", 0, dup=False)
    client.subscribe((topic, 0))
    client.expect_publish(topic, b"x", 0, dup=False, retain=True)


@proves(v3="3.3.1-2", v5="3.3.1-2")
@FROM_3_1_1
def test_a_client_that_sends_qos_0_with_dup_is_ended(broker, version, topic):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(version=version)
    client.send(mqtt.publish(topic, b"", dup=True, version=version))
    client.expect_end({0x81, 0x82})
    watcher.expect_nothing(watcher)


@proves(v3="3.3.1-3", v5="3.3.1-3")
@pytest.mark.parametrize("subscribed", [0, 1, 2])
@pytest.mark.parametrize("published", [1, 2])
def test_dup_is_not_passed_on(broker, version, topic, published, subscribed):
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, subscribed))
    publisher.publish(topic, b"x", published, dup=True)
    client.expect_publish(topic, b"x", min(published, subscribed), dup=False)


@proves(v3="3.3.1-3", v5="3.3.1-3")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_that_has_waited_is_sent_for_the_first_time(broker, version, topic, qos):
    """DUP is for what was sent before, not for what is late, and whatever the publisher's said."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    client.disconnect()
    publisher = broker.connect(version=version)
    for dup in (False, True):
        publisher.publish(topic, b"x", qos, dup=dup)
    client = broker.connect(name, version=version, **lasting(version))
    for _ in range(2):
        client.expect_publish(topic, b"x", qos, dup=False)


@proves(v3="3.3.1-3", v5="3.3.1-3")
@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_sent_again_has_dup_though_its_publisher_had_not(broker, version, topic, qos):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    for dup in (False, True):
        publisher.publish(topic, b"x", qos, dup=dup)
        client.expect_publish(topic, b"x", qos, acknowledge=False, dup=False)
    client.close()
    client = broker.connect(name, version=version, **lasting(version))
    for _ in range(2):
        client.expect_publish(topic, b"x", qos, acknowledge=False, dup=True)


# ---- 3.3.1.2 QoS ----

@proves(v3="3.3.1-4", v5="3.3.1-4")
@pytest.mark.parametrize("others", [0, 1, 8, 9], ids=["alone", "RETAIN", "DUP", "RETAIN-and-DUP"])
def test_both_bits_of_qos_end_the_connection(broker, version, topic, others):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect(version=version)
    whole = mqtt.publish(topic, b"x", 3, packet_identifier=1, version=version)
    client.send(bytes([whole[0] | others]) + whole[1:])
    client.expect_end(0x81)
    watcher.expect_nothing(watcher)


# ---- 3.3.1.3 RETAIN ----

@proves(v3="3.3.1-5 3.3.1-6", v5="3.3.1-5 3.3.1-9")
@pytest.mark.parametrize("before", [0, 1, 2])
@EACH_QOS
def test_a_new_subscription_gets_the_last_retained_message(broker, publisher, version, topic, qos, before):
    """With its QoS, whatever that of the message before it."""
    publisher.publish(topic, b"first", before, retain=True)
    publisher.publish(topic, b"second", qos, retain=True)
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    client.expect_publish(topic, b"second", qos, retain=True)
    client.expect_nothing(publisher)


@proves(v3="3.3.1-5", v5="3.3.1-5")
@pytest.mark.parametrize("granted", [0, 1, 2])
@EACH_QOS
def test_a_retained_message_comes_with_the_lower_of_both_qos(broker, publisher, version, topic, qos, granted):
    publisher.publish(topic, b"x", qos, retain=True)
    client = broker.connect(version=version)
    client.subscribe((topic, granted))
    client.expect_publish(topic, b"x", min(qos, granted), retain=True)


@proves(v3="3.3.1-6", v5="3.3.1-9")
def test_a_new_subscription_gets_the_retained_message_of_each_topic_that_matches(broker, version, topic):
    publisher = broker.connect(version=version)
    names = [topic, f"{topic}/a", f"{topic}/b", f"{topic}/a/c", f"{topic}/b/c"]
    for name in names:
        publisher.publish(name, b"old", 1, retain=True)
        publisher.publish(name, name, 1, retain=True)

    def found(pattern):
        client = broker.connect(version=version)
        client.subscribe(pattern)
        marker = unique("end")
        client.subscribe(marker)
        publisher.publish(marker, b"")
        topics = []
        while (packet := client.take(mqtt.PUBLISH)).topic != marker:
            assert packet.retain and packet.payload.decode() == packet.topic
            topics.append(packet.topic)
        return sorted(topics)

    assert found(f"{topic}/#") == sorted(names)
    assert found(f"{topic}/+") == [f"{topic}/a", f"{topic}/b"]
    assert found(f"{topic}/+/c") == [f"{topic}/a/c", f"{topic}/b/c"]
    assert found("+/a/c") == [f"{topic}/a/c"]
    assert found(f"{topic}/+/d") == []
    for name in names:
        publisher.publish(name, b"", 1, retain=True)


@proves(v3="3.3.1-7")
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_retained_message_of_qos_0_ends_the_one_before_it(broker, publisher, version, topic, before):
    """It may itself be forgotten at any time, but the old one must not come back."""
    publisher.publish(topic, b"old", before, retain=True)
    publisher.publish(topic, b"new", 0, retain=True)
    assert whether_retained(broker, publisher, topic, version) in ([b"new"], [])


@proves(v3="3.3.1-8", v5="3.3.1-9")
@EACH_QOS
def test_a_message_that_was_retained_has_the_flag(broker, publisher, version, topic, qos):
    publisher.publish(topic, b"x", qos, retain=True)
    client = broker.connect(version=version)
    for _ in range(2):  # subscribing again makes it a new subscription
        client.subscribe((topic, 2))
        client.expect_publish(topic, b"x", qos, retain=True)


@proves(v3="3.3.1-9", v5="3.3.1-12")
@EACH_QOS
def test_an_established_subscription_gets_a_message_without_the_flag(broker, publisher, version, topic, qos):
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    for retain in (True, False, True):
        publisher.publish(topic, b"now", qos, retain=retain)
        client.expect_publish(topic, b"now", qos, retain=False)


@proves(v3="3.3.1-9", v5="3.3.1-12")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_that_has_waited_in_a_session_comes_without_the_flag(broker, publisher, version, topic, qos):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    client.disconnect()
    publisher.publish(topic, b"now", qos, retain=True)
    client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"now", qos, retain=False, acknowledge=False)
    client.close()
    client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"now", qos, retain=False, dup=True)


@proves(v3="3.3.1-10 3.3.1-11", v5="3.3.1-6 3.3.1-7")
@EACH_QOS
def test_an_empty_payload_is_delivered_and_ends_what_was_retained(broker, publisher, version, topic, qos):
    listener = broker.connect(version=version)
    listener.subscribe((topic, 2))
    publisher.publish(topic, b"x", 1, retain=True)
    listener.expect_publish(topic, b"x", 1, retain=False)
    publisher.publish(topic, b"", qos, retain=True)
    listener.expect_publish(topic, b"", qos, retain=False)
    assert whether_retained(broker, publisher, topic, version) == []


@proves(v3="3.3.1-11", v5="3.3.1-7")
@EACH_QOS
def test_an_empty_payload_is_not_retained_where_nothing_was(broker, publisher, version, topic, qos):
    publisher.publish(topic, b"", qos, retain=True)
    assert whether_retained(broker, publisher, topic, version) == []
    publisher.publish(topic, b"later", qos, retain=True)
    assert whether_retained(broker, publisher, topic, version) == [b"later"]


@proves(v3="3.3.1-12", v5="3.3.1-8")
@EACH_QOS
def test_a_message_without_the_flag_leaves_what_is_retained_alone(broker, publisher, version, topic, qos):
    publisher.publish(topic, b"passing", qos)
    publisher.ping()
    assert whether_retained(broker, publisher, topic, version) == []
    publisher.publish(topic, b"kept", 1, retain=True)
    publisher.publish(topic, b"passing", qos)
    publisher.publish(topic, b"", qos)
    publisher.ping()
    assert whether_retained(broker, publisher, topic, version) == [b"kept"]


# ---- 3.3.1.3, subscription options of 5.0 ----

@proves(v5="3.3.1-9")
@ONLY_5_0
def test_retain_handling_0_is_for_each_subscribing(broker, publisher, topic):
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    for _ in range(3):
        client.subscribe((topic, mqtt.options(1, retain_handling=0)))
        client.expect_publish(topic, b"x", 1, retain=True)
        client.expect_nothing(publisher)


@proves(v5="3.3.1-10")
@ONLY_5_0
def test_retain_handling_1_is_for_new_subscriptions(broker, publisher, topic):
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    for _ in range(2):
        client.subscribe((topic, mqtt.options(1, retain_handling=1)))
        client.expect_publish(topic, b"x", 1, retain=True)
        for qos in (1, 2, 0):  # other options make no new subscription of it
            client.subscribe((topic, mqtt.options(qos, retain_handling=1)))
            client.expect_nothing(publisher)
        client.unsubscribe(topic)


@proves(v5="3.3.1-10")
@ONLY_5_0
def test_retain_handling_1_knows_the_subscriptions_of_a_session(broker, publisher, topic):
    """That of another filter is none, that of the session before its connection broke is one."""
    publisher.publish(topic, b"x", 1, retain=True)
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic + "/#", mqtt.options(1, retain_handling=1)))
    client.expect_publish(topic, b"x", 1, retain=True)
    client.subscribe((topic, mqtt.options(1, retain_handling=1)))
    client.expect_publish(topic, b"x", 1, retain=True)
    client.disconnect()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, mqtt.options(1, retain_handling=1)), (topic + "/#", mqtt.options(1, retain_handling=1)))
    client.expect_nothing(publisher)


@proves(v5="3.3.1-11")
@ONLY_5_0
def test_retain_handling_2_sends_none(broker, publisher, topic):
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    for _ in range(2):
        client.subscribe((topic, mqtt.options(1, retain_handling=2)))
        client.expect_nothing(publisher)
    publisher.publish(topic, b"y", 1)
    client.expect_publish(topic, b"y", 1)


@proves(v5="3.3.1-12 3.3.1-13")
@ONLY_5_0
@pytest.mark.parametrize("as_published", [False, True], ids=["cleared", "as-published"])
@EACH_QOS
def test_retain_as_published_decides_about_the_flag(broker, publisher, topic, qos, as_published):
    client = broker.connect()
    client.subscribe((topic, mqtt.options(2, retain_as_published=as_published)))
    for payload, retain in ((b"kept", True), (b"passing", False), (b"", True)):
        publisher.publish(topic, payload, qos, retain=retain)
        client.expect_publish(topic, payload, qos, retain=retain and as_published)


@proves(v5="3.3.1-12 3.3.1-13")
@ONLY_5_0
@pytest.mark.parametrize("as_published", [False, True], ids=["cleared", "as-published"])
@pytest.mark.parametrize("qos", [1, 2])
def test_retain_as_published_counts_for_what_waits_in_a_session(broker, publisher, topic, qos, as_published):
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, mqtt.options(qos, retain_as_published=as_published)))
    client.disconnect()
    for retain in (True, False):
        publisher.publish(topic, b"x", qos, retain=retain)
    for dup in (False, True):
        client = broker.connect(name, **lasting(5))
        for retain in (True, False):
            client.expect_publish(topic, b"x", qos, acknowledge=False, retain=retain and as_published, dup=dup)
        client.close()


@proves(v5="3.3.1-12 3.3.1-13")
@ONLY_5_0
@pytest.mark.parametrize("as_published", [False, True], ids=["cleared", "as-published"])
def test_retain_as_published_counts_for_shared_subscriptions(broker, publisher, topic, as_published):
    client = broker.connect()
    client.subscribe((f"$share/{unique()}/{topic}", mqtt.options(1, retain_as_published=as_published)))
    for retain in (True, False):
        publisher.publish(topic, b"x", 1, retain=retain)
        client.expect_publish(topic, b"x", 1, retain=retain and as_published)


# ---- 3.3.2.1 topic name ----

@proves(v3="3.3.2-1", v5="3.3.2-1")
@EACH_QOS
@pytest.mark.parametrize("name", ["/жук/蟲/\U0001F600", "/ ", "//", "/\ufeff", "/" + "x" * 60000],
                         ids=["many-scripts", "space", "empty-levels", "zero-width", "long"])
def test_the_topic_name_comes_first(broker, version, topic, name, qos):
    """As it is on the way in, and nothing before it: the packet has the length of one that is built so."""
    client = broker.connect(version=version)
    client.subscribe((topic + "/#", 2))
    client.publish(topic + name, b"xyz", qos)
    packet = client.expect_publish(topic + name, b"xyz", qos)
    assert packet.size == len(mqtt.publish(topic + name, b"xyz", qos, packet_identifier=1 if qos else None, version=version))


NO_TOPIC_NAMES = {
    "cut": b"a\xc3", "overlong": b"\xe0\x80\x80", "surrogate": b"a\xed\xa0\x80", "too-high": b"\xf4\x90\x80\x80",
    "not-UTF-8": b"\xff\xfe", "zero": b"a\0b", "empty": b"",
}


@proves(v3="3.3.2-1", v5="3.3.2-1")
@EACH_QOS
@pytest.mark.parametrize("name", NO_TOPIC_NAMES.values(), ids=NO_TOPIC_NAMES)
def test_a_topic_name_that_is_none_ends_the_connection(broker, version, name, qos):
    client = broker.connect(version=version)
    client.send(mqtt.publish(name, b"x", qos, packet_identifier=1 if qos else None, version=version))
    client.expect_end({0x81, 0x82, 0x90})


@proves(v3="3.3.2-1", v5="3.3.2-1")
@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x0aab"], ids=["nothing", "half-a-length", "cut"])
def test_a_missing_topic_name_ends_the_connection(broker, version, body):
    client = broker.connect(version=version)
    client.send(mqtt.frame(mqtt.PUBLISH, 0, body))
    client.expect_end(0x81)


@proves(v3="3.3.2-2", v5="3.3.2-2")
@EACH_QOS
@pytest.mark.parametrize("end", ["#", "/#", "/+", "+", "/+/a", "/a#b"])
def test_wildcards_in_a_topic_name_end_the_connection(broker, version, topic, end, qos):
    watcher = broker.connect()
    watcher.subscribe(topic + "/#")
    client = broker.connect(version=version)
    client.send(mqtt.publish(topic + end, b"x", qos, packet_identifier=1 if qos else None, version=version))
    client.expect_end({0x81, 0x82, 0x90})
    watcher.expect_nothing(watcher)


@proves(v3="3.3.2-2 3.3.2-3", v5="3.3.2-2 3.3.2-3")
@EACH_QOS
@pytest.mark.parametrize("pattern", ["{}/a/b", "{}/#", "{}/+/b", "{}/a/+", "{}/a/b/#", "+/a/b", "$share/g/{}/+/b"])
def test_a_subscriber_gets_the_name_that_was_published_and_not_its_filter(broker, publisher, version, topic, pattern, qos):
    """And nothing that doesn't match. The topic tree is walked further in test_4_7_topics.py."""
    if pattern.startswith("$share") and version < 5:
        pattern = "{}/#"  # a topic like others there
    client = broker.connect(version=version)
    client.subscribe((pattern.format(topic), 2))
    for other in ("other/a/b", topic + "x/a/b/c", topic.upper() + "/b/a"):
        publisher.publish(other, b"other", qos)
    publisher.publish(topic + "/a/b", b"x", qos)
    marker = unique("end")
    client.subscribe(marker)
    publisher.publish(marker, b"")
    topics = set()
    while (packet := client.take(mqtt.PUBLISH)).topic != marker:
        topics.add(packet.topic)
        client.acknowledge(packet)
    assert topics == ({topic + "/a/b", "other/a/b"} if pattern.startswith("+") else {topic + "/a/b"})


# ---- 3.3.4 actions ----

@proves(v3="3.3.4-1", v5="3.3.4-1")
@pytest.mark.parametrize("retain", [False, True], ids=["", "retained"])
@pytest.mark.parametrize("dup", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_is_answered_as_its_qos_demands(broker, publisher, version, topic, qos, dup, retain):
    for identifier in (1, 255, 256, 65535):
        publisher.send(mqtt.publish(topic, b"x", qos, retain, dup, identifier, version))
        publisher.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC, packet_identifier=identifier)
        if qos == 2:
            publisher.send(mqtt.pubrel(identifier))
            publisher.expect(mqtt.PUBCOMP, packet_identifier=identifier)
    publisher.expect_nothing(publisher)


@proves(v3="3.3.4-1", v5="3.3.4-1")
def test_a_message_of_qos_0_is_not_answered(broker, version, topic):
    client = broker.connect(version=version)
    client.send(mqtt.publish(topic, b"x", version=version), mqtt.publish(topic, b"", retain=True, version=version))
    client.expect_nothing(client)


@proves(v3="3.3.5-1", v5="3.3.4-2")
@EACH_QOS
def test_overlapping_subscriptions_give_the_highest_qos(broker, publisher, version, topic, qos):
    """One copy with it, or one for each of them."""
    client = broker.connect(version=version)
    client.subscribe((topic + "/#", 0), (topic + "/a", 2), (topic + "/+", 1), (topic + "/b", 2), ("end-" + topic, 0))
    publisher.publish(topic + "/a", b"x", qos)
    publisher.publish("end-" + topic, b"")
    got = []
    while (packet := client.take(mqtt.PUBLISH)).topic == topic + "/a":
        got.append(packet.qos)
        client.acknowledge(packet)
    assert got == [qos] or sorted(got) == [min(qos, granted) for granted in (0, 1, 2)]


@proves(v3="3.3.5-1", v5="3.3.4-2")
@pytest.mark.parametrize("qos", [1, 2])
def test_overlapping_subscriptions_give_the_highest_qos_to_a_session_as_well(broker, publisher, version, topic, qos):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 0), (topic + "/#", 2), ("+/" + topic, 2))
    client.disconnect()
    publisher.publish(topic, b"x", qos)
    client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"x", qos)
    client.expect_nothing(publisher)


def identifiers_until(client, topic, marker):
    """Subscription identifiers of each copy of a message, up to the marker."""
    copies = []
    while (packet := client.take(mqtt.PUBLISH)).topic != marker:
        assert packet.topic == topic, packet
        copies.append(sorted(packet.all("subscription_identifier")))
        client.acknowledge(packet)
    return sorted(copies)


@proves(v5="3.3.4-3 3.3.4-4 3.3.4-5")
@EACH_QOS
def test_overlapping_subscriptions_bring_all_their_identifiers(broker, topic, qos):
    """One copy with all of them, or one for each subscription with its own."""
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic + "/#", 1), properties={"subscription_identifier": 1})
    client.subscribe((topic + "/a", 2), properties={"subscription_identifier": 268435455})
    client.subscribe((topic + "/+", 0))
    client.subscribe((topic + "/b", 1), properties={"subscription_identifier": 77})
    client.subscribe("end-" + topic)
    publisher.publish(topic + "/a", b"x", qos)
    publisher.publish("end-" + topic, b"")
    copies = identifiers_until(client, topic + "/a", "end-" + topic)
    assert copies in ([[1, 268435455]], [[], [1], [268435455]])


@proves(v5="3.3.4-3 3.3.4-4")
def test_a_waiting_message_keeps_all_the_identifiers(broker, topic):
    """In the session, also when it is sent again."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic + "/#", 1), properties={"subscription_identifier": 128})
    client.subscribe((topic, 2), properties={"subscription_identifier": 5})
    client.disconnect()
    broker.connect().publish(topic, b"x", 2)
    for _ in range(2):
        client = broker.connect(name, **lasting(5))
        found = client.expect(mqtt.PUBLISH, topic=topic).all("subscription_identifier")
        if len(found) == 1:  # a copy each
            found += client.expect(mqtt.PUBLISH, topic=topic).all("subscription_identifier")
        assert sorted(found) == [5, 128]
        client.close()


@proves(v5="3.3.4-5")
@EACH_QOS
def test_two_copies_have_their_own_identifiers(broker, topic, qos):
    """A shared subscription's copy is always one of its own."""
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic, 2), properties={"subscription_identifier": 1})
    client.subscribe((f"$share/{unique()}/{topic}", 2), properties={"subscription_identifier": 2})
    client.subscribe((f"$share/{unique()}/{topic}", 2))
    client.subscribe("end-" + topic)
    publisher.publish(topic, b"x", qos)
    publisher.publish("end-" + topic, b"")
    assert identifiers_until(client, topic, "end-" + topic) == [[], [1], [2]]


@proves(v5="3.3.4-3")
def test_each_subscriber_gets_its_own_identifiers(broker, topic):
    clients = [broker.connect() for _ in range(4)]
    for number, client in enumerate(clients, 1):
        client.subscribe((topic, 1), properties={"subscription_identifier": number})
    clients[0].publish(topic, b"x", 1)
    for number, client in enumerate(clients, 1):
        assert client.expect_publish(topic, b"x", 1).all("subscription_identifier") == [number]


@proves(v5="3.3.4-3")
@ONLY_5_0
def test_a_retained_message_has_the_identifier_of_the_subscription_that_it_is_sent_for(broker, publisher, topic):
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    for identifiers in ([7], [268435455], []):
        client.subscribe((topic, 1), properties={"subscription_identifier": identifiers})
        assert client.expect_publish(topic, b"x", 1, retain=True).all("subscription_identifier") == identifiers
    client.subscribe((topic + "/#", 1), properties={"subscription_identifier": 8})
    assert client.expect_publish(topic, b"x", 1, retain=True).all("subscription_identifier") == [8]


@proves(v5="3.3.4-6")
@EACH_QOS
def test_a_subscription_identifier_from_a_publisher_is_a_protocol_error(broker, topic, qos):
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.connect()
    client.send(mqtt.publish(topic, b"x", qos, packet_identifier=1 if qos else None,
                             properties={"subscription_identifier": 1}))
    client.expect_end({0x82, 0x81})
    watcher.expect_nothing(watcher)


# ---- 3.3.5 (3.1.1), a message that isn't allowed ----

@pytest.mark.ours("a plugin says what is allowed")
@proves(v3="3.3.5-2")
@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"], indirect=True)
def test_a_message_that_is_not_allowed_is_answered_as_usual(start_broker, tmp_path, version):
    """3.1.1 has no other answer but to close. What isn't allowed reaches nobody, and isn't retained."""
    broker = start_refusing_broker(start_broker, tmp_path, "forbidden/#")
    client, watcher = broker.connect(version=version), broker.connect(version=version)
    watcher.subscribe(("#", 2))
    for qos in (0, 1, 2):
        assert client.publish("forbidden/topic", b"\x87", qos, retain=True) == 0
        assert client.publish("allowed/topic", b"x", qos) == 0
        watcher.expect_publish("allowed/topic", b"x", qos)
    late = broker.connect(version=version)
    late.subscribe("forbidden/topic")
    late.expect_nothing(client)
