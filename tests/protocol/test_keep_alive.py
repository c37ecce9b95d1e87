"""The broker's own bounds of the keep alive. What the standard says of it is in tests/conformance/test_3_01_requests.py."""

import time

import pytest


@pytest.mark.ours("mosquitto has no lower bound")
def test_the_broker_raises_a_keep_alive_that_is_too_short(start_broker):
    broker = start_broker(limits={"keep_alive_min_seconds": 30})
    assert broker.connect(keep_alive=1).connack.get("server_keep_alive") == 30
    assert broker.connect(keep_alive=30).connack.get("server_keep_alive") is None
    assert broker.connect(keep_alive=0).connack.get("server_keep_alive") is None


@pytest.mark.ours("mosquitto refuses such a client")
def test_an_older_client_is_held_to_the_longest_keep_alive(start_broker):
    broker = start_broker(limits={"keep_alive_max_seconds": 1})
    connected_at = time.monotonic()
    client = broker.connect(version=4, keep_alive=100)
    client.expect_closed()
    assert 1.4 < time.monotonic() - connected_at < 5
