"""A second implementation of injection, on parsed YAML. It shares no code with the program or the charts."""

import copy
import json
import pathlib
import re

import yaml

from kubernetes_yaml import dump, load
from oracle_values import configuration, loopback, merged, mesh_ports, security_context

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"^project\(\w+ VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE)[1]

MARKER = "pillion.dev/injected"
CONFIG = "pillion.dev/config"
CONFIG_MAP = "pillion.dev/config-map"
SYSCTL = "net.ipv4.ip_unprivileged_port_start"
VOLUMES = ("pillion-config", "pillion-client", "pillion-ca")
QUANTITY = r"[+]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?\d+)?"
DNS_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
OWNER = {CONFIG: r"(?s).*\S.*", CONFIG_MAP: DNS_NAME, "pillion.dev/image": r"\S+", "pillion.dev/native": "true|false",
         "pillion.dev/cpu-request": QUANTITY, "pillion.dev/memory-request": QUANTITY, "pillion.dev/memory-limit": QUANTITY}

class Refused(Exception):
    """The pod must be left unchanged. The text says why."""


def item_called(items, name):
    return next((one for one in items or [] if one.get("name") == name), None)


def annotations_of(template):
    return (template.get("metadata") or {}).get("annotations") or {}


# Reasons.


def refuse(template, values):
    labels = (template.get("metadata") or {}).get("labels") or {}
    annotations = annotations_of(template)
    spec = template["spec"]
    context = spec.get("securityContext") or {}
    containers = [one for key in ("initContainers", "containers") for one in spec.get(key) or []]
    if labels.get("pillion.dev/inject") == "false":
        raise Refused("opted out by the label pillion.dev/inject")
    if spec.get("hostNetwork"):
        raise Refused("hostNetwork: true")
    if (spec.get("os") or {}).get("name") == "windows" or (spec.get("nodeSelector") or {}).get("kubernetes.io/os") == "windows":
        raise Refused("Windows")
    if spec.get("dnsPolicy") not in (None, "ClusterFirst"):
        raise Refused(f"dnsPolicy: {spec['dnsPolicy']}")
    if (spec.get("dnsConfig") or {}).get("nameservers"):
        raise Refused("dnsConfig.nameservers would be asked around Pillion")
    if item_called(containers + (spec.get("ephemeralContainers") or []), "pillion"):
        raise Refused("a container named pillion is not ours")
    for name in (*VOLUMES, *(one["name"] for one in values["extraVolumes"])):
        if item_called(spec.get("volumes"), name):
            raise Refused(f"the volume {name} is not ours")
    theirs = item_called(context.get("sysctls"), SYSCTL)
    if theirs and not (re.fullmatch(r"\d+", theirs["value"]) and int(theirs["value"]) <= 53):
        raise Refused(f"sysctl {SYSCTL} is {theirs['value']}, above 53")
    ours = {(53, "TCP"), (53, "UDP"), (values["httpPort"], "TCP")}
    for port in [(port["containerPort"], port.get("protocol") or "TCP") for one in containers for port in one.get("ports") or []]:
        if port in ours:
            raise Refused(f"containerPort {port[0]} is Pillion's")
    refuse_annotations(annotations)
    for key, ports in mesh_ports(values, config_of(values, annotations)).items():
        if key in annotations and not all(has_port(annotations[key], port) for port in ports):
            raise Refused(f"annotation {key} lacks {','.join(map(str, ports))}")


def refuse_annotations(annotations):
    for key, value in annotations.items():
        if key.startswith("pillion.dev/") and key not in OWNER:
            raise Refused(f"annotation {key} is not known")
        if key in OWNER and not (isinstance(value, str) and re.fullmatch(OWNER[key], value)):
            raise Refused(f"annotation {key}: {value!r} is not valid")
        if key == CONFIG and not isinstance(yaml_or_none(value), dict):
            raise Refused(f"annotation {CONFIG} is not a map of YAML")
    if CONFIG in annotations and CONFIG_MAP in annotations:
        raise Refused(f"annotations {CONFIG} and {CONFIG_MAP} exclude each other")


def yaml_or_none(text):
    try:
        return load(text)
    except (yaml.YAMLError, ValueError):
        return None


def has_port(text, port):
    """True if a list such as "25, 800-900" holds the port."""
    ranges = re.findall(r"(?:^|,)\s*(\d+)(?:-(\d+))?\s*(?=,|$)", text)
    return any(int(first) <= port <= int(last or first) for first, last in ranges)


# The pod.


