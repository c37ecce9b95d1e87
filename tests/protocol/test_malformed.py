"""What is malformed or against the protocol ends the connection: with a reason in 5.0, without a word before
(MQTT 5.0, 4.13; MQTT 3.1.1, 4.8). And nothing else: the broker serves on."""

import random

import pytest

from harness import packet as mqtt
from harness.client import unique

MALFORMED, PROTOCOL = 0x81, 0x82


def cut(packet, count):
    """The packet with its last `count` bytes missing, and a remaining length to suit."""
    return mqtt.frame(packet[0] >> 4, packet[0] & 15, packet[2:-count])


# name -> bytes by version, reasons, versions
ANY, OLD, NEW = (3, 4, 5), (3, 4), (5,)
CASES = {
    "remaining length of five bytes": (lambda v: b"\xc0\xff\xff\xff\xff\x00", {MALFORMED}, ANY),
    "packet type 0": (lambda v: b"\x00\x00", {MALFORMED, PROTOCOL}, ANY),
    "packet type 15 before 5.0": (lambda v: mqtt.auth(0x18), {PROTOCOL}, OLD),
    "CONNACK from a client": (lambda v: b"\x20\x02\x00\x00" if v < 5 else b"\x20\x03\x00\x00\x00", {PROTOCOL}, ANY),
    "SUBACK from a client": (lambda v: b"\x90\x03\x00\x01\x00" if v < 5 else b"\x90\x04\x00\x01\x00\x00", {PROTOCOL}, ANY),
    "UNSUBACK from a client": (lambda v: b"\xb0\x02\x00\x01" if v < 5 else b"\xb0\x04\x00\x01\x00\x00", {PROTOCOL}, ANY),
    "PINGRESP from a client": (lambda v: b"\xd0\x00", {PROTOCOL}, ANY),

    "PINGREQ with flags": (lambda v: b"\xc1\x00", {MALFORMED}, ANY),
    "PINGREQ with a body": (lambda v: b"\xc0\x01\x00", {MALFORMED}, ANY),
    "PUBACK with flags": (lambda v: mqtt.acknowledgement(mqtt.PUBACK, 1, flags=2), {MALFORMED}, ANY),
    "PUBREL without its flag": (lambda v: mqtt.acknowledgement(mqtt.PUBREL, 1, flags=0), {MALFORMED}, (4, 5)),
    "SUBSCRIBE without its flag": (lambda v: mqtt.subscribe(1, [("a", 0)], v, flags=0), {MALFORMED}, (4, 5)),
    "UNSUBSCRIBE without its flag": (lambda v: mqtt.unsubscribe(1, ["a"], v, flags=0), {MALFORMED}, (4, 5)),
    "DISCONNECT with flags": (lambda v: b"\xe1\x00", {MALFORMED}, ANY),

    "PUBLISH with QoS 3": (lambda v: mqtt.publish("a", b"", 3, packet_identifier=1, version=v), {MALFORMED}, ANY),
    "PUBLISH with DUP and QoS 0": (lambda v: mqtt.publish("a", b"", dup=True, version=v), {MALFORMED, PROTOCOL}, (4, 5)),
    "PUBLISH to #": (lambda v: mqtt.publish("a/#", version=v), {0x90, MALFORMED, PROTOCOL}, ANY),
    "PUBLISH to +": (lambda v: mqtt.publish("+/a", version=v), {0x90, MALFORMED, PROTOCOL}, ANY),
    "PUBLISH to nowhere": (lambda v: mqtt.publish("", version=v), {0x90, MALFORMED, PROTOCOL}, ANY),
    "PUBLISH to a topic with a zero": (lambda v: mqtt.publish("a\0b", version=v), {0x90, MALFORMED}, ANY),
    "PUBLISH to a topic that is not UTF-8": (lambda v: mqtt.publish(b"a\xc3", version=v), {0x90, MALFORMED}, ANY),
    "PUBLISH to an overlong topic": (lambda v: mqtt.publish(b"\xe0\x80\x80", version=v), {0x90, MALFORMED}, ANY),
    "PUBLISH to half a surrogate pair": (lambda v: mqtt.publish(b"\xed\xbf\xbf", version=v), {0x90, MALFORMED}, ANY),
    "PUBLISH beyond the last code point": (lambda v: mqtt.publish(b"\xf4\x90\x80\x80", version=v), {0x90, MALFORMED}, ANY),
    "PUBLISH with packet identifier 0": (lambda v: mqtt.publish("a", b"", 1, packet_identifier=0, version=v),
                                         {PROTOCOL, MALFORMED}, ANY),
    "PUBLISH with a topic longer than itself": (lambda v: b"\x30\x04\x00\x0aab", {MALFORMED}, ANY),
    "PUBLISH that is empty": (lambda v: b"\x30\x00", {MALFORMED}, ANY),
    "PUBLISH without the identifier it needs": (lambda v: b"\x32\x04\x00\x01a\x01", {MALFORMED}, ANY),

    "PUBACK of one byte": (lambda v: b"\x40\x01\x00", {MALFORMED}, ANY),
    "PUBACK of nothing": (lambda v: b"\x40\x00", {MALFORMED}, ANY),
    "PUBACK with packet identifier 0": (lambda v: mqtt.puback(0), {PROTOCOL, MALFORMED}, ANY),
    "PUBREL with packet identifier 0": (lambda v: mqtt.pubrel(0), {PROTOCOL, MALFORMED}, ANY),
    "PUBACK with a body before 5.0": (lambda v: b"\x40\x03\x00\x01\x00", {MALFORMED}, (4,)),

    "SUBSCRIBE to nothing": (lambda v: mqtt.subscribe(1, [], v), {PROTOCOL, MALFORMED}, (4, 5)),
    "SUBSCRIBE with packet identifier 0": (lambda v: mqtt.subscribe(0, [("a", 0)], v), {PROTOCOL, MALFORMED}, ANY),
    "SUBSCRIBE with QoS 3": (lambda v: mqtt.subscribe(1, [("a", 3)], v), {PROTOCOL, MALFORMED}, ANY),
    "SUBSCRIBE with reserved bits": (lambda v: mqtt.subscribe(1, [("a", 0xC0)], v), {PROTOCOL, MALFORMED}, (4, 5)),
    "SUBSCRIBE with retain handling 3": (lambda v: mqtt.subscribe(1, [("a", 0x30)], v), {PROTOCOL, MALFORMED}, NEW),
    "SUBSCRIBE with options of 5.0 before it": (lambda v: mqtt.subscribe(1, [("a", 0x04)], v), {MALFORMED}, (4,)),
    "SUBSCRIBE without options": (lambda v: cut(mqtt.subscribe(1, [("a", 0)], v), 1), {MALFORMED}, ANY),
    "SUBSCRIBE cut in its filter": (lambda v: cut(mqtt.subscribe(1, [("abcdef", 0)], v), 4), {MALFORMED}, ANY),
    "UNSUBSCRIBE from nothing": (lambda v: mqtt.unsubscribe(1, [], v), {PROTOCOL, MALFORMED}, (4, 5)),
    "UNSUBSCRIBE with packet identifier 0": (lambda v: mqtt.unsubscribe(0, ["a"], v), {PROTOCOL, MALFORMED}, ANY),
    "DISCONNECT with a body before 5.0": (lambda v: b"\xe0\x01\x00", {MALFORMED}, (4,)),

    "an unknown property": (lambda v: mqtt.publish("a", properties=[(0x7F, b"\0")]), {MALFORMED, PROTOCOL}, NEW),
    "a property of another packet": (lambda v: mqtt.publish("a", properties={"receive_maximum": 1}), {PROTOCOL, MALFORMED}, NEW),
    "a property twice": (lambda v: mqtt.publish("a", properties=[("content_type", "x"), ("content_type", "x")]),
                         {PROTOCOL, MALFORMED}, NEW),
    "a payload format of 2": (lambda v: mqtt.publish("a", properties={"payload_format_indicator": 2}),
                              {PROTOCOL, MALFORMED}, NEW),
    "a response topic with a wildcard": (lambda v: mqtt.publish("a", properties={"response_topic": "b/#"}),
                                         {PROTOCOL, MALFORMED, 0x90}, NEW),
    "a content type that is not UTF-8": (lambda v: mqtt.publish("a", properties={"content_type": b"\xff"}), {MALFORMED}, NEW),
    "a user property that is not UTF-8": (lambda v: mqtt.publish("a", properties={"user_property": (b"a", b"\xff")}),
                                          {MALFORMED}, NEW),
    "properties longer than the packet": (lambda v: b"\x30\x05\x00\x01a\x20\x01", {MALFORMED}, NEW),
    "a property cut by the property length": (lambda v: b"\x30\x07\x00\x01a\x02\x02\x00\x00", {MALFORMED}, NEW),
    "a property length of five bytes": (lambda v: b"\x30\x08\x00\x01a\xff\xff\xff\xff\x01", {MALFORMED}, NEW),
    "a subscription identifier of 0": (lambda v: mqtt.subscribe(1, [("a", 0)], 5, {"subscription_identifier": 0}),
                                       {PROTOCOL, MALFORMED}, NEW),
    "two subscription identifiers": (lambda v: mqtt.subscribe(1, [("a", 0)], 5, {"subscription_identifier": [1, 2]}),
                                     {PROTOCOL, MALFORMED}, NEW),
    "a reason that PUBACK can't have": (lambda v: mqtt.puback(1, 0x01), {PROTOCOL, MALFORMED}, NEW),
    "a reason that DISCONNECT can't have": (lambda v: mqtt.disconnect(5, 0x8F), {PROTOCOL, MALFORMED}, NEW),
    "AUTH without an exchange": (lambda v: mqtt.auth(0x19, {"authentication_method": "m"}), {PROTOCOL, 0x8C}, NEW),
    "AUTH with flags": (lambda v: b"\xf1\x00", {MALFORMED}, NEW),
    "AUTH with an unknown reason": (lambda v: mqtt.auth(0x55), {PROTOCOL, MALFORMED}, NEW),
}


