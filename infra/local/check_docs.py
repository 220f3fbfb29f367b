"""Compare the documents with what the binaries say of themselves: check_docs.py BIN ROOT.

Each service in BIN prints its tables with --describe. They are the truth; whatever a document below
ROOT leaves out, adds or tells otherwise is one line of output that names the file. Compared are:

  <service>/README.md      its routes, events and settings (of TOOLS: in the program's folder)
  README.md                ports, and the settings that services share
  ARCHITECTURE.md          who says and who hears which event
  docs/openapi/*.yaml      routes, access, parameters, bodies; each a valid OpenAPI document
  docs/asyncapi.yaml       events, who says and who hears them; a valid AsyncAPI document, by the
                           official schema beside this file (asyncapi/, Apache License 2.0)
  infra/local/nginx.conf.in  where the edge passes what to
  docs/promises.md         the tests named there exist; the provers of each promise are those that
                           tests/prove/all has for it
  *.md                     files, links and make targets that are mentioned exist
"""
import functools
import glob
import json
import os
import re
import subprocess
import sys

import jsonschema
import openapi_spec_validator
import referencing.exceptions
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# Tools that serve: they say of themselves what a service says, but say and hear no events.
TOOLS = {"ops": ["ticketctl", "serve"]}
GENERATED = ("build", ".local", "node_modules")  # what is mentioned below these need not be there


class Documents:
    """The documents below a root, and what is wrong with them."""

    def __init__(self, root):
        self.root, self.complaints, self.yaml = root, [], {}

    def read(self, path):
        try:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            self.complain(path, "is missing")
            return ""

    def read_yaml(self, path):
        path = os.path.normpath(path)
        if path not in self.yaml:
            self.yaml[path] = yaml.load(self.read(path), yaml.CSafeLoader) or {}
        return self.yaml[path]

    def complain(self, path, problem):
        self.complaints.append(f"{path}: {problem}")

    def compare(self, path, what, told, true):
        """Two sets of texts."""
        for item in sorted(true - told):
            self.complain(path, f"{what} {item} is missing")
        for item in sorted(told - true):
            self.complain(path, f"{what} {item} is told, but there is none")


def describe(folder):
    """{name: what it says of itself}, of every service that has a folder here, and of TOOLS."""
    services = sorted(path.split("/")[0] for path in glob.glob("*/main.c"))
    commands = {**{service: [service] for service in services}, **TOOLS}
    run = functools.partial(subprocess.run, check=True, capture_output=True, timeout=60)
    return {name: json.loads(run([f"{folder}/{command[0]}", *command[1:], "--describe"]).stdout)
            for name, command in commands.items()}


def folder_of(name):
    return TOOLS.get(name, [name])[0]


def hears(service):
    return {row["event"] for row in service["hears"]} | set(service["watches"])


def public_routes(service):
    return [route for route in service["routes"] if "internal" not in route["flags"]]


def table_rows(text):
    """The cells of each row of each Markdown table, without the rules between."""
    lines = (line.strip() for line in text.splitlines())
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines
            if line.startswith("|")]
    return [row for row in rows if not set("".join(row)) <= set("-: ")]


def quoted(text):
    return re.findall(r"`([^`\n]+)`", text)


# ---- what people read ----

def check_settings(documents, path, text, settings):
    """A row `NAME` | default | meaning for each; the default as --help shows it."""
    told = {quoted(row[0])[0]: row[1] for row in table_rows(text)
            if len(row) == 3 and re.fullmatch(r"`[A-Z][A-Z_0-9]*`", row[0])}
    documents.compare(path, "setting", set(told), set(settings))
    for name in sorted(set(told) & set(settings)):
        defaults = settings[name]
        if len(defaults) > 1 or "(secret)" in defaults:
            right = told[name] != ""  # it is told in words
        else:
            default = next(iter(defaults))
            right = told[name] == {None: "must be set", "": "none"}.get(default, f"`{default}`")
        if not right:
            documents.complain(path, f"setting {name}: the default is {sorted(map(str, defaults))}")


