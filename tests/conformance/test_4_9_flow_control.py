"""How many messages may be under way, both ways (MQTT 5.0, 4.9 and 3.3.4)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves


# ---- the broker sends ----

@proves(v5="3.3.4-9 4.9.0-1 4.9.0-2")
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("maximum", [1, 3, 10])
def test_the_broker_keeps_to_the_clients_receive_maximum(broker, topic, qos, maximum):
    """It starts with a quota that isn't 0; one at a time what waits follows the acknowledgements."""
    client, publisher = broker.connect(properties={"receive_maximum": maximum}), broker.connect()
    client.subscribe((topic, qos))
    for number in range(maximum + 5):
        publisher.publish(topic, str(number), qos)
    open_ones = [client.expect(mqtt.PUBLISH, payload="0", qos=qos)]
    number = 1
    while number < maximum + 5:
        while len(open_ones) < maximum and number < maximum + 5:
            packet = client.receive()
            assert packet.payload == str(number).encode() and packet.qos == qos, packet
            open_ones.append(packet)
            number += 1
        client.expect_nothing(publisher)
        client.acknowledge(open_ones.pop(0))
    for packet in open_ones:
        client.acknowledge(packet)
    client.expect_nothing(publisher)


@proves(v5="3.3.4-9 4.9.0-2")
def test_both_qos_count_for_the_same_quota(broker, topic):
    """And it is PUBACK or PUBCOMP, not PUBREC, that gives it back."""
    client, publisher = broker.connect(properties={"receive_maximum": 2}), broker.connect()
    client.subscribe((topic, 2))
    for number in range(6):
        publisher.publish(topic, str(number), 1 + number % 2)
    first, second = (client.expect(mqtt.PUBLISH, payload=str(number)) for number in (0, 1))
    client.expect_nothing(publisher)
    client.send(mqtt.pubrec(second.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=second.packet_identifier)
    client.expect_nothing(publisher)
    client.send(mqtt.pubcomp(second.packet_identifier))
    third = client.expect(mqtt.PUBLISH, payload="2", qos=1)
    client.expect_nothing(publisher)
    client.acknowledge(third)
    client.expect(mqtt.PUBLISH, payload="3", qos=2)
    client.expect_nothing(publisher)
    client.acknowledge(first)
    client.expect(mqtt.PUBLISH, payload="4", qos=1)
    client.expect_nothing(publisher)


@proves(v5="3.3.4-9 4.9.0-2")
@pytest.mark.parametrize("reason", [0x80, 0x97], ids=hex)
@pytest.mark.parametrize("qos", [1, 2])
def test_a_refusal_gives_the_quota_back(broker, topic, qos, reason):
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    for payload in ("first", "second"):
        publisher.publish(topic, payload, qos)
    first = client.expect(mqtt.PUBLISH, payload="first")
    client.expect_nothing(publisher)
    client.send((mqtt.puback if qos == 1 else mqtt.pubrec)(first.packet_identifier, reason))
    client.expect(mqtt.PUBLISH, payload="second")


@proves(v5="3.3.4-9 4.9.0-2")
def test_acknowledgements_of_nothing_give_no_quota(broker, topic):
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    for number in range(3):
        publisher.publish(topic, str(number), 2)
    first = client.expect(mqtt.PUBLISH, payload="0")
    other = first.packet_identifier + 100
    client.send(mqtt.puback(other), mqtt.pubcomp(other))
    client.expect_nothing(publisher)
    client.acknowledge(first)
    client.expect(mqtt.PUBLISH, payload="1")


@proves(v5="3.3.4-9 4.9.0-1 4.9.0-2")
def test_the_quota_counts_for_what_is_sent_again(broker, topic):
    """A client that comes back with a smaller receive maximum gets no more than fits."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(5):
        publisher.publish(topic, str(number), 1 + number % 2)
        client.expect(mqtt.PUBLISH, payload=str(number))
    client.close()
    again = broker.connect(name, clean=False, properties={"session_expiry_interval": 60, "receive_maximum": 2})
    window = [again.expect(mqtt.PUBLISH, payload=str(number), dup=True) for number in range(2)]
    again.expect_nothing(publisher)
    for number in range(2, 5):
        again.acknowledge(window.pop(0))
        window.append(again.expect(mqtt.PUBLISH, payload=str(number)))


@proves(v5="3.3.4-9 4.9.0-1 4.9.0-2")
def test_the_quota_counts_for_retained_messages(broker, topic):
    publisher = broker.connect()
    for number in range(5):
        publisher.publish(f"{topic}/{number}", str(number), 1 + number % 2, retain=True)
    client = broker.connect(properties={"receive_maximum": 2})
    client.subscribe((topic + "/#", 2))
    window = [client.take(mqtt.PUBLISH) for _ in range(2)]
    client.expect_nothing(publisher)
    seen = {packet.payload for packet in window}
    for _ in range(3):
        client.acknowledge(window.pop(0))
        window.append(client.take(mqtt.PUBLISH))
        seen.add(window[-1].payload)
        client.expect_nothing(publisher)
    assert seen == {b"0", b"1", b"2", b"3", b"4"}
    for number in range(5):
        publisher.publish(f"{topic}/{number}", b"", retain=True)


@proves(v5="3.3.4-10 4.9.0-3")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_full_window_holds_up_nothing_but_messages(broker, topic, qos):
    """Each other packet that the broker has to send comes at once; so does QoS 0."""
    client, publisher = broker.connect(properties={"receive_maximum": 1}), broker.connect()
    client.subscribe((topic, 2))
    for payload in ("first", "second"):
        publisher.publish(topic, payload, qos)
    publisher.publish(topic, b"QoS 0", 0)
    first = client.expect(mqtt.PUBLISH, payload="first", qos=qos)
    client.expect(mqtt.PUBLISH, payload="QoS 0", qos=0)

    other = topic + "/other"
    client.send(mqtt.pingreq())
    client.expect(mqtt.PINGRESP)
    client.send(mqtt.subscribe(1, [(other, 0)]))
    client.expect(mqtt.SUBACK, packet_identifier=1)
    client.send(mqtt.unsubscribe(2, [other]))
    client.expect(mqtt.UNSUBACK, packet_identifier=2)
    client.send(mqtt.publish(other, b"", 1, packet_identifier=3))
    client.expect(mqtt.PUBACK, packet_identifier=3)
    client.send(mqtt.publish(other, b"", 2, packet_identifier=4))
    client.expect(mqtt.PUBREC, packet_identifier=4)
    client.send(mqtt.pubrel(4))
    client.expect(mqtt.PUBCOMP, packet_identifier=4)
    if qos == 2:
        client.send(mqtt.pubrec(first.packet_identifier))
        client.expect(mqtt.PUBREL, packet_identifier=first.packet_identifier)
    client.expect_nothing(publisher)
    client.send(mqtt.puback(first.packet_identifier) if qos == 1 else mqtt.pubcomp(first.packet_identifier))
    client.expect(mqtt.PUBLISH, payload="second", qos=qos)


@proves(v5="3.3.4-10 4.9.0-3")
@pytest.mark.parametrize("before", [0, 1], ids=["alone", "behind-a-message"])
def test_a_full_window_holds_up_no_pubrel_that_is_sent_again(broker, topic, before):
    """However many there are: only PUBLISH counts for the receive maximum."""
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(before):
        publisher.publish(topic, b"unacknowledged", 1)
        client.expect(mqtt.PUBLISH, payload="unacknowledged")
    identifiers = []
    for number in range(4):
        publisher.publish(topic, str(number), 2)
        identifiers.append(client.expect(mqtt.PUBLISH, payload=str(number)).packet_identifier)
        client.send(mqtt.pubrec(identifiers[-1]))
        client.expect(mqtt.PUBREL, packet_identifier=identifiers[-1])
    client.close()
    client = broker.connect(name, clean=False, properties={"session_expiry_interval": 60, "receive_maximum": 1})
    assert [client.take(mqtt.PUBREL).packet_identifier for _ in identifiers] == identifiers
    client.send(*(mqtt.pubcomp(each) for each in identifiers))
    for _ in range(before):
        client.expect_publish(topic, b"unacknowledged", 1, dup=True)
    client.expect_nothing(publisher)


# ---- the broker receives ----

def fill_the_brokers_window(client, topic):
    """QoS 2 messages up to the broker's receive maximum, PUBREL owing for all of them. Returns their identifiers."""
    maximum = client.connack.get("receive_maximum", 65535)
    if maximum > 5000:
        pytest.skip(f"it would take {maximum} messages to reach this broker's receive maximum")
    for start in range(0, maximum, 200):
        identifiers = range(start + 1, min(start + 200, maximum) + 1)
        client.send(*(mqtt.publish(topic, b"x", 2, packet_identifier=each) for each in identifiers))
        for each in identifiers:
            client.expect(mqtt.PUBREC, packet_identifier=each)
    return list(range(1, maximum + 1))


@proves(v5="3.3.4-7 4.9.0-2")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_client_that_passes_the_brokers_receive_maximum_is_ended(broker, topic, qos):
    """As far as the receive maximum it may go, and the place of a message that is through is free again."""
    client = broker.connect()
    identifiers = fill_the_brokers_window(client, topic)
    client.send(mqtt.pubrel(identifiers[1]))
    client.expect(mqtt.PUBCOMP, packet_identifier=identifiers[1])
    after = len(identifiers) + 1
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=after))
    client.expect(mqtt.PUBREC, packet_identifier=after)
    client.send(mqtt.publish(topic, b"x", qos, packet_identifier=after + 1))
    client.expect_end(0x93)


