"""Every packet that a client may send, field by field, for MQTT 3.1, 3.1.1 and 5.0: the one description from which wrong.py makes
each way to be wrong.

A packet is a list of fields, a field is a kind with a valid value. What a property or a reason code may be comes from rules.py,
so a property that is added there is tested in every packet.
"""

import functools
from dataclasses import dataclass, field, replace

from . import packet as mqtt
from . import rules
from .rules import (AUTH, CONNECT, DISCONNECT, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE, WILL)

TOPIC = "wrong/topic"  # where every PUBLISH of the description goes, and the will of its CONNECT
VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}


# ---- kinds of fields ----

@dataclass(frozen=True)
class Field:
    """`proves3` and `proves5`: the statements of MQTT 3.1.1 and 5.0 about what it holds."""
    name: str
    value: object
    proves3: str = field(default="", kw_only=True)
    proves5: str = field(default="", kw_only=True)

    def encode(self):
        return mqtt.binary(self.value)


class Text(Field):
    """A UTF-8 encoded string."""


class ProtocolName(Text):
    pass


class TopicName(Text):
    """A string without wildcards, and not empty."""


class TopicFilter(Text):
    pass


class Data(Field):
    """Bytes behind a two-byte length."""


class Rest(Field):
    """All that is left of the packet: a payload, of any length."""

    def encode(self):
        return self.value


class Byte(Field):
    def encode(self):
        return bytes([self.value])


class ProtocolLevel(Byte):
    pass


class ConnectFlags(Byte):
    pass


class ReasonCode(Byte):
    """One of those that a client may send in this packet."""


class SubscriptionOptions(Byte):
    pass


class Number(Field):
    """Two bytes, of which all values are allowed."""

    def encode(self):
        return mqtt.u16(self.value)


class Identifier(Number):
    """A packet identifier: never 0."""


@dataclass(frozen=True)
class Properties(Field):
    """`value` as packet.property_block() takes it; `place` is where they stand."""
    place: int = 0

    def encode(self):
        return mqtt.property_block(self.value)


# ---- packets ----

@dataclass(frozen=True)
class Description:
    """`may_end_at`: the numbers of the fields before which the packet may also end. A packet with `is_acceptable` False is right
    in itself, but not for a client that has named no authentication method."""
    type: int
    version: int
    variant: str
    flags: int
    fields: tuple
    may_end_at: frozenset = frozenset()
    is_acceptable: bool = True

    @property
    def name(self):
        return rules.NAMES[self.type] + (f" {self.variant}" if self.variant else "")

    def body(self, changed=None):
        """`changed`: {number of a field: its bytes}."""
        return b"".join((changed or {}).get(number, each.encode()) for number, each in enumerate(self.fields))

    def build(self, changed=None, flags=None):
        return mqtt.frame(self.type, self.flags if flags is None else flags, self.body(changed))

    def offsets(self):
        """Where each field begins in the body, and at last where the body ends."""
        found = [0]
        for each in self.fields:
            found.append(found[-1] + len(each.encode()))
        return found

    def valid_ends(self):
        """The lengths to which the body may be cut and still be whole."""
        offsets = self.offsets()
        ends = {offsets[number] for number in self.may_end_at}
        if self.fields and isinstance(self.fields[-1], Rest):
            ends |= set(range(offsets[-2], offsets[-1]))
        return ends


SAMPLES = {"byte": 1, "u16": 7, "u32": 70, "varint": 300, "string": "text", "binary": b"\x00\xff", "pair": ("name", "value")}
SAMPLE_OF = {"response_topic": "reply/here", "topic_alias": 1, "session_expiry_interval": 1, "maximum_packet_size": 100_000}
# A broker that knows no such method refuses a client that names one: not before it has understood the packet.
AUTHENTICATION = {"authentication_method", "authentication_data"}


def sample(rule):
    return SAMPLE_OF.get(rule.name, SAMPLES[rule.kind])


def needs(rule, place):
    """The properties without which this one may not stand there."""
    if rule.name == "authentication_data" or (place == AUTH and rule.name != "authentication_method"):
        return [("authentication_method", "text")]
    return []


def all_properties(place):
    """Each property that a client may send there, but those that ask for authentication where that can be left out."""
    return [(rule.name, sample(rule)) for rule in rules.properties_of(place, "client")
            if place == AUTH or rule.name not in AUTHENTICATION]


def _only(version, *fields):
    """The fields that are there in 5.0 alone."""
    return fields if version >= 5 else ()


_IDENTIFIER = dict(proves3="2.3.1-1", proves5="2.2.1-3")


def _connect(version, variant, flags, *payload):
    head = (ProtocolName("protocol name", "MQIsdp" if version == 3 else "MQTT", proves3="3.1.2-1", proves5="3.1.2-1"),
            ProtocolLevel("protocol level", version, proves3="3.1.2-2", proves5="3.1.2-2"),
            ConnectFlags("connect flags", flags, proves3="3.1.2-3 3.1.2-11 3.1.2-13 3.1.2-14 3.1.2-15 3.1.2-18 3.1.2-19 "
                         "3.1.2-20 3.1.2-21 3.1.2-22", proves5="3.1.2-3 3.1.2-11 3.1.2-12 3.1.2-13 3.1.2-16 3.1.2-17 "
                         "3.1.2-18 3.1.2-19"),
            Number("keep alive", 60))
    properties = _only(version, Properties("properties", all_properties(CONNECT), place=CONNECT))
    identifier = (Text("client identifier", f"wrong-{variant}", proves3="3.1.3-4", proves5="3.1.3-4"),)
    fields = head + properties + identifier + payload
    # In 3.1 user name and password may be missing at the end although the flags announce them.
    ends = {len(fields) - 2, len(fields) - 1} if version == 3 and variant == "with all" else ()
    return Description(CONNECT, version, variant, 0, fields, frozenset(ends))


