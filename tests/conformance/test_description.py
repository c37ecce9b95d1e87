"""What the wrong packets are made from, held against the broker's own tables: a packet, property or reason code that is added in one
place alone fails here."""

import re

import pytest

from harness import packet as mqtt
from harness import rules, settings
from harness.description import Properties, ReasonCode, VERSIONS, descriptions, packets_of_brokers
from harness.rules import NAMES, WILL

TABLES = settings.REPOSITORY / "core" / "mqtt"
NUMBERS = {name: number for number, name in NAMES.items()}


def rows(file, macro):
    """The columns of each row of a table; commas in strings and brackets don't divide."""
    text = re.sub(r"/\*.*?\*/", "", (TABLES / file).read_text(), flags=re.DOTALL)
    for match in re.finditer(rf"^{macro}\(((?:[^()\"]|\([^()]*\)|\"[^\"]*\")*)\)", text, re.MULTILINE):
        yield [each.strip() for each in re.findall(r"(?:[^,()\"]|\([^()]*\)|\"[^\"]*\")+", match[1])]


def places(column):
    return {NUMBERS[name] for name in re.findall(r"IN\((\w+)\)", column)} | ({WILL} if "WILL" in column else set())


def test_the_packets_are_the_same():
    table = {int(number): (name, flags, sender) for number, name, _, flags, sender in rows("packets.def", "PACKET")}
    assert table.keys() == set(range(1, 16))
    for number, (name, flags, sender) in table.items():
        assert NAMES[number] == name
        assert (number in rules.CLIENT_PACKETS) == (sender in ("CLIENT", "BOTH")), name
        assert (number in rules.BROKER_PACKETS) == (sender in ("BROKER", "BOTH")), name
        for description in descriptions(5):
            if description.type == number and int(flags, 0) >= 0:
                assert description.flags == int(flags, 0), name


def test_the_properties_are_the_same():
    kinds = {"BYTE": "byte", "U16": "u16", "U32": "u32", "VARINT": "varint", "STRING": "string", "BINARY": "binary", "PAIR": "pair"}
    limits = {"UINT32_MAX": rules.U32}
    theirs = {int(identifier, 0): (name.lower(), kinds[kind], places(where), may_repeat == "1",
                                   *(limits[each] if each in limits else int(each, 0) for each in bounds))
              for identifier, name, kind, where, may_repeat, *bounds in rows("properties.def", "PROPERTY")}
    ours = {each.identifier: (each.name, each.kind, set(each.client | each.broker), each.may_repeat, each.least, each.most)
            for each in rules.PROPERTY_TABLE}
    assert ours == theirs


def test_the_reason_codes_are_the_same():
    theirs = {int(code, 0): (places(where) - {WILL}, "LEAVING" in where) for code, _, where, _ in rows("reasons.def", "REASON")}
    ours = {code: (set(client) | set(broker), rules.DISCONNECT in client) for code, (client, broker) in rules.REASON_TABLE.items()}
    assert ours == theirs


@pytest.mark.parametrize("version", VERSIONS, ids=VERSIONS.get)
def test_every_packet_of_a_version_is_described(version):
    described = {each.type for each in descriptions(version)}
    assert described == rules.CLIENT_PACKETS - (set() if version >= 5 else {rules.AUTH})
    foreign = {data[0] >> 4 for _, data in packets_of_brokers(version)}
    assert described | foreign == set(range(16)), "what a client may not send is what is left"


def test_every_place_for_properties_and_reasons_is_described():
    """And holds each property that may stand there; authentication comes only where it must."""
    blocks = {field.place: {name for name, _ in mqtt.pairs(field.value)} for description in descriptions(5)
              for field in description.fields if isinstance(field, Properties)}
    for place in NAMES:
        allowed = {each.name for each in rules.properties_of(place, "client")}
        assert allowed == set() or allowed - blocks[place] <= {"authentication_method", "authentication_data"}, NAMES[place]
    with_reason = {description.type for description in descriptions(5) for field in description.fields
                   if isinstance(field, ReasonCode)}
    assert with_reason == {place for _, (client, _) in rules.REASON_TABLE.items() for place in client}


def test_the_rows_are_read_to_the_last():
    """The reading of the tables here has no grasp of C: a row that it passes over would not be compared."""
    for file, macro in (("packets.def", "PACKET"), ("properties.def", "PROPERTY"), ("reasons.def", "REASON")):
        assert len(list(rows(file, macro))) == len(re.findall(rf"^{macro}\(", (TABLES / file).read_text(), re.MULTILINE)), file
