"""A real Prometheus scrapes a real pod from outside, and finds the series of the dashboards and rules."""

import contextlib

import expressions
import kube_metrics
import pytest
import watching
from deployment import CA_FILE, CLIENT_FILES, client_name, objects_of
from harness.namespace import network_of
from harness.process import served
from podman import Pod

POD_DASHBOARD, FLEET_DASHBOARD = expressions.DASHBOARDS


@pytest.fixture(scope="module")
def prometheus(charts, podman, network, tmp_path_factory):
    release = f"{podman.name}-watched"
    with contextlib.ExitStack() as stack:
        directory = tmp_path_factory.mktemp("watched")
        around = stack.enter_context(watching.surroundings(directory, network.gateway, CA_FILE, CLIENT_FILES))
        pod = Pod(podman, network, 2)
        stack.callback(pod.delete)
        rendered = charts.render(release, around.config, network.cluster_dns, clientTLS={"secretName": client_name(release)})
        pod.apply(objects_of(rendered, release, around.authority, around.client))
        pod.start("pillion")
        pod.execute("pillion", "/pillion", "reload")
        with network_of(pod.pid("pillion")):
            stack.enter_context(around.load(53))
        of_kubernetes = stack.enter_context(kube_metrics.exporter(watching.NAMESPACE, watching.POD))
        yield stack.enter_context(served(lambda: watching.Prometheus(tmp_path_factory.mktemp("prometheus") / "run", f"{pod.address}:9153",
                                                                     of_kubernetes)))


@pytest.mark.parametrize("wanted", [watching.of_panels(POD_DASHBOARD), watching.of_panels(FLEET_DASHBOARD), watching.of_recording_rules(),
                                    watching.of_alerts()], ids=["pod", "fleet", "recording rules", "alerts"])
def test_every_expression_has_data(prometheus, wanted):
    assert wanted
    watching.wait_for_data(prometheus, wanted)
