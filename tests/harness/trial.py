"""Wrong packets sent, each over a connection of its own and many at once; and the answers held against those that are expected."""

import socket
import time

from . import packet as mqtt
from . import settings
from .client import Client, unique
from .wrong import SILENCE

AT_ONCE = 32
SHOWN = 20  # mismatches that a failed test prints
PATIENCE = 1 if settings.IS_FOREIGN else settings.LIMIT  # others leave many open; it would take hours


def opening(version):
    """A CONNECT to stand in front. Its session lasts a second, so that DISCONNECT may have a session expiry interval."""
    properties = {"session_expiry_interval": 1} if version >= 5 else None
    return mqtt.connect(unique("wrong"), version=version, properties=properties)


def start(address, data, version):
    """A connection that has sent `data`."""
    client = Client(address, version)
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass  # what the broker has said is still there to be read
    return client


def read_to_end(client, limit=settings.LIMIT):
    """All that the broker says until it closes, as bytes; and whether it has closed in time."""
    deadline = time.monotonic() + limit
    said = bytearray()
    while (left := deadline - time.monotonic()) > 0:
        client.socket.settimeout(left)
        try:
            data = client.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        except socket.timeout:
            break
        if not data:
            return bytes(said), True
        said += data
    return bytes(said), False


def read_until(client, packet_type):
    """Reads until a packet of this type has come, or the broker has closed."""
    said = b""
    while not any(first is not None and first >> 4 == packet_type for first, _ in split(said)):
        client.socket.settimeout(settings.LIMIT)
        try:
            data = client.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return
        said += data


def split(said):
    """[(first byte, body), ...] of bytes; what is left over at the end comes as (None, bytes)."""
    found = []
    while said:
        reader = mqtt.Reader(said)
        try:
            first, length = reader.byte(), reader.varint()
            found.append((first, reader.take(length)))
        except mqtt.Malformed:
            return found + [(None, said)]
        said = said[reader.at:]
    return found


def word_to_connect(packets):
    """What a broker has answered to a wrong CONNECT: SILENCE, ("old", return code) or ("new", reason)."""
    if not packets:
        return SILENCE
    if len(packets) > 1 or packets[0][0] != mqtt.CONNACK << 4 or len(packets[0][1]) < 2 or packets[0][1][0] != 0:
        return f"not a refusal: {packets}"
    body = packets[0][1]
    if len(body) == 2:
        return "old", body[1]
    mqtt.decode(packets[0][0], body, 5, len(body) + 2)  # well-formed, and a reason of CONNACK
    return "new", body[1]


def word_to_others(packets, version):
    """What a broker has answered to a wrong packet behind a CONNECT: SILENCE, or ("new", reason) of DISCONNECT."""
    if not packets or packets[0][0] != mqtt.CONNACK << 4 or packets[0][1][1] != 0:
        return f"no CONNACK to begin with: {packets}"
    if len(packets) == 1:
        return SILENCE
    if len(packets) > 2 or packets[1][0] != mqtt.DISCONNECT << 4 or version < 5:
        return f"not a DISCONNECT alone: {packets[1:]}"
    first, body = packets[1]
    return "new", mqtt.decode(first, body, 5, len(body) + 2).reason


def allowed_words(case):
    """The words that the answer of a case allows, GraftMQ's own in front."""
    kind = "new" if case.version >= 5 else "old"
    words = [word if word is SILENCE or isinstance(word, tuple) else (kind, word)
             for word in (case.answer.new if case.version >= 5 else case.answer.old)]
    if not settings.IS_FOREIGN:
        return words[:1]
    # 4.13.1: to a wrong CONNECT a broker may say why, to others it should; that it closes is what it must.
    return words + [SILENCE] if case.version >= 5 else words


def shown(word):
    if word is SILENCE:
        return "silence"
    return f"{word[0]} {word[1]:#04x}" if isinstance(word, tuple) else str(word)


def judge(case, said, is_closed):
    """None, or what is wrong with the broker's answer."""
    try:
        packets = split(said)
        word = word_to_connect(packets) if case.is_connect else word_to_others(packets, case.version)
    except (mqtt.Malformed, UnicodeDecodeError) as problem:
        word = f"malformed, {problem}: {said.hex(' ')}"
    wanted = allowed_words(case)
    if word in wanted and is_closed:
        return None
    return (f"{case}\n    expected {' or '.join(map(shown, wanted))}, got {shown(word)}"
            f"{'' if is_closed else ', and the connection stays open'}")


def run(broker, cases, behind=b""):
    """Sends each wrong packet, behind a CONNECT unless it is one itself, and `behind` with it. Returns what went otherwise than
    expected."""
    address = broker.address()
    mismatches = []
    for begin in range(0, len(cases), AT_ONCE):
        batch = cases[begin:begin + AT_ONCE]
        clients = [start(address, (b"" if case.is_connect else opening(case.version)) + case.data + behind, case.version) for case in batch]
        for case, client in zip(batch, clients):
            # Once a group has failed nothing is gained by waiting long for the rest of it.
            mismatch = judge(case, *read_to_end(client, 0.2 if mismatches else PATIENCE))
            if mismatch is not None:
                mismatches.append(mismatch)
            client.close()
    return mismatches


def run_before_connect(broker, cases):
    """The same for what is no CONNECT and comes first: the connection is closed without a word."""
    address = broker.address()
    mismatches = []
    for case in cases:
        client = start(address, case.data, case.version)
        said, is_closed = read_to_end(client, PATIENCE)
        if said or not is_closed:
            mismatches.append(f"{case}\n    expected silence, got {said.hex(' ')}{'' if is_closed else ', and it stays open'}")
        client.close()
    return mismatches


def report(mismatches, total):
    """Fails if there are mismatches, and shows the first ones."""
    assert not mismatches, (f"{len(mismatches)} of {total} wrong packets were not answered as they should be:\n"
                            + "\n".join(mismatches[:SHOWN]) + ("\n..." if len(mismatches) > SHOWN else ""))
