"""The course of a soak: a broker, the load, and in turns a time of rest, a time of checks alone, and reloads.

"quiet" is the traffic and nothing else. "checks" is the same while `graftmq --check` runs over and over: the work of the
preflight, in another process, without a swap. "reloads" is the same under reloads. What reloads do to latency beyond the
processor time that a check takes from everybody is the difference of the last two."""

import collections
import random
import re
import signal
import subprocess
import time

import observe
from changes import Changes, Files
from harness import settings
from harness.broker import Broker
from load import Load

GONE = re.compile(r"generation (\d+) is gone \(no worker stopped for more than (\d+) us, (\d+) us of them by the swap\)(.*)")
SERVES = re.compile(r"generation (\d+) serves: .*took \d+ ms; no worker stopped for more than (\d+) us, (\d+) us of")
UNDRAINED_MAX = 8  # generations that may be on their way out before the next reload waits

Swap = collections.namedtuple("Swap", "kind served_ms first_ms stop_us stop_own_us")


class Soak:
    def __init__(self, options, folder, tell=print):
        self.options, self.tell = options, tell
        self.random = random.Random(options.seed)
        self.files = Files(settings.BUILD, folder)
        self.changes = Changes(self.files, self.random)
        self.marker = 1
        self.broker = Broker(folder / "broker", self.changes.state.config(options.workers, self.marker))
        self.swaps, self.refusals = [], collections.Counter()
        self.markers = {1: 1}  # version of the plugin by marker of a configuration that was taken
        self.generation = 1
        self.gone = set()
        self.gone_stops = []  # (us, us of them by the swap)
        self.retired = []
        self.scanned = 0
        self.undrained_most = 0
        self.readings = []  # (reloads so far, Reading), each while nothing drains
        self.faults = []
        self.signalled = {}  # when, by marker
        self.began = self.told_at = 0.0
        self.extra = None  # a client of the listener that comes and goes
        self.load = None

    # ---- log ----

    def scan(self):
        """Takes in what the log says of generations that are gone."""
        lines = self.broker.lines
        while self.scanned < len(lines):
            match = GONE.search(lines[self.scanned])
            self.scanned += 1
            if match:
                self.gone.add(int(match[1]))
                self.gone_stops.append((int(match[2]), int(match[3])))
                if match[4]:
                    self.retired.append(match[0])

    def wait_drained(self, left=0):
        """Until at most `left` old generations are still mapped."""
        self.scan()
        for number in range(1, self.generation - left):
            if number not in self.gone:
                self.broker.wait_for_log(rf"generation {number} is gone", max(0, self.scanned - 1), limit=60)
                self.scan()

    # ---- reloads ----

    def reload(self):
        self.marker += 1
        kind, config, state = self.changes.next(self.options.workers, self.marker)
        self.broker.write_config(config)
        mark = self.broker.mark()
        signalled_ns = time.monotonic_ns()
        self.broker.process.send_signal(signal.SIGHUP)
        line = self.broker.wait_for_log(r"generation \d+ serves|reload refused", mark, limit=60).string
        served_ns = time.monotonic_ns()
        match = SERVES.search(line)
        if (match is None) != (state is None):
            self.faults.append(f"reload {self.marker}, {kind}: {'refused' if match is None else 'taken'}:\n{self.broker.log(mark)}")
        if match is None:
            self.refusals[kind] += 1
            return
        self.generation = int(match[1])
        self.changes.state = state or self.changes.state
        self.markers[self.marker] = self.changes.state.mark
        self.follow_listener()
        first = self.load.wait_first(self.marker)
        self.swaps.append(Swap(kind, (served_ns - signalled_ns) / 1e6, (first["handled_ns"] - signalled_ns) / 1e6,
                               int(match[2]), int(match[3])))
        self.signalled[self.marker] = signalled_ns
        self.scan()
        self.undrained_most = max(self.undrained_most, self.generation - 1 - len(self.gone))
        self.wait_drained(UNDRAINED_MAX)

    def follow_listener(self):
        """A client comes to the listener that was added, and stays when that is removed."""
        if self.changes.state.has_extra and self.extra is None:
            self.extra = self.broker.connect(listener="extra")
        if self.extra is not None:
            self.extra.ping()
        if self.extra is not None and not self.changes.state.has_extra:
            self.extra.close()
            self.broker.clients.clear()
            self.extra = None

    def reload_many(self, count, until):
        self.load.say("phase reloads")
        for _ in range(count):
            if time.monotonic() >= until or self.has_failed():
                break
            begin = time.monotonic()
            self.reload()
            self.progress("reloads")
            self.rest(begin + self.options.pause_ms / 1000)
        self.wait_drained()

    # ---- the other times ----

    def rest(self, until):
        """Until then the traffic alone goes on; what the load tells each second is shown."""
        while time.monotonic() < until and not self.load.has_ended:
            with self.load.changed:
                self.load.changed.wait(max(0.0, min(1.0, until - time.monotonic())))

    def quiet(self, seconds):
        self.load.say("phase quiet")
        self.rest(time.monotonic() + seconds)

    def checks(self, seconds):
        """As many checks as there would be reloads: one after the other, or one in `pause_ms`."""
        command = [*self.broker.command(), "--check"]
        self.broker.write_config(self.changes.state.config(self.options.workers, self.marker))
        self.load.say("phase checks")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                self.faults.append(f"--check of what serves: {done.stdout}{done.stderr}")
                return
            self.rest(min(end, begin + self.options.pause_ms / 1000))

    def read(self):
        self.readings.append((self.marker - 1, observe.read(self.broker.process.pid)))

    # ---- progress ----

    def has_failed(self):
        return bool(self.faults) or self.load.has_ended or self.load.progress.get("faults", 0) > 0

    def progress(self, what, is_last=False):
        now = time.monotonic()
        if now - self.told_at < self.options.progress_seconds and not is_last:
            return
        self.told_at = now
        told = self.load.progress
        self.tell(f"{now - self.began:7.1f} s  {what}: {self.marker - 1} reloads ({sum(self.refusals.values())} refused), "
                  f"{told.get('arrived', 0)} messages arrived, {told.get('returns', 0)} returns, "
                  f"{told.get('faults', 0) + len(self.faults)} faults, {observe.resident_kib(self.broker.process.pid)} KiB")

    # ---- all of it ----

    def begin(self):
        self.began = time.monotonic()
        self.broker.start()
        port = self.broker.address()[1]
        options = self.options
        self.load = Load(settings.BUILD / "tests" / "soak" / "soak_load", port, options.clients, options.rate, options.stay_ms,
                         options.seed)
        self.load.wait_ready()
        self.load.wait_first(1)

    def turns(self):
        options = self.options
        until = self.began + options.seconds if options.seconds else float("inf")
        left = options.reloads
        self.rest(time.monotonic() + options.quiet_seconds)  # warm-up
        self.reload_many(min(left, options.warm_reloads), until)
        left -= min(left, options.warm_reloads)
        for turn in range(options.turns):
            self.quiet(options.quiet_seconds)
            self.read()
            self.progress(f"turn {turn + 1}", is_last=True)
            self.checks(options.quiet_seconds)
            count = left // (options.turns - turn)
            self.reload_many(count, until)
            left -= count
            if self.has_failed() or time.monotonic() >= until:
                break
        self.quiet(options.quiet_seconds)
        self.read()

    def run(self):
        try:
            self.begin()
            self.turns()
            self.progress("end", is_last=True)
            load = self.load.finish()
            self.broker.close_clients()
            self.broker.check()
            self.broker.stop()
            return load
        finally:
            if self.load is not None:
                self.load.kill()
            self.broker.kill()

    def worker_times(self):
        """From the signal until the last worker has handled a packet with it, of the swaps that all workers have seen
        before the next."""
        times = []
        for marker, signalled_ns in self.signalled.items():
            seen = self.load.first.get(marker, [])
            if len(seen) == self.options.workers:
                times.append((max(each["handled_ns"] for each in seen) - signalled_ns) / 1e6)
        return times
