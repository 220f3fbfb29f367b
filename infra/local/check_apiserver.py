"""Would a cluster take the manifests? check_apiserver.py TOOLS CRDS [OVERLAY…]

A kube-apiserver is started on loopback with an etcd of its own, which both go at the end, and the
kinds of the operators (Gateway API, KEDA, cert-manager). There are no nodes and no controllers, so
nothing runs; but it is asked all that a cluster is asked before anything does:

  control      does it refuse what is wrong, so that its yes means something?
  overlay      does it take every document of each overlay, with no warning, unknown fields refused?
  pods         does the namespace, which is restricted, let in a pod of every workload?
  again        applied for good and then once more, does nothing differ?
  rights       may Prometheus's account see pods, and nothing else?
"""
import contextlib
import os
import socket
import subprocess
import ssl
import sys
import tempfile
import time
import urllib.request

import yaml

from manifests import WORKLOADS, name_of, render, spec_of, template_of

NAMESPACE = "ticketing"
READY_SECONDS = 120

# What must be refused, and a part of the reason.
CONTROLS = [
    ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "control"}, "spec": {"containers": [
        {"name": "main", "image": "a:1", "securityContext": {"privileged": True}}]}},
     "violates PodSecurity"),
    ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "control"},
      "spec": {"ports": [{"port": 80}], "selectors": {"a": "b"}}}, "field not declared"),
    ({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
      "metadata": {"name": "control"}, "spec": {"rules": [{"matches": [
          {"path": {"type": "Prefix", "value": "/"}}]}]}}, "Unsupported value"),
    ({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "control"},
      "spec": {"triggers": []}}, "scaleTargetRef"),
]


def free_ports(count):
    """Ports that nobody has just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster:
    """An API server and its store in a temporary folder, until the end of a with block."""

    def __init__(self, tools):
        self.tools, self.stack = tools, contextlib.ExitStack()

    def __enter__(self):
        self.home = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.ports = free_ports(3)
        try:
            self.start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        etcd, peer, port = self.ports
        key = f"{self.home}/account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True,
                       timeout=60)
        with open(f"{self.home}/tokens", "w", encoding="ascii") as file:
            file.write('check,admin,1,"system:masters"\n')
        store = f"http://127.0.0.1:{etcd}"
        self.run("server", f"--data-dir={self.home}/etcd", f"--listen-client-urls={store}",
                 f"--advertise-client-urls={store}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
                 "--unsafe-no-fsync", "--log-level=error")
        server = self.run(
            "kube-apiserver", f"--etcd-servers={store}", f"--secure-port={port}",
            "--bind-address=127.0.0.1", f"--cert-dir={self.home}/certificates",
            "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            f"--token-auth-file={self.home}/tokens", "--allow-privileged=true")
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
                with open(f"{self.home}/kube-apiserver.log", encoding="utf-8") as log:
                    sys.exit("kube-apiserver is not ready:\n" + log.read()[-2000:])
            time.sleep(0.2)

    def run(self, program, *arguments):
        log = self.stack.enter_context(open(f"{self.home}/{program}.log", "wb"))
        process = self.stack.enter_context(
            subprocess.Popen([f"{self.tools}/{program}", *arguments], stdout=log, stderr=log))
        self.stack.callback(process.kill)  # nothing of it is kept
        return process

    def is_ready(self):
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # its certificate is its own
        asked = urllib.request.Request(f"https://127.0.0.1:{self.ports[2]}/readyz",
                                       headers={"Authorization": "Bearer check"})
        try:
            return urllib.request.urlopen(asked, context=trust, timeout=5).status == 200
        except OSError:
            return False

    def kubectl(self, *arguments, documents=None):
        """(succeeded, output, the lines of its complaints)"""
        made = subprocess.run(
            [f"{self.tools}/kubectl", f"--server=https://127.0.0.1:{self.ports[2]}",
             "--insecure-skip-tls-verify", "--token=check", *arguments],
            input=documents and yaml.safe_dump_all(documents), capture_output=True, text=True,
            timeout=120, check=False, env={"HOME": self.home, "PATH": os.environ["PATH"]})
        return made.returncode == 0, made.stdout, made.stderr.strip().splitlines()

    def apply(self, *arguments, documents=None):
        return self.kubectl("apply", "--server-side", "--validate=strict", f"-n={NAMESPACE}",
                            *arguments, *(["-f", "-"] if documents else []), documents=documents)


def must(succeeded, _, complaints):
    if not succeeded:
        sys.exit("\n".join(complaints[-20:]))


def pod_of(workload):
    """A pod as a controller would make it of this workload."""
    spec = dict(spec_of(workload))
    claims = [claim["metadata"]["name"]
              for claim in workload["spec"].get("volumeClaimTemplates", [])]
    spec["volumes"] = spec.get("volumes", []) + [
        {"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {**template_of(workload)["metadata"], "name": workload["metadata"]["name"],
                         "namespace": NAMESPACE}}


def check_controls(cluster):
    for document, reason in CONTROLS:
        succeeded, _, complaints = cluster.apply("--dry-run=server", documents=[document])
        if succeeded or not any(reason in line for line in complaints):
            yield f"control: {document['kind']}: nobody said {reason!r}: {complaints}"


def check_overlay(cluster, documents):
    succeeded, _, complaints = cluster.apply("--dry-run=server", documents=documents)
    if not succeeded or complaints:
        yield from complaints or ["refused without a reason"]
    for workload in documents:
        if workload["kind"] in WORKLOADS:
            succeeded, _, complaints = cluster.kubectl(
                "create", "--dry-run=server", "-f", "-", documents=[pod_of(workload)])
            if not succeeded or complaints:
                yield f"a pod of {name_of(workload)}: " + " ".join(complaints)


def check_again(cluster, documents):
    succeeded, _, complaints = cluster.apply(documents=documents)
    if not succeeded or complaints:
        yield from complaints
        return
    same, difference, complaints = cluster.kubectl("diff", "--server-side", "-f", "-",
                                                   documents=documents)
    if not same:
        yield "applied again, something differs: " + (difference[:1000] or " ".join(complaints))


def check_rights(cluster):
    account = f"--as=system:serviceaccount:{NAMESPACE}:prometheus"
    for verb, what, due in (("list", "pods", "yes"), ("get", "secrets", "no"),
                            ("delete", "pods", "no"), ("create", "deployments", "no")):
        _, said, _ = cluster.kubectl("auth", "can-i", verb, what, f"-n={NAMESPACE}", account)
        if said.strip() != due:
            yield f"Prometheus's account may {verb} {what}: {said.strip()}, and not {due}"


def main(tools, crds, *overlays):
    folder = "infra/k8s/overlays"
    complaints = []

    def ask(who, found):
        found = [f"{who}: {line}" for line in found]
        print(f"  {who}: " + ("as it should be" if not found else f"{len(found)} complaints"),
              flush=True)
        complaints.extend(found)

    with Cluster(tools) as cluster:
        must(*cluster.apply("-f", crds))
        must(*cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd",
                              "--all"))
        namespace = [d for d in render(f"{folder}/prod") if d["kind"] == "Namespace"]
        accounts = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
                    for name in ("default", "prometheus")]  # a controller's, and the overlay's
        must(*cluster.apply(documents=namespace + accounts))
        ask("control", check_controls(cluster))
        for overlay in overlays or sorted(os.listdir(folder)):
            ask(overlay, check_overlay(cluster, render(f"{folder}/{overlay}")))
        ask("prod again", check_again(cluster, render(f"{folder}/prod")))
        ask("rights", check_rights(cluster))
    print("\n".join(complaints), end="\n" if complaints else "")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