def check_service_readme(documents, name, service, events):
    path = f"{folder_of(name)}/README.md"
    text = documents.read(path)
    parts = re.split(r"\*\*(Owns|Answers|Hears|Says|Settings)\*\*", text)
    sections = dict(zip(parts[1::2], parts[2::2]))
    for section in ("Owns", "Answers", "Hears", "Says", "Settings"):
        if section not in sections:
            documents.complain(path, f"no section **{section}**")
            sections[section] = ""

    told = {token for token in quoted(sections["Answers"]) if re.match(r"[A-Z]+ /", token)}
    true = {f"{route['method']} {route['path']}" for route in public_routes(service)}
    documents.compare(path, "route", told, true)
    for section, true in (("Hears", {row["event"] for row in service["hears"]}),
                          ("Says", set(service["says"]))):
        told = {token for token in quoted(sections[section]) if token in events}
        documents.compare(path, f"**{section}**: event", told, true)
    durables = {row["durable"] for row in service["hears"]}
    for token in quoted(sections["Hears"]):
        if token.startswith(f"{name}-") and token not in durables:
            documents.complain(path, f"durable {token} is told, but there is none")
    check_settings(documents, path, sections["Settings"],
                   {row["name"]: {row["default"]} for row in service["settings"]})


def check_readme(documents, services):
    path = "README.md"
    text = documents.read(path)
    told = {f"{row[0]} on port {row[1]}" for row in table_rows(text)
            if re.fullmatch(r"\[\w+\]\(\w+/README\.md\)", row[0])}
    true = {f"[{name}]({folder_of(name)}/README.md) on port {service['port']}"
            for name, service in services.items()}
    documents.compare(path, "service", told, true)
    shared = {}
    for service in services.values():
        for row in service["sharedSettings"]:
            shared.setdefault(row["name"], set()).add(row["default"])
    check_settings(documents, path, text.partition("\n## Settings\n")[2], shared)


def check_architecture(documents, services, events):
    """A row may name several events; a cell says "says", and what the service does on hearing."""
    path = "ARCHITECTURE.md"
    rows = table_rows(documents.read(path))
    header = next((row for row in rows if row[0] == "event"), [])
    documents.compare(path, "column of the event table:", set(header[1:]), set(services))
    cells = {event: dict(zip(header, row)) for row in rows for event in quoted(row[0])
             if len(row) == len(header)}
    documents.compare(path, "row of the event table:", set(cells) & events, events)
    for event in sorted(set(cells) & events):
        for name in sorted(set(services) & set(header)):
            cell = cells[event][name]
            rest = re.sub(r"\bsays\b|\W", "", cell)
            for verb, told, true in (
                    ("says", "says" in cell.split(",")[0], event in services[name]["says"]),
                    ("hears", rest != "", event in hears(services[name]))):
                if told != true:
                    documents.complain(path, f"event table: {name} {verb} {event}: the table has "
                                             f"{'it' if told else 'it not'}")


# ---- what machines read ----

def resolve(documents, path, node):
    """Follow $ref, also into a file beside `path`. The reference is known to be good: the
    validator has followed it."""
    while isinstance(node, dict) and "$ref" in node:
        file, _, pointer = node["$ref"].partition("#/")
        path = os.path.join(os.path.dirname(path), file) if file else path
        node = functools.reduce(lambda at, key: at[key], pointer.split("/"),
                                documents.read_yaml(path))
    return node


def check_operation(documents, path, route, item, operation):
    where = f"{route['method']} {route['path']}:"
    parameters = [resolve(documents, path, p) for p in
                  item.get("parameters", []) + operation.get("parameters", [])]
    documents.compare(path, f"{where} path parameter",
                      {p["name"] for p in parameters if p["in"] == "path"},
                      set(re.findall(r":(\w+)", route["path"])))
    flags = route["flags"]
    for what, told, true in (
            ("is for those who are signed in", {} not in operation.get("security", [{}]),
             route["access"] != "public"),
            ("has a body", "requestBody" in operation, bool({"body", "raw body"} & set(flags))),
            ("cannot do without its body", operation.get("requestBody", {}).get("required", False),
             "body" in flags and "maybe body" not in flags or "raw body" in flags),
            ("takes Idempotency-Key", "Idempotency-Key" in {p["name"] for p in parameters},
             "idempotent" in flags)):
        if told != true:
            documents.complain(path, f"{where} {what}: {'told' if told else 'not told'}")
    if route["access"] != "public" and "401" not in operation["responses"]:
        documents.complain(path, f"{where} response 401 is missing")


