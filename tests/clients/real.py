"""Clients that others wrote, under one handle: Paho's for Python and for C, MQTT.js, and mosquitto_pub with mosquitto_sub.

Properties are dicts, by the standard's names as in harness/rules.py: {"content_type": "text/plain", "user_property": [("a", "1")]}.
"""

import atexit
import json
import pathlib
import queue
import re
import subprocess
import threading
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import rules
from harness.settings import LIMIT

PROPERTIES = {each.name: each for each in rules.PROPERTY_TABLE}
NAMES = {each.identifier: each.name for each in rules.PROPERTY_TABLE}
FOLDER = pathlib.Path(__file__).resolve().parent


@dataclass
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: dict = field(default_factory=dict)


@dataclass
class Will:
    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: dict = field(default_factory=dict)


class RealClient:
    """One client, connected. `expiry`: seconds that its session outlives it (below 5.0 any but 0: a lasting one).
    `properties`: further ones of its CONNECT. `messages`: where it puts what it gets, if several are to share that."""

    versions = (3, 4, 5)
    unasked = {}  # properties that its CONNECT always has
    subscribes_again = True  # by itself, when it is connected again without its session

    def __init__(self, address, identifier, version=5, expiry=0, clean=None, will=None, messages=None, keep_alive=60,
                 user_name=None, password=None, properties=None):
        self.host, self.port = address
        self.identifier, self.version, self.expiry, self.will = identifier, version, expiry, will
        self.keep_alive, self.user_name, self.password = keep_alive, user_name, password
        self.properties = {**({"session_expiry_interval": expiry} if expiry else {}), **(properties or {})}
        self.clean = (expiry == 0) if clean is None else clean
        self.messages = messages or queue.Queue()
        self.errors = []  # which some clients tell of
        self.connections = queue.Queue()  # session present, for each time that it was connected
        self.open()

    def connected(self):
        """Waits for the next time that it is connected; tells whether the broker knew its session."""
        try:
            return self.connections.get(timeout=LIMIT)
        except queue.Empty:
            raise AssertionError(f"{type(self).__name__} was not connected within {LIMIT:g} s, {self.errors=}") from None

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


def paho_properties(packet_type, properties):
    made = Properties(packet_type)
    for name, value in properties.items():
        setattr(made, name.title().replace("_", ""), value)
    return made


class PahoPython(RealClient):
    subscribes_again = False

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
        self.published = queue.Queue()
        client.on_publish = lambda _, __, identifier: self.published.put(identifier)
        client.reconnect_delay_set(1, 1)
        if self.user_name is not None:
            client.username_pw_set(self.user_name, self.password)
        if self.will:
            client.will_set(self.will.topic, self.will.payload, self.will.qos, self.will.retain,
                            paho_properties(PacketTypes.WILLMESSAGE, self.will.properties) if self.version == 5 else None)
        if self.version == 5:
            client.connect(self.host, self.port, self.keep_alive, clean_start=self.clean,
                           properties=paho_properties(PacketTypes.CONNECT, self.properties))
        else:
            client.connect(self.host, self.port, self.keep_alive)
        client.loop_start()
        self.session_present = self.connected()

    def _on_connect(self, flags, code):
        assert code == 0, code
        self.connections.put(bool(flags["session present"]))

    def _on_message(self, client, userdata, message):
        got = getattr(message, "properties", None)
        values = {name: getattr(got, name.title().replace("_", ""), None) for name in PROPERTIES}
        self.messages.put(Message(message.topic, message.payload, message.qos, bool(message.retain),
                                  {name: value for name, value in values.items() if value is not None}))

    def subscribe(self, pattern, qos=0):
        if self.version == 5:
            self.client.subscribe(pattern, options=SubscribeOptions(qos=qos))
        else:
            self.client.subscribe(pattern, qos)
        return self.acknowledged.get(timeout=LIMIT)

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        made = paho_properties(PacketTypes.PUBLISH, properties) if properties else None
        sent = self.client.publish(topic, payload, qos, retain, made)
        assert self.published.get(timeout=LIMIT) == sent.mid

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


