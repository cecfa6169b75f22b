"""The Kubernetes objects of the tests."""

import json

from names import DOMAIN, HERE, NAMESPACES, OUTSIDE, OUTWARD, PUBLIC_ZONE, SEARCH, THERE

LABEL = "pillion-cluster-test"
RESOLVER = "resolver"
CONTAINER = "clients"
VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "Job": "batch/v1"}
# The file in which the resolver logs the client and name of each query.
LOG = "/tmp/asked"


def listed(objects):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def named(kind, namespace, name, **more):
    return {"apiVersion": VERSIONS.get(kind, "v1"), "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: name}}, **more}


def namespaces():
    """The namespaces of the tests. They enforce the Pod Security Standard that the charts say they meet."""
    labels = {LABEL: "true", "pod-security.kubernetes.io/enforce": "restricted"}
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}} for name in NAMESPACES]


def container(image):
    return {"name": CONTAINER, "image": image, "imagePullPolicy": "IfNotPresent",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}}


def pod_spec(image, **more):
    return {"terminationGracePeriodSeconds": 1, "enableServiceLinks": False, "containers": [container(image)],
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, **more}


def beside_the_resolver():
    """The affinity of a pod to the resolver's node. The times of two pods are compared, so that both must come from one clock."""
    term = {"labelSelector": {"matchLabels": {LABEL: RESOLVER}}, "namespaces": [OUTSIDE], "topologyKey": "kubernetes.io/hostname"}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def service(namespace, name, ports=(), **spec):
    return named("Service", namespace, name, spec={"ports": [dict(zip(("name", "port", "protocol"), port)) for port in ports], **spec})


def headless(namespace, name, ports=(("sql", 5432, "TCP"),)):
    return service(namespace, name, ports, clusterIP="None", selector={LABEL: name})


def external(namespace, name, target):
    return named("Service", namespace, name, spec={"type": "ExternalName", "externalName": target})


def replicated(kind, namespace, name, replicas, image, service_name):
    labels = {LABEL: service_name}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(image)}}
    if kind == "StatefulSet":
        spec |= {"serviceName": service_name, "podManagementPolicy": "Parallel"}
    return named(kind, namespace, name, spec=spec)


def resolver(image, certificate, cluster_zones):
    """The pod with the public resolver and, in front of it, the cluster's DNS."""
    outward = [f"{name}.{namespace}.svc.{DOMAIN}" for namespace, name, _ in OUTWARD]
    pod = named("Pod", OUTSIDE, RESOLVER, spec=pod_spec(image, volumes=[
        {"name": "zone", "configMap": {"name": RESOLVER}}, {"name": "tls", "secret": {"secretName": RESOLVER}}]))
    pod["spec"]["securityContext"]["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}]
    pod["spec"]["containers"][0] |= {
        "command": ["/usr/bin/python3", "/resolver.py", "/zone/root.zone", "/tls/tls.crt", "/tls/tls.key", LOG,
                    ",".join(cluster_zones), ",".join(outward)],
        "readinessProbe": {"tcpSocket": {"port": 853}, "periodSeconds": 1},
        "volumeMounts": [{"name": "zone", "mountPath": "/zone"}, {"name": "tls", "mountPath": "/tls"}],
    }
    return [
        named("ConfigMap", OUTSIDE, RESOLVER, data={"root.zone": PUBLIC_ZONE}),
        named("Secret", OUTSIDE, RESOLVER, type="kubernetes.io/tls",
              stringData={"tls.crt": certificate.path.read_text(), "tls.key": certificate.key.read_text()}),
        pod,
    ]


def plain(image, resolver_address):
    """The pod without Pillion. Its resolv.conf is that of dnsPolicy ClusterFirst, except for the name server."""
    return named("Pod", HERE, "plain", spec=pod_spec(image, affinity=beside_the_resolver(), dnsPolicy="None", dnsConfig={
        "nameservers": [resolver_address], "searches": SEARCH, "options": [{"name": "ndots", "value": "5"}]}))


def application(image):
    http = (("http", 80, "TCP"), ("dns", 53, "UDP"))
    return [
        service(HERE, "web", http),
        service(THERE, "web", http),
        headless(HERE, "db"),
        replicated("StatefulSet", HERE, "db", 2, image, "db"),
        headless(THERE, "db"),
        replicated("StatefulSet", THERE, "db", 1, image, "db"),
        headless(HERE, "app"),
        replicated("StatefulSet", HERE, "s", 0, image, "app"),
        *(external(*one) for one in OUTWARD),
        external(HERE, "inner", f"web.{THERE}.svc.{DOMAIN}"),
        headless(HERE, "herd"),
        replicated("Deployment", HERE, "herd", 1, image, "herd"),
    ]


def flapping():
    return service(HERE, "flap", (("http", 80, "TCP"),))
