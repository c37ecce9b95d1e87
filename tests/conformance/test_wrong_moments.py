"""Packets that are right in themselves, but not now: before CONNECT, twice, after DISCONNECT, with identifiers and aliases of nobody, more
than the window holds, and never sent to their end. Two bystanders notice nothing."""

import random
import socket
import struct

import pytest

from harness import packet as mqtt
from harness import trial, wrong
from harness.bystander import Bystander
from harness.client import Client, unique
from harness.description import TOPIC, VERSIONS, descriptions, packets_of_brokers
from harness.rules import CONNECT
from harness.statements import proves
from harness.wrong import SILENCE, Answer, Case

CLOSED = Answer((SILENCE,))


def case(version, what, data, answer):
    return Case("", "at the wrong moment", what, data, version, answer)


def run(broker, version, cases, silence=(TOPIC,), **more):
    with Bystander(broker, version, silence):
        mismatches = trial.run(broker, cases, **more)
    trial.report(mismatches, len(cases))


def right_packets(version):
    return [(each.name, each.build()) for each in descriptions(version)]


@proves(v3="3.1.0-1", v5="3.1.0-1 3.14.0-1")
def test_nothing_may_come_before_connect(broker, version):
    packets = [each for each in (*right_packets(version), *packets_of_brokers(version)) if each[1][0] >> 4 != CONNECT]
    packets += [("no MQTT at all", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"Accept: */*\r\n" * 9), ("a length without end", b"\xff" * 8)]
    cases = [case(version, name, data, CLOSED) for name, data in packets]
    with Bystander(broker, version, [TOPIC]):
        mismatches = trial.run_before_connect(broker, cases)
    trial.report(mismatches, len(cases))


@proves(v3="3.1.0-2", v5="3.1.0-2")
def test_a_second_connect_is_a_protocol_error_whatever_it_says(broker, version):
    cases = [case(version, each.name, each.build(), wrong.PROTOCOL) for each in descriptions(version) if each.type == CONNECT]
    cases += [case(version, f"of MQTT {VERSIONS[other]}", mqtt.connect(unique(), version=other), wrong.PROTOCOL) for other in VERSIONS]
    malformed = [group[0].data for (name, _), group in wrong.cases(version).items() if name.startswith("CONNECT")]
    cases += [case(version, "a malformed one", data, wrong.EITHER_PROTOCOL) for data in malformed]
    run(broker, version, cases)


@proves(v3="3.14.4-2", v5="3.14.4-1")
def test_what_comes_after_disconnect_is_not_looked_at(broker, version):
    packets = [*right_packets(version), *packets_of_brokers(version)]
    packets += [(str(group), cases[0].data) for group, cases in wrong.cases(version).items()]
    farewell = mqtt.disconnect(version)
    run(broker, version, [case(version, f"DISCONNECT, then {name}", farewell + data, CLOSED) for name, data in packets])


def test_what_stands_behind_a_wrong_packet_is_not_looked_at(broker, version):
    """One of each group of wrong packets, and a right one in the same segment."""
    run(broker, version, [cases[0] for cases in wrong.cases(version).values()],
        behind=mqtt.publish(TOPIC, b"behind", 1, packet_identifier=7, version=version))


def test_what_came_before_the_wrong_packet_counts(broker, version, topic):
    client, watcher = broker.connect(version=version), broker.connect()
    watcher.subscribe((topic, 1))
    client.send(mqtt.publish(topic, b"good", 1, packet_identifier=1, version=version), b"\x00\x00",
                mqtt.publish(topic, b"behind", 1, packet_identifier=2, version=version))
    watcher.expect_publish(topic, b"good", 1)
    watcher.expect_nothing(watcher)


# ---- packets that are never whole ----

@pytest.mark.ours("others may wait until the packet is whole, or for their time limit")
def test_the_first_byte_tells_what_is_no_connect(broker, version):
    cases = [case(version, each.name, each.build()[:1], CLOSED) for each in descriptions(version) if each.type != CONNECT]
    cases.append(case(version, "no MQTT at all", b"GET / HTTP/1.1\r\n", CLOSED))
    with Bystander(broker, version, [TOPIC]):
        mismatches = trial.run_before_connect(broker, cases)
    trial.report(mismatches, len(cases))



def prefixes(version):
    """(is it a CONNECT, the beginning of a packet): every one there is, but of payloads, where any byte is as good as the next."""
    for description in descriptions(version):
        packet = description.build()
        for length in range(1, len(packet)):
            yield description.type == CONNECT, packet[:length]


