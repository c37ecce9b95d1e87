"""Each way in which each field of each packet can be wrong, made from description.py, with the answer that the standard asks for.

    PYTHONPATH=tests python3 -m harness.wrong      # how many there are

What a field's kind can have wrong stands in one function (`@ways.register`), so a packet or property that the description gains is
covered at once.
"""

import collections
import functools
from dataclasses import dataclass, replace

from . import description as described
from . import packet as mqtt
from . import rules
from .description import Description, Field, with_properties

MALFORMED_PACKET, PROTOCOL_ERROR, UNSUPPORTED_VERSION, TOPIC_FILTER_INVALID, TOPIC_NAME_INVALID, TOPIC_ALIAS_INVALID = (
    0x81, 0x82, 0x84, 0x8F, 0x90, 0x94)
SILENCE = None  # the connection is closed without a word


@dataclass(frozen=True)
class Answer:
    """What the broker may say before it closes: `new` in 5.0 (a reason of DISCONNECT, or of CONNACK where the packet is CONNECT),
    `old` below (a return code of CONNACK). The first is what GraftMQ has to say; any of them is right for another broker, as
    the standard leaves the choice. Where there is one alone the standard is exact."""
    new: tuple
    old: tuple = (SILENCE,)


MALFORMED = Answer((MALFORMED_PACKET,))
PROTOCOL = Answer((PROTOCOL_ERROR,))
# Not allowed, but which of the two it is the standard doesn't say.
EITHER_MALFORMED = Answer((MALFORMED_PACKET, PROTOCOL_ERROR))
EITHER_PROTOCOL = Answer((PROTOCOL_ERROR, MALFORMED_PACKET))
# 4.13.1 asks for a more specific reason where there is one; 3.14.2.1 has these two for what is well-formed. Both readings stand.
TOPIC = Answer((TOPIC_NAME_INVALID, MALFORMED_PACKET, PROTOCOL_ERROR))
FILTER = Answer((TOPIC_FILTER_INVALID, MALFORMED_PACKET, PROTOCOL_ERROR))
ALIAS = Answer((TOPIC_ALIAS_INVALID,))
# Before the protocol level is read nobody knows in which version to answer.
UNKNOWN_VERSION = Answer((SILENCE, MALFORMED_PACKET, UNSUPPORTED_VERSION), (SILENCE, 1))


@dataclass(frozen=True)
class Case:
    packet: str
    way: str
    what: str
    data: bytes
    version: int
    answer: Answer
    is_connect: bool = False
    proves: str = ""  # statements of its version's standard

    def __str__(self):
        shown = self.data if len(self.data) <= 200 else self.data[:100]
        return (f"{described.VERSIONS[self.version]} {self.packet}, {self.way}: {self.what}\n    {shown.hex(' ')}"
                f"{'...' if shown != self.data else ''}")


@dataclass(frozen=True)
class Wrong:
    """A wrong value of one field: `data` instead of the field's bytes; or, where that alone is not enough, a whole packet."""
    way: str
    what: str
    data: bytes
    answer: Answer
    proves3: str = ""
    proves5: str = ""
    is_packet: bool = False


@dataclass(frozen=True)
class Place:
    """Where a field stands: what its wrong values depend on."""
    description: Description
    number: int

    @property
    def version(self):
        return self.description.version

    @property
    def is_last(self):
        return self.number == len(self.description.fields) - 1

    def behind(self):
        """How many bytes follow the field."""
        offsets = self.description.offsets()
        return offsets[-1] - offsets[self.number + 1]


# ---- variable byte integers ----

def longer_forms(value):
    """`value` in more bytes than it needs, which only 5.0 forbids."""
    least = mqtt.varint(value)
    for size in range(len(least) + 1, 5):
        yield size, bytes([least[0] | 0x80, *(each | 0x80 for each in least[1:]), *[0x80] * (size - len(least) - 1), 0])


