"""The tables of the standards: which packet has which properties (MQTT 5.0, 2.2.2.2) and reason codes (2.4), by who sends it.

The codec reads them, and so does the description from which all wrong packets are made. They are written down apart from
the broker's own tables, so that one mistake isn't made twice; conformance/test_description.py holds the two against each other.
"""

from dataclasses import dataclass

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 8, 9, 10, 11, 12, 13, 14, 15
WILL = 16  # the will properties of CONNECT: a place for properties, no packet

NAMES = dict(enumerate(
    "RESERVED CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK PINGREQ "
    "PINGRESP DISCONNECT AUTH WILL".split()))

CLIENT_PACKETS = {CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH}
BROKER_PACKETS = {CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, AUTH}

U16, U32, VARINT = 0xFFFF, 0xFFFFFFFF, 268_435_455
_ACKNOWLEDGEMENTS = {PUBACK, PUBREC, PUBREL, PUBCOMP}


@dataclass(frozen=True)
class Property:
    identifier: int
    name: str
    kind: str  # byte, u16, u32, varint, string, binary, pair
    client: frozenset  # where a client may send it
    broker: frozenset  # where a broker may send it
    least: int = 0  # the bounds count for numbers
    most: int = 0
    may_repeat: bool = False


def _property(identifier, name, kind, client=(), broker=(), least=0, most=None, may_repeat=False):
    most = {"byte": 1, "u16": U16, "u32": U32, "varint": VARINT}.get(kind, 0) if most is None else most
    return Property(identifier, name, kind, frozenset(client), frozenset(broker), least, most, may_repeat)


PROPERTY_TABLE = [
    _property(0x01, "payload_format_indicator", "byte", {PUBLISH, WILL}, {PUBLISH}),
    _property(0x02, "message_expiry_interval", "u32", {PUBLISH, WILL}, {PUBLISH}),
    _property(0x03, "content_type", "string", {PUBLISH, WILL}, {PUBLISH}),
    _property(0x08, "response_topic", "string", {PUBLISH, WILL}, {PUBLISH}),
    _property(0x09, "correlation_data", "binary", {PUBLISH, WILL}, {PUBLISH}),
    _property(0x0B, "subscription_identifier", "varint", {SUBSCRIBE}, {PUBLISH}, least=1),
    _property(0x11, "session_expiry_interval", "u32", {CONNECT, DISCONNECT}, {CONNACK}),
    _property(0x12, "assigned_client_identifier", "string", (), {CONNACK}),
    _property(0x13, "server_keep_alive", "u16", (), {CONNACK}),
    _property(0x15, "authentication_method", "string", {CONNECT, AUTH}, {CONNACK, AUTH}),
    _property(0x16, "authentication_data", "binary", {CONNECT, AUTH}, {CONNACK, AUTH}),
    _property(0x17, "request_problem_information", "byte", {CONNECT}),
    _property(0x18, "will_delay_interval", "u32", {WILL}),
    _property(0x19, "request_response_information", "byte", {CONNECT}),
    _property(0x1A, "response_information", "string", (), {CONNACK}),
    _property(0x1C, "server_reference", "string", (), {CONNACK, DISCONNECT}),
    _property(0x1F, "reason_string", "string", _ACKNOWLEDGEMENTS | {DISCONNECT, AUTH},
              _ACKNOWLEDGEMENTS | {CONNACK, SUBACK, UNSUBACK, DISCONNECT, AUTH}),
    _property(0x21, "receive_maximum", "u16", {CONNECT}, {CONNACK}, least=1),
    _property(0x22, "topic_alias_maximum", "u16", {CONNECT}, {CONNACK}),
    _property(0x23, "topic_alias", "u16", {PUBLISH}, {PUBLISH}, least=1),
    _property(0x24, "maximum_qos", "byte", (), {CONNACK}),
    _property(0x25, "retain_available", "byte", (), {CONNACK}),
    _property(0x26, "user_property", "pair",
              _ACKNOWLEDGEMENTS | {CONNECT, WILL, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH},
              _ACKNOWLEDGEMENTS | {CONNACK, PUBLISH, SUBACK, UNSUBACK, DISCONNECT, AUTH}, may_repeat=True),
    _property(0x27, "maximum_packet_size", "u32", {CONNECT}, {CONNACK}, least=1),
    _property(0x28, "wildcard_subscription_available", "byte", (), {CONNACK}),
    _property(0x29, "subscription_identifier_available", "byte", (), {CONNACK}),
    _property(0x2A, "shared_subscription_available", "byte", (), {CONNACK}),
]

