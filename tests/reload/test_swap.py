"""What SIGHUP replaces while clients stay connected: code, routes, plugins, settings, limits, listeners."""

import pathlib
import shutil
import signal

import pytest

from harness import packet as mqtt
from harness.client import Client, lasting, unique
from harness.plugins import another_broker_plugin, compile_plugin, marking, overwrite

MARKED = {"PUBLISH": ["mark:on_publish", "broker:on_publish"]}


def plugins(**others):
    from harness.broker import standard_config
    return {**standard_config()["plugins"], **{name: {"path": str(path)} for name, path in others.items()}}


def version_seen(client, topic):
    """Which version of the marking plugin a message of the client passes: its user properties."""
    client.publish(topic, b"x", 1)
    return [value for _, value in client.expect_publish(topic, b"x", 1).all("user_property")]


@pytest.fixture
def mark(tmp_path):
    """The path of a marking plugin, version 1."""
    return compile_plugin(tmp_path / "mark.so", marking("1"))


@pytest.fixture
def marked(start_broker, mark):
    return start_broker(plugins=plugins(mark=mark), routes=MARKED)


@pytest.fixture
def client(marked, topic):
    client = marked.connect()
    client.subscribe((topic, 1))
    assert version_seen(client, topic) == ["1"]
    return client


def test_new_code_written_over_the_old_serves_the_next_packet(marked, client, mark, topic, tmp_path):
    compile_plugin(tmp_path / "next.so", marking("2"))
    overwrite(mark, (tmp_path / "next.so").read_bytes())
    assert version_seen(client, topic) == ["1"], "the file on disk is free"
    text = marked.expect_reload()
    assert "1 -> 2" in text
    assert version_seen(client, topic) == ["2"]


def test_new_code_renamed_to_the_old_path_serves_the_next_packet(marked, client, mark, topic):
    for version in ("2", "3", "1"):
        compile_plugin(mark, marking(version))
        marked.expect_reload()
        assert version_seen(client, topic) == [version]


def test_a_file_that_is_moved_or_deleted_serves_on(marked, client, mark, topic):
    mark.rename(mark.with_name("elsewhere.so"))
    assert version_seen(client, topic) == ["1"]
    mark.with_name("elsewhere.so").unlink()
    assert version_seen(client, topic) == ["1"]
    marked.expect_refusal(r"plugins\.mark")
    assert version_seen(client, topic) == ["1"]
    compile_plugin(mark, marking("2"))
    marked.expect_reload()
    assert version_seen(client, topic) == ["2"]


def test_a_reload_of_nothing_new_changes_nothing(marked, client, topic):
    marked.expect_reload()
    assert version_seen(client, topic) == ["1"]


def test_every_worker_runs_the_new_code_at_once(marked, client, mark, topic):
    """A client on each worker; after the line in the log no packet passes the old code."""
    clients = [marked.connect() for _ in range(16)]
    for number, each in enumerate(clients):
        each.subscribe((f"{topic}/{number}", 1))
    for version in ("2", "3"):
        compile_plugin(mark, marking(version))
        marked.expect_reload()
        for number, each in enumerate(clients):
            assert version_seen(each, f"{topic}/{number}") == [version]


def test_routes_come_and_go(marked, client, topic):
    config = marked.config
    config["routes"] = {}
    marked.expect_reload(config)
    assert version_seen(client, topic) == []
    config["routes"] = MARKED
    marked.expect_reload(config)
    assert version_seen(client, topic) == ["1"]
    config["routes"] = {"PUBLISH": ["mark:on_publish", "mark:on_publish", "broker:on_publish"]}
    marked.expect_reload(config)
    assert version_seen(client, topic) == ["1", "1"]
    config["routes"] = {"PUBLISH": [{"handler": "mark:on_publish", "topics": ["other/#"]}, "broker:on_publish"]}
    marked.expect_reload(config)
    assert version_seen(client, topic) == []


def test_outgoing_routes_come_and_go(marked, client, topic):
    config = marked.config
    config["routes"] = {}
    config["outgoing"] = {"PUBLISH": "mark:on_publish"}
    marked.expect_reload(config)
    assert version_seen(client, topic) == ["1"]
    del config["outgoing"]
    marked.expect_reload(config)
    assert version_seen(client, topic) == []


