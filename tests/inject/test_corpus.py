"""Tests `pillion inject` and `uninject` with the corpus."""

import json
import re

import pytest

import corpus
import oracle
from kubernetes_yaml import comparable, dump, load, load_all

CASES = corpus.cases()
INJECTED = [name for name in CASES if corpus.expected(name) is not None]
LEFT = [name for name in CASES if corpus.expected(name) is None]
OPTED_OUT = ("opted-out", "injected-then-opted-out")
BEHIND_ONE_THAT_WAITS = ("injected-then-behind-istio-native", "injected-then-behind-linkerd")

cases = pytest.mark.parametrize("name", INJECTED)


@cases
def test_injected_as_expected(pillion, name):
    done = pillion.inject(name)
    assert done.returncode == 0, done.stderr.decode()
    assert comparable(load(done.stdout)) == comparable(corpus.expected(name))
    reason = corpus.reason_of(name)
    assert bool(reason) == bool(done.stderr), done.stderr.decode()
    assert reason is None or re.search(reason, done.stderr.decode())


@cases
def test_injected_again_gives_the_same_bytes(pillion, name):
    once = pillion.injected(name)
    assert pillion.injected(name, stream=once) == once


@cases
def test_taken_out_again_gives_the_original(pillion, name):
    before = corpus.each(corpus.original(name), oracle.uninject)
    after = load(pillion.uninjected(pillion.injected(name)))
    assert comparable(corpus.without_nulls(after)) == comparable(corpus.without_nulls(before))


@pytest.mark.parametrize("name", LEFT)
def test_left_as_it_was(pillion, name):
    done = pillion.inject(name)
    assert done.stdout == (corpus.CORPUS / f"{name}.yaml").read_bytes()
    assert done.returncode == 0
    assert any(re.search(corpus.reason_of(name), line) for line in done.stderr.decode().splitlines()), done.stderr.decode()
    assert corpus.original(name)["metadata"]["name"] in done.stderr.decode()


@pytest.mark.parametrize("name", [name for name in CASES if corpus.reason_of(name) and name not in OPTED_OUT])
def test_left_out_is_a_failure_where_that_is_asked_for(pillion, name):
    strict, lenient = pillion.inject(name, "--strict"), pillion.inject(name)
    assert strict.returncode == 1
    assert (strict.stdout, strict.stderr) == (lenient.stdout, lenient.stderr)


@pytest.mark.parametrize("name", OPTED_OUT)
def test_opted_out_is_no_failure(pillion, name):
    assert pillion.inject(name, "--strict").returncode == 0
    assert pillion.inject(name, "--check").returncode == 0


DEFAULTED = ("terminationMessagePath", "successThreshold", "defaultMode")


def without_defaults(value, key=None):
    """The value without the defaults that the API server adds."""
    if isinstance(value, list):
        return [without_defaults(one) for one in value if not (isinstance(one, dict) and one.get("mountPath", "").endswith("/serviceaccount"))]
    if not isinstance(value, dict):
        return value
    return {name: without_defaults(one, name) for name, one in value.items() if name not in DEFAULTED and not (key == "fieldRef" and name == "apiVersion")}


def in_effect(an_object):
    """The object without the parts of the marker that describe the pod before injection. The order of the volumes makes no difference."""
    def change(template):
        template = without_defaults(template)
        annotations = oracle.annotations_of(template)
        if oracle.CONFIG in annotations:
            annotations[oracle.CONFIG] = load(annotations[oracle.CONFIG])
            annotations[oracle.CONFIG].get("routes", []).sort(key=lambda route: json.dumps(route, sort_keys=True))
        annotations.pop(oracle.MARKER, None)
        (template["spec"].get("volumes") or []).sort(key=lambda one: one["name"])
        return template

    return json.dumps(corpus.each(an_object, change), sort_keys=True)


@cases
def test_check_tells_pods_without_pillion(pillion, name):
    """With values, --check reports every pod that injection would change."""
    done = pillion.inject(name, "--check")
    is_as_wanted = in_effect(corpus.original(name)) == in_effect(corpus.expected(name))
    assert done.returncode == (0 if is_as_wanted and name not in BEHIND_ONE_THAT_WAITS else 1), done.stdout
    if corpus.reason_of(name) is None:
        assert pillion.inject(name, "--check", stream=pillion.injected(name)).returncode == 0


