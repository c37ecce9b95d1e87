"""Clean and lasting sessions, their expiry, and taking them over (MQTT 5.0, 3.1.2.4, 3.1.2.11.2, 4.1)."""

import time

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


def test_a_clean_session_leaves_nothing_behind(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic, 1))
    client.disconnect()
    broker.connect().publish(topic, b"missed", 1)

    again = broker.connect(client.client_identifier, version=version, clean=False)
    assert again.connack.session_present is False
    again.expect_nothing(again)


@pytest.mark.parametrize("ending", ["disconnect", "close"])
def test_a_lasting_session_keeps_subscriptions_and_messages(broker, version, topic, ending):
    """[MQTT-3.1.2-5] [MQTT-4.5.0-1]"""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    assert client.connack.session_present is False
    assert client.subscribe((topic + "/+", 2)) == [2]
    getattr(client, ending)()

    publisher = broker.connect()
    for number in range(20):
        publisher.publish(f"{topic}/{number}", str(number), 1 + number % 2)

    again = broker.connect(name, version=version, **lasting(version))
    assert again.connack.session_present is (version > 3)  # 3.1 has no such flag
    for number in range(20):
        again.expect_publish(f"{topic}/{number}", str(number), 1 + number % 2, dup=False)
    publisher.publish(topic + "/live", b"", 2)
    again.expect_publish(topic + "/live", b"", 2)


def test_a_clean_start_discards_the_session(broker, version, topic):
    """[MQTT-3.1.2-4]"""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 1))
    client.disconnect()
    broker.connect().publish(topic, b"discarded", 1)

    clean = broker.connect(name, version=version, clean=True)
    assert clean.connack.session_present is False
    clean.expect_nothing(clean)
    clean.disconnect()
    assert broker.connect(name, version=version, clean=False).connack.session_present is False


def test_a_clean_start_may_begin_a_lasting_session(broker, topic):
    name = unique()
    client = broker.connect(name, clean=True, properties={"session_expiry_interval": 60})
    client.subscribe((topic, 1))
    client.disconnect()
    assert broker.connect(name, clean=False).connack.session_present is True


def test_without_an_expiry_interval_the_session_ends_with_the_connection(broker):
    """[MQTT-3.1.2-23]; 3.1.2.11.2: absent is 0"""
    name = unique()
    broker.connect(name, clean=False).disconnect()
    assert broker.connect(name, clean=False).connack.session_present is False


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


def test_a_second_connection_takes_over(broker, version):
    """[MQTT-3.1.4-3]"""
    first = broker.connect(version=version)
    second = broker.connect(first.client_identifier, version=version)
    first.expect_end(0x8E)
    second.ping()


@pytest.mark.parametrize("old, new", [(4, 5), (5, 4), (3, 5)])
def test_a_client_of_another_version_takes_over(broker, topic, old, new):
    name = unique()
    first = broker.connect(name, version=old, **lasting(old))
    first.subscribe((topic, 1))
    second = broker.connect(name, version=new, **lasting(new))
    first.expect_end(0x8E)
    assert second.connack.session_present is True
    second.publish(topic, b"still subscribed", 1)
    second.expect_publish(topic, b"still subscribed", 1)


def test_what_was_unacknowledged_moves_to_the_successor(broker, version, topic):
    name = unique()
    first = broker.connect(name, version=version, **lasting(version))
    first.subscribe((topic, 1))
    publisher = broker.connect()
    publisher.publish(topic, b"one", 1)
    publisher.publish(topic, b"two", 1)
    identifiers = [first.expect_publish(topic, each, 1, acknowledge=False).packet_identifier for each in (b"one", b"two")]

    second = broker.connect(name, version=version, **lasting(version))
    for identifier, payload in zip(identifiers, (b"one", b"two")):
        second.expect_publish(topic, payload, 1, dup=True, packet_identifier=identifier)
    first.expect_end(0x8E)


def test_a_clean_successor_gets_nothing_of_it(broker, version, topic):
    name = unique()
    first = broker.connect(name, version=version, **lasting(version))
    first.subscribe((topic, 1))
    second = broker.connect(name, version=version, clean=True)
    first.expect_end(0x8E)
    publisher = broker.connect()
    publisher.publish(topic, b"x", 1)
    assert second.connack.session_present is False
    second.expect_nothing(publisher)


def test_of_many_at_once_one_stays(broker, version):
    """Connections with one name come in a bunch: each but one is ended, and none is left hanging."""
    name = unique()
    clients = [broker.open(version) for _ in range(16)]
    for client in clients:
        client.send(mqtt.connect(name, version=version))
    for client in clients:
        client.expect(mqtt.CONNACK, reason=0)
    survivor = broker.connect(name, version=version)
    for client in clients:
        client.expect_end(0x8E)
    survivor.ping()


def test_the_flows_of_a_lasting_session_survive_many_reconnections(broker, version, topic):
    name = unique()
    broker.connect(name, version=version, **lasting(version)).subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number), 2)
        client = broker.connect(name, version=version, **lasting(version))
        client.expect_publish(topic, str(number), 2)
        client.close() if number % 2 else client.disconnect()
