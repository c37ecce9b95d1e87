"""Reloads under continuous traffic of QoS 0, 1 and 2 from raw clients and from paho: no connection is closed, no message
lost, none of QoS 2 doubled, order kept. Prints the figures ("pytest -s" shows them)."""

import itertools
import queue
import statistics
import sys
import threading
import time

import paho.mqtt.client as paho
import pytest

from harness import packet as mqtt
from harness import settings
from harness.client import unique
from harness.plugins import another_broker_plugin, compile_plugin, marking, overwrite

ROUTES = {"PUBLISH": ["mark:on_publish", "broker:on_publish"]}
RELOADS = 8 if settings.IS_SANITIZED else 30
END = b"end"


@pytest.fixture(autouse=True)
def quick_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # so that a waiting thread sees its packet soon
    yield
    sys.setswitchinterval(before)


class Publisher(threading.Thread):
    """Sends numbered messages to its own topic until it is told to stop, and an end mark then."""

    def __init__(self, topic, qos):
        super().__init__(daemon=True)
        self.topic, self.qos = topic, qos
        self.is_stopping = threading.Event()
        self.failure = None
        self.sent = 0

    def run(self):
        try:
            while not self.is_stopping.is_set():
                self.send(b"%d" % self.sent)
                self.sent += 1
            self.send(END)
        except BaseException as failure:
            self.failure = failure

    def finish(self):
        self.is_stopping.set()
        self.join(settings.LIMIT)
        assert not self.is_alive(), f"{self.topic}: the publisher hangs after {self.sent} messages"
        if self.failure:
            raise self.failure


class RawPublisher(Publisher):
    def __init__(self, broker, version, qos):
        super().__init__(unique(f"raw{version}-qos{qos}"), qos)
        self.client = broker.connect(version=version)

    def send(self, payload):
        self.client.publish(self.topic, payload, self.qos)
        if self.qos == 0 and self.sent % 20 == 0:
            self.client.ping()


class PahoPublisher(Publisher):
    def __init__(self, broker, version, qos):
        super().__init__(unique(f"paho{version}-qos{qos}"), qos)
        self.client = paho_client(broker, version)
        self.client.publish_closed = []
        self.client.on_disconnect = lambda *arguments: self.client.publish_closed.append(arguments)

    def send(self, payload):
        sent = self.client.publish(self.topic, payload, self.qos)
        if self.qos or self.sent % 20 == 0:
            sent.wait_for_publish(settings.LIMIT)
            assert sent.is_published(), f"{self.topic}: {payload} was not acknowledged"
        if self.qos == 0 and self.sent % 20 == 0:
            time.sleep(0)  # lets the others have the interpreter

    def finish(self):
        super().finish()
        assert not self.client.publish_closed, f"{self.topic} was closed: {self.client.publish_closed}"


def paho_client(broker, version):
    client = paho.Client(unique("paho"), protocol={4: paho.MQTTv311, 5: paho.MQTTv5}[version])
    connected = queue.Queue()
    client.on_connect = lambda *arguments: connected.put(arguments)
    client.max_inflight_messages_set(20)
    client.connect(*broker.address())
    client.loop_start()
    connected.get(timeout=settings.LIMIT)
    return client


class Subscriber:
    """Collects, by topic, what it gets."""

    def __init__(self, publishers):
        self.got = {each.topic: [] for each in publishers}
        self.unfinished = set(self.got)
        self.is_finished = threading.Event()
        self.failure = None

    def take(self, topic, payload):
        self.got[topic].append(payload)
        if payload == END:
            self.unfinished.discard(topic)
            if not self.unfinished:
                self.is_finished.set()

    def check(self, publishers):
        assert self.is_finished.wait(settings.LIMIT) and not self.failure, \
            f"{self.name}: {self.failure or f'no end of {sorted(self.unfinished)}'}"
        lost = doubled = 0
        for publisher in publishers:
            wanted = [b"%d" % number for number in range(publisher.sent)] + [END]
            got = self.got[publisher.topic]
            lost += len(set(wanted) - set(got))
            doubled += len(got) - len(set(got))
            assert got == wanted, f"{self.name}: {publisher.topic}: {difference(wanted, got)}"
        return lost, doubled


