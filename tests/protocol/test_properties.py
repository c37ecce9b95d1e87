"""Properties where older versions meet 5.0, and wherever a client may send them (MQTT 5.0, 2.2.2)."""

from harness import packet as mqtt

ALL = [("payload_format_indicator", 1), ("content_type", "text/жук"), ("response_topic", "reply/here"),
       ("correlation_data", bytes(range(256))), ("user_property", ("b", "1")), ("user_property", ("a", "2")),
       ("user_property", ("b", "1")), ("user_property", ("", ""))]


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