ENDLESS = {"five bytes": b"\xff\xff\xff\xff\x01", "five bytes of which most are empty": b"\x80\x80\x80\x80\x01",
           "five bytes for nothing": b"\x80\x80\x80\x80\x00"}


# ---- UTF-8 ----

# name -> (bytes, from which version on they are wrong: 3.1 has Java's "modified" UTF-8 for its model)
NOT_UTF8 = {
    "a continuation byte alone": (b"\x80", 3), "the last continuation byte alone": (b"\xbf", 3),
    "U+0000 in two bytes": (b"\xc0\x80", 4), "a slash in two bytes": (b"\xc0\xaf", 3), "U+007F in two bytes": (b"\xc1\xbf", 3),
    "U+0000 in three bytes": (b"\xe0\x80\x80", 3), "U+07FF in three bytes": (b"\xe0\x9f\xbf", 3),
    "U+0000 in four bytes": (b"\xf0\x80\x80\x80", 3), "U+FFFF in four bytes": (b"\xf0\x8f\xbf\xbf", 3),
    "the first high surrogate": (b"\xed\xa0\x80", 3), "the last high surrogate": (b"\xed\xaf\xbf", 3),
    "the first low surrogate": (b"\xed\xb0\x80", 3), "the last low surrogate": (b"\xed\xbf\xbf", 3),
    "a pair of surrogates": (b"\xed\xa0\xbd\xed\xb8\x80", 4),
    "U+110000": (b"\xf4\x90\x80\x80", 3), "a lead of U+140000": (b"\xf5\x80\x80\x80", 3), "U+1FFFFF": (b"\xf7\xbf\xbf\xbf", 3),
    "five bytes": (b"\xf8\x88\x80\x80\x80", 3), "six bytes": (b"\xfc\x84\x80\x80\x80\x80", 3),
    "0xFE": (b"\xfe", 3), "0xFF": (b"\xff", 3), "a byte order mark of UTF-16": (b"\xff\xfe", 3),
    "the first of two bytes": (b"\xc2", 3), "two of three bytes": (b"\xe1\x80", 3), "the first of three bytes": (b"\xe1", 3),
    "three of four bytes": (b"\xf1\x80\x80", 3), "the first of four bytes": (b"\xf1", 3),
    "a letter as the second of three bytes": (b"\xe1A\x80", 3), "a letter as the third of four bytes": (b"\xf1\x80A\x80", 3),
    "a zero": (b"\x00", 3),
}


def texts_not_utf8(version):
    """(what, text, is a zero): each class alone, between letters, and at the end of a long text."""
    for name, (wrong, since) in NOT_UTF8.items():
        if version >= since:
            for where, text in (("alone", wrong), ("within", b"ab" + wrong + b"yz"), ("at the end", b"0123456789abcdefg" + wrong)):
                yield f"{name} {where}", text, wrong == b"\x00"


def wrong_utf8(version, proves3="", proves5="", answer=MALFORMED):
    for what, text, is_zero in texts_not_utf8(version):
        which = "2" if is_zero else "1"
        yield Wrong("UTF-8", what, mqtt.binary(text), answer, f"1.5.3-{which} {proves3}", f"1.5.4-{which} {proves5}")


NO_TOPIC_NAMES = {"empty": "", "#": "#", "+": "+", "# at the end": "wrong/#", "+ at the front": "+/wrong", "+ within": "wrong/+/x",
                  "# in a level": "wrong/a#", "+ in a level": "wrong/a+b"}
NO_TOPIC_FILTERS = ["", "wrong/a#", "wrong/#/a", "#/wrong", "##", "wrong/#a", "wrong/a+", "wrong/+a", "+a/wrong", "wrong/a+/b", "++",
                    "wrong/+#", "wrong/#+"]
# Below 5.0 they are filters like any other.
NO_SHARED_FILTERS = ["$share/", "$share/group", "$share/group/", "$share//wrong", "$share/+/wrong", "$share/#/wrong",
                     "$share/g+/wrong", "$share/g#/wrong", "$share/group/wrong/a#", "$share/group/#/wrong"]


