#!/usr/bin/python3
"""Writes pod.json, fleet.json and runbooks.md into its own directory; with --check it only reports which of them differ from what it would write."""

import json
import pathlib
import re
import sys

from fleet import FLEET
from grafana import SUFFIXES, annotation, dashboard
from pod import POD
from queries import OURS

HERE = pathlib.Path(__file__).parent


def link(title, uid):
    return {"asDropdown": False, "icon": "dashboard", "includeVars": True, "keepTime": True, "tags": [], "targetBlank": False,
            "title": title, "tooltip": "", "type": "link", "url": f"/d/{uid}"}


def annotations(*, of_each_pod):
    """Events that may explain a change: starts, rollouts, configurations. `of_each_pod`: True if events of single pods are included."""
    started = f"(process_start_time_seconds{{@}} {OURS}) * 1000"
    loaded = "pillion_config_last_reload_success_timestamp_seconds{@} * 1000"
    others = ("statefulset", "daemonset")
    generations = " or ".join(f'changes(kube_{kind}_status_observed_generation{{#,{kind}=~"$workload"}}[2m]) > 0' for kind in others)
    return [
        annotation("Starts and restarts", started, "{{namespace}}/{{pod}} started", "red", enabled=of_each_pod),
        annotation("Configurations loaded", loaded, "{{namespace}}/{{pod}} loaded its configuration", "blue", enabled=of_each_pod),
        # From kube-state-metrics: none if it is not scraped.
        annotation("Rollouts of Deployments", f'kube_replicaset_created{{#,replicaset=~"$workload{SUFFIXES}"}} * 1000', "{{namespace}}: {{replicaset}}",
                   "purple"),
        annotation("Rollouts of StatefulSets and DaemonSets", generations, "{{namespace}}: {{statefulset}}{{daemonset}} changed", "purple",
                   is_time=False),
    ]


DASHBOARDS = {
    "pod.json": dashboard("pillion-pod", "Pillion / Pod", "The DNS-over-TLS sidecar of one pod, or of all pods of a workload.", POD,
                          multiple=False, links=[link("Fleet", "pillion-fleet")], annotations=annotations(of_each_pod=True)),
    "fleet.json": dashboard("pillion-fleet", "Pillion / Fleet", "The DNS-over-TLS sidecars of many pods.", FLEET, multiple=True, links=[],
                            annotations=annotations(of_each_pod=False)),
}


def annotations_of(alert):
    """{name: text} of a rule. The files are so flat that this needs no YAML parser. Labels that only an alert has become words in capitals."""
    found = {}
    for name, text in re.findall(r"^          (summary|description|runbook): ((?:.*\n(?:            .*\n)*))", alert, re.M):
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: label.group(1).upper(), text.strip())
        text = re.sub(r"\{\{ \$value[^}]*\}\}", "N", text)
        found[name] = re.sub(r"^            ", "", text.removeprefix("|").strip().strip('"'), flags=re.M)
    return found


def runbooks():
    """The page of `runbook_url`: a headline for each alert, with the texts of its annotations."""
    parts = ["# Runbooks\n\nWritten by `generate.py` from `rules/`; words in capitals stand for what an alert says.\n"]
    for path in sorted((HERE / "rules").glob("alerts-*.yaml")):
        for alert in re.split(r"^      - (?=alert:)", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            name, severity = re.match(r"alert: (\w+)", alert).group(1), re.search(r"severity: (\w+)", alert).group(1)
            told = annotations_of(alert)
            parts.append(f"## {name}\n\n**{severity}:** {told['summary']}. {told['description']}\n\n{told['runbook']}\n")
    return "\n".join(parts)


def main():
    texts = {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in DASHBOARDS.items()} | {"runbooks.md": runbooks()}
    stale = []
    for name, text in texts.items():
        path = HERE / name
        if "--check" in sys.argv[1:]:
            stale += [name] if not path.exists() or path.read_text(encoding="utf-8") != text else []
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"{', '.join(stale)}: not what dashboards/generate.py writes; run it")


if __name__ == "__main__":
    main()