def test_plugins_come_and_go(start_broker, mark, topic, tmp_path):
    broker = start_broker()
    client = broker.connect()
    client.subscribe((topic, 1))
    assert version_seen(client, topic) == []

    other = compile_plugin(tmp_path / "other.so", marking("other"))
    broker.expect_reload({**broker.config, "plugins": plugins(mark=mark, other=other),
                          "routes": {"PUBLISH": ["other:on_publish", "mark:on_publish", "broker:on_publish"]}})
    assert version_seen(client, topic) == ["other", "1"]
    broker.expect_reload({**broker.config, "plugins": plugins(other=other),
                          "routes": {"PUBLISH": ["other:on_publish", "broker:on_publish"]}})
    assert version_seen(client, topic) == ["other"]
    broker.expect_reload({**broker.config, "plugins": plugins(), "routes": {}})
    assert version_seen(client, topic) == []


SETTINGS = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("mark", "1");
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("setting"),
                                        gmq_settings_string(gmq_call_settings(call), "a.b", "none"));
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("argument"),
                                        gmq_settings_string(gmq_call_arguments(call), "c", "none"));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


def test_settings_and_arguments_change(start_broker, topic, tmp_path):
    path = str(compile_plugin(tmp_path / "mark.so", SETTINGS))
    broker = start_broker(plugins=plugins(mark=path), routes=MARKED)
    client = broker.connect()
    client.subscribe((topic, 1))
    assert version_seen(client, topic) == ["none", "none"]
    config = broker.config
    config["plugins"]["mark"]["settings"] = {"a": {"b": "EUR"}}
    text = broker.expect_reload(config)
    assert "settings" in text
    assert version_seen(client, topic) == ["EUR", "none"]
    config["routes"] = {"PUBLISH": [{"handler": "mark:on_publish", "args": {"c": "two"}}, "broker:on_publish"]}
    broker.expect_reload(config)
    assert version_seen(client, topic) == ["EUR", "two"]
    config["plugins"]["mark"]["settings"] = {"a": {"b": "USD"}}
    broker.expect_reload(config)
    assert version_seen(client, topic) == ["USD", "two"]


def test_limits_change(start_broker, topic):
    broker = start_broker(limits={"subscriptions": 1})
    client = broker.connect()
    assert client.subscribe(topic + "/1", topic + "/2") == [0, 0x97]
    broker.expect_reload({**broker.config, "limits": {"subscriptions": 2}})
    assert client.subscribe(topic + "/2", topic + "/3") == [0, 0x97]
    broker.expect_reload({**broker.config, "limits": {"subscriptions": 1}})
    assert client.subscribe(topic + "/3") == [0x97]
    client.publish(topic + "/2", b"kept")
    client.expect_publish(topic + "/2", b"kept")  # what was granted stays

    broker.expect_reload({**broker.config, "limits": {"receive_maximum": 7, "packet_size_bytes": 500}})
    newer = broker.connect()
    assert newer.connack.get("receive_maximum") == 7 and newer.connack.get("maximum_packet_size") == 500
    client.publish(topic + "/2", b"x" * 1000)
    client.expect_publish(topic + "/2", b"x" * 1000)  # it was told another size when it connected


def test_listeners_come_and_go(start_broker, topic, tmp_path):
    broker = start_broker()
    old = broker.connect()
    old.subscribe(topic)
    first = broker.config["listeners"][0]
    path = str(tmp_path / "mqtt.sock")
    mark = broker.mark()
    broker.expect_reload({**broker.config, "listeners": [first, {"name": "six", "bind": "::1", "port": 0},
                                                         {"name": "local", "bind": path}]})
    for name in ("six", "local"):
        broker.wait_for_log(f"listener {name}: listening on ", mark)
        broker.connect(listener=name).publish(topic, name.encode())
        old.expect_publish(topic, name.encode())
    on_six = broker.connect(listener="six")
    address = broker.address("six")

    mark = broker.mark()
    broker.expect_reload({**broker.config, "listeners": [first]})
    for name in ("six", "local"):
        broker.wait_for_log(f"listener {name}: closed", mark)
    with pytest.raises((OSError, AssertionError)):
        Client(address).connect()  # refused, or closed if it was already on its way
    assert not pathlib.Path(path).exists()
    on_six.ping()  # a connection outlives its listener
    on_six.publish(topic, b"still here")
    old.expect_publish(topic, b"still here")
    broker.connect().ping()


