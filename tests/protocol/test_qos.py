"""The flows of QoS 0, 1 and 2, and what is sent again on resuming (MQTT 5.0, 4.3, 4.4, 4.6)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique


@pytest.mark.parametrize("subscribed", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_a_message_comes_with_the_lower_of_both_qos(broker, version, topic, published, subscribed):
    """[MQTT-3.8.4-8]"""
    client = broker.connect(version=version)
    assert client.subscribe((topic, subscribed)) == [subscribed]
    client.publish(topic, b"x", published)
    client.expect_publish(topic, b"x", min(published, subscribed), dup=False)
    client.expect_nothing(client)


def test_the_order_of_messages_is_kept(broker, version, topic):
    """[MQTT-4.6.0-6]"""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    for qos in (0, 1, 2):
        for start in range(0, 200, 10):  # within what the broker lets a client have open
            publisher.send(*(mqtt.publish(topic, f"{qos}:{number}", qos, packet_identifier=number + 1 if qos else None,
                                          version=version) for number in range(start, start + 10)))
            for number in range(start, start + 10):
                if qos == 1:
                    assert publisher.take(mqtt.PUBACK).packet_identifier == number + 1
                elif qos == 2:
                    assert publisher.take(mqtt.PUBREC).packet_identifier == number + 1
                    publisher.send(mqtt.pubrel(number + 1))
                    assert publisher.take(mqtt.PUBCOMP).packet_identifier == number + 1
        publisher.ping()
        for number in range(200):
            client.expect_publish(topic, f"{qos}:{number}", qos)


def test_acknowledgements_come_in_the_order_of_the_messages(broker, version, topic):
    """[MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]"""
    client = broker.connect(version=version)
    identifiers = [7, 3, 65535, 1, 200]
    client.send(*(mqtt.publish(topic, b"", 1, packet_identifier=each, version=version) for each in identifiers))
    assert [client.expect(mqtt.PUBACK).packet_identifier for _ in identifiers] == identifiers
    client.send(*(mqtt.publish(topic, b"", 2, packet_identifier=each, version=version) for each in identifiers))
    assert [client.expect(mqtt.PUBREC).packet_identifier for _ in identifiers] == identifiers
    client.send(*(mqtt.pubrel(each) for each in identifiers))
    assert [client.expect(mqtt.PUBCOMP).packet_identifier for _ in identifiers] == identifiers


def test_a_message_without_subscribers_is_acknowledged(broker, version, topic):
    client = broker.connect(version=version)
    for qos in (1, 2):
        assert client.publish(topic, b"x", qos) in ((0, 0x10) if version == 5 else (0,))


def test_the_dup_flag_is_not_passed_on(broker, version, topic):
    """[MQTT-3.3.1-3]"""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    for qos in (1, 2):
        publisher.send(mqtt.publish(topic, b"x", qos, dup=True, packet_identifier=qos, version=version))
        client.expect_publish(topic, b"x", qos, dup=False)


def test_qos_1_with_the_same_identifier_is_a_new_message(broker, version, topic):
    """[MQTT-4.3.2-5]: whatever its DUP flag"""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 1))
    for dup in (False, True, False):
        publisher.send(mqtt.publish(topic, b"x", 1, dup=dup, packet_identifier=3, version=version))
        publisher.expect(mqtt.PUBACK, packet_identifier=3)
        client.expect_publish(topic, b"x", 1, dup=False)


def test_qos_2_sent_twice_is_delivered_once(broker, version, topic):
    """[MQTT-4.3.3-10]"""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    publisher.send(mqtt.publish(topic, b"once", 2, packet_identifier=9, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=9)
    publisher.send(mqtt.publish(topic, b"once", 2, dup=True, packet_identifier=9, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=9)
    publisher.send(mqtt.pubrel(9))
    publisher.expect(mqtt.PUBCOMP, packet_identifier=9, reason=0)
    client.expect_publish(topic, b"once", 2)
    client.expect_nothing(publisher)

    # After PUBCOMP the identifier is free: the same packet is a new message.
    publisher.send(mqtt.publish(topic, b"again", 2, packet_identifier=9, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=9)
    publisher.send(mqtt.pubrel(9))
    publisher.expect(mqtt.PUBCOMP, packet_identifier=9)
    client.expect_publish(topic, b"again", 2)


def test_qos_2_sent_again_after_reconnecting_is_delivered_once(broker, version, topic):
    """The broker remembers what it has received as long as the session lives."""
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    name = unique()
    publisher = broker.connect(name, version=version, **lasting(version))
    publisher.send(mqtt.publish(topic, b"once", 2, packet_identifier=5, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=5)
    publisher.close()

    publisher = broker.connect(name, version=version, **lasting(version))
    publisher.send(mqtt.publish(topic, b"once", 2, dup=True, packet_identifier=5, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=5, reason=0)
    publisher.send(mqtt.pubrel(5))
    publisher.expect(mqtt.PUBCOMP, packet_identifier=5, reason=0)
    client.expect_publish(topic, b"once", 2)
    client.expect_nothing(publisher)


def test_pubrel_sent_again_is_answered_again(broker, version, topic):
    """[MQTT-4.3.3-11]; 3.1.1, 4.3.3"""
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"x", 2)
    publisher.send(mqtt.pubrel(1))
    publisher.expect(mqtt.PUBCOMP, packet_identifier=1, reason=0x92 if version == 5 else 0)


def test_unacknowledged_messages_are_sent_again_on_resuming(broker, version, topic):
    """[MQTT-4.4.0-1]: with DUP, the same identifiers and in the original order"""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(6):
        publisher.publish(topic, str(number), 1 + number % 2)
    first = [client.expect(mqtt.PUBLISH, payload=str(number), dup=False) for number in range(6)]
    client.close()

    for number in range(6, 9):
        publisher.publish(topic, str(number), 1)
    again = broker.connect(name, version=version, **lasting(version))
    for number, packet in enumerate(first):
        again.expect(mqtt.PUBLISH, payload=str(number), qos=packet.qos, dup=True,
                     packet_identifier=packet.packet_identifier)
    # Not "dup=False": the broker may have seen the end of the first connection only after it had sent these to it.
    for number in range(6, 9):
        again.expect(mqtt.PUBLISH, payload=str(number))


def test_what_was_acknowledged_is_not_sent_again(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(4):
        publisher.publish(topic, str(number), 1 + number % 2)
    packets = [client.expect(mqtt.PUBLISH, payload=str(number)) for number in range(4)]
    client.acknowledge(packets[1])
    client.acknowledge(packets[2])
    client.ping()
    client.close()
    again = broker.connect(name, version=version, **lasting(version))
    again.expect_publish(topic, b"0", 1, dup=True)
    again.expect_publish(topic, b"3", 2, dup=True)
    again.expect_nothing(publisher)


def test_pubrel_is_sent_again_on_resuming(broker, version, topic):
    """[MQTT-4.4.0-1]: after PUBREC the message itself must not come again [MQTT-4.3.3-6]"""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    publisher.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, payload="x", qos=2)
    client.send(mqtt.pubrec(packet.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
    client.close()

    for _ in range(2):
        again = broker.connect(name, version=version, **lasting(version))
        again.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
        again.close()
    again = broker.connect(name, version=version, **lasting(version))
    again.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
    again.send(mqtt.pubcomp(packet.packet_identifier))
    again.expect_nothing(publisher)
    again.close()
    broker.connect(name, version=version, **lasting(version)).expect_nothing(publisher)


def test_pubrec_sent_twice_is_answered_twice(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    client.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, qos=2)
    for _ in range(2):
        client.send(mqtt.pubrec(packet.packet_identifier))
        client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier, reason=0)
    client.send(mqtt.pubcomp(packet.packet_identifier))
    client.ping()


def test_acknowledgements_of_nothing_disturb_nothing(broker, version, topic):
    client = broker.connect(version=version)
    client.send(mqtt.puback(1234), mqtt.pubcomp(1234))
    client.ping()
    client.send(mqtt.pubrec(1234))
    client.expect(mqtt.PUBREL, packet_identifier=1234, reason=0x92 if version == 5 else 0)
    client.send(mqtt.pubrel(1234))
    client.expect(mqtt.PUBCOMP, packet_identifier=1234, reason=0x92 if version == 5 else 0)


def test_a_refusal_by_the_subscriber_ends_the_flow(broker, topic):
    """A PUBACK or PUBREC with an error: the message is not sent again [MQTT-4.4.0-2]"""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    publisher.publish(topic, b"one", 1)
    publisher.publish(topic, b"two", 2)
    client.send(mqtt.puback(client.expect(mqtt.PUBLISH, payload="one").packet_identifier, 0x97))
    client.send(mqtt.pubrec(client.expect(mqtt.PUBLISH, payload="two").packet_identifier, 0x83, {"reason_string": "no"}))
    client.expect_nothing(publisher)
    client.close()
    broker.connect(name, **lasting(5)).expect_nothing(publisher)


def test_acknowledgements_may_have_any_of_their_three_lengths(broker, topic):
    client = broker.connect()
    client.subscribe((topic, 1))
    for arguments in ((), (0,), (0, {}), (0x10, {"user_property": ("a", "b")})):
        client.publish(topic, b"x", 1)
        client.send(mqtt.puback(client.expect(mqtt.PUBLISH).packet_identifier, *arguments))
    client.ping()


def test_packet_identifiers_in_flight_are_distinct(broker, version, topic):
    """[MQTT-2.2.1-4]"""
    client = broker.connect(version=version)
    client.subscribe((topic, 1))
    for number in range(20):
        client.publish(topic, str(number), 1)
    packets = [client.take(mqtt.PUBLISH) for _ in range(20)]
    identifiers = [packet.packet_identifier for packet in packets]
    assert len(set(identifiers)) == 20 and 0 not in identifiers
    for packet in reversed(packets):  # in whatever order they are acknowledged
        client.acknowledge(packet)
    client.ping()


def test_more_messages_than_there_are_packet_identifiers(broker, topic):
    """Identifiers are used again once they are free, those in use are stepped over."""
    client, publisher = broker.connect(version=4), broker.connect(version=4)
    client.subscribe((topic, 1))
    publisher.publish(topic, b"held", 1)
    held = client.expect(mqtt.PUBLISH, payload="held")
    for start in range(0, 66000, 500):
        publisher.send(*(mqtt.publish(topic, b"x", 1, packet_identifier=1 + number, version=4) for number in range(500)))
        for number in range(500):
            packet = client.take(mqtt.PUBLISH)
            assert packet.packet_identifier != held.packet_identifier
            client.send(mqtt.puback(packet.packet_identifier))
        for number in range(500):
            publisher.take(mqtt.PUBACK)
    client.acknowledge(held)
    client.ping()


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