def mqttjs_properties(properties):
    """By the names of MQTT.js. Flags are booleans there, user properties an object."""
    made = {}
    for name, value in properties.items():
        head, *tail = name.split("_")
        if PROPERTIES[name].kind == "byte":
            value = bool(value)
        elif PROPERTIES[name].kind == "binary":
            value = value.hex()
        made[head + "".join(each.title() for each in tail)] = value
    if "userProperty" in made:
        made["userProperties"] = users = {}
        for name, value in made.pop("userProperty"):
            users.setdefault(name, []).append(value)
    return made


class MqttJs(RealClient):
    def open(self):
        settings = {"host": self.host, "port": self.port, "clientId": self.identifier, "clean": self.clean,
                    "protocolVersion": self.version, "protocolId": "MQIsdp" if self.version == 3 else "MQTT",
                    "reconnectPeriod": 200,
                    "keepalive": self.keep_alive}
        if self.version == 5:
            settings["properties"] = mqttjs_properties(self.properties)
        if self.user_name is not None:
            settings["username"] = self.user_name
        if self.password is not None:
            settings["password"] = self.password.hex()
        if self.will:
            settings["will"] = {"topic": self.will.topic, "payload": self.will.payload.hex(), "qos": self.will.qos,
                                "retain": self.will.retain}
            if self.version == 5:
                settings["will"]["properties"] = mqttjs_properties(self.will.properties)
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
        elif event["event"] == "error":
            self.errors.append(event["text"])
        elif event["event"] == "message":
            self.messages.put(Message(event["topic"], bytes.fromhex(event["payload"]), event["qos"], event["retain"],
                                      self._received(event["properties"])))

    @staticmethod
    def _received(given):
        users = given.pop("userProperties", {})
        properties = {}
        for name, value in given.items():
            name = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
            properties[name] = {"binary": bytes.fromhex, "byte": int}.get(PROPERTIES[name].kind, lambda same: same)(value)
        if users:
            properties["user_property"] = [(name, each) for name, value in users.items()
                                           for each in (value if isinstance(value, list) else [value])]
        return properties

    def command(self, **fields):
        self.node.send(number=self.number, **fields)
        answer = self.answers.get(timeout=LIMIT)
        assert answer["error"] is None, answer
        return answer.get("granted")

    def subscribe(self, pattern, qos=0):
        return [each["qos"] for each in self.command(do="subscribe", filter=pattern, options={"qos": qos})]

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        options = {"qos": qos, "retain": retain}
        if properties:
            options["properties"] = mqttjs_properties(properties)
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


def pahoc_properties(properties):
    rows = []
    for name, value in properties.items():
        for each in value if name == "user_property" else [value]:
            values = each if isinstance(each, tuple) else [each.hex() if isinstance(each, bytes) else each]
            rows.append([PROPERTIES[name].identifier, *values])
    return rows


