"""Tests the chart's `pillion-sidecar.wrap` with the corpus."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import corpus
from conftest import ROOT
from kubernetes_yaml import comparable, dump, load
from oracle import MARKER, annotations_of

sys.path.append(str(ROOT / "tests" / "chart"))
import tools as chart_tools  # noqa: E402

# The chart of an application, with its pods in files.
CHART = {
    "Chart.yaml": "{apiVersion: v2, name: corpus, version: 0.0.1}\n",
    "templates/pod.yaml": """\
apiVersion: v1
kind: PodTemplate
metadata: {name: pod}
template: {{- include "pillion-sidecar.wrap" (list . (.Files.Get .Values.file)) | nindent 2 }}
""",
}


def parts():
    """(case, index in the items of a List) of each pod template of the corpus."""
    for name in corpus.cases():
        an_object = corpus.original(name)
        items = an_object["items"] if corpus.is_list(an_object) else [an_object]
        yield from ((name, place) for place, one in enumerate(items) if corpus.template_of(one) is not None)


def part(an_object, place):
    return an_object["items"][place] if corpus.is_list(an_object) else an_object


def template_text(name, place):
    """The text of a bare Pod unchanged; of other objects, only the pod template."""
    one = part(corpus.original(name), place)
    return corpus.text_of(f"{name}.yaml") if one["kind"] == "Pod" and not place else dump(corpus.template_of(one))


PARTS = list(parts())


class Chart:
    def __init__(self, helm, home):
        self.helm = helm
        self.home = home
        self.place = home / "corpus"
        for path, text in CHART.items():
            (self.place / path).parent.mkdir(parents=True, exist_ok=True)
            (self.place / path).write_text(text, encoding="utf-8")
        shutil.copytree(ROOT / "helm" / "pillion-sidecar", self.place / "charts" / "pillion-sidecar")
        (self.place / "files").mkdir()
        for name, place in PARTS:
            (self.place / "files" / f"{name}.{place}.yaml").write_bytes(template_text(name, place).encode())

    def wrap(self, name, place):
        """Runs Helm for the namespace of the object and the values of the case."""
        values = self.home / f"{name}.values.yaml"
        values.write_text(dump({"pillion-sidecar": {"configChange": "roll", **corpus.own_values(name)}}), encoding="utf-8")
        one = part(corpus.original(name), place)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.home / "none")}
        return subprocess.run(
            [self.helm, "template", "r", self.place, "--namespace", corpus.namespace_of(one), "--values", values,
             "--set", f"file=files/{name}.{place}.yaml"],
            env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def chart(tmp_path_factory):
    try:
        helm = chart_tools.fetch().helm
    except chart_tools.Unavailable as reason:
        if os.environ.get("PILLION_CHART_REQUIRED"):
            pytest.fail(f"Helm is needed: {reason}")
        pytest.skip(f"no Helm: {reason}")
    return Chart(pathlib.Path(helm), tmp_path_factory.mktemp("chart"))


def is_left(name, place):
    """True if this part of the case must be left unchanged, for the case's reason."""
    expected = corpus.expected(name)
    if expected is None:
        return True
    return corpus.reason_of(name) and comparable(part(expected, place)) == comparable(part(corpus.original(name), place))


def is_injected_before(name, place):
    return MARKER in annotations_of(corpus.template_of(part(corpus.original(name), place)))


# Helm's own YAML library writes U+0085 as it is, which YAML 1.1 reads as a line break.
NOT_BY_HELM = ("yaml-line-separators",)
FRESH = [one for one in PARTS if not is_injected_before(*one) and one[0] not in NOT_BY_HELM]


@pytest.mark.parametrize("name, place", [one for one in FRESH if not is_left(*one)])
def test_wrapped_as_expected(chart, name, place):
    done = chart.wrap(name, place)
    assert done.returncode == 0, done.stderr
    wrapped = load(done.stdout)["template"]
    assert comparable(wrapped) == comparable(corpus.template_of(part(corpus.expected(name), place)))


@pytest.mark.parametrize("name, place", [one for one in FRESH if is_left(*one) and one[0] != "opted-out"])
def test_refused_for_the_same_reason(chart, name, place):
    """The error of a chart does not name an object: it names the fault of the pod."""
    done = chart.wrap(name, place)
    reason = corpus.reason_of(name).removeprefix(f"{part(corpus.original(name), place)['metadata']['name']}.*")
    assert done.returncode != 0, done.stdout
    assert any(re.search(reason, line) for line in done.stderr.splitlines()), done.stderr


def test_opted_out_stays_as_it_was(chart):
    done = chart.wrap("opted-out", 0)
    assert done.returncode == 0, done.stderr
    assert comparable(load(done.stdout)["template"]) == comparable(corpus.template_of(corpus.original("opted-out")))


@pytest.mark.parametrize("name, place", [one for one in PARTS if is_injected_before(*one) and one[0] != "injected-then-opted-out"])
def test_what_has_pillion_already_is_refused(chart, name, place):
    """The chart refuses a pod template that contains Pillion already: Pillion must come from one place."""
    done = chart.wrap(name, place)
    assert done.returncode != 0, done.stdout
    reason = corpus.reason_of(name)
    pattern = r"pillion\.dev/injected|container.*pillion" + (f"|{reason}" if reason else "")
    assert any(re.search(pattern, line) for line in done.stderr.splitlines()), done.stderr