def names_that_are_none(answer=TOPIC):
    """(what, text, answer, statements of 3.1.1, of 5.0)"""
    for what, text in NO_TOPIC_NAMES.items():
        yield what, text, answer, *(("4.7.3-1", "4.7.3-1") if text == "" else ("3.3.2-2 4.7.1-1", "4.7.0-1"))


# ---- what each kind of field can have wrong ----

@functools.singledispatch
def ways(field: Field, place: Place):
    """The Wrong values of a field."""
    return ()


def wrong_lengths(field, place):
    """Lengths that reach behind the end of the packet; and, where nothing follows, one that leaves a byte over."""
    content = field.encode()[2:]
    available = len(content) + place.behind()
    for what, length in (("one more than there is", available + 1), ("the longest there is", 0xFFFF)):
        yield Wrong("length of a field", f"{field.name}: {what}", mqtt.u16(length) + content, MALFORMED)
    if place.is_last and len(content) > 0:
        yield Wrong("length of a field", f"{field.name}: one too few", mqtt.u16(len(content) - 1) + content, EITHER_MALFORMED)


@ways.register
def _(field: described.Text, place):
    yield from wrong_utf8(place.version, field.proves3, field.proves5)
    yield from wrong_lengths(field, place)


@ways.register
def _(field: described.Data, place):
    yield from wrong_lengths(field, place)


@ways.register
def _(field: described.ProtocolName, place):
    for wrong in (*wrong_utf8(place.version), *wrong_lengths(field, place)):
        yield replace(wrong, answer=UNKNOWN_VERSION)
    for name in ("", "M", "MQT", "MQTTX", "MQTT ", "mqtt", "MQIsdq", "HTTP"):
        yield Wrong("protocol name", name, mqtt.string(name), UNKNOWN_VERSION, field.proves3, field.proves5)
    name = "MQTT" if place.version == 3 else "MQIsdp"  # of another version
    yield Wrong("protocol name", name, mqtt.string(name), unsupported(place.version), field.proves3, field.proves5)


def unsupported(level):
    """Who knows more than 5.0 will understand its CONNACK; but bridges of old set the uppermost bit of 3 or 4."""
    is_new = level >= 5 and not 0x80 <= level < 0x85
    either = (("new", UNSUPPORTED_VERSION) if is_new else ("old", 1), ("old", 1), ("new", UNSUPPORTED_VERSION), SILENCE)
    return Answer(either, either)


@ways.register
def _(field: described.ProtocolLevel, place):
    known = {3} if place.version == 3 else {4, 5}
    for level in sorted(set(range(256)) - known):
        yield Wrong("protocol level", str(level), bytes([level]), unsupported(level), field.proves3, field.proves5)


@ways.register
def _(field: described.TopicName, place):
    yield from ways.dispatch(described.Text)(field, place)
    is_publish = place.description.type == rules.PUBLISH
    for what, text, answer, proves3, proves5 in names_that_are_none():
        if text == "" and is_publish:  # 3.3.2.1: wrong only because there is no alias in its stead
            bare = with_properties(place.description, [], rules.PUBLISH)
            yield Wrong("topic name", "empty, and no alias", bare.build({place.number: mqtt.string("")}), PROTOCOL, proves3,
                        proves5, is_packet=True)
        else:
            yield Wrong("topic name", what, mqtt.string(text), answer, proves3, proves5 + (" 3.3.2-2" if is_publish else ""))


@ways.register
def _(field: described.TopicFilter, place):
    yield from ways.dispatch(described.Text)(field, place)
    for text in NO_TOPIC_FILTERS:
        which = ("4.7.3-1", "4.7.3-1") if text == "" else ("4.7.1-2 4.7.1-3", "4.7.1-1 4.7.1-2")
        yield Wrong("topic filter", text or "empty", mqtt.string(text), FILTER, *which)
    for text in NO_SHARED_FILTERS if place.version >= 5 else ():
        yield Wrong("topic filter", text, mqtt.string(text), FILTER, proves5="4.8.2-1 4.8.2-2")


