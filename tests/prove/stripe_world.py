"""A system whose Stripe is tests/support/fake_stripe, for the provers that spoil it."""
import contextlib
import http.client
import json
import socket
import subprocess
import time

import common


class FakeStripe:
    def __init__(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.process = subprocess.Popen(
            ["python3", "tests/support/fake_stripe", str(self.port)])
        common.wire.eventually(lambda: common.wire.answers(self.port), "the fake Stripe answers")

    def ask(self, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request("GET" if body is None else "POST", path,
                     None if body is None else json.dumps(body))
        answer = json.loads(link.getresponse().read())
        link.close()
        return answer

    def hang(self):
        self.ask("/_faults", {"call": "any", "fault": "hang", "times": 10 ** 9})

    def be_well(self):
        self.ask("/_well", {})

    def intents(self):
        return self.ask("/_ledger")["intents"]


@contextlib.contextmanager
def system(*settings):
    """Gives (world, fake)."""
    fake = FakeStripe()
    try:
        with common.system(f"STRIPE_API_BASE=http://127.0.0.1:{fake.port}", *settings) as (world, _):
            yield world, fake
    finally:
        fake.process.kill()
        fake.process.wait()


def tell(world, order):
    """test-stack's verbs: "kill payments"."""
    world.process.stdin.write(order + "\n")
    world.process.stdin.flush()
    if not world.process.stdout.readline():
        raise AssertionError(f"the system did not survive: {order}")


def insist(person, method, path, body, unwelcome=(404, 429, 502, 503, 504), seconds=60):
    """Ask until there is an answer: what is not known yet is, and who is away comes back."""
    until = time.monotonic() + seconds
    while True:
        status, answer = person.ask(method, path, body)
        if status not in unwelcome or time.monotonic() > until:
            return status, answer
        time.sleep(0.05)
