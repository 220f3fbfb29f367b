"""Bytes on wires: HTTP as broken as a case wants it, NATS as far as publishing by hand needs it.

Nothing here mends what it is given; a library would refuse to send most of it.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import select
import socket
import time

ANSWER_SECONDS = 15  # under a sanitizer, on a busy machine
PATIENCE_SECONDS = 2  # NATS', of a client that does not answer: three PINGs, 2 s apart
QUIET_SECONDS = 0.03  # after the last expected answer: is there one too many?


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.errors = None  # of the one shape of errors: [(field, message)]
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None
        if isinstance(self.json, dict) and isinstance(self.json.get("errors"), list):
            self.errors = [(error.get("field"), error.get("message"))
                           for error in self.json["errors"]]

    def __str__(self):
        """As expectations are written: "400 title: Title is required | 400 price: …"."""
        if not self.errors:
            return str(self.status) if self.status < 400 else f"{self.status} without errors"
        return " | ".join(f"{self.status} {field}: {message}" if field else
                          f"{self.status}: {message}" for field, message in self.errors)


def as_bytes(text, encoding="latin-1"):
    """A case's text: a line break is CRLF; <LF> <CR> <NUL> are bytes, <a*100> is a hundred a."""
    text = text.replace("\n", "\r\n")
    text = re.sub(r"<([^<>*]+)\*(\d+)>", lambda m: m[1] * int(m[2]), text)
    for name, byte in (("LF", "\n"), ("CR", "\r"), ("NUL", "\0")):
        text = text.replace(f"<{name}>", byte)
    return text.encode(encoding)


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.bytes = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # it has answered already, and closed

    def fill(self):
        try:
            more = self.socket.recv(65536)
        except ConnectionError:
            more = b""
        self.bytes += more
        return bool(more)

    def read_line(self):
        while b"\r\n" not in self.bytes:
            if not self.fill():
                return None
        line, self.bytes = self.bytes.split(b"\r\n", 1)
        return line.decode("latin-1")

    def read_bytes(self, length):
        while len(self.bytes) < length and self.fill():
            pass
        data, self.bytes = self.bytes[:length], self.bytes[length:]
        return data

    def read_chunks(self):
        body = b""
        while True:
            line = self.read_line()
            size = int(line or "0", 16)
            body += self.read_bytes(size)
            self.read_line()
            if size == 0:
                return body

    def answer(self, method="GET", stream=False):
        """The next answer; None where the connection ends instead."""
        line = self.read_line()
        while line is not None and line.startswith("HTTP/1.1 100"):
            while self.read_line():
                pass
            line = self.read_line()
        if line is None:
            return None
        if not line.startswith("HTTP/"):
            raise AssertionError(f"not an answer: {line!r}")
        status, headers = int(line.split()[1]), {}
        while header := self.read_line():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        if stream or method == "HEAD" or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self.read_chunks()
        elif "content-length" in headers:
            body = self.read_bytes(int(headers["content-length"]))
        else:
            while self.fill():
                pass
            body, self.bytes = self.bytes, b""
        return Answer(status, headers, body)

    def is_quiet(self):
        """Nothing more comes."""
        readable, _, _ = select.select([self.socket], [], [], QUIET_SECONDS)
        return not self.bytes and (not readable or not self.fill())

    def close(self):
        self.socket.close()


def request(method, path, headers=(), body=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if not any(line.lower().startswith("content-type") for line in lines):
            lines.append("Content-Type: application/json")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + (body or b"")


def ask(port, method, path, headers=(), body=None, stream=False):
    """One question on a connection of its own. `body`: bytes, or what becomes JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    connection = Connection(port)
    try:
        connection.send(request(method, path, headers, body))
        return connection.answer(method, stream)
    finally:
        connection.close()


def encode64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key, data, digest=hashlib.sha256):
    return encode64(hmac.new(key.encode(), data.encode(), digest).digest())


def make_jwt(key, claims, header=None, digest=hashlib.sha256):
    """A token; `claims` and `header` may be texts, which are taken as they are."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    data = ".".join(encode64(part.encode("utf-8", "surrogateescape")) for part in parts)
    return f"{data}.{sign(key, data, digest)}"


class Nats:
    """Used by one thread: publishes with headers, asks JetStream's API. It answers the server's PINGs
    only while it asks, so it has been cut off when it asks again much later; then it connects anew."""

    def __init__(self, url):
        self.url, self.asked_at = url, time.monotonic()
        self.connect()

    def connect(self):
        host, port = self.url.removeprefix("nats://").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS)
        self.stream = self.socket.makefile("rb")
        self.stream.readline()  # INFO
        self.inbox = f"_INBOX.{os.urandom(8).hex()}"
        self.number = 0
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true,"protocol":1}\r\n'
                            + f"SUB {self.inbox}.* 1\r\n".encode())

    def ask(self, subject, body=b"", headers=None):
        """Publish and wait for the answer, as JSON."""
        if time.monotonic() - self.asked_at > PATIENCE_SECONDS:
            self.socket.close()
            self.connect()
        self.asked_at = time.monotonic()
        self.number += 1
        reply = f"{self.inbox}.{self.number}"
        if headers is None:
            head = f"PUB {subject} {reply} {len(body)}\r\n".encode()
        else:
            block = b"NATS/1.0\r\n" + b"".join(
                f"{name}: {value}\r\n".encode() for name, value in headers) + b"\r\n"
            head = f"HPUB {subject} {reply} {len(block)} {len(block) + len(body)}\r\n".encode()
            body = block + body
        self.socket.sendall(head + body + b"\r\n")
        while line := self.stream.readline().decode().split():
            if line[0] == "PING":
                self.socket.sendall(b"PONG\r\n")
            elif line[0] == "-ERR":
                raise AssertionError(" ".join(line))
            elif line[0] in ("MSG", "HMSG"):
                data = self.stream.read(int(line[-1]) + 2)[:-2]
                if line[1] == reply:
                    return json.loads(data[int(line[-2]) if line[0] == "HMSG" else 0:] or b"{}")
        raise AssertionError("NATS has gone")

    def last_sequence(self, stream):
        return self.ask(f"$JS.API.STREAM.INFO.{stream}")["state"]["last_seq"]

    def consumer(self, stream, durable):
        return self.ask(f"$JS.API.CONSUMER.INFO.{stream}.{durable}")


def answers(port):
    """Does somebody accept connections there?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def eventually(condition, what, seconds=ANSWER_SECONDS):
    """Wait for `condition` to become true; gives what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
    return value
