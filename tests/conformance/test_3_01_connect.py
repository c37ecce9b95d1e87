"""CONNECT: its format, who may connect, and what follows from being turned down (MQTT 3.1.1 and 5.0, 3.1). Sessions, wills,
and what a client can ask for are in the other files of this chapter."""

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.client import lasting, unique
from harness.plugins import compile_plugin
from harness.settings import LIMIT
from harness.statements import proves

FROM_3_1_1 = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"], indirect=True)
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read_to_the_end(client):
    """All bytes up to the end of the connection, whatever they mean."""
    data = b""
    client.socket.settimeout(LIMIT)
    try:
        while chunk := client.socket.recv(1000):
            data += chunk
    except ConnectionResetError:
        pass
    return data


# ---- 3.1.0: CONNECT comes first, and once ----

FIRST_PACKETS = {
    "PUBLISH": mqtt.publish("a", b"b", version=4),
    "PUBLISH with QoS 1": mqtt.publish("a", b"b", 1, packet_identifier=1, version=4),
    "PUBACK": mqtt.puback(1),
    "PUBREC": mqtt.pubrec(1),
    "PUBREL": mqtt.pubrel(1),
    "PUBCOMP": mqtt.pubcomp(1),
    "SUBSCRIBE": mqtt.subscribe(1, [("a", 0)], 4),
    "UNSUBSCRIBE": mqtt.unsubscribe(1, ["a"], 4),
    "PINGREQ": mqtt.pingreq(),
    "DISCONNECT": mqtt.disconnect(4),
    "AUTH": mqtt.auth(0x18, {"authentication_method": "m"}),
    "CONNACK": b"\x20\x02\x00\x00",
    "nothing that is MQTT": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@proves(v3="3.1.0-1", v5="3.1.0-1")
@pytest.mark.parametrize("first", FIRST_PACKETS.values(), ids=FIRST_PACKETS)
def test_a_first_packet_other_than_connect_ends_the_connection(broker, topic, first):
    """And nothing that comes behind it is served, CONNECT neither."""
    watcher = broker.connect()
    watcher.subscribe(topic)
    client = broker.open(4)
    client.send(first, mqtt.connect(unique(), 4), mqtt.publish(topic, b"no", version=4))
    client.expect_closed()
    watcher.expect_nothing(watcher)


@proves(v3="3.1.0-2", v5="3.1.0-2")
def test_a_second_connect_is_a_protocol_error(broker, version):
    """Of the same client as well as of another one."""
    for name in (None, unique()):
        client = broker.connect(version=version)
        client.send(mqtt.connect(name or client.client_identifier, version=version))
        client.expect_end(0x82)


@proves(v3="3.1.0-2", v5="3.1.0-2")
def test_a_second_connect_in_the_same_write_is_a_protocol_error(broker, version):
    client = broker.open(version)
    client.send(2 * mqtt.connect(unique(), version))
    client.expect(mqtt.CONNACK, reason=0)
    client.expect_end(0x82)


# ---- 3.1.2: protocol name, version and flags ----

@proves(v3="3.1.2-1", v5="3.1.2-1")
@pytest.mark.parametrize("name", ["MQTT ", "mqtt", "MQIsdq", "MQTTT", "MQT", "", "\ufeffMQTT"])
@FROM_3_1_1
def test_an_unknown_protocol_name_is_refused(broker, version, name):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, protocol_name=name))
    answer = read_to_the_end(client)
    assert answer == b"" or answer[:1] == b"\x20" and answer[3] in (0x01, 0x84), answer


@proves(v3="3.1.2-2", v5="3.1.2-2")
@pytest.mark.parametrize("level", [0, 1, 2, 3])
@FROM_3_1_1
def test_an_older_protocol_version_is_answered_and_refused(broker, version, level):
    """3 goes with another protocol name."""
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, level=level))
    assert read_to_the_end(client) == b"\x20\x02\x00\x01"


@proves(v3="3.1.2-2", v5="3.1.2-2")
@pytest.mark.parametrize("level", [6, 0x7F, 0xFF])
@FROM_3_1_1
def test_a_newer_protocol_version_is_answered_and_refused(broker, version, level):
    """In the words of 3.1.1, or those of 5.0 to a client that must know them."""
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, level=level))
    assert read_to_the_end(client) in (b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00")


@proves(v3="3.1.2-3 3.1.4-1", v5="3.1.2-3 3.1.4-1")
@FROM_3_1_1
def test_the_reserved_flag_must_be_0(broker, version):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, flags=0x03))
    client.expect_refusal({0x81, 0x82})


