"""What the provers that are written in Python share: a system to try, load on it, the verdict.

A prover takes --seed N and --seconds S, tells how far it is on standard error (one line, rewritten
on a terminal, else every ten seconds), and says its verdicts as lines of JSON on standard output,
which tests/prove/all collects.
"""
import argparse
import contextlib
import functools
import http.client
import importlib.machinery
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
import time

os.environ["FLAVOUR"] = os.environ.get("FLAVOUR") or "release"
os.chdir(os.path.dirname(os.path.abspath(__file__)) + "/../..")
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/bad-input")
import wire  # noqa: E402
from world import SERVICES, World  # noqa: E402, F401

PASSWORD = "a long password"


def arguments(what, seconds):
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=seconds)
    return parser.parse_args()


class Progress:
    """One line of standard error."""

    def __init__(self):
        self.begun = self.told = time.monotonic()

    def __call__(self, text):
        now = time.monotonic()
        if sys.stderr.isatty():
            print(f"\r{text:78.78}", end="", file=sys.stderr, flush=True)
        elif now - self.told >= 10:
            self.told = now
            print(f"{now - self.begun:.0f} s: {text}", file=sys.stderr, flush=True)


def verdict(options, promise, target, measured, runs, ok):
    """Says it; returns whether it holds. Where it does not, how to see it again is printed."""
    print(json.dumps({"promise": promise, "target": target, "measured": measured, "runs": runs,
                      "seed": options.seed, "seconds": options.seconds, "ok": bool(ok)}),
          flush=True)
    if not ok:
        print(f"again: {sys.argv[0]} --seed {options.seed} --seconds {options.seconds}",
              file=sys.stderr)
    return ok


@functools.cache
def runner():
    """tests/run, for its mongod."""
    loader = importlib.machinery.SourceFileLoader("runner", "tests/run")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    loader.exec_module(module)
    return module


@contextlib.contextmanager
def system(*settings):
    """A whole system of its own; gives (world, the URI of its mongod)."""
    folder = tempfile.mkdtemp(prefix="ticketing-prove-", dir="/dev/shm")
    mongo = None
    try:
        mongo, uri = runner().start_mongo(folder)
        os.environ["TEST_MONGO_URI"] = uri
        world = World(*settings)
        try:
            yield world, uri
        finally:
            world.close()
    finally:
        if mongo:
            mongo.kill()
            mongo.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Person:
    """A made-up user with a session, on a connection of their own that is kept."""

    def __init__(self, world, number, edge=False):
        self.world, self.edge, self.links = world, edge, {}
        self.id = f"{0xb000000000 + number:024x}"
        token = wire.make_jwt(world.key, world.claims(self.id))
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method, path, body=None):
        """(status, JSON or None)."""
        port = self.world.port_of(path, edge=self.edge)
        for tries in (1, 2):  # a kept connection may have been closed meanwhile
            if port not in self.links:
                self.links[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                self.links[port].connect()
            try:
                self.links[port].request(method, path, json.dumps(body) if body else None,
                                         self.headers)
                answer = self.links[port].getresponse()
                text = answer.read()
                return answer.status, json.loads(text) if text else None
            except (OSError, http.client.HTTPException):
                self.links.pop(port).close()
                if tries == 2:
                    raise
        return None

    def close(self):
        for link in self.links.values():
            link.close()


class Crowd:
    """Threads that do `act(person)` over and over until they are told to stop; counts the rounds.
    What one of them raises is raised again by stop()."""

    def __init__(self, world, count, act):
        self.over, self.rounds, self.errors = threading.Event(), [0] * count, []
        self.threads = [threading.Thread(target=self.go_on, args=(world, i, act))
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def go_on(self, world, i, act):
        try:
            while not self.over.is_set():
                person = Person(world, i * 100000 + self.rounds[i])
                act(person)
                person.close()
                self.rounds[i] += 1
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        if self.errors:
            raise self.errors[0]
        return sum(self.rounds)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")
