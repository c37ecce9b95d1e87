"""Time that passes without anybody sleeping: another client's delayed will is the clock."""

from . import packet as mqtt
from .client import lasting, unique


def let_seconds_pass(broker, seconds=2):
    """Returns when the broker's own clock has gone on by this much."""
    topic = unique("clock")
    watcher = broker.connect()
    watcher.subscribe(topic)
    broker.connect(will=mqtt.Will(topic, properties={"will_delay_interval": seconds}), **lasting(5)).close()
    watcher.expect_publish(topic)
