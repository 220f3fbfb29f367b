"""The system that the cases are played against: real services under a sanitizer, real stores.

test-stack (tests/stack/main.c) runs it; one seller, one buyer, a ticket and an order are made, so
that cases can name what is there: {ticket}, {order}, {seller}, {buyer}, {missing}.
"""
import json
import os
import socket
import subprocess
import time

import wire

BIN = os.environ.get("TEST_BIN") or f"build/{os.environ.get('FLAVOUR', 'asan')}/bin"
SERVICES = ("auth", "tickets", "orders", "payments", "expiration")
STREAMS = ("users", "tickets", "orders", "expiration", "payments")
MISSING = "0123456789abcdef01234567"


def describe(program):
    """What a program says of itself: its routes, its settings."""
    command = [f"{BIN}/{program.split()[0]}", *program.split()[1:], "--describe"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


class World:
    def __init__(self, *settings):
        self.process = subprocess.Popen(
            [f"{BIN}/test-stack", "--without-client", *settings], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the system did not start")
        self.where = json.loads(line)
        self.ports, self.key = self.where["ports"], self.where["jwtKey"]
        self.edge = self.ports["edge"]
        self.nats = wire.Nats(self.where["nats"])
        self.people = {}
        self.helpers, self.limited = [], None
        self.names = {"missing": MISSING}

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        for helper in self.helpers:
            helper.terminate()
            helper.wait(60)
        return status

    def port_of(self, path, edge=True):
        """The edge, or the port of the service that the path belongs to."""
        if edge:
            return self.edge
        start = path.split("?")[0].split("/")[2:3]
        return self.ports[{"users": "auth"}.get(start[0], start[0]) if start else "auth"]

    def claims(self, user_id, role="user", **more):
        now = int(time.time())
        return {"id": user_id, "email": f"{user_id}@example.com", "iss": "ticketing", "role": role,
                "iat": now, "exp": now + 900} | more

    def person(self, name):
        """A header with a session of this person: seller, buyer, stranger … admin; nobody: none."""
        if name == "nobody":
            return []
        if name not in self.people:
            user_id = f"{len(self.people) + 0xa0:024x}"
            self.names[name] = user_id
            token = wire.make_jwt(self.key, self.claims(
                user_id, "admin" if name == "admin" else "user"))
            self.people[name] = [f"Authorization: Bearer {token}"]
        return self.people[name]

    def ask(self, person, method, path, body=None, headers=()):
        return wire.ask(self.edge, method, path, [*self.person(person), *headers], body)

    def furnish(self):
        """What the cases speak of: {ticket} (free), {reserved}, {withdrawn}, {order}, {payment}."""
        for name in ("ticket", "reserved", "withdrawn", "paid"):
            answer = self.ask("seller", "POST", "/api/tickets",
                              {"title": f"Opera, {name}", "price": 42.5})
            self.names[name] = answer.json["id"]
        self.ask("seller", "DELETE", f"/api/tickets/{self.names['withdrawn']}")
        self.names["order"] = self.order("buyer", self.names["reserved"])
        wire.eventually(lambda: self.ask("nobody", "GET", f"/api/tickets/{self.names['reserved']}")
                        .json["status"] == "reserved", "the ticket is reserved")
        order = self.order("payer", self.names["paid"])
        self.names["payment"] = wire.eventually(lambda: (self.ask("payer", "POST", "/api/payments", {
            "orderId": order, "token": "tok_visa"}).json or {}).get("id"), "an order can be paid")
        wire.eventually(lambda: self.ask("payer", "GET", f"/api/orders/{order}")
                        .json["status"] == "complete", "the order is complete")
        wire.eventually(lambda: self.ask("payer", "GET", f"/api/payments/{self.names['payment']}")
                        .json["status"] == "captured", "the money is captured")
        self.banned()
        self.settle()

    def order(self, buyer, ticket):
        def ordered():
            answer = self.ask(buyer, "POST", "/api/orders", {"ticketId": ticket})
            return answer.json["id"] if answer.status == 201 else None
        return wire.eventually(ordered, "a ticket can be ordered")

    def said(self):
        """How many events there are: whatever is written to an aggregate says one."""
        return sum(self.nats.last_sequence(stream) for stream in STREAMS)

    def settle(self):
        """Wait until every listener has handled all there is."""
        def all_handled():
            for service in SERVICES:
                for durable, stream in DURABLES[service]:
                    consumer = self.nats.consumer(stream, durable)
                    if consumer["num_pending"] or consumer["num_ack_pending"]:
                        return False
            return True
        wire.eventually(all_handled, "all events are handled", 60)

    def banned(self):
        """A header of somebody who was signed in, and has been banned since."""
        if "banned" not in self.people:
            user = self.ask("nobody", "POST", "/api/users/signup", {
                "email": "banned@example.com", "password": "a long password"}).json["id"]
            headers = self.people["banned"] = [
                f"Authorization: Bearer {wire.make_jwt(self.key, self.claims(user))}"]
            self.ask("admin", "POST", f"/api/users/{user}/ban")
            for path in ("/api/tickets/mine", "/api/orders", f"/api/payments/{MISSING}"):
                wire.eventually(lambda: self.ask("banned", "GET", path).status == 401,
                                "the ban is heard")
        return self.people["banned"]

    def limited_edge(self):
        """The port of one more edge, with rate limits."""
        if self.limited is None:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.limited = probe.getsockname()[1]
            folder = f"{self.where['folder']}/limited"
            upstreams = " ".join(f"{name}=127.0.0.1:{self.ports[name]}" for name in SERVICES)
            subprocess.run(["infra/local/render-nginx", f"{folder}.conf", str(self.limited), folder,
                            upstreams, "on"], check=True, timeout=60)
            nginx = "/usr/sbin/nginx" if os.access("/usr/sbin/nginx", os.X_OK) else "nginx"
            self.helpers.append(subprocess.Popen([nginx, "-e", "stderr", "-c", f"{folder}.conf"]))
            wire.eventually(lambda: wire.answers(self.limited), "the limited edge answers")
        return self.limited

    def expect_alive(self):
        """Every service is the process that it was, and ready."""
        if self.process.poll() is not None:
            raise AssertionError("the system has ended")
        for service in SERVICES:
            answer = wire.ask(self.ports[service], "GET", "/readyz")
            if answer is None or answer.status != 200:
                raise AssertionError(f"{service} is not ready any more")


def durables_of(service):
    return sorted({(heard["durable"], heard["durable"].removeprefix(f"{service}-"))
                   for heard in describe(service)["hears"]})


DURABLES = {service: durables_of(service) for service in SERVICES}
