"""Follows README, and deploy/README.md for `pillion inject`, for a chart of one's own: its changes, line by line, and its commands, on a chart that
`helm create` makes. The resulting pod equals the one that `pillion inject` makes of the same chart."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from conftest import CHARTS, ROOT, load_all, only

sys.path.append(str(ROOT / "tests" / "inject"))
from kubernetes_yaml import comparable  # noqa: E402

MAX_LINES = 5
MINUTES = 5
NAME = "shop"


def section(page, begin):
    """The part of a page after the words `begin`, up to the next heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text[text.index(begin) + len(begin):], maxsplit=1, flags=re.M)[0]


def blocks(language):
    text = section("README.md", "**Four lines**") + section("deploy/README.md", "## Without a chart of your own")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def changes():
    """The difference in README as {file: [(sign, line)]}."""
    (text,) = blocks("diff")
    found = {}
    for line in text.splitlines():
        if header := re.fullmatch(r" # (\S+)", line):
            lines = found.setdefault(header[1], [])
        else:
            assert line[0] in " +-", line
            lines.append((line[0], line[1:]))
    return found


def commands(program):
    """The pages' commands of this program, split into words like a shell does."""
    text = "".join(blocks("sh")).replace("\\\n", " ")
    found = [shlex.split(part, comments=True) for line in text.splitlines() for part in line.split(" | ")]
    return [words for words in found if words and words[0] == program]


def applied(text, difference):
    """Applies the difference to a file. Returns the new text and the number of lines that a user has to write. Lines of the application in README
    stand for any lines; lines after them go to the end of the file. A key of the top level must be there, or is written."""
    lines = text.splitlines()
    at, written = 0, 0
    for sign, line in difference:
        if sign == "-":
            at = lines.index(line, at)
            del lines[at]
        elif sign == "+":
            lines.insert(at, line)
            at, written = at + 1, written + 1
        elif not re.fullmatch(r"\w+:", line):
            at = len(lines)
        elif line in lines:
            at = lines.index(line) + 1
        else:
            lines.append(line)
            at, written = len(lines), written + 1
    return "\n".join([*lines, ""]), written


@pytest.fixture(scope="module")
def sample(helm, tmp_path_factory):
    """The directory of a chart that `helm create` has made. A copy of the library is beside it, where README's `repository` looks for it."""
    home = tmp_path_factory.mktemp("adoption")
    done = helm.run("create", home / NAME)
    assert done.returncode == 0, done.stderr
    shutil.copytree(ROOT / "helm" / "pillion-sidecar", home / "pillion-sidecar")
    return home / NAME


def run(helm, chart, *arguments):
    done = subprocess.run([helm.program, *arguments], env=helm.environment, cwd=chart, capture_output=True, text=True, timeout=MINUTES * 60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def adoption(helm, sample):
    """(objects before, objects after, lines written)"""
    before = load_all(run(helm, sample, "template", NAME, ".", "--namespace", NAME))
    written = 0
    for name, difference in changes().items():
        path = sample / name
        text, count = applied(path.read_text(encoding="utf-8"), difference)
        path.write_text(text, encoding="utf-8")
        written += count
    update, install = (words[1:] for words in commands("helm") if words[1] in ("dependency", "upgrade"))
    run(helm, sample, *update)
    assert install[:2] == ["upgrade", "--install"]
    after = load_all(run(helm, sample, "template", *install[2:], "--namespace", NAME))
    return before, after, written


def test_it_takes_five_lines(adoption):
    """Adoption takes five lines and two commands. The second command is the one that installs the application in any case."""
    assert 0 < adoption[2] <= MAX_LINES
    assert len([words for words in commands("helm") if words[1] in ("dependency", "upgrade")]) == 2


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
