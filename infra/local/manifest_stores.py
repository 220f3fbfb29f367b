"""Are the stores as large and as careful as promised? (check_manifests.py)

Prod has three of what keeps money and tickets, on three nodes' disks; all others have one. What has
to agree with that number is compared with it: the job that makes members a set, NATS's own list of
its servers, and how many of them keep each event."""
import re
import subprocess
import tempfile

from manifests import containers_of, name_of

PROD = {"prod"}


def replicas(pod):
    return pod["spec"].get("replicas", 1)


def config_of(manifests, file):
    """(ConfigMap's name, text) of each configuration file of this name."""
    return [(name, config["data"][file]) for name, config in manifests.all("ConfigMap").items()
            if file in config["data"]]


def check_mongo(manifests, due):
    for name, pod in manifests.pods.items():
        if pod["kind"] == "StatefulSet" and name.startswith("mongo-"):
            manifests.expect(name_of(pod), replicas(pod) == due,
                             f"has {replicas(pod)} members and not {due}")
            job = manifests.pods.get(name.replace("mongo-", "mongo-init-"))
            told = [row["value"] for container in (containers_of(job) if job else [])
                    for row in container["env"] if row["name"] == "MEMBERS"]
            manifests.expect(name_of(pod), told == [str(replicas(pod))],
                             f"has {replicas(pod)} members, and the job makes {told}")


def check_nats(manifests, due):
    nats = manifests.pods["nats"]
    manifests.expect(name_of(nats), replicas(nats) == due,
                     f"has {replicas(nats)} servers and not {due}")
    for name, text in config_of(manifests, "nats.conf"):
        routes = len(re.findall(r"nats://nats-\d+\.nats-cluster:", text))
        manifests.expect(f"ConfigMap {name}", routes == (due if due > 1 else 0),
                         f"knows {routes} servers of {due}")
        manifests.expect(f"ConfigMap {name}", "\n    sync_interval: always\n" in text,
                         "acknowledges events that are on no disk")
        check_syntax(manifests, name, text)
    for name, config in manifests.all("ConfigMap").items():
        if name.startswith("settings"):
            kept = config["data"].get("STREAM_REPLICAS", "1")
            manifests.expect(f"ConfigMap {name}", kept == str(due),
                             f"has {kept} of {due} servers keep each event")


def check_syntax(manifests, name, text):
    """nats-server itself reads its configuration, the one check that knows all of it."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        read = subprocess.run([".local/bin/nats-server", "-t", "-c", file.name], text=True,
                              env={"POD_NAME": "nats-0"}, capture_output=True, timeout=30,
                              check=False)
    if read.returncode:
        manifests.complain(f"ConfigMap {name}", read.stderr.strip().replace(file.name, "line"))


def check_redis(manifests, due):
    for name, text in config_of(manifests, "redis.conf"):
        for line in ("appendonly yes", "maxmemory-policy noeviction"):
            manifests.expect(f"ConfigMap {name}", line in text.splitlines(), f"has no '{line}'")
    image = containers_of(manifests.pods["redis"])[0]["image"]
    manifests.expect("StatefulSet redis", image.startswith("valkey/") == (due > 1),
                     f"{image} is not what prod, and prod alone, runs: Valkey")


def check_stores(manifests):
    due = 3 if manifests.overlay in PROD else 1
    check_mongo(manifests, due)
    check_nats(manifests, due)
    check_redis(manifests, due)
