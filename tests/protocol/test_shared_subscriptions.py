"""Shared subscriptions: what the standard leaves to the broker (MQTT 5.0, 4.8.2)."""

import pytest

from harness import packet as mqtt
from harness.client import unique


@pytest.fixture
def group(topic):
    return f"$share/{unique('group')}/{topic}"


def drain(clients, publisher):
    """The payloads that each client has got of what `publisher` sent so far."""
    got = []
    for client in clients:
        end = unique("end")
        client.subscribe(end)
        publisher.publish(end, b"")
        payloads = []
        while (packet := client.take(mqtt.PUBLISH)).topic != end:
            payloads.append(packet.payload.decode())
            client.acknowledge(packet)
        got.append(payloads)
    return got


def test_the_members_share_fairly(broker, topic, group):
    members = [broker.connect() for _ in range(5)]
    for member in members:
        member.subscribe((group, 0))
    publisher = broker.connect()
    for number in range(200):
        publisher.publish(topic, str(number))
    counts = [len(payloads) for payloads in drain(members, publisher)]
    assert sum(counts) == 200 and min(counts) >= 20, counts


@pytest.mark.ours("the standard leaves it open")
def test_messages_that_waited_for_a_member_that_leaves_go_to_another(broker, topic, group):
    """Beyond its receive maximum they had not even been sent to it."""
    leaving, staying = broker.connect(properties={"receive_maximum": 2}), broker.connect()
    leaving.subscribe((group, 1))
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number), 1)
    leaving.expect(mqtt.PUBLISH, payload="0")
    leaving.expect(mqtt.PUBLISH, payload="1")
    staying.subscribe((group, 1))
    leaving.disconnect()
    got = [staying.take(mqtt.PUBLISH).payload.decode() for _ in range(10)]
    assert sorted(got, key=int) == [str(number) for number in range(10)]
