"""The soak's load finds each mistake of a broker that makes one: here, by a plugin in front of the standard behaviour."""

import pytest

from changes import Files, State
from harness import settings
from harness.plugins import compile_plugin
from load import Load

# What is wrong with each 50th message of the pairs, in C; and what the load must call it.
MISTAKES = {
    "lost": "gmq_acknowledge(call, packet, GMQ_REASON_SUCCESS); return GMQ_DONE;",
    "doubled": "gmq_deliver(call, packet, NULL); return GMQ_NEXT;",
    "damaged": 'gmq_publish_set_payload(call, packet, GMQ_VIEW("something else")); return GMQ_NEXT;',
    "misrouted": 'gmq_send(call, gmq_call_client(call), GMQ_PACKET(gmq_publish_new(call, gmq_publish_topic(packet), '
                 "gmq_publish_payload(packet), 2))); return GMQ_NEXT;",
    "refused": "return gmq_reject(call, GMQ_REASON_QUOTA_EXCEEDED, NULL);",
    "closed": "return gmq_close(call, GMQ_REASON_UNSPECIFIED_ERROR, NULL);",
    "unanswered": "gmq_deliver(call, packet, NULL); return GMQ_DONE;",
}

SOURCE = """
#include <graftmq/plugin.h>
#include <stdatomic.h>
GMQ_PLUGIN("faulty", "1");
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    static atomic_uint count;
    if (atomic_fetch_add(&count, 1) %% 50 != 49 || gmq_publish_qos(packet) != 2)
        return GMQ_NEXT;
    %s
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


@pytest.fixture
def load_of(start_broker, tmp_path):
    """Runs the load for a while against a broker with a plugin, and returns its result."""
    def run(source):
        config = State(Files(settings.BUILD, tmp_path)).config(2, 1)
        config["plugins"]["faulty"] = {"path": str(compile_plugin(tmp_path / "faulty.so", source))}
        config["routes"]["PUBLISH"].insert(2, {"handler": "faulty:on_publish", "topics": ["soak/pair/#"]})
        broker = start_broker(**config)
        load = Load(settings.BUILD / "tests/soak/soak_load", broker.address()[1], 100, 1000, 400, 1, silence_ms=1000)
        try:
            load.wait_ready()
            load.wait(lambda: load.progress.get("sent", 0) > 1000, "1,000 messages were sent")
            return load.finish()
        finally:
            load.kill()
    return run


@pytest.mark.parametrize("fault", MISTAKES)
def test_a_broker_that_makes_a_mistake_is_found_out(load_of, fault):
    result = load_of(SOURCE % MISTAKES[fault])
    assert fault in result["faults"], result


def test_a_broker_that_makes_none_is_not(load_of):
    result = load_of(SOURCE % "return GMQ_NEXT;")
    assert result["faults"] == {} and result["first_fault"] == "" and result["arrived"] > 1000
