"""The time that a handler may take: what is over it is counted and told, with plugin, handler, client and duration."""

import re

import pytest

from harness.broker import standard_config
from harness.control import Control
from harness.plugins import compile_plugin

pytestmark = pytest.mark.ours("budgets are ours")

# Keeps its worker for as many milliseconds as the payload says.
SLOW = """
#include <graftmq/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
GMQ_PLUGIN("slow", "1.0");

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)call;
    char text[16] = "";
    gmq_view payload = gmq_publish_payload(packet);
    memcpy(text, payload.data, payload.length < 15 ? payload.length : 15);
    long left = atol(text);
    nanosleep(&(struct timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000}, NULL);
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


@pytest.fixture
def slow(start_broker, tmp_path):
    path = compile_plugin(tmp_path / "slow.so", SLOW)
    return start_broker(
        plugins={"broker": standard_config()["plugins"]["broker"], "slow": {"path": str(path)}},
        routes={"PUBLISH": [{"handler": "slow:on_publish", "topics": ["slow/#"], "budget_us": 20_000}, "broker:on_publish"]},
        limits={"budget_us": 60_000_000})


def handler(broker):
    [found] = [line for line in Control(broker).lines("routes") if line.get("handler") == "on_publish" and line.get("plugin") == "slow"]
    return found


def test_a_call_over_its_budget_is_counted_and_told(slow):
    client = slow.connect()
    mark = slow.mark()
    client.publish("slow/x", b"30", 1)
    line = slow.wait_for_log(r"plugin slow: on_publish took (\S+) ms for PUBLISH of client (\S+), its budget is 20.000 ms.*generation 1", mark)
    assert float(line[1]) >= 30
    assert line[2] == client.client_identifier
    assert handler(slow)["overruns"] == 1


def test_lines_are_bounded_and_say_how_many_were_left_out(slow):
    client = slow.connect()
    mark = slow.mark()
    for _ in range(60):
        client.publish("slow/x", b"25", 1)
    slow.wait_for_log(r"\(\d+ such lines left out\)", mark)
    told = re.findall(r"plugin slow: on_publish took", slow.log(mark))
    assert handler(slow)["overruns"] == 60
    assert 0 < len(told) < 20, "one a second"


def test_a_call_within_its_budget_is_not_told(slow):
    client = slow.connect()
    for _ in range(20):
        client.publish("slow/x", b"0", 1)
        client.publish("elsewhere", b"0", 1)
    figures = handler(slow)
    assert figures["calls"] == 20
    assert figures["overruns"] == 0 or "on_publish took" in slow.log(0)  # a machine that is busy elsewhere tells its own calls, too
