"""The chart's PodMonitor, as the Prometheus operator reads it: by it a real Prometheus in the cluster finds the pods that it is for, and no
others."""

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
# By their selectors: one release's pods, and every pod that has Pillion.
MONITORS = {"release": {}, "fleet": {"fleet": True}}
ACCOUNT = "pillion-cluster-test-prometheus"


def scrape_config(job, monitor):
    """What the operator makes of a PodMonitor's selectors and of the port."""
    spec = monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    everywhere = spec.get("namespaceSelector", {}).get("any", False)

    def keep(label, value):
        return {"action": "keep", "source_labels": [f"__meta_kubernetes_{label}"], "regex": re.escape(value)}

    def copy(label, name):
        return {"source_labels": [f"__meta_kubernetes_{label}"], "target_label": name}

    return {
        "job_name": job, "metrics_path": endpoint["path"], "scrape_interval": endpoint["interval"],
        "kubernetes_sd_configs": [{"role": "pod", **({} if everywhere else {"namespaces": {"names": [monitor["metadata"]["namespace"]]}})}],
        "relabel_configs": [
            {"action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)"},
            *(keep(f"pod_label_{re.sub('[^a-zA-Z0-9]', '_', key)}", value) for key, value in spec["selector"]["matchLabels"].items()),
            keep("pod_container_port_name", endpoint["port"]),
            *(copy(*pair) for pair in (("namespace", "namespace"), ("pod_container_name", "container"), ("pod_name", "pod")))],
    }


def account():
    """Who may look for pods in all namespaces."""
    group = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": ACCOUNT}}
    return [
        objects.named("ServiceAccount", HERE, PROMETHEUS),
        {**group, "kind": "ClusterRole", "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]},
        {**group, "kind": "ClusterRoleBinding", "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
         "subjects": [{"kind": "ServiceAccount", "name": PROMETHEUS, "namespace": HERE}]}]


@pytest.fixture(scope="module")
def prometheus(pods, shop, images, values, tmp_path_factory):
    """Its pod."""
    monitors = {}
    for job, more in MONITORS.items():
        monitor = {"enabled": True, "interval": "1s", **more}
        made = rendered(tmp_path_factory.mktemp(job), RELEASE, {"mode": "workload", "podMonitor": monitor, "pillion": values})
        (monitors[job],) = (one for one in made if one["kind"] == "PodMonitor")
    # JSON is YAML.
    config = json.dumps({"scrape_configs": [scrape_config(*one) for one in monitors.items()]})
    spec = objects.pod_spec(images["clients"], serviceAccountName=PROMETHEUS, volumes=[{"name": "config", "configMap": {"name": PROMETHEUS}}])
    spec["containers"][0] |= {
        "command": ["/usr/bin/prometheus", "--config.file=/config/prometheus.yml", "--storage.tsdb.path=/tmp/data", "--log.level=warn"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/config"}]}
    apply(*account(), objects.named("ConfigMap", HERE, PROMETHEUS, data={"prometheus.yml": config}),
          objects.named("Pod", HERE, PROMETHEUS, spec=spec))
    wait_for("condition=Ready", HERE, f"pod/{PROMETHEUS}")
    yield Pod(PROMETHEUS)
    print(logs(HERE, PROMETHEUS))
    kubectl("delete", "clusterrole,clusterrolebinding", ACCOUNT)
    kubectl("-n", HERE, "delete", "pod", PROMETHEUS, "--wait=false")


def query(prometheus, expression):
    """[(labels, value)]"""
    url = f"http://127.0.0.1:9090/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    command = prometheus.execute("/bin/busybox", "wget", "-q", "-O", "-", url)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return [(one["metric"], float(one["value"][1])) for one in json.loads(done.stdout)["data"]["result"]]


def targets(prometheus, expression):
    """{(namespace, pod, container): value}"""
    return {(labels["namespace"], labels["pod"], labels["container"]): value for labels, value in query(prometheus, expression)}


def with_pillion():
    """Every such pod of the cluster that runs."""
    found = json.loads(kubectl("get", "pods", "-A", "-l", "pillion.dev/sidecar=true", "--field-selector", "status.phase=Running", "-o", "json"))
    pods = (pod["metadata"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"])
    return {(pod["namespace"], pod["name"], "pillion") for pod in pods}


def of_release(pods):
    return {(HERE, pods[1].name, "pillion")}


@pytest.mark.parametrize("job", MONITORS)
def test_it_finds_the_pods_that_it_is_for(prometheus, pods, shop, job):
    def wanted():
        return dict.fromkeys(of_release(pods) if job == "release" else with_pillion(), 1.0)

    wait_until(lambda: targets(prometheus, f'up{{job="{job}"}}') == wanted(), f"those of the {job} are scraped", patience=PATIENCE)
    assert targets(prometheus, f'pillion_build_info{{job="{job}"}}').keys() >= of_release(pods)
    assert ((HERE, shop.name, "pillion") in targets(prometheus, f'pillion_build_info{{job="{job}"}}')) == (job == "fleet")
