"""Serves to Prometheus the metrics of kube-state-metrics and of the kubelet's cAdvisor for a pod that the dashboards and rules use. The values have
no meaning: the tests check that the series are found, and promtool what alerts make of them."""

import contextlib
import http.server
import itertools
import threading

SERIES = """\
kube_pod_info{namespace="NAMESPACE",pod="POD"} 1
kube_pod_status_phase{namespace="NAMESPACE",pod="POD",phase="Running"} 1
kube_pod_status_phase{namespace="NAMESPACE",pod="POD",phase="Succeeded"} 0
kube_pod_init_container_status_running{namespace="NAMESPACE",pod="POD",container="pillion"} 1
kube_pod_init_container_status_restarts_total{namespace="NAMESPACE",pod="POD",container="pillion"} 0
kube_pod_init_container_status_waiting_reason{namespace="NAMESPACE",pod="starting-0",container="pillion",reason="ContainerCreating"} 1
kube_replicaset_created{namespace="NAMESPACE",replicaset="web-66b6c48dd5"} 1767225600
kube_statefulset_status_observed_generation{namespace="NAMESPACE",statefulset="web"} 3
kube_daemonset_status_observed_generation{namespace="NAMESPACE",daemonset="node"} 3
container_oom_events_total{namespace="NAMESPACE",pod="POD",container="pillion"} 0
container_cpu_cfs_periods_total{namespace="NAMESPACE",pod="POD",container="pillion"} SCRAPES0
container_cpu_cfs_throttled_periods_total{namespace="NAMESPACE",pod="POD",container="pillion"} SCRAPES
container_memory_working_set_bytes{namespace="NAMESPACE",pod="POD",container="pillion"} 20000000
container_spec_memory_limit_bytes{namespace="NAMESPACE",pod="POD",container="pillion"} 67108864
"""


@contextlib.contextmanager
def exporter(namespace, pod):
    """Runs the exporter. Yields its host:port."""
    series = SERIES.replace("NAMESPACE", namespace).replace("POD", pod)
    scrapes = itertools.count(1)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # the name is http.server's
            text = series.replace("SCRAPES", str(next(scrapes))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
