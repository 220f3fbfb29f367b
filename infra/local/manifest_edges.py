"""Who can reach whom: exactly the edges that the services' tables make? (check_manifests.py)

A connection needs the leave of both ends, so each policy is asked in its own direction: a rule that
is too wide is found though the other end would still say no."""
import check_docs
from manifests import labels_of, names_of_settings, port_names, selects


def allowed(manifests, direction, pod, other, port):
    """Does some policy let `pod` speak (Egress) to, or be spoken to (Ingress) by, `other`?"""
    for policy in manifests.all("NetworkPolicy").values():
        spec = policy["spec"]
        if direction not in spec["policyTypes"] or not selects(spec["podSelector"], labels_of(pod)):
            continue
        for rule in spec.get(direction.lower(), []):
            peers = rule.get("to" if direction == "Egress" else "from")
            if peers is not None and not any(
                    "podSelector" in p and "namespaceSelector" not in p
                    and selects(p["podSelector"], labels_of(other)) for p in peers):
                continue
            if any(p["port"] in port for p in rule["ports"]):
                return True
    return False


def edges_made(manifests, direction):
    pods = manifests.pods
    return {f"{one} to {other}:{name}"
            for one in pods for other in pods
            for name, number in port_names(pods[other]).items()
            if allowed(manifests, direction, *((pods[one], pods[other]) if direction == "Egress"
                                               else (pods[other], pods[one])), (name, number))}


def edges_due(manifests, described):
    due = {("edge", "client", "http"), ("client", "edge", "http"), ("nats", "nats", "cluster"),
           ("backup", "nats", "client")}
    for name, service in described.items():
        settings = names_of_settings(service)
        due.add((name, "nats", "client"))
        due |= {("edge", name, "http")} if check_docs.public_routes(service) else set()
        due |= {(name, "redis", "redis")} if "REDIS_URL" in settings else set()
        due |= {(name, "stripe", "http")} if "STRIPE_KEY" in settings else set()
        if "MONGO_DATABASE" in settings:
            mongo = f"mongo-{name}"
            due |= {(one, mongo, "mongo")
                    for one in (name, "ops", "backup", mongo, f"mongo-init-{name}")}
        due.add(("prometheus", name, "http"))
    due |= {("edge", "stripe", "http"), ("stripe", "edge", "http"),
            ("grafana", "prometheus", "http"), ("prometheus", "nats", "metrics")}
    pods = manifests.pods
    return {f"{one} to {other}:{port}" for one, other, port in due if one in pods and other in pods
            and port in port_names(pods[other])}


def outside(peers):
    """Who of a rule's peers is no pod of this namespace: the world, or a namespace by its name."""
    for peer in [{"ipBlock": {}}] if peers is None else peers:
        if "ipBlock" in peer:
            yield "world"
        if "namespaceSelector" in peer:
            yield peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]


def world_made(manifests):
    """What policies let through between pods and what is outside: "pod to world:port" and back."""
    for policy in (p["spec"] for p in manifests.all("NetworkPolicy").values()):
        for name in (n for n, p in manifests.pods.items()
                     if selects(policy["podSelector"], labels_of(p))):
            for rule in policy.get("egress", []):
                yield from (f"{name} to {peer}:{row['port']}" for row in rule["ports"]
                            for peer in outside(rule.get("to")))
            for rule in policy.get("ingress", []):
                yield from (f"{peer} to {name}:{row['port']}" for row in rule["ports"]
                            for peer in outside(rule.get("from")))


def world_due(manifests, described):
    """Names for all; Stripe for who has its key, where it is outside; browsers to the edge."""
    yield "world to edge:http"
    yield from (f"{name} to kube-system:53" for name in manifests.pods)
    if "stripe" not in manifests.pods:
        yield from (f"{name} to world:443" for name, service in described.items()
                    if "STRIPE_KEY" in names_of_settings(service))
    if "prometheus" in manifests.pods:  # asks the cluster's API
        yield from ("prometheus to world:443", "prometheus to world:6443")
    if manifests.all("ScaledObject"):
        yield "keda to nats:monitor"


def check_edges(manifests, described):
    closed = [p["spec"] for p in manifests.all("NetworkPolicy").values()
              if p["spec"]["podSelector"] == {} and "ingress" not in p["spec"]
              and "egress" not in p["spec"]]
    manifests.expect("NetworkPolicy", [sorted(p["policyTypes"]) for p in closed] ==
                     [["Egress", "Ingress"]], "nothing denies what no rule allows")
    made, due = set(world_made(manifests)), set(world_due(manifests, described))
    for edge in sorted(made ^ due):
        manifests.complain("NetworkPolicy", f"{edge} is "
                           + ("open for no reason" if edge in made else "closed"))
    due = edges_due(manifests, described)
    for direction in ("Egress", "Ingress"):
        made = edges_made(manifests, direction)
        for edge in sorted(made - due):
            # The edge is where the world comes in.
            if direction == "Egress" or not edge.endswith(" to edge:http"):
                manifests.complain("NetworkPolicy", f"{edge} is open ({direction}) for no reason")
        for edge in sorted(due - made):
            manifests.complain("NetworkPolicy", f"{edge} is closed ({direction})")
