"""PINGRESP: 3.13 of both standards, which make no statement of their own beyond its bytes."""

from harness import packet as mqtt
from harness.settings import LIMIT


def test_it_is_two_bytes(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.pingreq())
    assert client.expect(mqtt.PINGRESP, flags=0).size == 2


def test_a_client_does_not_send_it(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.frame(mqtt.PINGRESP, 0, b""))
    client.expect_end(0x82)


def test_it_waits_for_nothing(broker, version, topic):
    """Neither for messages that the client has not acknowledged, nor for those that it has not read."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 1))
    for number in range(20):
        publisher.publish(topic, b"x" * 1000, 1)
    client.send(mqtt.pingreq())
    client.take(mqtt.PINGRESP, LIMIT)