@proves(v5="3.3.4-8 4.9.0-3")
def test_a_full_window_of_the_broker_holds_up_no_other_packet(broker, topic):
    """A client need not hold anything back but PUBLISH, as all else is answered; QoS 0 messages pass as well."""
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic + "/to-me", 2))
    identifiers = fill_the_brokers_window(client, topic)
    client.ping()
    assert client.subscribe(topic + "/other") == [0]
    assert client.unsubscribe(topic + "/other") == [0]
    client.send(mqtt.publish(topic + "/to-me", b"from me", 0))
    client.expect_publish(topic + "/to-me", b"from me", 0)
    for qos in (1, 2):
        publisher.publish(topic + "/to-me", b"from another", qos)
        client.expect_publish(topic + "/to-me", b"from another", qos)
    client.send(*(mqtt.pubrel(each) for each in identifiers))
    assert [client.expect(mqtt.PUBCOMP).packet_identifier for _ in identifiers] == identifiers
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=1))
    client.expect(mqtt.PUBREC, packet_identifier=1)


@pytest.mark.ours("another limit than the default")
@proves(v5="3.3.4-7 4.9.0-2")
def test_qos_1_never_fills_the_brokers_window(start_broker, topic):
    """It is answered at once, so as many as one likes may be sent without waiting."""
    broker = start_broker(limits={"receive_maximum": 2})
    client = broker.connect()
    assert client.connack.get("receive_maximum") == 2
    for start in range(1, 100, 2):
        client.send(*(mqtt.publish(topic, b"x", 1, packet_identifier=start + each) for each in range(2)))
        for each in range(2):
            client.expect(mqtt.PUBACK, packet_identifier=start + each)
