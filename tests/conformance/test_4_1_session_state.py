"""Session state: 4.1 of both standards. How CONNECT asks for a session is 3.1.2, how long DISCONNECT lets it live 3.14."""

import time

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.clock import let_seconds_pass
from harness.statements import proves


def reconnect(broker, client):
    """The client's connection breaks; another one resumes its session."""
    client.close()
    again = broker.connect(client.client_identifier, version=client.version, **lasting(client.version))
    assert again.connack.session_present is (client.version > 3)  # 3.1 has no such flag
    return again


# ---- what is kept while the session lasts ----

@pytest.mark.parametrize("ending", ["disconnect", "close"])
@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_subscriptions_and_messages_that_come_meanwhile_are_kept(broker, version, topic, ending):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    assert client.connack.session_present is False
    assert client.subscribe((topic + "/+", 2)) == [2]
    getattr(client, ending)()

    publisher = broker.connect()
    for number in range(20):
        publisher.publish(f"{topic}/{number}", str(number), 1 + number % 2)

    again = broker.connect(name, version=version, **lasting(version))
    assert again.connack.session_present is (version > 3)
    for number in range(20):
        again.expect_publish(f"{topic}/{number}", str(number), 1 + number % 2, dup=False)
    publisher.publish(topic + "/live", b"", 2)
    again.expect_publish(topic + "/live", b"", 2)


@pytest.mark.parametrize("qos", [1, 2])
@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_messages_to_the_client_that_it_has_not_acknowledged_are_kept(broker, version, topic, qos):
    client = broker.connect(version=version, **lasting(version))
    client.subscribe((topic, qos))
    publisher = broker.connect()
    for payload in (b"one", b"two"):
        publisher.publish(topic, payload, qos)
    sent = [client.expect(mqtt.PUBLISH, payload=payload, qos=qos) for payload in (b"one", b"two")]
    again = reconnect(broker, client)
    for packet in sent:
        repeated = again.expect(mqtt.PUBLISH, payload=packet.payload, qos=qos, dup=True,
                                packet_identifier=packet.packet_identifier)
        again.acknowledge(repeated)
    again.expect_nothing(publisher)


