"""How the templates make pillion.yaml of the values, and how they find the address of the cluster's DNS."""

import json
import re

import pytest
import yaml

from adopters import ADDRESS, charts, deployment, key
from api_server import api_server
from check import check
from conftest import CHARTS, CLUSTER_DNS, config, configuration_text, only, pod_spec


class TestConfiguration:
    """How the templates make pillion.yaml of the values."""

    def routes(self, helm, *values):
        return config(helm.template("pillion", "--set", ADDRESS["pillion"], *values))["routes"]

    def test_default_routes(self, helm):
        routes = self.routes(helm)
        assert routes[0] == {"zone": "cluster.local", "upstream": "cluster"}
        assert routes[-1] == {"zone": ".", "upstream": "public"}
        assert {"network": "10.0.0.0/8", "upstream": "cluster"} in routes
        assert {one["upstream"] for one in routes[:-1]} == {"cluster"}

    def test_every_private_network_is_the_clusters(self, helm):
        private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"}
        assert {one["network"] for one in self.routes(helm) if "network" in one} == private
        more = self.routes(helm, "--set", "pillion.clusterDNS.networks={198.18.0.0/15,10.0.0.0/8}")
        assert [one["network"] for one in more if "network" in one][-1] == "198.18.0.0/15"
        assert {one["network"] for one in more if "network" in one} == private | {"198.18.0.0/15"}

    def test_given_routes_go_first_and_are_not_repeated(self, helm):
        routes = self.routes(helm, "--set-json", 'pillion.config.routes=[{"zone": "10.in-addr.arpa.", "upstream": "public"}]')
        assert routes[0] == {"zone": "10.in-addr.arpa.", "upstream": "public"}
        assert not [one for one in routes if one.get("network") == "10.0.0.0/8"]

    @pytest.mark.parametrize("zone, network, rest", [
        ("17.172.in-addr.arpa", "172.16.0.0/12", {f"{number}.172.in-addr.arpa" for number in (16, *range(18, 32))}),
        ("D.F.ip6.arpa", "fc00::/7", {"c.f.ip6.arpa"}), ("64.100.in-addr.arpa", "100.64.0.0/10", {f"{number}.100.in-addr.arpa" for number in range(65, 128)})])
    def test_of_a_network_the_rest_stays_the_clusters(self, helm, zone, network, rest):
        """Each zone is in the configuration once, also if a network contains it."""
        routes = self.routes(helm, "--set-json", f'pillion.config.routes=[{{"zone": "{zone}", "upstream": "public"}}]')
        assert network not in [one.get("network") for one in routes]
        assert {one["zone"] for one in routes if one["upstream"] == "cluster" and one.get("zone", "").endswith(".arpa")} == rest

    def test_network_within_another(self, helm):
        """EKS has its Services in 172.20.0.0/16."""
        more = ("--set", "pillion.clusterDNS.networks={172.20.0.0/16,2001:db8:0:8::/61}")
        assert self.routes(helm, *more)[:-2] == self.routes(helm)[:-1]
        assert self.routes(helm, *more)[-2] == {"network": "2001:db8:0:8::/61", "upstream": "cluster"}

    @pytest.mark.parametrize("mode", ["workload", "gateway"])
    def test_zones_of_every_platform(self, helm, binary, tmp_path, mode):
        """README lists the zones of each platform, and Pillion accepts them."""
        readme = (CHARTS["pillion"].parent / "pillion-sidecar" / "README.md").read_text(encoding="utf-8")
        told = {name: set(re.findall("`([a-z0-9.-]+)`", zones)) for name, zones in re.findall(r"^\| `(gke|eks|aks|openshift)` \| (.*) \|$", readme, re.MULTILINE)}
        assert told.keys() == {"gke", "eks", "aks", "openshift"}
        for platform, zones in told.items():
            objects = helm.template("pillion", "--set", f"{ADDRESS['pillion']},mode={mode},pillion.platform={platform}")
            routes = config(objects)["routes"]
            assert {one["zone"] for one in routes if one["upstream"] == "cluster" and "zone" in one} == zones | {"cluster.local"}
            check(binary, tmp_path, configuration_text(objects))

    def test_no_private_endpoint_of_azure_is_left_out(self, helm):
        """The public forwarders of Azure's page "Azure Private Endpoint private DNS zone values", commercial cloud, May 2026: names beneath them
        have a private address in a network with a private endpoint."""
        forwarders = """
            api.azureml.ms notebooks.azure.net instances.azureml.ms aznbcontent.net inference.ml.azure.com cognitiveservices.azure.com openai.azure.com
            services.ai.azure.com directline.botframework.com token.botframework.com sql.azuresynapse.net servicebus.windows.net
            datafactory.azure.net adf.azure.com azurehdinsight.net westeurope.kusto.windows.net blob.core.windows.net analysis.windows.net
            pbidedicated.windows.net prod.powerquery.microsoft.com azuredatabricks.net fabric.microsoft.com westeurope.batch.azure.com wvd.microsoft.com
            westeurope.azmk8s.io azurecontainerapps.io azurecr.io database.windows.net documents.azure.com mongo.cosmos.azure.com
            postgres.database.azure.com redis.cache.windows.net westeurope.redis.azure.net his.arc.azure.com dp.kubernetesconfiguration.azure.com
            eventgrid.azure.net azure-api.net workspace.azurehealthcareapis.com azure-devices.net azure-devices-provisioning.net api.adu.microsoft.com
            azureiotcentral.com digitaltwins.azure.net media.azure.net api.videoindexer.ai we.azure-automation.net we.backup.windowsazure.com
            monitor.azure.com ods.opinsights.azure.com services.visualstudio.com purview.azure.com purview-service.microsoft.com grafana.azure.com
            vault.azure.net vaultcore.azure.net azconfig.io attest.azure.net blob.storage.azure.net search.windows.net scm.azurewebsites.net
            service.signalr.net azurestaticapps.net webpubsub.azure.com""".split()
        zones = [one["zone"] for one in self.routes(helm, "--set", "pillion.platform=aks") if one["upstream"] == "cluster" and "zone" in one]
        assert [name for name in forwarders if not any(name == zone or name.endswith(f".{zone}") for zone in zones)] == []

    def test_zones_are_not_repeated(self, helm):
        twice = '[{"zone": "corp.example", "upstream": "public"}, {"zone": "Corp.example.", "upstream": "cluster"}]'
        error = helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f"pillion.config.routes={twice}")
        assert "config.routes has the zone corp.example twice" in error

    def test_given_route_for_the_rest_stands(self, helm):
        routes = self.routes(helm, "--set-json", 'pillion.config.routes=[{"zone": ".", "upstream": "cluster"}]')
        assert [one for one in routes if one.get("zone") == "."] == [{"zone": ".", "upstream": "cluster"}]

    def test_public_upstream_is_there_only_where_it_is_used(self, helm, binary, tmp_path):
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set-json", 'pillion.config.routes=[{"zone": ".", "upstream": "cluster"}]')
        assert list(config(objects)["upstreams"]) == ["cluster"]
        check(binary, tmp_path, configuration_text(objects))

    def test_the_only_upstream_gets_the_rest(self, helm):
        servers = 'pillion.config.upstreams={"corporate": {"servers": [{"address": "10.0.0.53:853"}]}}'
        assert self.routes(helm, "--set-json", servers)[-1] == {"zone": ".", "upstream": "corporate"}

    def test_two_upstreams_and_nothing_said_about_the_rest(self, helm):
        servers = '{"servers": [{"address": "10.0.0.53:853"}]}'
        error = helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f'pillion.config.upstreams={{"a": {servers}, "b": {servers}}}')
        assert 'needs a route for the zone "."' in error and "a, b" in error

    @pytest.mark.parametrize("routes, complaint", [
        ('[{"zone": "corp.example", "upstream": "corporate"}]', "names the upstream corporate, which does not exist: the upstreams are cluster, public, spare"),
        ("[]", "config.upstreams has spare, which no route uses")])
    def test_upstreams_and_routes_belong_together(self, helm, binary, tmp_path, routes, complaint):
        """The chart refuses values with which Pillion would not start."""
        server = '{"servers": [{"address": "10.0.0.53:853"}]}'
        upstreams = f'{{"public": {server}, "spare": {server}}}'
        assert complaint in helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f"pillion.config.routes={routes}",
                                       "--set-json", f"pillion.config.upstreams={upstreams}")
        with pytest.raises(AssertionError, match="no route uses it|is not one of the upstreams"):
            check(binary, tmp_path, f"upstreams: {upstreams}\n" + (f"routes: {routes}" if routes != "[]" else ""))

    @pytest.mark.parametrize("protocol", ["tls", "tcp", "udp"])
    @pytest.mark.parametrize("key, value", [("tls", {}), ("padding", 128), ("servers[1].tls_name", "dns.example"),
                                            ("servers[1].pins", ["sha256/" + "A" * 43 + "="]), ("policy", "sequential")])
    def test_keys_of_an_encrypted_upstream(self, helm, binary, tmp_path, protocol, key, value):
        """A schema can forbid such a key, but not say why: Helm prints "false schema"."""
        upstream = {"protocol": protocol, "servers": [{"address": "192.0.2.1:853"}, {"address": "192.0.2.2:853"}]}
        (upstream["servers"][1] if "servers" in key else upstream)[key.split(".")[-1]] = value
        upstreams = json.dumps({"public": upstream})
        arguments = ("--set", ADDRESS["pillion"], "--set-json", f"pillion.config.upstreams={upstreams}")
        if protocol == "tls" or key == "policy":
            check(binary, tmp_path, configuration_text(helm.template("pillion", *arguments)))
        else:
            error = helm.error("pillion", *arguments)
            assert f"config.upstreams.public.{key} is only for protocol tls, and this upstream has protocol: {protocol}" in error
            with pytest.raises(AssertionError, match="is only for `protocol: tls`"):
                check(binary, tmp_path, f"upstreams: {upstreams}")

    def test_cluster_upstream_of_ones_own(self, helm):
        own = '{"public": {"servers": [{"address": "9.9.9.9:853"}]}, "cluster": {"protocol": "tcp", "servers": [{"address": "10.9.9.9:53"}]}}'
        objects = helm.template("pillion", "--set", "pillion.image.repository=p", "--set-json", f"pillion.config.upstreams={own}")
        assert config(objects)["upstreams"]["cluster"] == {"protocol": "tcp", "servers": [{"address": "10.9.9.9:53"}]}

    def test_without_the_clusters_names(self, helm):
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set", "pillion.clusterDNS.enabled=false")
        rendered = config(objects)
        assert list(rendered["upstreams"]) == ["public"] and rendered["routes"] == [{"zone": ".", "upstream": "public"}]
        assert "searches" not in pod_spec(only(objects, "Deployment"))["dnsConfig"]

    def test_search_turned_off(self, helm, binary, tmp_path):
        """The pod keeps its search list, since the C library uses it."""
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set", "pillion.config.search=false")
        assert "search" not in config(objects)
        assert pod_spec(only(objects, "Deployment"))["dnsConfig"] == pod_spec(deployment(helm, "pillion"))["dnsConfig"]
        assert yaml.safe_load(check(binary, tmp_path, configuration_text(objects)))["search"] is False

    @pytest.mark.parametrize("value", ["true", '"false"', '{"domains": ["a.example"]}'])
    def test_search_list_cannot_be_given(self, helm, value):
        error = helm.error("pillion", "--set", ADDRESS["pillion"], "--set-json", f"pillion.config.search={value}")
        assert "search" in error and "false" in error

    def test_numbers_stay_numbers(self, helm, binary, tmp_path):
        objects = helm.template("pillion", "--set", ADDRESS["pillion"], "--set", "pillion.config.dns.max_connections=1000000",
                                "--set", "pillion.config.cache.size=0")
        text = configuration_text(objects)
        assert "max_connections: 1000000" in text
        assert "max_connections: 1000000" in check(binary, tmp_path, text)

    @pytest.mark.parametrize("settings", ["config.cache.size=64MiB", "config.threads=13", "resources.limits.memory=16Mi", "resources.limits.memory=20M", "resources.limits.memory=0.01Gi",
                                          "resources.limits.memory=20000000"])
    def test_cache_that_does_not_fit_into_the_memory_limit_is_refused(self, helm, settings):
        assert "resources.limits.memory is" in helm.error("pillion", "--set", ADDRESS["pillion"], "--set", f"pillion.{settings}")

    def test_cache_that_fits_into_the_memory_limit(self, helm):
        for settings in ("config.cache.size=64MiB,pillion.resources.limits.memory=80Mi", "config.cache.size=0,pillion.resources.limits.memory=16Mi",
                         "config.threads=8,pillion.resources.limits.memory=0.1Gi", "config.cache.size=1GiB,pillion.resources.limits.memory=null"):
            assert helm.template("pillion", "--set", ADDRESS["pillion"], "--set", f"pillion.{settings}")

    def test_effective_configuration(self, helm, binary, tmp_path):
        """Pillion's effective configuration for the default values: all queries are encrypted, except those for the cluster's names."""
        effective = yaml.safe_load(check(binary, tmp_path, configuration_text(helm.template("pillion", "--set", ADDRESS["pillion"]))))
        assert effective["upstreams"]["public"]["protocol"] == "tls"
        assert [one["tls_name"] for one in effective["upstreams"]["public"]["servers"]] == ["cloudflare-dns.com", "dns.quad9.net"]
        assert effective["upstreams"]["cluster"]["protocol"] == "udp"


