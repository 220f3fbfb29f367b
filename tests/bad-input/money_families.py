"""Bad news of money: webhooks that Stripe did not send so, and a Stripe that talks nonsense.

The Stripe of this system is tests/support/fake_stripe, which keeps a ledger; in front of it stands
Mumbler, which passes calls on and may say something else than what Stripe said.
"""
import hashlib
import hmac
import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import wire
import world
from http_families import check, check_answer, fill, table

SECRET = "whsec_story"  # tests/support/system.c
ACTION = "pm_card_authenticationRequired"


class Mumbler(BaseHTTPRequestHandler):
    """Passes each call on to the fake Stripe; for each order one may be answered with nonsense."""
    protocol_version = "HTTP/1.1"
    stripe_port = 0
    nonsense = {}  # (order, call): bytes
    orders = {}  # of the intents
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def take_nonsense(self, body, data):
        """What to say instead of `data`, or None."""
        parts = self.path.split("?")[0].strip("/").split("/")
        with Mumbler.lock:
            if len(parts) == 2:
                order = dict(urllib.parse.parse_qsl(body.decode())).get("metadata[orderId]")
                Mumbler.orders[json.loads(data).get("id")] = order
                return Mumbler.nonsense.pop((order, "create"), None)
            return Mumbler.nonsense.pop((Mumbler.orders.get(parts[2]), parts[-1]), None)

    def pass_on(self, body):
        stripe = http.client.HTTPConnection("127.0.0.1", self.stripe_port, timeout=30)
        stripe.request(self.command, self.path, body, {
            name: value for name, value in self.headers.items()
            if name.lower() in ("authorization", "content-type", "idempotency-key")})
        answer = stripe.getresponse()
        data = answer.read()
        stripe.close()
        return answer.status, data

    def handle_call(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, data = self.pass_on(body)
        nonsense = self.take_nonsense(body, data)
        self.close_connection = nonsense is not None
        data = data if nonsense is None else nonsense
        if not data.startswith(b"HTTP/"):
            data = (f"HTTP/1.1 {status} As Stripe\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                    + data)
        try:
            self.connection.sendall(data)
        except OSError:
            pass  # who asked has heard enough

    do_GET = do_POST = handle_call


def system():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        Mumbler.stripe_port = probe.getsockname()[1]
    stripe = subprocess.Popen(["python3", "tests/support/fake_stripe", str(Mumbler.stripe_port)])
    wire.eventually(lambda: wire.answers(Mumbler.stripe_port), "the fake Stripe answers")
    ThreadingHTTPServer.daemon_threads = True
    mumbler = ThreadingHTTPServer(("127.0.0.1", 0), Mumbler)
    threading.Thread(target=mumbler.serve_forever, daemon=True).start()
    made = world.World(f"STRIPE_API_BASE=http://127.0.0.1:{mumbler.server_port}",
                       "STRIPE_PAUSE_SECONDS=1", "RESOLVE_SECONDS=1")
    made.helpers.append(stripe)
    made.furnish()
    return made


def new_order(system):
    """A fresh ticket, ordered by the buyer; payments has heard of it."""
    ticket = system.ask("seller", "POST", "/api/tickets", {"title": "x", "price": 42.5}).json["id"]
    order = system.order("buyer", ticket)

    def is_known():
        return system.ask("buyer", "POST", "/api/payments", {"orderId": order}).status == 400 and \
            system.ask("stranger", "POST", "/api/payments",
                       {"orderId": order, "token": "x"}).status == 401
    wire.eventually(is_known, "payments knows the order")
    return order


def ledger(order):
    """The fake's intents of this order."""
    answer = wire.ask(Mumbler.stripe_port, "GET", "/_ledger")
    return [intent for intent in answer.json["intents"]
            if intent["metadata"]["orderId"] == order]


# ---- a Stripe that talks nonsense ----

def stripe_replies():
    def play(system, call, reply, expected):
        order = new_order(system)
        pay = {"orderId": order, "token": "pm_card_visa"}
        Mumbler.nonsense[order, call] = wire.as_bytes(reply)
        first = system.ask("buyer", "POST", "/api/payments", pay)
        check(first.status in (201, 503), f"{first}")
        check_answer(first, expected if expected != "any" else str(first.status))
        wire.eventually(lambda: system.ask("buyer", "POST", "/api/payments", pay).status in
                        (200, 201), "the order can be paid", 40)
        wire.eventually(lambda: system.ask("buyer", "GET", f"/api/orders/{order}")
                        .json["status"] == "complete", "the order is complete", 40)
        wire.eventually(lambda: sum(intent["_captured"] for intent in ledger(order)) == 1,
                        "the money is taken", 40)
        wire.eventually(lambda: (order, call) not in Mumbler.nonsense, "the nonsense is said")
        intents = ledger(order)
        check(sum(intent["_authorized"] for intent in intents) -
              sum(intent["status"] == "canceled" and intent["_authorized"] for intent in intents)
              == 1, f"held or taken more than once: {intents}")

    for name, *row in table("stripe")["cases"]:
        yield name, lambda w, r=row: play(w, *r)


# ---- webhooks ----

def signature(key, moment, body):
    return hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def post_webhook(system, header, age, body):
    moment = int(time.time()) - age
    right = signature(SECRET, moment, body)
    names = {"t": str(moment), "sig": right, "cut": right[:-2],
             "other": signature("whsec_another", moment, body)}
    header = wire.as_bytes(fill(header, names)).decode()
    headers = [] if header == "-" else [f"Stripe-Signature: {header}"]
    return wire.ask(system.edge, "POST", "/api/payments/webhook", headers, body)


def webhooks():
    data = table("webhooks")
    paid = {}  # what the cases are about: one payment that waits for its buyer

    def prepare(system):
        if not paid:
            order = new_order(system)
            answer = system.ask("buyer", "POST", "/api/payments", {"orderId": order, "token": ACTION})
            check(answer.status == 201 and answer.json["status"] == "requires_action", f"{answer}")
            paid.update(order=order, payment=answer.json["id"], version=answer.json["version"])
            paid["intent"] = ledger(order)[0]["id"]
        return paid

    def expect_unmoved(system):
        payment = system.ask("buyer", "GET", f"/api/payments/{paid['payment']}").json
        check(payment["status"] == "requires_action" and payment["version"] == paid["version"],
              f"the payment has moved: {payment}")
        order = system.ask("buyer", "GET", f"/api/orders/{paid['order']}").json
        check(order["status"] == "awaiting:payment", f"the order has moved: {order}")

    def play(system, header, age, text, expected):
        prepare(system)
        body = wire.as_bytes(text.replace("{action}", paid["intent"]))
        check_answer(post_webhook(system, header, age, body), expected)
        expect_unmoved(system)

    for name, *row in data["cases"]:
        yield name, lambda w, r=row: play(w, *r)

    def comes_true(system):
        """After all that the one true webhook is heard, twice, the second one while it is at it."""
        prepare(system)
        wire.ask(Mumbler.stripe_port, "POST",
                 f"/v1/payment_intents/{paid['intent']}/_authenticate", body=b"")
        body = json.dumps({"id": "evt_true", "type": "payment_intent.amount_capturable_updated",
                           "data": {"object": {"object": "payment_intent",
                                               "id": paid["intent"]}}}).encode()
        for _ in range(2):
            check_answer(post_webhook(system, "t={t},v1={sig}", 0, body), "200")
        wire.eventually(lambda: system.ask("buyer", "GET", f"/api/orders/{paid['order']}")
                        .json["status"] == "complete", "the order is complete")
        wire.eventually(lambda: [intent["_captured"] for intent in ledger(paid["order"])] == [1],
                        "the money is taken once")
    yield "the true one, twice", comes_true


# Each case of these is of an order of its own, and waits much: they are played some at a time.
AT_ONCE = {"stripe": 9}

FAMILIES = {"webhooks": webhooks, "stripe": stripe_replies}