def check_openapi(documents, name, service):
    path = f"docs/openapi/{name}.yaml"
    document = documents.read_yaml(path)
    base = "file://" + os.path.abspath(os.path.join(documents.root, path))
    validator = openapi_spec_validator.OpenAPIV31SpecValidator(document, base_uri=base)
    try:
        errors = [f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
                  for error in validator.iter_errors()]
    except referencing.exceptions.Unresolvable as error:
        errors = [f"{error.ref} leads nowhere"]
    for error in errors:
        documents.complain(path, f"not OpenAPI 3.1: {error}")
    if errors:
        return
    told = {(method, url): (item, item[method]) for url, item in document["paths"].items()
            for method in METHODS & set(item)}
    true = {(route["method"].lower(), re.sub(r":(\w+)", r"{\1}", route["path"])): route
            for route in service["routes"]}
    documents.compare(path, "route", {f"{m.upper()} {u}" for m, u in told},
                      {f"{m.upper()} {u}" for m, u in true})
    for key in sorted(set(told) & set(true)):
        item, operation = told[key]
        # The document's own security counts where an operation has none.
        operation = {"security": document.get("security", [{}]), **operation}
        check_operation(documents, path, true[key], item, operation)


def check_asyncapi(documents, services, events):
    path = "docs/asyncapi.yaml"
    document = documents.read_yaml(path)
    with open(f"{HERE}/asyncapi/schema-3.0.0.json", encoding="utf-8") as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    errors = [f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
              for error in validator.iter_errors(document)]
    errors += [f"{ref} leads nowhere" for ref in dangling(document, document)]
    for error in errors:
        documents.complain(path, f"not AsyncAPI 3: {error}")
    if errors:
        return
    channels = {channel["address"] for channel in document["channels"].values()}
    documents.compare(path, "channel", channels, events)
    told = {f"{operation['tags'][0]['name']} "
            f"{'says' if operation['action'] == 'send' else 'hears'} "
            f"{resolve(documents, path, operation['channel'])['address']}"
            for operation in document["operations"].values()}
    true = {f"{name} says {event}" for name, service in services.items()
            for event in service["says"]}
    true |= {f"{name} hears {event}" for name, service in services.items()
             for event in hears(service)}
    documents.compare(path, "operation:", told, true)

    heard = set().union(*map(hears, services.values()))
    for event, channel in sorted(document["channels"].items()):
        if (event in heard) == ("x-heard-by-nobody" in channel):
            documents.complain(path, f"channel {event}: " + (
                "it is heard, so x-heard-by-nobody is wrong" if event in heard else
                "nobody hears it; if that is meant, say why: x-heard-by-nobody"))


def dangling(document, node):
    """The references below `node` that lead nowhere in the document."""
    if isinstance(node, list):
        return [ref for item in node for ref in dangling(document, item)]
    if not isinstance(node, dict):
        return []
    found = [ref for item in node.values() for ref in dangling(document, item)]
    if "$ref" in node:
        try:
            functools.reduce(lambda at, key: at[key], node["$ref"].split("/")[1:], document)
        except (KeyError, TypeError):
            found.append(node["$ref"])
    return found


def check_edge(documents, services):
    path = "infra/local/nginx.conf.in"
    way = r"location\s+(/api/\S+)\s*\{\s*proxy_pass http://(\w+);"
    told = {f"{prefix} to {name}" for prefix, name in re.findall(way, documents.read(path))}
    true = {f"{'/'.join(route['path'].split('/')[:3])} to {name}"
            for name, service in services.items() for route in public_routes(service)}
    documents.compare(path, "the way from", told, true)


# ---- what is mentioned exists ----

def mentioned_path(root, token):
    """Does `token` look like a path of this repository?"""
    if not re.fullmatch(r"\.?[\w*-][\w.*-]*(/[\w.*-]+)*/?", token):
        return False
    first = token.split("/")[0]
    if first in GENERATED:
        return False
    return re.search(r"\.(c|h|md|ya?ml|json|sh|in|txt|html)$", token) is not None or (
        "/" in token and os.path.isdir(os.path.join(root, first)))