@cases
def test_check_without_values_looks_at_the_version_alone(pillion, name):
    done = pillion.run("inject", "--check", "-f", corpus.CORPUS / f"{name}.yaml")
    has_marker = f'"version":"{oracle.VERSION}"'.encode() in (corpus.CORPUS / f"{name}.yaml").read_bytes()
    assert done.returncode == (0 if has_marker and name not in BEHIND_ONE_THAT_WAITS else 1), done.stdout


@pytest.mark.parametrize("change, said", [
    (lambda one: one["spec"]["initContainers"][0].update(image="registry.example/other:1"),
     "image registry.example/other:1 instead of registry.example/pillion:"),
    (lambda one: one["spec"]["initContainers"][0].update(resources={"limits": {"memory": "1Gi"}}, env=[{"name": "A", "value": "b"}]),
     "env, resources of the container"),
    (lambda one: one["metadata"]["annotations"].update({oracle.CONFIG: dump({**load(one["metadata"]["annotations"][oracle.CONFIG]), "threads": 4})}),
     "configuration (threads)"),
    (lambda one: one["spec"]["dnsConfig"]["searches"].pop(0), "dnsConfig"),
    (lambda one: one["spec"]["initContainers"].insert(0, {"name": "other", "image": "other"}), "the container is not the first of initContainers"),
    (lambda one: one["spec"]["initContainers"].pop(0), "the container pillion is missing"),
    (lambda one: one["spec"]["volumes"].clear(), "volumes"),
    (lambda one: one["spec"]["initContainers"][0].update(env=[{"name": "A", "value": "b"}]), "env of the container"),
])
def test_check_says_what_differs(pillion, change, said):
    one = load(pillion.injected("pod"))
    change(one)
    done = pillion.inject("pod", "--check", stream=dump(one).encode())
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode()
    assert "has another Pillion than the values specify: " in text and said in text


def test_check_says_what_a_newer_version_would_change(pillion):
    text = pillion.inject("injected-by-an-older-version", "--check").stdout.decode()
    assert re.search(rf"has Pillion \S+, and this program is {re.escape(oracle.VERSION)}, which would change .*image \S+ instead of \S+", text), text


def test_check_of_the_same_configuration_in_other_words(pillion):
    one = load(pillion.injected("pod"))
    config = load(one["metadata"]["annotations"][oracle.CONFIG])
    one["metadata"]["annotations"][oracle.CONFIG] = json.dumps({**config, "routes": config["routes"][::-1]})
    assert pillion.inject("pod", "--check", stream=dump(one).encode()).returncode == 0


# Streams.

SERVICE = b"""# A comment, and  odd   spacing.
apiVersion: v1
kind: Service
metadata: {name:   web}
spec: {"ports": [{port: 80}]}   # as it was
"""
OTHERS = [
    SERVICE,
    b"",
    b"# Nothing but a comment.\n",
    b"---\n---\n",
    SERVICE.rstrip(b"\n"),
    SERVICE.replace(b"\n", b"\r\n"),
    b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pods}\ndata:\n  pod.yaml: |\n    apiVersion: v1\n    kind: Pod\n    ---\n",
    # Alike by name alone.
    b"apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: train}\nspec: {tasks: [{template: {spec: {containers: []}}}]}\n",
    b"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{image: x}]}}}\n",
    b"apiVersion: v1\nkind: List\nitems: []\n",
    b"apiVersion: v1\nkind: List\nitems:\n",
    b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ServiceAccount,   metadata: {name: web}}\n",
]


@pytest.mark.parametrize("stream", OTHERS)
def test_what_has_no_pods_passes_through(pillion, stream):
    for done in (pillion.inject("pod", "--strict", stream=stream), pillion.run("uninject", stream=stream)):
        assert (done.returncode, done.stdout, done.stderr) == (0, stream, b"")
    assert pillion.inject("pod", "--check", stream=stream).returncode == 0


def text(name):
    return (corpus.CORPUS / f"{name}.yaml").read_bytes()


def test_stream_of_many(pillion):
    stream = b"---\n".join([SERVICE, text("deployment"), SERVICE, text("host-network"), text("yaml-anchors"), SERVICE])
    result = pillion.injected("pod", stream=stream)
    assert result.count(SERVICE) == 3
    assert text("host-network") in result
    wanted = [load(SERVICE), corpus.expected("deployment"), load(SERVICE), corpus.original("host-network"), corpus.expected("yaml-anchors"),
              load(SERVICE)]
    assert [comparable(one) for one in load_all(result)] == [comparable(one) for one in wanted]
    assert pillion.injected("pod", stream=result) == result
    back = pillion.uninjected(result)
    assert back.count(SERVICE) == 3
    assert [comparable(one) for one in load_all(back)] == [comparable(one) for one in load_all(stream)]


