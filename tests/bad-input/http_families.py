"""Bad requests: how the tables of the HTTP families are played.

A family is a generator of (name, play); play(world) raises AssertionError where the answer is not
the one that its row says. A family whose table says how much may be `written` ends with a case of
its own that compares that with what was said: whatever is written to an aggregate says an event.
"""
import hashlib
import json
import re
import socket
import time
import tomllib

import wire
import world

FOLDER = "tests/bad-input"


def table(name):
    with open(f"{FOLDER}/{name}.toml", "rb") as file:
        return tomllib.load(file)


def fill(text, names):
    """{ticket} and its like become ids; other braces stay."""
    return re.sub(r"\{([a-z]+)\}", lambda m: names.get(m[1], m[0]), text)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def check_shape(answer):
    """Whatever is refused has the one shape of errors, and nothing besides that tells of us."""
    if answer.status < 400 or answer.errors is None and not answer.body:
        return
    check(answer.errors, f"{answer.status} without errors: {answer.body[:200]!r}")
    for error in answer.json["errors"]:
        check(set(error) <= {"message", "field"} and error["message"],
              f"an error has another shape: {error}")
    check(answer.headers.get("content-type", "").split(";")[0] in
          ("application/json", "application/problem+json"), f"{answer.headers}")
    if answer.status in (429, 503):
        check("retry-after" in answer.headers, f"{answer.status} without Retry-After")


def check_answer(answer, expected):
    """`expected` as the tables have it: a status, errors, headers, joined by " | "."""
    check(answer is not None, f"closed without an answer, not {expected}")
    check(answer.status != 500, f"500: {answer.body[:300]!r}")
    check_shape(answer)
    parts = expected.split(" | ")
    errors = {part for part in parts if re.match(r"\d{3}.*:", part)}
    for part in parts:
        if re.fullmatch(r"\d{3}", part):
            check(answer.status == int(part), f"{answer}, not {part}")
        elif part not in errors:
            name, _, value = part.partition(": ")
            theirs = answer.headers.get(name.lower(), "")
            check(sorted(theirs.split(", ")) == sorted(value.split(", ")),
                  f"{name}: {theirs!r}, not {value!r}")
    if errors:
        check(set(str(answer).split(" | ")) == errors, f"{answer}, not {' | '.join(errors)}")


def with_count(cases, written):
    """The cases, and one that finds nothing written but what was to be."""
    before = []

    def remember(play):
        def remembering(system):
            if not before:
                before.append(system.said())
            play(system)
        return remembering

    for name, play in cases:
        yield name, remember(play)

    def nothing_else(system):
        if not before:
            return
        wire.eventually(lambda: system.said() >= before[0] + written, "all is written")
        system.settle()
        said = system.said() - before[0]
        check(said == written, f"{said} writes, not {written}")
    yield "nothing is written that was refused", nothing_else


def parse(text, names):
    method, path = fill(text, names).split(" ", 1)
    return method, wire.as_bytes(path).decode("latin-1")


def body_bytes(text, names, encoding="utf-8"):
    return wire.as_bytes(fill(text, names), encoding) if text else None


def check_page(answer, expected):
    """A page of HTML: "html 400"."""
    check(answer is not None and answer.status == int(expected[5:]) and b"<html" in answer.body,
          f"{answer} {answer and answer.body[:100]}, not {expected}")


def play_raw(system, port, text, expected):
    """Send bytes; there are as many answers as expected, and none more."""
    connection = wire.Connection(port)
    try:
        connection.send(wire.as_bytes(text.removesuffix("<END>")))
        if text.endswith("<END>"):
            connection.socket.shutdown(socket.SHUT_WR)
        for wanted in expected.split("; "):
            answer = connection.answer()
            if wanted == "closed":
                check(answer is None, f"{answer}, not closed")
            elif wanted.startswith("html "):
                check_page(answer, wanted)
            else:
                check_answer(answer, wanted)
        check(wanted.startswith("html ") or connection.is_quiet(), f"one answer too many: {connection.bytes[:200]!r}")
    finally:
        connection.close()