CONTRADICTIONS = {
    "will QoS 1 without a will": (0x0A, "3.1.2-11 3.1.2-13", "3.1.2-11"),
    "will QoS 2 without a will": (0x12, "3.1.2-11 3.1.2-13", "3.1.2-11"),
    "will retain without a will": (0x22, "3.1.2-11 3.1.2-15", "3.1.2-13"),
}


@pytest.mark.parametrize("flags", [pytest.param(flags, marks=proves(v3=v3, v5=v5), id=name)
                                   for name, (flags, v3, v5) in CONTRADICTIONS.items()])
@FROM_3_1_1
def test_flags_that_contradict_each_other_are_malformed(broker, version, flags):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, flags=flags))
    client.expect_refusal({0x81, 0x82})


@proves(v3="3.1.2-14", v5="3.1.2-12")
def test_a_will_with_qos_3_is_malformed(broker, version):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, will=mqtt.Will("a", qos=3)))
    client.expect_refusal({0x81, 0x82, 0x9B})


def connect_with(version, flags, *fields):
    """CONNECT with these flags and, behind the client identifier, these fields."""
    whole = mqtt.connect(unique(), version, flags=flags)
    return mqtt.frame(mqtt.CONNECT, 0, whole[2:] + b"".join(fields))


ONE, TWO = mqtt.string("one"), mqtt.string("two")
FIELDS = {
    "a user name without its flag": (0x02, [ONE], "3.1.2-18", "3.1.2-16"),
    "no user name with its flag": (0x82, [], "3.1.2-19", "3.1.2-17"),
    "a password without its flag": (0x82, [ONE, TWO], "3.1.2-20", "3.1.2-18"),
    "no password with its flag": (0xC2, [ONE], "3.1.2-21", "3.1.2-19"),
}


@pytest.mark.parametrize("flags, fields", [pytest.param(flags, fields, marks=proves(v3=v3, v5=v5), id=name)
                                           for name, (flags, fields, v3, v5) in FIELDS.items()])
@FROM_3_1_1
def test_flags_and_fields_must_agree(broker, version, flags, fields):
    client = broker.open(version)
    client.send(connect_with(version, flags, *fields))
    client.expect_refusal({0x81, 0x82})


@proves(v3="3.1.2-19 3.1.2-21", v5="3.1.2-17 3.1.2-19")
def test_user_name_and_password_are_accepted_where_nobody_checks_them(broker, version):
    for fields in ({"username": "shop"}, {"username": "shop", "password": b"\x00\xff"}, {"username": "", "password": b""}):
        broker.connect(version=version, **fields).ping()


@proves(v3="3.1.2-22")
@FROM_3_1_1
def test_a_password_without_a_user_name_is_allowed_in_5_0_only(broker, version):
    client = broker.open(version)
    client.send(mqtt.connect(unique(), version, password=b"secret"))
    if version == 5:
        client.expect(mqtt.CONNACK, reason=0)
    else:
        client.expect_refusal()


# ---- 3.1.3: the payload ----

@proves(v3="3.1.3-1 3.1.3-3", v5="3.1.3-1 3.1.3-3")
def test_the_fields_of_the_payload_come_in_their_order(broker, version, topic):
    """With all of them there, the first names the client, and the next are its will."""
    watcher = broker.connect()
    watcher.subscribe((topic, 1))
    properties = {"content_type": "first"} if version == 5 else {}
    will = mqtt.Will(topic, b"second", 1, properties=properties)
    client = broker.connect(version=version, will=will, username="third", password=b"fourth")
    successor = broker.connect(client.client_identifier, version=version)
    client.expect_end(0x8E)
    watcher.expect_publish(topic, b"second", 1, content_type=properties.get("content_type"))
    successor.ping()


@proves(v3="3.1.3-1 3.1.4-1", v5="3.1.3-1 3.1.4-1")
@FROM_3_1_1
def test_fields_of_the_will_in_another_order_are_not_taken(broker, version):
    """The payload in front of the topic: where the topic should be there is what can't be one."""
    client = broker.open(version)
    properties = mqtt.property_block({}) if version == 5 else b""
    client.send(connect_with(version, 0x06, properties, mqtt.binary(b"\x00\xff"), mqtt.string("topic")))
    client.expect_refusal({0x81, 0x82, 0x90})


