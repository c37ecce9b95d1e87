"""The load: the program soak_load, which is 1,000 clients, and what it tells."""

import json
import subprocess
import threading
import time


class Load:
    def __init__(self, program, port, clients, rate, stay_ms, seed, silence_ms=10000):
        self.process = subprocess.Popen([str(each) for each in (program, port, clients, rate, stay_ms, seed, silence_ms)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.changed = threading.Condition()
        self.first = {}  # by marker: what the load told of the first messages that were handled with it, one a worker
        self.is_ready = False
        self.has_ended = False
        self.progress = {}
        self.result = None
        self.follower = threading.Thread(target=self._follow, daemon=True)
        self.follower.start()

    def _follow(self):
        for line in self.process.stdout:
            told = json.loads(line)
            event = told.pop("event", "result")
            with self.changed:
                if event == "first":
                    self.first.setdefault(told["marker"], []).append(told)
                elif event == "ready":
                    self.is_ready = True
                elif event == "progress":
                    self.progress = told
                else:
                    self.result = told
                self.changed.notify_all()
        with self.changed:
            self.has_ended = True
            self.changed.notify_all()

    def wait(self, condition, what, limit=60):
        deadline = time.monotonic() + limit
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                if self.has_ended or left <= 0:
                    raise AssertionError(f"the load {'ended' if self.has_ended else f'took over {limit} s'} before {what}")
                self.changed.wait(left)

    def wait_ready(self):
        self.wait(lambda: self.is_ready, "all clients were there", 120)

    def wait_first(self, marker):
        """What is known of the first message that was handled by this configuration."""
        self.wait(lambda: marker in self.first, f"a message was handled by configuration {marker}")
        return self.first[marker][0]

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def finish(self):
        """All clients come back, everything arrives; the result."""
        self.say("end")
        self.process.wait(180)
        self.follower.join(10)
        if self.result is None:
            raise AssertionError(f"the load ended with {self.process.returncode} and no result")
        return self.result

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