def difference(wanted, got):
    at = next((at for at, pair in enumerate(itertools.zip_longest(wanted, got)) if pair[0] != pair[1]), None)
    return f"{len(wanted)} sent, {len(got)} got; from number {at} on: {wanted[at:at + 5]} became {got[at:at + 5]}"


class RawSubscriber(Subscriber, threading.Thread):
    def __init__(self, broker, version, publishers, **fields):
        threading.Thread.__init__(self, daemon=True)
        Subscriber.__init__(self, publishers)
        self.name = f"raw subscriber {version}"
        self.client = broker.connect(version=version, **fields)
        self.client.subscribe(*((topic, 2) for topic in self.got))
        self.start()

    def run(self):
        try:
            while not self.is_finished.is_set():
                packet = self.client.receive()
                if packet.type == mqtt.PUBLISH:
                    self.take(packet.topic, packet.payload)
                    if packet.qos == 1:
                        self.client.send(mqtt.puback(packet.packet_identifier))
                    elif packet.qos == 2:
                        self.client.send(mqtt.pubrec(packet.packet_identifier))
                elif packet.type == mqtt.PUBREL:
                    self.client.send(mqtt.pubcomp(packet.packet_identifier))
                else:
                    raise AssertionError(f"got {packet}")
        except BaseException as failure:
            self.failure = failure
            self.is_finished.set()


class PahoSubscriber(Subscriber):
    def __init__(self, broker, version, publishers):
        super().__init__(publishers)
        self.name = f"paho subscriber {version}"
        self.client = paho_client(broker, version)
        self.closed = []
        self.client.on_disconnect = lambda *arguments: self.closed.append(arguments)
        self.client.on_message = lambda _, __, message: self.take(message.topic, message.payload)
        subscribed = queue.Queue()
        self.client.on_subscribe = lambda *arguments: subscribed.put(arguments)
        for topic in self.got:
            self.client.subscribe(topic, 2)
        for _ in self.got:
            subscribed.get(timeout=settings.LIMIT)

    def check(self, publishers):
        assert not self.closed, f"{self.name} was closed: {self.closed}"
        return super().check(publishers)