@ways.register
def _(field: described.Identifier, place):
    yield Wrong("packet identifier", "0", mqtt.u16(0), EITHER_PROTOCOL, field.proves3, field.proves5)


@ways.register
def _(field: described.ReasonCode, place):
    for code in sorted(set(range(256)) - rules.reasons_of(place.description.type, "client")):
        yield Wrong("reason code", f"{code:#04x}", bytes([code]), EITHER_PROTOCOL, proves5=field.proves5)


@ways.register
def _(field: described.SubscriptionOptions, place):
    for options in range(256):
        answer = wrong_options(options, place.version)
        if answer is not None:
            yield Wrong("subscription options", f"{options:#04x}", bytes([options]), answer, field.proves3,
                        field.proves5 if options & 0xC0 else "")


def wrong_options(options, version):
    """The answer to subscription options; None if they are right."""
    is_qos_3 = options & 3 == 3
    if version == 3:  # the other bits are "not used"
        return MALFORMED if is_qos_3 else None
    if version == 4:
        return MALFORMED if is_qos_3 or options & 0xFC else None
    is_out_of_range = is_qos_3 or options & 0x30 == 0x30  # 3.8.3.1: each a protocol error
    if options & 0xC0:
        return EITHER_MALFORMED if is_out_of_range else MALFORMED
    return PROTOCOL if is_out_of_range else None


@ways.register
def _(field: described.ConnectFlags, place):
    for flags in range(256):
        answer = wrong_connect_flags(flags, place)
        if answer is not None:
            yield Wrong("connect flags", f"{flags:#04x}", bytes([flags]), answer, field.proves3, field.proves5)


def wrong_connect_flags(flags, place):
    """The answer to a flags byte in front of this payload; None if they agree."""
    version = place.version
    has_will, will_qos, will_retain = flags & 4, flags >> 3 & 3, flags & 0x20
    is_contradiction = version > 3 and not has_will and (will_qos or will_retain)
    if will_qos == 3 or (flags & 1 and version > 3):
        return EITHER_MALFORMED if is_contradiction else MALFORMED
    if is_contradiction:
        return EITHER_MALFORMED
    if version == 4 and flags & 0xC0 == 0x40:
        return MALFORMED  # a password without a user name
    payload = place.description.body()[place.description.offsets()[place.number + 2]:]
    return None if payload_agrees(payload, flags, version) else MALFORMED


def payload_agrees(payload, flags, version):
    reader = mqtt.Reader(payload)
    try:
        if version >= 5:
            reader.properties()
        reader.string()
        if flags & 4:
            if version >= 5:
                reader.properties()
            reader.string()
            reader.binary()
        for bit in (0x80, 0x40):
            if flags & bit and not (version == 3 and not reader.left()):
                reader.binary()
        return not reader.left()
    except (mqtt.Malformed, UnicodeDecodeError):
        return False


# ---- properties ----

UNKNOWN_PROPERTIES = sorted(set(range(128)) - {each.identifier for each in rules.PROPERTY_TABLE}) + [128, 255, 16383, 16384, rules.VARINT]


@ways.register
def _(field: described.Properties, place):
    yield from wrong_property_lengths(field, place)
    for rule in rules.PROPERTY_TABLE:
        block = mqtt.property_block([*needs_of(field.place), (rule.name, described.sample(rule))])
        if field.place in rule.client:
            yield from wrong_property(rule, field.place)
        elif field.place not in rule.broker:
            yield Wrong("property misplaced", rule.name, block, MALFORMED)
        elif field.place == rules.PUBLISH:  # valid for the packet, not for this sender
            yield Wrong("property misplaced", rule.name, block, EITHER_MALFORMED, proves5="3.3.4-6")
        # The server reference in a client's DISCONNECT makes no sense, but nothing forbids it.
    for identifier in UNKNOWN_PROPERTIES:
        value = (b"", b"\0", b"\0\1x")[identifier % 3]
        block = mqtt.property_block([*needs_of(field.place), (identifier, value)])
        yield Wrong("property unknown", f"{identifier:#x} with {len(value)} bytes", block, MALFORMED)
    if field.place == rules.AUTH:
        for properties in ([], [("reason_string", "x")], [("user_property", ("a", "b"))]):
            yield Wrong("property missing", "authentication method", mqtt.property_block(properties), PROTOCOL)