def inject(template, namespace, values):
    """The pod template with Pillion. If it has Pillion already, Pillion is removed and injected again."""
    template = uninject(template)
    refuse(template, values)
    values = with_annotations(values, annotations_of(template))
    added = []
    metadata, spec = dict(template.get("metadata") or {}), dict(template["spec"])
    if not template.get("metadata"):
        added += ["metadata"] if template.get("metadata") is None else []

    labels = there(metadata, "labels", {}, added)
    annotations = there(metadata, "annotations", {}, added)
    theirs = dict(annotations)
    if "pillion.dev/sidecar" in labels:
        added.append(f"had:sidecar={labels['pillion.dev/sidecar']}")
    labels["pillion.dev/sidecar"] = "true"

    added += ["dnsPolicy"] if spec.get("dnsPolicy") is None else []
    spec["dnsPolicy"] = "None"
    searches, options = our_searches(namespace, values), our_options(values)
    resolver = there(spec, "dnsConfig", {}, added)
    added += ["had:nameservers"] if resolver.get("nameservers") == [] else []
    resolver["nameservers"] = [loopback(values)]
    if searches:
        prepend(resolver, "searches", searches, added)
    prepend(resolver, "options", options, added)

    if values["portSysctl"] and not item_called((spec.get("securityContext") or {}).get("sysctls"), SYSCTL):
        context = there(spec, "securityContext", {}, added)
        there(context, "sysctls", [], added).append({"name": SYSCTL, "value": "53"})
        added.append("sysctl")

    if values["native"]:
        prepend(spec, "initContainers", [container(values)], added)
    else:
        spec["containers"] = [container(values), *spec["containers"]]
    prepend(spec, "volumes", volumes(values, theirs), added)
    for secret in values["imagePullSecrets"]:
        if secret not in (spec.get("imagePullSecrets") or []):
            there(spec, "imagePullSecrets", [], added).append(secret)
            added.append(f"pullSecret:{secret['name']}")

    if config_map(values, theirs) is None and CONFIG not in theirs:
        annotations[CONFIG] = dump(configuration(values))
        added.append("config")
    for key, value in other_annotations(values, theirs):
        annotations[key] = value
        added.append(key)
    marker = {"added": added, "options": len(options), "searches": len(searches), "version": VERSION}
    annotations[MARKER] = json.dumps(marker, sort_keys=True, separators=(",", ":"))
    return {**template, "metadata": metadata, "spec": spec}


def there(holder, key, empty, added):
    """Replaces holder[key] by a copy of itself, or by `empty` if it is absent or null; then the key is added to `added`. Returns the new value."""
    if holder.get(key) is None:
        added.append(key)
    holder[key] = copy.copy(empty if holder.get(key) is None else holder[key])
    return holder[key]


def prepend(holder, key, items, added):
    there(holder, key, [], added)[:0] = items


def with_annotations(values, annotations):
    """The values, changed by the annotations of this pod."""
    value = {key.removeprefix("pillion.dev/"): text for key, text in annotations.items() if key in OWNER}
    resources = {"requests": {**({"cpu": value["cpu-request"]} if "cpu-request" in value else {}),
                              **({"memory": value["memory-request"]} if "memory-request" in value else {})},
                 "limits": {"memory": value["memory-limit"]} if "memory-limit" in value else {}}
    over = {"resources": {key: part for key, part in resources.items() if part}}
    if "native" in value:
        over["native"] = value["native"] == "true"
    if "image" in value:
        over["image"] = {"whole": value["image"]}
    return merged(values, over)


def our_searches(namespace, values):
    domain = values["clusterDNS"]["domain"]
    cluster = [f"{namespace}.svc.{domain}", f"svc.{domain}", domain] if values["clusterDNS"]["enabled"] else []
    return cluster + values["resolver"]["searches"]


def our_options(values):
    return [{"name": "ndots", "value": str(values["resolver"]["ndots"])}, *values["resolver"]["options"]]


def mounts(values):
    client, authorities = values["clientTLS"]["secretName"], values["ca"]["configMapName"] or values["ca"]["secretName"]
    places = (("pillion-config", "/etc/pillion", True), ("pillion-client", "/etc/pillion-client", client),
              ("pillion-ca", "/etc/pillion-ca", authorities))
    return [{"name": name, "mountPath": path, "readOnly": True} for name, path, is_used in places if is_used]


def container(values):
    image = values["image"]
    reference = f"{image['repository']}@{image['digest']}" if image["digest"] else f"{image['repository']}:{image['tag'] or VERSION}"
    ours = {
        "name": "pillion", "image": image.get("whole", reference), "imagePullPolicy": image["pullPolicy"],
        "args": ["run", "--supervise", "--config", "/etc/pillion/pillion.yaml"],
        "ports": [{"name": "pillion-http", "containerPort": values["httpPort"], "protocol": "TCP"}],
        "lifecycle": {"postStart": {"exec": {"command": ["/pillion", "health", "--startup", "--wait", "60s"]}}},
        "livenessProbe": {"exec": {"command": ["/pillion", "health", "--live"]}, **values["livenessProbe"]},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": values["resources"],
        "securityContext": security_context(values),
        "volumeMounts": [*mounts(values), *values["extraVolumeMounts"]]}
    if values["extraEnv"]:
        ours["env"] = values["extraEnv"]
    if values["native"]:
        ours["restartPolicy"] = "Always"
    elif values["preStopSeconds"]:
        ours["lifecycle"]["preStop"] = {"sleep": {"seconds": values["preStopSeconds"]}}
    return ours