@pytest.mark.parametrize("end", ["half closed", "reset"])
def test_a_packet_that_never_becomes_whole_has_no_effect(broker, version, end):
    """It is cut after each of its bytes. Whether the peer then says no more, or is gone, the broker says nothing of its own accord."""
    address = broker.address()
    with Bystander(broker, version, [TOPIC]):
        for is_connect, data in prefixes(version):
            client = Client(address, version)
            client.send((b"" if is_connect else trial.opening(version)) + data)
            if end == "reset":
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                client.socket.shutdown(socket.SHUT_WR)
                said, is_closed = trial.read_to_end(client)
                packets = trial.split(said)
                assert is_closed and len(packets) == (0 if is_connect else 1), (data.hex(" "), packets, is_closed)
                assert all(first == mqtt.CONNACK << 4 and body[1] == 0 for first, body in packets), (data.hex(" "), packets)
            client.close()


# ---- identifiers and aliases of nobody ----

def test_acknowledgements_of_nothing_are_answered_and_no_more(broker, version):
    """What is not in flight is no error; in 5.0 the answer says that nothing was found."""
    not_found = 0x92 if version >= 5 else 0
    with Bystander(broker, version):
        client = broker.connect(version=version)
        for identifier in (1, 2, 255, 256, 65534, 65535):
            client.send(mqtt.puback(identifier), mqtt.pubcomp(identifier))
            client.ping()
            client.send(mqtt.pubrel(identifier))
            assert client.expect(mqtt.PUBCOMP, packet_identifier=identifier).reason in (0, not_found)
            client.send(mqtt.pubrec(identifier), mqtt.pingreq())
            packet = client.receive()
            if packet.type == mqtt.PUBREL:  # below 5.0 it can also go without: nothing says what to do
                assert packet.packet_identifier == identifier and packet.reason in (0, not_found)
                packet = client.receive()
            assert packet.type == mqtt.PINGRESP


@pytest.mark.parametrize("qos, foreign", [(1, (mqtt.PUBREC, mqtt.PUBCOMP)), (2, (mqtt.PUBACK, mqtt.PUBCOMP))])
def test_an_acknowledgement_of_the_other_kind_does_not_end_a_flow(broker, version, topic, qos, foreign):
    """QoS 1 is not acknowledged by PUBREC, QoS 2 not by PUBACK, and not by PUBCOMP before its PUBREC: the message stays in flight, or the
    connection ends; its loss without a trace would be wrong."""
    name = unique()
    fields = {"properties": {"session_expiry_interval": 60}} if version >= 5 else {}
    for packet_type in foreign:
        client = broker.connect(name, version=version, clean=False, **fields)
        client.subscribe((topic, qos))
        broker.connect().publish(topic, b"kept", qos)
        packet = client.take(mqtt.PUBLISH)
        client.send(mqtt.acknowledgement(packet_type, packet.packet_identifier))
        client.send(mqtt.pingreq())
        trial.read_until(client, mqtt.PINGRESP)  # or the end of the connection
        client.close()
        again = broker.connect(name, version=version, clean=False, **fields)
        again.expect_publish(topic, b"kept", qos, dup=True, packet_identifier=packet.packet_identifier)
        again.disconnect()


@pytest.mark.parametrize("version", [5], ids=["5.0"])
@proves(v5="3.3.2-9")
def test_an_alias_above_the_maximum_is_invalid(broker, version):
    maximum = broker.connect().connack.get("topic_alias_maximum", 0)
    run(broker, version, [case(version, f"alias {alias}", mqtt.publish(TOPIC, b"x", qos, packet_identifier=9 if qos else None,
                                                                      properties={"topic_alias": alias}), wrong.ALIAS)
                          for alias in (maximum + 1, maximum + 2, 65535) if maximum < alias <= 65535 for qos in (0, 1, 2)])


@pytest.mark.parametrize("version", [5], ids=["5.0"])
def test_an_alias_that_stands_for_nothing_is_a_protocol_error(broker, version):
    """3.3.4: and what another connection has called so is nothing here."""
    maximum = broker.connect().connack.get("topic_alias_maximum", 0)
    other = broker.connect()
    if maximum > 0:
        other.publish(unique(), b"x", 1, properties={"topic_alias": 1})
    run(broker, version, [case(version, f"alias {alias}", mqtt.publish("", b"x", properties={"topic_alias": alias}), wrong.PROTOCOL)
                          for alias in range(1, maximum + 1)] or [case(version, "alias 1", mqtt.publish(
                              "", b"x", properties={"topic_alias": 1}), wrong.ALIAS)])


