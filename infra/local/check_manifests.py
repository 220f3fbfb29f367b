"""Are the manifests right? check_manifests.py BIN SCHEMAS ROOT [OVERLAY…]

Each overlay of ROOT/infra/k8s is rendered as kubectl or skaffold would, and what comes out is asked:

  schema      is every document what two versions of Kubernetes, and the operators, would take?
  policy      does every pod run with the least rights, within limits, asked how it is?
  references  is what a document names there: Services, ConfigMaps, volumes, keys of secrets?
  edges       who can reach whom: exactly the edges that the services' tables make, no more, no fewer
  settings    do names, ports and paths agree with what the programs say of themselves (--describe)?

and skaffold.yaml and compose.yaml, whether they agree with all that. A complaint is one line.
"""
import copy
import functools
import glob
import json
import os
import re
import subprocess
import sys

import jsonschema
import openapi_schema_validator
import referencing
import yaml

import check_docs
from manifest_edges import check_edges
from manifest_policy import check_image, check_policy
from manifest_stores import check_stores
from manifests import (Manifests, containers_of, labels_of, name_of, names_of_settings, port_names,
                       render, selects, spec_of)

KUBERNETES = ("kubernetes-1.34", "kubernetes-1.36")
OPERATORS = ("gateway-api", "keda", "cert-manager")
START_SECONDS = 6 * 3600  # a store may be away for hours, and a week of events be read again
AGREED = ("CURRENCY", "SESSION_COOKIE")  # settings of services that pages must know as they do


# ---- schema ----

@functools.cache
def kinds_in(schemas, source):
    with open(f"{schemas}/{source}.json", encoding="utf-8") as file:
        return json.load(file)


@functools.cache
def validator(schemas, source, kind):
    """The validator of a kind in one source of schemas, or None."""
    kinds = kinds_in(schemas, source)
    if kind not in kinds:
        return None
    if source not in KUBERNETES:
        return openapi_schema_validator.OAS30Validator(kinds[kind])
    group = referencing.Resource({"components": kinds[kinds[kind]["group"]]},
                                 referencing.jsonschema.DRAFT4)
    return openapi_schema_validator.OAS30Validator(
        {"$ref": f"urn:group#/components/schemas/{kinds[kind]['name']}"},
        registry=referencing.Registry().with_resource("urn:group", group))


def check_schema(manifests, schemas):
    for document in manifests.documents:
        kind = f"{document['apiVersion']} {document['kind']}"
        sources = [s for s in OPERATORS if validator(schemas, s, kind)] or KUBERNETES
        for source in sources:
            found = validator(schemas, source, kind)
            if found is None:
                manifests.complain(name_of(document), f"{source} has no {kind}")
                continue
            for error in found.iter_errors(document):
                manifests.complain(name_of(document),
                                   f"{source}: {error.json_path}: {error.message[:200]}")


# ---- references ----

def secrets_made(root):
    """{name: keys} of what infra/k8s/secrets prints."""
    made = subprocess.run([f"{root}/infra/k8s/secrets"], capture_output=True, text=True, check=True,
                          timeout=30, env={**os.environ, "STRIPE_KEY": "sk_test_x"})
    return {d["metadata"]["name"]: set(d["stringData"])
            for d in yaml.load_all(made.stdout, yaml.CSafeLoader)}


def is_by_reference(row):
    """Does a container's variable hold no secret itself? A URL may refer to its password."""
    return "secretKeyRef" in row.get("valueFrom", {}) or bool(
        re.fullmatch(r"\w+://([^:@/]*(:\$\(\w+\))?@)?[^@]*", row.get("value", "")))


def names_in(pod):
    """What a pod refers to: (kind, name, key or None)."""
    for container in containers_of(pod):
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"], None
        for row in container.get("env", []):
            if ref := row.get("valueFrom", {}).get("secretKeyRef"):
                yield "Secret", ref["name"], ref["key"]
            if ref := row.get("valueFrom", {}).get("configMapKeyRef"):
                yield "ConfigMap", ref["name"], None
    for volume in spec_of(pod).get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"], None
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], None


