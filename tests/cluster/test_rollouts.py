"""No query is lost while pods are replaced by a rollout. Of the chart's modes that serve other pods, queries go to the Service's address, each
only once; in the mode workload each application asks the Pillion of its own pod, from its first moment to its last.

ROLLOUTS of each mode are begun within ROLLOUT_SECONDS, one after the other: ROLLOUTS=5 ROLLOUT_SECONDS=60 is the full measure. Without ROLLOUTS
they are left out: they take minutes, and a machine that is busy with other things decides too."""

import os
import time

import objects
import pytest
from charts import rendered
from harness.process import wait_until
from kubectl import PATIENCE, apply, await_rollout, get, kubectl, logs, wait_for
from lookups import Pod
from names import HERE
from under_load import ASTRAY_AT_MOST, Applications, as_application, load

ROLLOUTS = int(os.environ.get("ROLLOUTS", "0"))
SECONDS = float(os.environ.get("ROLLOUT_SECONDS", "10"))
pytestmark = pytest.mark.skipif(ROLLOUTS == 0, reason="rollouts under load: only with ROLLOUTS=1 or more")
CLIENT = "load"

# Each one's workload, and what it has to have set: an autoscaler has nothing to go by where the cluster has no metrics.
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
    """Of one of the modes."""

    def __init__(self, name, kind):
        self.workload = f"{kind}/{name}"
        self.selector = f"app.kubernetes.io/instance={name}"
        await_rollout(HERE, self.workload)

    def pods(self):
        """Those too that are on their way out."""
        return {pod["metadata"]["name"] for pod in get("pods", HERE, "-l", self.selector)["items"]}

    def replace_pods(self):
        kubectl("-n", HERE, "rollout", "restart", self.workload)
        await_rollout(HERE, self.workload)

    def roll(self, after_each=lambda: None):
        """ROLLOUTS times within SECONDS, and until the old pods have gone."""
        start = time.monotonic()
        old = set()
        for number in range(ROLLOUTS):
            # Spread over the time, so that pods of one rollout leave while those of the next come.
            time.sleep(max(0.0, start + number * SECONDS / ROLLOUTS - time.monotonic()))
            old |= self.pods()
            self.replace_pods()
            after_each()
        wait_until(lambda: not old & self.pods(), "the old pods have gone", patience=PATIENCE)
        time.sleep(max(0.0, start + SECONDS - time.monotonic()))
        print(f"{self.workload}, {ROLLOUTS} rollouts in {time.monotonic() - start:.0f} s, {len(old)} pods replaced")


@pytest.fixture
def release(values, tmp_path):
    """Makes one, and shows its pods that are there in the end with a test that fails."""
    made = []

    def make(name, mode, kind, more):
        apply(*rendered(tmp_path, name, {"mode": mode, "fullnameOverride": name, "pillion": values, **more}))
        made.append(Release(name, kind))
        return made[-1]

    yield make
    for one in made:
        print(logs(HERE, "-l", one.selector, "--all-containers"))
        kubectl("-n", HERE, "delete", one.workload, "--wait=false", "--ignore-not-found")
        # Nobody asks any more, so nobody is to wait for a drain.
        kubectl("-n", HERE, "delete", "pods", "-l", one.selector, "--grace-period=1", "--wait=false")


@pytest.mark.parametrize("mode", MODES)
def test_no_query_fails_while_pods_are_replaced(release, mode, client):
    kind, more = MODES[mode]
    shared = release(mode, mode, kind, more)
    with load(client, get("service", HERE, mode)["spec"]["clusterIP"]) as end:
        shared.roll()
        results = end()
    print(results)
    results.check(ASTRAY_AT_MOST * ROLLOUTS)


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
