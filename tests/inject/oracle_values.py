"""The default values, and what depends only on values: pillion.yaml, and ports."""

import ipaddress
import math

from kubernetes_yaml import load

DEFAULTS = load("""
image: {repository: "", tag: "", digest: "", pullPolicy: IfNotPresent}
native: true
ipFamily: IPv4
httpPort: 9153
config: {}
existingConfigMap: ""
platform: none
clusterDNS:
  {enabled: true, address: "", domain: cluster.local, networks: []}
resolver: {ndots: 5, searches: [], options: []}
portSysctl: true
scrapeAnnotations: true
mesh: none
clientTLS: {secretName: ""}
ca: {configMapName: "", secretName: ""}
resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
containerSecurityContext:
  {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, privileged: false, readOnlyRootFilesystem: true, runAsNonRoot: true,
   runAsUser: 65532, runAsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
preStopSeconds: 5
livenessProbe: {periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3}
imagePullSecrets: []
extraVolumes: []
extraVolumeMounts: []
extraEnv: []
""")
CLOUDFLARE = {"IPv4": "1.1.1.1:853", "IPv6": "[2606:4700:4700::1111]:853"}
QUAD9 = {"IPv4": "9.9.9.9:853", "IPv6": "[2620:fe::fe]:853"}
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")


NAMES_OF_MACHINES = {"gke": ["google.internal"], "eks": ["ec2.internal", "compute.internal"], "aks": ["internal.cloudapp.net"]}
SERVICES = {
    "gke": ["googleapis.com", "gcr.io", "pkg.dev"],
    "eks": ["amazonaws.com", "amazonaws.com.cn", "amazonwebservices.com.cn", "api.aws"],
    "aks": """windows.net azure.com azure.net azmk8s.io azurecr.io azconfig.io azurewebsites.net aznbcontent.net azureml.ms signalr.net
        windowsazure.com azure-api.net azure-automation.net azure-devices.net azure-devices-provisioning.net azurecontainerapps.io
        azuredatabricks.net azurehdinsight.net azurehealthcareapis.com azureiotcentral.com azurestaticapps.net azuresynapse.net
        botframework.com powerquery.microsoft.com wvd.microsoft.com fabric.microsoft.com purview-service.microsoft.com
        services.visualstudio.com api.adu.microsoft.com api.videoindexer.ai""".split()}


def merged(base, over):
    """`base` with the values of `over`: maps are merged, and all other values replaced."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: merged(base[key], value) if key in base else value for key, value in over.items()}}


def loopback(values):
    return "::1" if values["ipFamily"] == "IPv6" else "127.0.0.1"


def with_port(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def upstreams(values):
    family = values["ipFamily"]
    servers = [{"address": CLOUDFLARE[family], "tls_name": "cloudflare-dns.com"}, {"address": QUAD9[family], "tls_name": "dns.quad9.net"}]
    return values["config"].get("upstreams") or {"public": {"servers": servers}}


def zones_of(route):
    """The zone of a route, or the reverse zones that cover its network exactly."""
    if "zone" in route:
        return [route["zone"].lower().rstrip(".") or "."]
    network = ipaddress.ip_network(route["network"])
    bits = 8 if network.version == 4 else 4
    labels = max(1, math.ceil(network.prefixlen / bits))
    return [".".join(part.reverse_pointer.split(".")[network.max_prefixlen // bits - labels:])
            for part in (one.network_address for one in network.subnets(new_prefix=labels * bits))]


def configuration(values):
    """The configuration pillion.yaml as data."""
    given, cluster = values["config"], values["clusterDNS"]
    groups, routes = dict(upstreams(values)), list(given.get("routes") or [])
    encrypted = [name for name in groups if not (name == "cluster" and cluster["enabled"])]
    if cluster["enabled"]:
        groups.setdefault("cluster", {"protocol": "udp", "servers": [{"address": with_port(cluster["address"], 53)}]})
        add_route(routes, {"zone": cluster["domain"], "upstream": "cluster"})
        platform = values["platform"]
        for zone in [*(["internal"] if platform != "none" else []), *NAMES_OF_MACHINES.get(platform, []), *SERVICES.get(platform, [])]:
            add_route(routes, {"zone": zone, "upstream": "cluster"})
        for network in [*PRIVATE, *cluster["networks"]]:
            add_route(routes, {"network": network, "upstream": "cluster"})
    add_route(routes, {"zone": ".", "upstream": "public" if "public" in encrypted else encrypted[0]})
    anywhere = "[::]" if values["ipFamily"] == "IPv6" else "0.0.0.0"
    result = {**given, "dns": {**given.get("dns", {}), "listen": [with_port(loopback(values), 53)]},
              "http": {"listen": f"{anywhere}:{values['httpPort']}"}, "upstreams": groups, "routes": routes,
              "search": {"resolv_conf": "/etc/resolv.conf"}}
    if given.get("search") is False:
        del result["search"]
    return result


def add_route(routes, route):
    """Adds the route for the zones that have no route yet. If some zones of a network have one, each of the others gets its own route."""
    known = {zone for one in routes for zone in zones_of(one)}
    missing = [zone for zone in zones_of(route) if zone not in known]
    if len(missing) == len(zones_of(route)):
        routes.append(route)
    else:
        routes += [{"zone": zone, "upstream": route["upstream"]} for zone in missing]


def security_context(values):
    """The security context of the container. In OpenShift the namespace gives the user, unless the values name another one than the default."""
    given = values["containerSecurityContext"]
    is_free = values["platform"] == "openshift"
    return {key: value for key, value in given.items()
            if value is not None and not (is_free and key in ("runAsUser", "runAsGroup") and value == 65532)}


def mesh_ports(values, config):
    """The ports that each annotation of the service mesh must exclude from its proxy. The configuration is None if a ConfigMap has it."""
    groups = {"public": {"servers": [{"address": ":853"}]}} if config is None else config.get("upstreams") or {}
    encrypted = {int(server["address"].rpartition(":")[2]) for group in groups.values()
                 if group.get("protocol", "tls") == "tls" for server in group["servers"]}
    outbound, inbound = {"istio": ("traffic.sidecar.istio.io/excludeOutboundPorts", "traffic.sidecar.istio.io/excludeInboundPorts"),
                         "linkerd": ("config.linkerd.io/skip-outbound-ports", "config.linkerd.io/skip-inbound-ports"),
                         "none": (None, None)}[values["mesh"]]
    ports = {outbound: sorted(encrypted), inbound: [values["httpPort"]]}
    return {key: some for key, some in ports.items() if key and some}
