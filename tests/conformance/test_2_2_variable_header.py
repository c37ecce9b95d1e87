"""The variable header: packet identifiers and the length of properties (MQTT 3.1.1, 2.3; MQTT 5.0, 2.2)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves

IDENTIFIERS = [1, 2, 255, 256, 32767, 32768, 65535]

# ---- 3.1.1, 2.3.1; 5.0, 2.2.1: packet identifiers ----


@proves(v3="2.3.1-1", v5="2.2.1-3")
@pytest.mark.parametrize("make", [
    lambda version: mqtt.subscribe(0, [("t", 0)], version),
    lambda version: mqtt.unsubscribe(0, ["t"], version),
    lambda version: mqtt.publish("t", b"x", 1, packet_identifier=0, version=version),
    lambda version: mqtt.publish("t", b"x", 2, packet_identifier=0, version=version),
], ids=["SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH with QoS 1", "PUBLISH with QoS 2"])
def test_a_packet_identifier_of_0_ends_the_connection(broker, version, make):
    client = broker.connect(version=version)
    client.send(make(version))
    client.expect_end({0x81, 0x82})


@proves(v3="2.3.1-1", v5="2.2.1-3")
@pytest.mark.parametrize("packet", [
    mqtt.frame(mqtt.SUBSCRIBE, 2, b""),
    mqtt.frame(mqtt.UNSUBSCRIBE, 2, b"\0"),
    mqtt.frame(mqtt.PUBLISH, 2, mqtt.string("t")),
    mqtt.frame(mqtt.PUBLISH, 4, mqtt.string("t") + b"\1"),
], ids=["SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH with QoS 1", "PUBLISH with QoS 2"])
def test_a_packet_without_the_identifier_that_it_needs_ends_the_connection(broker, version, packet):
    client = broker.connect(version=version)
    client.send(packet)
    client.expect_end({0x81, 0x82})


@proves(v3="2.3.1-1 2.3.1-4", v5="2.2.1-4")
@pytest.mark.parametrize("qos", [1, 2])
def test_messages_under_way_have_identifiers_of_their_own(broker, version, topic, qos):
    """None is 0 and none is used twice; also not when some were given back in between."""
    client = broker.connect(version=version)
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    under_way = {}

    def send_further(count):
        for _ in range(count):
            publisher.publish(topic, b"x", qos)
            packet = client.expect(mqtt.PUBLISH, topic=topic, qos=qos)
            assert packet.packet_identifier > 0
            assert packet.packet_identifier not in under_way, f"{packet} while this identifier was under way"
            under_way[packet.packet_identifier] = packet

    send_further(15)  # a broker may keep as few as 20 under way
    for identifier in list(under_way)[::2]:
        client.acknowledge(under_way.pop(identifier))
    send_further(7)


@proves(v3="2.3.1-4", v5="2.2.1-4")
def test_an_identifier_under_way_is_not_used_again_when_all_were(broker, topic):
    """More messages than there are identifiers pass by one that nobody acknowledges."""
    client, publisher = broker.connect(version=4), broker.connect(version=4)
    client.subscribe((topic, 1))
    publisher.publish(topic, b"stays", 1)
    stays = client.expect_publish(topic, b"stays", 1, acknowledge=False).packet_identifier
    left, batch = 65536, 16
    while left > 0:
        publisher.send(*(mqtt.publish(topic, b"", 1, packet_identifier=each + 1, version=4) for each in range(batch)))
        passing = [client.take(mqtt.PUBLISH).packet_identifier for _ in range(batch)]
        assert 0 not in passing and stays not in passing
        client.send(*map(mqtt.puback, passing))
        for _ in range(batch):
            publisher.expect(mqtt.PUBACK)
        left -= batch
    client.send(mqtt.puback(stays))
    client.ping()


@proves(v3="2.3.1-3", v5="2.2.1-5")
def test_a_message_sent_again_under_its_identifier_is_answered_under_it(broker, version, topic):
    """On a connection of its own, as a client that comes back does."""
    watcher = broker.connect(version=version)
    watcher.subscribe((topic, 2))
    client = broker.connect(version=version, **lasting(version))
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=1000, version=version))
    client.expect(mqtt.PUBREC, packet_identifier=1000)
    client.close()
    client = broker.connect(client.client_identifier, version=version, **lasting(version))
    client.send(mqtt.publish(topic, b"x", 2, dup=True, packet_identifier=1000, version=version))
    client.expect(mqtt.PUBREC, packet_identifier=1000)
    client.send(mqtt.pubrel(1000))
    client.expect(mqtt.PUBCOMP, packet_identifier=1000)
    watcher.expect_publish(topic, b"x", 2)
    watcher.expect_nothing(client)


@proves(v3="2.3.1-2", v5="2.2.1-3")
def test_an_identifier_that_a_client_uses_twice_does_no_harm_to_what_it_stood_for(broker, version, topic):
    """A client must not subscribe under the identifier of its message under way. If it does, both are answered."""
    client = broker.connect(version=version)
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=7, version=version))
    client.expect(mqtt.PUBREC, packet_identifier=7)
    client.send(mqtt.subscribe(7, [(topic, 2)], version))
    answer = client.expect(mqtt.SUBACK, packet_identifier=7)
    assert answer.reasons in ([2], [0x91])
    client.send(mqtt.pubrel(7))
    assert client.take(mqtt.PUBCOMP).packet_identifier == 7


@proves(v3="2.3.1-5", v5="2.2.1-2")
def test_qos_0_has_no_packet_identifier(broker, version, topic):
    """Both ways: two bytes more would be taken for part of the payload, or for the properties."""
    client = broker.connect(version=version)
    client.subscribe((topic, 0))
    for payload in (b"", b"\x00\x01", b"x"):
        for qos in (0, 1, 2):
            client.publish(topic, payload, qos)
            packet = client.expect_publish(topic, payload)
            body = len(mqtt.string(topic)) + len(payload) + (1 if version == 5 else 0)
            assert packet.size == 2 + body and packet.packet_identifier is None, packet


@proves(v3="2.3.1-6", v5="2.2.1-5")
@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_acknowledgements_of_the_broker_have_the_identifier_of_the_message(broker, version, topic, identifier):
    client = broker.connect(version=version)
    client.send(mqtt.publish(topic, b"x", 1, packet_identifier=identifier, version=version))
    client.expect(mqtt.PUBACK, packet_identifier=identifier)
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=identifier, version=version))
    client.expect(mqtt.PUBREC, packet_identifier=identifier)
    client.send(mqtt.pubrel(identifier))
    client.expect(mqtt.PUBCOMP, packet_identifier=identifier)


@proves(v3="2.3.1-6", v5="2.2.1-5")
def test_the_broker_releases_a_message_by_its_identifier(broker, version, topic):
    """Of several, in another order than they came."""
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    for number in range(5):
        client.publish(topic, str(number), 2)
    identifiers = [client.take(mqtt.PUBLISH).packet_identifier for _ in range(5)]
    for identifier in reversed(identifiers):
        client.send(mqtt.pubrec(identifier))
        client.expect(mqtt.PUBREL, packet_identifier=identifier)
    for identifier in identifiers:
        client.send(mqtt.pubcomp(identifier))
    client.ping()


@proves(v3="2.3.1-7", v5="2.2.1-6")
@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_answer_to_a_request_has_its_identifier(broker, version, topic, identifier):
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(identifier, [(topic, 0)], version))
    client.expect(mqtt.SUBACK, packet_identifier=identifier)
    client.send(mqtt.unsubscribe(identifier, [topic], version))
    client.expect(mqtt.UNSUBACK, packet_identifier=identifier)


@proves(v3="2.3.1-7", v5="2.2.1-6")
def test_requests_in_one_write_are_answered_each_with_its_own(broker, version, topic):
    client = broker.connect(version=version)
    client.send(*(mqtt.subscribe(each, [(topic, 0)], version) for each in IDENTIFIERS),
                *(mqtt.unsubscribe(each, [topic], version) for each in IDENTIFIERS))
    for each in IDENTIFIERS:
        client.expect(mqtt.SUBACK, packet_identifier=each)
    for each in IDENTIFIERS:
        client.expect(mqtt.UNSUBACK, packet_identifier=each)


# ---- 5.0, 2.2.2: the length of properties ----

@proves(v5="2.2.2-1")
@pytest.mark.parametrize("packet", [
    mqtt.frame(mqtt.PUBLISH, 0, mqtt.string("t")),
    mqtt.frame(mqtt.SUBSCRIBE, 2, mqtt.u16(1) + mqtt.string("t") + b"\0"),
    mqtt.frame(mqtt.UNSUBSCRIBE, 2, mqtt.u16(1) + mqtt.string("t")),
], ids=["PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"])
def test_a_packet_without_the_length_of_its_properties_is_malformed(broker, packet):
    client = broker.connect()
    client.send(packet)
    client.expect_end({0x81, 0x82})


@proves(v5="2.2.2-1")
def test_a_connect_without_the_length_of_its_properties_is_malformed(broker):
    whole = mqtt.connect(unique())[2:]
    will = mqtt.connect(unique(), will=mqtt.Will("w", b"x"))[2:]
    at = len(will) - 1 - len(mqtt.string("w") + mqtt.binary(b"x"))
    for body in (whole[:10] + whole[11:], will[:at] + will[at + 1:]):
        client = broker.open()
        client.send(mqtt.frame(mqtt.CONNECT, 0, body))
        client.expect_refusal({0x81, 0x82, 0x84})
        client.close()


@proves(v5="2.2.2-1")
def test_where_the_broker_has_no_properties_it_says_so(broker, topic):
    """PUBLISH and the answers to requests, byte for byte. (In the others a whole packet of two or three bytes says it.)"""
    client = broker.connect()
    client.send(mqtt.subscribe(1, [(topic, 1)]))
    assert client.expect(mqtt.SUBACK, reasons=[1]).size == 2 + 2 + 1 + 1
    for qos in (0, 1):
        client.publish(topic, b"x", qos)
        assert client.expect_publish(topic, b"x", qos).size == 2 + len(mqtt.string(topic)) + 2 * qos + 1 + 1
    client.send(mqtt.unsubscribe(2, [topic]))
    assert client.expect(mqtt.UNSUBACK, reasons=[0]).size == 2 + 2 + 1 + 1
