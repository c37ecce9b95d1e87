"""Data representation (MQTT 3.1.1 and 5.0, 1.5): strings, pairs of strings, and variable byte integers."""

import contextlib

import pytest

from harness import packet as mqtt
from harness.acknowledgements import let_client_send
from harness.client import unique
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)

ILL_FORMED = [
    b"a\x80b",  # a continuation alone
    b"a\xe8\x9f",  # a sequence cut off
    b"a\xc0\xafb",  # longer than it has to be
    b"a\xed\xa0\x80b",  # the first surrogate
    b"a\xed\xbf\xbfb",  # the last one
    b"a\xf4\x90\x80\x80b",  # behind the last code point
    b"a\xffb",  # begins no sequence
]
ZERO = b"a\x00b"


def words(text):
    return {"reason_string": text}


# Where a client sends a string: place -> the packet that has this one there.
IN_CONNECT = {
    "client identifier": lambda version, text: mqtt.connect(text, version),
    "user name": lambda version, text: mqtt.connect(unique(), version, username=text, password=b"p"),
    "will topic": lambda version, text: mqtt.connect(unique(), version, will=mqtt.Will(text)),
}
IN_CONNECT_5 = {
    "authentication method": lambda text: mqtt.connect(unique(), properties={"authentication_method": text}),
    "content type of the will": lambda text: mqtt.connect(unique(), will=mqtt.Will("w", properties={"content_type": text})),
    "response topic of the will": lambda text: mqtt.connect(unique(), will=mqtt.Will("w", properties={"response_topic": text})),
}
AFTER_CONNECT = {
    "topic name with QoS 0": lambda version, text: mqtt.publish(text, b"x", 0, version=version),
    "topic name with QoS 1": lambda version, text: mqtt.publish(text, b"x", 1, packet_identifier=1, version=version),
    "topic name with QoS 2": lambda version, text: mqtt.publish(text, b"x", 2, packet_identifier=1, version=version),
    "filter of SUBSCRIBE": lambda version, text: mqtt.subscribe(1, [("good", 0), (text, 0)], version),
    "filter of UNSUBSCRIBE": lambda version, text: mqtt.unsubscribe(1, ["good", text], version),
}
AFTER_CONNECT_5 = {
    "response topic": lambda text: mqtt.publish("t", properties={"response_topic": text}),
    "content type": lambda text: mqtt.publish("t", properties={"content_type": text}),
    "reason string of DISCONNECT": lambda text: mqtt.disconnect(5, 0, words(text)),
    "method of AUTH": lambda text: mqtt.auth(0x19, {"authentication_method": text}),
}

# The same for a pair of strings.
PAIRS_IN_CONNECT = {
    "CONNECT": lambda pair: mqtt.connect(unique(), properties={"user_property": pair}),
    "the will": lambda pair: mqtt.connect(unique(), will=mqtt.Will("w", properties={"user_property": pair})),
}
PAIRS_AFTER_CONNECT = {
    "PUBLISH": lambda pair: mqtt.publish("t", properties={"user_property": pair}),
    "SUBSCRIBE": lambda pair: mqtt.subscribe(1, [("t", 0)], 5, {"user_property": pair}),
    "UNSUBSCRIBE": lambda pair: mqtt.unsubscribe(1, ["t"], 5, {"user_property": pair}),
    "DISCONNECT": lambda pair: mqtt.disconnect(5, 0, {"user_property": pair}),
}
ACKNOWLEDGEMENTS = pytest.mark.parametrize("kind", [mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP], ids=mqtt.NAMES.get)


def check_connect_is_refused(broker, version, packet):
    client = broker.open(version)
    client.send(packet)
    with naming(packet):
        client.expect_refusal({0x81, 0x85, 0x90})
    client.close()


def check_packet_is_refused(broker, version, packet):
    client = broker.connect(version=version)
    client.send(packet)
    with naming(packet):
        client.expect_end({0x81, 0x90})
    client.close()


@contextlib.contextmanager
def naming(packet):
    try:
        yield
    except AssertionError as failure:
        raise AssertionError(f"{packet!r}: {failure}") from None


# ---- strings ----

@proves(v3="1.5.3-1 3.1.3-4 3.1.3-10 3.1.3-11", v5="1.5.4-1 3.1.3-4 3.1.3-11 3.1.3-12")
@FROM_3_1_1
@pytest.mark.parametrize("place", IN_CONNECT)
def test_ill_formed_strings_in_connect_end_the_connection(broker, version, place):
    for text in ILL_FORMED:
        check_connect_is_refused(broker, version, IN_CONNECT[place](version, text))


@proves(v5="1.5.4-1")
@pytest.mark.parametrize("place", IN_CONNECT_5)
def test_ill_formed_strings_in_the_properties_of_connect_end_the_connection(broker, place):
    for text in ILL_FORMED:
        check_connect_is_refused(broker, 5, IN_CONNECT_5[place](text))


@proves(v3="1.5.3-1", v5="1.5.4-1")
@FROM_3_1_1
@pytest.mark.parametrize("place", AFTER_CONNECT)
def test_ill_formed_strings_end_the_connection(broker, version, place):
    for text in ILL_FORMED:
        check_packet_is_refused(broker, version, AFTER_CONNECT[place](version, text))


