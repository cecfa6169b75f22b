"""The chart's PodMonitor with a real Prometheus in the cluster: Prometheus finds the pods that the PodMonitor selects, and no others. Debian's
Prometheus is built without the discovery of pods. The test gives it the targets and labels that the discovery would give."""

import json
import re
import subprocess
import urllib.parse

import objects
import pytest
from charts import rendered
from conftest import RELEASE
from harness.process import wait_until
from kubectl import PATIENCE, apply, kubectl, logs, wait_for
from lookups import Pod
from names import HERE

PROMETHEUS = "prometheus"
# The two selectors: the pods of one release, and all pods with Pillion.
MONITORS = {"release": {}, "fleet": {"fleet": True}}


def label_name(text):
    return re.sub("[^a-zA-Z0-9_]", "_", text)


def discovered(pod):
    """The targets that Prometheus' discovery for `role: pod` makes of a pod: one for each port of each container, including init containers."""
    metadata, spec = pod["metadata"], pod["spec"]
    own = {"namespace": metadata["namespace"], "pod_name": metadata["name"], "pod_phase": pod["status"]["phase"],
           **{f"pod_label_{label_name(key)}": value for key, value in metadata.get("labels", {}).items()}}
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        for port in container.get("ports", []):
            labels = {**own, "pod_container_name": container["name"], "pod_container_port_name": port.get("name", "")}
            yield {"targets": [f"{pod['status']['podIP']}:{port['containerPort']}"],
                   "labels": {f"__meta_kubernetes_{key}": value for key, value in labels.items()}}


def scrape_config(job, monitor, pods):
    """The scrape configuration that the operator makes of a PodMonitor's selectors and port."""
    spec = monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    everywhere = spec.get("namespaceSelector", {}).get("any", False)
    found = [pod for pod in pods if everywhere or pod["metadata"]["namespace"] == monitor["metadata"]["namespace"]]

    def keep(label, value):
        return {"action": "keep", "source_labels": [f"__meta_kubernetes_{label}"], "regex": re.escape(value)}

    def copy(label, name):
        return {"source_labels": [f"__meta_kubernetes_{label}"], "target_label": name}

    return {
        "job_name": job, "metrics_path": endpoint["path"], "scrape_interval": endpoint["interval"],
        "static_configs": [target for pod in found for target in discovered(pod)],
        "relabel_configs": [
            {"action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)"},
            *(keep(f"pod_label_{label_name(key)}", value) for key, value in spec["selector"]["matchLabels"].items()),
            keep("pod_container_port_name", endpoint["port"]),
            *(copy(*pair) for pair in (("namespace", "namespace"), ("pod_container_name", "container"), ("pod_name", "pod")))],
    }


class Prometheus(Pod):
    """Prometheus, once it is ready. `with_pillion` are (namespace, pod, container) of all pods with Pillion."""

    def __init__(self, with_pillion):
        super().__init__(PROMETHEUS)
        self.with_pillion = with_pillion

    def query(self, expression):
        """Evaluates an expression. Returns {(namespace, pod, container): value}."""
        url = f"http://127.0.0.1:9090/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        command = self.execute("/bin/busybox", "wget", "-q", "-O", "-", url)
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        found = [(one["metric"], float(one["value"][1])) for one in json.loads(done.stdout)["data"]["result"]]
        return {(labels["namespace"], labels["pod"], labels["container"]): value for labels, value in found}


@pytest.fixture(scope="module")
def prometheus(pods, shop, images, values, tmp_path_factory):
    running = json.loads(kubectl("get", "pods", "-A", "--field-selector", "status.phase=Running", "-o", "json"))["items"]
    there = [pod for pod in running if "deletionTimestamp" not in pod["metadata"]]
    configs = []
    for job, more in MONITORS.items():
        monitor = {"enabled": True, "interval": "1s", **more}
        made = rendered(tmp_path_factory.mktemp(job), RELEASE, {"mode": "workload", "podMonitor": monitor, "pillion": values})
        configs += [scrape_config(job, one, there) for one in made if one["kind"] == "PodMonitor"]
    # JSON is YAML.
    config = json.dumps({"scrape_configs": configs})
    spec = objects.pod_spec(images["clients"], volumes=[{"name": "config", "configMap": {"name": PROMETHEUS}}])
    spec["containers"][0] |= {
        "command": ["/usr/bin/prometheus", "--config.file=/config/prometheus.yml", "--storage.tsdb.path=/tmp/data", "--log.level=warn"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/config"}]}
    apply(objects.named("ConfigMap", HERE, PROMETHEUS, data={"prometheus.yml": config}), objects.named("Pod", HERE, PROMETHEUS, spec=spec))
    wait_for("condition=Ready", HERE, f"pod/{PROMETHEUS}")
    marked = [pod["metadata"] for pod in there if pod["metadata"].get("labels", {}).get("pillion.dev/sidecar") == "true"]
    yield Prometheus({(one["namespace"], one["name"], "pillion") for one in marked})
    print(logs(HERE, PROMETHEUS))
    kubectl("-n", HERE, "delete", f"pod/{PROMETHEUS}", f"configmap/{PROMETHEUS}", "--wait=false")


@pytest.mark.parametrize("job", MONITORS)
def test_it_finds_the_pods_that_it_is_for(prometheus, pods, shop, job):
    wanted = {"release": {(HERE, pods[1].name, "pillion")}, "fleet": prometheus.with_pillion}[job]
    assert job == "release" or {(HERE, pods[1].name, "pillion"), (HERE, shop.name, "pillion")} <= wanted
    for expression in (f'up{{job="{job}"}}', f'pillion_build_info{{job="{job}"}}'):
        wait_until(lambda expression=expression: prometheus.query(expression) == dict.fromkeys(wanted, 1.0),
                   f"{expression} is 1 of {wanted} and of nothing else", patience=PATIENCE)