# What the API server would refuse, and patches, which are workloads in part.
PARTIAL = [b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n" + rest for rest in (
    b"", b"spec:\n", b"spec: []\n", b"spec: {template: }\n", b"spec: {template: 1}\n", b"spec: {template: {metadata: {name: x}}}\n",
    b"spec: {template: {spec: {containers: }}}\n", b"spec: {template: {spec: {containers: []}}}\n",
    b"spec: {template: {spec: {containers: {web: x}}}}\n", b"spec: {template: {spec: {containers: [{name: web}], volumes: x}}}\n",
    b"spec: {template: {metadata: {annotations: [a]}, spec: {containers: [{name: web}]}}}\n",
    b"spec: {template: {spec: {containers: [{name: web}], securityContext: {sysctls: {a: b}}}}}\n",
    b"spec: {template: {spec: {containers: [{name: web}], dnsConfig: {searches: x}}}}\n")]


@pytest.mark.parametrize("stream", PARTIAL)
def test_what_is_no_whole_pod_stays_as_it_was(pillion, stream):
    done = pillion.inject("pod", stream=stream)
    assert (done.returncode, done.stdout) == (0, stream), done.stderr.decode()


def test_directives_and_ends_of_documents_stay_together(pillion):
    stream = text("yaml-comments") + text("yaml-comments") + b"---\n" + text("host-network")
    result = pillion.injected("pod", stream=stream)
    wanted = [corpus.expected("yaml-comments")] * 2 + [corpus.original("host-network")]
    assert [comparable(one) for one in load_all(result)] == [comparable(one) for one in wanted]


COMMENTED = b"""\
# The shop.
apiVersion: apps/v1   # since 1.9
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 3  # enough

  # Never to be changed.
  selector: {matchLabels: {app: shop}}
  template:
    metadata:
      labels:
        app: "shop"
    spec:
      # Nothing may be written.
      securityContext:
        runAsNonRoot: true  # a must
      containers:
        # The application itself.
        - name: shop
          image: 'registry.example/shop:1'  # pinned
          command:
          - sh
          - -c
          - |
            # part of the program
            exec shop
      volumes:
        # For uploads.
        - name: scratch
          emptyDir: {}
      terminationGracePeriodSeconds: 30
# The end.
"""


def test_comments_stay_where_they_are(pillion):
    injected = pillion.injected("pod", stream=COMMENTED)
    lines = injected.splitlines()
    places = [lines.index(line) for line in COMMENTED.splitlines() if line]
    assert places == sorted(places)
    assert lines[lines.index(b"        # For uploads.") + 1] == b"        - name: scratch"
    assert pillion.uninjected(injected) == COMMENTED


def test_namespace_that_is_not_known(pillion):
    """No search list begins with a guess; objects that say their namespace, and pods without the cluster's names, need none."""
    done = pillion.run("inject", "--values", pillion.values("pod"), stream=text("deployment"))
    assert (done.returncode, done.stdout) == (0, text("deployment")) and b"--namespace" in done.stderr
    assert pillion.run("inject", "--strict", "--values", pillion.values("pod"), stream=text("deployment")).returncode == 1
    done = pillion.run("inject", "--strict", "--values", pillion.values("pod"), stream=text("pod"))
    assert done.returncode == 0 and comparable(load(done.stdout)) == comparable(corpus.expected("pod"))
    done = pillion.run("inject", "--strict", "--values", pillion.values("values-cluster-dns-off"), stream=text("values-cluster-dns-off"))
    assert done.returncode == 0 and comparable(load(done.stdout)) == comparable(corpus.expected("values-cluster-dns-off"))


def test_whole_corpus_in_one_stream(pillion):
    alone = ("yaml-comments", "yaml-crlf", "yaml-bom")
    names = [name for name in CASES if name not in alone and not (corpus.CORPUS / f"{name}.values.yaml").exists()]
    result = load_all(pillion.injected("pod", stream=b"\n---\n".join(text(name) for name in names)))
    for name, one in zip(names, result, strict=True):
        assert comparable(one) == comparable(corpus.expectation(name)[0]), name


def test_standard_input_by_name(pillion):
    done = pillion.inject("deployment", "-f", "-", stream=text("deployment"))
    assert done.stdout == pillion.injected("deployment")