# ---- more than the window holds ----

@pytest.mark.parametrize("version", [5], ids=["5.0"])
@proves(v5="4.9.0-2")
def test_more_than_the_receive_maximum_ends_the_connection(broker, version):
    """3.3.4: 0x93, for the one message too many and no earlier."""
    with Bystander(broker, version, [TOPIC]):
        client = broker.connect()
        window = client.connack.get("receive_maximum", 65535)
        if window == 65535:
            pytest.skip("there are no more packet identifiers than this window holds")
        quiet = unique("quiet")
        client.send(*(mqtt.publish(quiet, b"", 2, packet_identifier=each) for each in range(1, window + 1)))
        for each in range(1, window + 1):
            client.expect(mqtt.PUBREC, packet_identifier=each)
        client.ping()
        client.send(mqtt.publish(TOPIC, b"too many", 2, packet_identifier=window + 1))
        client.expect_end(0x93)


@pytest.mark.parametrize("version", [5], ids=["5.0"])
def test_the_window_also_holds_against_all_at_once(broker, version):
    """Far more than it holds in one go, without reading an answer."""
    with Bystander(broker, version):
        client = broker.connect()
        window = client.connack.get("receive_maximum", 65535)
        if window == 65535:
            pytest.skip("there are no more packet identifiers than this window holds")
        quiet = unique("quiet")
        try:
            client.send(*(mqtt.publish(quiet, b"", 2, packet_identifier=each) for each in range(1, window + 100)))
        except OSError:
            pass  # it has ended already
        said, is_closed = trial.read_to_end(client)
        packets = trial.split(said)
        assert is_closed and all(first == mqtt.PUBREC << 4 for first, _ in packets[:-1]), packets[-5:]
        assert len(packets) - 1 <= window and packets[-1][0] == mqtt.DISCONNECT << 4 and packets[-1][1][0] == 0x93, packets[-1]


# ---- what looks wrong and isn't ----

@proves(v3="1.5.3-3", v5="1.5.4-3")
def test_some_odd_looking_packets_are_well_formed(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic + "/#", 0))
    names = ["/", "//", "/ ", "/\u00a0", "/\u07ff", "/\ud7ff", "/\ue000", "/\uffff", "/\U00010000", "/\U0010ffff", "/\U0001F600",
             "/\ufeffx", "/$x", "/a\u0001", "/\u007f\u009f"]
    for name in names:
        client.publish(topic + name, b"\x00\xff")
        client.expect_publish(topic + name, b"\x00\xff")
    if version == 5:
        client.publish(topic, b"", properties=[])
        client.expect_publish(topic, b"")


def test_dup_of_subscribe_and_pubrel_is_well_formed_in_3_1(broker, topic):
    """MQTT 3.1, 2.1: DUP is set on whatever is sent again and has a QoS, which these have."""
    client = broker.connect(version=3)
    client.send(mqtt.subscribe(1, [(topic, 0)], 3, flags=0x0A))
    client.expect(mqtt.SUBACK, packet_identifier=1)
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=2, version=3))
    client.take(mqtt.PUBREC)
    client.send(mqtt.acknowledgement(mqtt.PUBREL, 2, flags=0x0A))
    client.take(mqtt.PUBCOMP)
    client.send(mqtt.unsubscribe(3, [topic], 3, flags=0x0A))
    client.take(mqtt.UNSUBACK)


# ---- at random ----

def test_random_bytes_harm_nobody(broker, version):
    """Streams that begin well and go wrong somewhere, from a seed."""
    seed = 20240229
    generator = random.Random(seed)
    valid = [each.build() for each in descriptions(version) if each.type != CONNECT]
    address = broker.address()
    with Bystander(broker, version):
        for _ in range(500):
            client = Client(address, version)
            stream = bytearray(mqtt.connect(unique(), version=version))
            if generator.random() < 0.9:
                stream += b"".join(generator.choices(valid, k=5))
            for _ in range(generator.randint(1, 4)):
                stream[generator.randrange(len(stream))] = generator.randrange(256)
            try:
                client.send(bytes(stream))
                client.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the broker was quicker
            _, is_closed = trial.read_to_end(client)
            assert is_closed, f"seed {seed}: {stream.hex()}"
            client.close()
