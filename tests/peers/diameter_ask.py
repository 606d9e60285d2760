"""A node by python-diameter that calls ours and sends requests: a NAF on Zn or a BSF on Zh.

Argument: JSON {"port": number, "us": host, "them": host, "application": number,
                "requests": [{"command": number, "avps": [[code, vendor, value]]}]}
A value is an integer, {"text": ...}, {"hex": ...}, {"raw": hex} for an AVP that the library's dictionary doesn't
have, or a list of AVPs. Tells each answer as a JSON line, then "done".
"""

import json
import os
import sys
import time

from diameter.message import Message
from diameter.node.application import SimpleThreadingApplication

from diameter_common import avp, new_node, raw, shown, tell, unhex

config = json.loads(sys.argv[1])


def build(code, vendor, value):
    if isinstance(value, list):
        value = [build(*inner) for inner in value]
    elif isinstance(value, dict):
        if "raw" in value:
            return raw(code, vendor, unhex(value["raw"]))
        value = unhex(value["hex"]) if "hex" in value else value["text"]
    return avp(code, vendor, value)


node = new_node(config["us"], listen=False)
peer = node.add_peer(f"aaa://{config['them']}:{config['port']};transport=tcp", "home.test",
                     ip_addresses=["127.0.0.1"], is_persistent=True)
app = SimpleThreadingApplication(config["application"], is_auth_application=True, request_handler=lambda a, r: None)
node.add_application(app, [peer])
node.start()
try:
    app.wait_for_ready(timeout=2)
except Exception as e:  # the library's own exception types say no more than this
    tell(refused=str(e))
    os._exit(0)
for request in config["requests"]:
    m = Message()
    m.header.command_code = request["command"]
    m.header.application_id = config["application"]
    m.header.is_request = True
    m.header.is_proxyable = True
    m.avps = [build(*a) for a in request["avps"]]
    tell(answer=shown(app.send_request(m, timeout=5)))
# Says goodbye, which our server has to answer: only then is the connection gone.
node.send_dpr(next(iter(node.connections.values())))
while node.connections:
    time.sleep(0.02)
tell(done=True)
os._exit(0)
