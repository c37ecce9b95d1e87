"""Everything that a client lets its user say in CONNECT, said at once: does the broker see it as it was meant?"""

import pytest

import real
from harness import rules
from harness.broker import new_broker, standard_config
from harness.client import unique
from harness.fixtures import lend
from harness.plugins import compile_plugin

# What CONNECT says is decoded on the worker that accepted it, and its session is another's three times in four.
pytestmark = [pytest.mark.ours("a plugin tells what has arrived"),
              pytest.mark.parametrize("workers", [4], ids=["4workers"], indirect=True, scope="session")]

IN_CONNECT = {each.name: each for each in rules.PROPERTY_TABLE if {rules.CONNECT, rules.WILL} & each.client}

# It writes what it sees into the log, a line each: "saw CLIENT FIELD VALUE", binary data and texts as hexadecimal. Last it
# takes the authentication method away, which the standard plugin would refuse.
WITNESS = """
#include <graftmq/plugin.h>
#include <stdio.h>
GMQ_PLUGIN("witness", "1.0.0");

static const gmq_property properties[] = {%s};

static gmq_view name;

static void saw_number(gmq_call *call, const char *field, unsigned value)
{
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "saw %%.*s %%s %%u", (int)name.length, name.data, field, value);
}

static void saw_text(gmq_call *call, const char *field, gmq_view value)
{
    char hex[512] = "";
    for (size_t at = 0; at < value.length && at < 255; at++)
        sprintf(hex + 2 * at, "%%02x", (unsigned char)value.data[at]);
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "saw %%.*s %%s x%%s", (int)name.length, name.data, field, hex);
}

static void saw_properties(gmq_call *call, const char *prefix, const gmq_packet *packet)
{
    char field[16];
    uint32_t number;
    gmq_view text, value;
    for (size_t at = 0; at < sizeof properties / sizeof properties[0]; at++) {
        sprintf(field, "%%s%%u", prefix, (unsigned)properties[at]);
        if (gmq_packet_number(packet, properties[at], &number))
            saw_number(call, field, number);
        else if (gmq_packet_text(packet, properties[at], &text))
            saw_text(call, field, text);
    }
    for (size_t at = 0; gmq_packet_user_property(packet, at, &text, &value); at++) {
        sprintf(field, "%%suser", prefix);
        saw_text(call, field, text);
        saw_text(call, field, value);
    }
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    gmq_view text;
    name = gmq_connect_client_identifier(packet);
    saw_number(call, "version", gmq_connect_protocol_version(packet));
    saw_number(call, "clean", gmq_connect_is_clean_start(packet));
    saw_number(call, "keep_alive", gmq_connect_keep_alive(packet));
    if (gmq_connect_user_name(packet, &text))
        saw_text(call, "user_name", text);
    if (gmq_connect_password(packet, &text))
        saw_text(call, "password", text);
    saw_properties(call, "", GMQ_PACKET(packet));
    gmq_publish *will = gmq_connect_will(packet);
    if (will != NULL) {
        saw_text(call, "will_topic", gmq_publish_topic(will));
        saw_text(call, "will_payload", gmq_publish_payload(will));
        saw_number(call, "will_qos", gmq_publish_qos(will));
        saw_number(call, "will_retain", gmq_publish_is_retained(will));
        saw_properties(call, "will_", GMQ_PACKET(will));
    }
    saw_number(call, "all", 1);
    gmq_packet_remove(GMQ_PACKET(packet), GMQ_PROPERTY_AUTHENTICATION_METHOD);
    gmq_packet_remove(GMQ_PACKET(packet), GMQ_PROPERTY_AUTHENTICATION_DATA);
    return GMQ_NEXT;
}
GMQ_HANDLER(CONNECT, on_connect);
""" % ", ".join(f"(gmq_property){each.identifier}" for each in IN_CONNECT.values() if each.kind != "pair")

