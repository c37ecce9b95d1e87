"""The example plugins, each as plugins/README.md configures it, with clients."""

import hashlib
import hmac
import re
import shutil
import subprocess

import pytest

from harness import packet as mqtt
from harness import settings
from harness.client import unique


def shipped(*names):
    return {name: {"path": str(settings.PLUGINS / f"{name}.so")} for name in names}


# ---- hello ----

HELLO = {
    "CONNECT": "hello:on_connect", "PUBLISH": "hello:on_publish", "PUBREL": "hello:on_pubrel",
    "SUBSCRIBE": "hello:on_subscribe", "UNSUBSCRIBE": "hello:on_unsubscribe",
    "PINGREQ": "hello:on_pingreq", "DISCONNECT": "hello:on_disconnect",
}


@pytest.fixture
def hello(start_broker):
    return start_broker(plugins=shipped("hello"), routes=HELLO)


def test_hello_answers_every_packet_without_the_standard_plugin(hello):
    for version in (4, 5):
        client = hello.connect(version=version)
        assert client.connack.session_present is False
        assert client.subscribe(("a/b", 1), ("c", 0)) == [1, 0]
        for qos in (0, 1, 2):
            client.publish("a/b", b"x", qos)
        client.unsubscribe("a/b")
        client.ping()
        client.disconnect()


def test_hello_closes_on_another_protocol_name(hello):
    client = hello.open(version=3)  # "MQIsdp" is its name
    client.send(mqtt.connect(unique(), version=3))
    client.expect_closed()


# ---- stamp ----

def test_stamp_changes_messages_of_its_topics_before_the_broker_sees_them(start_broker):
    broker = start_broker(plugins=shipped("broker", "stamp"), routes={"PUBLISH": [
        {"handler": "stamp:on_publish", "topics": ["notes/#"], "args": {"prefix": "note: "}}, "broker:on_publish"]})
    subscriber, publisher = broker.connect(), broker.connect("ada-1", username="ada")
    subscriber.subscribe(("notes/today", 1), ("other", 1))
    publisher.publish("notes/today", b"milk", 1, retain=True)
    publisher.publish("other", b"milk", 1)
    stamped = subscriber.expect_publish("notes/today", b"note: milk", 1)
    assert stamped.all("user_property") == [("stamped-by", "ada")]
    assert subscriber.expect_publish("other", b"milk", 1).all("user_property") == []
    late = broker.connect(version=4)
    late.subscribe(("notes/today", 0))
    late.expect_publish("notes/today", b"note: milk", 0, retain=True)


# ---- gate ----

def test_gate_decides_connect_without_holding_up_anyone(start_broker):
    plugins = shipped("broker", "gate")
    plugins["gate"]["settings"] = {"users": {"ada": "secret"}, "delay_ms": 300}
    broker = start_broker(plugins=plugins, routes={"CONNECT": ["gate:on_connect", "broker:on_connect"]})
    bystander = broker.connect(username="ada", password=b"secret")

    waiting = broker.open()
    name = unique()
    # What comes behind a CONNECT that waits is handled after it.
    waiting.send(mqtt.connect(name, username="ada", password=b"secret"), mqtt.subscribe(7, [("x", 0)]))
    for _ in range(5):
        bystander.ping()
    waiting.expect(mqtt.CONNACK, reason=0)
    assert waiting.expect(mqtt.SUBACK).packet_identifier == 7

    for version in (4, 5):
        stranger = broker.open(version)
        stranger.send(mqtt.connect(unique(), version=version, username="ada", password=b"wrong"))
        refusal = stranger.expect(mqtt.CONNACK)
        assert refusal.reason in ((5, 4) if version == 4 else (0x86, 0x87)), refusal
        stranger.expect_closed()


def test_a_client_that_leaves_while_gate_looks_it_up_is_forgotten(start_broker):
    plugins = shipped("broker", "gate")
    plugins["gate"]["settings"] = {"users": {"ada": "secret"}, "delay_ms": 100}
    broker = start_broker(plugins=plugins, routes={"CONNECT": ["gate:on_connect", "broker:on_connect"]})
    for _ in range(20):
        client = broker.open()
        client.send(mqtt.connect(unique(), username="ada", password=b"secret"))
        client.close()
    broker.connect(username="ada", password=b"secret").ping()


# ---- answer ----