def test_uninject_leaves_what_has_no_marker(pillion):
    for name in ("deployment", "foreign-container", "yaml-comments", "yaml-crlf", "host-network"):
        assert pillion.uninjected(text(name)) == text(name)


def test_uninject_of_a_file(pillion):
    done = pillion.run("uninject", "-f", corpus.CORPUS / "injected-same-version.yaml")
    assert comparable(load(done.stdout)) == comparable(corpus.original("init-containers"))


def test_options_go_before_the_values(pillion, tmp_path):
    own = tmp_path / "pillion.yaml"
    own.write_bytes(b'# mine\ndns: {listen: ["127.0.0.1:53"]}\nhttp: {listen: "0.0.0.0:9153"}\n')
    options = ("--image", "registry.example/other@sha256:" + "0" * 64, "--cluster-dns", "192.0.2.10")
    template = load(pillion.inject("pod", *options).stdout)
    assert template["spec"]["initContainers"][0]["image"] == options[1]
    config = load(template["metadata"]["annotations"]["pillion.dev/config"])
    assert config["upstreams"]["cluster"]["servers"] == [{"address": "192.0.2.10:53"}]
    template = load(pillion.inject("pod", "--config", own).stdout)
    assert template["metadata"]["annotations"]["pillion.dev/config"] == own.read_text(encoding="utf-8")


def test_configuration_that_is_written_is_one(pillion, tmp_path):
    """What the annotation has is a pillion.yaml that `pillion check` takes."""
    for name in ("deployment", "values-config", "values-ipv6", "values-mesh-ports", "values-cluster-dns-off"):
        path = tmp_path / f"{name}.yaml"
        template = corpus.template_of(load(pillion.injected(name)))
        path.write_text(template["metadata"]["annotations"]["pillion.dev/config"], encoding="utf-8")
        done = pillion.run("check", "--config", path)
        assert done.returncode == 0, (name, done.stderr.decode())


@pytest.mark.parametrize("missing, named", [("image", b"image"), ("clusterDNS", b"clusterDNS.address")])
def test_values_that_cannot_be_done_without(pillion, tmp_path, missing, named):
    values = tmp_path / "values.yaml"
    given = {"image": "image: {repository: registry.example/pillion}\n", "clusterDNS": "clusterDNS: {address: 10.96.0.10}\n"}
    values.write_text("".join(line for key, line in given.items() if key != missing), encoding="utf-8")
    done = pillion.run("inject", "--values", values, "--namespace", "shop", stream=text("deployment"))
    assert done.returncode != 0 and done.stdout == b"" and named in done.stderr


@pytest.mark.parametrize("line", [
    "htpPort: 9153", "httpPort: 0", "httpPort: 70000", "httpPort: http", "native: 'true'", "ipFamily: IPv5", "mesh: consul",
    "clusterDNS: {address: '10.96.0.10:53'}", "resources: {limits: {memory: notasize}}", "config: {threds: 1}"])
def test_values_that_are_not_valid(pillion, tmp_path, line):
    values = tmp_path / "values.yaml"
    key = line.partition(":")[0]
    base = "image: {repository: registry.example/pillion}\nclusterDNS: {address: 10.96.0.10}\n".splitlines()
    values.write_text("\n".join([*(one for one in base if not one.startswith(key)), line, ""]), encoding="utf-8")
    done = pillion.run("inject", "--values", values, "--namespace", "shop", stream=text("deployment"))
    assert done.returncode != 0 and done.stdout == b"" and key.encode() in done.stderr, done.stderr.decode()


@pytest.mark.parametrize("stream", [b"a: [1, 2\nb: 3\n", b"kind: Pod\n\tmetadata: {}\n", b"a: *nowhere\n"])
def test_broken_yaml_is_refused_as_a_whole(pillion, stream):
    for command in (["inject", "--values", pillion.values("pod")], ["uninject"]):
        done = pillion.run(*command, stream=b"---\n".join([text("deployment"), stream]))
        assert done.returncode != 0 and done.stdout == b""
        assert re.search(rb":\d+:\d+: ", done.stderr), done.stderr


def test_files_that_are_not_there(pillion, tmp_path):
    missing = tmp_path / "x.yaml"
    for arguments in (["inject", "-f", missing], ["uninject", "-f", missing], ["inject", "--values", missing],
                      ["inject", "--values", pillion.values("pod"), "--config", missing]):
        done = pillion.run(*arguments)
        assert done.returncode != 0 and b"x.yaml" in done.stderr and done.stdout == b""
