"""Follows README, and deploy/README.md for `pillion inject`, for a chart of one's own: its changes, line by line, and its commands, on a chart that
`helm create` makes. The resulting pod equals the one that `pillion inject` makes of the same chart."""

import functools
import http.server
import re
import subprocess
import sys
import threading

import pytest

from adoption import MAX_LINES, MINUTES, adopt, changes, commands, helm_commands, make_sample
from conftest import CHARTS, ROOT, load_all, only

sys.path.append(str(ROOT / "tests" / "inject"))
from kubernetes_yaml import comparable  # noqa: E402

NAME = "shop"


def run(helm, chart, *arguments):
    done = subprocess.run([helm.program, *arguments], env=helm.environment, cwd=chart, capture_output=True, text=True, timeout=MINUTES * 60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def adoption(helm, tmp_path_factory):
    """(objects before, objects after, lines written)"""
    home = tmp_path_factory.mktemp("adoption")
    sample = make_sample(lambda directory: run(helm, home, "create", directory), home, NAME)
    before = load_all(run(helm, sample, "template", NAME, ".", "--namespace", NAME))
    written = adopt(sample)
    update, install = helm_commands()
    run(helm, sample, *update)
    after = load_all(run(helm, sample, "template", *install[2:], "--namespace", NAME))
    return before, after, written


def test_it_takes_five_lines(adoption):
    """Adoption takes five lines and two commands. The second command is the one that installs the application in any case. That it takes less than
    five minutes is a test in a cluster, of tests/cluster/test_adopter.py."""
    assert 0 < adoption[2] <= MAX_LINES
    assert len(helm_commands()) == 2


def test_the_library_from_a_repository(helm, tmp_path, adoption):
    """README's other way: the packed library is in a repository of charts, and Chart.yaml names its URL."""
    packages = tmp_path / "packages"
    run(helm, tmp_path, "package", ROOT / "helm" / "pillion-sidecar", "--destination", packages)
    run(helm, tmp_path, "repo", "index", packages)
    sample = tmp_path / NAME
    run(helm, tmp_path, "create", sample)
    adopt(sample)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=packages)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        metadata = (sample / "Chart.yaml").read_text(encoding="utf-8")
        assert "file://../pillion-sidecar" in metadata
        (sample / "Chart.yaml").write_text(metadata.replace("file://../pillion-sidecar", f"http://127.0.0.1:{server.server_port}"), encoding="utf-8")
        update, install = helm_commands()
        run(helm, sample, *update)
        server.shutdown()
        thread.join()
    assert load_all(run(helm, sample, "template", *install[2:], "--namespace", NAME)) == adoption[1]


def test_kubernetes_takes_what_is_rendered(adoption, complaints):
    _, after, _ = adoption
    assert complaints(after) == [[]] * len(after)


def test_the_pod_is_the_one_that_inject_makes(adoption, binary):
    """By the page's own command, but for the program's place."""
    before, after, _ = adoption
    (arguments,) = (words[1:] for words in commands("pillion") if "--cluster-dns" in words)
    stream = "---\n".join(comparable(one) + "\n" for one in before)  # JSON is YAML
    done = subprocess.run([binary, *arguments, "--strict"], input=stream, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    adopted = only(after, "Deployment")
    assert comparable(adopted) == comparable(only(load_all(done.stdout), "Deployment"))
    # The chart has no line for it, so that Helm's test pod has no Pillion.
    assert [one for one in after if one != adopted] == [one for one in before if one["kind"] != "Deployment"]
    spec = adopted["spec"]["template"]["spec"]
    assert spec["dnsConfig"]["nameservers"] == ["127.0.0.1"] and spec["initContainers"][0]["name"] == "pillion"


def test_the_example_chart_has_these_lines():
    for name, difference in changes().items():
        text = re.sub(r"\{\{/\* \d \*/\}\}| +# \d$", "", (CHARTS["example"] / name).read_text(encoding="utf-8"), flags=re.M)
        lines = text.splitlines()
        for sign, line in difference:
            assert sign != "+" or line in lines, line
