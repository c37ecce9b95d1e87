"""Two clients that have nothing to do with what is tested, and must not notice it: QoS 1 messages from one to the other without a
pause, which must all come, in order, and in time.

    with Bystander(broker, version) as bystander:
        ...                     # what others do wrong
    print(bystander.worst)      # the longest that a message took, in seconds
"""

import threading
import time

from . import packet as mqtt
from . import settings
from .client import unique

# Machines that run tests are busy ones: this is to see a broker that stands still, not one that is slow.
WORST = settings.LIMIT / 5
PAUSE = 0.002


NO_RETAINED = 0x20  # retain handling: what somebody else has left behind before doesn't count


class Bystander:
    """`version` is the publisher's. `silence`: topic filters of which nothing may be published while it watches. `pause`: seconds between
    two messages."""

    def __init__(self, broker, version, silence=(), pause=PAUSE):
        self.pause = pause
        self.topic = unique("bystander")
        self.publisher, self.subscriber = broker.connect(version=version), broker.connect()
        self.subscriber.subscribe((self.topic, 1), *((each, NO_RETAINED) for each in silence))
        self.count = 0
        self.worst = 0.0
        self.problem = None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, traceback):
        self.is_over.set()
        self.thread.join()
        if kind is None:
            assert self.problem is None, f"the bystander suffered: {self.problem}"
            self._exchange()  # and what others have caused until now has come before this one
            assert self.worst < WORST, f"a bystander's message took {self.worst:.3f} s"
        self.publisher.close()
        self.subscriber.close()

    def _run(self):
        try:
            while not self.is_over.wait(self.pause):
                self._exchange()
        except Exception as problem:  # told in the test's own thread
            self.problem = f"{type(problem).__name__}: {problem}"

    def _exchange(self):
        self.count += 1
        begin = time.monotonic()
        identifier = self.publisher.next_identifier()
        self.publisher.send(mqtt.publish(self.topic, str(self.count), 1, packet_identifier=identifier,
                                         version=self.publisher.version))
        self.subscriber.expect_publish(self.topic, str(self.count), 1)
        self.publisher.expect(mqtt.PUBACK, packet_identifier=identifier)
        self.worst = max(self.worst, time.monotonic() - begin)