@proves(v3="3.1.3-3 3.1.4-1", v5="3.1.3-3 3.1.4-1")
def test_a_connect_without_a_client_identifier_is_malformed(broker, version):
    """Without the field: an empty one is another matter."""
    client = broker.open(version)
    client.send(mqtt.frame(mqtt.CONNECT, 0, mqtt.connect("", version)[2:-2]))
    client.expect_refusal({0x81, 0x82})


@proves(v3="3.1.3-2", v5="3.1.3-2")
def test_the_client_identifier_names_the_session(broker, version, topic):
    """Character by character, and in upper and lower case."""
    base = unique()
    names = [base + ".A", base + ".a", base + ".A "]
    for name in names:
        client = broker.connect(name, version=version, **lasting(version))
        client.subscribe((f"{topic}/{names.index(name)}", 1))
        client.disconnect()
    publisher = broker.connect()
    for number in range(3):
        publisher.publish(f"{topic}/{number}", b"x", 1)
    for name in (base, base + ".", base + ".A\ufeff", base + ".A."):
        stranger = broker.connect(name, version=version, **lasting(version))
        assert stranger.connack.session_present is False
    for number, name in enumerate(names):
        client = broker.connect(name, version=version, **lasting(version))
        client.expect_publish(f"{topic}/{number}", b"x", 1)
        client.expect_nothing(publisher)


@proves(v3="3.1.3-5", v5="3.1.3-5")
def test_client_identifiers_of_1_to_23_letters_and_digits_are_allowed(broker, version):
    """Each length, and each character."""
    turned = [LETTERS[each:] + LETTERS[:each] for each in range(0, len(LETTERS), 3)]
    for name in [each[:length + 1] for length, each in enumerate((2 * turned)[:23])] + list(LETTERS):
        client = broker.connect(name, version=version)
        client.ping()
        client.disconnect()


@proves(v3="3.1.3-4", v5="3.1.3-4")
def test_a_client_identifier_may_be_in_any_script(broker, version):
    broker.connect(unique("жук-蟲-\U00010000"), version=version).ping()


@proves(v5="3.1.3-6 3.1.3-7 3.2.2-16")
def test_an_empty_client_identifier_is_replaced_and_told(broker):
    clients = [broker.connect("") for _ in range(10)]
    names = [client.connack.get("assigned_client_identifier") for client in clients]
    assert all(names) and len(set(names)) == len(names)

    # It is a name like any other.
    successor = broker.connect(names[0])
    clients[0].expect_end(0x8E)
    assert successor.connack.get("assigned_client_identifier") is None
    for client in [successor, *clients[1:]]:
        client.ping()


@proves(v5="3.1.3-7 3.1.2-23 3.2.2-16")
def test_an_empty_client_identifier_may_ask_for_a_session(broker, topic):
    client = broker.connect("", clean=False, properties={"session_expiry_interval": 60})
    client.subscribe((topic, 1))
    assigned = client.connack.get("assigned_client_identifier")
    client.disconnect()
    other = broker.connect("", clean=False, properties={"session_expiry_interval": 60})
    assert other.connack.session_present is False and other.connack.get("assigned_client_identifier") != assigned
    other.publish(topic, b"kept", 1)
    again = broker.connect(assigned, clean=False)
    assert again.connack.session_present
    again.expect_publish(topic, b"kept", 1)


@proves(v3="3.1.3-6")
@pytest.mark.parametrize("version", [4], ids=["3.1.1"], indirect=True)
def test_clients_without_an_identifier_are_clients_of_their_own(broker, version, topic):
    clients = [broker.connect("", version=version) for _ in range(10)]
    for number, client in enumerate(clients):
        client.subscribe(f"{topic}/{number}")
    for number, client in enumerate(clients):
        clients[0].publish(f"{topic}/{number}", b"x")
        client.expect_publish(f"{topic}/{number}", b"x")
        client.expect_nothing(clients[0])


