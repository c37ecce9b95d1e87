"""The example plugins do what plugins/README.md says of them."""

import hashlib
import hmac
import re

import pytest

from harness import packet as mqtt
from harness import settings
from harness.broker import standard_config
from harness.client import unique

pytestmark = pytest.mark.ours("plugins are this broker's")


def plugins(name, plugin_settings=None):
    entry = {"path": str(settings.PLUGINS / f"{name}.so")}
    if plugin_settings is not None:
        entry["settings"] = plugin_settings
    return {**standard_config()["plugins"], name: entry}


# ---- hello ----

@pytest.fixture
def hello(start_broker):
    return start_broker(
        plugins={"hello": {"path": str(settings.PLUGINS / "hello.so")}},
        routes={"CONNECT": "hello:on_connect", "PUBLISH": "hello:on_publish", "PUBREL": "hello:on_pubrel",
                "SUBSCRIBE": "hello:on_subscribe", "UNSUBSCRIBE": "hello:on_unsubscribe", "PINGREQ": "hello:on_pingreq",
                "DISCONNECT": "hello:on_disconnect"})


def test_hello_answers_every_packet_alone(hello, topic):
    for version in (4, 5):
        client = hello.connect(version=version)
        assert client.connack.session_present is False and client.connack.properties == []
        client.ping()
        assert client.subscribe((topic, 2), (topic + "2", 0)) == [2, 0]
        assert client.unsubscribe(topic) == ([0] if version == 5 else [])
        for qos in (0, 1, 2):
            assert client.publish(topic, b"x", qos) == 0
        client.ping()
        client.disconnect()


def test_hello_closes_on_another_protocol_name(hello):
    client = hello.open(3)
    client.send(mqtt.connect(unique(), version=3))
    client.expect_closed()


def test_a_packet_that_nobody_handles_closes_and_is_named_in_the_log(hello):
    mark = hello.mark()
    client = hello.connect(version=4)
    client.send(mqtt.puback(1))
    client.expect_closed()
    hello.wait_for_log("PUBACK", mark)


# ---- stamp ----

def test_stamp_changes_messages_before_the_broker_sees_them(start_broker, version):
    broker = start_broker(plugins=plugins("stamp"), routes={"PUBLISH": [
        {"handler": "stamp:on_publish", "topics": ["notes/#"], "args": {"prefix": "note: "}}, "broker:on_publish"]})
    client, publisher = broker.connect(), broker.connect(version=version, username="ada")
    client.subscribe(("#", 2))
    for qos in (0, 1, 2):
        publisher.publish("notes/today", b"milk", qos)
        packet = client.expect_publish("notes/today", b"note: milk", qos)
        assert packet.all("user_property") == [("stamped-by", "ada")]
    publisher.publish("other", b"milk", 1)
    assert client.expect_publish("other", b"milk", 1).all("user_property") == []
    publisher.publish("notes/kept", b"egg", 1, retain=True)
    client.expect_publish("notes/kept", b"note: egg", 1)
    late = broker.connect()
    late.subscribe("notes/kept")
    late.expect_publish("notes/kept", b"note: egg", retain=True)
    publisher.publish("notes/kept", b"", 1, retain=True)
    client.expect_publish("notes/kept", b"", 1)


# ---- gate ----

def gate(start_broker, **plugin_settings):
    return start_broker(plugins=plugins("gate", plugin_settings),
                        routes={"CONNECT": ["gate:on_connect", "broker:on_connect"]})


def test_gate_lets_in_who_is_in_the_list(start_broker, version):
    broker = gate(start_broker, users={"ada": "secret"}, delay_ms=1)
    broker.connect(version=version, username="ada", password=b"secret").ping()
    for fields in ({"username": "ada", "password": b"wrong"}, {"username": "bob", "password": b"secret"},
                   {"username": "ada", "password": b"secretx"}, {"username": "ada", "password": b""}):
        client = broker.open(version)
        client.connect(reason={3: 4, 4: 4, 5: 0x86}[version], **fields)
        client.expect_closed()
    nameless = broker.open(version)
    nameless.connect(reason={3: 5, 4: 5, 5: 0x87}[version])
    nameless.expect_closed()


