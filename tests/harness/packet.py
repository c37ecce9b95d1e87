"""A small MQTT codec for tests, both versions, apart from the broker's own: so that one mistake isn't made twice.

Builders return bytes. They take every field as given, also the wrong ones, as half of the tests send what is wrong.
decode() reads what a broker sends, and is strict.
"""

from dataclasses import dataclass, field

from . import rules
from .rules import (AUTH, CONNACK, CONNECT, DISCONNECT, NAMES, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL,
                    SUBACK, SUBSCRIBE, UNSUBACK, UNSUBSCRIBE)

# What the codec needs of the tables: name -> (identifier, type), and what a broker's packets may have.
PROPERTIES = {each.name: (each.identifier, each.kind) for each in rules.PROPERTY_TABLE}
PROPERTY_NAMES = {identifier: (name, kind) for name, (identifier, kind) in PROPERTIES.items()}
MAY_REPEAT = {each.name for each in rules.PROPERTY_TABLE if each.may_repeat} | {"subscription_identifier"}
BROKER_PROPERTIES = {packet_type: {each.name for each in rules.properties_of(packet_type, "broker")} for packet_type in NAMES}
BROKER_REASONS = {packet_type: reasons for packet_type in NAMES if (reasons := rules.reasons_of(packet_type, "broker"))}


class Malformed(Exception):
    """The broker sent what the standard does not allow."""


# ---- pieces ----

def u16(value):
    return value.to_bytes(2, "big")


def u32(value):
    return value.to_bytes(4, "big")


def varint(value):
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


def as_bytes(value):
    return value.encode("utf-8") if isinstance(value, str) else bytes(value)


def binary(value):
    value = as_bytes(value)
    return u16(len(value)) + value


string = binary  # given bytes, it is not checked to be UTF-8: that is what some tests need


def frame(packet_type, flags, body):
    """A whole packet: fixed header and body."""
    return bytes([packet_type << 4 | flags]) + varint(len(body)) + body


def property_bytes(name, value):
    if isinstance(name, int):  # an unknown one; `value` are its bytes
        return varint(name) + value
    identifier, kind = PROPERTIES[name]
    encode = {"byte": lambda v: bytes([v]), "u16": u16, "u32": u32, "varint": varint, "string": string, "binary": binary,
              "pair": lambda v: string(v[0]) + string(v[1])}[kind]
    return varint(identifier) + encode(value)


def pairs(properties):
    """{"a": 1} or [("a", 1), ...]; a list as a value repeats the property."""
    items = properties.items() if isinstance(properties, dict) else properties or ()
    for name, value in items:
        if isinstance(value, list):
            yield from ((name, each) for each in value)
        else:
            yield name, value


def property_block(properties):
    body = b"".join(property_bytes(name, value) for name, value in pairs(properties))
    return varint(len(body)) + body


def with_properties(version, properties):
    return property_block(properties) if version >= 5 else b""


# ---- builders ----

@dataclass
class Will:
    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: dict = field(default_factory=dict)


def connect(client_identifier="", version=5, clean=True, keep_alive=60, will=None, username=None, password=None,
            properties=None, protocol_name=None, flags=None, level=None):
    """CONNECT. `flags` and `level` replace the byte that the other arguments would give."""
    if protocol_name is None:
        protocol_name = "MQIsdp" if version == 3 else "MQTT"
    if flags is None:
        flags = 2 if clean else 0
        if will is not None:
            flags |= 4 | will.qos << 3 | (32 if will.retain else 0)
        flags |= (128 if username is not None else 0) | (64 if password is not None else 0)
    body = string(protocol_name) + bytes([version if level is None else level, flags]) + u16(keep_alive)
    body += with_properties(version, properties)
    body += string(client_identifier)
    if will is not None:
        body += with_properties(version, will.properties) + string(will.topic) + binary(will.payload)
    if username is not None:
        body += string(username)
    if password is not None:
        body += binary(password)
    return frame(CONNECT, 0, body)


