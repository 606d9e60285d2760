"""What the two python-diameter peers share: a node that listens on any port, raw AVPs, JSON lines on stdout."""

import json
import logging
import os
import sys

from diameter.message import Avp, Message
from diameter.node import Node

TGPP = 10415

# The library drops an answer that it can't encode and says so only in its log.
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def fail(kind, value, trace):
    """The library's threads would keep a failed script alive."""
    sys.__excepthook__(kind, value, trace)
    os._exit(1)


sys.excepthook = fail


class AnyPort(int):
    """Port 0 that the library takes for a port: it only asks whether there is one."""

    def __bool__(self):
        return True


def new_node(host, listen, at=0):
    node = Node(host, "home.test", ip_addresses=["127.0.0.1"],
                tcp_port=AnyPort(at) if listen else None, vendor_ids=[TGPP])
    # Its 303 is that of Cx, which wants AVPs that Zh doesn't have.
    node.validate_received_request_avps = False
    node.wakeup_interval = 1
    return node


def port(node):
    return node.tcp_sockets[0].getsockname()[1]


def avp(code, vendor, value):
    return Avp.new(code, vendor, value=value, is_mandatory=True)


def raw(code, vendor, payload):
    a = Avp(code, vendor, payload)
    a.is_mandatory = True
    return a


def tell(**what):
    print(json.dumps(what), flush=True)


def flat(avps):
    """AVPs as {"code/vendor": [payload in hex or a dict for a group]}."""
    out = {}
    for a in avps:
        value = a.value
        is_group = isinstance(value, list) and value and isinstance(value[0], Avp)
        shown = flat(value) if is_group else a.payload.hex()
        out.setdefault(f"{a.code}/{a.vendor_id}", []).append(shown)
    return out


def shown(message):
    return {
        "flags": message.header.command_flags,
        "command": message.header.command_code,
        "application": message.header.application_id,
        "avps": flat(message.avps),
    }


def unhex(text):
    return bytes.fromhex(text)
