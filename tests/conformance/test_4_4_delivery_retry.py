"""What is sent again when a session goes on, and what is not (MQTT 3.1.1 and 5.0, 4.4)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.clock import let_seconds_pass
from harness.statements import proves


@proves(v3="4.4.0-1 4.6.0-1", v5="4.4.0-1")
def test_what_is_unacknowledged_is_sent_again_with_its_identifier(broker, version, topic):
    """In the order of the first time, and what has come meanwhile follows."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect(version=version)
    for number in range(6):
        publisher.publish(topic, str(number), 1 + number % 2)
    first = [client.expect(mqtt.PUBLISH, payload=str(number), dup=False) for number in range(6)]
    client.close()
    for number in range(6, 9):
        publisher.publish(topic, str(number), 1)
    for _ in range(2):
        client = broker.connect(name, version=version, **lasting(version))
        for number, packet in enumerate(first):
            client.expect(mqtt.PUBLISH, payload=str(number), qos=packet.qos, dup=True,
                          packet_identifier=packet.packet_identifier)
        # Not "dup=False": the broker may have seen the end of the first connection only after it had sent these to it.
        for number in range(6, 9):
            client.expect(mqtt.PUBLISH, payload=str(number))
        client.close()


@proves(v3="4.4.0-1", v5="4.4.0-1")
def test_a_session_that_is_taken_over_is_sent_again_what_is_unacknowledged(broker, version, topic):
    """The first connection need not have ended."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect(version=version)
    for qos in (1, 2):
        publisher.publish(topic, str(qos), qos)
    first = [client.expect(mqtt.PUBLISH, payload=str(qos), qos=qos) for qos in (1, 2)]
    again = broker.connect(name, version=version, **lasting(version))
    for packet in first:
        again.expect(mqtt.PUBLISH, payload=str(packet.qos), dup=True, packet_identifier=packet.packet_identifier)
    again.expect_nothing(publisher)


@proves(v3="4.4.0-1", v5="4.4.0-1")
def test_pubrel_is_sent_again_with_its_identifier(broker, version, topic):
    """Beside messages that are unacknowledged; how both interleave is the broker's choice."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect(version=version)
    for number in range(6):
        publisher.publish(topic, str(number), 2)
    identifiers = [client.expect(mqtt.PUBLISH, payload=str(number), qos=2).packet_identifier for number in range(6)]
    for number in (4, 0, 2):
        client.send(mqtt.pubrec(identifiers[number]))
        client.expect(mqtt.PUBREL, packet_identifier=identifiers[number])
    for _ in range(2):
        client.close()
        client = broker.connect(name, version=version, **lasting(version))
        packets = [client.receive() for _ in range(6)]
        released = [each.packet_identifier for each in packets if each.type == mqtt.PUBREL]
        published = [each.packet_identifier for each in packets if each.type == mqtt.PUBLISH]
        assert sorted(released) == sorted(identifiers[number] for number in (0, 2, 4))
        assert published == [identifiers[number] for number in (1, 3, 5)]
        client.expect_nothing(publisher)


@proves(v3="4.4.0-1", v5="4.4.0-1")
def test_what_was_acknowledged_is_not_sent_again(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect(version=version)
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


@proves(v5="4.4.0-1")
@pytest.mark.parametrize("version", [5], ids=["5.0"], indirect=True)
def test_nothing_is_sent_again_on_the_same_connection(broker, version, topic):
    """However long the answer takes, of PUBLISH and of PUBREL."""
    client, publisher = broker.connect(**lasting(5)), broker.connect()
    client.subscribe((topic, 2))
    for number in range(3):
        publisher.publish(topic, str(number), 1 + number % 2)
    packets = [client.expect(mqtt.PUBLISH, payload=str(number)) for number in range(3)]
    publisher.publish(topic, b"3", 2)
    released = client.expect(mqtt.PUBLISH, payload="3", qos=2)
    client.send(mqtt.pubrec(released.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=released.packet_identifier)
    let_seconds_pass(broker, 3)
    client.expect_nothing(publisher)
    for packet in packets:
        client.acknowledge(packet)
    client.send(mqtt.pubcomp(released.packet_identifier))
    client.expect_nothing(publisher)


@proves(v3="4.4.0-1", v5="4.4.0-1")
def test_nothing_is_sent_again_to_a_session_that_begins_anew(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    publisher = broker.connect(version=version)
    for qos in (1, 2, 2):
        publisher.publish(topic, b"x", qos)
    packets = [client.expect(mqtt.PUBLISH, payload="x") for _ in range(3)]
    client.send(mqtt.pubrec(packets[-1].packet_identifier))
    client.expect(mqtt.PUBREL)
    client.close()
    client = broker.connect(name, version=version, clean=True)
    client.expect_nothing(publisher)
    client.disconnect()
    broker.connect(name, version=version, **lasting(version)).expect_nothing(publisher)


@proves(v3="4.4.0-1", v5="4.4.0-1")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_client_may_send_again_what_it_got_no_answer_to(broker, version, topic, qos):
    """The connection breaks before the answer is read: PUBLISH comes again, and of QoS 2 then PUBREL as well."""
    watcher = broker.connect(version=version)
    watcher.subscribe((topic, 2))
    name = unique()
    for step in range(2 if qos == 1 else 3):
        client = broker.connect(name, version=version, **lasting(version))
        if step < 2:
            client.send(mqtt.publish(topic, b"x", qos, dup=step > 0, packet_identifier=3, version=version))
            client.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC, packet_identifier=3)
        if qos == 2 and step > 0:
            client.send(mqtt.pubrel(3))
            client.expect(mqtt.PUBCOMP, packet_identifier=3)
        client.close()
    for _ in range(2 if qos == 1 else 1):
        watcher.expect_publish(topic, b"x", qos)
    watcher.expect_nothing(broker.connect())


@proves(v5="4.4.0-2")
@pytest.mark.parametrize("reason", [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], ids=hex)
@pytest.mark.parametrize("qos", [1, 2])
def test_a_refusal_by_the_subscriber_ends_the_flow(broker, topic, qos, reason):
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    publisher = broker.connect()
    for payload in ("one", "two"):
        publisher.publish(topic, payload, qos)
    first, second = (client.expect(mqtt.PUBLISH, payload=payload, qos=qos) for payload in ("one", "two"))
    refuse = mqtt.puback if qos == 1 else mqtt.pubrec
    client.send(refuse(first.packet_identifier, reason, {"reason_string": "no"}))
    client.expect_nothing(publisher)
    client.close()
    client = broker.connect(name, **lasting(5))
    client.expect(mqtt.PUBLISH, payload="two", qos=qos, dup=True, packet_identifier=second.packet_identifier)
    client.expect_nothing(publisher)