@proves(v5="1.5.4-1")
@pytest.mark.parametrize("place", AFTER_CONNECT_5)
def test_ill_formed_strings_in_properties_end_the_connection(broker, place):
    for text in ILL_FORMED:
        check_packet_is_refused(broker, 5, AFTER_CONNECT_5[place](text))


@proves(v5="1.5.4-1 1.5.4-2")
@ACKNOWLEDGEMENTS
def test_ill_formed_reason_strings_of_acknowledgements_end_the_connection(broker, topic, kind):
    for text in [*ILL_FORMED, ZERO]:
        client = broker.connect()
        client.send(mqtt.acknowledgement(kind, let_client_send(client, topic, kind), 0, words(text)))
        client.expect_end(0x81)
        client.close()


@proves(v3="1.5.3-2", v5="1.5.4-2")
@FROM_3_1_1
@pytest.mark.parametrize("place", IN_CONNECT)
def test_a_zero_in_a_string_of_connect_ends_the_connection(broker, version, place):
    check_connect_is_refused(broker, version, IN_CONNECT[place](version, ZERO))


@proves(v3="1.5.3-2", v5="1.5.4-2")
@FROM_3_1_1
@pytest.mark.parametrize("place", AFTER_CONNECT)
def test_a_zero_in_a_string_ends_the_connection(broker, version, place):
    check_packet_is_refused(broker, version, AFTER_CONNECT[place](version, ZERO))


@proves(v5="1.5.4-2")
@pytest.mark.parametrize("place", [*IN_CONNECT_5, *AFTER_CONNECT_5])
def test_a_zero_in_a_property_ends_the_connection(broker, place):
    if place in IN_CONNECT_5:
        check_connect_is_refused(broker, 5, IN_CONNECT_5[place](ZERO))
    else:
        check_packet_is_refused(broker, 5, AFTER_CONNECT_5[place](ZERO))


@proves(v3="1.5.3-1", v5="1.5.4-1")
@pytest.mark.parametrize("text", ["\u00df", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "жук 蟲"])
def test_well_formed_strings_are_taken_and_sent_as_they_are(broker, version, topic, text):
    """Those beside what is ill-formed among them."""
    name = f"{topic}/{text}"
    client = broker.connect(version=version, username=text, password=b"")
    client.subscribe((name, 2))
    for qos in (0, 1, 2):
        client.publish(name, text, qos)
        client.expect_publish(name, text.encode(), qos)


@proves(v3="1.5.3-3", v5="1.5.4-3")
@pytest.mark.parametrize("before, behind", [("\ufeff", ""), ("", "\ufeff"), ("a\ufeff", "b")], ids=["first", "last", "within"])
def test_a_zero_width_space_is_a_character_of_a_topic(broker, version, topic, before, behind):
    """Both ways, at each QoS: a filter without it doesn't match, and what comes still has it."""
    spaced, plain = broker.connect(version=version), broker.connect(version=version)
    name, without = before + topic + behind, (before + topic + behind).replace("\ufeff", "")
    spaced.subscribe((name, 2))
    plain.subscribe((without, 2))
    for qos in (0, 1, 2):
        spaced.publish(name, b"x", qos)
        spaced.expect_publish(name, b"x", qos)
    plain.expect_nothing(spaced)


@proves(v3="1.5.3-3", v5="1.5.4-3")
def test_a_zero_width_space_is_a_character_of_a_client_identifier(broker, version):
    name = unique()
    clients = [broker.connect(each, version=version) for each in (name, "\ufeff" + name, name + "\ufeff")]
    for client in clients:
        client.ping()  # it was not taken for another one's successor


@proves(v5="1.5.4-3")
def test_a_zero_width_space_is_a_character_of_properties(broker, topic):
    client = broker.connect()
    client.subscribe((topic, 1))
    properties = {"content_type": "\ufefftext", "response_topic": "\ufeffr", "user_property": ("\ufeffname", "\ufeff")}
    client.publish(topic, b"x", 1, properties=properties)
    client.expect_publish(topic, b"x", 1, **properties)


# ---- pairs of strings ----

@proves(v5="1.5.7-1")
@pytest.mark.parametrize("place", [*PAIRS_IN_CONNECT, *PAIRS_AFTER_CONNECT])
def test_both_strings_of_a_pair_are_checked(broker, place):
    for pair in [(text, b"value") for text in [*ILL_FORMED, ZERO]] + [(b"name", text) for text in [*ILL_FORMED, ZERO]]:
        if place in PAIRS_IN_CONNECT:
            check_connect_is_refused(broker, 5, PAIRS_IN_CONNECT[place](pair))
        else:
            check_packet_is_refused(broker, 5, PAIRS_AFTER_CONNECT[place](pair))


@proves(v5="1.5.7-1")
@ACKNOWLEDGEMENTS
def test_both_strings_of_a_pair_in_an_acknowledgement_are_checked(broker, topic, kind):
    for pair in ((b"a\xed\xa0\x80", b"value"), (b"name", b"a\xed\xa0\x80"), (ZERO, b"value"), (b"name", ZERO)):
        client = broker.connect()
        client.send(mqtt.acknowledgement(kind, let_client_send(client, topic, kind), 0, {"user_property": pair}))
        client.expect_end(0x81)
        client.close()


