"""A reload that can't be taken changes nothing, and one clear line says why: file, line, column and path of what is wrong
in the configuration; the plugin, its file and what happened for a .so. The old generation serves on."""

import json
import os
import pathlib
import re

import pytest

from harness import packet as mqtt
from harness.broker import new_broker, standard_config
from harness.client import unique
from harness.plugins import compile_plugin, marking
from harness.settings import IS_SANITIZED

# What is refused is refused before any worker hears of it.
pytestmark = pytest.mark.parametrize("workers", [4], ids=["4workers"], indirect=True, scope="session")

ROUTES = {"PUBLISH": ["mark:on_publish", "broker:on_publish"]}


class Steady:
    """A broker that refuses and refuses, and must not care: with a client in the middle of a QoS 2 flow."""

    def __init__(self, folder, workers):
        mark = compile_plugin(folder / "mark.so", marking("1"))
        config = standard_config(workers, routes=ROUTES, limits={"preflight_ms": 4000 if IS_SANITIZED else 1000})
        config["plugins"]["mark"] = {"path": str(mark)}
        self.folder = folder
        self.broker = new_broker(folder / "broker", config).start()
        self.topic = unique("topic")
        self.client = self.broker.connect()
        self.client.subscribe((self.topic, 2))
        self.client.publish(self.topic, b"open", 2)
        self.open = self.client.expect(mqtt.PUBLISH, payload="open", qos=2)
        self.maps = self.mapped()

    def config(self):
        """A copy to be spoilt."""
        return json.loads(json.dumps(self.broker.config))

    def mapped(self):
        return pathlib.Path(f"/proc/{self.broker.process.pid}/maps").read_text().count(".so")

    def refuses(self, config, *patterns):
        good = self.broker.config
        try:
            text = self.broker.expect_refusal(*patterns, config=config)
        finally:
            self.broker.config = good
        self.client.publish(self.topic, b"x", 1)
        packet = self.client.expect_publish(self.topic, b"x", 1)
        assert packet.all("user_property") == [("version", "1")]
        self.broker.connect().disconnect()
        assert self.mapped() == self.maps, "something of the refused plugin is still mapped"
        errors = [line for line in text.splitlines() if re.search(r"Z error ", line)]
        return errors

    def end(self):
        self.client.acknowledge(self.open)
        self.broker.close_clients()
        self.broker.stop()


@pytest.fixture(scope="module")
def steady_brokers(tmp_path_factory):
    brokers = {}
    yield brokers
    for steady in brokers.values():
        steady.end()


@pytest.fixture
def steady(request, workers, steady_brokers, tmp_path_factory):
    if workers not in steady_brokers:
        steady_brokers[workers] = Steady(tmp_path_factory.mktemp("steady"), workers)
    steady = steady_brokers[workers]
    request.node.brokers = [(steady.broker, steady.broker.mark())]
    yield steady
    try:
        steady.broker.check()
    except AssertionError:
        steady_brokers.pop(workers).broker.kill()
        raise


# ---- the configuration ----

def change(*path_and_value):
    """A function that sets a value deep inside of the configuration."""
    *path, key, value = path_and_value

    def apply(config):
        target = config
        for each in path:
            target = target[each] if isinstance(each, int) else target.setdefault(each, {})
        target[key] = value

    return apply


