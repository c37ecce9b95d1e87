"""PINGREQ: 3.12 of both standards. What it is for, the keep alive, is 3.1.2.10."""

from harness import packet as mqtt
from harness.fixtures import since_3_1_1
from harness.statements import proves

MALFORMED = 0x81


@proves(v3="3.12.4-1", v5="3.12.4-1")
def test_each_pingreq_is_answered(broker, version):
    client = broker.connect(version=version)
    for count in (1, 2, 100):
        client.send(mqtt.pingreq() * count)
        for _ in range(count):
            client.expect(mqtt.PINGRESP)
    client.expect_nothing(client)


@proves(v3="3.12.4-1", v5="3.12.4-1")
def test_it_is_answered_in_the_middle_of_every_flow(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=9, version=version))
    client.take(mqtt.PUBREC)
    client.ping()
    client.send(mqtt.pubrel(9))
    client.take(mqtt.PUBCOMP)
    client.ping()
    packet = client.take(mqtt.PUBLISH)
    client.ping()
    client.send(mqtt.pubrec(packet.packet_identifier))
    client.take(mqtt.PUBREL)
    client.ping()
    client.send(mqtt.pubcomp(packet.packet_identifier))
    client.ping()


@proves(v3="3.12.4-1", v5="3.12.4-1")
def test_without_a_keep_alive_it_is_answered_too(broker, version):
    client = broker.connect(version=version, keep_alive=0)
    client.ping()


@since_3_1_1
def test_its_flags_are_0(broker, version):
    """Said of all packet types in 2.1.3, and in 2.2.2 of 3.1.1."""
    for flags in range(1, 16):
        client = broker.connect(version=version)
        client.send(mqtt.frame(mqtt.PINGREQ, flags, b""))
        client.expect_end(MALFORMED)


def test_it_has_nothing_behind_its_fixed_header(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.frame(mqtt.PINGREQ, 0, b"\0"))
    client.expect_end(MALFORMED)