# Paho's C library can't hold more than ten properties, which these are. MQTT.js has a list for each name of user properties,
# so those of one name are neighbours.
CONNECT_PROPERTIES = {
    "session_expiry_interval": 300, "receive_maximum": 7, "maximum_packet_size": 54321, "topic_alias_maximum": 3,
    "request_response_information": 1, "request_problem_information": 0, "authentication_method": "witnessed",
    "authentication_data": b"abc", "user_property": [("b", "1"), ("a", "2")],
}
WILL_PROPERTIES = {
    "will_delay_interval": 1, "payload_format_indicator": 1, "message_expiry_interval": 4321, "content_type": "text/plain",
    "response_topic": "reply/here", "correlation_data": b"xyz", "user_property": [("d", "4"), ("d", "5"), ("c", "6")],
}


@pytest.fixture
def witness(request, workers, shared_brokers, tmp_path_factory):
    def make():
        folder = tmp_path_factory.mktemp("witness")
        plugins = {**standard_config()["plugins"], "witness": {"path": str(compile_plugin(folder / "witness.so", WITNESS))}}
        routes = {"CONNECT": ["witness:on_connect", "broker:on_connect"]}
        return new_broker(folder, standard_config(workers, plugins=plugins, routes=routes)).start()
    yield from lend(request, shared_brokers, (__name__, workers), make)


def seen_by(broker, identifier):
    """The last CONNECT of the client: what was logged, by the standard's names."""
    broker.wait_for_log(f"saw {identifier} all 1")
    pairs = [line.split(f"saw {identifier} ")[1].split(" ") for line in broker.log().split("\n") if f"saw {identifier} " in line]
    fields, users = {}, {}
    for field, value in pairs[:-1]:
        prefix, _, number = field.rpartition("_") if field.startswith("will_") else ("", "", field)
        name = "_".join(filter(None, (prefix, real.NAMES[int(number)]))) if number.isdigit() else field
        value = bytes.fromhex(value[1:]) if value.startswith("x") else int(value)
        if number == "user":
            users.setdefault("_".join(filter(None, (prefix, "user_property"))), []).append(value)
        else:
            assert name not in fields, pairs
            fields[name] = value
    for name, flat in users.items():
        fields[name] = list(zip(flat[::2], flat[1::2]))
    return fields


def as_seen(fields):
    """Texts are bytes to the witness."""
    def encoded(value):
        return value.encode() if isinstance(value, str) else value
    return {name: [tuple(map(encoded, each)) for each in value] if isinstance(value, list) else encoded(value)
            for name, value in fields.items()}


def test_all_options_arrive(new, witness, topic, version):
    will = real.Will(topic, b"farewell", 2, True, WILL_PROPERTIES)
    expiry = CONNECT_PROPERTIES["session_expiry_interval"]
    client = new(at=witness, keep_alive=1234, user_name="ada", password=b"secret", will=will, expiry=expiry, clean=False,
                 properties=CONNECT_PROPERTIES)
    client.subscribe(topic + "/other")
    said = {"version": version, "clean": 0, "keep_alive": 1234, "user_name": "ada", "password": b"secret",
            "will_topic": topic, "will_payload": b"farewell", "will_qos": 2, "will_retain": 1}
    if version == 5:
        said.update(CONNECT_PROPERTIES)
        said.update({f"will_{name}": value for name, value in WILL_PROPERTIES.items()})
    assert seen_by(witness, client.identifier) == as_seen(said)


def test_options_that_are_left_out_do_not_arrive(new, witness, topic, version):
    client = new(at=witness)
    client.subscribe(topic)
    said = {"version": version, "clean": 1, "keep_alive": 60, **(client.unasked if version == 5 else {})}
    assert seen_by(witness, client.identifier) == said


@pytest.mark.parametrize("qos, retain", [(0, True), (1, False)])  # test_all_options_arrive() has 2
def test_the_flags_of_a_will_arrive(new, witness, topic, qos, retain):
    client = new(at=witness, will=real.Will(topic, b"x", qos, retain))
    client.subscribe(topic + "/other")
    seen = seen_by(witness, client.identifier)
    assert (seen["will_qos"], seen["will_retain"]) == (qos, int(retain))