# Reason code -> where a client, where a broker may send it.
_PUBLISHED = {PUBACK, PUBREC}
_RELEASED = {PUBREL, PUBCOMP}
_SUBSCRIBED = {SUBACK, UNSUBACK}
REASON_TABLE = {
    0x00: (_ACKNOWLEDGEMENTS | {DISCONNECT}, _ACKNOWLEDGEMENTS | _SUBSCRIBED | {CONNACK, DISCONNECT, AUTH}),
    0x01: ((), {SUBACK}),
    0x02: ((), {SUBACK}),
    0x04: ({DISCONNECT}, ()),
    0x10: (_PUBLISHED, _PUBLISHED),
    0x11: ((), {UNSUBACK}),
    0x18: ({AUTH}, {AUTH}),
    0x19: ({AUTH}, ()),
    0x80: (_PUBLISHED | {DISCONNECT}, _PUBLISHED | _SUBSCRIBED | {CONNACK, DISCONNECT}),
    0x81: ({DISCONNECT}, {CONNACK, DISCONNECT}),
    0x82: ({DISCONNECT}, {CONNACK, DISCONNECT}),
    0x83: (_PUBLISHED | {DISCONNECT}, _PUBLISHED | _SUBSCRIBED | {CONNACK, DISCONNECT}),
    0x84: ((), {CONNACK}),
    0x85: ((), {CONNACK}),
    0x86: ((), {CONNACK}),
    0x87: (_PUBLISHED, _PUBLISHED | _SUBSCRIBED | {CONNACK, DISCONNECT}),
    0x88: ((), {CONNACK}),
    0x89: ((), {CONNACK, DISCONNECT}),
    0x8A: ((), {CONNACK}),
    0x8B: ((), {DISCONNECT}),
    0x8C: ((), {CONNACK}),  # 2.4 has it for DISCONNECT, too; 3.14.2.1, which binds [MQTT-3.14.2-1], has not
    0x8D: ((), {DISCONNECT}),
    0x8E: ((), {DISCONNECT}),
    0x8F: ((), _SUBSCRIBED | {DISCONNECT}),
    0x90: (_PUBLISHED | {DISCONNECT}, _PUBLISHED | {CONNACK, DISCONNECT}),
    0x91: (_PUBLISHED, _PUBLISHED | _SUBSCRIBED),
    0x92: (_RELEASED, _RELEASED),
    0x93: ({DISCONNECT}, {DISCONNECT}),
    0x94: ({DISCONNECT}, {DISCONNECT}),
    0x95: ({DISCONNECT}, {CONNACK, DISCONNECT}),
    0x96: ({DISCONNECT}, {DISCONNECT}),
    0x97: (_PUBLISHED | {DISCONNECT}, _PUBLISHED | {CONNACK, SUBACK, DISCONNECT}),
    0x98: ({DISCONNECT}, {DISCONNECT}),
    0x99: (_PUBLISHED | {DISCONNECT}, _PUBLISHED | {CONNACK, DISCONNECT}),
    0x9A: ((), {CONNACK, DISCONNECT}),
    0x9B: ((), {CONNACK, DISCONNECT}),
    0x9C: ((), {CONNACK, DISCONNECT}),
    0x9D: ((), {CONNACK, DISCONNECT}),
    0x9E: ((), {SUBACK, DISCONNECT}),
    0x9F: ((), {CONNACK, DISCONNECT}),
    0xA0: ((), {DISCONNECT}),
    0xA1: ((), {SUBACK, DISCONNECT}),
    0xA2: ((), {SUBACK, DISCONNECT}),
}


def properties_of(place, sender):
    """The properties that `sender`, "client" or "broker", may send there."""
    return [each for each in PROPERTY_TABLE if place in getattr(each, sender)]


def reasons_of(packet_type, sender):
    """The reason codes that `sender`, "client" or "broker", may send in this packet."""
    which = {"client": 0, "broker": 1}[sender]
    return {code for code, places in REASON_TABLE.items() if packet_type in places[which]}