def check_mentions(documents, path, names, targets):
    text = documents.read(path)
    code = " ".join(re.findall(r"```.*?```", text, re.S))
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    folder = os.path.dirname(path)

    def exists(*places):
        return any(glob.glob(os.path.join(documents.root, place)) for place in places)

    for token in quoted(prose):
        if not mentioned_path(documents.root, token):
            continue
        beside = os.path.join(folder, token)
        if "/" not in token and token in names:
            continue
        if not exists(token, beside, f"{token}.*", f"{beside}.*", f"**/{token}"):
            documents.complain(path, f"`{token}` does not exist")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if "://" not in target and not exists(os.path.join(folder, target)):
            documents.complain(path, f"the link to {target} leads nowhere")
    for target in re.findall(r"(?:^|[`\s])make ([a-z][a-z0-9-]*)",
                             code + " " + " ".join(f"`{token}" for token in quoted(prose))):
        if target not in targets:
            documents.complain(path, f"make {target}: there is no such target")


def make_targets(documents):
    text = documents.read("Makefile")
    for included in re.findall(r"^include (\S+)", text, re.M):
        text += documents.read(included)
    targets = {name for line in re.findall(r"^([a-z][a-z0-9 -]*):", text, re.M)
               for name in line.split()}
    checks = re.search(r"^CHECKS := (.*)", text, re.M)
    return targets | {f"check-{name}" for name in (checks.group(1) if checks else "").split()}


def check_all_mentions(documents):
    pages, names = [], set()
    for folder, folders, files in os.walk(documents.root):
        folders[:] = [f for f in folders if f not in GENERATED and not f.startswith(".")]
        names.update(files)
        pages += [os.path.relpath(os.path.join(folder, f), documents.root) for f in files
                  if f.endswith(".md")]
    targets = make_targets(documents)
    for page in sorted(pages):
        check_mentions(documents, page, names, targets)


def named_tests(root):
    """All Criterion tests, as "folder suite/test"."""
    found = set()
    for path in glob.glob(f"{root}/tests/*/test_*.c"):
        with open(path, encoding="utf-8") as file:
            found.update(f"{path.split('/')[-2]} {suite}/{test}" for suite, test in
                         re.findall(r"^\w*Test\((\w+), (\w+)", file.read(), re.M))
    return found


def check_promises(documents, path="docs/promises.md"):
    """A section for each promise, with the tests that keep it and the provers that prove it."""
    provers = {}
    for name, promises in re.findall(r'Prover\("([\w-]+)",\s*"([P\d ]+)"',
                                     documents.read("tests/prove/all")):
        for promise in promises.split():
            provers.setdefault(promise, []).append(name)
    tests = named_tests(documents.root)
    sections = {part.split()[0]: part
                for part in documents.read(path).split("\n## ") if re.match(r"P\d+ ", part)}
    documents.compare(path, "promise", set(sections), set(provers))
    for promise, section in sections.items():
        kept = [token for token in quoted(section) if re.fullmatch(r"\w+ \w+/\w+", token)]
        for token in sorted(set(kept) - tests):
            documents.complain(path, f"{promise}: there is no test {token}")
        if not kept and "`tests/scripts/" not in section:
            documents.complain(path, f"{promise}: no test keeps it")
        told = re.search(r"^\*\*Proved by\*\* (.+)\.$", section, re.M)
        documents.compare(path, f"{promise}: prover", set(told.group(1).split(", ")) if told else
                          set(), set(provers.get(promise, [])))


def check_hearing(documents, services, events):
    """What the services say of one another; no document has a part in it."""
    for name, service in services.items():
        for event in sorted(hears(service) - events):
            documents.complain(name, f"hears {event}, which nobody says")


def check(root, services, only=None):
    """All complaints about the documents below `root` (or about the one at `only`), a line each."""
    documents = Documents(root)
    events = {event for service in services.values() for event in service["says"]}
    speakers = {name: service for name, service in services.items() if name not in TOOLS}
    checks = [("services", check_hearing, services, events),
              ("README.md", check_readme, services),
              ("ARCHITECTURE.md", check_architecture, speakers, events),
              ("docs/asyncapi.yaml", check_asyncapi, speakers, events),
              ("docs/promises.md", check_promises),
              ("infra/local/nginx.conf.in", check_edge, services)]
    for name, service in services.items():
        checks += [(f"{folder_of(name)}/README.md", check_service_readme, name, service, events),
                   (f"docs/openapi/{name}.yaml", check_openapi, name, service)]
    for path, function, *arguments in checks:
        if only in (None, path):
            function(documents, *arguments)
    if only is None or only.endswith(".md"):
        check_all_mentions(documents)
    return documents.complaints


if __name__ == "__main__":
    found = check(sys.argv[2], describe(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