def framing():
    data = table("framing")

    def cases():
        for name, text, service, edge in data["cases"]:
            if service != "-":
                yield f"{name}, at the service", lambda w, t=text, e=service: play_raw(
                    w, w.ports["tickets"], t, e)
            if edge != "-":
                yield f"{name}, at the edge", lambda w, t=text, e=edge: play_raw(w, w.edge, t, e)
    return with_count(cases(), data["written"])


def play_request(system, row, port=None):
    who, text, headers, body, expected = row
    person = system.person(who)
    method, path = parse(text, system.names)
    headers = [*person, *(wire.as_bytes(header, "utf-8").decode() for header in headers)]
    body = body_bytes(body, system.names)
    if expected.startswith("html "):
        connection = wire.Connection(port)
        connection.send(wire.request(method, path, headers, body))
        answer = connection.answer(method)
        connection.close()
        check_page(answer, expected)
        return
    check_answer(wire.ask(port or system.edge, method, path, headers, body), expected)


def semantics():
    data = table("semantics")
    cases = ((name, lambda w, r=row: play_request(w, r)) for name, *row in data["cases"])
    return with_count(cases, data["written"])


def bodies():
    data = table("json")
    rows = [(name, text, data["expected"]) for name, text in data["cases"]] + data["valid"]

    def play(system, text, expected):
        method, path = data["route"].split()
        body = wire.as_bytes(text)
        check_answer(wire.ask(system.ports["tickets"], method, path, [
            *system.person(data["who"]), "Content-Type: application/json"], body), expected)
    cases = ((name, lambda w, t=text, e=expected: play(w, t, e)) for name, text, expected in rows)
    return with_count(cases, data["written"])


def put_member(body, member, value):
    """The body's text with one member's value replaced by this text, or taken away."""
    members = {name: json.dumps(its) for name, its in json.loads(body).items()}
    members[member] = value
    return "{%s}" % ", ".join(f'"{name}": {its}' for name, its in members.items() if its != "-")


def fields():
    data = table("fields")

    def cases():
        for block in data["block"]:
            for name, member, value, expected in block["cases"]:
                row = (block["who"], block["route"], [], put_member(block["body"], member, value),
                       expected)
                yield f"{block['name']}, {name}", lambda w, r=row: play_request(w, r)
        for name, who, text, expected in data["parameters"]:
            yield name, lambda w, r=(who, text, [], "", expected): play_request(w, r)
    return with_count(cases(), sum(block["written"] for block in data["block"]))


def check_session(system, headers, expected):
    """Who do these headers make of one: asked inline at auth, and on a worker at orders."""
    current = wire.ask(system.edge, "GET", "/api/users/currentuser", headers)
    orders = wire.ask(system.edge, "GET", "/api/orders", headers)
    signed_in = current.status == 200 and current.json["currentUser"] is not None
    check_shape(current)
    check_shape(orders)
    check(current.status == 200, f"currentuser: {current}")
    check(signed_in == (expected == "signed in"), f"signed in: {signed_in}")
    check(orders.status == (200 if signed_in else 401), f"orders: {orders}")


def session_names(system):
    system.person("seller")
    token = wire.make_jwt(system.key, system.claims(system.names["seller"]))
    return system.names | {"token": token, "cookie": pack_cookie(f'{{"jwt":"{token}"}}')}


def pack_cookie(text):
    return wire.base64.b64encode(wire.as_bytes(text)).decode()


def cookies():
    def play(system, headers, expected):
        names = session_names(system)
        lines = [re.sub(r"\[\[(.*)\]\]", lambda m: pack_cookie(m[1]), fill(header, names))
                 for header in headers]
        check_session(system, lines, expected)
    for name, headers, expected in table("cookies")["cases"]:
        yield name, lambda w, h=headers, e=expected: play(w, h, e)


