"""The networks of the cluster, and their reverse zones."""

import ipaddress

from kubectl import get

# The networks that the chart takes for the cluster's.
PRIVATE = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


def reverse_zones(network):
    """The reverse zones that cover a network. There is one for each value of the label in which the prefix ends."""
    width = 8 if network.version == 4 else 4
    labels = -(-network.prefixlen // width)
    zones = []
    for part in network.subnets(new_prefix=labels * width):
        *digits, tree, arpa = part.network_address.reverse_pointer.split(".")
        zones.append(".".join([*digits[len(digits) - labels:], tree, arpa]))
    return zones


def own_networks():
    """The networks outside of PRIVATE to which some IPv4 addresses of the cluster belong, each taken as a /16."""
    pods = [pod for pod in get("pods", "kube-system")["items"] if not pod["spec"].get("hostNetwork")]
    addresses = [get("service", "default", "kubernetes")["spec"]["clusterIP"], *(pod["status"].get("podIP", "") for pod in pods)]
    own = {ipaddress.ip_network(f"{address}/16", strict=False) for address in addresses if "." in address}
    return sorted(one for one in own if not any(one.version == other.version and one.subnet_of(other) for other in PRIVATE))
