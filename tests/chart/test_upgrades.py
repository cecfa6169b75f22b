"""What no upgrade can change: the selector of a workload, and the template of a Job's pods."""

import pytest
import yaml

from api_server import api_server
from conftest import CHARTS, CONFIG, ROOT, only
from test_modes import ADDRESS, KIND, modes, render
from test_wrap import pod


class TestSelector:
    """The API server refuses a changed selector with the whole selector and `field is immutable`, without the value that has changed it."""

    def upgrade(self, helm, tmp_path, installed, *settings):
        values = [word for one in settings for word in ("--set", one)]
        with api_server(tmp_path, installed) as kubeconfig:
            return helm.run("template", "r", CHARTS["pillion"], "--namespace", "shop", "--is-upgrade", "--dry-run=server",
                            "--disable-openapi-validation", *ADDRESS, *values,
                            kubeconfig=kubeconfig)

    @modes
    @pytest.mark.parametrize("program", ["helm", "helm3"])
    def test_another_name_is_refused(self, request, program, tmp_path, mode):
        helm = request.getfixturevalue(program)
        there = [one for one in render(helm, mode) if one["kind"] == KIND[mode]]
        assert self.upgrade(helm, tmp_path, there, f"mode={mode}").returncode == 0
        done = self.upgrade(helm, tmp_path, there, f"mode={mode}", "nameOverride=dns", "fullnameOverride=r-pillion")
        assert done.returncode != 0
        assert f"the {KIND[mode]} r-pillion has pillion" in done.stderr and "set nameOverride=pillion" in done.stderr

    def test_objects_of_another_name_are_new(self, helm, tmp_path):
        there = [only(render(helm, "workload"), "Deployment")]
        assert self.upgrade(helm, tmp_path, there, "nameOverride=dns").returncode == 0
        assert self.upgrade(helm, tmp_path, there, "mode=gateway").returncode == 0, "a mode of the same kind has the same selector"


class TestJob:
    """A Job's template is immutable: an upgrade succeeds only if it renders the same one."""

    CHANGES = ("config.threads=2", "config.log.level=warn", "config.cache.size=1MiB")

    def templates(self, adopter, metadata, *settings):
        """The templates before and after each change, as text."""
        job = pod(metadata, restartPolicy="Never")
        return {yaml.safe_dump(adopter.wrapped(job, *settings, *more)) for more in ((), *((one,) for one in self.CHANGES))}

    def test_the_configuration_is_in_the_template(self, adopter):
        assert len(self.templates(adopter, {})) == 1 + len(self.CHANGES)

    @pytest.mark.parametrize("metadata, settings", [
        ({}, ("configChange=reload",)), ({"annotations": {"pillion.dev/config-map": "ours"}}, ()), ({"labels": {"pillion.dev/inject": "false"}}, ())],
        ids=str)
    def test_each_remedy_of_the_readme(self, adopter, metadata, settings):
        (text,) = self.templates(adopter, metadata, *settings)
        assert f"{CONFIG}:" not in text
        readme = (ROOT / "helm" / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
        told = readme[readme.index("- A Job cannot be changed"):].split("\n- ")[0]
        for word in (*settings, *metadata.get("annotations", {}), *metadata.get("labels", {})):
            assert word.replace("=", ": ") in told

    def test_other_pods_roll(self, adopter):
        annotations = adopter.wrapped(pod(), "configChange=reload")["metadata"]["annotations"]
        assert "checksum/pillion-restart" in annotations