def make_token(system, header, claims, how):
    """A token of a row of jwt.toml."""
    now = int(time.time())
    names = system.names | {"kid": hashlib.blake2b(system.key.encode(), digest_size=32).hexdigest()[:8]}
    moment = re.compile(r"\{now([+-]\d+)?\}")
    header, claims = (wire.as_bytes(moment.sub(lambda m: str(now + int(m[1] or 0)), fill(
        text, names)), "utf-8").decode() for text in (header, claims))
    good = system.claims(system.names["seller"])
    if how == "token":
        return header
    if not claims or claims.startswith("+"):
        members = {name: json.dumps(value) for name, value in good.items()}
        # As text, so that a number stays as it is written.
        for name, value in re.findall(r'"(\w+)": (.+?)(?=, "\w+": |\}$)', claims[1:]):
            members[name] = value
        claims = "{%s}" % ", ".join(f'"{name}": {value}' for name, value in members.items()
                                    if value != "null")
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(how, hashlib.sha256)
    key = how.removeprefix("key: ") if how.startswith("key: ") else system.key
    token = wire.make_jwt(key, claims, header or None, digest)
    other = wire.make_jwt(key, good | {"email": "another@example.com"})
    if how == "no signature":
        return token.rsplit(".", 1)[0] + "."
    if how == "cut":
        return token[:-6]
    if how == "another's":
        return token.rsplit(".", 1)[0] + "." + other.rsplit(".", 1)[1]
    if how == "tampered":
        return other.rsplit(".", 1)[0] + "." + token.rsplit(".", 1)[1]
    return token


def tokens():
    def play(system, header, claims, how, expected):
        system.person("seller")
        token = make_token(system, header, claims, how)
        check_session(system, [f"Authorization: Bearer {token}"], expected)
        if "\r" not in token and len(token) < 2500:  # a cookie is longer by half
            check_session(system, [f"Cookie: session={pack_cookie(json.dumps({'jwt': token}))}"],
                          expected)
    for name, *row in table("jwt")["cases"]:
        yield name, lambda w, r=row: play(w, *r)


def sizes():
    data = table("sizes")

    def cases():
        for name, *row, service, edge in data["cases"]:
            yield f"{name}, at the service", lambda w, r=row, e=service: play_request(
                w, (*r, e), w.port_of(r[1].split()[1], edge=False))
            yield f"{name}, at the edge", lambda w, r=row, e=edge: play_request(w, (*r, e))
    return with_count(cases(), data["written"])


# ---- authorisation: every route of every program by every kind of person ----

BAD_TOKENS = {
    "nobody": lambda w: [],
    "a garbled token": lambda w: ["Authorization: Bearer x.y.z"],
    "an unsigned token": lambda w: bearer(w, '{"alg": "none"}', "", "no signature"),
    "a forged token": lambda w: bearer(w, "", "", "key: another key of these tests, 32 bytes"),
    "a token of another algorithm": lambda w: bearer(w, '{"alg": "HS512"}', "", "HS512"),
    "an expired token": lambda w: bearer(w, "", '+{"exp": {now-1}}', "HS256"),
    "a token of another issuer": lambda w: bearer(w, "", '+{"iss": "another"}', "HS256"),
    "a token of an unknown role": lambda w: bearer(w, "", '+{"role": "root"}', "HS256"),
    "a cookie that is cut": lambda w: [f"Cookie: session={session_names(w)['cookie'][:-9]}"],
    "a banned user": lambda w: w.banned(),
}
# Whose the things are that are asked for; where a route of an :id is missing here, it fails.
OWNED = {
    "PUT /api/tickets/:id": "ticket", "DELETE /api/tickets/:id": "ticket",
    "GET /api/orders/:id": "order", "GET /api/orders/:id/events": "order",
    "DELETE /api/orders/:id": "order", "GET /api/payments/:id": "payment",
}
OPEN_TO_ALL = {"GET /api/tickets/:id"}
GOOD_BODIES = {
    "PUT /api/tickets/:id": {"title": "Mine now", "price": 1},
    "POST /api/tickets": {"title": "Mine now", "price": 1},
    "POST /api/payments": {"orderId": "{order}", "token": "tok_visa"},
    "POST /api/orders": {"ticketId": "{ticket}"},
}