# name -> (what is spoilt, JSON path in the message, words in the message)
WRONG = {
    "an unknown key": (change("listenrs", []), "unknown key", "listeners"),
    "an unknown key deep inside": (change("listeners", 0, "prot", 1), r"listeners\[0\]: unknown key", "port"),
    "an unknown limit": (change("limits", "packet_size", 1), r"limits: unknown key", "packet_size"),
    "a limit of the wrong type": (change("limits", "connections", "many"), r"limits\.connections", ""),
    "a limit out of range": (change("limits", "connections", 0), r"limits\.connections", ""),
    "a limit that is no whole number": (change("limits", "connections", 1.5), r"limits\.connections", ""),
    "listeners of the wrong type": (change("listeners", {}), "listeners", ""),
    "a listener without a name": (change("listeners", [{"bind": "127.0.0.1", "port": 0}]), r"listeners\[0\]", "name"),
    "two listeners of one name": (change("listeners", [{"name": "mqtt", "bind": "127.0.0.1", "port": 0},
                                                       {"name": "mqtt", "bind": "::1", "port": 0}]),
                                  r"listeners\[1\]", "mqtt"),
    "a port out of range": (change("listeners", 0, "port", 65536), r"listeners\[0\]\.port", ""),
    "an address that is none": (change("listeners", 0, "bind", "300.1.1.1"), r"listeners\[0\]\.bind", "300"),
    "no plugin path": (change("plugins", "mark", {}), r"plugins\.mark", "path"),
    "an unknown packet type": (change("routes", "PUBLSH", "broker:on_publish"), r"routes: unknown key", "PUBLISH"),
    "a route to an unknown plugin": (change("routes", "PUBLISH", ["marc:on_publish"]), r"routes\.PUBLISH\[0\]", "mark"),
    "a route to an unknown handler": (change("routes", "PUBLISH", ["mark:on_publsh"]), r"routes\.PUBLISH\[0\]",
                                      "on_publish"),
    "a route without a handler's name": (change("routes", "PUBLISH", ["mark"]), r"routes\.PUBLISH\[0\]", ""),
    "a handler of another packet type": (change("routes", "SUBSCRIBE", "mark:on_publish"), r"routes\.SUBSCRIBE",
                                         "PUBLISH"),
    "a wrong topic filter": (change("routes", "PUBLISH", [{"handler": "mark:on_publish", "topics": ["a#"]}]),
                             r"routes\.PUBLISH\[0\]\.topics\[0\]", "a#"),
    "an unknown listener in a route": (change("routes", "PUBLISH", [{"handler": "mark:on_publish", "listeners": ["nope"]}]),
                                       r"routes\.PUBLISH\[0\]\.listeners\[0\]", "nope"),
    "an unknown version in a route": (change("routes", "PUBLISH", [{"handler": "mark:on_publish", "versions": ["6.0"]}]),
                                      r"routes\.PUBLISH\[0\]\.versions\[0\]", "6.0"),
    "arguments that are no object": (change("routes", "PUBLISH", [{"handler": "mark:on_publish", "args": 1}]),
                                     r"routes\.PUBLISH\[0\]\.args", ""),
    "an outgoing type that is none": (change("outgoing", {"PUBLIC": "mark:on_publish"}), r"outgoing: unknown key", "PUBLISH"),
    "an unknown event": (change("callbacks", {"begin": "mark:on_start"}), r"callbacks: unknown key", "worker_start"),
    "a callback that is a handler": (change("callbacks", {"start": "mark:on_publish"}), r"callbacks\.start", ""),
    "an unknown log level": (change("log", {"level": "loud"}), r"log\.level", "loud"),
    "a plugin file that isn't there": (change("plugins", "mark", "path", "/nowhere/mark.so"), r"plugins\.mark",
                                       "/nowhere/mark.so"),
}


@pytest.mark.parametrize("spoil, path, words", WRONG.values(), ids=WRONG)
def test_a_wrong_configuration_is_refused_with_its_place(steady, spoil, path, words):
    config = steady.config()
    spoil(config)
    errors = steady.refuses(config, rf"graftmq\.json:\d+:\d+: {path}(?!\w)")
    line = next(line for line in errors if re.search(rf":\d+:\d+: {path}", line))
    assert words in line


def test_the_place_is_where_it_stands(steady):
    text = json.dumps(steady.broker.config, indent=2)
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if '"limits"' in line)
    lines.insert(at + 1, '    "nosuch": 1,')
    steady.refuses("\n".join(lines), rf"graftmq\.json:{at + 2}:\d+: limits: unknown key \"nosuch\"")


