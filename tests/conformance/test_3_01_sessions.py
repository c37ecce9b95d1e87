"""CONNECT and sessions: clean session and clean start, the session expiry interval, and who takes whose place
(MQTT 3.1.1, 3.1.2.4 and 3.1.4; MQTT 5.0, 3.1.2.4, 3.1.2.11.2 and 3.1.4)."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.clock import let_seconds_pass
from harness.statements import proves

@proves(v3="3.1.2-4 3.1.2-5", v5="3.1.2-5 3.1.2-23 3.1.4-4")
@pytest.mark.parametrize("ending", ["disconnect", "close"])
def test_a_lasting_session_goes_on(broker, version, topic, ending):
    """With its subscriptions, and what came for them meanwhile."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    assert client.connack.session_present is False
    assert client.subscribe((topic + "/+", 2)) == [2]
    getattr(client, ending)()

    publisher = broker.connect(version=version)
    for number in range(20):
        publisher.publish(f"{topic}/{number}", str(number), 1 + number % 2)

    again = broker.connect(name, version=version, **lasting(version))
    assert again.connack.session_present is (version > 3)  # 3.1 has no such flag
    for number in range(20):
        again.expect_publish(f"{topic}/{number}", str(number), 1 + number % 2, dup=False)
    publisher.publish(topic + "/live", b"", 2)
    again.expect_publish(topic + "/live", b"", 2)


