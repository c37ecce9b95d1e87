"""CONNECT (MQTT 3.1.1 and 5.0, 3.1)."""

from harness import packet as mqtt
from harness.statements import proves


@proves(v3="3.1.0-2", v5="3.1.0-2")
def test_a_second_connect_is_a_protocol_error(broker, version):
    client = broker.connect(version=version)
    client.send(mqtt.connect(client.client_identifier, version=version))
    client.expect_end(0x82)
