"""Do alerts, dashboards and runbooks fit together? check_alerts.py ROOT

  alerts      each has a severity, a summary, a description and its runbook, and is a valid rule
  tests       promtool's cases hold; each alert fires in one of them and keeps still in another
  runbooks    a page for each alert, an alert for each page, a line for each in their README.md
  dashboards  are what panels.yml makes; each query can be parsed; uids are unique
  metrics     what rules and dashboards ask for is told by a service (docs/observability.md, which
              tests/scripts/metrics compares with running services) or by a named exporter
  Prometheus  takes its configuration, and loads the alerts

A complaint is one line."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

import check_docs
import dashboards

MONITORING = "infra/k8s/components/monitoring"
RUNBOOKS = "docs/runbooks"
METRICS = "docs/observability.md"
SEVERITIES = {"page", "ticket"}
# What is scraped that is not ours: Prometheus itself, and NATS' exporter beside each server.
EXPORTED = {"up", "jetstream_server_total_message_bytes", "jetstream_server_max_storage"}


def documented(text):
    """{metric: type} of the rows | `name` | type | … of docs/observability.md."""
    return {check_docs.quoted(row[0])[0]: row[1] for row in check_docs.table_rows(text)
            if len(row) == 5 and re.fullmatch(r"`[a-z_]+`", row[0])}


def series_of(metrics):
    """The names that a query may use: a histogram has three."""
    return {name + end for name, kind in metrics.items()
            for end in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}


def names_in(expression):
    """The metrics that a query asks for."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    words = set(re.findall(r"[a-zA-Z_:][\w:]*\b(?!\s*\()", bare))  # what is not called
    return words - {"and", "or", "unless", "bool", "offset"}


def promtool(*arguments):
    """What it says where it fails, else nothing."""
    run = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=600,
                         check=False)
    return (run.stdout + run.stderr).strip() if run.returncode else ""


def rules_of(root):
    with open(f"{root}/{MONITORING}/alerts.yml", encoding="utf-8") as file:
        groups = yaml.safe_load(file)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def check_rules(documents, rules):
    path = f"{MONITORING}/alerts.yml"
    if said := promtool("check", "rules", f"{documents.root}/{path}"):
        documents.complain(path, said)
    for rule in rules:
        if "alert" not in rule:
            continue
        name, notes = rule["alert"], rule.get("annotations", {})
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            documents.complain(path, f"{name}: its severity is none of {sorted(SEVERITIES)}")
        for note in ("summary", "description"):
            if not notes.get(note):
                documents.complain(path, f"{name}: has no {note}")
        if notes.get("runbook") != f"{RUNBOOKS}/{name}.md":
            documents.complain(path, f"{name}: its runbook is not {RUNBOOKS}/{name}.md")


def check_tests(documents, alerts):
    path = f"{MONITORING}/alerts_test.yml"
    if said := promtool("test", "rules", f"{documents.root}/{path}"):
        documents.complain(path, said)
    with open(f"{documents.root}/{path}", encoding="utf-8") as file:
        cases = [check for test in yaml.safe_load(file)["tests"]
                 for check in test["promql_expr_test"]]
    for quiet, what in ((False, "fires"), (True, "keeps still")):
        tried = {re.search(r'alertname="(\w+)"', case["expr"]).group(1) for case in cases
                 if (case["exp_samples"] == []) == quiet}
        documents.compare(path, f"a case in which it {what}:", tried, alerts)


def check_runbooks(documents, alerts):
    """A page with a capital is an alert's; the others say how something is done."""
    pages = {os.path.basename(page)[:-3]
             for page in glob.glob(f"{documents.root}/{RUNBOOKS}/*.md")} - {"README"}
    documents.compare(RUNBOOKS, "the page of", {p for p in pages if p[0].isupper()}, alerts)
    index = set(re.findall(r"\]\(([\w-]+)\.md\)", documents.read(f"{RUNBOOKS}/README.md")))
    documents.compare(f"{RUNBOOKS}/README.md", "the line of", index, pages)


def check_dashboards(documents):
    """Returns their queries."""
    folder = f"{documents.root}/{MONITORING}"
    made, queries = dashboards.made(folder), []
    there = {os.path.basename(path) for path in glob.glob(f"{folder}/dashboards/*.json")}
    documents.compare(f"{MONITORING}/dashboards", "dashboard", there, set(made))
    for name, text in made.items():
        path = f"{MONITORING}/dashboards/{name}"
        if name in there and documents.read(path) != text:
            documents.complain(path, "is not what panels.yml makes: infra/local/make-dashboards")
        for panel in json.loads(text)["panels"]:
            queries += [(f"{path}: {panel['title']}", target["expr"])
                        for target in panel["targets"]]
    uids = re.findall(r"uid: (\w+)", documents.read(f"{MONITORING}/panels.yml"))
    if len(set(uids)) != len(uids):
        documents.complain(f"{MONITORING}/panels.yml", "a uid is there twice")
    listed = documents.read(f"{MONITORING}/kustomization.yaml")
    for name in sorted(made):
        if f"dashboards/{name}" not in listed:
            documents.complain(f"{MONITORING}/kustomization.yaml", f"dashboards/{name} is missing")
    return queries


def check_queries(documents, queries):
    """promtool has no parser for a query alone; it parses them as rules."""
    rules = [{"record": f"query:{i}", "expr": expression}
             for i, (_, expression) in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        for line in promtool("check", "rules", file.name).splitlines():
            if found := re.search(r'query:(\d+)".*?(could not parse.*)', line):
                documents.complain(queries[int(found.group(1))][0], found.group(2))
            elif "could not parse" in line:
                documents.complain(f"{MONITORING}/panels.yml", line.strip())


def check_metrics(documents, queries, recorded):
    known = series_of(documented(documents.read(METRICS))) | EXPORTED | recorded
    for where, expression in queries:
        for name in sorted(names_in(expression) - known):
            documents.complain(where, f"asks for {name}, which nobody tells")


def check_configuration(documents):
    """Of Kubernetes' Prometheus, but for what finds its pods: Debian's promtool knows no Kubernetes."""
    path = f"{MONITORING}/prometheus.yml"
    config = yaml.safe_load(documents.read(path))
    for job in config["scrape_configs"]:
        job.pop("kubernetes_sd_configs")
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        yaml.safe_dump(config, file)
        file.flush()
        if said := promtool("check", "config", "--syntax-only", file.name):
            documents.complain(path, said.replace(file.name, path))
    documents.compare(path, "rule file", set(config.get("rule_files", [])), {"alerts.yml"})


def check(root, with_cases=True):
    """All complaints about what is below root; promtool's cases, which take longest, if wanted."""
    documents = check_docs.Documents(root)
    rules = rules_of(root)
    alerts = {rule["alert"] for rule in rules if "alert" in rule}
    check_rules(documents, rules)
    if with_cases:
        check_tests(documents, alerts)
    check_runbooks(documents, alerts)
    queries = check_dashboards(documents)
    check_queries(documents, queries)
    queries += [(f"{MONITORING}/alerts.yml: {rule.get('alert', rule.get('record'))}", rule["expr"])
                for rule in rules]
    check_metrics(documents, queries, {rule["record"] for rule in rules if "record" in rule})
    check_configuration(documents)
    return documents.complaints


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