def answering(start_broker):
    return start_broker(plugins=shipped("broker", "answer"), routes={"PUBLISH": [
        {"handler": "answer:on_publish", "topics": ["service/broker"]}, "broker:on_publish"]})


def test_answer_answers_requests_with_their_correlation_data(start_broker):
    client = answering(start_broker).connect("asker")
    client.subscribe(("answers/asker", 1))
    for question, answer in ((b"ping", b"pong"), (b"whoami", b"asker"), (b"time", None)):
        assert client.publish("service/broker", question, 1,
                              properties=[("response_topic", "answers/asker"), ("correlation_data", question)]) == 0
        reply = client.expect(mqtt.PUBLISH, topic="answers/asker", correlation_data=question)
        client.acknowledge(reply)
        if answer is None:
            assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", reply.payload)
        else:
            assert reply.payload == answer


def test_answer_refuses_what_it_does_not_know(start_broker):
    client = answering(start_broker).connect()
    assert client.publish("service/broker", b"?", 1, properties=[("response_topic", "a")]) == 0x83


@pytest.mark.skipif(shutil.which("mosquitto_rr") is None, reason="mosquitto_rr is not installed")
def test_a_real_client_gets_its_answer(start_broker):
    broker = answering(start_broker)
    host, port = broker.address()
    done = subprocess.run(["mosquitto_rr", "-h", host, "-p", str(port), "-V", "5", "-t", "service/broker",
                           "-e", "answers/me", "-m", "ping", "-W", "10"], capture_output=True, timeout=20)
    assert done.stdout == b"pong\n", done


# ---- vault ----

METHOD = ("authentication_method", "hmac-sha256")
VAULT = {"CONNECT": ["vault:on_connect", "broker:on_connect"], "AUTH": ["vault:on_auth", "broker:on_auth"]}


@pytest.fixture
def vault(start_broker):
    plugins = shipped("broker", "vault")
    plugins["vault"]["settings"] = {"secrets": {"ada": "analytical engine"}}
    return start_broker(plugins=plugins, routes=VAULT, callbacks={"close": "vault:on_close"})


def response(challenge, secret=b"analytical engine"):
    return hmac.new(secret, challenge.get("authentication_data"), hashlib.sha256).digest()


def challenged(broker):
    client = broker.open()
    client.send(mqtt.connect(unique(), username="ada", properties=[METHOD]))
    challenge = client.expect(mqtt.AUTH, reason=0x18, authentication_method=METHOD[1])
    return client, challenge


def test_vault_lets_in_who_answers_its_challenge(vault):
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, [METHOD, ("authentication_data", response(challenge))]))
    client.expect(mqtt.CONNACK, reason=0, authentication_method=METHOD[1])
    client.send(mqtt.auth(0x19, [METHOD]))  # and once more, connected
    challenge = client.expect(mqtt.AUTH, reason=0x18)
    client.send(mqtt.auth(0x18, [METHOD, ("authentication_data", response(challenge))]))
    client.expect(mqtt.AUTH, reason=0)
    client.ping()


def test_vault_refuses_a_wrong_response(vault):
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, [METHOD, ("authentication_data", response(challenge, b"guess"))]))
    client.expect(mqtt.CONNACK, reason=0x87)
    client.expect_closed()


def test_an_exchange_that_was_begun_goes_on_in_new_code(vault, tmp_path):
    """The challenge is kept as the client's bytes: a reload in between does no harm."""
    client, challenge = challenged(vault)
    vault.config["plugins"]["vault"]["settings"]["limit_ms"] = 4000  # other settings: loaded anew
    vault.write_config()
    vault.expect_reload()
    client.send(mqtt.auth(0x18, [METHOD, ("authentication_data", response(challenge))]))
    client.expect(mqtt.CONNACK, reason=0)


def test_an_unknown_method_is_refused_by_the_standard_plugin(vault):
    client = vault.open()
    client.send(mqtt.connect(unique(), properties=[("authentication_method", "other")]))
    client.expect(mqtt.CONNACK, reason=0x8C)
    client.expect_closed()


def test_a_client_that_leaves_in_mid_exchange_is_forgotten(vault):
    for _ in range(10):
        client, _ = challenged(vault)
        client.close()
    client, challenge = challenged(vault)
    client.send(mqtt.auth(0x18, [METHOD, ("authentication_data", response(challenge))]))
    client.expect(mqtt.CONNACK, reason=0)
