"""Faults of a Stripe that a test scripts: shared by fake_stripe and stripe_proxy.

  POST /_faults {"call": "confirm", "fault": "lose", "times": 1}    the next calls of this kind
  POST /_well   none any more
  POST /_lossy  {"seed": 1, "percent": {"lose": 5, "500": 5}}       any call, at random
  GET /_calls   {"confirm": 3, …}, how many of each kind have come

`call` is create, confirm, capture, cancel, refund, find, customer, or any; `fault` one of
  drop   close the connection without doing it
  late   do it after 1 s, when nobody waits any more: close the connection at once
  500, 409, 429    answer that, without doing it
  500-done         do it, and answer 500
  lose   do it, then close the connection without an answer
  reset  do it, then break the connection in the middle of the answer
  slow   do it, and answer after 1 s
  hang   do it, and answer after 30 s
  again    answer a list that goes on, though the next page is this one
  endless  answer a list that goes on with one more intent for ever
A 500 is what Stripe has to say to its key from then on, where there is a table of keys.
"""
import collections
import json
import os
import random
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DELAYS = {"slow": 1, "hang": 30}
FAULT = b'{"error": {"message": "a fault", "type": "api_error"}}'


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.scripted, self.percent, self.dice = [], {}, random.Random()
        self.calls = collections.Counter()

    def take(self, call):
        """What is to go wrong with this call, or None."""
        with self.lock:
            self.calls[call] += 1
            for fault in self.scripted:
                if fault["call"] in (call, "any") and fault.get("times", 1) > 0:
                    fault["times"] = fault.get("times", 1) - 1
                    return fault["fault"]
            roll = self.dice.random() * 100
            for fault, percent in self.percent.items():
                roll -= percent
                if roll < 0:
                    return fault
            return None

    def obey(self, path, body):
        """A request to change or show them: what to answer, or None if it is none."""
        with self.lock:
            if path == "/_faults":
                self.scripted.append(json.loads(body))
            elif path == "/_well":
                self.scripted, self.percent = [], {}
            elif path == "/_lossy":
                asked = json.loads(body)
                self.percent, self.dice = asked["percent"], random.Random(asked["seed"])
            elif path == "/_calls":
                return dict(self.calls)
            else:
                return None
            return {}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # else its caller has gone: part of the game
            super().handle_error(request, client_address)


def serve(port, handler):
    Server(("127.0.0.1", int(port)), handler).serve_forever()


class FaultyHandler(BaseHTTPRequestHandler):
    """A Stripe to be: `perform(call, name, path, body)` does it and gives (status, body)."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    faults = Faults()

    def log_message(self, *_):
        pass

    def answer(self, status, data, whole=True):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if whole else data[:len(data) // 2])

    def break_off(self):
        """So that the other side sees a reset, not an end."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())  # close() would wait for rfile
        self.close_connection = True

    def call_of(self, path):
        """What a request asks for, and the name of the intent that it is about."""
        parts = path.strip("/").split("/")
        kinds = {"customers": "customer", "refunds": "refund", "payment_intents": "create"}
        if parts[0] != "v1" or len(parts) < 2 or parts[1] not in kinds:
            return None, None
        if len(parts) > 2:
            return (parts[3] if len(parts) > 3 else "find"), parts[2]
        return (kinds[parts[1]] if self.command == "POST" else "list"), None

    def never_end(self, data, fresh):
        reply = json.loads(data) | {"has_more": True}
        if fresh:
            reply["data"] = [{"object": "payment_intent", "id": f"pi_{self.faults.calls['list']}"}]
        return json.dumps(reply).encode()

    def perform_late(self, *request):
        time.sleep(1)
        self.perform(*request)

    def handle_call(self, body):
        path = self.path.split("?")[0]
        reply = self.faults.obey(path, body)
        if reply is not None:
            return self.answer(200, json.dumps(reply).encode())
        call, name = self.call_of(path)
        fault = self.faults.take(call) if call and call[0] != "_" else None
        if fault in ("409", "429"):
            return self.answer(int(fault), FAULT)
        if fault in ("500", "500-done"):
            return self.answer(*self.fail(call, name, path, body, done=fault == "500-done"))
        if fault in ("drop", "late"):
            self.close_connection = True
            if fault == "late":
                threading.Thread(target=self.perform_late, args=(call, name, path, body),
                                 daemon=True).start()
            return None
        status, data = self.perform(call, name, path, body, DELAYS.get(fault, 0))
        if fault == "lose":
            self.close_connection = True
            return None
        if fault in ("again", "endless"):
            data = self.never_end(data, fresh=fault == "endless")
        self.answer(status, data, whole=fault != "reset")
        return self.break_off() if fault == "reset" else None

    def perform(self, call, name, path, body, hold_s=0):
        """Do it, then wait `hold_s` before the answer is given."""
        raise NotImplementedError

    def fail(self, call, name, path, body, done):
        """Answer 500, having done it or not."""
        if done:
            self.perform(call, name, path, body)
        return 500, FAULT

    def do_GET(self):
        self.handle_call("")

    def do_POST(self):
        self.handle_call(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
