"""Each room includes headers of every library that it links, and links every library whose headers it includes."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
# {name in src/CMakeLists.txt: start of the headers' names}. runtime/ compiles Asio's code for TLS, which includes the headers of OpenSSL.
HEADERS = {
    "OpenSSL::": r"openssl/|boost/asio/ssl", "${PILLION_YAML_CPP}": r"yaml-cpp/", "prometheus-cpp::core": r"prometheus/",
    "${PILLION_SPDLOG}": r"spdlog/|fmt/", "${PILLION_FSTRM}": r"fstrm", "Boost::json": r"boost/json", "Boost::url": r"boost/url",
    "CLI11::CLI11": r"CLI/",
}


def linked():
    text = (ROOT / "src/CMakeLists.txt").read_text(encoding="utf-8")
    return {call.split()[0]: {name for name in HEADERS if name in call} for call in re.findall(r"^pillion_room\(([^)]*)\)", text, re.M)}


def included(room):
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / room).glob("*.[ch]pp"))
    return {name for name, start in HEADERS.items() if re.search(rf"^#include <(?:{start})", text, re.M)}


def test_rooms_link_what_they_include():
    rooms = linked()
    assert len(rooms) > 10
    assert {room: included(room) for room in rooms} == rooms


def test_no_header_of_a_librarys_internals_is_included():
    """But for src/runtime/turn_reactor.hpp, which says why."""
    sources = [path for room in ("src", "tests") for path in (ROOT / room).rglob("*.[ch]pp")]
    assert len(sources) > 500
    internal = {str(path.relative_to(ROOT)) for path in sources
                if re.search(r"^#include <[^>]*/(?:details?|internal)/", path.read_text(encoding="utf-8"), re.M)}
    assert internal == {"src/runtime/turn_reactor.hpp"}