def config_map(values, theirs):
    """The name of the ConfigMap that has pillion.yaml, or None. The annotations of the pod take precedence over the values."""
    return theirs.get(CONFIG_MAP) or (None if CONFIG in theirs else values["existingConfigMap"] or None)


def config_of(values, theirs):
    """The configuration for Pillion, or None if a ConfigMap has it."""
    if config_map(values, theirs) is not None:
        return None
    return load(theirs[CONFIG]) if CONFIG in theirs else configuration(values)


def volumes(values, theirs):
    name = config_map(values, theirs)
    item = {"path": "pillion.yaml", "fieldRef": {"fieldPath": f"metadata.annotations['{CONFIG}']"}}
    ours = [{"name": "pillion-config", **({"configMap": {"name": name}} if name else {"downwardAPI": {"items": [item]}})}]
    if values["clientTLS"]["secretName"]:
        ours.append({"name": "pillion-client", "secret": {"secretName": values["clientTLS"]["secretName"]}})
    if values["ca"]["configMapName"]:
        ours.append({"name": "pillion-ca", "configMap": {"name": values["ca"]["configMapName"]}})
    if values["ca"]["secretName"]:
        ours.append({"name": "pillion-ca", "secret": {"secretName": values["ca"]["secretName"]}})
    return ours + values["extraVolumes"]


def other_annotations(values, theirs):
    if values["scrapeAnnotations"] and not any(key.startswith("prometheus.io/") for key in theirs):
        yield "prometheus.io/scrape", "true"
        yield "prometheus.io/port", str(values["httpPort"])
        yield "prometheus.io/path", "/metrics"
    for key, ports in mesh_ports(values, config_of(values, theirs)).items():
        if key not in theirs:
            yield key, ",".join(map(str, ports))
    if values["mesh"] == "istio" and "proxy.istio.io/config" not in theirs:
        yield "proxy.istio.io/config", '{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"false"}}'


# Removal.


def port_of_metrics(spec):
    pillion = item_called((spec.get("initContainers") or []) + spec["containers"], "pillion") or {}
    return next((str(one["containerPort"]) for one in pillion.get("ports") or []), None)


def uninject(template):
    """The pod template before injection. A template without a marker is returned unchanged. A volume that only Pillion mounts is removed too."""
    if MARKER not in annotations_of(template):
        return template
    template = copy.deepcopy(template)
    metadata, spec = template["metadata"], template["spec"]
    annotations = metadata["annotations"]
    try:
        marker = json.loads(annotations.pop(MARKER))
        added, counts = marker["added"], {key: marker[key] for key in ("searches", "options")}
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"annotation {MARKER} is not valid") from error
    is_scraped = annotations.get("prometheus.io/path") == "/metrics" and port_of_metrics(spec) in (None, annotations.get("prometheus.io/port"))
    for key in [CONFIG] * ("config" in added) + [key for key in added if "/" in key]:
        if is_scraped or not key.startswith("prometheus.io/"):  # otherwise the injector of a mesh has replaced it
            annotations.pop(key, None)
    metadata.get("labels", {}).pop("pillion.dev/sidecar", None)
    for own in (key.removeprefix("had:sidecar=") for key in added if key.startswith("had:sidecar=")):
        metadata["labels"]["pillion.dev/sidecar"] = own
    lists = [key for key in ("initContainers", "containers") if spec.get(key)]
    mounts = {one["name"]: {mount["name"] for mount in one.get("volumeMounts") or []} for key in lists for one in spec[key]}
    ours = mounts.pop("pillion", set()).difference(*mounts.values()).union(VOLUMES)
    for key in lists:
        spec[key] = [one for one in spec[key] if one["name"] != "pillion"]
    spec["volumes"] = [one for one in spec.get("volumes") or [] if one["name"] not in ours]
    resolver, context = spec["dnsConfig"], spec.get("securityContext") or {}
    for key, count in counts.items():
        if count:
            del resolver[key][:count]
    resolver.pop("nameservers", None)
    if "had:nameservers" in added:
        resolver["nameservers"] = []
    secrets = [key.removeprefix("pullSecret:") for key in added if key.startswith("pullSecret:")]
    if spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [one for one in spec["imagePullSecrets"] if one["name"] not in secrets]
    if "sysctl" in added:
        context["sysctls"] = [one for one in context["sysctls"] if one["name"] != SYSCTL]
    spec["dnsPolicy"] = "ClusterFirst"
    for holder, keys in ((resolver, ("searches", "options")), (context, ("sysctls",)), (metadata, ("labels", "annotations")),
                         (spec, ("dnsPolicy", "dnsConfig", "securityContext", "initContainers", "volumes", "imagePullSecrets")), (template, ("metadata",))):
        for key in keys:
            if key in added and not (isinstance(holder.get(key), (list, dict)) and holder[key]):
                holder.pop(key, None)
    return template
