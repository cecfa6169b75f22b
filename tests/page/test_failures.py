"""Causes each kind of failure, and checks that the page names it in the verdict, in the row of its server, and in "Try a name".
tests/e2e/test_failures_named.py checks the proxy's own outputs for the same texts."""

import pytest

from harness.failing_world import DeadServers, PoorServers
from harness.failures import DEAD, POOR, Heard

ROWS = """
    return [...document.querySelectorAll("#upstreams .card")].map((card) =>
      [card.querySelector("h3").innerText.split(" ")[0], card.querySelector("tbody").innerText.replace(/\\s+/g, " ")]);"""


def try_name(browser, name):
    browser.run("""
        document.getElementById("resolved").replaceChildren();
        document.querySelector("#resolve [name=name]").value = arguments[0];
        document.querySelector("#resolve button").click();""", name)
    browser.wait_for(lambda: browser.count("#resolved .timeline li") > 0, f"the trace of {name}")
    return browser.text("#resolved")


@pytest.mark.parametrize("world, failures", [(DeadServers, DEAD), (PoorServers, POOR)], ids=["dead", "poor"])
def test_each_failure_is_named(browser, tmp_path, authority, certificate, world, failures):
    with world(tmp_path, authority, certificate) as made:
        heard = Heard(made, failures)
        browser.open(made.admin.port)
        rows = browser.wait_for(lambda: dict(browser.run(ROWS)), "upstreams")
        said = " ".join(f"{browser.text('#verdict')} {browser.text('#findings')}".split())
        for failure in failures:
            server = made.servers[failure.kind]
            if failure.finding:
                assert failure.finding[2] in said, (failure.kind, said)
                assert server in said or failure.kind == "loop", (failure.kind, said)
            if failure.error:
                assert heard.upstreams[failure.kind]["last_error"]["text"] in rows[failure.kind], (failure.kind, rows)
            assert failure.state in rows[failure.kind].split(), (failure.kind, rows)
        # The cache answers with a kept failure at once. One failure for each kind of sentence is enough.
        for failure in (failures[0], failures[3], failures[-1]):
            told = try_name(browser, heard.question(failure, 0))
            assert failure.rcode in told and all(text.format(server=made.servers[failure.kind]) in told for text in failure.ede[1:]), told
        browser.assert_no_complaints()