class PahoC(RealClient):
    """A process of its own, of the program that compile() made."""

    subscribes_again = False
    program = None

    @classmethod
    def compile(cls, path):
        subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(path),
                        str(FOLDER / "paho.c"), "-lpaho-mqtt3a", "-ljansson"], check=True)
        cls.program = path

    def open(self):
        self.answers = queue.Queue()
        self.process = start([str(self.program)], lambda line: self._on_event(json.loads(line)))
        settings = {"uri": f"tcp://{self.host}:{self.port}", "client_identifier": self.identifier, "version": self.version,
                    "clean": self.clean, "keep_alive": self.keep_alive, "properties": pahoc_properties(self.properties)}
        if self.user_name is not None:
            settings["user_name"] = self.user_name
        if self.password is not None:
            settings["password"] = self.password.hex()
        if self.will:
            settings["will"] = {"topic": self.will.topic, "payload": self.will.payload.hex(), "qos": self.will.qos,
                                "retain": self.will.retain, "properties": pahoc_properties(self.will.properties)}
        self._send(do="open", settings=settings)
        self.session_present = self.connected()

    def _on_event(self, event):
        if event["event"] == "connect":
            self.connections.put(event["sessionPresent"])
        elif event["event"] == "done":
            self.answers.put(event)
        elif event["event"] == "error":
            self.errors.append(event["error"])
        elif event["event"] == "message":
            properties = {}
            for identifier, *values in event["properties"]:
                name = NAMES[identifier]
                if len(values) == 2:
                    properties.setdefault(name, []).append(tuple(values))
                else:
                    properties[name] = bytes.fromhex(values[0]) if PROPERTIES[name].kind == "binary" else values[0]
            self.messages.put(Message(event["topic"], bytes.fromhex(event["payload"]), event["qos"], event["retain"], properties))

    def _send(self, **command):
        self.process.stdin.write((json.dumps(command) + "\n").encode())
        self.process.stdin.flush()

    def _command(self, **fields):
        self._send(**fields)
        answer = self.answers.get(timeout=LIMIT)
        assert answer["error"] is None, answer
        return answer.get("granted")

    def subscribe(self, pattern, qos=0):
        return self._command(do="subscribe", filter=pattern, qos=qos)

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        self._command(do="publish", topic=topic, payload=payload.hex(), qos=qos, retain=retain,
                      properties=pahoc_properties(properties or {}))

    def leave(self):
        self._command(do="leave")
        self.die()

    def die(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def close(self):
        if self.process.poll() is None:
            self.die()


class Mosquitto(RealClient):
    """mosquitto_sub is started with its first subscription; every message is sent by a mosquitto_pub of its own."""

    unasked = {"receive_maximum": 20}
    FORMAT = "message\t%q\t%r\t%t\t%C\t%R\t%D\t%P\t%x"

    def open(self):
        self.process = None
        self.session_present = None

    def _arguments(self):
        return ["-V", {3: "mqttv31", 4: "mqttv311", 5: "mqttv5"}[self.version], "-h", self.host, "-p", str(self.port)]

    def _properties(self, packet, properties):
        options = []
        for name, value in properties.items() if self.version == 5 else ():
            for each in value if name == "user_property" else [value]:
                values = each if isinstance(each, tuple) else [each.decode() if isinstance(each, bytes) else str(each)]
                options += ["-D", packet, name.replace("_", "-"), *values]
        return options

    def subscribe(self, pattern, qos=0):
        assert self.process is None, "one subscription each"
        self.subscribed = queue.Queue()
        command = ["stdbuf", "-oL", "mosquitto_sub", *self._arguments(), "-d", "-i", self.identifier, "-t", pattern,
                   "-q", str(qos), "-F", self.FORMAT]
        if not self.clean:
            command.append("-c")
        command += ["-k", str(self.keep_alive)]
        command += ["-u", self.user_name] if self.user_name is not None else []
        command += ["-P", self.password.decode()] if self.password is not None else []
        further = dict(self.properties)
        expiry = further.pop("session_expiry_interval", 0)
        command += ["-x", str(expiry)] if expiry else []  # with -c it has one already, which -D would repeat
        command += self._properties("connect", further)
        if self.will:
            command += ["--will-topic", self.will.topic, "--will-payload", self.will.payload.decode(),
                        "--will-qos", str(self.will.qos)]
            command += ["--will-retain"] if self.will.retain else []
            command += self._properties("will", self.will.properties)
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
            properties = {"content_type": content_type, "response_topic": response, "correlation_data": correlation.encode(),
                          "user_property": [tuple(each.split(":", 1)) for each in users.split(" ") if each]}
            self.messages.put(Message(topic, bytes.fromhex(payload), int(qos), retain == "1",
                                      {name: value for name, value in properties.items() if value}))

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        command = ["mosquitto_pub", *self._arguments(), "-t", topic, "-q", str(qos)]
        command.append("-s" if payload else "-n")
        command += ["-r"] if retain else []
        command += self._properties("publish", properties or {})
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


KINDS = {"paho-python": PahoPython, "paho-c": PahoC, "mqttjs": MqttJs, "mosquitto": Mosquitto}
VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}
EACH = [(kind, version) for kind in KINDS for version in KINDS[kind].versions]


def name_of(each):
    return f"{each[0]}-{VERSIONS[each[1]]}"