@pytest.mark.parametrize("version, name", [(version, name) for name, (_, _, versions) in CASES.items() for version in versions],
                         ids=lambda value: {3: "3.1", 4: "3.1.1", 5: "5.0"}.get(value, value))
def test_it_ends_the_connection(broker, version, name):
    make, reasons, _ = CASES[name]
    other = broker.connect(version=version)
    client = broker.connect(version=version)
    client.send(make(version))
    client.expect_end(reasons)
    other.ping()


def test_what_came_before_the_malformed_packet_counts(broker, version, topic):
    client, watcher = broker.connect(version=version), broker.connect()
    watcher.subscribe((topic, 1))
    client.send(mqtt.publish(topic, b"good", 1, packet_identifier=1, version=version), b"\x00\x00",
                mqtt.publish(topic, b"behind", 1, packet_identifier=2, version=version))
    watcher.expect_publish(topic, b"good", 1)
    watcher.expect_nothing(watcher)


def test_some_odd_looking_packets_are_well_formed(broker, version, topic):
    client = broker.connect(version=version)
    client.subscribe((topic + "/#", 0))
    for name in ("/", "//", "/ ", "/\u00a0", "/\U0001F600", "/\ufeffx"):
        client.publish(topic + name, b"\x00\xff")
        client.expect_publish(topic + name, b"\x00\xff")
    if version == 5:
        client.publish(topic, b"", properties=[])
        client.expect_publish(topic, b"")


