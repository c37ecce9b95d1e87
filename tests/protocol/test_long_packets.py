"""SUBSCRIBE and UNSUBSCRIBE with thousands of filters: done in slices, and answered as if at once."""

import pytest

from harness import packet as mqtt

FILTERS = 2500


@pytest.fixture
def filters(topic):
    return [(f"{topic}/{number}/{'+' if number % 2 else 'x'}", 1) for number in range(FILTERS)]


def test_each_filter_has_its_answer(broker, version, filters, topic):
    publisher, client = broker.connect(version=version), broker.connect(version=version)
    publisher.publish(f"{topic}/7/here", b"kept", 1, retain=True)
    publisher.publish(f"{topic}/2400/x", b"kept too", 1, retain=True)
    assert list(client.subscribe(*filters)) == [1] * FILTERS
    client.expect_publish(f"{topic}/7/here", b"kept", 1, retain=True)
    client.expect_publish(f"{topic}/2400/x", b"kept too", 1, retain=True)
    publisher.publish(f"{topic}/{FILTERS - 1}/any", b"new", 1)
    client.expect_publish(f"{topic}/{FILTERS - 1}/any", b"new", 1)
    client.unsubscribe(*(filter for filter, _ in filters))
    publisher.publish(f"{topic}/7/here", b"unheard", 1)
    client.expect_nothing(publisher)


def test_what_follows_waits_for_it(broker, version, filters):
    client = broker.connect(version=version)
    client.send(mqtt.subscribe(client.next_identifier(), filters, version), mqtt.pingreq())
    client.expect(mqtt.SUBACK)
    client.expect(mqtt.PINGRESP)


def test_a_client_may_go_meanwhile(broker, filters, topic):
    for _ in range(5):
        client = broker.connect()
        client.send(mqtt.subscribe(client.next_identifier(), filters))
        client.close()
    broker.connect().publish(f"{topic}/0/x", b"for nobody", 1)
