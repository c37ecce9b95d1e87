"""CONNECT beyond what the statements of tests/conformance/test_3_01_*.py say: MQTT 3.1, odd ones, and slow ones."""

import pytest

from harness import packet as mqtt
from harness.client import unique


def test_packets_may_come_byte_by_byte(broker, version, topic):
    client = broker.open(version)
    for byte in mqtt.connect(unique(), version=version) + mqtt.subscribe(1, [(topic, 0)], version) + mqtt.publish(
            topic, b"slow", version=version):
        client.send(bytes([byte]))
    client.expect(mqtt.CONNACK, reason=0)
    client.expect(mqtt.SUBACK, packet_identifier=1)
    client.expect_publish(topic, b"slow")


def test_an_empty_client_identifier_is_refused_in_3_1(broker):
    refused = broker.open(3)
    refused.connect("", reason=2)
    refused.expect_closed()


def test_a_client_identifier_may_be_long_and_in_any_script(broker, version):
    if version > 3:
        broker.connect(unique("long-" + "x" * 1000), version=version).ping()
    broker.connect(unique("жук-蟲"), version=version).ping()


def test_every_connect_that_ends_too_early_is_refused_in_3_1(broker):
    """But for user name and password, see below."""
    body = mqtt.connect("id", 3, will=mqtt.Will("w", b"gone"), username="u", password=b"p")[2:]
    for length in set(range(len(body))) - {len(body) - 6, len(body) - 3}:
        client = broker.open(3)
        client.send(mqtt.frame(mqtt.CONNECT, 0, body[:length]))
        client.expect_refusal()
        client.close()


@pytest.mark.parametrize("missing", [3, 6], ids=["password", "user name and password"])
def test_what_the_flags_promise_may_be_missing_at_the_end_in_3_1(broker, missing):
    """MQTT 3.1, 3.1: for the sake of clients of the original version, "this is valid" """
    client = broker.open(3)
    whole = mqtt.connect(unique(), 3, username="u", password=b"p")
    client.send(mqtt.frame(mqtt.CONNECT, 0, whole[2:-missing]))
    client.expect(mqtt.CONNACK, reason=0)


@pytest.mark.ours("the standard names no time")
def test_a_connection_without_connect_is_closed_in_time(start_broker):
    broker = start_broker(limits={"connect_timeout_ms": 200})
    silent, slow = broker.open(), broker.open()
    slow.send(mqtt.connect(unique())[:5])
    silent.expect_closed()
    slow.expect_closed()
    broker.connect().ping()
