"""README, and deploy/README.md for `pillion inject`: what they say of a chart of one's own is done to a chart that `helm create` makes, line by line and command by command, and the
pod is the one that `pillion inject` makes of the same chart."""

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
    """Of that page, from those words to the next heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text[text.index(begin) + len(begin):], maxsplit=1, flags=re.M)[0]


def blocks(language):
    text = section("README.md", "**Four lines**") + section("deploy/README.md", "## Without a chart of your own")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def changes():
    """{file: [(sign, line)]} of README's difference."""
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
    """The pages' commands of that program, as a shell takes them apart."""
    text = "".join(blocks("sh")).replace("\\\n", " ")
    found = [shlex.split(part, comments=True) for line in text.splitlines() for part in line.split(" | ")]
    return [words for words in found if words and words[0] == program]


def applied(text, difference):
    """The file after the difference, and how many lines somebody had to write. Lines of the application's own in README stand for any others;
    what comes behind them comes behind all that there is. A key of the top level has to be there, or is written."""
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
    """The place of a chart of Helm's own making, with a copy of the library beside it, as README's `repository` says."""
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
    """And two commands, of which the second is how the application is installed anyway."""
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
    # Without a line of its own, Helm's test pod has none.
    assert [one for one in after if one != adopted] == [one for one in before if one["kind"] != "Deployment"]
    spec = adopted["spec"]["template"]["spec"]
    assert spec["dnsConfig"]["nameservers"] == ["127.0.0.1"] and spec["initContainers"][0]["name"] == "pillion"


def test_the_example_chart_has_these_lines():
    for name, difference in changes().items():
        text = re.sub(r"\{\{/\* \d \*/\}\}| +# \d$", "", (CHARTS["example"] / name).read_text(encoding="utf-8"), flags=re.M)
        lines = text.splitlines()
        for sign, line in difference:
            assert sign != "+" or line in lines, line