def _connects(version):
    will = _only(version, Properties("will properties", all_properties(WILL), place=WILL))
    everything = (*will, TopicName("will topic", TOPIC, proves3="3.1.3-10", proves5="3.1.3-11"),
                  Data("will payload", b"gone"), Text("user name", "user", proves3="3.1.3-11", proves5="3.1.3-12"),
                  Data("password", b"pass"))
    return [_connect(version, "plain", 0x02), _connect(version, "with all", 0x02 | 0x04 | 0x80 | 0x40, *everything)]


def _publishes(version):
    topic = TopicName("topic", TOPIC, proves3="3.3.2-1", proves5="3.3.2-1")
    properties = _only(version, Properties("properties", all_properties(PUBLISH), place=PUBLISH))
    found = []
    for qos in (0, 1, 2):
        identifier = (Identifier("packet identifier", 10, **_IDENTIFIER),) if qos else ()
        found.append(Description(PUBLISH, version, f"QoS {qos}", qos << 1, (topic, *identifier, *properties, Rest("payload", b"xyz"))))
    return found


def _acknowledgement(packet_type, version):
    flags = 2 if packet_type == PUBREL else 0
    identifier = Identifier("packet identifier", 10)
    chapter = {PUBACK: "3.4.2-1", PUBREC: "3.5.2-1", PUBREL: "3.6.2-1", PUBCOMP: "3.7.2-1"}[packet_type]
    if version < 5:
        return Description(packet_type, version, "", flags, (identifier,))
    properties = Properties("properties", all_properties(packet_type), place=packet_type)
    return Description(packet_type, version, "", flags, (identifier, ReasonCode("reason code", 0, proves5=chapter), properties),
                       may_end_at=frozenset({1, 2}))


def _subscribe(version):
    properties = _only(version, Properties("properties", all_properties(SUBSCRIBE), place=SUBSCRIBE))
    fields = [Identifier("packet identifier", 10, **_IDENTIFIER), *properties]
    first = len(fields)
    for number, (text, options) in enumerate((("wrong/filter/#", 1), ("wrong/+/filter", 2)), 1):
        fields += [TopicFilter(f"filter {number}", text, proves3="3.8.3-1", proves5="3.8.3-1"),
                   SubscriptionOptions(f"options {number}", options, proves3="3.8.3-4", proves5="3.8.3-5")]
    return Description(SUBSCRIBE, version, "", 2, tuple(fields), may_end_at=frozenset({first + 2}))


def _unsubscribe(version):
    properties = _only(version, Properties("properties", all_properties(UNSUBSCRIBE), place=UNSUBSCRIBE))
    fields = [Identifier("packet identifier", 10, **_IDENTIFIER), *properties]
    first = len(fields)
    for number, text in enumerate(("wrong/filter/#", "wrong/+/filter"), 1):
        fields.append(TopicFilter(f"filter {number}", text, proves3="3.10.3-1", proves5="3.10.3-1"))
    return Description(UNSUBSCRIBE, version, "", 2, tuple(fields), may_end_at=frozenset({first + 1}))


def _disconnect(version):
    if version < 5:
        return Description(DISCONNECT, version, "", 0, ())
    fields = (ReasonCode("reason code", 0x04, proves5="3.14.2-1"),
              Properties("properties", all_properties(DISCONNECT), place=DISCONNECT))
    return Description(DISCONNECT, version, "", 0, fields, may_end_at=frozenset({0, 1}))


def _auth():
    fields = (ReasonCode("reason code", 0x19, proves5="3.15.2-1"),
              Properties("properties", all_properties(AUTH), place=AUTH))
    return Description(AUTH, 5, "", 0, fields, may_end_at=frozenset({0}), is_acceptable=False)


@functools.lru_cache(maxsize=None)
def descriptions(version):
    """What a client of this version may send, each packet in the variants that differ in their fields."""
    found = [*_connects(version), *_publishes(version)]
    found += [_acknowledgement(each, version) for each in (PUBACK, PUBREC, PUBREL, PUBCOMP)]
    found += [_subscribe(version), _unsubscribe(version), Description(PINGREQ, version, "", 0, ()), _disconnect(version)]
    return tuple(found + ([_auth()] if version >= 5 else []))


def with_properties(description, properties, place):
    """The same packet with other properties there."""
    fields = tuple(replace(each, value=properties) if isinstance(each, Properties) and each.place == place else each
                   for each in description.fields)
    return replace(description, fields=fields)


@functools.lru_cache(maxsize=None)
def packets_of_brokers(version):
    """(name, bytes) of what only a broker may send, or nobody of this version: well-formed, as far as they can be."""
    properties = mqtt.with_properties(version, [])
    found = [("RESERVED", mqtt.frame(0, 0, b"")), ("CONNACK", mqtt.frame(rules.CONNACK, 0, b"\0\0" + properties)),
             ("SUBACK", mqtt.frame(rules.SUBACK, 0, b"\0\1" + properties + b"\0")),
             ("UNSUBACK", mqtt.frame(rules.UNSUBACK, 0, b"\0\1" + properties + (b"\0" if version >= 5 else b""))),
             ("PINGRESP", mqtt.frame(rules.PINGRESP, 0, b""))]
    return tuple(found + ([("AUTH", mqtt.frame(AUTH, 0, b""))] if version < 5 else []))
