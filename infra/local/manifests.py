"""What an overlay renders to, and how its parts are asked for (check_manifests.py)."""
import subprocess
import sys

import yaml

JOBS = ("Job", "CronJob")  # what comes to an end
WORKLOADS = ("Deployment", "StatefulSet", *JOBS)


def render(folder):
    made = subprocess.run([".local/bin/kustomize", "build", folder], capture_output=True,
                          text=True, timeout=60, check=False)
    if made.returncode:
        sys.exit(f"{folder}: {made.stderr.strip()}")
    return [d for d in yaml.load_all(made.stdout, yaml.CSafeLoader) if d]


class Manifests:
    """What one overlay renders to, and what is wrong with it."""

    def __init__(self, overlay, documents, complaints):
        self.overlay, self.documents, self.complaints = overlay, documents, complaints
        self.pods = {d["metadata"]["name"]: d for d in documents if d["kind"] in WORKLOADS}

    def complain(self, name, problem):
        self.complaints.append(f"{self.overlay}: {name}: {problem}")

    def expect(self, name, yes, problem):
        if not yes:
            self.complain(name, problem)

    def all(self, kind):
        return {d["metadata"]["name"]: d for d in self.documents if d["kind"] == kind}


def job_of(pod):
    """The part that says how a Job runs, of a CronJob too."""
    return pod["spec"]["jobTemplate"]["spec"] if pod["kind"] == "CronJob" else pod["spec"]


def template_of(pod):
    return job_of(pod)["template"]


def spec_of(pod):
    return template_of(pod)["spec"]


def labels_of(pod):
    return template_of(pod)["metadata"]["labels"]


def containers_of(pod):
    return spec_of(pod)["containers"] + spec_of(pod).get("initContainers", [])


def name_of(document):
    return f"{document['kind']} {document['metadata']['name']}"


def port_names(pod):
    return {p["name"]: p["containerPort"] for c in containers_of(pod) for p in c.get("ports", [])}


def selects(selector, labels):
    """Does a label selector ({}: all) select a pod with these labels?"""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        if rule["operator"] != "In" or labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


def names_of_settings(service):
    return {row["name"]: row["default"] for row in service["settings"] + service["sharedSettings"]}
