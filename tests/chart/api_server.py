"""Stands in for the Kubernetes API server as far as `kubectl create --dry-run=client` and Helm's `lookup` use it: it serves the discovery of kinds,
and the given objects."""

import contextlib
import http.server
import json
import pathlib
import threading

# Plural name and whether objects of it have a namespace, by API group and version, and kind.
KINDS = {
    "v1": {"ConfigMap": ("configmaps", True), "Pod": ("pods", True), "Service": ("services", True), "Namespace": ("namespaces", False),
           "ServiceAccount": ("serviceaccounts", True)},
    "apps/v1": {"Deployment": ("deployments", True), "DaemonSet": ("daemonsets", True), "StatefulSet": ("statefulsets", True)},
    "batch/v1": {"Job": ("jobs", True), "CronJob": ("cronjobs", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "networking.k8s.io/v1": {"NetworkPolicy": ("networkpolicies", True)},
    "admissionregistration.k8s.io/v1": {"MutatingAdmissionPolicy": ("mutatingadmissionpolicies", False),
                                        "MutatingAdmissionPolicyBinding": ("mutatingadmissionpolicybindings", False),
                                        "ValidatingAdmissionPolicy": ("validatingadmissionpolicies", False),
                                        "ValidatingAdmissionPolicyBinding": ("validatingadmissionpolicybindings", False)},
    "monitoring.coreos.com/v1": {"PodMonitor": ("podmonitors", True), "PrometheusRule": ("prometheusrules", True)},
}


def _discovery(version: str) -> dict:
    pages = {"/version": {"major": "1", "minor": version.split(".")[1], "gitVersion": f"v{version}"},
             "/api": {"kind": "APIVersions", "versions": ["v1"]}}
    groups = []
    for api_version, kinds in KINDS.items():
        resources = [{"name": plural, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind,
                      "verbs": ["create", "get", "list"]} for kind, (plural, namespaced) in kinds.items()]
        path = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
        pages[path] = {"kind": "APIResourceList", "groupVersion": api_version, "resources": resources}
        if api_version != "v1":
            group, version = api_version.split("/")
            known = {"groupVersion": api_version, "version": version}
            groups.append({"name": group, "versions": [known], "preferredVersion": known})
    pages["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return pages


@contextlib.contextmanager
def api_server(directory: pathlib.Path, objects: list[dict] = (), *, may_read_services: bool = True, version: str = "1.34.0"):
    """Runs the server. Yields the path of a kubeconfig for it. Objects without a kind are Services."""
    pages = _discovery(version)
    for an_object in objects:
        whole = {"apiVersion": "v1", "kind": "Service", **an_object}
        plural, _ = KINDS[whole["apiVersion"]][whole["kind"]]
        group = "api" if whole["apiVersion"] == "v1" else "apis"
        metadata = whole["metadata"]
        pages[f"/{group}/{whole['apiVersion']}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"] = whole

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.split("?")[0]
            page = pages.get(path)
            status, reason = (200, "") if page else (404, "NotFound")
            if "/services/" in path and not may_read_services:
                status, reason, page = 403, "Forbidden", None
            page = page or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status,
                            "message": "services \"kube-dns\" is forbidden: User \"team-a\"" if status == 403 else ""}
            body = json.dumps(page).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "stand-in",
            "clusters": [{"name": "stand-in", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "nobody"}}],
        }), encoding="utf-8")
        yield kubeconfig
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
