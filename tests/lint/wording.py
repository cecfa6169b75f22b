"""Checks that the names and comments of src/ are plain technical English: no metaphors, no comments that are questions, no class name twice.

    wording.py ROOT

Prints one line for each fault and exits 1 if there is one.
"""

import collections
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layering  # noqa: E402

# Word -> the term of the field. Words are compared as whole parts of an identifier, and as whole words of a comment.
METAPHORS = {
    "boarding": "joining",
    "carrier": "the channel or connection that has the query",
    "carriers": "the channels or connections that have the query",
    "departure": "sending, or the end",
    "departures": "sendings, or ends",
    "flight": "in-flight query",
    "flights": "in-flight queries",
    "fruitless": "unanswered",
    "offender": "the client at fault",
    "offenders": "the clients at fault",
    "quota": "the number of queries per connection",
    "quotas": "the numbers of queries per connection",
    "worn": "due for replacement",
}
# Terms of the field.
FIELD_TERMS = re.compile(r"(?<![a-z])in[-_ ]?flight(?![a-z])|InFlight", re.IGNORECASE)

IDENTIFIER = re.compile(r"\b[A-Za-z_]\w*\b")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
COMMENT = re.compile(r"//[/!]?<?[ \t]?([^\n]*)")
QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^'\s]'")
QUESTION = re.compile(r"\w[)\"'`]*\?(?=\s|$)")
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


def metaphor_faults(sources):
    for source in sources.values():
        lines = [*enumerate(source.code.split("\n"), 1), *comments_of(source)]
        for number, text in sorted(lines):
            for word in sorted(set(words_of(text)) & METAPHORS.keys()):
                yield f"src/{source.name}:{number}: `{word}` is a metaphor; say: {METAPHORS[word]}"


def question_faults(sources):
    for source in sources.values():
        for number, text in comments_of(source):
            if QUESTION.search(QUOTED.sub("x", text)):
                yield f"src/{source.name}:{number}: a comment is a statement, not a question; of a bool: True if ..."


def class_faults(sources):
    places = collections.defaultdict(list)
    for source in sources.values():
        for found in CLASS.finditer(source.code):
            places[found.group(1)].append((source.name, source.code.count("\n", 0, found.start()) + 1))
    for name, found in sorted(places.items()):
        for file, line in found[1:]:
            yield f"src/{file}:{line}: the name {name} is taken: src/{found[0][0]} has one too"


def all_faults(root):
    sources = layering.read_sources(root)
    if not sources:
        return [f"{root}/src: no sources found"]
    return [*metaphor_faults(sources), *question_faults(sources), *class_faults(sources)]


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
