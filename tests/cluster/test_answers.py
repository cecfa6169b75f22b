"""A pod with Pillion finds what a pod without Pillion finds, by each resolver library that applications use, and sends no more names out of the
cluster."""

import pytest
from lookups import differing
from names import TOOLS
from requirements import index

pytestmark = pytest.mark.usefixtures("subject_log")


@pytest.fixture(params=TOOLS)
def tool(request):
    missing = index()[1]["clients"]["missing"]
    language = request.param.partition("-")[0]
    if language in missing:
        pytest.skip(f"not in the clients' image: {missing[language]}")
    return request.param


def check(differences):
    if differences:
        pytest.fail("\n".join([f"{len(differences)} answers differ:", *differences]), pytrace=False)


def check_leaked(in_the_clear, by_tls):
    assert not in_the_clear, f"in the clear: {' '.join(in_the_clear)}"
    assert not by_tls, f"to the public resolver: {' '.join(by_tls)}"


def test_every_form_of_a_name_is_answered_alike(both, tool):
    differences, _ = both.of("first", tool)
    check(differences)


def test_the_public_resolver_sees_no_other_name(both, tool):
    """The public resolver sees no other names than those that the same lookups of the other pod have sent out of the cluster. The cluster's DNS
    only sees names of the cluster."""
    _, leaked = both.of("first", tool)
    check_leaked(*leaked)


def test_the_apexes_are_answered_alike(apexes_asked):
    """Compares the answers for the cluster's own zones. The reverse zones are asked too, but not compared: for other networks the cluster's DNS
    asks its own upstream, which the test does not know."""
    plain, subject = apexes_asked
    check(differing([asked for asked in plain if not asked[1].endswith("arpa")], plain, subject))


def test_what_is_asked_about_the_apexes_changes_no_other_answer(both, apexes_being_asked, tool):
    """An answer about an apex, such as that a zone has no TXT record, changes no other answer. A DNS of a cluster may give this answer as NXDOMAIN,
    although names exist below the apex."""
    differences, leaked = both.of("with the apexes", tool)
    check(differences)
    check_leaked(*leaked)