@proves(v3="3.1.3-7 3.1.3-8 3.2.2-4 3.2.2-5")
@pytest.mark.parametrize("version", [4], ids=["3.1.1"], indirect=True)
def test_an_empty_client_identifier_needs_a_clean_session_in_3_1_1(broker, version):
    refused = broker.open(version)
    refused.send(mqtt.connect("", version, clean=False))
    refused.expect_refusal(return_code=2)


REFUSING = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("doorman", "1.0.0");

/* Turns a client down for the reason that is its password's only byte. */
static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    gmq_view password;
    if (!gmq_connect_password(packet, &password) || password.length != 1)
        return GMQ_NEXT;
    return gmq_reject(call, (gmq_reason)(unsigned char)password.data[0], NULL);
}
GMQ_HANDLER(CONNECT, on_connect);
"""
OURS = pytest.mark.ours("only a plugin can turn down what the broker would take")


@pytest.fixture(scope="module")
def doorman_plugin(tmp_path_factory):
    return compile_plugin(tmp_path_factory.mktemp("doorman") / "doorman.so", REFUSING)


@pytest.fixture
def doorman(start_broker, doorman_plugin):
    """A broker that turns a client down for the reason that is its password's only byte."""
    return start_broker(plugins={**standard_config()["plugins"], "doorman": {"path": str(doorman_plugin)}},
                        routes={"CONNECT": ["doorman:on_connect", "broker:on_connect"]})


def turn_down(broker, version, reason, name=None, more=(), **fields):
    client = broker.open(version)
    client.send(mqtt.connect(name or unique(), version, username="u", password=bytes([reason]), **fields), *more)
    return client


@proves(v3="3.1.3-9 3.2.2-4 3.2.2-5", v5="3.1.3-8 3.2.2-7")
@OURS
def test_a_client_identifier_that_is_turned_down_is_told(doorman, version):
    turn_down(doorman, version, 0x85).expect_refusal({0x85}, return_code=2)
    doorman.connect(version=version).ping()


# ---- 3.1.4: what is done with it ----

@proves(v3="3.1.4-1 3.2.2-6", v5="3.1.4-1")
@FROM_3_1_1
def test_every_connect_that_ends_too_early_is_refused(broker, version):
    """Each prefix of a whole CONNECT's body, with a remaining length that says so. 3.1.1 knows no return code for it."""
    properties = {"receive_maximum": 10, "user_property": ("a", "b")} if version == 5 else None
    will = mqtt.Will("w", b"gone", properties={"will_delay_interval": 1} if version == 5 else {})
    body = mqtt.connect("id", version, will=will, username="u", password=b"p", properties=properties)[2:]
    for length in range(len(body)):
        client = broker.open(version)
        client.send(mqtt.frame(mqtt.CONNECT, 0, body[:length]))
        client.expect_refusal({0x81, 0x82, 0x84})
        client.close()


@proves(v3="3.1.4-1 3.2.2-6", v5="3.1.4-1")
def test_bytes_behind_the_last_field_are_malformed(broker, version):
    whole = mqtt.connect(unique(), version)
    client = broker.open(version)
    client.send(mqtt.frame(mqtt.CONNECT, 0, whole[2:] + b"abc"))
    client.expect_refusal({0x81, 0x82})


WRONG_PROPERTIES = {
    "receive maximum 0": ([("receive_maximum", 0)], {0x82}),
    "maximum packet size 0": ([("maximum_packet_size", 0)], {0x82}),
    "session expiry interval twice": ([("session_expiry_interval", 1), ("session_expiry_interval", 1)], {0x82}),
    "receive maximum twice": ([("receive_maximum", 1), ("receive_maximum", 1)], {0x82}),
    "maximum packet size twice": ([("maximum_packet_size", 100), ("maximum_packet_size", 100)], {0x82}),
    "topic alias maximum twice": ([("topic_alias_maximum", 1), ("topic_alias_maximum", 1)], {0x82}),
    "request problem information twice": ([("request_problem_information", 1), ("request_problem_information", 1)], {0x82}),
    "request response information twice": ([("request_response_information", 1), ("request_response_information", 1)], {0x82}),
    "authentication method twice": ([("authentication_method", "m"), ("authentication_method", "m")], {0x82}),
    "authentication data without a method": ([("authentication_data", b"x")], {0x82}),
    "request problem information 2": ([("request_problem_information", 2)], {0x82}),
    "request response information 2": ([("request_response_information", 2)], {0x82}),
    "a property of PUBLISH": ([("topic_alias", 1)], {0x81}),
    "a property of CONNACK": ([("server_keep_alive", 1)], {0x81}),
    "an unknown property": ([(0x7E, b"\x00")], {0x81}),
}


