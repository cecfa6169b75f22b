{{/*
The zones that the cluster's DNS must answer besides the cluster's own, since only the resolver of the network behind it knows their names. A
JSON list. Takes the platform. They are the zones that applications ask for, not those of the private addresses: a public resolver would follow
the alias from db.database.windows.net to db.privatelink.database.windows.net itself, and return the public address at its end. `internal` is
reserved for private use (ICANN, 2024). The zones beneath it are listed too, so that they stay private if `internal` has a route of the user's own.
  gke        The metadata server and names of machines (Google Cloud's page about internal DNS names); zones over which a network may have a
             private one, for Private Google Access, VPC Service Controls and Private Service Connect (its pages about private connectivity,
             and about registries in private clusters).
  eks        Names of machines, ec2.internal in us-east-1 and REGION.compute.internal elsewhere (AWS' page about DNS attributes of a VPC);
             services that have private addresses in a VPC: interface endpoints, file systems, the API server of a private cluster (its pages
             about PrivateLink and EFS; that about the cluster's API server endpoint, which has REGION.eks.amazonaws.com, since October 2024
             REGION.api.aws for IPv6, and in China amazonwebservices.com.cn).
  aks        Names of machines, internal.cloudapp.net (Azure's page about name resolution in virtual networks); the domains of the zones that
             its page "Azure Private Endpoint private DNS zone values" calls the public forwarders of each zone privatelink.*, azmk8s.io of
             the API server of a private cluster among them: the table of the commercial cloud, as of May 2026. The government's and China's
             clouds have other zones.
  openshift  Names of machines in most clouds. The domain of the cluster itself, with api-int and apps, is not known here.
*/}}
{{- define "pillion-sidecar.platformZones" -}}
{{- $zones := dict
  "none" list
  "gke" (list "gcr.io" "google.internal" "googleapis.com" "internal" "pkg.dev")
  "eks" (list "amazonaws.com" "amazonaws.com.cn" "amazonwebservices.com.cn" "api.aws" "compute.internal" "ec2.internal" "internal")
  "aks" (list "api.adu.microsoft.com" "api.videoindexer.ai" "aznbcontent.net" "azconfig.io" "azmk8s.io" "azure-api.net" "azure-automation.net" "azure-devices.net"
    "azure-devices-provisioning.net" "azure.com" "azure.net" "azurecontainerapps.io" "azurecr.io" "azuredatabricks.net" "azurehdinsight.net"
    "azurehealthcareapis.com" "azureiotcentral.com" "azureml.ms" "azurestaticapps.net" "azuresynapse.net" "azurewebsites.net"
    "botframework.com" "fabric.microsoft.com" "internal" "internal.cloudapp.net" "powerquery.microsoft.com" "purview-service.microsoft.com"
    "services.visualstudio.com" "signalr.net" "windows.net" "windowsazure.com" "wvd.microsoft.com")
  "openshift" (list "internal") -}}
{{- get $zones . | toJson -}}
{{- end -}}

{{/*
securityContext of Pillion's container without null members. In OpenShift also without the default user and group, since the namespace has
its own range of users, and the constraint restricted-v2 rejects any other. Takes the values.
*/}}
{{- define "pillion-sidecar.securityContext" -}}
{{- $context := dict -}}
{{- range $key, $value := .containerSecurityContext -}}
{{- $ours := and (has $key (list "runAsUser" "runAsGroup")) (eq (toJson $value) "65532") -}}
{{- if and (ne (toJson $value) "null") (not (and $ours (eq $.platform "openshift"))) -}}{{- $_ := set $context $key $value -}}{{- end -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}