class Probe(threading.Thread):
    """Sends to itself without a pause and notes when a packet has first passed each version of the code."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.client = broker.connect()
        self.topic = unique("probe")
        self.client.subscribe(self.topic)
        self.seen = {}
        self.changed = threading.Condition()
        self.is_stopping = False
        self.failure = None

    def run(self):
        try:
            while not self.is_stopping:
                self.client.publish(self.topic, b"")
                version = self.client.expect(mqtt.PUBLISH).get("user_property")[1]
                now = time.monotonic()
                if version not in self.seen:
                    with self.changed:
                        self.seen[version] = now
                        self.changed.notify_all()
        except BaseException as failure:
            self.failure = failure
            with self.changed:
                self.changed.notify_all()

    def wait(self, version):
        with self.changed:
            self.changed.wait_for(lambda: version in self.seen or self.failure, settings.LIMIT)
        assert not self.failure, self.failure
        return self.seen[version]

    def finish(self):
        self.is_stopping = True
        self.join(settings.LIMIT)


def milliseconds(times):
    return f"median {statistics.median(times) * 1000:.1f} ms, longest {max(times) * 1000:.1f} ms"


def reload_again(broker, probe, number, mark, broker_plugin, versions):
    """Another version of the marking plugin each time, of the standard plugin every other time. Returns the seconds from
    SIGHUP to the first packet in new code."""
    overwrite(mark, versions[number])
    if number % 2:
        overwrite(broker_plugin[0], broker_plugin[1 + number // 2 % 2])
    sighup_at = time.monotonic()
    broker.expect_reload()
    return probe.wait(f"v{number}") - sighup_at


@pytest.fixture
def swapped(start_broker, tmp_path):
    """A broker whose plugins are both changed by reloads."""
    mark = tmp_path / "mark.so"
    # One is compiled, the versions are made by changing a text in it: its length must not be known to the compiler.
    source = marking("v@@@").replace('GMQ_VIEW("v@@@")', "gmq_view_of(gmq_plugin_exported.version)")
    made = compile_plugin(tmp_path / "version.so", source).read_bytes()
    versions = [made.replace(b"v@@@\0", f"v{number}".encode().ljust(5, b"\0")) for number in range(RELOADS + 1)]
    mark.write_bytes(versions[RELOADS])
    builds = [another_broker_plugin(tmp_path / f"broker{number}.so", number).read_bytes() for number in range(2)]
    standard = tmp_path / "broker.so"
    standard.write_bytes(builds[0])
    broker = start_broker(plugins={"broker": {"path": str(standard)}, "mark": {"path": str(mark)}}, routes=ROUTES)
    return broker, mark, (standard, *builds), versions


def test_reloads_under_traffic_lose_nothing(swapped, workers):
    broker, mark, broker_plugin, versions = swapped
    publishers = [RawPublisher(broker, version, qos) for version in (4, 5) for qos in (0, 1, 2)]
    publishers += [PahoPublisher(broker, version, qos) for version, qos in ((4, 1), (5, 2), (5, 0))]
    subscribers = [RawSubscriber(broker, 4, publishers),
                   RawSubscriber(broker, 5, publishers, properties={"topic_alias_maximum": 10}),
                   RawSubscriber(broker, 5, publishers, properties={"receive_maximum": 5}),
                   PahoSubscriber(broker, 4, publishers), PahoSubscriber(broker, 5, publishers)]
    idle = [broker.connect(version=version) for version in (3, 4, 5) for _ in range(10)]
    probe = Probe(broker)
    for thread in (*publishers, probe):
        thread.start()
    probe.wait(f"v{RELOADS}")

    times = [reload_again(broker, probe, number, mark, broker_plugin, versions) for number in range(RELOADS)]

    for publisher in publishers:
        publisher.finish()
    probe.finish()
    outcome = [subscriber.check(publishers) for subscriber in subscribers]
    for client in idle:
        client.ping()
    sent = sum(publisher.sent for publisher in publishers)
    clients = len(publishers) + len(subscribers) + len(idle) + 1
    print(f"\nreload under traffic, {workers} workers, {settings.BUILD.name}: {clients} clients, {sent} messages sent, "
          f"{sent * len(subscribers)} delivered, {len(times)} reloads: lost {sum(lost for lost, _ in outcome)}, doubled "
          f"{sum(doubled for _, doubled in outcome)}, closed 0; SIGHUP to the first packet in new code: {milliseconds(times)}")
    for each in (*publishers, *subscribers):
        if isinstance(each.client, paho.Client):
            each.client.disconnect()
            each.client.loop_stop()


def test_reloads_at_rest_are_quick(swapped, workers):
    """The same time without other traffic: what the broker itself needs."""
    broker, mark, broker_plugin, versions = swapped
    probe = Probe(broker)
    probe.start()
    probe.wait(f"v{RELOADS}")
    times = [reload_again(broker, probe, number, mark, broker_plugin, versions) for number in range(RELOADS)]
    probe.finish()
    print(f"\nreload at rest, {workers} workers, {settings.BUILD.name}: {len(times)} reloads; "
          f"SIGHUP to the first packet in new code: {milliseconds(times)}")


def test_a_flow_that_spans_many_reloads_is_completed_once(swapped, version):
    """Each step of a QoS 2 flow, in both directions, in another generation."""
    broker, mark, broker_plugin, versions = swapped
    topic = unique("topic")
    publisher, subscriber = broker.connect(version=version), broker.connect(version=version)
    subscriber.subscribe((topic, 2))
    number = itertools.count()

    def swap():
        count = next(number)
        overwrite(mark, versions[count])
        overwrite(broker_plugin[0], broker_plugin[1 + (count + 1) % 2])
        broker.expect_reload()

    swap()
    publisher.send(mqtt.publish(topic, b"x", 2, packet_identifier=9, version=version))
    publisher.expect(mqtt.PUBREC, packet_identifier=9)
    packet = subscriber.expect(mqtt.PUBLISH, payload="x", qos=2, dup=False)
    swap()
    subscriber.send(mqtt.pubrec(packet.packet_identifier))
    subscriber.expect(mqtt.PUBREL, packet_identifier=packet.packet_identifier)
    swap()
    publisher.send(mqtt.pubrel(9))
    publisher.expect(mqtt.PUBCOMP, packet_identifier=9, reason=0)
    swap()
    subscriber.send(mqtt.pubcomp(packet.packet_identifier))
    subscriber.expect_nothing(publisher)
