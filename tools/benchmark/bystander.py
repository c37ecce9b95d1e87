"""What one client's act costs the others: a bystander pings the broker while others do what takes long."""

import argparse
import json
import multiprocessing
import pathlib
import socket
import struct
import sys
import time

import brokers
import tables

PAUSE = 0.0005  # seconds between the bystander's pings
QUIET = 2  # seconds of pings with nothing else going on: what this machine does by itself
LIMIT = 120


def parser():
    made = argparse.ArgumentParser(
        prog="tools/bench bystander",
        description="Measures how long a client that only pings must wait while others do something that takes long.")
    made.add_argument("names", nargs="*", metavar="ACT", help=f"these alone (default: all): {', '.join(ACTS)}")
    made.add_argument("--scale", type=float, default=1, metavar="FACTOR", help="so many of everything (default: 1)")
    made.add_argument("--workers", type=int, default=1, metavar="N", help="threads of the broker (default: 1)")
    made.add_argument("--broker", action="append", metavar="NAME[=COMMAND]", help="as for tools/bench (default: graftmq)")
    made.add_argument("--json", metavar="FILE", help="write the results as JSON, too; -: instead of the table")
    made.add_argument("--build", metavar="FOLDER", type=pathlib.Path, default=pathlib.Path("build/release"),
                      help="measure what is built there (default: build build/release first)")
    return made


# ---- as much of MQTT 5.0 as this needs ----


def text(value):
    return struct.pack(">H", len(value)) + value


def packet(first, body):
    length, left = b"", len(body)
    while True:
        left, digit = left >> 7, left & 127
        length += bytes([digit | (128 if left else 0)])
        if not left:
            return bytes([first]) + length + body


def connect(name, expiry=0):
    properties = b"\x11" + struct.pack(">I", expiry) if expiry else b""
    return packet(0x10, text(b"MQTT") + b"\x05\x02\x00\x00" + bytes([len(properties)]) + properties + text(name))


def subscribe(filters):
    return packet(0x82, b"\x00\x01\x00" + b"".join(text(each) + b"\x00" for each in filters))


def unsubscribe(filters):
    return packet(0xA2, b"\x00\x01\x00" + b"".join(map(text, filters)))


def publish(topic, payload, is_retained=False):
    return packet(0x31 if is_retained else 0x30, text(topic) + b"\x00" + payload)


PING, PONG, LEAVE = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"


class Client:
    def __init__(self, port, name, expiry=0):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(connect(name, expiry))
        self.socket.recv(256)

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, data):
        """Sends, and waits until the broker has done with it: it answers the PINGREQ behind it last."""
        self.socket.sendall(data + PING)
        got = b""
        while not got.endswith(PONG):
            more = self.socket.recv(1 << 20)
            if not more:
                raise brokers.BrokerError("the broker closed the connection")
            got = (got + more)[-2:]

    def close(self):
        self.socket.close()


def ping_all_the_time(port, is_over, results):
    """The bystander, in a process of its own. Waiting times in seconds, each with when it began."""
    client = Client(port, b"bystander")
    waits = []
    while not is_over.is_set():
        begin = time.monotonic()
        client.socket.sendall(PING)
        client.socket.recv(2)
        waits.append((begin, time.monotonic() - begin))
        time.sleep(PAUSE)
    results.put(waits)


# ---- what others do: prepare(port, count) gives the act, act() does it ----


def retained(port, count):
    writer, size = Client(port, b"writer"), 0
    for begin in range(0, count, 1000):
        some = b"".join(publish(b"kept/%d/%d" % (number % 1000, number), b"x", True)
                        for number in range(begin, min(begin + 1000, count)))
        writer.ask(some)
        size += len(some)
    reader = Client(port, b"reader")

    def act():
        reader.send(subscribe([b"kept/+/none", b"#"]))
        left = size  # they come as they were sent
        while left > 0:
            left -= len(reader.socket.recv(1 << 20))
    return act


def filters(count):
    return [b"many/%d/+/x" % number for number in range(count)]


def subscribing(port, count):
    client, packet_ = Client(port, b"many"), subscribe(filters(count))
    return lambda: client.ask(packet_)


def unsubscribing(port, count):
    client = Client(port, b"many")
    client.ask(subscribe(filters(count)))
    packet_ = unsubscribe(filters(count))
    return lambda: client.ask(packet_)


def ending(port, count):
    client = Client(port, b"many")
    client.ask(subscribe(filters(count)))

    def act():
        client.close()
        time.sleep(1)
    return act


def expiring(port, count):
    """Sessions that all expire in the same second."""
    seconds = 5 + count // 4000
    end = time.monotonic() + seconds
    for number in range(count):
        client = Client(port, b"gone-%d" % number, max(1, round(end - time.monotonic())))
        client.ask(subscribe([b"gone/%d/#" % number]))
        client.close()
    time.sleep(max(0, end - time.monotonic() - 1))
    return lambda: time.sleep(3)