def publish(topic, payload=b"", qos=0, retain=False, dup=False, packet_identifier=None, version=5, properties=None):
    body = string(topic)
    if packet_identifier is not None:
        body += u16(packet_identifier)
    body += with_properties(version, properties) + as_bytes(payload)
    return frame(PUBLISH, (8 if dup else 0) | qos << 1 | (1 if retain else 0), body)


def acknowledgement(packet_type, packet_identifier, reason=None, properties=None, flags=None):
    """PUBACK, PUBREC, PUBREL and PUBCOMP: two bytes, or with a reason, or with reason and properties."""
    body = u16(packet_identifier)
    if reason is not None:
        body += bytes([reason])
        if properties is not None:
            body += property_block(properties)
    if flags is None:
        flags = 2 if packet_type == PUBREL else 0
    return frame(packet_type, flags, body)


def puback(packet_identifier, reason=None, properties=None):
    return acknowledgement(PUBACK, packet_identifier, reason, properties)


def pubrec(packet_identifier, reason=None, properties=None):
    return acknowledgement(PUBREC, packet_identifier, reason, properties)


def pubrel(packet_identifier, reason=None, properties=None):
    return acknowledgement(PUBREL, packet_identifier, reason, properties)


def pubcomp(packet_identifier, reason=None, properties=None):
    return acknowledgement(PUBCOMP, packet_identifier, reason, properties)