def check_references(manifests, secrets):
    services, pods = manifests.all("Service"), manifests.pods
    for secret in manifests.all("Secret").values():
        manifests.complain(name_of(secret), "is in git")
    for pod in pods.values():
        for kind, name, key in names_in(pod):
            there = name in (secrets if kind == "Secret" else manifests.all(kind))
            manifests.expect(name_of(pod), there, f"{kind} {name} is not there")
            if there and key:
                manifests.expect(name_of(pod), key in secrets[name], f"secret {name} has no {key}")
        for row in (row for c in containers_of(pod) for row in c.get("env", [])):
            manifests.expect(name_of(pod), "://" not in row.get("value", "") or is_by_reference(row),
                             f"{row['name']} is in git")
        if pod["kind"] == "StatefulSet":
            manifests.expect(name_of(pod), pod["spec"]["serviceName"] in services,
                             f"Service {pod['spec']['serviceName']} is not there")
            manifests.expect(name_of(pod), pod["spec"].get("volumeClaimTemplates"),
                             "keeps its data on no volume")
    for service in services.values():
        behind = [p for p in pods.values() if selects({"matchLabels": service["spec"]["selector"]},
                                                      labels_of(p))]
        manifests.expect(name_of(service), len(behind) == 1, f"selects {len(behind)} workloads")
        for port in service["spec"]["ports"]:
            for pod in behind:
                manifests.expect(name_of(service), port["targetPort"] in port_names(pod),
                                 f"no port {port['targetPort']} in {name_of(pod)}")
    for who, name, port in backends(manifests):
        ports = services[name]["spec"]["ports"] if name in services else []
        manifests.expect(who, any(port in (p["name"], p["port"]) for p in ports),
                         f"leads to {name}:{port}, which is not there")