def test_an_unchanged_listener_keeps_its_socket(start_broker):
    """Its port was chosen by the kernel, so a socket opened anew would be elsewhere. What waits in its queue is served."""
    broker = start_broker()
    address = broker.address()
    for _ in range(3):
        waiting = Client(address)
        broker.clients.append(waiting)
        broker.expect_reload({**broker.config, "limits": {"deferral_ms": 1000 + len(broker.clients)}})
        waiting.connect()
        assert broker.address() == address


def test_a_route_may_be_for_one_listener(start_broker, mark, topic):
    listeners = [{"name": "in", "bind": "127.0.0.1", "port": 0}, {"name": "out", "bind": "127.0.0.1", "port": 0}]
    broker = start_broker(listeners=listeners, plugins=plugins(mark=mark))
    inside, outside = broker.connect(listener="in"), broker.connect(listener="out")
    for client in (inside, outside):
        client.subscribe((topic + client.client_identifier, 1))
    seen = lambda: [version_seen(client, topic + client.client_identifier) for client in (inside, outside)]
    assert seen() == [[], []]
    for name, wanted in (("in", [["1"], []]), ("out", [[], ["1"]])):
        broker.expect_reload({**broker.config, "routes": {
            "PUBLISH": [{"handler": "mark:on_publish", "listeners": [name]}, "broker:on_publish"]}})
        assert seen() == wanted
    # The listeners' order in the file is nothing to go by.
    broker.expect_reload({**broker.config, "listeners": listeners[::-1]})
    assert seen() == [[], ["1"]]