def needs_of(place):
    return [("authentication_method", "text")] if place == rules.AUTH else []


def wrong_property_lengths(field, place):
    block = b"".join(mqtt.property_bytes(*each) for each in mqtt.pairs(field.value))
    boundaries = {sum(len(mqtt.property_bytes(*each)) for each in field.value[:count]) for count in range(len(field.value) + 1)}
    for length in range(len(block)):
        if length not in boundaries:
            yield Wrong("property length", f"ends a property early, at {length}", mqtt.varint(length) + block, MALFORMED)
    available = len(block) + place.behind()
    for length in (available + 1, 16384, rules.VARINT):
        yield Wrong("property length", f"{length}, more than there is", mqtt.varint(length) + block, MALFORMED)
    for size, length in longer_forms(len(block)):
        yield Wrong("variable byte integer", f"property length in {size} bytes", length + block, MALFORMED, proves5="1.5.5-1")
    for what, length in ENDLESS.items():
        yield Wrong("variable byte integer", f"property length of {what}", length + block, MALFORMED, proves5="1.5.5-1")


def wrong_property(rule, place):
    """A property that may stand there: twice, with a wrong identifier, and with each wrong value of its type."""
    companions = described.needs(rule, place)
    before = b"".join(mqtt.property_bytes(*each) for each in companions)
    right = mqtt.property_bytes(rule.name, described.sample(rule))

    def wrong(way, what, data, answer, **proves):
        block = before + data
        return Wrong(way, f"{rule.name}: {what}", mqtt.varint(len(block)) + block, answer, **proves)

    if not rule.may_repeat:
        yield wrong("property twice", "the same value", right + right, PROTOCOL)
        between = mqtt.property_bytes("user_property", ("a", "b"))
        yield wrong("property twice", "with another one between", right + between + right, PROTOCOL)
    value = right[1:]
    for size, identifier in longer_forms(rule.identifier):
        yield wrong("variable byte integer", f"identifier in {size} bytes", identifier + value, MALFORMED, proves5="1.5.5-1")
    identifier = mqtt.varint(rule.identifier)
    for way, what, data, answer, proves5 in WRONG_VALUES[rule.kind](rule):
        yield wrong(way, what, identifier + data, answer, proves5=proves5)


def _wrong_number(rule):
    """Values out of range. Those of the payload format indicator are the only ones of which the standard names no reason."""
    encode = {"byte": lambda v: bytes([v]), "u16": mqtt.u16, "u32": mqtt.u32, "varint": mqtt.varint}[rule.kind]
    answer = {"topic_alias": ALIAS, "payload_format_indicator": EITHER_PROTOCOL}.get(rule.name, PROTOCOL)
    values = [0] if rule.least > 0 else []
    values += [rule.most + 1, 0x80, 0xFF] if rule.kind == "byte" else []
    for value in values:
        yield "property value", str(value), encode(value), answer, "3.3.2-8" if rule.name == "topic_alias" else ""
    if rule.kind == "varint":
        for size, data in longer_forms(described.sample(rule)):
            yield "variable byte integer", f"in {size} bytes", data, MALFORMED, "1.5.5-1"
        for what, data in ENDLESS.items():
            yield "variable byte integer", f"of {what}", data, MALFORMED, "1.5.5-1"


_TEXT_STATEMENTS = {"response_topic": "3.3.2-13", "content_type": "3.3.2-19"}