def bearer(system, header, claims, how):
    system.person("seller")
    return [f"Authorization: Bearer {make_token(system, header, claims, how)}"]


def routes():
    for program in (*world.SERVICES, "ticketctl serve"):
        for route in world.describe(program)["routes"]:
            if "internal" not in route["flags"]:
                yield f"{route['method']} {route['path']}", route["access"], route["flags"]


def authorisation():
    def play(system, route, headers, expected):
        method, path = route.split(" ", 1)
        path = path.replace(":id", system.names[OWNED.get(route, "missing")])
        body = GOOD_BODIES.get(route)
        if body is not None:
            body = fill(json.dumps(body), system.names).encode()
        check_answer(wire.ask(system.edge, method, path, headers(system), body), expected)

    def play_public(system, route, headers):
        """Whoever brings a bad token to a public route is nobody there, and no error."""
        method, path = route.split(" ", 1)
        path = path.replace(":id", system.names["ticket"])
        theirs, nobodys = (wire.ask(system.edge, method, path, its, stream=path.endswith("/events"))
                           for its in (headers(system), []))
        check(theirs.status == nobodys.status and theirs.body == nobodys.body,
              f"{theirs} {theirs.body[:200]}, but nobody gets {nobodys}")

    def cases():
        for route, access, flags in routes():
            for kind, headers in BAD_TOKENS.items():
                if access != "public":
                    yield f"{route} by {kind}", lambda w, r=route, h=headers: play(
                        w, r, h, "401: Not authorized")
                elif "body" not in flags and "raw body" not in flags and route.startswith("GET"):
                    yield f"{route} by {kind}", lambda w, r=route, h=headers: play_public(w, r, h)
            if access == "admin":
                yield f"{route} by a user", lambda w, r=route: play(
                    w, r, lambda w: w.person("stranger"), "401: Not authorized")
            elif ":id" in route and route not in OPEN_TO_ALL:
                for who in ("stranger", "admin"):
                    yield f"{route} of somebody else by {who}", lambda w, r=route, p=who: play(
                        w, r, lambda w: w.person(p), "401: Not authorized")
        yield "POST /api/payments for somebody else's order", lambda w: play(
            w, "POST /api/payments", lambda w: w.person("stranger"), "401: Not authorized")
    return with_count(cases(), 0)


def rates():
    """The edge's own limits: an edge of the same services that has them on."""
    def play_limit(system, method, path, passes, body=None):
        edge = system.limited_edge()
        answers = [wire.ask(edge, method, path, body=body) for _ in range(passes + 40)]
        limited = [answer for answer in answers if answer.status == 429]
        check(answers[0].status != 429, "the first one is limited")
        check(limited, f"none of {len(answers)} is limited")
        check(len(answers) - len(limited) >= passes, f"{len(limited)} of {len(answers)} are limited")
        check_answer(limited[0], "429: Too many requests")
    yield "more than 60 sign-ins a minute", lambda w: play_limit(
        w, "POST", "/api/users/signin", 60, {"email": "x"})
    yield "sign-ups count with sign-ins", lambda w: play_spent(w)
    yield "reading goes on when sign-ins are spent", lambda w: check_answer(
        wire.ask(w.limited_edge(), "GET", "/api/tickets"), "200")

    def play_spent(system):
        answers = [wire.ask(system.limited_edge(), "POST", "/api/users/signup", body={})
                   for _ in range(70)]
        check_answer(answers[-1], "429: Too many requests")


FAMILIES = {"framing": framing, "semantics": semantics, "json": bodies, "fields": fields,
            "cookies": cookies, "jwt": tokens, "sizes": sizes, "authorisation": authorisation,
            "rates": rates}
