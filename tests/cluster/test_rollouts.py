"""A rollout that replaces pods loses no query. For the modes that serve other pods, each query is sent once to the address of the Service. In the
mode workload each application asks the Pillion of its own pod from its start to its end.

Each mode makes ROLLOUTS rollouts within ROLLOUT_SECONDS, one after the other. ROLLOUTS=5 ROLLOUT_SECONDS=60 is the full measurement. Without
ROLLOUTS these tests are skipped: they take minutes, and the load of the machine changes their result."""

import os
import time

import objects
import pytest
from charts import rendered
from harness.process import wait_until
from kubectl import PATIENCE, apply, await_rollout, get, kubectl, logs, wait_for
from lookups import Pod
from names import HERE
from under_load import Applications, as_application, load

ROLLOUTS = int(os.environ.get("ROLLOUTS", "0"))
SECONDS = float(os.environ.get("ROLLOUT_SECONDS", "10"))
pytestmark = pytest.mark.skipif(ROLLOUTS == 0, reason="rollouts under load: only with ROLLOUTS=1 or more")
CLIENT = "load"

# The workload of each mode, and its values. There is no autoscaler, since the cluster may have no metrics.
MODES = {
    "gateway": ("deployment", {"gateway": {"autoscaling": {"enabled": False}}}),
    "daemonset": ("daemonset", {}),
}
APPLICATION = "rolled"


@pytest.fixture(scope="module")
def client(namespaces, images):
    apply(objects.named("Pod", HERE, CLIENT, spec=objects.pod_spec(images["clients"])))
    wait_for("condition=Ready", HERE, f"pod/{CLIENT}")
    return Pod(CLIENT)


class Release:
    """A release of one of the modes."""

    def __init__(self, name, kind):
        self.workload = f"{kind}/{name}"
        self.selector = f"app.kubernetes.io/instance={name}"
        await_rollout(HERE, self.workload)

    def pods(self):
        """The names of the pods, including those that are being deleted."""
        return {pod["metadata"]["name"] for pod in get("pods", HERE, "-l", self.selector)["items"]}

    def replace_pods(self):
        kubectl("-n", HERE, "rollout", "restart", self.workload)
        await_rollout(HERE, self.workload)

    def roll(self, after_each=lambda: None):
        """Rolls the workload ROLLOUTS times within SECONDS, and waits until the old pods have gone."""
        start = time.monotonic()
        old = set()
        for number in range(ROLLOUTS):
            # The rollouts are spread over the time, so that pods of one end while those of the next start.
            time.sleep(max(0.0, start + number * SECONDS / ROLLOUTS - time.monotonic()))
            old |= self.pods()
            self.replace_pods()
            after_each()
        wait_until(lambda: not old & self.pods(), "the old pods have gone", patience=PATIENCE)
        time.sleep(max(0.0, start + SECONDS - time.monotonic()))
        print(f"{self.workload}, {ROLLOUTS} rollouts in {time.monotonic() - start:.0f} s, {len(old)} pods replaced")


@pytest.fixture
def release(values, tmp_path):
    """A function that makes a release. The logs of the pods that exist at the end are shown if the test fails."""
    made = []

    def make(name, mode, kind, more):
        apply(*rendered(tmp_path, name, {"mode": mode, "fullnameOverride": name, "pillion": values, **more}))
        made.append(Release(name, kind))
        return made[-1]

    yield make
    for one in made:
        print(logs(HERE, "-l", one.selector, "--all-containers"))
        kubectl("-n", HERE, "delete", one.workload, "--wait=false", "--ignore-not-found")
        # There are no more queries, so that no drain is needed.
        kubectl("-n", HERE, "delete", "pods", "-l", one.selector, "--grace-period=1", "--wait=false")


@pytest.mark.parametrize("mode", MODES)
def test_no_query_fails_while_pods_are_replaced(release, mode, client):
    kind, more = MODES[mode]
    shared = release(mode, mode, kind, more)
    with load(client, get("service", HERE, mode)["spec"]["clusterIP"]) as end:
        shared.roll()
        results = end()
    print(results)
    results.check()


def test_no_application_loses_a_query_while_its_pod_is_replaced(release, images):
    application = release(APPLICATION, "workload", "deployment", {
        "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "workload": {"containers": [as_application(objects.container(images["clients"]))]}})
    with Applications(application.selector) as applications:
        applications.follow()
        application.roll(applications.follow)
        kubectl("-n", HERE, "delete", application.workload, "--wait=false")
        results = applications.results()
    print("\n".join(f"{pod}\n{one}" for pod, one in results.items()))
    assert len(results) == ROLLOUTS + 1
    for one in results.values():
        one.check()