def test_dup_of_subscribe_and_pubrel_is_well_formed_in_3_1(broker, topic):
    """MQTT 3.1, 2.1: DUP is set on what is sent again, "applies to messages where the value of QoS is greater than 0" """
    client = broker.connect(version=3)
    client.send(mqtt.subscribe(1, [(topic, 0)], 3, flags=0x0A))
    client.expect(mqtt.SUBACK, packet_identifier=1)
    client.send(mqtt.publish(topic, b"x", 2, packet_identifier=2, version=3))
    client.take(mqtt.PUBREC)
    client.send(mqtt.acknowledgement(mqtt.PUBREL, 2, flags=0x0A))
    client.take(mqtt.PUBCOMP)
    client.send(mqtt.unsubscribe(3, [topic], 3, flags=0x0A))
    client.take(mqtt.UNSUBACK)


def test_random_bytes_harm_nobody(broker, version):
    """Streams that begin well and go wrong somewhere, from a seed."""
    seed = 20240229
    generator = random.Random(seed)
    witness = broker.connect(version=version)
    valid = [mqtt.subscribe(1, [("a/+", 1)], version), mqtt.publish("a/b", b"xyz", 1, packet_identifier=1, version=version),
             mqtt.pubrel(1), mqtt.puback(1), mqtt.unsubscribe(2, ["a/+"], version), mqtt.pingreq()]
    for _ in range(100):
        client = broker.open(version)
        stream = bytearray(mqtt.connect(unique(), version=version))
        if generator.random() < 0.8:
            stream += b"".join(generator.choices(valid, k=5))
        for _ in range(generator.randint(1, 4)):
            stream[generator.randrange(len(stream))] = generator.randrange(256)
        try:
            client.send(bytes(stream))
        except (BrokenPipeError, ConnectionResetError):
            pass
        client.close()
    witness.ping()
