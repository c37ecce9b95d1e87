"""Starts a broker with a configuration of its own, on ports that the kernel chooses, and watches its log."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from . import settings
from .client import Client

SANITIZER = re.compile(r"Sanitizer|runtime error:")
LISTENING = re.compile(r"listener (?P<name>\S+): listening on (?P<place>\S+)")
RELOADED = re.compile(r"generation \d+ serves|reload refused")

ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=66:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=66",
    "TSAN_OPTIONS": "exitcode=66:second_deadlock_stack=1:history_size=4",
}


def random_address_bits():
    """By how many bits the kernel moves addresses; as many as there can be where only root may know."""
    try:
        return int(pathlib.Path("/proc/sys/vm/mmap_rnd_bits").read_text())
    except PermissionError:
        return 32


class Unsupported(Exception):
    """What another broker can't be told to do."""


class Broker:
    """A running broker. `config` is the configuration as a dict, to be changed and written again before reload()."""

    def __init__(self, folder, config):
        self.folder = pathlib.Path(folder)
        self.config = config
        self.file = self.folder / "graftmq.json"
        self.lines = []
        self.checked = 0  # lines that check_log() has seen
        self.grown = threading.Condition()
        self.has_ended = False  # the log has: all of it was read
        self.process = None
        self.clients = []
        self.is_expected_to_run = False
        self.environment = dict(ENVIRONMENT)  # over that of the test

    # ---- starting and ending ----

    def command(self):
        command = [str(settings.PROGRAM), "--config", str(self.file)]
        if settings.BUILD.name == "tsan" and random_address_bits() > 28:
            command = ["setarch", "-R"] + command  # gcc 12's TSan can't map its shadow otherwise
        return command

    def write_config(self, config=None):
        """Writes `config`: a dict, or text as it is."""
        if config is None:
            config = self.config
        if settings.IS_ISOLATED and isinstance(config, dict):
            outgoing = json.dumps(config.get("outgoing", {}))  # what is there can't be isolated
            config = {**config, "plugins": {name: {"isolate": f'"{name}:' not in outgoing, **each}
                                            for name, each in config.get("plugins", {}).items()}}
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        temporary = self.file.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(self.file)

    def start(self, is_ready=True):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_config()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, **self.environment})
        self.lines.clear()
        self.checked = 0
        self.has_ended = False
        self.follower = threading.Thread(target=self._follow, args=(self.process.stdout,), daemon=True)
        self.follower.start()
        if is_ready:
            self.is_expected_to_run = True
            for listener in self.config.get("listeners", []):
                self.wait_for_log(rf"listener {re.escape(listener['name'])}: listening on ")
            self.wait_for_log("generation 1 serves")  # else it would be taken for the outcome of a first reload
        return self

    def _follow(self, stream):
        for line in stream:
            with self.grown:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.grown.notify_all()
        stream.close()
        with self.grown:
            self.has_ended = True
            self.grown.notify_all()

    def stop(self):
        """SIGTERM; it must end in order."""
        self.is_expected_to_run = False
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.expect_exit(0)

    def expect_exit(self, code, limit=settings.LIMIT):
        self.is_expected_to_run = False
        try:
            got = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the broker has not ended within {limit:g} s\n{self.log_tail()}") from None
        self.follower.join(limit)
        self.check_log()
        assert got == code, f"the broker ended with {got}, expected {code}\n{self.log_tail()}"

    def kill(self):
        self.is_expected_to_run = False
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.follower.join(settings.LIMIT)

    def close_clients(self):
        for client in self.clients:
            client.close()
        self.clients.clear()

    def check(self):
        """It still runs, and no sanitizer has complained."""
        self.check_log()
        if self.is_expected_to_run:
            assert self.process.poll() is None, f"the broker ended with {self.process.returncode}\n{self.log_tail()}"

    def check_log(self):
        """Each line is looked at once: a broker that many tests share has a long log."""
        first, self.checked = self.checked, len(self.lines)
        for at in range(first, self.checked):
            if SANITIZER.search(self.lines[at]):
                raise AssertionError("a sanitizer complained:\n" + "\n".join(self.lines[max(0, at - 5):at + 60]))

    # ---- the log ----

    def mark(self):
        """A point in the log, to wait for what comes after it."""
        return len(self.lines)

    def log(self, after=0):
        return "\n".join(self.lines[after:])

    def log_tail(self, count=40):
        return "\n".join(self.lines[-count:])

    def wait_for_log(self, pattern, after=0, limit=settings.LIMIT):
        """The match of the first line after `after` in which the pattern is found."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + limit
        with self.grown:
            at = after
            while True:
                while at < len(self.lines):
                    match = expression.search(self.lines[at])
                    if match:
                        return match
                    at += 1
                left = deadline - time.monotonic()
                if self.has_ended or left <= 0:
                    why = "before the broker ended" if self.has_ended else f"within {limit:g} s"
                    raise AssertionError(f"no log line with {pattern!r} {why}; the log:\n" + "\n".join(self.lines[after:]))
                self.grown.wait(left)

    # ---- reload ----

    def reload(self, config=None):
        """Writes the configuration, sends SIGHUP and waits for the outcome. Returns the log since, as one text."""
        if config is not None and not isinstance(config, str):
            self.config = config
        self.write_config(config)
        mark = self.mark()
        self.process.send_signal(signal.SIGHUP)
        self.wait_for_log(RELOADED.pattern, mark)
        return self.log(mark)

    def expect_reload(self, config=None):
        text = self.reload(config)
        assert re.search(r"generation \d+ serves", text), f"expected the reload to be taken:\n{text}"
        return text

    def expect_refusal(self, *patterns, config=None):
        """The reload is refused, and each pattern stands in the log."""
        text = self.reload(config)
        assert re.search(r"reload refused", text), f"expected the reload to be refused:\n{text}"
        for pattern in patterns:
            assert re.search(pattern, text), f"expected {pattern!r} in:\n{text}"
        return text

    # ---- clients ----

    def address(self, listener="mqtt"):
        """Where a listener listens: (host, port), or the path of a unix socket. The last line about it counts."""
        for line in reversed(list(self.lines)):
            match = LISTENING.search(line)
            if match and match["name"] == listener:
                place = match["place"]
                if place.startswith("/") or place.startswith("unix:"):
                    return place.removeprefix("unix:")
                host, _, port = place.rpartition(":")
                return host.strip("[]"), int(port)
        raise AssertionError(f"no listener {listener!r} in the log:\n{self.log()}")

    def open(self, version=5, listener="mqtt"):
        """A connection that has sent nothing yet."""
        client = Client(self.address(listener), version)
        self.clients.append(client)
        return client

    def connect(self, client_identifier=None, version=5, listener="mqtt", **fields):
        """A connected client."""
        client = self.open(version, listener)
        client.connect(client_identifier, **fields)
        return client

    def resident_bytes(self):
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class Mosquitto(Broker):
    """Debian's mosquitto under the same handle, to hold the tests against. What it can't be told raises Unsupported."""

    LIMITS = {
        "packet_size_bytes": "max_packet_size",
        "queued_messages": "max_queued_messages",
        "in_flight_messages": "max_inflight_messages",
        "keep_alive_max_seconds": "max_keepalive",
    }

    def __init__(self, folder, config):
        super().__init__(folder, config)
        self.addresses = {}

    def command(self):
        return ["/usr/sbin/mosquitto", "-v", "-c", str(self.file)]

    def write_config(self, config=None):
        if set(self.config) - {"workers", "listeners", "plugins", "limits", "log"} or set(self.config["plugins"]) != {"broker"}:
            raise Unsupported("mosquitto has no plugins like ours")
        lines = ["per_listener_settings false", "allow_anonymous true", "log_timestamp false"]
        if os.geteuid() == 0:
            lines.append("user root")
        for name, value in self.config.get("limits", {}).items():
            if name not in self.LIMITS:
                raise Unsupported(f"mosquitto has no limit {name}")
            lines.append(f"{self.LIMITS[name]} {value}")
        for listener in self.config["listeners"]:
            bind = listener["bind"]
            if bind.startswith("/"):
                lines.append(f"listener 0 {bind}")
                self.addresses[listener["name"]] = bind
                continue
            family = socket.AF_INET6 if ":" in bind else socket.AF_INET
            with socket.socket(family) as probe:  # it can't choose a port itself
                probe.bind((bind, 0))
                port = probe.getsockname()[1]
            lines.append(f"listener {port} {bind}")
            self.addresses[listener["name"]] = (bind, port)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text("\n".join(lines) + "\n")

    def start(self, is_ready=True):
        super().start(is_ready=False)
        self.is_expected_to_run = True
        self.wait_for_log("mosquitto version .* running")
        return self

    def address(self, listener="mqtt"):
        return self.addresses[listener]

    def reload(self, config=None):
        raise Unsupported("mosquitto does not reload like ours")


class Elsewhere(Broker):
    """A broker that somebody else has started: it can only be connected to."""

    def start(self, is_ready=True):
        if self.config != standard_config(self.config["workers"]):
            raise Unsupported("a broker that runs already can't be configured")
        return self

    def address(self, listener="mqtt"):
        host, _, port = settings.ADDRESS.rpartition(":")
        return host.strip("[]"), int(port)

    def check(self):
        """It still takes connections."""
        Client(self.address()).close()

    def stop(self):
        pass

    kill = stop


def standard_config(workers=1, **changes):
    """The configuration most tests use: one listener on a port that the kernel chooses, the standard plugin."""
    config = {
        "workers": workers,
        "listeners": [{"name": "mqtt", "bind": "127.0.0.1", "port": 0}],
        "plugins": {"broker": {"path": str(settings.PLUGINS / "broker.so")}},
        "log": {"level": "info"},
    }
    config.update(changes)
    return config


def new_broker(folder, config):
    if settings.ADDRESS is not None:
        return Elsewhere(folder, config)
    return (Mosquitto if settings.IS_MOSQUITTO else Broker)(folder, config)
