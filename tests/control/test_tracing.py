"""What handlers do: counted, and shown while it happens."""

import signal
import subprocess

import pytest

from harness import settings
from harness.broker import ENVIRONMENT, standard_config
from harness.client import unique
from harness.control import GRAFTCTL, Control
from harness.plugins import compile_plugin

pytestmark = pytest.mark.ours("graftctl is ours")

# Answers what the payload says. What it defers it resumes when it is unloaded, long after the time limit.
OBEDIENT = """
#include <graftmq/plugin.h>
#include <stdatomic.h>
#include <stdlib.h>

static gmq_deferral *deferrals[64];
static atomic_uint count;

static void unload(gmq_plugin *plugin)
{
    (void)plugin;
    for (unsigned i = 0; i < count; i++)
        gmq_resume(deferrals[i], GMQ_NEXT);
}
GMQ_PLUGIN_WITH("obedient", "1.0", NULL, unload);

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_view payload = gmq_publish_payload(packet);
    if (gmq_view_equals(payload, "reject"))
        return gmq_reject(call, GMQ_REASON_NOT_AUTHORIZED, "told to");
    if (gmq_view_equals(payload, "die"))
        abort();
    if (gmq_view_equals(payload, "defer")) {
        deferrals[atomic_fetch_add(&count, 1)] = gmq_defer(call, 30, GMQ_NEXT);
        return GMQ_DEFER;
    }
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


@pytest.fixture
def obedient(start_broker, tmp_path):
    path = compile_plugin(tmp_path / "obedient.so", OBEDIENT)
    return start_broker(plugins={**standard_config()["plugins"], "obedient": {"path": str(path)}},
                        routes={"PUBLISH": [{"handler": "obedient:on_publish", "topics": ["told/#"]}, "broker:on_publish"]})


@pytest.fixture
def control(obedient):
    return Control(obedient)


class Tracing:
    """A trace that has begun."""

    def __init__(self, control, **arguments):
        self.connection = control.open()
        self.connection.send({"version": 1, "command": "trace", **arguments})
        assert self.connection.line() == {"type": "tracing"}

    def expect(self, **members):
        line = self.connection.line()
        assert {name: line.get(name) for name in members} == members, line
        return line


def test_a_clients_packets_are_shown_at_each_handler(obedient, control):
    name = unique("traced")
    trace = Tracing(control, client=name)
    other = obedient.connect()
    client = obedient.connect(name)
    client.publish("told/a", b"go on", 1)
    other.publish("told/a", b"go on", 1)
    client.publish("elsewhere", b"", 1)
    trace.expect(type="passed", packet="CONNECT", client=name, plugin="broker", handler="on_connect", verdict="done",
                 route="incoming", generation=1, step=0)
    line = trace.expect(type="passed", packet="PUBLISH", plugin="obedient", verdict="next", topic="told/a", qos=1,
                        payload_bytes=5, step=0, client=name)
    assert line["took_ns"] > 0 and line["time"].endswith("Z")
    trace.expect(type="passed", packet="PUBLISH", plugin="broker", verdict="done", topic="told/a", step=1, client=name)
    trace.expect(type="skipped", packet="PUBLISH", plugin="obedient", topic="elsewhere", client=name)
    trace.expect(type="passed", packet="PUBLISH", plugin="broker", verdict="done", topic="elsewhere", client=name)


def test_a_topics_packets_are_shown_whoever_sends_them(obedient, control):
    trace = Tracing(control, topic="told/+")
    first, second = obedient.connect(), obedient.connect()
    first.publish("elsewhere", b"", 1)
    first.publish("told/a/b", b"", 1)
    first.publish("told/a", b"", 1)
    trace.expect(type="passed", packet="PUBLISH", topic="told/a", client=first.client_identifier, plugin="obedient")
    trace.expect(type="passed", packet="PUBLISH", topic="told/a", plugin="broker")
    second.subscribe("nothing", "told/+")
    second.publish("told/c", b"", 1)
    trace.expect(type="passed", packet="SUBSCRIBE", topic="told/+", client=second.client_identifier)
    trace.expect(type="passed", packet="PUBLISH", topic="told/c", client=second.client_identifier, plugin="obedient")


def test_a_rejection_shows_its_reason_and_a_deferral_its_end(obedient, control, topic):
    trace = Tracing(control, topic="told/x")
    client = obedient.connect()
    client.publish("told/x", b"reject", 0)
    trace.expect(type="passed", verdict="reject", reason=0x87, plugin="obedient")
    client.publish("told/x", b"defer", 1)
    trace.expect(type="passed", verdict="defer", plugin="obedient")
    line = trace.expect(type="settled", verdict="next", is_timeout=True, plugin="obedient")
    assert 25_000_000 < line["waited_ns"] < settings.LIMIT * 1e9
    trace.expect(type="passed", verdict="done", plugin="broker")


def test_several_traces_do_not_disturb_each_other_and_end_alone(obedient, control):
    client = obedient.connect()
    traces = [Tracing(control, topic="told/a") for _ in range(5)]
    for number in range(5):
        client.publish("told/a", b"", 1)
        for trace in traces[number:]:
            trace.expect(plugin="obedient")
            trace.expect(plugin="broker")
        traces[number].connection.close()
    client.publish("told/a", b"", 1)
    assert control.line("status")["connections"] == 1


def test_a_trace_sees_new_code_after_a_reload(obedient, control, tmp_path):
    client = obedient.connect()
    trace = Tracing(control, client=client.client_identifier)
    compile_plugin(tmp_path / "obedient.so", OBEDIENT.replace('"1.0"', '"1.1"'))
    obedient.expect_reload()
    client.publish("told/a", b"", 1)
    trace.expect(plugin="obedient", generation=2)


def test_who_does_not_read_a_trace_holds_nobody_up(start_broker):
    broker = start_broker(limits={"control_ms": 3600000})
    control = Control(broker)
    trace = Tracing(control, topic="#")
    client = broker.connect()
    topic = "t" * 2000
    before = broker.resident_bytes()
    for _ in range(40):
        for _ in range(100):
            client.publish(topic, b"", 0)
        client.ping()
    assert broker.resident_bytes() - before < (20 << 20) * (4 if settings.IS_SANITIZED else 1)
    lost = got = 0
    while lost + got < 4000:
        line = trace.connection.line()
        got += line.get("packet") == "PUBLISH"
        lost += line.get("count", 0)
    assert lost > 0 and got > 100 and lost + got == 4000


def test_what_a_trace_needs(control):
    for arguments in ({}, {"client": "x", "topic": "y"}, {"topic": "$share/a/b"}, {"topic": "a/#/b"}):
        connection = control.open()
        assert not connection.ask("trace", **arguments)[-1]["ok"]
        connection.close()
    control.run("trace", code=2)
    control.run("trace", "x", "--client", "y", code=2)


def test_graftctl_shows_a_trace_and_guesses_what_is_meant(obedient, control):
    name = unique("guessed")
    client = obedient.connect(name)
    for argument, what in ((name, "client"), ("told/a", "topic"), ("nobodys-name", "topic")):
        process = subprocess.Popen([str(GRAFTCTL), "--control", control.path, "trace", argument], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        assert f'tracing the {what} "{argument}"' in process.stderr.readline()
        client.publish("told/a" if "/" in argument or what == "client" else argument, b"x", 1)
        line = process.stdout.readline()
        assert "PUBLISH" in line and name in line, line
        process.send_signal(signal.SIGINT)
        process.wait(settings.LIMIT)
        process.stdout.close()
        process.stderr.close()


def test_handlers_are_counted_over_all_workers(obedient, control):
    clients = [obedient.connect() for _ in range(8)]
    for client in clients:
        for payload in (b"x", b"reject", b"defer"):
            client.publish("told/a", payload, 0)
        client.publish("elsewhere", b"", 1)
        client.ping()
    steps = {(line["packet"], line["plugin"]): line for line in control.lines("routes")}
    told = steps["PUBLISH", "obedient"]
    assert told["calls"] == 24
    assert told["verdicts"] == {"next": 8, "done": 0, "reject": 8, "close": 0, "defer": 8}
    assert told["settled"]["next"] == 8 and told["timeouts"] == 8 and told["faults"] == 0
    assert 0 < told["median_ns"] <= told["p99_ns"] and told["took_ns"] >= told["longest_ns"] > 0
    assert 25_000_000 < told["waited_median_ns"]
    assert steps["PUBLISH", "broker"]["calls"] == 24, "those that were passed on, and those elsewhere"
    assert steps["PINGREQ", "broker"]["calls"] == 8
    plugins = {line["plugin"]: line for line in control.lines("plugins")}
    assert plugins["obedient"]["calls"] == 24
    assert plugins["broker"]["calls"] == sum(line["calls"] for line in steps.values() if line["plugin"] == "broker")
    text = control.run("routes").stdout
    assert "8 next, 8 reject, 8 defer" in text and "8 late" in text


def test_a_new_generation_counts_anew(obedient, control):
    obedient.connect().ping()
    obedient.expect_reload({**obedient.config, "limits": {"topic_levels": 50}})
    assert sum(line["calls"] for line in control.lines("routes")) == 0


def test_calls_that_an_isolated_plugin_could_not_answer_are_counted(start_broker, tmp_path):
    path = compile_plugin(tmp_path / "obedient.so", OBEDIENT)
    broker = start_broker(plugins={**standard_config()["plugins"], "obedient": {"path": str(path), "isolate": True}},
                          routes={"PUBLISH": [{"handler": "obedient:on_publish", "on_fault": "next"}, "broker:on_publish"]})
    control = Control(broker)
    client = broker.connect()
    client.subscribe(("told/a", 1))
    client.publish("told/a", b"die", 1)
    client.expect_publish("told/a", b"die", 1)
    line = {line["plugin"]: line for line in control.lines("plugins")}["obedient"]
    assert line["faults"] == 1 and line["calls"] == 1
    assert "1 failed" in control.run("plugins").stdout


def test_an_isolated_plugin_is_brought_back_by_a_rollback(start_broker, tmp_path):
    path = compile_plugin(tmp_path / "obedient.so", OBEDIENT)
    broker = start_broker(plugins={**standard_config()["plugins"], "obedient": {"path": str(path), "isolate": True}},
                          routes={"PUBLISH": ["obedient:on_publish", "broker:on_publish"]})
    control = Control(broker)
    compile_plugin(path, OBEDIENT.replace('"1.0"', '"1.1"'))
    control.run("reload")
    path.unlink()
    assert "obedient 1.1 -> 1.0" in control.run("rollback").stdout
    client = broker.connect()
    client.publish("told/a", b"x", 1)
    line = {line["plugin"]: line for line in control.lines("plugins")}["obedient"]
    assert (line["version"], line["calls"]) == ("1.0", 1)