@proves(v5="3.1.4-1")
@pytest.mark.parametrize("properties, reasons", WRONG_PROPERTIES.values(), ids=WRONG_PROPERTIES)
def test_wrong_properties_of_connect_are_refused(broker, properties, reasons):
    client = broker.open()
    client.send(mqtt.connect(unique(), properties=properties))
    client.expect_refusal(reasons)


@proves(v5="3.1.4-2")
def test_an_authentication_method_that_nobody_knows_is_refused(broker):
    client = broker.open()
    client.send(mqtt.connect(unique(), properties={"authentication_method": "nobody's"}))
    client.expect_refusal({0x8C, 0x87})


@proves(v3="3.2.2-4 3.2.2-5", v5="3.1.4-2 3.2.2-6 3.2.2-7 3.2.2-8")
@OURS
@pytest.mark.parametrize("reason, return_code", [(0x84, 1), (0x88, 3), (0x97, 3), (0x86, 4), (0x87, 5), (0x8A, 5)])
def test_a_client_that_fails_a_check_is_told_and_closed(doorman, version, reason, return_code):
    """One with a session too: that this is there is not told."""
    name = unique()
    doorman.connect(name, version=version, **lasting(version)).disconnect()
    turn_down(doorman, version, reason, name, **lasting(version)).expect_refusal({reason}, return_code)
    again = doorman.connect(name, version=version, **lasting(version))
    assert again.connack.session_present is (version > 3), "being turned down must not cost a session"


@proves(v3="3.1.4-5", v5="3.1.4-6")
@OURS
def test_what_stands_behind_a_connect_that_was_turned_down_is_not_processed(doorman, version, topic):
    watcher = doorman.connect()
    watcher.subscribe((topic, 2))
    behind = [mqtt.publish(topic, b"no", version=version),
              mqtt.publish(topic, b"no", 1, packet_identifier=1, version=version),
              mqtt.publish(topic, b"no", 2, packet_identifier=2, version=version), mqtt.pubrel(2),
              mqtt.subscribe(3, [(topic, 0)], version), mqtt.pingreq(), mqtt.connect(unique(), version)]
    turn_down(doorman, version, 0x87, more=behind, will=mqtt.Will(topic, b"no")).expect_refusal({0x87}, 5)
    watcher.expect_nothing(watcher)


@proves(v3="3.1.4-5", v5="3.1.4-6")
@FROM_3_1_1
def test_what_stands_behind_a_refused_connect_is_not_processed(broker, version, topic):
    watcher, client = broker.connect(), broker.open(version)
    watcher.subscribe(topic)
    refused = (mqtt.connect(unique(), properties={"authentication_method": "nobody's"}) if version == 5
               else mqtt.connect("", version, clean=False))
    client.send(refused, mqtt.publish(topic, b"no", version=version), mqtt.pingreq())
    client.expect_refusal({0x8C, 0x87}, return_code=2)
    watcher.expect_nothing(watcher)


@proves(v3="3.1.4-4", v5="3.1.4-5")
def test_a_client_connects_and_is_answered(broker, version):
    for clean in (True, False):
        client = broker.open(version)
        client.send(mqtt.connect(unique(), version, clean=clean))
        client.expect(mqtt.CONNACK, reason=0)
        client.ping()


@proves(v3="3.1.4-4", v5="3.1.4-5")
def test_the_whole_day_of_a_client_fits_into_one_write(broker, version, topic):
    """A client need not wait for CONNACK: what follows CONNECT in the same segment is served after it."""
    for _ in range(8):
        client = broker.open(version)
        client.send(mqtt.connect(unique(), version), mqtt.subscribe(1, [(topic, 1)], version),
                    mqtt.publish(topic, b"hello", 1, packet_identifier=2, version=version), mqtt.pingreq())
        client.expect(mqtt.CONNACK, reason=0)
        client.take(mqtt.SUBACK)
        client.take(mqtt.PUBACK)
        assert client.take(mqtt.PUBLISH).payload == b"hello"
        client.take(mqtt.PINGRESP)
