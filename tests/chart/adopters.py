"""Functions for the tests of the example chart, which has adopted the sidecar, and of the chart pillion's mode workload."""

import pytest

from conftest import CLUSTER_DNS, only

ADDRESS = {"example": f"pillion-sidecar.clusterDNS.address={CLUSTER_DNS}",
           "pillion": f"pillion.clusterDNS.address={CLUSTER_DNS},pillion.image.repository=registry.example/pillion"}
charts = pytest.mark.parametrize("chart", ADDRESS)


def key(chart):
    return ADDRESS[chart].split(".")[0]


def render(helm, chart, *settings, **options):
    arguments = [word for setting in (ADDRESS[chart], *settings) for word in ("--set", setting)]
    return helm.template(chart, *arguments, **options)


def deployment(helm, chart, *settings, **options):
    return only(render(helm, chart, *settings, **options), "Deployment")


def error(helm, chart, *settings):
    return helm.error(chart, *[word for setting in (ADDRESS[chart], *(f"{key(chart)}.{one}" for one in settings)) for word in ("--set", setting)])
