"""Brokers to measure: each is started afresh for every figure, on a port of its own, and ended afterwards."""

import json
import os
import pathlib
import random
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

START_LIMIT = 20  # seconds
END_LIMIT = 10


class BrokerError(Exception):
    """A broker that can't be started, or has ended by itself."""


def free_port():
    """Below the ports that the kernel gives to our own connections."""
    for _ in range(1000):
        port = random.randrange(15000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise BrokerError("there is no free port")


def descendants(process):
    """The process and what it has started, as some brokers are started by a script."""
    found = [process]
    for each in found:
        for task in pathlib.Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                pass
    return found


class Broker:
    """Any broker: `command` has {port}, and may have {workers}, to be filled in."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.process = self.port = None
        self.lines = []

    def arguments(self, folder, workers, changes):
        return [part.format(port=self.port, workers=workers) for part in shlex.split(self.command)]

    def start(self, workers=1, changes=None):
        """`changes` are those to GraftMQ's configuration."""
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.port = free_port()
        self.lines = []
        self.grown = threading.Condition()
        arguments = self.arguments(pathlib.Path(self.folder.name), workers, changes or {})
        try:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=allow_many_files)
        except OSError as failure:
            raise BrokerError(f"{self.name}: {failure}") from None
        self.follower = threading.Thread(target=self._follow, daemon=True)
        self.follower.start()
        self._await_port()

    def _follow(self):
        for line in self.process.stdout:
            with self.grown:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self.grown.notify_all()

    def _await_port(self):
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise BrokerError(f"{self.name} doesn't listen on port {self.port}: " + "\n".join(self.lines[-5:]))

    def wait_for_line(self, pattern, after, limit=START_LIMIT):
        """Waits for a line of the broker's log; returns it and the time at which it came."""
        expression = re.compile(pattern)
        with self.grown:
            if not self.grown.wait_for(lambda: any(map(expression.search, self.lines[after:])), limit):
                raise BrokerError(f"{self.name} did not log {pattern!r}: " + "\n".join(self.lines[after:]))
            return time.monotonic(), next(line for line in self.lines[after:] if expression.search(line))

    def processes(self):
        return ",".join(map(str, descendants(self.process.pid)))

    def has_ended(self):
        return self.process.poll() is not None

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(END_LIMIT)
                break
            except subprocess.TimeoutExpired:
                continue
        self.follower.join(END_LIMIT)
        self.folder.cleanup()


def allow_many_files():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class GraftMQ(Broker):
    def __init__(self, build):
        super().__init__("graftmq", str(build / "graftmq"))
        self.build = build

    def arguments(self, folder, workers, changes):
        config = {
            "workers": workers,
            "listeners": [{"name": "mqtt", "bind": "127.0.0.1", "port": self.port}],
            "plugins": {"broker": {"path": str(self.build / "plugins/broker.so")}},
            **changes,
        }
        file = folder / "graftmq.json"
        file.write_text(json.dumps(config))
        return [self.command, "--config", str(file)]


class Mosquitto(Broker):
    """Without the limits that make it drop or hold back messages, so that it does the same work."""

    CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1024
max_queued_messages 0
log_type error
"""

    def __init__(self):
        super().__init__("mosquitto", self.program())

    @staticmethod
    def program():
        return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def arguments(self, folder, workers, changes):
        file = folder / "mosquitto.conf"
        file.write_text(self.CONFIG.format(port=self.port) + ("user root\n" if os.geteuid() == 0 else ""))
        return [self.command, "-c", str(file)]


def choose(wanted, build):
    """The brokers that are asked for: presets by name, others as NAME=COMMAND; all presets that are here, if none is."""
    presets = {"graftmq": lambda: GraftMQ(build)}
    if Mosquitto.program():
        presets["mosquitto"] = Mosquitto
    brokers = []
    for each in wanted or presets:
        name, is_command, command = each.partition("=")
        if is_command and "{port}" not in command:
            raise BrokerError(f"the command of {name} must say where its port goes: {{port}}")
        if not is_command and name not in presets:
            raise BrokerError(f"\"{name}\" is neither NAME=COMMAND nor one of those known here: {', '.join(presets)}")
        brokers.append(Broker(name, command) if is_command else presets[name]())
    if len({broker.name for broker in brokers}) < len(brokers):
        raise BrokerError("two brokers have the same name")
    return brokers