class TestClusterDNS:
    LOOKUP = ("--set", "pillion.image.repository=registry.example/pillion,pillion.clusterDNS.lookup=true")

    def install(self, helm, kubeconfig, *arguments):
        return helm.run("install", "r", CHARTS["pillion"], "--dry-run=server", "--namespace", "shop", "--disable-openapi-validation", *arguments,
                        kubeconfig=kubeconfig)

    def test_looked_up_where_that_is_wanted(self, helm, helm3, cluster):
        for one in (helm, helm3):
            done = self.install(one, cluster, *self.LOOKUP)
            assert done.returncode == 0, done.stderr
            assert "address: 10.43.0.10:53" in done.stdout

    @pytest.mark.parametrize("platform, service, found", [
        ("openshift", ("openshift-dns", "dns-default"), True), ("none", ("openshift-dns", "dns-default"), False),
        ("none", ("kube-system", "rke2-coredns-rke2-coredns"), False), ("openshift", ("kube-system", "kube-dns"), False)])
    def test_clusters_whose_dns_has_another_service(self, helm, tmp_path, platform, service, found):
        namespace, name = service
        there = {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": "172.30.0.10"}}
        with api_server(tmp_path, [there]) as kubeconfig:
            done = self.install(helm, kubeconfig, *self.LOOKUP, "--set", f"pillion.platform={platform}")
        if found:
            assert "address: 172.30.0.10:53" in done.stdout
        else:
            assert "--set pillion.clusterDNS.address=ADDRESS" in done.stderr and "kubectl exec POD -- grep nameserver /etc/resolv.conf" in done.stderr
            assert "kubectl -n" not in done.stderr, "which would name a Service that is not there"

    def test_value_goes_before_the_look_up(self, helm, cluster):
        done = self.install(helm, cluster, *self.LOOKUP, "--set", ADDRESS["pillion"])
        assert f"address: {CLUSTER_DNS}:53" in done.stdout and "10.43" not in done.stdout

    @pytest.mark.parametrize("program", ["helm", "helm3"])
    def test_who_may_not_look_is_told_what_to_set(self, request, program, forbidding_cluster):
        """An administrator of one namespace cannot read kube-system, and Helm has no way to continue after a forbidden lookup."""
        helm = request.getfixturevalue(program)
        done = self.install(helm, forbidding_cluster, "--set", "pillion.image.repository=p")
        assert done.returncode != 0 and "forbidden" not in done.stderr
        assert "--set pillion.clusterDNS.address=" in done.stderr and "grep nameserver /etc/resolv.conf" in done.stderr
        looked_up = self.install(helm, forbidding_cluster, *self.LOOKUP).stderr
        assert "forbidden" in looked_up and "set clusterDNS.address, which any pod has in /etc/resolv.conf" in looked_up

    def test_what_no_service_has_is_not_guessed(self, helm):
        """In GKE, Cloud DNS answers at 169.254.169.254, and the Service kube-dns exists but is not used."""
        error = helm.error("pillion", *self.LOOKUP, "--kube-version", "1.33.4-gke.1350000")
        assert "not looked up in GKE" in error and "--set pillion.clusterDNS.address=" in error
        assert "not looked up in GKE" in helm.error("pillion", *self.LOOKUP, "--set", "pillion.platform=gke")

    @charts
    def test_unknown_is_a_failure_that_says_what_to_set(self, helm, chart):
        error = helm.error(chart, "--set", f"{key(chart)}.image.repository=p")
        assert f"--set {key(chart)}.clusterDNS.address=" in error and f"--set {key(chart)}.clusterDNS.enabled=false" in error
        assert "grep nameserver /etc/resolv.conf" in error and "--set global.clusterDNS.address=" in error

    def test_unknown_does_not_matter_where_it_is_not_used(self, helm):
        for setting in ("existingConfigMap=ours", "clusterDNS.enabled=false"):
            assert helm.template("pillion", "--set", "pillion.image.repository=p", "--set", f"pillion.{setting}")
        assert helm.template("pillion", "--set", "pillion.enabled=false")
