"""SIGTERM ends the broker in order. (Broker.stop() requires exit code 0, and no complaint of a sanitizer.)"""

import signal

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique

pytestmark = pytest.mark.ours("mosquitto does it its own way")


def test_sigterm_tells_5_0_clients_and_closes_the_others(start_broker):
    broker = start_broker()
    clients = [broker.connect(version=version) for version in (3, 4, 5) for _ in range(3)]
    broker.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.expect_end(0x8B)
    broker.expect_exit(0)


def test_sigint_does_the_same(start_broker):
    broker = start_broker()
    client = broker.connect()
    broker.process.send_signal(signal.SIGINT)
    client.expect_end(0x8B)
    broker.expect_exit(0)


def test_what_was_acknowledged_is_delivered_before_the_end(start_broker, topic):
    broker = start_broker()
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic, 1))
    payload = b"x" * 5000
    for start in range(0, 200, 20):
        publisher.send(*(mqtt.publish(topic, str(number).encode() + b":" + payload, 1, packet_identifier=number + 1)
                         for number in range(start, start + 20)))
        for number in range(start, start + 20):
            publisher.expect(mqtt.PUBACK, packet_identifier=number + 1)
    broker.process.send_signal(signal.SIGTERM)
    for number in range(200):
        assert client.expect(mqtt.PUBLISH).payload.startswith(str(number).encode() + b":")
    client.expect_end(0x8B)
    broker.expect_exit(0)


def test_a_client_that_does_not_read_cannot_hold_up_the_end(start_broker, topic):
    broker = start_broker()
    lazy, publisher = broker.connect(), broker.connect()
    lazy.subscribe(topic)
    for _ in range(30):
        publisher.publish(topic, b"x" * 1_000_000, 1)
    broker.process.send_signal(signal.SIGTERM)
    broker.expect_exit(0)


def test_connections_in_every_state_are_no_hindrance(start_broker, topic):
    broker = start_broker()
    broker.open()
    broker.open().send(mqtt.connect("half")[:7])
    broker.connect(**lasting(5)).disconnect()
    client = broker.connect(will=mqtt.Will(topic, b"x", 1))
    client.subscribe((topic, 2))
    client.publish(topic, b"x", 2)
    client.expect(mqtt.PUBLISH, qos=2)
    away = broker.connect(unique(), will=mqtt.Will(topic, properties={"will_delay_interval": 100}), **lasting(5))
    away.subscribe((topic, 1))
    away.close()
    broker.stop()


def test_an_idle_broker_ends(start_broker):
    start_broker().stop()


def test_a_broker_that_has_just_said_that_it_listens_ends_in_order(start_broker):
    broker = start_broker(is_ready=False)
    broker.wait_for_log("listening on")
    broker.stop()
