"""The bytes on the way: in whatever pieces they come, as many as they are, and what an ending connection still says."""

import os
import resource
import socket

import pytest

from harness import packet as mqtt
from harness.client import unique

pytestmark = pytest.mark.ours("how bytes are read and written is the broker's own affair")


def test_every_split_of_a_conversation_gives_the_same(broker, topic):
    name = unique()
    talk = b"".join([mqtt.connect(name), mqtt.subscribe(1, [(topic, 1)]),
                     mqtt.publish(topic, b"x" * 40, 1, packet_identifier=2)])
    for cut in range(1, len(talk)):
        client = broker.open()
        client.send(talk[:cut])
        client.send(talk[cut:])
        client.expect(mqtt.CONNACK)
        client.expect(mqtt.SUBACK)
        got = {client.receive().type, client.receive().type}
        assert got == {mqtt.PUBLISH, mqtt.PUBACK}
        client.close()


def test_a_conversation_may_come_byte_by_byte(broker, topic):
    client = broker.open()
    talk = b"".join([mqtt.connect(unique()), mqtt.subscribe(1, [(topic, 0)]), mqtt.publish(topic, b"x" * 300)])
    for byte in talk:
        client.send(bytes([byte]))
    client.expect(mqtt.CONNACK)
    client.expect(mqtt.SUBACK)
    client.expect_publish(topic, b"x" * 300)


def test_a_whole_conversation_may_come_in_one_write(broker, topic):
    """On whichever worker it arrives: what stands behind a CONNECT moves with it."""
    for _ in range(32):
        client = broker.open()
        client.send(mqtt.connect(unique()), mqtt.subscribe(1, [(topic, 0)]),
                    *(mqtt.publish(topic, str(number)) for number in range(20)), mqtt.frame(mqtt.PINGREQ, 0, b""))
        client.expect(mqtt.CONNACK)
        client.expect(mqtt.SUBACK)
        for number in range(20):
            client.expect_publish(topic, str(number))
        client.expect(mqtt.PINGRESP)
        client.disconnect()


@pytest.mark.parametrize("size", [16_000, 70_000, 262_144, 1_000_000, 5_000_000])
def test_long_packets_arrive_whole_between_short_ones(start_broker, topic, size):
    broker = start_broker(limits={"packet_size_bytes": 6_000_000, "outgoing_bytes": 60_000_000})
    client, publisher = broker.connect(), broker.connect()
    client.subscribe((topic, 1))
    payload = bytes(range(251)) * (size // 251 + 1)
    for number in range(3):
        publisher.send(mqtt.publish(topic, b"before"), mqtt.publish(topic, payload[:size]), mqtt.publish(topic, b"after"))
    for number in range(3):
        client.expect_publish(topic, b"before")
        client.expect_publish(topic, payload[:size])
        client.expect_publish(topic, b"after")


def test_an_announced_length_costs_no_memory(start_broker):
    broker = start_broker(limits={"packet_size_bytes": 268_435_460})
    before = broker.resident_bytes()
    header = bytes([mqtt.PUBLISH << 4]) + mqtt.varint(268_435_455) + mqtt.string("t") + b"\0"
    clients = [broker.connect() for _ in range(20)]
    for client in clients:
        client.send(header + b"x" * 100_000)
    other = broker.connect()
    for _ in range(20):
        other.ping()
    assert broker.resident_bytes() - before < 100_000_000
    for client in clients:
        client.close()


def test_a_packet_beyond_the_limit_is_refused_by_its_header(start_broker):
    broker = start_broker(limits={"packet_size_bytes": 1000})
    client = broker.connect()
    client.send(bytes([mqtt.PUBLISH << 4]) + mqtt.varint(1000))
    client.expect_end(0x95)
    stranger = broker.open()
    stranger.send(bytes([mqtt.CONNECT << 4]) + mqtt.varint(1_000_000))
    stranger.expect_closed()


def test_the_last_word_is_heard_although_more_was_sent(start_broker):
    """Closing a socket with unread bytes resets it, which would destroy a DISCONNECT that is on its way."""
    broker = start_broker(limits={"packet_size_bytes": 1000})
    for _ in range(20):
        client = broker.connect()
        try:
            client.send(bytes([mqtt.PUBLISH << 4]) + mqtt.varint(2_000_000) + b"x" * 2_000_000)
        except OSError:
            pass
        client.expect(mqtt.DISCONNECT, reason=0x95)


def test_a_peer_that_stops_sending_still_gets_its_answers(broker, topic):
    client = broker.connect()
    client.subscribe(topic)
    client.send(*(mqtt.publish(topic, str(number)) for number in range(50)))
    client.socket.shutdown(socket.SHUT_WR)
    for number in range(50):
        client.expect_publish(topic, str(number))
    client.expect_closed()


def test_a_slow_reader_gets_all_that_has_a_promise(start_broker, topic):
    broker = start_broker(limits={"outgoing_bytes": 100_000, "in_flight_messages": 1000})
    slow, publisher = broker.connect(), broker.connect()
    slow.subscribe((topic, 1))
    payload = b"x" * 10_000
    for number in range(600):
        publisher.publish(topic, b"%d:" % number + payload, 1)
    for number in range(600):
        packet = slow.expect(mqtt.PUBLISH)
        assert packet.payload.startswith(b"%d:" % number)
        slow.acknowledge(packet)


def test_a_slow_reader_holds_nobody_up(broker, topic):
    lazy, quick, publisher = broker.connect(), broker.connect(), broker.connect()
    lazy.subscribe(topic)
    quick.subscribe(topic)
    payload = b"x" * 100_000
    for number in range(200):
        publisher.publish(topic, payload)
        quick.expect_publish(topic, payload)


def test_without_descriptors_left_clients_are_turned_away_and_nobody_else_notices(start_broker):
    broker = start_broker()
    used = len(os.listdir(f"/proc/{broker.process.pid}/fd"))
    resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
    clients = [broker.connect() for _ in range(8)]
    for _ in range(20):
        crowd = [broker.open() for _ in range(5)]
        for each in crowd:
            each.close()
    for client in clients:
        client.ping()
    begin = _cpu_ticks(broker)
    broker.wait_for_log("a connection was refused")
    for client in clients:
        client.disconnect()
    assert _cpu_ticks(broker) - begin < 100, "it must not spin"
    _until(lambda: _can_connect(broker))


def _cpu_ticks(broker):
    fields = open(f"/proc/{broker.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def _can_connect(broker):
    client = broker.open()
    client.send(mqtt.connect(unique()))
    try:
        return client.receive().type == mqtt.CONNACK
    except AssertionError:
        return False


def _until(claim):
    for _ in range(1000):
        if claim():
            return
    raise AssertionError("it did not come true")