@pytest.mark.parametrize("text, words", [
    ("", "graftmq.json:1:"), ("{", "graftmq.json:1:"), ('{"workers": }', "graftmq.json:1:"), ("[]", "graftmq.json:1:"),
    ('{\n  "workers": 1,\n}', "graftmq.json:3:"), ('{"workers": 1} {', "graftmq.json:1:"),
    ('{"limits": {"connections": 1, "connections": 2}}', "connections"), ("\0", "graftmq.json"),
], ids=["nothing", "half an object", "half a value", "a list", "a comma too many", "something behind it", "a key twice",
        "a zero byte"])
def test_text_that_is_no_json_is_refused_with_its_place(steady, text, words):
    steady.refuses(text, re.escape(words))


def test_all_errors_are_reported(steady):
    config = steady.config()
    for name in ("an unknown limit", "an unknown packet type", "a port out of range", "an unknown event"):
        WRONG[name][0](config)
    steady.refuses(config, '"packet_size"', '"PUBLSH"', r"listeners\[0\]\.port", '"begin"')


def test_errors_of_the_file_and_of_plugins_are_reported_together(steady, tmp_path):
    """One pass finds the unknown key, the handler that is missing, the plugin that crashes and the one that refuses."""
    config = steady.config()
    WRONG["an unknown key"][0](config)
    WRONG["a route to an unknown handler"][0](config)
    for name, kind in (("crashing", "crashes in a constructor"), ("refusing", "refuses to be loaded")):
        plugin = compile_plugin(tmp_path / f"{name}.so", BAD[kind][0])
        config["plugins"][name] = {"path": str(plugin)}
    errors = steady.refuses(config, 'unknown key "listenrs"', r"routes\.PUBLISH\[0\].*on_publish",
                            r"plugins\.crashing.*(" + CRASHED + ")", r"plugins\.refusing.*no database")
    assert len(errors) == 4 + 1, errors  # and that the reload is refused


def test_a_file_that_is_gone_is_refused(steady):
    steady.broker.write_config()
    mark = steady.broker.mark()
    steady.broker.file.rename(steady.broker.file.with_suffix(".away"))
    import signal
    steady.broker.process.send_signal(signal.SIGHUP)
    steady.broker.wait_for_log("reload refused", mark)
    assert "graftmq.json" in steady.broker.log(mark)
    steady.broker.file.with_suffix(".away").rename(steady.broker.file)


def test_another_number_of_workers_needs_a_restart(steady, workers):
    config = steady.config()
    config["workers"] = workers + 1
    WRONG["an unknown limit"][0](config)
    steady.refuses(config, '"packet_size"')
    config = steady.config()
    config["workers"] = workers + 1
    steady.refuses(config, r":\d+:\d+: workers: .*restart")


def test_a_listener_that_cannot_be_opened_refuses_the_rest(steady):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = steady.config()
        config["listeners"].append({"name": "busy", "bind": "127.0.0.1", "port": taken.getsockname()[1]})
        config["routes"] = {}
        steady.refuses(config, r":\d+:\d+: listeners\[1\].*in use")


# ---- plugins ----

def with_constructor(body):
    return marking("2", more="#include <stdlib.h>\n#include <unistd.h>\n"
                             f"__attribute__((constructor)) static void begin(void)\n{{\n{body}\n}}\n")


def with_load(body):
    return marking("2", load="loading", more="#include <stdlib.h>\n#include <unistd.h>\n"
                   f"static gmq_status loading(gmq_plugin *plugin)\n{{\n    (void)plugin;\n{body}\n    return GMQ_OK;\n}}\n")


CRASHED = r"crashed with SIG(SEGV|ABRT|TRAP)|exit\(66\)"  # the latter under a sanitizer
CRASH = "    *(volatile int *)0 = 1;"
HANG = "    for (;;)\n        pause();"
DESCRIPTOR = """
#include <graftmq/plugin.h>
GMQ_EXPORT extern const gmq_plugin_descriptor gmq_plugin_exported;
const gmq_plugin_descriptor gmq_plugin_exported = {%s, "mark", "2", NULL, NULL};
static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet) { (void)call; (void)packet; return GMQ_NEXT; }
GMQ_HANDLER(PUBLISH, on_publish);
"""
SIZE = "sizeof(gmq_plugin_descriptor)"

