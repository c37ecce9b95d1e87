"""Conformance as such (MQTT 3.1.1, 7): a transport that loses and reorders nothing, and no need for anything else."""

import itertools

import pytest

from harness import packet as mqtt
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)


@proves(v3="7.0.0-2")
@FROM_3_1_1
def test_a_client_needs_nothing_but_the_standard(broker, version, topic):
    """The plainest packets of each kind do all there is to do, for a client that nobody has told the broker of. What the
    broker sends is the standard's, too: the harness refuses anything else."""
    client, other = broker.connect(version=version), broker.connect(version=version, clean=False)
    assert client.subscribe((topic, 2), (topic + "/#", 1)) == [2, 1]
    for qos, retain in itertools.product((0, 1, 2), (False, True)):
        assert other.publish(topic, b"x", qos, retain) == 0
        assert client.take(mqtt.PUBLISH).payload == b"x"
    client.unsubscribe(topic)
    client.ping()
    client.disconnect()
    other.publish(topic, b"", retain=True)
    other.close()


@proves(v3="7.1.1-1")
@FROM_3_1_1
def test_the_transport_loses_and_reorders_nothing(broker, version, topic):
    """Both ways, in pieces that begin and end anywhere, with packets of a byte up to many segments between each other."""
    client = broker.connect(version=version)
    client.subscribe(topic)
    sizes = [0, 1, 100, 1460, 5000, 1, 70000, 0, 17, 300] * 6
    payloads = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    stream = b"".join(mqtt.publish(topic, payload, version=version) for payload in payloads)
    pieces, at = itertools.cycle([1, 7, 1000, 3, 1461, 40000]), 0
    while at < len(stream):
        piece = next(pieces)
        client.send(stream[at:at + piece])
        at += piece
    for payload in payloads:
        client.expect_publish(topic, payload)