def _wrong_string(rule):
    for wrong in wrong_utf8(5, proves5=_TEXT_STATEMENTS.get(rule.name, "")):
        yield wrong.way, wrong.what, wrong.data, wrong.answer, wrong.proves5
    if rule.name == "response_topic":
        for what, text, answer, _, proves5 in names_that_are_none():
            yield "topic name", what, mqtt.string(text), answer, proves5 + " 3.3.2-14"
    yield from _wrong_binary(rule)


def _wrong_binary(rule):
    """What follows the properties is no part of them, however long a value says it is."""
    content = mqtt.as_bytes(described.sample(rule))
    for length in (len(content) + 1, len(content) + 2, 0xFFFF):
        yield "property length", f"{length} bytes, more than there are", mqtt.u16(length) + content, MALFORMED, ""


def _wrong_pair(rule):
    name, value = (mqtt.string(each) for each in described.sample(rule))
    for wrong in wrong_utf8(5, proves5="1.5.7-1"):
        yield wrong.way, "name, " + wrong.what, wrong.data + value, wrong.answer, wrong.proves5
        yield wrong.way, "value, " + wrong.what, name + wrong.data, wrong.answer, wrong.proves5
    yield "property length", "a name without a value", name, MALFORMED, ""
    yield "property length", "half of the value's length", name + b"\0", MALFORMED, ""
    for length in (len(value) - 1, 0xFFFF):
        yield "property length", f"a value of {length} bytes", name + mqtt.u16(length) + value[2:], MALFORMED, ""
    yield "property length", "a name that takes the value along", mqtt.u16(0xFFFF) + name[2:] + value, MALFORMED, ""


WRONG_VALUES = {"byte": _wrong_number, "u16": _wrong_number, "u32": _wrong_number, "varint": _wrong_number,
                "string": _wrong_string, "binary": _wrong_binary, "pair": _wrong_pair}


# ---- what a whole packet can have wrong ----

def wrong_fields(description):
    for number, field in enumerate(description.fields):
        for wrong in ways(field, Place(description, number)):
            data = wrong.data if wrong.is_packet else description.build({number: wrong.data})
            yield wrong.way, f"{field.name}: {wrong.what}", data, wrong.answer, wrong.proves3, wrong.proves5


_FLAG_STATEMENTS = {rules.PUBREL: "3.6.1-1", rules.SUBSCRIBE: "3.8.1-1", rules.UNSUBSCRIBE: "3.10.1-1",
                    rules.DISCONNECT: "3.14.1-1", rules.AUTH: "3.15.1-1"}


def wrong_flags(description):
    """The lower half of the first byte. 3.1 has a meaning for none of it but QoS, and so forbids nothing else."""
    chapter = _FLAG_STATEMENTS.get(description.type, "")
    for flags in range(16):
        qos = flags >> 1 & 3
        if description.type == rules.PUBLISH:
            if qos == 3:
                yield "flags", f"{flags:#03x}, QoS 3", description.build(flags=flags), MALFORMED, "3.3.1-4", "3.3.1-4"
            elif flags & 8 and qos == 0 and description.flags == 0 and description.version > 3:
                yield "flags", f"{flags:#03x}, DUP", description.build(flags=flags), EITHER_MALFORMED, "3.3.1-2", "3.3.1-2"
        elif flags != description.flags and (description.version > 3 or (description.flags == 2 and qos != 1)):
            yield ("flags", f"{flags:#03x}", description.build(flags=flags), MALFORMED, f"2.2.2-1 2.2.2-2 {chapter}",
                   f"2.1.3-1 {chapter}")


def wrong_remaining_lengths(description):
    packet, body = description.build(), description.body()
    for size, length in longer_forms(len(body)) if description.version >= 5 else ():
        yield "remaining length", f"in {size} bytes", packet[:1] + length + body, MALFORMED, "", "1.5.5-1"
    answer = Answer((SILENCE, MALFORMED_PACKET)) if description.type == rules.CONNECT else MALFORMED
    for what, length in ENDLESS.items():
        yield "remaining length", f"of {what}", packet[:1] + length + body, answer, "", "1.5.5-1"


