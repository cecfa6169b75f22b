"""An application whose chart has adopted the sidecar, installed by Helm. The tests run the commands of README."""

import contextlib
import json
import re
import shlex
import subprocess
import time
import urllib.request

import adoption
import objects
import pytest
from charts import Helm, template
from harness.process import TestProgramError, wait_until
from kubectl import PATIENCE, apply, attempt, await_rollout, get, kubectl, ready_pods, wait_for
from lookups import Pod
from names import HERE, THERE
from objects import named
from program import PILLION, Program
from requirements import ROOT
from under_load import LOOPBACK

pytestmark = pytest.mark.usefixtures("shop_log")
PUBLIC_NAME, PUBLIC_ADDRESSES = "www.example.com", {"192.0.2.2", "192.0.2.3"}
# Seconds in which a network must enforce a new NetworkPolicy, if it enforces any.
POLICY_PATIENCE = 10


def told(page, begin):
    """The words of the command that begins with `begin`, in this page of deploy/."""
    found = (ROOT / "deploy" / page).read_text(encoding="utf-8").split(f"\n{begin}", 1)[1].split("```")[0]
    return shlex.split(begin + re.split(r"(?<!\\)\n", found)[0].replace("\\\n", " "), comments=True)


def test_pillion_starts_first_and_what_comes_behind_it_resolves(shop):
    """The init container has found a name, without which the pod would not run. The application finds one too."""
    pod = get("pod", HERE, shop.name)
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["pillion", "migrate"]
    assert kubectl("-n", HERE, "logs", shop.name, "-c", "migrate").split()[0] in PUBLIC_ADDRESSES
    assert {f"v4:{one}" for one in PUBLIC_ADDRESSES} <= set(shop.ask("glibc", [("host", PUBLIC_NAME)])["host", PUBLIC_NAME])


def test_the_namespace_enforces_restricted(shop):
    """The namespace enforces the standard. Otherwise it would prove nothing that it admits pods with Pillion."""
    spec = {"containers": [{"name": "shop", "image": "registry.example/shop"}]}
    refused = attempt("create", "--dry-run=server", "-f", "-", stdin=json.dumps(named("Pod", HERE, "unrestricted", spec=spec)))
    assert refused.returncode != 0 and 'violates PodSecurity "restricted' in refused.stderr


def test_a_job_ends(images, values, tmp_path):
    """The pod of a Job ends when its application has ended: Pillion ends too."""
    spec = objects.pod_spec(images["clients"], restartPolicy="Never")
    spec["containers"][0]["args"] = ["migrate"]
    job = named("Job", HERE, "job", spec={"backoffLimit": 0, "template": {"spec": spec}})
    apply(Program(tmp_path).injected(job, values))
    wait_for("condition=Complete", HERE, "job/job")
    (pod,) = get("pods", HERE, "-l", "batch.kubernetes.io/job-name=job")["items"]
    assert [one["state"]["terminated"]["exitCode"] for one in pod["status"]["initContainerStatuses"]] == [0]


@contextlib.contextmanager
def port_forward(words):
    """Runs the command of port-forward with free ports of this machine. Yields {port of the pod: port of this machine}."""
    ports = [word.rpartition(":")[2] for word in words if re.fullmatch(r"(\d+:)?\d+", word)]
    target = words[:len(words) - len(ports)]
    with subprocess.Popen([*target, "-n", HERE, *(f":{port}" for port in ports)], stdout=subprocess.PIPE, text=True) as process:
        try:
            found = {}
            while len(found) < len(ports):
                line = process.stdout.readline()
                assert line, "kubectl port-forward has ended"
                # The command prints one line for each address family.
                if match := re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)", line):
                    found[match[2]] = match[1]
            yield found
        finally:
            process.kill()


