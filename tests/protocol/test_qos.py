"""Messages and acknowledgements beyond what the standard says of their flows (see conformance/test_4_3_*.py)."""

import pytest

from harness import packet as mqtt


def test_acknowledgements_of_nothing_disturb_nothing(broker, version, topic):
    """The broker says that it knows nothing of them. It need not, so others say 0."""
    client = broker.connect(version=version)
    client.send(mqtt.puback(1234), mqtt.pubcomp(1234))
    client.ping()
    client.send(mqtt.pubrec(1234))
    client.expect(mqtt.PUBREL, packet_identifier=1234, reason=0x92 if version == 5 else 0)
    client.send(mqtt.pubrel(1234))
    client.expect(mqtt.PUBCOMP, packet_identifier=1234, reason=0x92 if version == 5 else 0)


def test_messages_to_oneself_and_many_others_arrive_once_each(broker, version, topic):
    clients = [broker.connect(version=version) for _ in range(20)]
    for number, client in enumerate(clients):
        client.subscribe((topic, number % 3))
    clients[0].publish(topic, b"all", 2)
    for number, client in enumerate(clients):
        client.expect_publish(topic, b"all", number % 3)
    for client in clients:
        client.expect_nothing(clients[0])


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 200_000, 1_000_000])
def test_payloads_of_every_size_arrive_whole(broker, version, topic, size):
    client = broker.connect(version=version)
    client.subscribe((topic, 1))
    payload = bytes(number * 7 & 255 for number in range(min(size, 65536))) * (size // 65536 + 1)
    client.publish(topic, payload[:size], 1)
    client.expect_publish(topic, payload[:size], 1)