@proves(v3="3.1.2-4", v5="3.1.2-5")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_lasting_session_keeps_what_was_under_way(broker, version, topic, qos):
    """In both directions, and with its identifiers."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, qos))
    client.publish(topic, b"out", qos)
    out = client.expect_publish(topic, b"out", qos, acknowledge=False)
    client.send(mqtt.publish(topic, b"in", 2, packet_identifier=77, version=version))
    client.take(mqtt.PUBREC)
    client.close()

    client = broker.connect(name, version=version, **lasting(version))
    client.expect_publish(topic, b"out", qos, dup=True, packet_identifier=out.packet_identifier)
    client.send(mqtt.pubrel(77))
    assert client.take(mqtt.PUBCOMP).reason == 0, "the broker has forgotten the message"
    assert client.take(mqtt.PUBLISH).payload == b"in"


@proves(v3="3.1.2-4", v5="3.1.2-6 3.1.4-4")
def test_without_a_session_a_new_one_begins_and_lasts(broker, version, topic):
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    assert client.connack.session_present is False
    client.expect_nothing(client)
    client.subscribe((topic, 1))
    client.close()
    broker.connect().publish(topic, b"kept", 1)
    broker.connect(name, version=version, **lasting(version)).expect_publish(topic, b"kept", 1)


@proves(v3="3.1.2-6 3.1.4-3", v5="3.1.2-4 3.1.4-4")
def test_clean_throws_the_session_away(broker, version, topic):
    """With its subscriptions, its messages, and what was under way."""
    name = unique()
    client = broker.connect(name, version=version, **lasting(version))
    client.subscribe((topic, 2))
    client.publish(topic, b"under way", 1)
    client.expect(mqtt.PUBLISH)
    client.send(mqtt.publish(topic, b"half", 2, packet_identifier=77, version=version))
    client.take(mqtt.PUBREC)
    client.close()
    publisher = broker.connect()
    publisher.publish(topic, b"discarded", 1)

    clean = broker.connect(name, version=version, clean=True)
    assert clean.connack.session_present is False
    publisher.publish(topic, b"nor this", 1)
    clean.expect_nothing(publisher)
    clean.send(mqtt.pubrel(77))
    clean.expect(mqtt.PUBCOMP, packet_identifier=77)
    clean.expect_nothing(publisher)
    clean.disconnect()
    assert broker.connect(name, version=version, clean=False).connack.session_present is False


@proves(v3="3.1.2-6", v5="3.1.2-4")
@pytest.mark.parametrize("ending", ["disconnect", "close"])
def test_a_clean_session_leaves_nothing_behind(broker, version, topic, ending):
    client = broker.connect(version=version)
    client.subscribe((topic, 1))
    getattr(client, ending)()
    if ending == "close":  # only once a successor is answered is it over for certain
        broker.connect(client.client_identifier, version=version).disconnect()
    broker.connect().publish(topic, b"missed", 1)

    again = broker.connect(client.client_identifier, version=version, clean=False)
    assert again.connack.session_present is False
    again.expect_nothing(again)


@proves(v3="3.1.2-7")
@pytest.mark.parametrize("clean", [True, False])
def test_retained_messages_outlive_the_session_of_their_publisher(broker, version, topic, clean):
    client = broker.connect(version=version, **({} if clean else lasting(version)))
    client.publish(topic, b"kept", 1, retain=True)
    client.disconnect()
    broker.connect(client.client_identifier, version=version, clean=True).disconnect()
    late = broker.connect(version=version)
    late.subscribe((topic, 1))
    late.expect_publish(topic, b"kept", 1, retain=True)
    late.publish(topic, b"", retain=True)


@proves(v3="3.1.2-5")
@pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"], indirect=True)
def test_messages_of_qos_1_and_2_wait_for_an_absent_client(broker, version, topic):
    """Those of QoS 0 may, or may not."""
    client = broker.connect(version=version, **lasting(version))
    client.subscribe((topic, 2))
    client.disconnect()
    publisher = broker.connect(version=version)
    for qos in (1, 0, 2):
        publisher.publish(topic, str(qos), qos)
    client = broker.connect(client.client_identifier, version=version, **lasting(version))
    client.expect_publish(topic, b"1", 1)
    packet = client.receive()
    while packet.qos == 0:
        packet = client.receive()
    assert (packet.qos, packet.payload) == (2, b"2")
    client.acknowledge(packet)


# ---- 5.0: clean start and expiry are two things ----

@proves(v5="3.1.2-4 3.1.2-23")
def test_a_clean_start_may_begin_a_lasting_session(broker, topic):
    name = unique()
    client = broker.connect(name, clean=True, properties={"session_expiry_interval": 60})
    client.subscribe((topic, 1))
    client.disconnect()
    broker.connect().publish(topic, b"kept", 1)
    again = broker.connect(name, clean=False)
    assert again.connack.session_present is True
    again.expect_publish(topic, b"kept", 1)


@proves(v5="3.1.2-23")
@pytest.mark.parametrize("properties", [{}, {"session_expiry_interval": 0}], ids=["absent", "0"])
def test_without_an_expiry_interval_the_session_ends_with_the_connection(broker, properties):
    name = unique()
    broker.connect(name, clean=False, properties=properties).disconnect()
    assert broker.connect(name, clean=False).connack.session_present is False


@proves(v5="3.1.2-23")
def test_the_longest_expiry_interval_is_taken(broker, topic):
    """It means for ever."""
    forever = {"clean": False, "properties": {"session_expiry_interval": 0xFFFFFFFF}}
    client = broker.connect(**forever)
    client.subscribe((topic, 1))
    client.close()
    let_seconds_pass(broker)
    broker.connect().publish(topic, b"kept", 1)
    again = broker.connect(client.client_identifier, **forever)
    assert again.connack.session_present is True
    again.expect_publish(topic, b"kept", 1)


# ---- 3.1.4: two connections under one name ----

@proves(v3="3.1.4-2", v5="3.1.4-3")
def test_a_second_connection_takes_the_place_of_the_first(broker, version):
    first = broker.connect(version=version)
    second = broker.connect(first.client_identifier, version=version)
    if version == 5:
        first.expect(mqtt.DISCONNECT, reason=0x8E)
    first.expect_closed()
    second.ping()


@proves(v3="3.1.4-2", v5="3.1.4-3")
def test_a_third_one_takes_the_place_of_the_second(broker, version):
    clients = [broker.connect(version=version)]
    for _ in range(5):
        clients.append(broker.connect(clients[0].client_identifier, version=version))
        clients[-2].expect_end(0x8E)
    clients[-1].ping()


@proves(v3="3.1.4-2 3.1.2-4", v5="3.1.4-3 3.1.2-5")
@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_unacknowledged_moves_to_the_successor(broker, version, topic, qos):
    name = unique()
    first = broker.connect(name, version=version, **lasting(version))
    first.subscribe((topic, qos))
    publisher = broker.connect()
    publisher.publish(topic, b"one", qos)
    publisher.publish(topic, b"two", qos)
    identifiers = [first.expect_publish(topic, each, qos, acknowledge=False).packet_identifier for each in (b"one", b"two")]

    second = broker.connect(name, version=version, **lasting(version))
    for identifier, payload in zip(identifiers, (b"one", b"two")):
        second.expect_publish(topic, payload, qos, dup=True, packet_identifier=identifier)
    first.expect_end(0x8E)


@proves(v3="3.1.4-3 3.1.2-6", v5="3.1.4-4 3.1.2-4")
def test_a_clean_successor_gets_nothing_of_it(broker, version, topic):
    name = unique()
    first = broker.connect(name, version=version, **lasting(version))
    first.subscribe((topic, 1))
    second = broker.connect(name, version=version, clean=True)
    first.expect_end(0x8E)
    publisher = broker.connect()
    publisher.publish(topic, b"x", 1)
    assert second.connack.session_present is False
    second.expect_nothing(publisher)


@pytest.mark.parametrize("old, new", [(4, 5), (5, 4), (3, 5), (3, 4)])
def test_a_client_of_another_version_takes_over(broker, topic, old, new):
    name = unique()
    first = broker.connect(name, version=old, **lasting(old))
    first.subscribe((topic, 1))
    second = broker.connect(name, version=new, **lasting(new))
    first.expect_end(0x8E)
    assert second.connack.session_present is True
    second.publish(topic, b"still subscribed", 1)
    second.expect_publish(topic, b"still subscribed", 1)


@proves(v3="3.1.4-2", v5="3.1.4-3")
def test_of_many_at_once_one_stays(broker, version):
    """Connections with one name come in a bunch: each but one is ended, and none is left hanging."""
    name = unique()
    clients = [broker.open(version) for _ in range(16)]
    for client in clients:
        client.send(mqtt.connect(name, version=version))
    for client in clients:
        client.expect(mqtt.CONNACK, reason=0)
    survivor = broker.connect(name, version=version)
    for client in clients:
        client.expect_end(0x8E)
    survivor.ping()