def test_it_is_asked_and_watched_from_outside(shop):
    *forward, background = told("OPERATIONS.md", "kubectl port-forward ")
    assert background == "&"
    query, look = told("OPERATIONS.md", "pillion query www.example.com --server "), told("OPERATIONS.md", "curl -s 'http://127.0.0.1:9153/readyz")
    with port_forward(forward) as ports:
        dns = query.index("--server") + 1
        query[dns] = f"127.0.0.1:{ports['53']}"
        done = subprocess.run([PILLION, *query[1:]], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0 and all(one in done.stdout for one in PUBLIC_ADDRESSES), done.stdout + done.stderr
        for url, wanted in ((look[-1], "[+]not draining"), ("http://127.0.0.1:9153/metrics", 'pillion_upstream_up{upstream="public"')):
            with urllib.request.urlopen(url.replace(":9153", f":{ports['9153']}"), timeout=PATIENCE) as answer:
                assert wanted in answer.read().decode()


@pytest.fixture
def network_policy(shop, resolver, values, tmp_path):
    """Applies the NetworkPolicy of deploy/SECURITY.md with this cluster's addresses."""
    _, _, release, chart, *words = told("SECURITY.md", "helm template shop helm/pillion ")
    words = [f"pillion.clusterDNS.address={resolver}" if word.startswith("pillion.clusterDNS.address=") else word for word in words]
    (policy,) = template(tmp_path, release, ROOT / chart, {"pillion": values}, *words)
    policy["metadata"]["namespace"] = HERE
    apply(policy)
    yield policy
    kubectl("-n", HERE, "delete", "networkpolicy", policy["metadata"]["name"])


def test_the_network_policy_selects_the_adopters_pods(shop, network_policy):
    """The policy's selector, evaluated by the API server, selects the pod. In a cluster that enforces policies, it leaves open what Pillion
    needs."""
    labels = get("networkpolicy", HERE, network_policy["metadata"]["name"])["spec"]["podSelector"]["matchLabels"]
    found = ready_pods(HERE, ",".join(f"{key}={value}" for key, value in labels.items()))
    assert [pod["metadata"]["name"] for pod in found] == [shop.name]
    name = "web.example.com"
    assert "v4:192.0.2.5" in shop.ask("glibc", [("host", name)])["host", name]


def reaches_the_api_server(pod):
    connect = f"import socket; socket.create_connection(('{get('service', 'default', 'kubernetes')['spec']['clusterIP']}', 443), 1)"
    command = pod.execute("/usr/bin/python3", "-c", connect)
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0


def is_cut_off(pod):
    try:
        return wait_until(lambda: not reaches_the_api_server(pod), f"{pod.name} is cut off", patience=POLICY_PATIENCE)
    except TestProgramError:
        return False


def test_the_network_policy_is_enforced(shop, images, request):
    """If the network of the cluster enforces policies, the application only reaches what the policy permits."""
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    apply(named("Pod", HERE, "cut-off", spec=objects.pod_spec(images["clients"])))
    wait_for("condition=Ready", HERE, "pod/cut-off")
    assert reaches_the_api_server(shop)
    apply({**policy, "metadata": {"name": "cut-off", "namespace": HERE},
           "spec": {"podSelector": {"matchLabels": {objects.LABEL: "cut-off"}}, "policyTypes": ["Egress"]}})
    enforced = is_cut_off(Pod("cut-off"))
    kubectl("-n", HERE, "delete", "networkpolicy/cut-off", "pod/cut-off", "--wait=false")
    if not enforced:
        pytest.skip("the cluster's network enforces no NetworkPolicy: one that denies everything was of no effect")
    request.getfixturevalue("network_policy")
    assert is_cut_off(shop)


SAMPLE = "shop"  # of README; in another namespace than the application of the other tests


@pytest.fixture
def sample(images, resolver, values, tmp_path):
    """(Helm, the directory of a chart that `helm create` has made, the words that README's installation needs in this cluster). The values that
    README does not name are those of the test's images and resolver, and what the namespace demands of every pod."""
    helm = Helm(tmp_path / "helm", THERE)
    helm.directory.mkdir()
    chart = adoption.make_sample(lambda directory: helm.run("create", directory), tmp_path, SAMPLE)
    repository, tag = images["clients"].rsplit(":", 1)
    restricted = objects.pod_spec(images["clients"])
    file = tmp_path / "values.json"
    file.write_text(json.dumps({
        "image": {"repository": repository, "tag": tag}, "livenessProbe": None, "readinessProbe": None,
        "podSecurityContext": restricted["securityContext"], "securityContext": restricted["containers"][0]["securityContext"],
        "pillion-sidecar": values}), encoding="utf-8")
    yield helm, chart, ["--values", str(file)]
    helm.run("uninstall", SAMPLE, check=False)


def in_this_cluster(word, values, resolver):
    """A word of README's command with the image and the address of this cluster."""
    return {"pillion-sidecar.image.repository=registry.example/pillion": f"pillion-sidecar.image.repository={values['image']['repository']}",
            "pillion-sidecar.clusterDNS.address=10.96.0.10": f"pillion-sidecar.clusterDNS.address={resolver}"}.get(word, word)


def test_adoption_takes_five_lines_and_five_minutes(sample, values, resolver, capsys):
    """From a chart without Pillion, the lines and the commands of README lead to an application that finds a name by Pillion. The time is that of
    the machines: of Helm, and of the pod until the first answer."""
    helm, chart, more = sample
    start = time.monotonic()
    lines = adoption.adopt(chart)
    update, install = adoption.helm_commands()
    helm.run(*update, within=chart)
    here = [in_this_cluster(word, values, resolver) for word in install]
    assert len([word for word in here if word not in install]) == 2, "README's command names the image and the address"
    helm.run(*here, *more, within=chart)
    await_rollout(THERE, f"deployment/{SAMPLE}")
    (pod,) = ready_pods(THERE, f"app.kubernetes.io/instance={SAMPLE}")
    found = Pod(pod["metadata"]["name"], THERE, SAMPLE).ask("glibc", [("host", PUBLIC_NAME)])
    seconds = time.monotonic() - start
    with capsys.disabled():
        print(f"\nadopted with {lines} lines, and found a name after {seconds:.1f} s")
    assert pod["spec"]["initContainers"][0]["name"] == "pillion" and pod["spec"]["dnsConfig"]["nameservers"] == [LOOPBACK]
    assert {f"v4:{one}" for one in PUBLIC_ADDRESSES} <= set(found["host", PUBLIC_NAME])
    assert 0 < lines <= adoption.MAX_LINES and seconds <= adoption.MINUTES * 60