def test_gate_keeps_nobody_else_waiting(start_broker, topic):
    """While look-ups take their time, others are served; and what the waiting client has sent behind CONNECT waits too."""
    broker = gate(start_broker, users={"ada": "secret"}, delay_ms=300)
    known = broker.connect(username="ada", password=b"secret")
    known.subscribe(topic)
    waiting = [broker.open() for _ in range(8)]
    for client in waiting:
        client.send(mqtt.connect(unique(), username="ada", password=b"secret"),
                    mqtt.publish(topic, b"behind", 1, packet_identifier=1), mqtt.pingreq())
    known.expect_nothing(known)
    for client in waiting:
        client.expect(mqtt.CONNACK, reason=0)
        client.expect(mqtt.PUBACK, packet_identifier=1)
        client.expect(mqtt.PINGRESP)
    for _ in waiting:
        known.expect_publish(topic, b"behind")


def test_clients_may_go_while_gate_looks_them_up(start_broker):
    broker = gate(start_broker, users={"ada": "secret"}, delay_ms=50)
    for _ in range(20):
        client = broker.open()
        client.send(mqtt.connect(unique(), username="ada", password=b"secret"))
        client.close()
    broker.connect(username="ada", password=b"secret").ping()


def test_gate_refuses_when_the_look_up_takes_too_long(start_broker):
    broker = gate(start_broker, users={"ada": "secret"}, delay_ms=1000, limit_ms=50)
    client = broker.open()
    client.send(mqtt.connect(unique(), username="ada", password=b"secret"))
    packet = client.expect(mqtt.CONNACK)
    assert packet.reason >= 0x80
    client.expect_closed()


def test_gate_reads_its_file_at_each_look_up(start_broker, tmp_path):
    users = tmp_path / "users"
    users.write_text("ada:secret\n")
    broker = gate(start_broker, file=str(users))
    broker.connect(username="ada", password=b"secret").ping()
    refused = broker.open()
    refused.connect(reason=0x86, username="bob", password=b"hidden")
    users.write_text("ada:secret\nbob:hidden\n")
    broker.connect(username="bob", password=b"hidden").ping()


# ---- answer ----

def test_answer_answers_from_inside_of_the_broker(start_broker, topic):
    broker = start_broker(plugins=plugins("answer"), routes={"PUBLISH": [
        {"handler": "answer:on_publish", "topics": ["service/broker"]}, "broker:on_publish"]})
    client, other = broker.connect(), broker.connect()
    client.subscribe((topic, 2))
    other.subscribe("service/#")
    for qos, question, wanted in ((0, b"ping", b"pong"), (1, b"time", rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
                                  (2, b"whoami", client.client_identifier.encode())):
        assert client.publish("service/broker", question, qos,
                              properties={"response_topic": topic, "correlation_data": question}) == 0
        packet = client.expect(mqtt.PUBLISH, topic=topic, qos=qos, correlation_data=question)
        assert re.fullmatch(wanted, packet.payload), packet
        client.acknowledge(packet)
    assert client.publish("service/broker", b"why", 1, properties={"response_topic": topic}) == 0x83
    other.expect_nothing(client)
    client.publish("service/broker", b"not a request", 1)
    other.expect_publish("service/broker", b"not a request")


# ---- vault ----

METHOD = "hmac-sha256"
SECRET = b"analytical engine"


def proof(challenge, secret=SECRET):
    return {"authentication_method": METHOD, "authentication_data": hmac.new(secret, challenge, hashlib.sha256).digest()}


@pytest.fixture
def vault(start_broker):
    return start_broker(
        plugins=plugins("vault", {"secrets": {"ada": SECRET.decode()}, "limit_ms": 60_000}),
        routes={"CONNECT": ["vault:on_connect", "broker:on_connect"], "AUTH": ["vault:on_auth", "broker:on_auth"]},
        callbacks={"close": "vault:on_close"})


def challenged(vault, username="ada"):
    client = vault.open()
    client.send(mqtt.connect(unique(), username=username, properties={"authentication_method": METHOD}))
    packet = client.expect(mqtt.AUTH, reason=0x18, authentication_method=METHOD)
    return client, packet.get("authentication_data")


def test_vault_lets_in_who_knows_the_secret(vault):
    """4.12: the CONNACK names the method [MQTT-4.12.0-5]"""
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, proof(challenge)))
    client.expect(mqtt.CONNACK, reason=0, authentication_method=METHOD)
    client.ping()


