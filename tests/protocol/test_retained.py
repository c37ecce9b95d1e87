"""Retained messages (MQTT 5.0, 3.3.1.3, 3.8.3.1)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


@pytest.fixture
def publisher(broker, version, topic):
    client = broker.connect(version=version)
    yield client
    client.publish(topic, b"", retain=True)  # leave none behind for the next test's wildcards


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_new_subscription_gets_the_retained_message(broker, publisher, version, topic, qos):
    """[MQTT-3.3.1-5] [MQTT-3.3.1-6]"""
    publisher.publish(topic, b"first", qos, retain=True)
    publisher.publish(topic, b"second", qos, retain=True)
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    client.expect_publish(topic, b"second", qos, retain=True)
    client.expect_nothing(publisher)


def test_an_established_subscription_gets_it_without_the_flag(broker, publisher, version, topic):
    """[MQTT-3.3.1-12]"""
    client = broker.connect(version=version)
    client.subscribe((topic, 1))
    publisher.publish(topic, b"now", 1, retain=True)
    client.expect_publish(topic, b"now", 1, retain=False)


def test_a_retained_message_outlives_its_publisher(broker, version, topic):
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"kept", 1, retain=True)
    publisher.disconnect()
    client = broker.connect(version=version)
    client.subscribe(topic)
    client.expect_publish(topic, b"kept", retain=True)
    client.publish(topic, b"", retain=True)


def test_an_empty_payload_removes_it(broker, publisher, version, topic):
    """[MQTT-3.3.1-6] [MQTT-3.3.1-7]"""
    listener = broker.connect(version=version)
    listener.subscribe(topic)
    publisher.publish(topic, b"x", 1, retain=True)
    publisher.publish(topic, b"", 1, retain=True)
    listener.expect_publish(topic, b"x", retain=False)
    listener.expect_publish(topic, b"", retain=False)
    client = broker.connect(version=version)
    client.subscribe(topic)
    client.expect_nothing(publisher)


def test_a_message_without_the_flag_leaves_it_alone(broker, publisher, version, topic):
    """[MQTT-3.3.1-8]"""
    publisher.publish(topic, b"kept", 1, retain=True)
    publisher.publish(topic, b"passing", 1)
    publisher.publish(topic, b"", 1)
    client = broker.connect(version=version)
    client.subscribe(topic)
    client.expect_publish(topic, b"kept", retain=True)


def test_wildcards_find_all_that_match(broker, version, topic):
    publisher = broker.connect(version=version)
    names = [topic, f"{topic}/a", f"{topic}/b", f"{topic}/a/c", f"{topic}/b/c"]
    for name in names:
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
    assert found(f"+/a/c") == [f"{topic}/a/c"]
    assert found(f"{topic}/+/d") == []
    for name in names:
        publisher.publish(name, b"", 1, retain=True)


def test_the_subscription_bounds_the_qos(broker, publisher, version, topic):
    publisher.publish(topic, b"x", 2, retain=True)
    for qos in (0, 1, 2):
        client = broker.connect(version=version)
        client.subscribe((topic, qos))
        client.expect_publish(topic, b"x", qos, retain=True)


def test_subscribing_again_sends_it_again(broker, publisher, version, topic):
    """[MQTT-3.8.4-3]"""
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect(version=version)
    for _ in range(3):
        client.subscribe((topic, 1))
        client.expect_publish(topic, b"x", 1, retain=True)


def test_a_resumed_session_is_not_sent_them_again(broker, publisher, version, topic):
    publisher.publish(topic, b"x", 1, retain=True)
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 1))
    client.expect_publish(topic, b"x", 1, retain=True)
    client.disconnect()
    again = broker.connect(name, version=version, **lasting(version))
    again.expect_nothing(publisher)


@pytest.mark.parametrize("version", [5], indirect=True)
def test_retain_handling_1_is_for_new_subscriptions(broker, publisher, topic):
    """[MQTT-3.3.1-10]"""
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    client.subscribe((topic, mqtt.options(1, retain_handling=1)))
    client.expect_publish(topic, b"x", 1, retain=True)
    client.subscribe((topic, mqtt.options(1, retain_handling=1)))
    client.expect_nothing(publisher)
    client.unsubscribe(topic)
    client.subscribe((topic, mqtt.options(1, retain_handling=1)))
    client.expect_publish(topic, b"x", 1, retain=True)


@pytest.mark.parametrize("version", [5], indirect=True)
def test_retain_handling_2_sends_none(broker, publisher, topic):
    """[MQTT-3.3.1-11]"""
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    client.subscribe((topic, mqtt.options(1, retain_handling=2)))
    client.expect_nothing(publisher)
    publisher.publish(topic, b"y", 1)
    client.expect_publish(topic, b"y", 1)


@pytest.mark.parametrize("version", [5], indirect=True)
def test_retain_as_published_keeps_the_flag(broker, publisher, topic):
    """[MQTT-3.3.1-13]"""
    client = broker.connect()
    client.subscribe((topic, mqtt.options(1, retain_as_published=True)))
    publisher.publish(topic, b"kept", 1, retain=True)
    client.expect_publish(topic, b"kept", 1, retain=True)
    publisher.publish(topic, b"passing", 1)
    client.expect_publish(topic, b"passing", 1, retain=False)


@pytest.mark.parametrize("version", [5], indirect=True)
def test_a_retained_message_keeps_its_properties(broker, publisher, topic):
    publisher.publish(topic, b"x", 1, retain=True, properties=[
        ("content_type", "text/plain"), ("response_topic", "r"), ("correlation_data", b"c"), ("user_property", ("b", "1")),
        ("user_property", ("a", "2")), ("payload_format_indicator", 1)])
    client = broker.connect()
    client.subscribe(topic, properties={"subscription_identifier": 7})
    packet = client.expect_publish(topic, b"x", retain=True, content_type="text/plain", response_topic="r",
                                   correlation_data=b"c", payload_format_indicator=1)
    assert packet.all("user_property") == [("b", "1"), ("a", "2")]
    assert packet.all("subscription_identifier") == [7]


@pytest.mark.parametrize("version", [5], indirect=True)
def test_a_shared_subscription_gets_no_retained_messages(broker, publisher, topic):
    """3.8.4"""
    publisher.publish(topic, b"x", 1, retain=True)
    client = broker.connect()
    client.subscribe((f"$share/{unique()}/{topic}", 1))
    client.expect_nothing(publisher)


def test_a_thousand_of_them_arrive_whole(broker, version, topic):
    publisher = broker.connect(version=version)
    for number in range(1000):
        publisher.send(mqtt.publish(f"{topic}/{number}", b"x" * 100, retain=True, version=version))
    publisher.ping()
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(1, [(topic + "/#", 0)], version))
    got = {client.take(mqtt.PUBLISH).topic for _ in range(1000)}
    assert got == {f"{topic}/{number}" for number in range(1000)}
    for number in range(1000):
        publisher.send(mqtt.publish(f"{topic}/{number}", b"", retain=True, version=version))
    publisher.ping()


def test_a_retained_message_on_a_dollar_topic_is_found_by_its_name_alone(broker, version, topic):
    """[MQTT-4.7.2-1]"""
    publisher = broker.connect(version=version)
    publisher.publish(f"${topic}/x", b"x", 1, retain=True)
    client = broker.connect(version=version)
    client.subscribe("+/x")
    client.expect_nothing(publisher)
    client.subscribe(f"${topic}/#")
    client.expect_publish(f"${topic}/x", b"x", retain=True)
    publisher.publish(f"${topic}/x", b"", 1, retain=True)
