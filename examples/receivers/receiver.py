#!/usr/bin/env python3
"""Receives webhooks with nothing but Python 3: checks the signature, decodes the pairs, prints the lead as JSON.

    WEBHOOK_SECRETS="whsec_... whsec_..." python3 receiver.py 9000

Several secrets stand side by side while one is being replaced. An answer of 2xx says: I have this lead.
A webhook can come twice: `webhook-id` is the same then, so remember the ids that you have dealt with.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

SECRETS = [base64.b64decode(s.removeprefix("whsec_")) for s in os.environ.get("WEBHOOK_SECRETS", "").split()]
TOLERANCE_SECONDS = 5 * 60
BODY_BYTES_MAX = 8 * 1024 * 1024


def is_genuine(headers, content):
    """Standard Webhooks: one of our secrets signed `id.timestamp.content`, and not long ago."""
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + content
    expected = [b"v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)) for secret in SECRETS]
    given = headers.get("webhook-signature", "").encode("latin-1").split()
    return any([hmac.compare_digest(one, other) for one in expected for other in given])


def decode(encoded):
    """`comment[0][party]=A` becomes {"comment": [{"party": "A"}]}."""
    lead = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        first, *rest = re.findall(r"[^\[\]]+", name) or [name]
        place = lead
        for key in rest:
            place, first = place.setdefault(first, {}), key
            if not isinstance(place, dict):
                raise ValueError(f"{name} stands beside a plain value")
        place[first] = value
    return as_lists(lead)


def as_lists(value):
    """Objects whose names are 0, 1, 2 … are lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: as_lists(one) for key, one in value.items()}
    return list(inner.values()) if inner and list(inner) == [str(n) for n in range(len(inner))] else inner


class Receiver(BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self):
        self.receive(self.path.partition("?")[2].encode())

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if length > BODY_BYTES_MAX:
            return self.answer(413)
        self.receive(self.rfile.read(length))

    def receive(self, content):
        if not is_genuine(self.headers, content):
            return self.answer(401)
        try:
            lead = decode(content.decode())
        except ValueError:
            return self.answer(400)
        # Here the lead goes into your system; answer only when it is safe there.
        print(json.dumps(lead, ensure_ascii=False), flush=True)
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass  # GET has phones in the URL: they do not belong in a log


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
