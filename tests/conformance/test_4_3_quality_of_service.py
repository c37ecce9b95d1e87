"""The flows of QoS 0, 1 and 2, the broker being sender and receiver (MQTT 3.1.1 and 5.0, 4.3)."""

import pytest

from harness import packet as mqtt
from harness.acknowledgements import RESERVED_TOPIC
from harness.client import lasting, unique
from harness.clock import let_seconds_pass
from harness.statements import proves


def publish(client, topic, payload, qos, identifier, dup=False, properties=None):
    """PUBLISH with this identifier and its first answer."""
    client.send(mqtt.publish(topic, payload, qos, False, dup, identifier, client.version, properties))
    return client.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC, packet_identifier=identifier)


def release(client, identifier):
    client.send(mqtt.pubrel(identifier))
    return client.expect(mqtt.PUBCOMP, packet_identifier=identifier)


# ---- 4.3.1 QoS 0 ----

@proves(v3="4.3.1-1", v5="4.3.1-1")
@pytest.mark.parametrize("subscribed", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_what_goes_out_with_qos_0_has_neither_dup_nor_identifier(broker, version, topic, published, subscribed):
    """All messages that go out with QoS 0, of whichever they came in with; they are not sent again."""
    client = broker.connect(version=version)
    client.subscribe((topic, subscribed))
    client.publish(topic, b"x", published, dup=published > 0)
    packet = client.expect_publish(topic, b"x", min(published, subscribed), dup=False)
    assert (packet.packet_identifier is None) == (packet.qos == 0)
    client.expect_nothing(client)


@proves(v3="4.3.1-1", v5="4.3.1-1")
def test_qos_0_is_not_sent_again(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    client.publish(topic, b"x", 0)
    client.expect_publish(topic, b"x", 0)
    client.close()
    broker.connect(name, version=version, **lasting(version)).expect_nothing(broker.connect())


# ---- 4.3.2 QoS 1, the broker sends ----

@proves(v3="4.3.2-1 4.3.3-1", v5="4.3.2-1 4.3.2-2 4.3.3-1 4.3.3-2")
@pytest.mark.parametrize("qos", [1, 2])
def test_each_message_has_an_identifier_that_is_not_in_use(broker, version, topic, qos):
    """Twenty at a time, for others to be taken while some are held."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    held = []
    for turn in range(4):
        for number in range(10):
            publisher.publish(topic, f"{turn}:{number}", qos)
        for number in range(10):
            packet = client.expect(mqtt.PUBLISH, payload=f"{turn}:{number}", qos=qos, dup=False)
            assert packet.packet_identifier not in [0] + [each.packet_identifier for each in held]
            held.append(packet)
        for _ in range(8):  # in whatever order they are acknowledged
            client.acknowledge(held.pop(len(held) // 2))
    client.expect_nothing(publisher)


@proves(v3="4.3.2-1 4.3.3-1", v5="4.3.2-1 4.3.3-1")
def test_both_qos_take_their_identifiers_from_the_same(broker, version, topic):
    """And one that waits for PUBCOMP is in use."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    packets = []
    for number in range(12):
        qos = 1 + number % 2
        publisher.publish(topic, str(number), qos)
        packets.append(client.expect(mqtt.PUBLISH, payload=str(number), qos=qos, dup=False))
        if number % 4 == 1:
            client.send(mqtt.pubrec(packets[-1].packet_identifier))
            client.expect(mqtt.PUBREL, packet_identifier=packets[-1].packet_identifier)
    assert len({packet.packet_identifier for packet in packets}) == 12


@proves(v3="4.3.2-1", v5="4.3.2-1")
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)
def test_more_messages_than_there_are_identifiers(broker, version, topic):
    """They are used again once they are free; those in use are stepped over."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 1))
    publisher.publish(topic, b"held", 1)
    held = client.expect(mqtt.PUBLISH, payload="held")
    for _ in range(0, 66000, 500):
        publisher.send(*(mqtt.publish(topic, b"x", 1, packet_identifier=1 + number, version=version) for number in range(500)))
        for _ in range(500):
            packet = client.take(mqtt.PUBLISH)
            assert packet.packet_identifier != held.packet_identifier
            client.send(mqtt.puback(packet.packet_identifier))
        for _ in range(500):
            publisher.take(mqtt.PUBACK)
    client.acknowledge(held)
    client.ping()


@proves(v3="4.3.2-1 4.3.3-1", v5="4.3.2-3 4.3.3-3")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_is_unacknowledged_until_its_answer(broker, version, topic, qos):
    """That of another message, and one that was acknowledged in between, don't count."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"first", qos)
    publisher.publish(topic, b"second", qos)
    first = client.expect(mqtt.PUBLISH, payload="first", qos=qos, dup=False)
    second = client.expect(mqtt.PUBLISH, payload="second", qos=qos, dup=False)
    client.acknowledge(second)
    for _ in range(3):
        client.close()
        client = broker.connect(name, version=version, **lasting(version))
        client.expect(mqtt.PUBLISH, payload="first", qos=qos, dup=True, packet_identifier=first.packet_identifier)
        client.expect_nothing(publisher)
    client.acknowledge(first)
    client.ping()
    client.close()
    broker.connect(name, version=version, **lasting(version)).expect_nothing(publisher)


# ---- 4.3.2 QoS 1, the broker receives ----

@proves(v3="4.3.2-2", v5="4.3.2-4 4.3.2-5")
def test_qos_1_with_the_same_identifier_is_a_new_message(broker, version, topic):
    """Whatever its DUP, once PUBACK was sent."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 1))
    for dup in (False, True, True, False):
        publish(publisher, topic, b"x", 1, 3, dup)
        client.expect_publish(topic, b"x", 1, dup=False)
    client.expect_nothing(publisher)


@proves(v3="4.3.2-2", v5="4.3.2-4")
@pytest.mark.parametrize("dup", [False, True], ids=["first", "again"])
def test_a_message_is_the_brokers_once_it_has_sent_puback(broker, version, topic, dup):
    """It reaches a subscriber that comes back later, though the publisher is gone by then. With or without subscribers
    there is a PUBACK, with the identifier of PUBLISH."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 1))
    client.close()
    publisher = broker.connect(version=version)
    for identifier in (1, 65535):
        publish(publisher, topic, str(identifier), 1, identifier, dup)
        publish(publisher, topic + "/nobody", b"", 1, identifier, dup)
    publisher.close()
    client = broker.connect(name, version=version, **lasting(version))
    for identifier in (1, 65535):
        client.expect_publish(topic, str(identifier), 1)


# ---- 4.3.3 QoS 2, the broker sends ----

@proves(v3="4.3.3-1", v5="4.3.3-4")
def test_pubrec_is_answered_with_pubrel_of_the_same_identifier(broker, version, topic):
    """In the order of PUBREC, and again if it comes again."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    for number in range(3):
        publisher.publish(topic, str(number), 2)
    packets = [client.expect(mqtt.PUBLISH, payload=str(number), qos=2) for number in range(3)]
    for packet in [packets[2], packets[0], packets[0], packets[1]]:
        client.send(mqtt.pubrec(packet.packet_identifier))
        client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier, reason=0)
    client.expect_nothing(publisher)


@proves(v5="4.3.3-4")
@pytest.mark.parametrize("reason", [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], ids=hex)
def test_only_a_pubrec_below_0x80_is_answered_with_pubrel(broker, topic, reason):
    name = unique()
    client, publisher = broker.connect(name, **lasting(5)), broker.connect()
    client.subscribe((topic, 2))
    publisher.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, qos=2)
    client.send(mqtt.pubrec(packet.packet_identifier, reason))
    if reason < 0x80:
        client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier, reason=0)
    client.expect_nothing(publisher)


@proves(v3="4.3.3-1", v5="4.3.3-5 4.3.3-6")
def test_pubrel_is_unacknowledged_until_pubcomp_and_publish_does_not_come_again(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect(version=version)
    publisher.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, payload="x", qos=2)
    client.send(mqtt.pubrec(packet.packet_identifier))
    for _ in range(3):
        client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier, reason=0)
        client.expect_nothing(publisher)
        client.close()
        client = broker.connect(name, version=version, **lasting(version))
    client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
    client.send(mqtt.pubcomp(packet.packet_identifier))
    client.expect_nothing(publisher)
    client.close()
    broker.connect(name, version=version, **lasting(version)).expect_nothing(publisher)


@proves(v5="4.3.3-7")
def test_a_message_that_was_sent_does_not_expire_any_more(broker, topic):
    """Neither before PUBREC nor behind it, whether it has to be sent again or not."""
    there, away = broker.connect(), unique()
    broken = broker.connect(away, **lasting(5))
    for client in (there, broken):
        client.subscribe((topic, 2))
    broker.connect().publish(topic, b"sent", 2, properties={"message_expiry_interval": 1})
    first = there.expect_publish(topic, b"sent", 2, acknowledge=False)
    again = broken.expect_publish(topic, b"sent", 2, acknowledge=False)
    broken.close()
    let_seconds_pass(broker)

    there.acknowledge(first)
    client = broker.connect(away, **lasting(5))
    client.expect_publish(topic, b"sent", 2, acknowledge=False, dup=True, packet_identifier=again.packet_identifier)
    client.send(mqtt.pubrec(again.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=again.packet_identifier, reason=0)
    client.close()
    client = broker.connect(away, **lasting(5))
    client.expect(mqtt.PUBREL, packet_identifier=again.packet_identifier, reason=0)


# ---- 4.3.3 QoS 2, the broker receives ----

@proves(v3="4.3.3-2", v5="4.3.3-8 4.3.3-10 4.3.3-11 4.3.3-12")
@pytest.mark.parametrize("dup", [False, True], ids=["without-dup", "with-dup"])
def test_qos_2_is_delivered_once_until_pubrel(broker, version, topic, dup):
    """Behind PUBCOMP the same packet is a new message."""
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    for payload in (b"once", b"another"):
        for turn in range(3):
            publish(publisher, topic, payload, 2, 9, dup and turn > 0)
        assert release(publisher, 9).reason == 0
        client.expect_publish(topic, payload, 2)
        client.expect_nothing(publisher)


@proves(v3="4.3.3-2", v5="4.3.3-10 4.3.3-11")
def test_qos_2_is_delivered_once_over_two_connections(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    name = unique()
    publisher = broker.connect(name, version=version, **lasting(version))
    publish(publisher, topic, b"once", 2, 5)
    publisher.close()
    for _ in range(2):
        publisher = broker.connect(name, version=version, **lasting(version))
        assert publish(publisher, topic, b"once", 2, 5, dup=True).reason == 0
        publisher.close()
    publisher = broker.connect(name, version=version, **lasting(version))
    assert release(publisher, 5).reason == 0
    client.expect_publish(topic, b"once", 2)
    client.expect_nothing(publisher)


@proves(v3="4.3.3-2", v5="4.3.3-10")
def test_identifiers_are_each_clients_own(broker, version, topic):
    """The same one in use by two clients, and, the other way, by the broker towards one of them."""
    client = broker.connect(version=version)
    client.subscribe((topic, 2))
    publishers = [broker.connect(version=version) for _ in range(2)]
    for number, publisher in enumerate(publishers):
        publish(publisher, topic, str(number), 2, 1)
    for publisher in publishers:
        release(publisher, 1)
    packets = [client.expect(mqtt.PUBLISH, qos=2) for _ in range(2)]
    assert {packet.payload for packet in packets} == {b"0", b"1"}
    for packet in packets:
        client.send(mqtt.publish(topic + "/other", b"", 2, packet_identifier=packet.packet_identifier, version=version))
        client.take(mqtt.PUBREC)
        client.acknowledge(packet)
        client.send(mqtt.pubrel(packet.packet_identifier))
        client.expect(mqtt.PUBCOMP, packet_identifier=packet.packet_identifier, reason=0)


@proves(v3="4.3.3-2", v5="4.3.3-11")
def test_each_pubrel_is_answered_with_pubcomp(broker, version, topic):
    """Also one that was answered before, or that belongs to nothing: the sender may not have got the answer."""
    publisher = broker.connect(version=version)
    publish(publisher, topic, b"x", 2, 7)
    assert release(publisher, 7).reason == 0
    for identifier in (7, 7, 1234):
        assert release(publisher, identifier).reason in ((0, 0x92) if version == 5 else (0,))


@proves(v5="4.3.3-9")
def test_a_refused_message_leaves_its_identifier_free(broker, topic):
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic, 2))
    if publish(publisher, RESERVED_TOPIC, b"no", 2, 9).reason < 0x80:
        pytest.skip("this broker takes messages to $SYS; nothing else that any broker would refuse is known")
    publish(publisher, topic, b"another", 2, 9)
    assert release(publisher, 9).reason == 0
    client.expect_publish(topic, b"another", 2)
    client.expect_nothing(publisher)


@proves(v5="4.3.3-13")
def test_the_exchange_goes_on_though_the_message_has_expired(broker, topic):
    """It is still known, too, so that it isn't taken for a new one."""
    name = unique()
    client = broker.connect(**lasting(5))
    client.subscribe((topic, 2))
    away = broker.connect(name, **lasting(5))
    away.subscribe((topic, 2))
    away.disconnect()
    publisher = broker.connect()
    short = {"message_expiry_interval": 1}
    publish(publisher, topic, b"short", 2, 1, properties=short)
    publish(publisher, topic, b"short", 2, 2, properties=short)
    let_seconds_pass(broker)

    publish(publisher, topic, b"short", 2, 2, dup=True, properties=short)
    assert release(publisher, 1).reason == 0
    assert release(publisher, 2).reason == 0
    publisher.publish(topic, b"last", 2)
    for subscriber in (client, broker.connect(name, **lasting(5))):
        payloads = []
        while payloads[-1:] != [b"last"]:  # a broker that passes on QoS 2 only after PUBREL has none that is in time
            packet = subscriber.expect(mqtt.PUBLISH, qos=2)
            subscriber.acknowledge(packet)
            payloads.append(packet.payload)
        assert payloads in ([b"short", b"short", b"last"], [b"last"])
