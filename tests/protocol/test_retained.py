"""Retained messages (MQTT 5.0, 3.3.1.3, 3.8.3.1)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


@pytest.fixture
def publisher(broker, version, topic):
    client = broker.connect(version=version)
    yield client
    client.publish(topic, b"", retain=True)  # leave none behind for the next test's wildcards


def test_a_retained_message_outlives_its_publisher(broker, version, topic):
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"kept", 1, retain=True)
    publisher.disconnect()
    client = broker.connect(version=version)
    client.subscribe(topic)
    client.expect_publish(topic, b"kept", retain=True)
    client.publish(topic, b"", retain=True)


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
