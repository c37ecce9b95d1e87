"""Every field of every packet that a client may send, wrong in every way (harness/wrong.py): the broker ends the connection, in 5.0
with the reason of the standard on the right packet, below without a word; and two bystanders notice nothing."""

import pytest

from harness import packet as mqtt
from harness import trial, wrong
from harness.bystander import Bystander
from harness.description import TOPIC, VERSIONS, descriptions
from harness.rules import CONNECT, DISCONNECT, PUBLISH
from harness.statements import proves


def groups():
    for version in VERSIONS:
        for (packet, way), cases in wrong.cases(version).items():
            identifiers = {each for case in cases for each in case.proves.split()}
            marks = proves(**{"v5" if version >= 5 else "v3": " ".join(sorted(identifiers))})
            yield pytest.param(version, packet, way, id=f"{VERSIONS[version]}-{packet}-{way}".replace(" ", "_"), marks=marks)


@pytest.mark.parametrize("version, packet, way", groups())
def test_it_ends_the_connection(broker, version, packet, way, record_property):
    cases = wrong.cases(version)[packet, way]
    with Bystander(broker, version, silence=[TOPIC]) as bystander:
        mismatches = trial.run(broker, cases)
    record_property("wrong packets", len(cases))
    record_property("bystander's worst delay in seconds", round(bystander.worst, 3))
    trial.report(mismatches, len(cases))


def acceptable():
    for version in VERSIONS:
        for description in descriptions(version):
            if description.is_acceptable:
                yield pytest.param(version, description, id=f"{VERSIONS[version]}-{description.name}".replace(" ", "_"))


@pytest.mark.parametrize("version, description", acceptable())
def test_it_is_right_before_it_is_made_wrong(broker, version, description):
    """What the wrong packets are made of is taken: whole, and cut wherever that leaves it whole."""
    body = description.body()
    for length in sorted(description.valid_ends() | {len(body)}):
        data = mqtt.frame(description.type, description.flags, body[:length])
        client = broker.open(version)
        if description.type == CONNECT:
            client.send(data)
            client.expect(mqtt.CONNACK, reason=0)
        else:
            client.send(trial.opening(version), data)
            client.expect(mqtt.CONNACK, reason=0)
        if description.type == DISCONNECT:
            client.expect_closed()
        else:
            client.ping()
        client.close()


@pytest.mark.parametrize("version", [5], ids=["5.0"])
def test_a_longer_form_of_the_remaining_length_is_wrong_in_5_0_alone(broker, version):
    """The other half of [MQTT-1.5.5-1]: 3.1.1 (2.2.3) lets a sender choose, and so does this broker."""
    for older in (3, 4):
        client = broker.connect(version=older)
        for _, length in wrong.longer_forms(0):
            client.send(b"\xc0" + length)
            client.take(mqtt.PINGRESP)


def test_publish_descriptions_go_where_the_bystander_listens():
    """Else it would not see that a wrong one was delivered."""
    assert all(description.fields[0].value == TOPIC for version in VERSIONS for description in descriptions(version)
               if description.type == PUBLISH)
