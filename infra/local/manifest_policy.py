"""Does every pod run with the least rights, within limits, asked how it is? (check_manifests.py)"""
import functools
import re

from manifests import JOBS, containers_of, job_of, labels_of, name_of, selects, spec_of

API_TOKEN = {"prometheus"}  # pods that ask the cluster's API
# While somebody works on the pages, changed files are put into the client's container.
MAY_WRITE = {(overlay, "Deployment client/main") for overlay in ("live", "debug", "gateway")}
VERSION = re.compile(r"[^:@]+:v?(\d+\.\d+|\w+-\d{8})[\w.-]*(@sha256:[0-9a-f]{64})?")
NO_DIGEST = ("ticketing/",  # ours: skaffold deploys what it has built by digest
             "natsio/prometheus-nats-exporter:0.17.3")  # we know of no place that tells it
# What has nothing under way when it ends, or is asked for by nobody but operators.
ENDS_AT_ONCE = {"grafana", "prometheus", "stripe", "redis"}
DRAIN_SECONDS = 45
ONE_IS_ENOUGH = {"ops", "grafana"}  # of prod's Deployments


def check_image(image):
    """What is wrong with how an image is named."""
    name = VERSION.fullmatch(image)
    if not name:
        yield f"{image} names no exact version"
    elif not name[2] and not image.startswith(NO_DIGEST):
        yield f"{image} names no digest"
    if "bitnami" in image:
        yield "is Bitnami's"


def check_container(manifests, name, container, is_asked):
    expect = functools.partial(manifests.expect, name)
    security, resources = container.get("securityContext", {}), container.get("resources", {})
    expect(security.get("allowPrivilegeEscalation") is False, "may gain privileges")
    expect(security.get("readOnlyRootFilesystem") is True
           or (manifests.overlay, name) in MAY_WRITE, "may write to its root file system")
    expect(security.get("capabilities") == {"drop": ["ALL"]}, "keeps capabilities")
    expect("privileged" not in security, "is privileged")
    for what in ("requests", "limits"):
        expect("memory" in resources.get(what, {}), f"{what} no memory")
    expect("cpu" in resources.get("requests", {}), "requests no cpu")
    for problem in check_image(container["image"]):
        expect(False, problem)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe") if is_asked else ():
        expect(probe in container, f"has no {probe}")


def check_pod(manifests, name, pod):
    spec, expect = spec_of(pod), functools.partial(manifests.expect, name_of(pod))
    security = spec.get("securityContext", {})
    expect(security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0,
           "may run as root")
    expect(security.get("seccompProfile") == {"type": "RuntimeDefault"}, "has no seccomp profile")
    expect(spec.get("automountServiceAccountToken") is (name in API_TOKEN),
           "has a token for the cluster's API")
    for what in ("hostNetwork", "hostPID", "hostIPC"):
        expect(what not in spec, f"has {what}")
    for spread in spec.get("topologySpreadConstraints", []):
        twice = set(spread.get("matchLabelKeys", [])) & set(spread["labelSelector"]["matchLabels"])
        expect(not twice, f"spreads by {sorted(twice)} twice, which the API server refuses")
        expect(selects(spread["labelSelector"], labels_of(pod)), "spreads others than itself")
    for volume in spec.get("volumes", []):
        expect("hostPath" not in volume, f"volume {volume['name']} is the node's")
    for container in containers_of(pod):
        lasts = pod["kind"] not in JOBS and container in spec["containers"]
        check_container(manifests, f"{name_of(pod)}/{container['name']}", container, lasts)
    if pod["kind"] == "Deployment" and pod["spec"].get("strategy", {}).get("type") != "Recreate":
        rolling = pod["spec"].get("strategy", {}).get("rollingUpdate", {})
        expect(name == "grafana" or rolling.get("maxUnavailable") == 0,
               "is away for a moment in an update")
    if pod["kind"] in JOBS:
        check_job(expect, pod)
    elif name not in ENDS_AT_ONCE:
        check_drain(expect, pod)


def check_job(expect, pod):
    """A job comes to an end, also where it cannot succeed; one that repeats is never there twice."""
    for limit in ("activeDeadlineSeconds", "backoffLimit"):
        expect(limit in job_of(pod), f"may go on for ever: no {limit}")
    if pod["kind"] == "CronJob":
        expect(pod["spec"].get("concurrencyPolicy") == "Forbid", "may run twice at once")


def check_drain(expect, pod):
    """A pod that ends is out of its Service before it is told to, and has time to finish."""
    spec = spec_of(pod)
    expect(spec.get("terminationGracePeriodSeconds", 30) >= DRAIN_SECONDS,
           f"has less than {DRAIN_SECONDS} s to finish what is under way")
    if pod["kind"] == "Deployment":
        pauses = [c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
                  for c in spec["containers"]]
        expect(min(pauses) >= 5, "is told to end while requests still come")


def check_spread(manifests, pod):
    """Of several, not all are on one node; of a store's members, never two."""
    how = {spread["topologyKey"]: spread["whenUnsatisfiable"]
           for spread in spec_of(pod).get("topologySpreadConstraints", [])}
    manifests.expect(name_of(pod), "kubernetes.io/hostname" in how, "may all be on one node")
    if pod["kind"] == "StatefulSet":
        manifests.expect(name_of(pod), how.get("kubernetes.io/hostname") == "DoNotSchedule",
                         "may have two of its members on one node")


def check_scaling(manifests):
    """In prod everything that is asked by many is scaled, by one scaler, and is never alone."""
    scalers = [d["spec"]["scaleTargetRef"]["name"] for d in manifests.documents
               if d["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    for name, pod in manifests.pods.items():
        if pod["kind"] != "Deployment" or name in ONE_IS_ENOUGH:
            continue
        manifests.expect(name_of(pod), scalers.count(name) == 1,
                         f"has {scalers.count(name)} scalers")
        manifests.expect(name_of(pod), least_replicas(manifests, name, pod) > 1, "may be alone")


def least_replicas(manifests, name, pod):
    scalers = {d["spec"]["scaleTargetRef"]["name"]:
               d["spec"].get("minReplicas", d["spec"].get("minReplicaCount", 1))
               for d in manifests.documents
               if d["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")}
    return max(pod["spec"].get("replicas", 1), scalers.get(name, 1))


def check_policy(manifests):
    budgets = [d["spec"] for d in manifests.all("PodDisruptionBudget").values()]
    for name, pod in manifests.pods.items():
        check_pod(manifests, name, pod)
        if pod["kind"] not in JOBS and least_replicas(manifests, name, pod) > 1:
            count = sum(selects(b["selector"], labels_of(pod)) for b in budgets)
            manifests.expect(name_of(pod), count == 1, f"has {count} disruption budgets")
            check_spread(manifests, pod)
    if manifests.overlay == "prod":
        check_scaling(manifests)
    namespaces = manifests.all("Namespace").values()
    manifests.expect("Namespace", [n["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
                                   for n in namespaces] == ["restricted"], "is not restricted")
    for ingress in manifests.all("Ingress").values():
        manifests.expect(name_of(ingress), "annotations" not in ingress["metadata"],
                         "has annotations, which only some controller knows")
