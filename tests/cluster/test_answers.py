"""A pod with Pillion finds what a pod without it finds, by each of the resolvers that applications have, and tells the world no more."""

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
    """Than what the same lookups of the plain pod have sent out of the cluster; and the cluster's DNS sees none that is not the cluster's."""
    _, leaked = both.of("first", tool)
    check_leaked(*leaked)


def test_the_apexes_are_answered_alike(apexes_asked):
    """Of the cluster's own zones. The reverse zones are asked for too, but what is not the cluster's there its DNS asks its own resolver,
    of which the test knows nothing."""
    plain, subject = apexes_asked
    check(differing([asked for asked in plain if not asked[1].endswith("arpa")], plain, subject))


def test_what_is_asked_about_the_apexes_changes_no_other_answer(both, apexes_being_asked, tool):
    """Such as that a zone has no TXT record; a cluster's DNS may say so by NXDOMAIN, which is true of no name in it."""
    differences, leaked = both.of("with the apexes", tool)
    check(differences)
    check_leaked(*leaked)