@pytest.mark.parametrize("username, secret", [("ada", b"wrong"), ("bob", SECRET)])
def test_vault_refuses_who_does_not(vault, username, secret):
    client, challenge = challenged(vault, username)
    client.send(mqtt.auth(0x18, proof(challenge, secret)))
    client.expect(mqtt.CONNACK, reason=0x87)
    client.expect_closed()


def test_vault_does_not_take_a_proof_twice(vault):
    client, challenge = challenged(vault)
    answer = proof(challenge)
    client.send(mqtt.auth(0x18, answer))
    client.expect(mqtt.CONNACK, reason=0)
    other, _ = challenged(vault)
    other.send(mqtt.auth(0x18, answer))
    other.expect(mqtt.CONNACK, reason=0x87)


def test_a_client_may_prove_itself_again(vault):
    """4.12.1"""
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, proof(challenge)))
    client.expect(mqtt.CONNACK, reason=0)
    client.send(mqtt.auth(0x19, {"authentication_method": METHOD}))
    challenge = client.expect(mqtt.AUTH, reason=0x18).get("authentication_data")
    client.ping()  # other packets may pass meanwhile
    client.send(mqtt.auth(0x18, proof(challenge)))
    client.expect(mqtt.AUTH, reason=0, authentication_method=METHOD)
    client.ping()
    client.send(mqtt.auth(0x19, {"authentication_method": METHOD}))
    challenge = client.expect(mqtt.AUTH, reason=0x18).get("authentication_data")
    client.send(mqtt.auth(0x18, proof(challenge, b"forgotten")))
    client.expect_end(0x87)


def test_the_method_must_stay_the_same(vault):
    """[MQTT-4.12.1-1]"""
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, proof(challenge)))
    client.expect(mqtt.CONNACK, reason=0)
    client.send(mqtt.auth(0x19, {"authentication_method": "another"}))
    client.expect_end({0x82, 0x8C})


def test_clients_may_go_in_the_middle_of_the_exchange(vault):
    for _ in range(10):
        challenged(vault)[0].close()
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, proof(challenge)))
    client.expect(mqtt.CONNACK, reason=0)


def test_packets_before_the_end_of_the_exchange_wait_or_end_it(vault, topic):
    """[MQTT-3.1.2-30] forbids all but AUTH and DISCONNECT; none of them may take effect before CONNACK."""
    client, _ = challenged(vault)
    client.send(mqtt.subscribe(1, [(topic, 0)]))
    try:
        packet = client.receive(limit=1)
    except AssertionError:
        return
    assert packet.type in (mqtt.DISCONNECT, mqtt.CONNACK) and packet.reason >= 0x80, packet


def test_an_exchange_outlives_a_reload(vault):
    client, challenge = challenged(vault)
    vault.config["plugins"]["vault"]["settings"]["limit_ms"] = 59_000
    vault.expect_reload()
    client.send(mqtt.auth(0x18, proof(challenge)))
    client.expect(mqtt.CONNACK, reason=0)
    client.ping()
