"""Checks that names, comments and pages are plain technical English: no metaphors, no comments that are questions, of a bool no "whether"; and
that no name of a class or of an alias for a type stands for two things in src/.

Read are the C++ of src/ and tests/ (names and comments), the Python of tests/ and dashboards/ (comments), and all pages (prose).

    wording.py ROOT

Prints one line for each fault and exits 1 if there is one.
"""

import collections
import io
import pathlib
import re
import sys
import tokenize

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layering  # noqa: E402

# Word -> the term of the field. Words are compared as whole parts of an identifier, and as whole words of a comment.
METAPHORS = {
    "acquit": "release",
    "boarding": "joining",
    "carrier": "the channel or connection that has the query",
    "carriers": "the channels or connections that have the query",
    "departure": "sending, or the end",
    "departures": "sendings, or ends",
    "flight": "in-flight query",
    "flights": "in-flight queries",
    "fruitless": "unanswered",
    "guilty": "the query that ends connections",
    "innocent": "the other queries",
    "offender": "the client at fault",
    "offenders": "the clients at fault",
    "quota": "the number of queries per connection",
    "quotas": "the numbers of queries per connection",
    "shoot": "send",
    "shot": "sending",
    "worn": "due for replacement",
}
# Terms of the field.
FIELD_TERMS = re.compile(r"(?<![a-z])in[-_ ]?flight(?![a-z])|InFlight", re.IGNORECASE)

IDENTIFIER = re.compile(r"\b[A-Za-z_]\w*\b")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
COMMENT = re.compile(r"//[/!]?<?[ \t]?([^\n]*)")
QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^'\s]'")
QUESTION = re.compile(r"\w[)\"'`]*\?(?=\s|$)")
# A comment of a bool that does not say what true means.
WHETHER = re.compile(r"\bbool\b[^/\n]*[;,][ \t]*//[/!]?<?[ \t]*whether\b|^[ \t]*///[ \t]*Whether\b", re.IGNORECASE | re.MULTILINE)
# A whole alias at the start of a line: in a namespace, not in a class.
ALIAS = re.compile(r"^using ([A-Z]\w*) =([^;]*);", re.MULTILINE)
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`|\]\([^)\s]*\)", re.MULTILINE | re.DOTALL)
CLASS = re.compile(r"^(?:class|struct|union|enum class|enum) (?:\[\[\w+\]\] )?([A-Z]\w*)(?: final)?(?: : [^;{}]*)?\s*\{", re.MULTILINE)


def comments_of(source):
    """(line, text) of each line of a comment."""
    text = ""
    for number, line in enumerate(layering.without_strings(source.text).split("\n"), 1):
        found = COMMENT.search(line)
        # A term of two words may continue on the next line.
        is_torn = found and text.endswith(" in") and found.group(1).startswith("flight")
        text = found.group(1) if found else ""
        if found:
            yield number, "in " + text if is_torn else text


def words_of(text):
    """The lower-case parts of all words and identifiers, without the terms of the field."""
    for word in IDENTIFIER.findall(FIELD_TERMS.sub(" ", text)):
        yield from (part.lower() for part in PART.findall(word))


def python_comments(text):
    """(line, text) of each line of a comment or of a string that is a statement."""
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_statement = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        if token.type == tokenize.COMMENT or is_statement:
            yield from enumerate((line.strip('"') for line in token.string.split("\n")), token.start[0])
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = token.type


def prose_lines(text):
    """(line, text) of a page, without what is code."""
    yield from enumerate(CODE.sub(lambda match: " " + "\n" * match.group(0).count("\n"), text).split("\n"), 1)


def metaphor_faults(name, lines):
    for number, text in lines:
        for word in sorted(set(words_of(text)) & METAPHORS.keys()):
            yield f"{name}:{number}: `{word}` is a metaphor; say: {METAPHORS[word]}"


def question_faults(name, lines):
    for number, text in lines:
        if QUESTION.search(QUOTED.sub("x", text)):
            yield f"{name}:{number}: a comment is a statement, not a question; of a bool: True if ..."


def whether_faults(name, text):
    for found in WHETHER.finditer(text):
        yield f"{name}:{text.count(chr(10), 0, found.end()) + 1}: of a bool say: True if ..."


def source_faults(source, name):
    comments = list(comments_of(source))
    yield from metaphor_faults(name, sorted([*enumerate(source.code.split("\n"), 1), *comments]))
    yield from question_faults(name, comments)
    yield from whether_faults(name, layering.without_strings(source.text))


def class_faults(sources):
    places = collections.defaultdict(list)
    for source in sources.values():
        for pattern in (CLASS, ALIAS):
            for found in pattern.finditer(source.code):
                # Two aliases for one type are no fault.
                meaning = "".join(found.group(2).split()) if pattern is ALIAS else (source.name, found.start())
                places[found.group(1)].append((source.name, source.code.count("\n", 0, found.start()) + 1, meaning))
    for name, found in sorted(places.items()):
        for file, line, meaning in found[1:]:
            if meaning != found[0][2]:
                yield f"src/{file}:{line}: the name {name} is taken: src/{found[0][0]} has one too"


def files_of(root, *patterns):
    """The files of these patterns, without what is built."""
    found = [path for pattern in patterns for path in root.glob(pattern)]
    return sorted(path for path in found if not {"build", "node_modules"} & set(path.relative_to(root).parts[:-1]))


def all_faults(root):
    sources = layering.read_sources(root)
    if not sources:
        return [f"{root}/src: no sources found"]
    faults = [fault for source in sources.values() for fault in source_faults(source, f"src/{source.name}")]
    for path in files_of(root, "tests/**/*.[ch]pp"):
        name = str(path.relative_to(root))
        faults += source_faults(layering.Source(path, name), name)
    # This folder names the words.
    for path in files_of(root, "tests/**/*.py", "dashboards/*.py"):
        name = str(path.relative_to(root))
        comments = list(python_comments(path.read_text(encoding="utf-8")))
        if not name.startswith("tests/lint/"):
            faults += [*metaphor_faults(name, comments), *question_faults(name, comments)]
    for path in files_of(root, "**/*.md"):
        faults += metaphor_faults(str(path.relative_to(root)), prose_lines(path.read_text(encoding="utf-8")))
    return [*faults, *class_faults(sources)]


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    faults = all_faults(pathlib.Path(arguments[0]).resolve())
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
