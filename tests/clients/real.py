"""Clients that others wrote, under one handle: Python paho, MQTT.js, and mosquitto_pub with mosquitto_sub."""

import atexit
import json
import pathlib
import queue
import subprocess
import threading
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness.settings import LIMIT

FOLDER = pathlib.Path(__file__).resolve().parent


@dataclass
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    content_type: str = None
    response_topic: str = None
    correlation_data: bytes = None
    user_properties: list = field(default_factory=list)


class RealClient:
    """One client, connected. `expiry`: seconds that its session outlives it (below 5.0 any but 0: a lasting one).
    `messages`: where it puts what it gets, if several are to share that."""

    versions = (3, 4, 5)

    def __init__(self, address, identifier, version=5, expiry=0, clean=None, will=None, messages=None):
        self.host, self.port = address
        self.identifier, self.version, self.expiry, self.will = identifier, version, expiry, will
        self.clean = (expiry == 0) if clean is None else clean
        self.messages = messages or queue.Queue()
        self.connections = queue.Queue()  # session present, for each time that it was connected
        self.open()

    def connected(self):
        """Waits for the next time that it is connected; tells whether the broker knew its session."""
        try:
            return self.connections.get(timeout=LIMIT)
        except queue.Empty:
            raise AssertionError(f"{type(self).__name__} was not connected within {LIMIT:g} s") from None

    def receive(self):
        try:
            return self.messages.get(timeout=LIMIT)
        except queue.Empty:
            raise AssertionError(f"{type(self).__name__} got no message within {LIMIT:g} s") from None

    def expect(self, topic, payload, qos=None, retain=False):
        message = self.receive()
        assert (message.topic, message.payload, message.retain) == (topic, payload, retain), message
        assert qos is None or message.qos == qos, message
        return message


class Paho(RealClient):
    def open(self):
        protocol = {3: paho.MQTTv31, 4: paho.MQTTv311, 5: paho.MQTTv5}[self.version]
        arguments = {} if self.version == 5 else {"clean_session": self.clean}
        self.client = client = paho.Client(self.identifier, protocol=protocol, **arguments)
        client.max_inflight_messages_set(100)
        self.acknowledged = queue.Queue()
        if self.version == 5:
            client.on_connect = lambda _, __, flags, reason, ___: self._on_connect(flags, reason.value)
            client.on_subscribe = lambda _, __, mid, reasons, ___: self.acknowledged.put([each.value for each in reasons])
        else:
            client.on_connect = lambda _, __, flags, code: self._on_connect(flags, code)
            client.on_subscribe = lambda _, __, mid, granted: self.acknowledged.put(list(granted))
        client.on_message = self._on_message
        client.reconnect_delay_set(1, 1)
        if self.will:
            topic, payload, qos, retain = self.will
            client.will_set(topic, payload, qos, retain)
        if self.version == 5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = self.expiry
            client.connect(self.host, self.port, 60, clean_start=self.clean, properties=properties)
        else:
            client.connect(self.host, self.port, 60)
        client.loop_start()
        self.session_present = self.connected()

    def _on_connect(self, flags, code):
        assert code == 0, code
        self.connections.put(bool(flags["session present"]))

    def _on_message(self, client, userdata, message):
        properties = getattr(message, "properties", None)
        self.messages.put(Message(message.topic, message.payload, message.qos, bool(message.retain),
                                  getattr(properties, "ContentType", None), getattr(properties, "ResponseTopic", None),
                                  getattr(properties, "CorrelationData", None),
                                  [tuple(each) for each in getattr(properties, "UserProperty", [])]))

    def subscribe(self, pattern, qos=0):
        if self.version == 5:
            self.client.subscribe(pattern, options=SubscribeOptions(qos=qos))
        else:
            self.client.subscribe(pattern, qos)
        return self.acknowledged.get(timeout=LIMIT)

    def publish(self, topic, payload, qos=0, retain=False, content_type=None, response_topic=None, correlation_data=None,
                user_properties=()):
        properties = None
        if self.version == 5:
            properties = Properties(PacketTypes.PUBLISH)
            if content_type:
                properties.ContentType = content_type
            if response_topic:
                properties.ResponseTopic = response_topic
            if correlation_data:
                properties.CorrelationData = correlation_data
            if user_properties:
                properties.UserProperty = list(user_properties)
        sent = self.client.publish(topic, payload, qos, retain, **({"properties": properties} if properties else {}))
        sent.wait_for_publish(LIMIT)
        assert sent.is_published()

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()

    def die(self):
        """Ends without DISCONNECT."""
        self.client.loop_stop()
        self.client._sock.close()
        self.client = None

    def close(self):
        if self.client:
            self.leave()


def start(command, on_line):
    """A process whose output is read line by line."""
    process = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def follow():
        for line in process.stdout:
            on_line(line.decode("utf-8", "replace").rstrip("\n"))
        process.stdout.close()

    threading.Thread(target=follow, daemon=True).start()
    return process


class Node:
    """The one process in which all MQTT.js clients of a test run live."""

    running = None

    def __init__(self):
        self.clients = {}
        self.process = start(["node", "mqttjs.js"], self._on_line)
        atexit.register(self.process.kill)

    @classmethod
    def the(cls):
        if cls.running is None or cls.running.process.poll() is not None:
            cls.running = cls()
        return cls.running

    def _on_line(self, line):
        event = json.loads(line)
        self.clients[event["number"]].on_event(event)

    def send(self, **command):
        self.process.stdin.write((json.dumps(command) + "\n").encode())
        self.process.stdin.flush()