# name -> (C, words in the message)
BAD = {
    "crashes in a constructor": (with_constructor(CRASH), CRASHED),
    "aborts in a constructor": (with_constructor("    abort();"), "SIGABRT"),
    "exits in a constructor": (with_constructor("    exit(3);"), r"exit\(3\)"),
    "exits as if all were well": (with_constructor("    _exit(0);"), r"exit\(0\)"),
    "hangs in a constructor": (with_constructor(HANG), "preflight_ms"),
    "crashes while loading": (with_load(CRASH), CRASHED),
    "exits while loading": (with_load("    exit(0);"), r"exit\(0\)"),
    "hangs while loading": (with_load(HANG), "preflight_ms"),
    "refuses to be loaded": (with_load('    gmq_log(plugin, GMQ_LOG_ERROR, "no database");\n    return GMQ_ERROR_SYSTEM;'),
                             "no database"),
    "crashes while unloading": (marking("2", unload="ending", more="static void ending(gmq_plugin *plugin)\n{\n"
                                        "    (void)plugin;\n" + CRASH + "\n}\n"),
                                CRASHED),
    "misses a symbol": (with_load("    extern int nowhere_to_be_found(void);\n    if (nowhere_to_be_found())\n"
                                  "        return GMQ_ERROR_STATE;"), "nowhere_to_be_found"),
    "has no descriptor": ("int nothing_here = 1;", "GMQ_PLUGIN"),
    "has a descriptor with the wrong magic": (DESCRIPTOR % f"0x12345678, GMQ_ABI_MAJOR, GMQ_ABI_MINOR, {SIZE}", ""),
    "was made for the next major version": (DESCRIPTOR % f"GMQ_PLUGIN_MAGIC, GMQ_ABI_MAJOR + 1, 0, {SIZE}",
                                            r"2\.0\b.*\b1\.|1\.\d.*\b2\.0"),
    "was made for a later minor version": (DESCRIPTOR % f"GMQ_PLUGIN_MAGIC, GMQ_ABI_MAJOR, GMQ_ABI_MINOR + 7, {SIZE}",
                                           r"was built for plugin interface 1\.\d+, this broker has 1\.\d+"),
    "lacks the handler": ('#include <graftmq/plugin.h>\nGMQ_PLUGIN("mark", "2");\n', "on_publish"),
    "has the handler for another packet type": (
        '#include <graftmq/plugin.h>\nGMQ_PLUGIN("mark", "2");\n'
        "static gmq_verdict on_publish(gmq_call *call, gmq_subscribe *packet)\n"
        "{ (void)call; (void)packet; return GMQ_NEXT; }\nGMQ_HANDLER(SUBSCRIBE, on_publish);\n",
        "SUBSCRIBE.*PUBLISH|PUBLISH.*SUBSCRIBE"),
}


@pytest.mark.parametrize("source, words", BAD.values(), ids=BAD)
def test_a_bad_plugin_is_refused(steady, source, words):
    bad = compile_plugin(steady.folder / unique("bad") / "mark.so", source)
    config = steady.config()
    config["plugins"]["mark"]["path"] = str(bad)
    errors = steady.refuses(config, words)
    assert [line for line in errors if "mark" in line], "no line names the plugin"
    assert len(errors) <= 2, "one line, and that the reload is refused"


@pytest.mark.parametrize("source, words", [BAD["hangs while loading"], BAD["crashes in a constructor"]],
                         ids=["hangs", "crashes"])
def test_a_bad_plugin_written_over_a_good_one_is_refused(steady, source, words):
    path = pathlib.Path(steady.broker.config["plugins"]["mark"]["path"])
    good = path.read_bytes()
    compile_plugin(path, source)
    steady.refuses(None, words, str(path))
    path.write_bytes(good)


