"""A broker for exact topics that makes one mistake: faulty_broker.py PORT FAULT. So that what is to find mistakes can be seen
to find them. Speaks 3.1.1 with QoS 0 and 1; the message that it treats wrong is the first one with WRONG before it."""

import asyncio
import sys

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12
WRONG = 50


class FaultyBroker:
    def __init__(self, fault):
        self.fault = fault
        self.subscribers = {}  # topic -> writer
        self.published = 0
        self.held = None

    async def serve(self, reader, writer):
        handlers = {CONNECT: self.on_connect, PUBLISH: self.on_publish, SUBSCRIBE: self.on_subscribe, PINGREQ: self.on_ping}
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await read_length(reader))
                if first >> 4 in handlers:
                    handlers[first >> 4](writer, first, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def on_connect(self, writer, first, body):
        writer.write(bytes([0x20, 2, 0, 0]))

    def on_ping(self, writer, first, body):
        writer.write(bytes([0xD0, 0]))

    def on_subscribe(self, writer, first, body):
        length = int.from_bytes(body[2:4], "big")
        self.subscribers[body[4:4 + length]] = writer
        writer.write(bytes([0x90, 3, *body[:2], body[4 + length]]))

    def on_publish(self, writer, first, body):
        length = int.from_bytes(body[:2], "big")
        topic = body[2:2 + length]
        is_wrong = self.published == WRONG
        self.published += 1
        if first >> 1 & 3 == 1 and not (is_wrong and self.fault == "unanswered"):
            writer.write(bytes([0x40, 2, *body[2 + length:4 + length]]))
        packet = bytes([first]) + length_bytes(len(body)) + body
        self.deliver(topic, packet, self.fault if is_wrong else None)

    def deliver(self, topic, packet, fault):
        subscriber = self.subscribers[topic]
        if fault == "lost":
            return
        if fault == "closed":
            subscriber.close()
            return
        if fault == "reordered":
            self.held = topic, packet
            return
        if fault == "misrouted":
            subscriber = next(other for of, other in self.subscribers.items() if of != topic)
        if fault == "damaged":
            packet = packet[:-1] + bytes([packet[-1] ^ 1])
        subscriber.write(packet * (2 if fault == "doubled" else 1))
        if self.held and self.held[0] == topic:
            subscriber.write(self.held[1])
            self.held = None


async def read_length(reader):
    value = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        value |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return value


def length_bytes(value):
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


async def main(port, fault):
    server = await asyncio.start_server(FaultyBroker(fault).serve, "127.0.0.1", port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
