"""A request and its response (MQTT 5.0, 4.10). The chapter itself has no numbered statements: it rests on those about
the response topic and the correlation data."""

import pytest

from harness import packet as mqtt
from harness.client import lasting, unique
from harness.statements import proves


@proves(v5="3.3.2-15 3.3.2-16")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_request_finds_its_response(broker, topic, qos):
    """The responder knows neither the requester nor where it listens but from the request."""
    requester, responder = broker.connect(), broker.connect()
    responder.subscribe((topic + "/request", 2))
    requester.subscribe((topic + "/response/жук", 2))
    for correlation_data in (b"\x00\xff", b"", b"2"):
        requester.publish(topic + "/request", b"2+2", qos, properties={
            "response_topic": topic + "/response/жук", "correlation_data": correlation_data})
        request = responder.expect_publish(topic + "/request", b"2+2", qos)
        responder.publish(request.get("response_topic"), b"4", qos,
                          properties={"correlation_data": request.get("correlation_data")})
        requester.expect_publish(topic + "/response/жук", b"4", qos, correlation_data=correlation_data)


@proves(v5="3.3.2-15 3.3.2-16")
def test_each_requester_gets_its_own_response(broker, topic):
    """Several share the responders, which share the requests."""
    responders = [broker.connect() for _ in range(2)]
    for responder in responders:
        responder.subscribe((f"$share/responders/{topic}/request", 1))
    requesters = [broker.connect() for _ in range(4)]
    for number, requester in enumerate(requesters):
        requester.subscribe((f"{topic}/response/{number}", 1))
        requester.publish(topic + "/request", b"?", 1, properties={
            "response_topic": f"{topic}/response/{number}", "correlation_data": bytes([number])})
    marker = broker.connect()
    for responder in responders:
        responder.subscribe("end-" + topic)
    marker.publish("end-" + topic)
    answered = 0
    for responder in responders:
        while (request := responder.take(mqtt.PUBLISH)).topic != "end-" + topic:
            responder.acknowledge(request)
            responder.publish(request.get("response_topic"), b"!", 1,
                              properties={"correlation_data": request.get("correlation_data")})
            answered += 1
    assert answered == 4
    for number, requester in enumerate(requesters):
        requester.expect_publish(f"{topic}/response/{number}", b"!", 1, correlation_data=bytes([number]))
        requester.expect_nothing(marker)


@proves(v5="3.3.2-15 3.3.2-16")
def test_a_response_waits_for_a_requester_that_is_away(broker, topic):
    name = unique()
    requester, responder = broker.connect(name, **lasting(5)), broker.connect()
    requester.subscribe((topic + "/response", 1))
    responder.subscribe((topic + "/request", 1))
    requester.publish(topic + "/request", b"?", 1, properties={"response_topic": topic + "/response",
                                                               "correlation_data": b"17"})
    requester.disconnect()
    request = responder.expect_publish(topic + "/request", b"?", 1)
    responder.publish(request.get("response_topic"), b"!", 1, properties={"correlation_data": request.get("correlation_data")})
    broker.connect(name, **lasting(5)).expect_publish(topic + "/response", b"!", 1, correlation_data=b"17")