@proves(v5="1.5.7-1")
def test_a_pair_may_be_empty_or_in_any_script(broker, topic):
    client = broker.connect()
    client.subscribe((topic, 2))
    given = [("", ""), ("", "value"), ("name", ""), ("имя", "蟲\U00010000")]
    for qos in (0, 1, 2):
        client.publish(topic, b"x", qos, properties={"user_property": given})
        assert client.expect_publish(topic, b"x", qos).all("user_property") == given


# ---- variable byte integers ----

def longer(value):
    """The same value in one byte more than it needs."""
    least = mqtt.varint(value)
    return least[:-1] + bytes([least[-1] | 128, 0])


def with_long_property_length(packet_type, flags, start, properties, rest):
    return mqtt.frame(packet_type, flags, start + longer(len(properties)) + properties + rest)


CONNECT_START = mqtt.string("MQTT") + bytes([5, 2]) + mqtt.u16(60)
NEVER_SHORTEST = {
    "remaining length": b"\xc0" + longer(0),
    "property length of PUBLISH": with_long_property_length(mqtt.PUBLISH, 0, mqtt.string("t"), b"", b""),
    "property length of PUBLISH, not empty": with_long_property_length(
        mqtt.PUBLISH, 0, mqtt.string("t"), mqtt.property_bytes("payload_format_indicator", 0), b""),
    "property length of SUBSCRIBE": with_long_property_length(mqtt.SUBSCRIBE, 2, mqtt.u16(1), b"", mqtt.string("t") + b"\0"),
    "property length of UNSUBSCRIBE": with_long_property_length(mqtt.UNSUBSCRIBE, 2, mqtt.u16(1), b"", mqtt.string("t")),
    "property length of PUBREL": with_long_property_length(mqtt.PUBREL, 2, mqtt.u16(1) + b"\0", b"", b""),
    "property length of DISCONNECT": with_long_property_length(mqtt.DISCONNECT, 0, b"\0", b"", b""),
    "subscription identifier": mqtt.frame(
        mqtt.SUBSCRIBE, 2, mqtt.u16(1) + bytes([3, 0x0B]) + longer(1) + mqtt.string("t") + b"\0"),
}


@proves(v5="1.5.5-1")
@pytest.mark.parametrize("place", NEVER_SHORTEST)
def test_an_integer_in_more_bytes_than_it_needs_is_malformed(broker, place):
    check_packet_is_refused(broker, 5, NEVER_SHORTEST[place])


@proves(v5="1.5.5-1")
@pytest.mark.parametrize("where", ["remaining length", "property length", "property length of the will"])
def test_an_integer_in_more_bytes_than_it_needs_is_malformed_in_connect(broker, where):
    name = mqtt.string(unique())
    if where == "property length":
        packet = with_long_property_length(mqtt.CONNECT, 0, CONNECT_START, b"", name)
    elif where == "remaining length":
        body = mqtt.connect(unique())[2:]
        packet = b"\x10" + longer(len(body)) + body
    else:
        start = CONNECT_START[:7] + bytes([6]) + CONNECT_START[8:] + b"\0" + name
        packet = with_long_property_length(mqtt.CONNECT, 0, start, b"", mqtt.string("w") + mqtt.binary(b""))
    check_connect_is_refused(broker, 5, packet)


BORDERS = [127, 128, 16383, 16384, 2097151, 2097152]


@proves(v5="1.5.5-1")
@pytest.mark.parametrize("value", [1, *BORDERS, 268435455])
def test_the_broker_sends_a_subscription_identifier_in_as_few_bytes_as_it_needs(broker, topic, value):
    """The harness refuses an integer that is longer; the packet's size shows it once more."""
    client = broker.connect()
    client.subscribe((topic, 0), properties={"subscription_identifier": value})
    client.publish(topic)
    packet = client.expect_publish(topic, subscription_identifier=value)
    assert packet.size == 2 + len(mqtt.string(topic)) + 1 + 1 + len(mqtt.varint(value)), packet


@proves(v5="1.5.5-1")
@pytest.mark.parametrize("length", BORDERS[:4])
def test_the_broker_sends_lengths_in_as_few_bytes_as_they_need(broker, topic, length):
    """Both of them: the properties' length is at the border, then the packet's."""
    client = broker.connect()
    client.subscribe(topic)
    pair = ("n", "v" * (length - len(mqtt.property_bytes("user_property", ("n", "")))))
    client.publish(topic, properties={"user_property": pair})
    packet = client.expect_publish(topic, user_property=pair)
    body = len(mqtt.string(topic)) + len(mqtt.varint(length)) + length
    assert packet.size == 1 + len(mqtt.varint(body)) + body, packet

    payload = b"x" * (length - len(mqtt.string(topic)) - 1)
    client.publish(topic, payload)
    assert client.expect_publish(topic, payload).size == 1 + len(mqtt.varint(length)) + length
