"""A raw client: a socket, a decoder, and waiting with a limit. It acknowledges nothing by itself."""

import collections
import itertools
import os
import socket
import time

from . import packet as mqtt
from .settings import IS_FOREIGN, LIMIT

_serial = itertools.count(1)


def unique(prefix="x"):
    """A name that no other test uses, in whatever process it runs."""
    return f"{prefix}-{os.getpid()}-{next(_serial)}"


def lasting(version, expiry=3600):
    """What CONNECT needs for a session that outlives the connection."""
    return {"clean": False, **({"properties": {"session_expiry_interval": expiry}} if version >= 5 else {})}


class Closed(Exception):
    """The broker closed the connection where a packet was expected."""


class Client:
    """`address`: a (host, port) pair, or the path of a unix socket."""

    def __init__(self, address, version=5):
        self.version = version
        self.inbox = collections.deque()  # packets that were read while another one was waited for
        self.aliases = {}
        self.buffer = bytearray()
        self.is_closed = False
        self.connack = None
        self.client_identifier = None
        self.identifiers = itertools.cycle(range(1, 65536))
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(LIMIT)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout=LIMIT)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # ---- bytes and packets ----

    def send(self, *packets):
        """Sends packets (bytes), all in one write."""
        self.socket.settimeout(LIMIT)
        self.socket.sendall(b"".join(packets))

    def _fill(self, deadline):
        """Reads once; False at the end of the connection."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 20)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        self.buffer += data
        return bool(data)

    def _cut(self):
        """The first whole packet of the buffer, or None."""
        length = shift = 0
        for at in range(1, 6):
            if at >= len(self.buffer):
                return None
            if at == 5:
                raise mqtt.Malformed("a remaining length of more than four bytes")
            length |= (self.buffer[at] & 127) << shift
            shift += 7
            if not self.buffer[at] & 128:
                break
        end = at + 1 + length
        if len(self.buffer) < end:
            return None
        first, body = self.buffer[0], bytes(self.buffer[at + 1:end])
        del self.buffer[:end]
        packet = mqtt.decode(first, body, self.version, end)
        if packet.type == mqtt.PUBLISH:
            packet.wire_topic = packet.topic
            alias = packet.get("topic_alias")
            if alias is not None and packet.topic:
                self.aliases[alias] = packet.topic
            elif alias is not None:
                packet.topic = self.aliases[alias]
            elif not packet.topic:
                raise mqtt.Malformed("PUBLISH with neither topic nor alias")
        return packet

    def _read(self, limit):
        deadline = time.monotonic() + limit
        while True:
            packet = self._cut()
            if packet is not None:
                return packet
            if self.is_closed or not self._fill(deadline):
                self.is_closed = True
                raise Closed

    def receive(self, limit=LIMIT, wanted="a packet"):
        """The next packet."""
        if self.inbox:
            return self.inbox.popleft()
        try:
            return self._read(limit)
        except TimeoutError:
            raise AssertionError(f"expected {wanted}, got nothing within {limit:g} s") from None
        except Closed:
            raise AssertionError(f"expected {wanted}, but the broker closed the connection") from None

    def expect(self, packet_type, limit=LIMIT, **fields):
        """The next packet must be of this type and have these fields; other names are taken for properties."""
        wanted = f"{mqtt.NAMES[packet_type]}({', '.join(f'{k}={v!r}' for k, v in fields.items())})"
        packet = self.receive(limit, wanted)
        assert packet.type == packet_type, f"expected {wanted}, got {packet}"
        for name, value in fields.items():
            if isinstance(value, str) and name == "payload":
                value = value.encode()
            got = packet.get(name) if name in mqtt.PROPERTIES else getattr(packet, name)
            assert got == value, f"expected {wanted}, got {packet}"
        return packet

    def take(self, packet_type, limit=LIMIT):
        """The next packet of this type; others that come before it are kept for later."""
        for packet in self.inbox:
            if packet.type == packet_type:
                self.inbox.remove(packet)
                return packet
        deadline = time.monotonic() + limit
        while True:
            try:
                packet = self._read(deadline - time.monotonic())
            except TimeoutError:
                raise AssertionError(f"expected {mqtt.NAMES[packet_type]} within {limit:g} s, got "
                                     f"{[str(each) for each in self.inbox]}") from None
            except Closed:
                raise AssertionError(f"expected {mqtt.NAMES[packet_type]}, but the broker closed the connection after "
                                     f"{[str(each) for each in self.inbox]}") from None
            if packet.type == packet_type:
                return packet
            self.inbox.append(packet)

    def expect_closed(self, limit=LIMIT):
        """The broker closes without another word."""
        assert not self.inbox, f"expected the end of the connection, got {self.inbox[0]}"
        try:
            packet = self._read(limit)
        except TimeoutError:
            raise AssertionError(f"expected the end of the connection within {limit:g} s") from None
        except Closed:
            return
        raise AssertionError(f"expected the end of the connection, got {packet}")

    def expect_end(self, reason, limit=LIMIT):
        """The broker ends the connection: DISCONNECT with one of these reasons first if this is MQTT 5.0.

        Ours does. The standard leaves it to the broker whether it gives a reason (5.0, 4.13), so others may just close."""
        packet = None
        if self.version >= 5 and not (IS_FOREIGN and self._is_at_end(limit)):
            reasons = reason if isinstance(reason, (set, tuple, list)) else {reason}
            packet = self.expect(mqtt.DISCONNECT, limit)
            assert packet.reason in reasons, f"expected DISCONNECT with {[hex(each) for each in reasons]}, got {packet}"
        self.expect_closed(limit)
        return packet

    def expect_turned_away(self, *reasons, limit=LIMIT):
        """The broker ends a connection that it has not let in: if it says a word, that is a CONNACK that refuses (with one
        of these reasons)."""
        assert not self.inbox, f"expected the end of the connection, got {self.inbox[0]}"
        try:
            packet = self._read(limit)
        except TimeoutError:
            raise AssertionError(f"expected the end of the connection within {limit:g} s") from None
        except Closed:
            return
        is_refusal = packet.type == mqtt.CONNACK and packet.reason >= (0x80 if self.version >= 5 else 1)
        assert is_refusal and (not reasons or packet.reason in reasons), f"expected a refusal with {reasons}, got {packet}"
        assert packet.session_present is False, packet
        self.expect_closed(limit)

    def _is_at_end(self, limit):
        """True: the broker closes without another word. A packet that comes is kept."""
        if not self.inbox:
            try:
                self.inbox.append(self._read(limit))
            except TimeoutError:
                raise AssertionError(f"expected the end of the connection within {limit:g} s") from None
            except Closed:
                return True
        return False

    def expect_nothing(self, publisher):
        """Nothing is on the way to this client of what `publisher` (another client, or this one) has caused so far.

        Shown by a message that takes the same way and must come first."""
        topic = unique("barrier")
        self.send(mqtt.subscribe(65535, [(topic, 0)], self.version))
        self.take(mqtt.SUBACK)
        publisher.send(mqtt.publish(topic, version=publisher.version))
        packet = self.receive(wanted="the barrier")
        assert packet.type == mqtt.PUBLISH and packet.topic == topic, f"expected nothing more, got {packet}"
        self.send(mqtt.unsubscribe(65535, [topic], self.version))
        self.take(mqtt.UNSUBACK)
        # A wildcard subscription may have matched it as well.
        self.inbox = collections.deque(each for each in self.inbox if each.topic != topic)

    # ---- whole exchanges ----

    def connect(self, client_identifier=None, reason=0, **fields):
        """CONNECT (fields as of packet.connect) and the CONNACK, which must have this reason."""
        self.client_identifier = unique("client") if client_identifier is None else client_identifier
        fields.setdefault("version", self.version)
        self.send(mqtt.connect(self.client_identifier, **fields))
        self.connack = self.expect(mqtt.CONNACK, reason=reason)
        return self.connack

    def expect_refusal(self, reasons=(), return_code=None):
        """The CONNECT that was sent is turned down. MQTT 5.0 lets the broker say why in CONNACK, with one of `reasons`;
        before, it says so with the one `return_code` that there is for it, or else nothing [MQTT-3.1.4-1]."""
        try:
            packet = self._read(LIMIT)
        except Closed:
            assert self.version >= 5 or return_code is None, f"expected CONNACK with return code {return_code}"
            return
        except TimeoutError:
            raise AssertionError(f"expected a refusal within {LIMIT:g} s") from None
        assert packet.type == mqtt.CONNACK, f"expected a refusal, got {packet}"
        allowed = set(reasons) if self.version >= 5 else {return_code} - {None}
        assert packet.reason in allowed, f"expected a refusal with {sorted(map(hex, allowed))}, got {packet}"
        assert packet.session_present is False, packet
        self.expect_closed()

    def next_identifier(self):
        return next(self.identifiers)

    def subscribe(self, *filters, properties=None):
        """Filters are texts or (text, options byte). Returns the SUBACK's reasons."""
        identifier = self.next_identifier()
        entries = [each if isinstance(each, tuple) else (each, 0) for each in filters]
        self.send(mqtt.subscribe(identifier, entries, self.version, properties))
        packet = self.take(mqtt.SUBACK)
        assert packet.packet_identifier == identifier, packet
        assert len(packet.reasons) == len(filters), packet
        return packet.reasons

    def unsubscribe(self, *filters):
        identifier = self.next_identifier()
        self.send(mqtt.unsubscribe(identifier, filters, self.version))
        packet = self.take(mqtt.UNSUBACK)
        assert packet.packet_identifier == identifier, packet
        return packet.reasons

    def publish(self, topic, payload=b"", qos=0, retain=False, properties=None, dup=False):
        """PUBLISH and its whole flow. Returns the reason of PUBACK or PUBREC. A retained message is stored when it returns."""
        identifier = self.next_identifier() if qos else None
        self.send(mqtt.publish(topic, payload, qos, retain, dup, identifier, self.version, properties))
        if qos == 0:
            if retain:
                self.ping()
            return 0
        packet = self.take(mqtt.PUBACK if qos == 1 else mqtt.PUBREC)
        assert packet.packet_identifier == identifier, packet
        if qos == 2 and packet.reason < 0x80:
            self.send(mqtt.pubrel(identifier))
            done = self.take(mqtt.PUBCOMP)
            assert done.packet_identifier == identifier and done.reason == 0, done
        return packet.reason

    def expect_publish(self, topic, payload=b"", qos=0, acknowledge=True, **fields):
        """The next packet is this PUBLISH; its flow is completed."""
        packet = self.expect(mqtt.PUBLISH, topic=topic, payload=mqtt.as_bytes(payload), qos=qos, **fields)
        if acknowledge:
            self.acknowledge(packet)
        return packet

    def acknowledge(self, packet):
        if packet.qos == 1:
            self.send(mqtt.puback(packet.packet_identifier))
        elif packet.qos == 2:
            self.send(mqtt.pubrec(packet.packet_identifier))
            done = self.take(mqtt.PUBREL)
            assert done.packet_identifier == packet.packet_identifier, done
            self.send(mqtt.pubcomp(packet.packet_identifier))

    def ping(self):
        self.send(mqtt.pingreq())
        self.take(mqtt.PINGRESP)

    def disconnect(self, reason=None, properties=None):
        """DISCONNECT; the broker closes."""
        self.send(mqtt.disconnect(self.version, reason, properties))
        while True:  # messages may have been on their way
            try:
                self._read(LIMIT)
            except Closed:
                break
        self.close()

    def close(self):
        """Ends the connection without DISCONNECT."""
        self.is_closed = True
        self.socket.close()
