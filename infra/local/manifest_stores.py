"""Are the stores as large and as careful as promised? (check_manifests.py)

Prod has three of what keeps money and tickets, on three nodes' disks; all others have one. What has
to agree with that number is compared with it: the job that makes members a set, NATS's own list of
its servers, and how many of them keep each event. What is backed up is compared with what there is."""
import functools
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
            check_member(manifests, pod)


def check_member(manifests, pod):
    """Ready is who counts for a majority, so that no second member is taken down beside one that does
    not yet; and nobody has to be ready for the members to be started and to find each other."""
    expect = functools.partial(manifests.expect, name_of(pod))
    container, spec = containers_of(pod)[0], pod["spec"]
    command = " ".join(container["readinessProbe"].get("exec", {}).get("command", []))
    expect("db.hello()" in command and "secondary" in command,
           "is ready before it is a primary or a secondary")
    expect("HOME=/tmp/" in command, "keeps mongosh's logs beside the data: HOME")
    service = manifests.all("Service").get(spec["serviceName"], {"spec": {}})
    expect(service["spec"].get("publishNotReadyAddresses") is True,
           "is found only when it is ready, which it becomes by being found")
    expect(spec.get("podManagementPolicy") == "Parallel",
           "waits for members to be ready that wait for it")


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


def check_backup(manifests, described):
    """Prod backs up every database and every stream, with tools of the databases' own version."""
    backup = manifests.pods.get("backup")
    if backup is None:
        manifests.expect("CronJob backup", manifests.overlay not in PROD, "is not there")
        return
    expect = functools.partial(manifests.expect, name_of(backup))
    for _, script in config_of(manifests, "backup"):
        told = {what: names.split() for what, names in
                re.findall(r'^(databases|streams)="(.*)"$', script, re.MULTILINE)}
        sets = {name.removeprefix("mongo-") for name, pod in manifests.pods.items()
                if name.startswith("mongo-") and pod["kind"] == "StatefulSet"}
        for name in sorted(sets ^ set(told["databases"])):
            expect(False, f"the database {name} "
                   + ("is left out" if name in sets else "is not there"))
        for aggregate in sorted({event.split(".")[0] for service in described.values()
                                 for event in service["says"]}):
            expect(any(stream.startswith(aggregate) for stream in told["streams"]),
                   f"the stream of {aggregate}.> is left out")
        given = {row["name"] for container in containers_of(backup) for row in container["env"]}
        for setting in sorted(set(re.findall(r"\$([A-Z_]+)", script)) - given):
            expect(False, f"{setting} must be set")
    ours, theirs = (next(c["image"] for c in containers_of(pod) if c["image"].startswith("mongo:"))
                    for pod in (backup, manifests.pods["mongo-orders"]))
    expect(ours == theirs, f"reads databases of {theirs} by tools of {ours}")


def check_stores(manifests, described):
    due = 3 if manifests.overlay in PROD else 1
    check_mongo(manifests, due)
    check_nats(manifests, due)
    check_redis(manifests, due)
    check_backup(manifests, described)
