"""Keep alive (MQTT 5.0, 3.1.2.10)."""

import select
import time

import pytest

from harness import packet as mqtt
from harness.settings import LIMIT


def test_a_silent_client_is_ended_after_one_and_a_half_times_its_keep_alive(broker, version, topic):
    """[MQTT-3.1.2-22]"""
    watcher = broker.connect()
    watcher.subscribe(topic)
    connected_at = time.monotonic()
    client = broker.connect(version=version, keep_alive=1, will=mqtt.Will(topic, b"silent"))
    client.expect_end(0x8D)
    assert 1.4 < time.monotonic() - connected_at < 5
    watcher.expect_publish(topic, b"silent")


def test_pings_keep_a_client_alive(broker, version):
    """One pings, the other doesn't: when that is ended, the first still lives."""
    client = broker.connect(version=version, keep_alive=1)
    for _ in range(2):
        silent = broker.connect(version=version, keep_alive=1)
        deadline = time.monotonic() + LIMIT
        while not select.select([silent.socket], [], [], 0.3)[0]:
            assert time.monotonic() < deadline, "the silent client was not ended"
            client.ping()
        silent.expect_end(0x8D)
        client.ping()


def test_what_the_client_receives_does_not_keep_it_alive(broker, topic):
    """Only what it sends counts [MQTT-3.1.2-20]."""
    client, publisher = broker.connect(keep_alive=1), broker.connect()
    client.subscribe(topic)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        publisher.publish(topic, b"x", 1)
        if client.receive().type == mqtt.DISCONNECT:
            break
    else:
        raise AssertionError("the client was not ended")
    client.expect_closed()


def test_a_keep_alive_of_0_is_none(broker, version):
    """It outlives one of a second."""
    forever = broker.connect(version=version, keep_alive=0)
    broker.connect(version=version, keep_alive=1).expect_end(0x8D)
    forever.ping()


def test_the_broker_tells_a_5_0_client_a_keep_alive_of_its_own(start_broker):
    """[MQTT-3.2.2-21]"""
    broker = start_broker(limits={"keep_alive_max_seconds": 10})
    assert broker.connect(keep_alive=100).connack.get("server_keep_alive") == 10
    assert broker.connect(keep_alive=5).connack.get("server_keep_alive") is None
    assert broker.connect(keep_alive=0).connack.get("server_keep_alive") == 10


@pytest.mark.ours("mosquitto has no lower bound")
def test_the_broker_raises_a_keep_alive_that_is_too_short(start_broker):
    broker = start_broker(limits={"keep_alive_min_seconds": 30})
    assert broker.connect(keep_alive=1).connack.get("server_keep_alive") == 30
    assert broker.connect(keep_alive=30).connack.get("server_keep_alive") is None
    assert broker.connect(keep_alive=0).connack.get("server_keep_alive") is None


@pytest.mark.ours("mosquitto refuses such a client")
def test_an_older_client_is_held_to_the_longest_keep_alive(start_broker):
    broker = start_broker(limits={"keep_alive_max_seconds": 1})
    connected_at = time.monotonic()
    client = broker.connect(version=4, keep_alive=100)
    client.expect_closed()
    assert 1.4 < time.monotonic() - connected_at < 5