class MqttJs(RealClient):
    def open(self):
        settings = {"host": self.host, "port": self.port, "clientId": self.identifier, "clean": self.clean,
                    "protocolVersion": self.version, "protocolId": "MQIsdp" if self.version == 3 else "MQTT",
                    "reconnectPeriod": 200}
        if self.version == 5:
            settings["properties"] = {"sessionExpiryInterval": self.expiry}
        if self.will:
            topic, payload, qos, retain = self.will
            settings["will"] = {"topic": topic, "payload": payload.hex(), "qos": qos, "retain": retain}
        self.answers = queue.Queue()
        self.is_over = False
        self.node = Node.the()
        self.number = len(self.node.clients)
        self.node.clients[self.number] = self
        self.node.send(number=self.number, do="open", settings=settings)
        self.session_present = self.connected()

    def on_event(self, event):
        if event["event"] == "connect":
            self.connections.put(event["sessionPresent"])
        elif event["event"] == "done":
            self.answers.put(event)
        elif event["event"] == "message":
            properties = event["properties"]
            correlation = properties.get("correlationData")
            self.messages.put(Message(
                event["topic"], bytes.fromhex(event["payload"]), event["qos"], event["retain"],
                properties.get("contentType"), properties.get("responseTopic"),
                bytes.fromhex(correlation) if correlation else None,
                [(name, each) for name, value in properties.get("userProperties", {}).items()
                 for each in (value if isinstance(value, list) else [value])]))

    def command(self, **fields):
        self.node.send(number=self.number, **fields)
        answer = self.answers.get(timeout=LIMIT)
        assert answer["error"] is None, answer
        return answer.get("granted")

    def subscribe(self, pattern, qos=0):
        return [each["qos"] for each in self.command(do="subscribe", filter=pattern, options={"qos": qos})]

    def publish(self, topic, payload, qos=0, retain=False, content_type=None, response_topic=None, correlation_data=None,
                user_properties=()):
        options = {"qos": qos, "retain": retain}
        if self.version == 5:
            users = {}
            for name, value in user_properties:
                users.setdefault(name, []).append(value)
            properties = {"contentType": content_type, "responseTopic": response_topic, "userProperties": users or None,
                          "correlationData": correlation_data and correlation_data.hex()}
            options["properties"] = {name: value for name, value in properties.items() if value}
        self.command(do="publish", topic=topic, payload=payload.hex(), options=options)

    def leave(self):
        self.is_over = True
        self.command(do="leave")

    def die(self):
        self.is_over = True
        self.command(do="die")

    def close(self):
        if not self.is_over:
            self.die()


class Mosquitto(RealClient):
    """mosquitto_sub is started with its first subscription; every message is sent by a mosquitto_pub of its own."""

    FORMAT = "message\t%q\t%r\t%t\t%C\t%R\t%D\t%P\t%x"

    def open(self):
        self.process = None
        self.session_present = None

    def _arguments(self):
        return ["-V", {3: "mqttv31", 4: "mqttv311", 5: "mqttv5"}[self.version], "-h", self.host, "-p", str(self.port)]

    def subscribe(self, pattern, qos=0):
        assert self.process is None, "one subscription each"
        self.subscribed = queue.Queue()
        command = ["stdbuf", "-oL", "mosquitto_sub", *self._arguments(), "-d", "-i", self.identifier, "-t", pattern,
                   "-q", str(qos), "-F", self.FORMAT]
        if not self.clean:
            command.append("-c")
        if self.version == 5 and self.expiry:
            command += ["-x", str(self.expiry)]
        if self.will:
            topic, payload, will_qos, retain = self.will
            command += ["--will-topic", topic, "--will-payload", payload.decode(), "--will-qos", str(will_qos)]
            command += ["--will-retain"] if retain else []
        self.process = start(command, self._on_line)
        self.connected()
        return [self.subscribed.get(timeout=LIMIT)]

    def _on_line(self, line):
        if line.startswith("Subscribed (mid: "):
            self.subscribed.put(int(line.rpartition(": ")[2]))
        elif "received CONNACK (0)" in line:
            self.connections.put(None)
        elif line.startswith("message\t"):
            _, qos, retain, topic, content_type, response, correlation, users, payload = line.split("\t")
            self.messages.put(Message(topic, bytes.fromhex(payload), int(qos), retain == "1", content_type or None,
                                      response or None, correlation.encode() or None,
                                      [tuple(each.split(":", 1)) for each in users.split(" ") if each]))

    def publish(self, topic, payload, qos=0, retain=False, content_type=None, response_topic=None, correlation_data=None,
                user_properties=()):
        command = ["mosquitto_pub", *self._arguments(), "-t", topic, "-q", str(qos)]
        command.append("-s" if payload else "-n")
        command += ["-r"] if retain else []
        if self.version == 5:
            for name, value in (("content-type", content_type), ("response-topic", response_topic),
                                ("correlation-data", correlation_data)):
                if value:
                    command += ["-D", "publish", name, value]
            for name, value in user_properties:
                command += ["-D", "publish", "user-property", name, value]
        subprocess.run(command, input=payload, check=True, timeout=LIMIT)

    def leave(self):
        if self.process:
            self.process.terminate()
            self.process.wait(LIMIT)
            self.close()

    def die(self):
        self.close()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()


KINDS = {"paho": Paho, "mqttjs": MqttJs, "mosquitto": Mosquitto}
