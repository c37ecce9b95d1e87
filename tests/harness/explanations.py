"""Reason string and user properties, which a broker must leave out where they would make a packet too long for its client.

The broker seldom has much to say. So a plugin puts both onto every packet of some types that is about to be sent.
"""

from . import settings
from .plugins import compile_plugin

REASON = "r" * 200
USER = [("u" * 50, "v" * 50), ("w", "x" * 99)]
EXPLANATION_SIZE = (1 + 2 + 200) + 2 * (1 + 2 + 2 + 100)
EITHER_SIZE = 220  # of one of the two, with what it adds to the lengths in front

SOURCE = """
#include <graftmq/plugin.h>
GMQ_PLUGIN("explain", "1.0.0");

static gmq_verdict explain(gmq_call *call, gmq_packet *packet)
{
    (void)gmq_packet_set_text(call, packet, GMQ_PROPERTY_REASON_STRING, GMQ_VIEW("%(reason)s"));
    %(user)s
    return GMQ_NEXT;
}
"""
HANDLER = """
static gmq_verdict on_%(lower)s(gmq_call *call, gmq_%(lower)s *packet)
{
    return explain(call, GMQ_PACKET(packet));
}
GMQ_HANDLER(%(type)s, on_%(lower)s);
"""


def explaining(folder, *types, **plugins):
    """What start_broker() needs for packets of these types to be explained. `plugins` are further ones."""
    user = "\n    ".join(f'(void)gmq_packet_add_user_property(call, packet, GMQ_VIEW("{name}"), GMQ_VIEW("{value}"));'
                         for name, value in USER)
    source = SOURCE % {"reason": REASON, "user": user}
    source += "".join(HANDLER % {"lower": each.lower(), "type": each} for each in types)
    path = compile_plugin(folder / "explain.so", source)
    plugins = {"broker": {"path": str(settings.PLUGINS / "broker.so")}, "explain": {"path": str(path)}, **plugins}
    return {"plugins": plugins, "outgoing": {each: f"explain:on_{each.lower()}" for each in types}}


def expect_to_fit(provoke):
    """`provoke(maximum)` connects a client with this maximum packet size (None: without one), and returns the packet that
    it is sent. It is never longer, comes all the same, and is not robbed of what there is room for."""
    def is_explained(packet):
        return packet.get("reason_string") == REASON, packet.all("user_property") == USER

    whole = provoke(None)
    assert is_explained(whole) == (True, True), whole
    bare = provoke(whole.size - EXPLANATION_SIZE)
    assert not bare.properties or is_explained(bare) == (False, False), bare
    enough = bare.size + EITHER_SIZE
    for maximum in (bare.size, bare.size + 1, enough - 20, enough, whole.size - 1, whole.size):
        packet = provoke(maximum)
        assert packet.size <= maximum, f"{packet} has {packet.size} bytes, the client takes {maximum}"
        assert (packet.reason, packet.reasons) == (whole.reason, whole.reasons), packet
        assert sum(is_explained(packet)) >= (maximum >= enough) + (maximum >= whole.size), packet