def backends(manifests):
    """What the ways in lead to: (document, service, port)."""
    for ingress in manifests.all("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                yield name_of(ingress), service["name"], next(iter(service["port"].values()))
    for route in manifests.all("HTTPRoute").values():
        for rule in route["spec"]["rules"]:
            for ref in rule.get("backendRefs", []):
                yield name_of(route), ref["name"], ref["port"]


# ---- settings ----

def client_settings(root):
    with open(f"{root}/client/README.md", encoding="utf-8") as file:
        rows = check_docs.table_rows(file.read())
    return {name for row in rows for name in check_docs.quoted(row[0]) if name.isupper()}


def check_probes(expect, service, container):
    """It is asked for its stores, by /readyz, until it has started, and never again: those that one
    pod misses all miss, and all would leave their Service at once."""
    paths, asked = {route["path"] for route in service["routes"]}, {}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = asked[probe] = container.get(probe, {}).get("httpGet", {}).get("path")
        expect(path in paths, f"{probe} asks {path}, which is no route")
    start = container.get("startupProbe", {})
    expect(asked["startupProbe"] == "/readyz", "gets requests before it can work: startupProbe")
    expect(start.get("periodSeconds", 10) * start.get("failureThreshold", 3) >= START_SECONDS,
           "is killed while it waits for its stores: startupProbe")
    expect(asked["livenessProbe"] != "/readyz", "is killed while a store is away: livenessProbe")
    expect(asked["readinessProbe"] != "/readyz",
           "leaves its Service while a store is away: readinessProbe")


def check_service(manifests, name, service):
    pod = manifests.pods.get(name)
    if pod is None:
        manifests.complain(name, "is not deployed")
        return
    expect = functools.partial(manifests.expect, name_of(pod))
    container, settings = spec_of(pod)["containers"][0], names_of_settings(service)
    secret = {row["name"] for row in service["settings"] + service["sharedSettings"]
              if row["type"] == "secret"}
    given = {row["name"]: row.get("value") for row in container["env"]}
    own = {n for n in given if n != "MONGO_PASSWORD"}
    shared = manifests.all("ConfigMap").get(container["envFrom"][0]["configMapRef"]["name"],
                                            {"data": {}})["data"]
    for setting in sorted(own - set(settings)):
        expect(False, f"{setting} is set, but is no setting of {name}")
    for setting, default in settings.items():
        expect(default is not None or setting in own, f"{setting} must be set")
    for row in container["env"]:
        expect(row["name"] not in secret or is_by_reference(row), f"{row['name']} is in git")
    for setting in sorted(secret & set(shared)):
        expect(False, f"{setting} is in git, in a ConfigMap")
    expect(shared.get("ADDRESS") == "0.0.0.0", "cannot be reached: ADDRESS")
    expect(port_names(pod).get("http") == service["port"], f"does not listen on {service['port']}")
    check_probes(expect, service, container)
    program = check_docs.TOOLS.get(name, [name])
    expect(container["image"].startswith(f"ticketing/{program[0]}:")
           and container.get("args", []) == program[1:], "is another program")


def check_settings(manifests, described, root):
    for name, service in described.items():
        check_service(manifests, name, service)
    known = set().union(*map(names_of_settings, described.values()))
    for name, config in manifests.all("ConfigMap").items():
        for setting in sorted(set(config["data"]) - known if name.startswith("settings") else ()):
            manifests.complain(f"ConfigMap {name}", f"{setting} is nobody's setting")
    client = {row["name"]: row for row in
              spec_of(manifests.pods["client"])["containers"][0]["env"]}
    for setting in client:
        manifests.expect("Deployment client", setting in client_settings(root),
                         f"{setting} is set, but is no setting of client")
    for setting in AGREED:
        ref = client.get(setting, {}).get("valueFrom", {}).get("configMapKeyRef", {})
        manifests.expect("Deployment client", ref.get("key") == setting
                         and ref["name"].startswith("settings") and ref.get("optional"),
                         f"{setting} is not that of the services")
    edge = {row["name"]: row.get("value") for row in
            spec_of(manifests.pods["edge"])["containers"][0]["env"]}
    upstreams = edge["UPSTREAMS"].split()
    upstreams += [f"stripe={edge['LOCAL_STRIPE']}"] if "LOCAL_STRIPE" in edge else []
    due = {f"{n}={n}:{s['port']}" for n, s in described.items() if check_docs.public_routes(s)}
    due |= {f"client=client:{port_names(manifests.pods['client'])['http']}"}
    due |= {"stripe=stripe:8420"} if "stripe" in manifests.pods else set()
    for upstream in sorted(due ^ set(upstreams)):
        manifests.complain("Deployment edge", f"upstream {upstream}: "
                           + ("is missing" if upstream in due else "there is none"))
    durables = {(row["event"].split(".")[0], row["durable"]) for s in described.values()
                for row in s["hears"]}
    for name, scaled in manifests.all("ScaledObject").items():
        for trigger in (t["metadata"] for t in scaled["spec"]["triggers"] if "stream" in
                        t["metadata"]):
            manifests.expect(name_of(scaled), any(
                durable == trigger["consumer"] and trigger["stream"].startswith(event)
                and durable.startswith(f"{name}-") for event, durable in durables),
                f"{trigger['consumer']} is no consumer of {trigger['stream']}")
        asked = {t["metadata"].get("consumer") for t in scaled["spec"]["triggers"]}
        for durable in sorted({d for _, d in durables if d.startswith(f"{name}-")} - asked):
            manifests.complain(name_of(scaled), f"does not look at {durable}")


# ---- skaffold and compose ----

def images_of(manifests):
    return {c["image"].split(":")[0] for p in manifests.pods.values() for c in containers_of(p)
            if c["image"].startswith("ticketing/")}


def check_skaffold(root, rendered, complaints):
    with open(f"{root}/skaffold.yaml", encoding="utf-8") as file:
        skaffold = yaml.load(file, yaml.CSafeLoader)
    artifacts = {a["image"]: a for a in skaffold["build"]["artifacts"]}
    parts = [skaffold] + skaffold["profiles"]
    for part in parts:
        name = f"skaffold.yaml: {part.get('name', 'default')}"
        for path in part.get("manifests", {}).get("kustomize", {}).get("paths", []):
            overlay = os.path.basename(path)
            if overlay not in rendered:
                complaints.append(f"{name}: {path} is no overlay")
                continue
            for image in sorted(images_of(rendered[overlay]) - set(artifacts)):
                complaints.append(f"{name}: builds no {image}")
            for forward in part.get("portForward", skaffold["portForward"]):
                target = rendered[overlay].all("Service").get(forward["resourceName"])
                ports = [p["port"] for p in target["spec"]["ports"]] if target else []
                if forward["port"] not in ports:
                    complaints.append(f"{name}: forwards to {forward['resourceName']}:"
                                      f"{forward['port']}, which is not there")
        check_artifacts(root, name, patched(skaffold, part, complaints), complaints)


def patched(skaffold, profile, complaints):
    """The artifacts as a profile's patches make them. All of them add."""
    made = copy.deepcopy(skaffold)
    for patch in profile.get("patches", []):
        *way, last = patch["path"].strip("/").split("/")
        at = made
        try:
            for step in way:
                at = at[int(step)] if isinstance(at, list) else at[step]
            at[last] = patch["value"]
        except (LookupError, TypeError):
            complaints.append(f"skaffold.yaml: {profile['name']}: there is no {patch['path']}")
    return made["build"]["artifacts"]


def check_artifacts(root, name, artifacts, complaints):
    for artifact in artifacts:
        context, docker = artifact.get("context", "."), artifact["docker"]
        path = os.path.join(context, docker.get("dockerfile", "Dockerfile"))
        if not os.path.exists(f"{root}/{path}"):
            complaints.append(f"{name}: {artifact['image']}: {path} is missing")
            continue
        with open(f"{root}/{path}", encoding="utf-8") as file:
            targets = re.findall(r"^FROM .* AS (\w+)$", file.read(), re.MULTILINE)
        if docker.get("target", targets[0]) not in targets:
            complaints.append(f"{name}: {artifact['image']}: {path} has no {docker['target']}")
        for rule in artifact.get("sync", {}).get("manual", []):
            if not glob.glob(f"{root}/{context}/{rule['src']}"):
                complaints.append(f"{name}: {artifact['image']}: syncs {rule['src']}, "
                                  "which is not there")


def check_compose(root, schemas, described, complaints):
    with open(f"{root}/compose.yaml", encoding="utf-8") as file:
        compose = yaml.load(file, yaml.CSafeLoader)
    services = compose["services"]
    client = services["client"]["environment"]
    schema = jsonschema.Draft202012Validator(kinds_in(schemas, "compose"))
    complaints += [f"compose.yaml: {error.json_path}: {error.message[:200]}"
                   for error in schema.iter_errors(compose)]
    for name, service in described.items():
        if name not in services:
            complaints.append(f"compose.yaml: {name} is missing")
            continue
        given, settings = set(services[name]["environment"]), names_of_settings(service)
        complaints += [f"compose.yaml: {name}: {s} is no setting of it"
                       for s in sorted(given - set(settings))]
        complaints += [f"compose.yaml: {name}: {s} must be set"
                       for s, default in settings.items() if default is None and s not in given]
        complaints += [f"compose.yaml: client: {s} is not that of {name}"
                       for s in AGREED if s in settings
                       and client.get(s) != services[name]["environment"].get(s)]
    for name, service in services.items():
        complaints += [f"compose.yaml: {name}: {problem}"
                       for problem in check_image(service["image"])]
        if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
            complaints.append(f"compose.yaml: {name}: has rights that it does not need")


def check_bases(root, complaints):
    """What the Dockerfiles build on is pinned as what the manifests run."""
    for path in ("Dockerfile", "client/Dockerfile"):
        with open(f"{root}/{path}", encoding="utf-8") as file:
            bases = re.findall(r"^ARG [A-Z]+=(\S+:\S+)$", file.read(), re.MULTILINE)
        complaints += [f"{path}: {problem}" for base in bases for problem in check_image(base)]


def check(root, overlays, schemas, described):
    """All complaints about the overlays below root."""
    complaints, rendered, secrets = [], {}, secrets_made(root)
    for overlay in overlays:
        documents = render(f"{root}/infra/k8s/overlays/{overlay}")
        rendered[overlay] = manifests = Manifests(overlay, documents, complaints)
        before = len(complaints)
        check_schema(manifests, schemas)
        if len(complaints) > before:
            continue  # the rest goes by what the schemas promise
        check_policy(manifests)
        check_references(manifests, secrets)
        check_edges(manifests, described)
        check_settings(manifests, described, root)
        check_stores(manifests, described)
    return complaints, rendered


def main(binaries, schemas, root, *overlays):
    described = check_docs.describe(binaries)
    overlays = overlays or sorted(os.listdir(f"{root}/infra/k8s/overlays"))
    complaints, rendered = check(root, overlays, schemas, described)
    check_skaffold(root, rendered, complaints)
    check_bases(root, complaints)
    check_compose(root, schemas, described, complaints)
    print("\n".join(complaints), end="\n" if complaints else "")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
