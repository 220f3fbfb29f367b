"""Grafana's dashboards, made of panels.yml: dashboards.py FOLDER writes FOLDER/dashboards/<uid>.json.

Grafana's JSON is long and mostly the same; panels.yml says what differs, so that a change of a query
is one line of a diff. Panels stand in rows of 24 columns: four numbers, or three graphs."""
import json
import os
import sys

import yaml

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
STATS_IN_ROW, GRAPHS_IN_ROW, COLUMNS = 4, 3, 24
HEIGHTS = {"stat": 4, "timeseries": 8}


def flattened(panels):
    """Panels, of which some are lists of panels."""
    return [panel for entry in panels for panel in (entry if isinstance(entry, list) else [entry])]


def query(index, legend, expression, service):
    return {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "legendFormat": legend,
            "expr": expression.replace("SERVICE", service)}


def panel(number, described, place, service):
    kind = "stat" if described.get("stat") else "timeseries"
    x, y, width = place
    return {
        "id": number,
        "type": kind,
        "title": described["title"],
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHTS[kind]},
        "fieldConfig": {"defaults": {"unit": described["unit"], "min": 0}, "overrides": []},
        "options": {} if kind == "stat" else {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [query(i, legend, expression, service)
                    for i, (legend, expression) in enumerate(described["queries"].items())],
    }


def laid_out(described, service):
    """The numbers first, then the graphs, each in rows."""
    panels, y = [], 0
    for is_stat, in_row in ((True, STATS_IN_ROW), (False, GRAPHS_IN_ROW)):
        these = [d for d in described if bool(d.get("stat")) == is_stat]
        width = COLUMNS // in_row
        for i, one in enumerate(these):
            height = HEIGHTS["stat" if is_stat else "timeseries"]
            place = (i % in_row * width, y + i // in_row * height, width)
            panels.append(panel(len(panels) + 1, one, place, service))
        y += -(-len(these) // in_row) * HEIGHTS["stat" if is_stat else "timeseries"]
    return panels


def dashboard(about, panels, service=""):
    return {
        "uid": f"ticketing-{about['uid']}",
        "title": f"Ticketing: {about['title']}",
        "description": about["says"],
        "tags": ["ticketing"],
        "editable": False,
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "title": "Ticketing", "tags": ["ticketing"],
                   "asDropdown": True, "includeVars": False, "keepTime": True}],
        "panels": laid_out(flattened(panels), service),
    }


def made(folder):
    """{name of the file: its text}"""
    with open(f"{folder}/panels.yml", encoding="utf-8") as file:
        described = yaml.safe_load(file)
    dashboards = {about["uid"]: dashboard(about, described["each"] + described["own"][about["uid"]],
                                          about["uid"]) for about in described["services"]}
    dashboards |= {about["uid"]: dashboard(about, about["panels"]) for about in described["others"]}
    return {f"{uid}.json": json.dumps(text, indent=1, ensure_ascii=False) + "\n"
            for uid, text in dashboards.items()}


def main(folder):
    os.makedirs(f"{folder}/dashboards", exist_ok=True)
    for name, text in made(folder).items():
        with open(f"{folder}/dashboards/{name}", "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
