"""Bad settings: a service is started with them, alone; it should not even look for its stores."""
import os
import subprocess

import wire
import world
from http_families import check, table

SECONDS = 15
SECRETS = ("short", "admin password")  # values that no message may repeat
GOOD = {"JWT_KEY": "a key of these tests, 32 bytes long", "STRIPE_KEY": "sk_test_bad_input",
        "PORT": "0", "MONGO_URI": "mongodb://127.0.0.1:1/?replicaSet=rs0",
        "NATS_URL": "nats://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}


def play(service, changes, expected):
    chosen = {name: wire.as_bytes(value, "utf-8") for name, value in (GOOD | changes).items()
              if value != "-"}
    kept = {name: value for name, value in os.environ.items() if name.endswith("_OPTIONS")}
    kept["MONGOC_DISABLE_SHM"] = "1"  # whose warnings are not ours
    ended = subprocess.run([f"{world.BIN}/{service}"], env=kept | chosen, capture_output=True,
                           timeout=SECONDS)
    said = ended.stderr.decode()
    check(ended.returncode == 1, f"it exits with {ended.returncode}: {said}")
    lines = said.splitlines()
    check(lines[0] == f"{service} cannot start, because of its settings:", said)
    for text in expected:
        check(any(line.startswith(text) for line in lines[1:]), f"not among what it says: {text}\n{said}")
    check(len(lines) == 1 + len(expected), f"it says more than {expected}:\n{said}")
    check(not any(secret in line.split(":", 1)[1] for line in lines[1:] for secret in SECRETS),
          f"it tells a secret:\n{said}")


def settings():
    for name, service, changes, expected in table("settings")["cases"]:
        yield f"{service}, {name}", lambda _, s=service, c=changes, e=expected: play(s, c, e)


FAMILIES = {"settings": settings}
