"""An HSS on Zh by python-diameter: says its port, answers MARs, tells each one, ends when stdin closes.

Argument: JSON {"bsf": host, "impi": text, "rand", "autn", "xres", "ck", "ik": hex, "guss": text}; "port" where it isn't any
"""

import json
import os
import sys

from diameter.message import Message, constants
from diameter.node.application import SimpleThreadingApplication

from diameter_common import TGPP, avp, new_node, port, shown, tell, unhex

ZH = constants.APP_3GPP_ZH
config = json.loads(sys.argv[1])


def value(message, code, vendor=0):
    found = message.find_avps((code, vendor))
    return found[0].payload if found else None


def on_request(app, request):
    tell(request=shown(request))
    m = Message()
    m.header.command_code = 303
    m.header.application_id = app.application_id
    m.header.is_proxyable = True
    m.header.hop_by_hop_identifier = request.header.hop_by_hop_identifier
    m.header.end_to_end_identifier = request.header.end_to_end_identifier
    known = value(request, 1) == config["impi"].encode()
    result = avp(268, 0, 2001) if known else avp(297, 0, [avp(266, 0, TGPP), avp(298, 0, 5401)])
    m.avps = [
        avp(263, 0, value(request, 263).decode()),
        avp(260, 0, [avp(266, 0, TGPP), avp(258, 0, ZH)]),
        result,
        avp(277, 0, 1),
        avp(264, 0, b"hss.home.test"),
        avp(296, 0, b"home.test"),
        # As a relay on the way would add it.
        avp(282, 0, b"relay.home.test"),
    ]
    if known:
        m.avps = m.avps + [
            avp(1, 0, config["impi"]),
            avp(612, TGPP, [
                avp(613, TGPP, 1),
                avp(608, TGPP, "Digest-AKAv1-MD5"),
                avp(609, TGPP, unhex(config["rand"] + config["autn"])),
                avp(610, TGPP, unhex(config["xres"])),
                avp(625, TGPP, unhex(config["ck"])),
                avp(626, TGPP, unhex(config["ik"])),
            ]),
            avp(400, TGPP, config["guss"].encode()),
        ]
    return m


node = new_node("hss.home.test", listen=True, at=config.get("port", 0))
peer = node.add_peer("aaa://" + config["bsf"], "home.test")
peer.idle_timeout = 1
app = SimpleThreadingApplication(ZH, is_auth_application=True, request_handler=on_request)
node.add_application(app, [peer])
node.start()
tell(port=port(node))
sys.stdin.read()
tell(counters={k: getattr(peer.counters, k) for k in ("cer", "dwr", "dwa", "dpr", "requests")})
# Its own way to stop takes seconds.
os._exit(0)
