#!/usr/bin/env python3
"""Makes the table of a chart's values from the comments in its values.yaml.

    tests/chart/values_readme.py           writes the tables into helm/*/README.md, between the marks <!-- values -->
    tests/chart/values_readme.py --check   only reports which tables differ, and exits with 1 if one does

A comment that begins with `# -- ` describes the key below it, and continues on the next lines of comment. Each key has such a comment, except for
mappings whose keys have one.
"""

import json
import pathlib
import sys

import yaml

CHARTS = ("pillion-sidecar", "pillion")
MARK = "<!-- values -->"


class Undocumented(Exception):
    pass


def rows(text: str) -> list[tuple[str, str, str]]:
    """The key, default and description of each documented value, in the order of the file."""
    found = []
    values = yaml.safe_load(text)
    path: list[tuple[int, str]] = []
    description = None
    opaque = -1  # deeper lines belong to a documented value
    for number, line in enumerate(text.splitlines(), 1):
        indent = len(line) - len(line.lstrip())
        if not line.strip() or (0 <= opaque < indent):
            continue
        opaque = -1
        if line.lstrip().startswith("# -- "):
            description = line.lstrip()[5:]
            continue
        if line.lstrip().startswith("#"):
            if description is not None:
                description += line.lstrip()[1:]
            continue
        key, _, rest = line.strip().partition(":")
        while path and path[-1][0] >= indent:
            path.pop()
        path.append((indent, key))
        name = ".".join(part for _, part in path)
        if description is not None:
            value = values
            for _, part in path:
                value = value[part]
            found.append((name, _default(value), description))
            description = None
            opaque = indent
        elif rest.strip():
            raise Undocumented(f"line {number}: {name} has no description")
    return found


def _default(value) -> str:
    text = json.dumps(value)
    return f"`{text}`" if len(text) <= 80 else "see [values.yaml](values.yaml)"


def table(text: str) -> str:
    lines = ["| value | default | what it does |", "|---|---|---|"]
    for name, default, description in rows(text):
        default = default.replace("|", "\\|")
        lines.append(f"| `{name}` | {default} | {description.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def readme_with_table(chart: pathlib.Path) -> str:
    readme = (chart / "README.md").read_text(encoding="utf-8")
    parts = readme.split(MARK)
    if len(parts) != 3:
        raise SystemExit(f"{chart / 'README.md'}: the mark {MARK} must occur twice")
    return f"{parts[0]}{MARK}\n{table((chart / 'values.yaml').read_text(encoding='utf-8'))}\n{MARK}{parts[2]}"


def main() -> int:
    helm = pathlib.Path(__file__).resolve().parents[2] / "helm"
    wrong = 0
    for name in CHARTS:
        path = helm / name / "README.md"
        wanted = readme_with_table(helm / name)
        if path.read_text(encoding="utf-8") != wanted:
            wrong += 1
            print(f"{path}: {'differs from values.yaml' if '--check' in sys.argv else 'written'}")
            if "--check" not in sys.argv:
                path.write_text(wanted, encoding="utf-8")
    return 1 if wrong and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
