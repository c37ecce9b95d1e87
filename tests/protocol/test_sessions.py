"""Clean and lasting sessions, their expiry, and taking them over (MQTT 5.0, 3.1.2.4, 3.1.2.11.2, 4.1)."""

import time

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.clock import let_seconds_pass


def test_a_session_ends_when_its_expiry_interval_has_passed(broker, topic):
    """Its delayed will tells when: it is published at the latest when the session ends."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    name = unique()
    client = broker.connect(name, clean=False, will=mqtt.Will(topic, b"over", properties={"will_delay_interval": 3600}),
                            properties={"session_expiry_interval": 1})
    client.subscribe((topic, 1))
    closed_at = time.monotonic()
    client.close()
    watcher.expect_publish(topic, b"over")
    assert time.monotonic() - closed_at > 0.9

    again = broker.connect(name, clean=False)
    assert again.connack.session_present is False
    again.expect_nothing(watcher)


def test_the_flows_of_a_lasting_session_survive_many_reconnections(broker, version, topic):
    name = unique()
    broker.connect(name, version=version, **lasting(version)).subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number), 2)
        client = broker.connect(name, version=version, **lasting(version))
        client.expect_publish(topic, str(number), 2)
        client.close() if number % 2 else client.disconnect()


def test_a_session_does_not_expire_while_its_client_is_connected(broker, topic):
    """[MQTT-4.1.0-1]"""
    client = broker.connect(**lasting(5, expiry=1))
    client.subscribe((topic, 1))
    let_seconds_pass(broker)
    client.publish(topic, b"x", 1)
    client.expect_publish(topic, b"x", 1)
