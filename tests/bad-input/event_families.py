"""Bad events: put into the streams by hand; what becomes of them is asked of the broker and of ops.

After each case a good event goes the same way: whatever came before it, it is handled at once.
"""
import itertools
import json

import wire
import world
from http_families import check, fill, put_member, table

numbers = itertools.count(1)


def system():
    made = world.World()
    made.furnish()
    made.waiting = 0  # events that we left waiting, all of them with orders-tickets
    return made


def fresh_id():
    return f"{next(numbers):024x}"


def publish(system, subject, headers, body):
    reply = system.nats.ask(subject, body, headers or None)
    check("seq" in reply, f"the broker did not store it: {reply}")
    return reply["stream"], reply["seq"]


def is_handled(system, stream):
    """All durables of the stream have nothing left but what may wait: 30 s long, then a gap closes."""
    for service, durables in world.DURABLES.items():
        for durable, theirs in durables:
            if theirs != stream:
                continue
            consumer = system.nats.consumer(stream, durable)
            waiting = system.waiting if durable == "orders-tickets" else 0
            if consumer["num_pending"] or consumer["num_ack_pending"] > waiting:
                return False
    return True


def letters_of(system, stream, sequence):
    """{service: reason} of this message."""
    rows = system.ask("admin", "GET", "/api/ops/deadletters?limit=20").json["results"]
    return {row["service"]: row["reason"] for row in rows
            if row["id"].startswith(f"{stream}-{sequence}-")}


def probe(system, stream):
    """A good event on the heels of a bad one."""
    bodies = {
        "tickets": ("ticket.created", {"id": fresh_id(), "version": 0, "title": "x", "price": 5,
                                       "userId": world.MISSING, "status": "available"}),
        "orders": ("order.cancelled", {
            "id": fresh_id(), "version": 0, "status": "cancelled", "userId": world.MISSING,
            "expiresAt": "2126-01-01T00:00:00.000Z", "cause": "expired",
            "ticket": {"id": world.MISSING, "title": "x", "price": 5, "version": 0}}),
        "expiration": ("expiration.complete", {"orderId": fresh_id(),
                                               "dueAt": "2020-01-01T00:00:00.000Z"}),
        "users": ("user.unbanned", {"id": fresh_id(), "version": 2}),
    }
    if stream in bodies:
        subject, body = bodies[stream]
        publish(system, subject, [], json.dumps(body).encode())


def play(system, subject, headers, body, expected, heard):
    stream, sequence = publish(system, subject, headers, body)
    probe(system, stream)
    if expected == "waits":
        system.waiting += 1
    wire.eventually(lambda: is_handled(system, stream), "it and the one behind it are handled", 40)
    way, _, reason = expected.partition(": ")
    by = way.removeprefix("parked by ").split() if way.startswith("parked by") else heard
    wanted = {service: reason for service in by} if way.startswith("parked") else {}
    letters = letters_of(system, stream, sequence)
    check(letters == wanted, f"letters: {letters}, not {wanted}")


def events():
    data = table("events")

    def names(system):
        return system.names | {"fresh": fresh_id()}

    for block in data["block"]:
        for name, member, value, expected in block["cases"]:
            def play_member(w, b=block, m=member, v=value, e=expected):
                text = put_member(b["body"], m, v)
                play(w, b["subject"], [], wire.as_bytes(fill(text, names(w)), "utf-8"), e, b["heard"])
            yield f"{block['subject']}, {name}", play_member
    for name, subject, headers, text, expected in data["raw"]["cases"]:
        def play_body(w, s=subject, h=headers, t=text, e=expected):
            lines = [(its, wire.as_bytes(value).decode()) for its, value in h]
            play(w, s, lines, wire.as_bytes(fill(t, names(w))), e, [])
        yield name, play_body


FAMILIES = {"events": events}