def spoilt(good, how):
    if how == "empty":
        return b""
    if how == "cut in half":
        return good[:len(good) // 2]
    if how == "text":
        return b"#!/bin/sh\nexit 1\n"
    if how == "for another machine":
        return good[:18] + b"\xb7\x00" + good[20:]  # e_machine: AArch64
    raise ValueError(how)


@pytest.mark.parametrize("how", ["empty", "cut in half", "text", "for another machine"])
def test_a_file_that_is_no_whole_shared_object_is_refused(steady, how):
    bad = steady.folder / unique("bad") / "mark.so"
    bad.parent.mkdir()
    bad.write_bytes(spoilt(compile_plugin(steady.folder / "good.so", marking("2")).read_bytes(), how))
    config = steady.config()
    config["plugins"]["mark"]["path"] = str(bad)
    steady.refuses(config, rf":\d+:\d+: plugins\.mark.*{re.escape(str(bad))}")


def test_a_folder_is_no_plugin(steady):
    config = steady.config()
    config["plugins"]["mark"]["path"] = str(steady.folder)
    steady.refuses(config, r"plugins\.mark")


def test_unique_symbols_are_refused_with_the_flag_that_mends_them(steady):
    """Through them version 2 would use version 1's variables."""
    source = ('#include <graftmq/plugin.h>\nextern "C" { }\n'
              'template <int N> struct counter { static int value; };\ntemplate <int N> int counter<N>::value = N;\n'
              'GMQ_PLUGIN("mark", "2");\n'
              'static gmq_verdict on_publish(gmq_call *, gmq_publish *)\n{\n    counter<7>::value++;\n    return GMQ_NEXT;\n}\n'
              'GMQ_HANDLER(PUBLISH, on_publish);\n')
    flags = ["-fvisibility=default"]
    bad = compile_plugin(steady.folder / unique("bad") / "mark.so", source, compiler="g++", flags=flags)
    config = steady.config()
    config["plugins"]["mark"]["path"] = str(bad)
    steady.refuses(config, "-fno-gnu-unique")
    mended = compile_plugin(steady.folder / unique("good") / "mark.so", source, compiler="g++",
                            flags=[*flags, "-fno-gnu-unique"])
    good = steady.broker.config
    config["plugins"]["mark"]["path"] = str(mended)
    steady.broker.expect_reload(config)
    steady.broker.expect_reload(good)


def test_after_all_refusals_a_good_reload_is_taken(steady):
    steady.broker.expect_reload()


# ---- the same at start and with --check ----

def test_a_broker_does_not_start_with_what_it_would_refuse(start_broker, tmp_path):
    bad = compile_plugin(tmp_path / "mark.so", with_load(CRASH))
    plugins = standard_config()["plugins"]
    broker = start_broker(is_ready=False, plugins={**plugins, "mark": {"path": str(bad)}})
    broker.expect_exit(1)
    assert re.search(r"graftmq\.json:\d+:\d+: plugins\.mark", broker.log())
    assert "listening on" not in broker.log()


def check(broker, config):
    """Runs graftmq --check; its exit code, and what it said."""
    import subprocess
    from harness import settings
    from harness.broker import ENVIRONMENT
    broker.folder.mkdir(parents=True, exist_ok=True)
    broker.write_config(config)
    done = subprocess.run([str(settings.PROGRAM), "--check", str(broker.file)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **ENVIRONMENT})
    return done.returncode, done.stdout + done.stderr


def test_check_says_the_same_and_serves_nothing(workers, tmp_path):
    config = standard_config(workers)
    broker = new_broker(tmp_path / "check", config)
    code, text = check(broker, config)
    assert code == 0, text
    config["plugins"]["mark"] = {"path": str(compile_plugin(tmp_path / "mark.so", with_load(CRASH)))}
    code, text = check(broker, config)
    assert code == 1 and re.search(rf"graftmq\.json:\d+:\d+: plugins\.mark.*({CRASHED})", text), text
    config["plugins"]["mark"] = {"path": str(compile_plugin(tmp_path / "mark.so", marking("1")))}
    config["limits"] = {"nosuch": 1}
    code, text = check(broker, config)
    assert code == 1 and 'unknown key "nosuch"' in text, text
    del config["limits"]
    del config["plugins"]["broker"]
    code, text = check(broker, config)
    assert code == 0 and "warning" in text and "SUBSCRIBE" in text, text