_NO_FILTERS = {rules.SUBSCRIBE: ("3.8.3-3", "3.8.3-2"), rules.UNSUBSCRIBE: ("3.10.3-2", "3.10.3-2")}


def wrong_ends(description):
    """The body cut at each byte, with a remaining length to suit; and bytes behind its last field."""
    body, offsets, ends = description.body(), description.offsets(), description.valid_ends()
    first = mqtt.frame(description.type, description.flags, b"")[:1]
    begin_of_filters = next((offsets[number] for number, each in enumerate(description.fields)
                             if isinstance(each, described.TopicFilter)), None)
    for length in sorted(set(range(len(body))) - ends):
        answer, proves = MALFORMED, ("", "")
        if length == begin_of_filters:
            answer, proves = PROTOCOL, _NO_FILTERS[description.type]
            if description.version == 3:
                continue
        elif description.type == rules.CONNECT and length < offsets[2]:
            answer = UNKNOWN_VERSION
        yield "truncated", f"after {length} of {len(body)} bytes", first + mqtt.varint(length) + body[:length], answer, *proves
    is_open = bool(description.fields) and isinstance(description.fields[-1], described.Rest)
    for more in (b"\0", b"\0\0", b"x" * 200) if description.version > 3 and not is_open else ():
        yield "bytes too many", f"{len(more)}", mqtt.frame(description.type, description.flags, body + more), trailing(
            description, more), "", ""


def trailing(description, more):
    """A list of filters takes further bytes for a further filter: of these the second kind is one, and empty."""
    return FILTER if description.type == rules.UNSUBSCRIBE and more == b"\0\0" else MALFORMED


def wrong_alone(description):
    """What only makes sense for one packet."""
    if description.type == rules.SUBSCRIBE and description.version >= 5:
        for share in ("$share/group/wrong", "$share/group/#"):
            for options in (4, 5, 6, 0x0C, 0x24):
                changed = {number: data for number, each in enumerate(description.fields)
                           for data in ([mqtt.string(share)] if each.name == "filter 1" else
                                        [bytes([options])] if each.name == "options 1" else [])}
                yield ("subscription options", f"{options:#04x}, no local on {share}", description.build(changed), PROTOCOL, "",
                       "3.8.3-4")


def cases_of(description):
    is_connect = description.type == rules.CONNECT
    for source in (wrong_fields, wrong_flags, wrong_remaining_lengths, wrong_ends, wrong_alone):
        for way, what, data, answer, proves3, proves5 in source(description):
            proves = f"4.13.1-1 {proves5}" if description.version >= 5 else f"4.8.0-1 {proves3}"
            yield Case(description.name, way, what, data, description.version, answer, is_connect,
                       proves + (" 3.1.4-1" if is_connect else ""))


@functools.lru_cache(maxsize=None)
def cases(version):
    """Every wrong packet of a version: {(packet, way): [Case, ...]}"""
    found = collections.defaultdict(list)
    for description in described.descriptions(version):
        for case in cases_of(description):
            found[case.packet, case.way].append(case)
    for name, data in described.packets_of_brokers(version):
        found[name, "not for a client to send"].append(
            Case(name, "not for a client to send", "", data, version, EITHER_PROTOCOL, False,
                 "4.13.1-1" if version >= 5 else "4.8.0-1"))
    return dict(found)


if __name__ == "__main__":
    for number, name in described.VERSIONS.items():
        groups = cases(number)
        print(f"MQTT {name}: {sum(map(len, groups.values()))} wrong packets in {len(groups)} groups")
        by_way = collections.Counter()
        for (_, each_way), group in groups.items():
            by_way[each_way] += len(group)
        print("   ", ", ".join(f"{each_way} {count}" for each_way, count in sorted(by_way.items())))
