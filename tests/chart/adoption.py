"""The adoption of the sidecar as README.md and deploy/README.md show it: the changes of a chart of one's own, line by line, and the commands."""

import re
import shlex
import subprocess

from tools import ROOT

MAX_LINES = 5
MINUTES = 5


def section(page, begin):
    """The part of a page after the words `begin`, up to the next heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text[text.index(begin) + len(begin):], maxsplit=1, flags=re.M)[0]


def blocks(language):
    """The code blocks of this language on both pages."""
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


def make_sample(helm_create, home, name):
    """Makes the chart `name` in the directory `home` by the function helm_create(directory), and runs README's command that copies the library beside
    it. Returns the directory of the chart."""
    helm_create(home / name)
    (copy,) = commands("cp")
    subprocess.run([word.replace("PILLION", str(ROOT)) for word in copy], cwd=home / name, check=True)
    return home / name


def adopt(chart):
    """Applies README's difference to a chart. Returns the number of lines that a user has to write."""
    written = 0
    for name, difference in changes().items():
        path = chart / name
        text, count = applied(path.read_text(encoding="utf-8"), difference)
        path.write_text(text, encoding="utf-8")
        written += count
    return written


def helm_commands():
    """README's two commands of Helm, without the word helm: the update of the dependency, and the installation."""
    update, install = (words[1:] for words in commands("helm") if words[1] in ("dependency", "upgrade"))
    assert install[:2] == ["upgrade", "--install"]
    return update, install
