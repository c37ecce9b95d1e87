"""Properties that the broker passes on, and those with which it answers (MQTT 5.0, 2.2.2, 3.2.2.3, 4.10)."""

from harness import packet as mqtt
from harness.client import lasting, unique

ALL = [("payload_format_indicator", 1), ("content_type", "text/жук"), ("response_topic", "reply/here"),
       ("correlation_data", bytes(range(256))), ("user_property", ("b", "1")), ("user_property", ("a", "2")),
       ("user_property", ("b", "1")), ("user_property", ("", ""))]


def check(packet):
    for name in ("payload_format_indicator", "content_type", "response_topic", "correlation_data"):
        assert packet.get(name) == dict(ALL)[name]
    assert packet.all("user_property") == [value for name, value in ALL if name == "user_property"]


def test_the_properties_of_a_message_are_passed_on_unchanged(broker, topic):
    """[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]"""
    client = broker.connect()
    client.subscribe((topic, 2))
    for qos in (0, 1, 2):
        client.publish(topic, "жук", qos, properties=ALL)
        check(client.expect_publish(topic, "жук", qos))


def test_the_properties_outlive_the_wait_in_a_session(broker, topic):
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 2))
    client.disconnect()
    publisher = broker.connect()
    for qos in (1, 2):
        publisher.publish(topic, "x", qos, properties=ALL)
    client = broker.connect(name, **lasting(5))
    packets = [client.expect(mqtt.PUBLISH, qos=qos) for qos in (1, 2)]
    client.close()
    for packet in packets:
        check(packet)
    client = broker.connect(name, **lasting(5))
    for qos in (1, 2):
        check(client.expect(mqtt.PUBLISH, qos=qos, dup=True))


def test_user_properties_are_passed_on_in_order_and_in_any_number(broker, topic):
    """[MQTT-3.3.2-18]"""
    client = broker.connect()
    client.subscribe((topic, 1))
    wanted = [(f"name{number % 7}", str(number)) for number in range(500)]
    client.publish(topic, b"x", 1, properties={"user_property": wanted})
    assert client.expect_publish(topic, b"x", 1).all("user_property") == wanted


def test_an_older_client_gets_the_message_without_properties(broker, topic):
    client, publisher = broker.connect(version=4), broker.connect()
    client.subscribe((topic, 1))
    publisher.publish(topic, b"x", 1, properties=ALL)
    client.expect_publish(topic, b"x", 1)


def test_an_older_clients_message_has_no_properties(broker, topic):
    client = broker.connect()
    client.subscribe((topic, 1))
    broker.connect(version=4).publish(topic, b"x", 1)
    assert client.expect_publish(topic, b"x", 1).properties == []


def test_a_request_finds_its_answer(broker, topic):
    """4.10"""
    requester, responder = broker.connect(), broker.connect()
    responder.subscribe((topic + "/request", 1))
    requester.subscribe((topic + "/answer", 1))
    requester.publish(topic + "/request", b"2+2", 1, properties={"response_topic": topic + "/answer",
                                                                "correlation_data": b"\x00\xff"})
    request = responder.expect_publish(topic + "/request", b"2+2", 1)
    responder.publish(request.get("response_topic"), b"4", 1,
                      properties={"correlation_data": request.get("correlation_data")})
    requester.expect_publish(topic + "/answer", b"4", 1, correlation_data=b"\x00\xff")


def test_user_properties_are_allowed_wherever_a_client_may_send_them(broker, topic):
    many = {"user_property": [("a", "b"), ("a", "c")]}
    client = broker.connect(properties=many, will=mqtt.Will("w", properties=many))
    client.subscribe((topic, 2), properties=many)
    client.publish(topic, b"x", 1, properties=many)
    packet = client.expect(mqtt.PUBLISH, qos=1)
    client.send(mqtt.puback(packet.packet_identifier, 0, many))
    client.publish(topic, b"x", 2)
    packet = client.expect(mqtt.PUBLISH, qos=2)
    client.send(mqtt.pubrec(packet.packet_identifier, 0, many))
    client.expect(mqtt.PUBREL)
    client.send(mqtt.pubcomp(packet.packet_identifier, 0, many))
    client.send(mqtt.unsubscribe(9, [topic], 5, many))
    client.expect(mqtt.UNSUBACK, packet_identifier=9)
    client.disconnect(0, {"reason_string": "enough", **many})


def test_properties_survive_a_shared_subscription(broker, topic):
    client = broker.connect()
    client.subscribe((f"$share/{unique()}/{topic}", 1))
    client.publish(topic, b"x", 1, properties=ALL)
    check(client.expect_publish(topic, b"x", 1))