def test_the_standard_plugin_is_replaced_like_any_other(start_broker, version, topic, tmp_path):
    """All of its state is the core's: sessions, flows in every state, retained messages, wills, aliases."""
    path = another_broker_plugin(tmp_path / "broker.so", 0)
    broker = start_broker(plugins={"broker": {"path": str(path)}})
    name = unique()
    away = broker.connect(name, version=version, **lasting(version))
    away.subscribe((topic, 2))
    away.disconnect()
    mortal = broker.connect(version=version, will=mqtt.Will(topic, b"will", 1))
    client, publisher = broker.connect(version=version), broker.connect(version=version)
    client.subscribe((topic, 2))
    publisher.publish(topic, b"retained", 1, retain=True)
    one = client.expect(mqtt.PUBLISH, payload="retained")
    publisher.publish(topic, b"two", 2)
    two = client.expect(mqtt.PUBLISH, payload="two")
    publisher.publish(topic, b"three", 2)
    three = client.expect(mqtt.PUBLISH, payload="three")
    client.send(mqtt.pubrec(three.packet_identifier))
    client.expect(mqtt.PUBREL, packet_identifier=three.packet_identifier)
    publisher.send(mqtt.publish(topic, b"half", 2, packet_identifier=77, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=77)
    half = client.expect(mqtt.PUBLISH, payload="half", qos=2)

    another_broker_plugin(path, 1)
    assert "broker" in broker.expect_reload()

    client.acknowledge(one)
    client.acknowledge(two)
    client.send(mqtt.pubcomp(three.packet_identifier))
    publisher.send(mqtt.publish(topic, b"half", 2, dup=True, packet_identifier=77, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=77)
    publisher.send(mqtt.pubrel(77))
    publisher.expect(mqtt.PUBCOMP, packet_identifier=77, reason=0)
    client.acknowledge(half)
    client.expect_nothing(publisher)
    mortal.close()
    client.expect_publish(topic, b"will", 1)
    late = broker.connect(version=version)
    late.subscribe((topic, 1))
    late.expect_publish(topic, b"retained", 1, retain=True)
    back = broker.connect(name, version=version, **lasting(version))
    for payload, qos in ((b"retained", 1), (b"two", 2), (b"three", 2), (b"half", 2), (b"will", 1)):
        back.expect_publish(topic, payload, qos)


LIVES = """
static gmq_status loaded(gmq_plugin *plugin)
{
    gmq_log(plugin, GMQ_LOG_NOTICE, "loaded %s", VERSION);
    return GMQ_OK;
}
static void unloaded(gmq_plugin *plugin)
{
    gmq_log(plugin, GMQ_LOG_NOTICE, "unloaded %s", VERSION);
}
"""


def lives(version):
    return marking(version, "loaded", "unloaded", f'#define VERSION "{version}"\n' + LIVES)


def mapped(broker, name):
    """How many mappings of the process have the name in them."""
    return sum(name in line for line in pathlib.Path(f"/proc/{broker.process.pid}/maps").read_text().splitlines())


def test_old_code_is_unloaded_and_unmapped(start_broker, topic, tmp_path):
    path = compile_plugin(tmp_path / "lives.so", lives("1"))
    broker = start_broker(plugins=plugins(mark=path), routes=MARKED)
    client = broker.connect()
    client.subscribe((topic, 1))
    libraries = mapped(broker, ".so")
    for number in range(2, 6):
        compile_plugin(path, lives(str(number)))
        mark = broker.mark()
        broker.expect_reload()
        assert version_seen(client, topic) == [str(number)]
        broker.wait_for_log(f"unloaded {number - 1}", mark)
        broker.wait_for_log("is gone", mark)
    assert mapped(broker, ".so") == libraries
    assert "retired" not in broker.log()


def test_an_unchanged_plugin_is_not_loaded_again(start_broker, mark, topic, tmp_path):
    path = compile_plugin(tmp_path / "lives.so", lives("1"))
    broker = start_broker(plugins=plugins(lives=path, mark=mark), routes=MARKED)
    log = broker.mark()
    compile_plugin(mark, marking("2"))
    broker.expect_reload()
    broker.wait_for_log("is gone", log)
    assert "loaded 1" not in broker.log(log)


def test_reloads_without_a_pause_pile_up_no_old_generations(start_broker, mark):
    """Each is asked for while the one before it is still adopted, so that a reload is always wanted."""
    broker = start_broker(plugins=plugins(mark=mark), routes=MARKED)
    other = compile_plugin(mark.with_name("other.so"), marking("2"))
    for path in [other, mark] * 10:
        broker.config["plugins"]["mark"]["path"] = str(path)
        broker.expect_reload()
        broker.process.send_signal(signal.SIGHUP)
    alive = most = 0
    for line in broker.log().splitlines():
        alive += line.count(" serves: ") - line.count(" is gone")
        most = max(most, alive)
    assert most <= 3, f"{most} generations at a time:\n{broker.log()}"


def test_thirty_swaps_leave_no_trace(start_broker, mark, topic):
    broker = start_broker(plugins=plugins(mark=mark), routes=MARKED)
    client = broker.connect()
    client.subscribe((topic, 1))
    versions = [compile_plugin(mark.with_name(f"v{number}.so"), marking(f"v{number}")).read_bytes() for number in range(2)]
    counts = []
    for number in range(30):
        overwrite(mark, versions[number % 2])
        log = broker.mark()
        broker.expect_reload()
        assert version_seen(client, topic) == [f"v{number % 2}"]
        broker.wait_for_log("is gone", log)
        counts.append((mapped(broker, ".so"), len(list(pathlib.Path(f"/proc/{broker.process.pid}/fd").iterdir()))))
    assert counts[-1] == counts[10], counts


STICKY = """
#include <stdlib.h>
static void at_exit(void) {}
static gmq_status loaded(gmq_plugin *plugin) { (void)plugin; return atexit(at_exit) == 0 ? GMQ_OK : GMQ_ERROR_SYSTEM; }
"""


def test_code_that_cannot_leave_is_retired_and_counted(start_broker, topic, tmp_path):
    path = compile_plugin(tmp_path / "mark.so", marking("1"), flags=["-Wl,-z,nodelete"])
    broker = start_broker(plugins=plugins(mark=path), routes=MARKED, limits={"retired_libraries": 1})
    client = broker.connect()
    client.subscribe((topic, 1))
    compile_plugin(path, marking("2"), flags=["-Wl,-z,nodelete"])
    mark = broker.mark()
    broker.expect_reload()
    assert version_seen(client, topic) == ["2"]
    broker.wait_for_log("retired", mark)
    compile_plugin(path, marking("3"), flags=["-Wl,-z,nodelete"])
    broker.expect_refusal("limits.retired_libraries")
    assert version_seen(client, topic) == ["2"]


BYTES = """
#include <graftmq/plugin.h>
#include <stdio.h>
GMQ_PLUGIN("mark", VERSION);

static void count(gmq_call *call, gmq_publish *packet, const char *name, gmq_view bytes, char *text)
{
    snprintf(text, 16, "%d", bytes.length == 0 ? 1 : atoi_of(bytes) + 1);
    (void)gmq_publish_add_user_property(call, packet, gmq_view_of(name), gmq_view_of(text));
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_client *client = gmq_call_client(call);
    char text[16], stored[16];
    count(call, packet, "client", gmq_client_bytes(call, client), text);
    (void)gmq_client_set_bytes(call, client, gmq_view_of(text));
    count(call, packet, "session", gmq_session_bytes(call, client), text);
    (void)gmq_session_set_bytes(call, client, gmq_view_of(text));
    size_t length = gmq_plugin_bytes(gmq_call_plugin(call), stored, sizeof stored);
    count(call, packet, "plugin", gmq_view_make(stored, length), text);
    (void)gmq_plugin_set_bytes(gmq_call_plugin(call), text, strlen(text));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


def counting(version):
    head = f'#define VERSION "{version}"\n'
    atoi = ("static int atoi_of(gmq_view view)\n{\n    int value = 0;\n    for (size_t i = 0; i < view.length; i++)\n"
            "        value = value * 10 + (view.data[i] - '0');\n    return value;\n}\n")
    return head + BYTES.replace("\nstatic void count", "\n" + atoi + "\nstatic void count", 1)


def test_bytes_kept_by_the_broker_outlive_the_swap(start_broker, topic, tmp_path):
    path = compile_plugin(tmp_path / "mark.so", counting("1"))
    broker = start_broker(plugins=plugins(mark=path), routes=MARKED)
    name = unique()
    client = broker.connect(name, **lasting(5))
    client.subscribe((topic, 1))
    assert version_seen(client, topic) == ["1", "1", "1"]
    for number in range(2, 5):
        compile_plugin(path, counting(str(number)))
        broker.expect_reload()
        assert version_seen(client, topic) == [str(number)] * 3
    client.disconnect()
    client = broker.connect(name, **lasting(5))
    assert version_seen(client, topic) == ["1", "5", "5"], "those of the connection ended with it"
    other = broker.connect()
    other.subscribe((topic + "2", 1))
    assert version_seen(other, topic + "2") == ["1", "1", "6"]


DEFERRING = """
#include <graftmq/plugin.h>
#include <stdatomic.h>
#include <unistd.h>
#include <stdlib.h>
#include <stdio.h>
GMQ_PLUGIN("mark", VERSION);

/* A job waits for the file to appear, so the test decides when the verdict comes. */
struct wait { gmq_deferral *deferral; char path[512]; };

static gmq_verdict go_on(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)data;
    if (call != NULL)
        (void)gmq_packet_add_user_property(call, packet, GMQ_VIEW("version"), GMQ_VIEW(VERSION));
    return GMQ_NEXT;
}

static void work(void *data)
{
    struct wait *wait = data;
    for (int i = 0; i < 60000 && access(wait->path, F_OK) != 0; i++)
        usleep(1000);
    gmq_resume_with(wait->deferral, go_on, NULL);
    free(wait);
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    struct wait *wait = malloc(sizeof *wait);
    gmq_view path = gmq_settings_string(gmq_call_settings(call), "file", "");
    snprintf(wait->path, sizeof wait->path, "%.*s", (int)path.length, path.data);
    wait->deferral = gmq_defer(call, 60000, GMQ_CLOSE);
    (void)gmq_job_start(call, work, NULL, wait);
    return GMQ_DEFER;
}
GMQ_HANDLER(PUBLISH, on_publish);
"""


def test_a_deferred_packet_is_handled_by_the_generation_that_took_it(start_broker, topic, tmp_path):
    """And the client's packets behind it wait, and are then handled by the new one, in order."""
    path = compile_plugin(tmp_path / "mark.so", '#define VERSION "1"\n' + DEFERRING)
    go = tmp_path / "go"
    broker = start_broker(plugins={**plugins(), "mark": {"path": str(path), "settings": {"file": str(go)}}}, routes=MARKED)
    watcher, client = broker.connect(), broker.connect()
    watcher.subscribe((topic, 1))
    client.send(mqtt.publish(topic, b"one", 1, packet_identifier=1), mqtt.publish(topic, b"two", 1, packet_identifier=2),
                mqtt.pingreq())
    watcher.ping()

    compile_plugin(path, marking("2"))
    mark = broker.mark()
    broker.expect_reload()
    watcher.expect_nothing(watcher)
    assert "is gone" not in broker.log(mark)
    go.touch()
    client.expect(mqtt.PUBACK, packet_identifier=1)
    client.expect(mqtt.PUBACK, packet_identifier=2)
    client.expect(mqtt.PINGRESP)
    assert watcher.expect_publish(topic, b"one", 1).all("user_property") == [("version", "1")]
    assert watcher.expect_publish(topic, b"two", 1).all("user_property") == [("version", "2")]
    broker.wait_for_log("is gone", mark)


CALLBACKS = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("mark", VERSION);
static void say(gmq_call *call, const char *what)
{
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "%s in %s on %u", what, VERSION, gmq_call_worker(call));
}
static void on_start(gmq_call *call) { say(call, "start"); }
static void on_worker_start(gmq_call *call) { say(call, "worker_start"); }
static void on_worker_stop(gmq_call *call) { say(call, "worker_stop"); }
static void on_reload(gmq_call *call) { say(call, "reload"); }
static void on_stop(gmq_call *call) { say(call, "stop"); }
GMQ_CALLBACK(START, on_start);
GMQ_CALLBACK(WORKER_START, on_worker_start);
GMQ_CALLBACK(WORKER_STOP, on_worker_stop);
GMQ_CALLBACK(RELOAD, on_reload);
GMQ_CALLBACK(STOP, on_stop);
"""


def test_callbacks_frame_the_life_of_each_version(start_broker, workers, tmp_path):
    path = compile_plugin(tmp_path / "mark.so", '#define VERSION "1"\n' + CALLBACKS)
    names = ("start", "worker_start", "worker_stop", "reload", "stop")
    broker = start_broker(plugins=plugins(mark=path), callbacks={name: f"mark:on_{name}" for name in names})
    broker.wait_for_log("start in 1 on 0$")
    for number in range(workers):
        broker.wait_for_log(f"worker_start in 1 on {number}")
    compile_plugin(path, '#define VERSION "2"\n' + CALLBACKS)
    mark = broker.mark()
    broker.expect_reload()
    broker.wait_for_log("reload in 2 on 0", mark)
    for number in range(workers):
        broker.wait_for_log(f"worker_start in 2 on {number}", mark)
        broker.wait_for_log(f"worker_stop in 1 on {number}", mark)
    broker.wait_for_log("is gone", mark)
    assert "plugin mark: start in 2" not in broker.log()
    broker.stop()
    assert "stop in 2 on 0" in broker.log(mark)
    for number in range(workers):
        assert f"worker_stop in 2 on {number}" in broker.log(mark)


def test_two_sighups_in_a_row_are_two_reloads_or_one(marked, client, mark, topic):
    import signal
    compile_plugin(mark, marking("2"))
    for _ in range(20):
        marked.process.send_signal(signal.SIGHUP)
    assert "serves" in marked.reload()
    compile_plugin(mark, marking("3"))
    marked.expect_reload()
    # One more for whichever of the many was still under way.
    marked.expect_reload()
    assert version_seen(client, topic) == ["3"]


def test_the_configuration_may_move_to_another_folder_of_plugins(marked, client, mark, topic, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(mark, elsewhere / "mark.so")
    mark.unlink()
    config = marked.config
    config["plugins"]["mark"]["path"] = str(elsewhere / "mark.so")
    marked.expect_reload(config)
    assert version_seen(client, topic) == ["1"]


def test_a_relative_path_is_beside_the_configuration(start_broker, topic, tmp_path):
    broker = start_broker()
    compile_plugin(broker.folder / "beside.so", marking("beside"))
    broker.expect_reload({**broker.config, "plugins": plugins(mark="beside.so"), "routes": MARKED})
    client = broker.connect()
    client.subscribe((topic, 1))
    assert version_seen(client, topic) == ["beside"]
