"""Checks the spec of a Linux pod against the Pod Security Standard "restricted" of Kubernetes."""

SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
PROFILES = ("RuntimeDefault", "Localhost")


def violations(spec: dict) -> list[str]:
    found = [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    pod = spec.get("securityContext", {})
    found += [f"sysctl {one['name']}" for one in pod.get("sysctls", []) if one["name"] not in SAFE_SYSCTLS]
    for volume in spec.get("volumes", []):
        found += [f"volume of type {key}" for key in volume if key != "name" and key not in VOLUMES]
    if pod.get("runAsUser") == 0:
        found.append("the pod runs as root")
    for container in spec.get("initContainers", []) + spec["containers"]:
        own = container.get("securityContext", {})
        broken = {
            "may escalate privileges": own.get("allowPrivilegeEscalation") is not False,
            "is privileged": own.get("privileged", False),
            "keeps capabilities": "ALL" not in own.get("capabilities", {}).get("drop", []),
            "adds capabilities": bool(set(own.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}),
            "may run as root": not own.get("runAsNonRoot", pod.get("runAsNonRoot", False)),
            "runs as root": own.get("runAsUser") == 0,
            "has no seccomp profile": own.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in PROFILES,
            "has a port on the host": any(port.get("hostPort") for port in container.get("ports", [])),
            "chooses its proc mount": own.get("procMount", "Default") != "Default",
        }
        found += [f"{container['name']} {what}" for what, is_so in broken.items() if is_so]
    return found
