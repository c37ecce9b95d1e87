"""A whole exchange in whatever pieces its bytes come, and PUBLISH of every size: nothing depends on where a segment ends
(MQTT 5.0 and 3.1.1, 4.2)."""

import hashlib
import pathlib
import random
import threading

import pytest

from harness import packet as mqtt
from harness import settings
from harness.client import unique

SEED = 20240229


def talk(version, topic):
    """A CONNECT and all that a client can say without waiting for an answer; and the types of the answers, in any order."""
    said = [mqtt.connect(unique(), version=version), mqtt.subscribe(1, [(topic, 0)], version)]
    for qos in (0, 1, 2):
        properties = {"content_type": "text", "user_property": [("a", "b")]} if version >= 5 else None
        said.append(mqtt.publish(topic, f"{qos}" * 40, qos, packet_identifier=10 + qos if qos else None, version=version,
                                 properties=properties))
    said += [mqtt.pubrel(12), mqtt.pingreq(), mqtt.unsubscribe(2, [topic], version), mqtt.disconnect(version)]
    answers = [mqtt.CONNACK, mqtt.SUBACK, *[mqtt.PUBLISH] * 3, mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP, mqtt.PINGRESP, mqtt.UNSUBACK]
    return b"".join(said), sorted(answers)


def bytes_alone(data, generator):
    return [data[at:at + 1] for at in range(len(data))]


def random_pieces(data, generator):
    cuts = sorted(generator.sample(range(1, len(data)), generator.randint(1, 30)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)])]


def all_at_once(data, generator):
    return [data]


def check_answers(client, wanted, topic):
    got = [client.receive() for _ in wanted]
    assert sorted(each.type for each in got) == wanted, f"seed {SEED}: {[str(each) for each in got]}"
    payloads = [each.payload for each in got if each.type == mqtt.PUBLISH]
    assert payloads == [f"{qos}".encode() * 40 for qos in (0, 1, 2)], f"seed {SEED}"
    client.expect_closed()


@pytest.mark.parametrize("cut", [bytes_alone, random_pieces, all_at_once], ids=lambda each: each.__name__)
def test_an_exchange_is_the_same_in_any_pieces(broker, version, topic, cut):
    generator = random.Random(SEED)
    for number in range(20):
        name = f"{topic}/{number}"
        data, wanted = talk(version, name)
        client = broker.open(version)
        for piece in cut(data, generator):
            client.send(piece)
        check_answers(client, wanted, name)


def test_pieces_of_many_connections_may_come_in_turn(broker, version, topic):
    generator = random.Random(SEED)
    talks = [(broker.open(version), *talk(version, f"{topic}/{number}"), f"{topic}/{number}") for number in range(16)]
    waiting = [(client, random_pieces(data, generator)) for client, data, _, _ in talks]
    while waiting:
        client, pieces = generator.choice(waiting)
        client.send(pieces.pop(0))
        waiting = [each for each in waiting if each[1]]
    for client, _, wanted, name in talks:
        check_answers(client, wanted, name)


def exchange(subscriber, publisher, topic, remaining_length):
    """One PUBLISH of this remaining length, in random pieces, and what arrives of it."""
    version = publisher.version
    size = remaining_length - len(mqtt.string(topic)) - (1 if version >= 5 else 0)
    payload = random.Random(remaining_length).randbytes(size)
    data = mqtt.publish(topic, payload, version=version)
    assert len(data) == 1 + len(mqtt.varint(remaining_length)) + remaining_length
    sender = threading.Thread(target=lambda: [publisher.send(each) for each in random_pieces(data, random.Random(SEED))])
    sender.start()
    packet = subscriber.expect(mqtt.PUBLISH, topic=topic)
    sender.join()
    assert hashlib.sha256(packet.payload).digest() == hashlib.sha256(payload).digest(), f"remaining length {remaining_length}"


@pytest.mark.parametrize("lengths", [range(40, 300), [16382, 16383, 16384, 16385], [1_000_000]], ids=["short", "two bytes", "long"])
def test_a_message_of_any_length_arrives_as_it_was(broker, version, topic, lengths):
    topic = topic[-20:]
    subscriber, publisher = broker.connect(version=version), broker.connect(version=version)
    subscriber.subscribe(topic)
    for length in lengths:
        exchange(subscriber, publisher, topic, length)


def test_a_message_with_a_length_of_four_bytes_arrives_as_it_was(start_broker, version, topic):
    broker = start_broker(limits={"packet_size_bytes": 3_000_000})
    subscriber, publisher = broker.connect(version=version), broker.connect(version=version)
    subscriber.subscribe(topic)
    for length in (2_097_151, 2_097_152, 3_000_000 - 5):
        exchange(subscriber, publisher, topic, length)
    publisher.send(bytes([mqtt.PUBLISH << 4]) + mqtt.varint(3_000_000 - 4))
    publisher.expect_end(0x95)


LONGEST = 268_435_455


@pytest.mark.skipif(settings.IS_SANITIZED, reason="a sanitizer takes a multiple of the memory, and of the time")
@pytest.mark.ours("needs a broker that takes the longest packet there is")
def test_the_longest_message_there_is_arrives_as_it_was(start_broker, version):
    """And takes no more of the broker's memory than the packet coming in, the message, and the packet going out."""
    broker = start_broker(limits={"packet_size_bytes": LONGEST + 5, "outgoing_bytes": 2 * LONGEST, "queued_bytes": 2 * LONGEST})
    subscriber, publisher = broker.connect(version=version), broker.connect(version=version)
    subscriber.subscribe("t")
    head = bytes([mqtt.PUBLISH << 4]) + mqtt.varint(LONGEST) + mqtt.string("t") + (b"\0" if version >= 5 else b"")
    block = random.Random(SEED).randbytes(1 << 20)
    left = LONGEST - (len(head) - 5)
    pieces = [block] * (left >> 20) + [block[:left & 0xFFFFF]]
    sender = threading.Thread(target=lambda: [publisher.send(each) for each in (head, *pieces)])
    sender.start()
    whole, got = hashlib.sha256(head), hashlib.sha256()
    for each in pieces:
        whole.update(each)
    received = 0
    while received < 5 + LONGEST:
        subscriber.socket.settimeout(60)
        data = subscriber.socket.recv(1 << 20)
        assert data, f"closed after {received} bytes"
        got.update(data)
        received += len(data)
    sender.join()
    assert got.digest() == whole.digest()
    status = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text()
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    assert peak < 4 * LONGEST, f"{peak} bytes"
