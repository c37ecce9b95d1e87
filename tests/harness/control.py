"""graftctl, and its socket without it."""

import json
import os
import socket
import subprocess

from . import settings
from .broker import ENVIRONMENT

GRAFTCTL = settings.BUILD / "graftctl"


def control_path(broker):
    return broker.wait_for_log(r"control: listening on (\S+)").group(1)


def graftctl(*arguments, limit=settings.LIMIT, **environment):
    """The program: its result, with text."""
    variables = {name: value for name, value in os.environ.items() if name != "GRAFTMQ_CONTROL"}
    return subprocess.run([str(GRAFTCTL), *map(str, arguments)], capture_output=True, text=True, timeout=limit,
                          env={**variables, **ENVIRONMENT, "LC_ALL": "C.UTF-8", **environment})


class Control:
    """A broker's control: graftctl is called with its socket."""

    def __init__(self, broker):
        self.path = control_path(broker)

    def run(self, *arguments, code=0):
        done = graftctl("--control", self.path, *arguments)
        assert done.returncode == code, f"graftctl {arguments} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def lines(self, *arguments, code=0):
        """What it prints with --json."""
        return [json.loads(line) for line in self.run(*arguments, "--json", code=code).stdout.split("\n")[:-1]]

    def line(self, *arguments, code=0):
        lines = self.lines(*arguments, code=code)
        assert len(lines) == 1, lines
        return lines[0]

    def names(self, *arguments):
        return sorted(self.run(*arguments, "--names").stdout.split("\n")[:-1])

    def open(self):
        return Raw(self.path)


class Raw:
    """A connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(settings.LIMIT)
        self.socket.connect(path)
        self.bytes = b""

    def send(self, request):
        """Bytes as they are, or an object."""
        self.socket.sendall(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")

    def ask(self, command, **arguments):
        self.send({"version": 1, "command": command, **arguments})
        return self.answer()

    def line(self):
        """The next line; None: the broker has ended the connection."""
        while b"\n" not in self.bytes:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.bytes += more
        line, self.bytes = self.bytes.split(b"\n", 1)
        return json.loads(line)

    def answer(self):
        """The lines up to the last one of an answer."""
        lines = [self.line()]
        while lines[-1]["type"] != "end":
            lines.append(self.line())
        return lines

    def expect_end(self):
        """The broker ends the connection; what it had sent before is read."""
        while self.line() is not None:
            pass

    def close(self):
        self.socket.close()