def options(qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    return qos | (4 if no_local else 0) | (8 if retain_as_published else 0) | retain_handling << 4


def subscribe(packet_identifier, filters, version=5, properties=None, flags=2):
    """`filters`: [(filter, options byte), ...]"""
    body = u16(packet_identifier) + with_properties(version, properties)
    return frame(SUBSCRIBE, flags, body + b"".join(string(each) + bytes([byte]) for each, byte in filters))


def unsubscribe(packet_identifier, filters, version=5, properties=None, flags=2):
    body = u16(packet_identifier) + with_properties(version, properties)
    return frame(UNSUBSCRIBE, flags, body + b"".join(string(each) for each in filters))


def pingreq():
    return frame(PINGREQ, 0, b"")


def disconnect(version=5, reason=None, properties=None):
    if version < 5 or reason is None:
        return frame(DISCONNECT, 0, b"")
    return frame(DISCONNECT, 0, bytes([reason]) + (b"" if properties is None else property_block(properties)))


def auth(reason, properties=None):
    return frame(AUTH, 0, bytes([reason]) + property_block(properties))


# ---- reading ----

class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if self.left() < count:
            raise Malformed(f"{count} bytes wanted, {self.left()} left of {self.data!r}")
        self.at += count
        return self.data[self.at - count:self.at]

    def byte(self):
        return self.take(1)[0]

    def u16(self):
        return int.from_bytes(self.take(2), "big")

    def u32(self):
        return int.from_bytes(self.take(4), "big")

    def varint(self):
        value = shift = 0
        while True:
            digit = self.byte()
            value |= (digit & 127) << shift
            if not digit & 128:
                if digit == 0 and shift:
                    raise Malformed("a variable byte integer that is not minimal")
                return value
            shift += 7
            if shift > 21:
                raise Malformed("a variable byte integer of more than four bytes")

    def binary(self):
        return self.take(self.u16())

    def string(self):
        return self.binary().decode("utf-8")

    def rest(self):
        return self.take(self.left())

    def properties(self):
        inner = Reader(self.take(self.varint()))
        found = []
        while inner.left():
            identifier = inner.varint()
            if identifier not in PROPERTY_NAMES:
                raise Malformed(f"unknown property {identifier:#x}")
            name, kind = PROPERTY_NAMES[identifier]
            if name not in MAY_REPEAT and any(name == other for other, _ in found):
                raise Malformed(f"property {name} twice")
            found.append((name, (inner.string(), inner.string()) if kind == "pair" else getattr(inner, kind)()))
        return found


@dataclass
class Packet:
    """A packet that the broker sent. Fields that its type doesn't have stay None."""
    type: int
    flags: int
    size: int  # of the whole packet, in bytes
    packet_identifier: int = None
    reason: int = None  # CONNACK, acknowledgements, DISCONNECT, AUTH; for 3.1.1 the CONNACK's return code
    reasons: list = None  # SUBACK, UNSUBACK
    session_present: bool = None
    topic: str = None
    payload: bytes = None
    properties: list = field(default_factory=list)  # [(name, value), ...] in their order

    @property
    def name(self):
        return NAMES[self.type]

    @property
    def qos(self):
        return self.flags >> 1 & 3

    @property
    def retain(self):
        return bool(self.flags & 1)

    @property
    def dup(self):
        return bool(self.flags & 8)

    def all(self, name):
        """Every value of a property, in order."""
        return [value for other, value in self.properties if other == name]

    def get(self, name, otherwise=None):
        values = self.all(name)
        return values[0] if values else otherwise

    def __str__(self):
        shown = []
        for key in ("packet_identifier", "reason", "reasons", "session_present", "topic", "payload"):
            value = getattr(self, key)
            if value is not None:
                text = f"{value[:40]!r}... ({len(value)} bytes)" if key == "payload" and len(value) > 40 else repr(value)
                shown.append(f"{key}={hex(value) if key == 'reason' else text}")
        if self.type == PUBLISH:
            shown.append(f"qos={self.qos} retain={self.retain} dup={self.dup}")
        if self.properties:
            shown.append(f"properties={self.properties}")
        return f"{self.name}({', '.join(shown)})"


def decode(first, body, version, size):
    """A Packet from the first byte and the body of a packet that a broker sent."""
    packet = Packet(first >> 4, first & 15, size)
    reader = Reader(body)
    if packet.type != PUBLISH and packet.flags != (2 if packet.type == PUBREL else 0):
        raise Malformed(f"{packet.name} with flags {packet.flags:#x}")
    if packet.type == CONNACK:
        acknowledge_flags = reader.byte()
        if acknowledge_flags & ~1:
            raise Malformed(f"CONNACK with acknowledge flags {acknowledge_flags:#x}")
        packet.session_present = bool(acknowledge_flags)
        packet.reason = reader.byte()
        if version >= 5:
            packet.properties = reader.properties()
    elif packet.type == PUBLISH:
        if packet.qos == 3:
            raise Malformed("PUBLISH with QoS 3")
        if packet.dup and packet.qos == 0:
            raise Malformed("PUBLISH with QoS 0 and DUP")
        packet.topic = reader.string()
        if packet.qos:
            packet.packet_identifier = reader.u16()
            if packet.packet_identifier == 0:
                raise Malformed("PUBLISH with packet identifier 0")
        if version >= 5:
            packet.properties = reader.properties()
        packet.payload = reader.rest()
    elif packet.type in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        packet.packet_identifier = reader.u16()
        packet.reason = 0
        if version >= 5 and reader.left():
            packet.reason = reader.byte()
            if reader.left():
                packet.properties = reader.properties()
    elif packet.type in (SUBACK, UNSUBACK):
        packet.packet_identifier = reader.u16()
        if version >= 5:
            packet.properties = reader.properties()
        packet.reasons = list(reader.rest())
        if packet.type == SUBACK and version < 5 and not set(packet.reasons) <= {0, 1, 2, 0x80}:
            raise Malformed(f"SUBACK with return codes {packet.reasons}")
    elif packet.type in (DISCONNECT, AUTH):
        if version < 5:
            raise Malformed(f"{packet.name} from the broker below MQTT 5.0")
        packet.reason = reader.byte() if reader.left() else 0
        if reader.left():
            packet.properties = reader.properties()
    elif packet.type != PINGRESP:
        raise Malformed(f"a broker does not send {packet.name}")
    if reader.left():
        raise Malformed(f"{packet.name} with {reader.left()} bytes too many")
    if version >= 5:
        check_allowed(packet)
    return packet


def check_allowed(packet):
    misplaced = {name for name, _ in packet.properties} - BROKER_PROPERTIES.get(packet.type, set())
    if misplaced:
        raise Malformed(f"{packet} must not have {misplaced}")
    reasons = set(packet.reasons or ()) | ({packet.reason} - {None})
    wrong = reasons - BROKER_REASONS.get(packet.type, reasons)
    if wrong:
        raise Malformed(f"{packet} must not have the reason {[hex(each) for each in wrong]}")