def reconnecting(port, count):
    names = [b"storm-%d" % number for number in range(count)]
    for client in [Client(port, name, 3600) for name in names]:
        client.close()

    def act():
        sockets = []
        for name in names:
            each = socket.create_connection(("127.0.0.1", port), LIMIT)
            each.sendall(connect(name, 3600))
            sockets.append(each)
        for each in sockets:
            each.recv(256)
    return act


def wildcards(port, count):
    """A message for a topic that is matched by every "+" and "#" there can be on its way."""
    client = Client(port, b"wild")
    levels = 12
    kinds = [b"/".join(b"+" if number >> level & 1 else b"a" for level in range(levels)) for number in range(min(count, 1 << levels))]
    client.ask(subscribe(kinds))
    writer = Client(port, b"writer")
    return lambda: [writer.ask(publish(b"/".join([b"a"] * (levels - 1) + [b"%d" % number]), b"x")) for number in range(500)]


def slow(port, count):
    """One of many subscribers doesn't read."""
    readers = [Client(port, b"quick-%d" % number) for number in range(count)]
    for reader in readers:
        reader.ask(subscribe([b"news"]))
    lazy = Client(port, b"lazy")
    lazy.ask(subscribe([b"big/#"]))
    writer = Client(port, b"writer")
    payload = bytes(16384)

    def act():
        for _ in range(2000):  # 32 MiB, which is four times what waits for one connection
            writer.ask(publish(b"big/one", payload))
        writer.ask(publish(b"news", b"x"))
        for reader in readers:
            reader.socket.recv(64)
    return act


ACTS = {
    "retained": (1000000, retained, "SUBSCRIBE to # among {} retained messages"),
    "subscribing": (10000, subscribing, "SUBSCRIBE with {} filters"),
    "unsubscribing": (10000, unsubscribing, "UNSUBSCRIBE with {} filters"),
    "ending": (10000, ending, "the end of a session with {} subscriptions"),
    "expiring": (100000, expiring, "{} sessions expire in the same second"),
    "reconnecting": (18000, reconnecting, "{} clients reconnect"),
    "wildcards": (4096, wildcards, "messages that {} filters of + match"),
    "slow": (10000, slow, "a subscriber that doesn't read, beside {} that do"),
}


# ---- measuring ----


def measure(broker, name, options):
    count, prepare, about = ACTS[name]
    count = max(1, int(count * options.scale))
    broker.start(options.workers, {"limits": {"outgoing_bytes": 268435456 if name == "retained" else 8388608}})
    try:
        act = prepare(broker.port, count)
        is_over, results = multiprocessing.Event(), multiprocessing.Queue()
        bystander = multiprocessing.Process(target=ping_all_the_time, args=(broker.port, is_over, results))
        bystander.start()
        time.sleep(QUIET)
        begin = time.monotonic()
        act()
        end = time.monotonic()
        is_over.set()
        waits = results.get(timeout=LIMIT)
        bystander.join()
    finally:
        broker.stop()
    before = sorted(wait for at, wait in waits[10:] if at + wait < begin)
    during = sorted(wait for at, wait in waits if at + wait >= begin)
    return {"act": name, "about": about.format(f"{count:,}"), "seconds": end - begin,
            "quiet_p99_ms": 1e3 * before[int(len(before) * 0.99)], "quiet_worst_ms": 1e3 * before[-1],
            "p50_ms": 1e3 * during[len(during) // 2], "p99_ms": 1e3 * during[int(len(during) * 0.99)],
            "worst_ms": 1e3 * during[-1]}


def table(results):
    head = ["a bystander's wait for PINGRESP, in ms", "broker", "lasted, s", "before: p99", "worst", "meanwhile: p50", "p99", "worst"]
    keys = ["seconds", "quiet_p99_ms", "quiet_worst_ms", "p50_ms", "p99_ms", "worst_ms"]
    rows = [[each["about"], each["broker"]] + [tables.number_text(each[key]) for key in keys] for each in results]
    return tables.text_table(head, rows)


def main(arguments):
    options = parser().parse_args(arguments)
    options.build = options.build.resolve()
    unknown = [name for name in options.names if name not in ACTS]
    if unknown:
        parser().error(f"there is no {unknown[0]}; there are {', '.join(ACTS)}")
    brokers.allow_many_files()
    try:
        chosen = brokers.choose(options.broker or ["graftmq"], options.build)
    except brokers.BrokerError as failure:
        parser().error(str(failure))
    results, has_failed = [], False
    for name in options.names or ACTS:
        for broker in chosen:
            print(f"{name}, {broker.name} ...", file=sys.stderr, flush=True)
            try:
                results.append({"broker": broker.name, **measure(broker, name, options)})
            except (brokers.BrokerError, OSError) as failure:
                print(f"{name}, {broker.name}: FAILED: {failure}", file=sys.stderr)
                has_failed = True
    print(json.dumps(results, indent=2) if options.json == "-" else table(results))
    if options.json not in (None, "-"):
        pathlib.Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
    return 1 if has_failed else 0
