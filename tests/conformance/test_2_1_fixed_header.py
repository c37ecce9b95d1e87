"""The fixed header: its flags (MQTT 3.1.1, 2.2; MQTT 5.0, 2.1)."""

import pytest

from harness import packet as mqtt
from harness.acknowledgements import let_client_send
from harness.client import unique
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)

RIGHT = {**dict.fromkeys(range(1, 16), 0), mqtt.PUBREL: 2, mqtt.SUBSCRIBE: 2, mqtt.UNSUBSCRIBE: 2}
REQUESTS = {
    mqtt.SUBSCRIBE: lambda version: mqtt.subscribe(1, [("t", 0)], version),
    mqtt.UNSUBSCRIBE: lambda version: mqtt.unsubscribe(1, ["t"], version),
    mqtt.PINGREQ: lambda version: mqtt.pingreq(),
    mqtt.DISCONNECT: lambda version: mqtt.disconnect(version),
}
ACKNOWLEDGEMENTS = [mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP]


def with_wrong_flags(packet):
    """The packet with each value of the flags that it must not have."""
    packet_type = packet[0] >> 4
    return [bytes([packet_type << 4 | flags]) + packet[1:] for flags in range(16) if flags != RIGHT[packet_type]]


@proves(v3="2.2.2-1 2.2.2-2", v5="2.1.3-1")
@FROM_3_1_1
@pytest.mark.parametrize("packet_type", REQUESTS, ids=mqtt.NAMES.get)
def test_wrong_flags_of_a_request_end_the_connection(broker, version, packet_type):
    for packet in with_wrong_flags(REQUESTS[packet_type](version)):
        client = broker.connect(version=version)
        client.send(packet)
        client.expect_end(0x81)
        client.close()


@proves(v3="2.2.2-1 2.2.2-2", v5="2.1.3-1")
@FROM_3_1_1
@pytest.mark.parametrize("packet_type", ACKNOWLEDGEMENTS, ids=mqtt.NAMES.get)
def test_wrong_flags_of_an_acknowledgement_end_the_connection(broker, version, topic, packet_type):
    """Of one that the broker has waited for."""
    for packet in with_wrong_flags(mqtt.acknowledgement(packet_type, 0)):
        client = broker.connect(version=version)
        identifier = let_client_send(client, topic, packet_type)
        client.send(packet[:2] + mqtt.u16(identifier))
        client.expect_end(0x81)
        client.close()


@proves(v3="2.2.2-1 2.2.2-2", v5="2.1.3-1")
@FROM_3_1_1
def test_wrong_flags_of_connect_end_the_connection(broker, version):
    for packet in with_wrong_flags(mqtt.connect(unique(), version)):
        client = broker.open(version)
        client.send(packet)
        client.expect_refusal({0x81})
        client.close()


@proves(v5="2.1.3-1")
def test_wrong_flags_of_auth_end_the_connection(broker):
    for packet in with_wrong_flags(mqtt.auth(0x18, {"authentication_method": "m"})):
        client = broker.connect()
        client.send(packet)
        client.expect_end({0x81, 0x82})
        client.close()


@proves(v3="2.2.2-2")
@FROM_3_1_1
def test_quality_of_service_3_ends_the_connection(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.publish("t", b"x", 3, packet_identifier=1, version=version))
    client.expect_end(0x81)


@proves(v3="2.2.2-1", v5="2.1.3-1")
def test_what_the_broker_sends_has_the_right_flags(broker, version, topic):
    """Each packet that it sends in the life of a client. The harness refuses wrong flags; here each one is met."""
    client = broker.connect(version=version)
    seen = {mqtt.CONNACK: client.connack.flags}

    def meet(packet_type):
        packet = client.take(packet_type)
        seen[packet_type] = packet.flags
        return packet

    client.send(mqtt.subscribe(1, [(topic, 2)], version))
    meet(mqtt.SUBACK)
    client.send(mqtt.publish(topic, b"x", 1, packet_identifier=2, version=version))
    meet(mqtt.PUBACK)
    client.send(mqtt.puback(client.take(mqtt.PUBLISH).packet_identifier))
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=3, version=version))
    meet(mqtt.PUBREC)
    client.send(mqtt.pubrel(3))
    meet(mqtt.PUBCOMP)
    client.send(mqtt.pubrec(client.take(mqtt.PUBLISH).packet_identifier))
    client.send(mqtt.pubcomp(meet(mqtt.PUBREL).packet_identifier))
    client.send(mqtt.unsubscribe(4, [topic], version))
    meet(mqtt.UNSUBACK)
    client.send(mqtt.pingreq())
    meet(mqtt.PINGRESP)
    if version == 5:
        broker.connect(client.client_identifier)
        goodbye = client.expect_end(0x8E)
        if goodbye is not None:
            seen[mqtt.DISCONNECT] = goodbye.flags
    assert seen == {packet_type: RIGHT[packet_type] for packet_type in seen}