@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_a_pubrel_that_the_client_has_not_answered_is_kept(broker, version, topic):
    client = broker.connect(version=version, **lasting(version))
    client.subscribe((topic, 2))
    client.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, qos=2)
    client.send(mqtt.pubrec(packet.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
    again = reconnect(broker, client)
    again.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
    again.send(mqtt.pubcomp(packet.packet_identifier))
    again.expect_nothing(again)


@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_a_qos_2_message_from_the_client_that_is_not_released_is_kept(broker, version, topic):
    """Sent again by the resumed session it is the same message, and reaches the subscriber once."""
    watcher = broker.connect()
    watcher.subscribe((topic, 2))
    client = broker.connect(version=version, **lasting(version))
    client.send(mqtt.publish(topic, b"once", 2, packet_identifier=7, version=version))
    client.expect(mqtt.PUBREC, packet_identifier=7)
    again = reconnect(broker, client)
    again.send(mqtt.publish(topic, b"once", 2, packet_identifier=7, dup=True, version=version))
    again.expect(mqtt.PUBREC, packet_identifier=7, reason=0)
    again.send(mqtt.pubrel(7))
    again.expect(mqtt.PUBCOMP, packet_identifier=7, reason=0)
    watcher.expect_publish(topic, b"once", 2)
    watcher.expect_nothing(again)


@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_it_is_kept_over_many_connections(broker, version, topic):
    name = unique()
    broker.connect(name, version=version, **lasting(version)).subscribe((topic, 2))
    publisher = broker.connect()
    for number in range(10):
        publisher.publish(topic, str(number), 2)
        client = broker.connect(name, version=version, **lasting(version))
        client.expect_publish(topic, str(number), 2)
        client.close() if number % 2 else client.disconnect()


@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_it_moves_to_a_connection_that_takes_over(broker, version, topic):
    """Without a moment in which the client has none."""
    first = broker.connect(version=version, **lasting(version))
    first.subscribe((topic, 1))
    publisher = broker.connect()
    publisher.publish(topic, b"one", 1)
    publisher.publish(topic, b"two", 1)
    identifiers = [first.expect_publish(topic, each, 1, acknowledge=False).packet_identifier for each in (b"one", b"two")]

    second = broker.connect(first.client_identifier, version=version, **lasting(version))
    assert second.connack.session_present is (version > 3)
    for identifier, payload in zip(identifiers, (b"one", b"two")):
        second.expect_publish(topic, payload, 1, dup=True, packet_identifier=identifier)
    publisher.publish(topic, b"three", 1)
    second.expect_publish(topic, b"three", 1, dup=False)


@pytest.mark.parametrize("old, new", [(4, 5), (5, 4), (3, 5)])
@proves(v3="4.1.0-1", v5="4.1.0-1")
def test_it_is_the_same_for_a_client_that_changes_its_version(broker, topic, old, new):
    name = unique()
    first = broker.connect(name, version=old, **lasting(old))
    first.subscribe((topic, 1))
    second = broker.connect(name, version=new, **lasting(new))
    first.expect_end(0x8E)
    assert second.connack.session_present is True
    second.publish(topic, b"still subscribed", 1)
    second.expect_publish(topic, b"still subscribed", 1)


# ---- as long as the connection is open, at least ----

@pytest.mark.parametrize("expiry", [None, 0, 1])
@proves(v5="4.1.0-1")
def test_it_is_not_discarded_while_the_connection_is_open(broker, topic, expiry):
    """The expiry interval counts from the end of the connection, so that a second of it may pass without effect."""
    client = broker.connect(clean=False, properties=None if expiry is None else {"session_expiry_interval": expiry})
    client.subscribe((topic, 1))
    client.send(mqtt.publish(topic + "/other", b"", 2, packet_identifier=9))
    client.expect(mqtt.PUBREC, packet_identifier=9)
    let_seconds_pass(broker)
    client.publish(topic, b"still subscribed", 1)
    client.expect_publish(topic, b"still subscribed", 1)
    client.send(mqtt.pubrel(9))
    client.expect(mqtt.PUBCOMP, packet_identifier=9, reason=0)


@proves(v3="4.1.0-2")
def test_a_clean_session_lasts_as_long_as_its_connection(broker, topic):
    client = broker.connect(version=4, clean=True)
    client.subscribe((topic, 2))
    client.send(mqtt.publish(topic + "/other", b"", 2, packet_identifier=9, version=4))
    client.expect(mqtt.PUBREC, packet_identifier=9)
    let_seconds_pass(broker)
    client.publish(topic, b"x", 2)
    client.expect_publish(topic, b"x", 2)
    client.send(mqtt.publish(topic + "/other", b"", 2, packet_identifier=9, dup=True, version=4), mqtt.pubrel(9))
    client.expect(mqtt.PUBREC, packet_identifier=9)
    client.expect(mqtt.PUBCOMP, packet_identifier=9)


# ---- and no longer than it may ----

@proves(v5="4.1.0-2")
def test_it_ends_when_its_expiry_interval_has_passed(broker, topic):
    """Its delayed will tells when: it is published at the latest when the session ends."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    name = unique()
    client = broker.connect(name, clean=False, will=mqtt.Will(topic, b"over", properties={"will_delay_interval": 3600}),
                            properties={"session_expiry_interval": 1})
    client.subscribe((topic, 1))
    closed_at = time.monotonic()
    client.close()
    watcher.expect_publish(topic, b"over")
    assert time.monotonic() - closed_at > 0.9

    again = broker.connect(name, clean=False)
    assert again.connack.session_present is False
    again.expect_nothing(watcher)


@pytest.mark.parametrize("fields", [{}, {"properties": {"session_expiry_interval": 0}}], ids=["absent", "zero"])
@pytest.mark.parametrize("ending", ["disconnect", "close"])
@proves(v5="4.1.0-2")
def test_without_an_expiry_interval_it_ends_with_the_connection(broker, topic, fields, ending):
    client, publisher = broker.connect(clean=False, will=mqtt.Will(topic, b"will"), **fields), broker.connect()
    publisher.subscribe(topic)
    client.subscribe((topic, 1))
    if ending == "disconnect":
        client.disconnect()
    else:
        client.close()
        publisher.expect_publish(topic, b"will")  # so that the broker has noticed
    publisher.publish(topic, b"missed", 1)
    again = broker.connect(client.client_identifier, clean=False)
    assert again.connack.session_present is False
    again.expect_nothing(publisher)


@proves(v3="4.1.0-2", v5="4.1.0-2")
def test_a_clean_session_leaves_nothing_behind(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic, 1))
    client.disconnect()
    broker.connect().publish(topic, b"missed", 1)

    again = broker.connect(client.client_identifier, version=version, clean=False)
    assert again.connack.session_present is False
    again.expect_nothing(again)


@proves(v5="4.1.0-2")
def test_an_interval_of_all_ones_never_passes(broker, topic):
    client = broker.connect(clean=False, properties={"session_expiry_interval": 0xFFFFFFFF})
    client.subscribe((topic, 1))
    client.close()
    let_seconds_pass(broker)
    broker.connect().publish(topic, b"kept", 1)
    again = broker.connect(client.client_identifier, clean=False)
    assert again.connack.session_present is True
    again.expect_publish(topic, b"kept", 1)
