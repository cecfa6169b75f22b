{{/*
Zones for the cluster's DNS besides the cluster's own, since only the network's resolver behind it knows what is in them. A JSON list. Takes
the platform. Of each provider's services they are the zones that applications ask for, not those of the private addresses: a public resolver
follows the alias from db.database.windows.net to db.privatelink.database.windows.net by itself, and finds the public address at its end.
`internal` is for private use (ICANN, 2024). What is beneath it stands by itself too, so that it stays where `internal` has a route of
one's own.
  gke        The metadata server and names of machines (Google Cloud's page about internal DNS names); zones over which a network may have a
             private one, for Private Google Access, VPC Service Controls and Private Service Connect (its pages about private connectivity,
             and about registries in private clusters).
  eks        Names of machines, ec2.internal in us-east-1 and REGION.compute.internal elsewhere (AWS' page about DNS attributes of a VPC);
             services that have private addresses in a VPC: interface endpoints, file systems, the API server of a private cluster (its pages
             about PrivateLink and EFS; that about the cluster's API server endpoint, which has REGION.eks.amazonaws.com, since October 2024
             REGION.api.aws for IPv6, and in China amazonwebservices.com.cn).
  aks        Names of machines, internal.cloudapp.net (Azure's page about name resolution in virtual networks); the domains of the zones that
             its page "Azure Private Endpoint DNS configuration" calls the public forwarders of each zone privatelink.*, azmk8s.io of the API
             server of a private cluster among them: the table of the commercial cloud, as of October 2023, and azurecontainerapps.io and
             azureiotcentral.com, which that edition has not. Those of the government's and China's clouds are others.
  openshift  Names of machines, in most clouds. The domain of the cluster itself, of api-int and apps, is not known here.
*/}}
{{- define "pillion-sidecar.platformZones" -}}
{{- $zones := dict
  "none" list
  "gke" (list "gcr.io" "google.internal" "googleapis.com" "internal" "pkg.dev")
  "eks" (list "amazonaws.com" "amazonaws.com.cn" "amazonwebservices.com.cn" "api.aws" "compute.internal" "ec2.internal" "internal")
  "aks" (list "aznbcontent.net" "azconfig.io" "azmk8s.io" "azure-api.net" "azure-automation.net" "azure-devices.net"
    "azure-devices-provisioning.net" "azure.com" "azure.net" "azurecontainerapps.io" "azurecr.io" "azuredatabricks.net" "azurehdinsight.net"
    "azurehealthcareapis.com" "azureiotcentral.com" "azureml.ms" "azurestaticapps.net" "azuresynapse.net" "azurewebsites.net"
    "botframework.com" "internal" "internal.cloudapp.net" "powerquery.microsoft.com" "signalr.net" "windows.net" "windowsazure.com"
    "wvd.microsoft.com")
  "openshift" (list "internal") -}}
{{- get $zones . | toJson -}}
{{- end -}}

{{/*
securityContext of Pillion's container: what is null is left out, and in OpenShift the user and the group where they are the default, for the
namespace has a range of users of its own, and its constraint restricted-v2 refuses any other. Takes the values.
*/}}
{{- define "pillion-sidecar.securityContext" -}}
{{- $context := dict -}}
{{- range $key, $value := .containerSecurityContext -}}
{{- $ours := and (has $key (list "runAsUser" "runAsGroup")) (eq (toJson $value) "65532") -}}
{{- if and (ne (toJson $value) "null") (not (and $ours (eq $.platform "openshift"))) -}}{{- $_ := set $context $key $value -}}{{- end -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}
