{{/* The values of this chart as an application chart holds them: beneath the dependency's alias or its name. YAML. */}}
{{- define "pillion-sidecar.values" -}}
{{- if hasKey .Values "pillion" -}}
{{- toYaml .Values.pillion -}}
{{- else if hasKey .Values "pillion-sidecar" -}}
{{- toYaml (index .Values "pillion-sidecar") -}}
{{- else -}}
{{- fail "pillion-sidecar: no values found. The dependency is to be named pillion-sidecar, with no alias or with alias: pillion" -}}
{{- end -}}
{{- end -}}

{{/* Name of the ConfigMap with Pillion's configuration: each chart of a release has its own. */}}
{{- define "pillion-sidecar.configMapName" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $chart := printf "%s-pillion" .Chart.Name | trimPrefix "pillion-" -}}
{{- $v.existingConfigMap | default (printf "%s-%s" .Release.Name $chart | trunc 253 | trimSuffix "-") -}}
{{- end -}}

{{/* An IP address as it stands before a port. */}}
{{- define "pillion-sidecar.bracketed" -}}
{{- if contains ":" . }}[{{ . }}]{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* IP address of the cluster's DNS: given, else found in the cluster, else an error that says what to set. */}}
{{- define "pillion-sidecar.clusterDNSAddress" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $key := ternary "pillion" "pillion-sidecar" (hasKey .Values "pillion") -}}
{{- $address := $v.clusterDNS.address -}}
{{- if not $address -}}
{{- $service := lookup "v1" "Service" "kube-system" "kube-dns" -}}
{{- $address = dig "spec" "clusterIP" "" ($service | default dict) -}}
{{- end -}}
{{- if or (not $address) (eq $address "None") -}}
{{- fail (printf "\n\nThe address of the cluster's DNS is not known: %s.clusterDNS.address is empty, and no Service kube-dns with a cluster IP was found in kube-system (helm template and --dry-run=client do not look).\nSet it:   --set %s.clusterDNS.address=$(kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}')\nor do without the cluster's names:   --set %s.clusterDNS.enabled=false\n" $key $key $key) -}}
{{- end -}}
{{- $address -}}
{{- end -}}

{{/* Search domains of a pod, as the kubelet writes them for dnsPolicy ClusterFirst. A JSON list. */}}
{{- define "pillion-sidecar.searches" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $domain := $v.clusterDNS.domain -}}
{{- $searches := list -}}
{{- if $v.clusterDNS.enabled -}}
{{- $searches = list (printf "%s.svc.%s" .Release.Namespace $domain) (printf "svc.%s" $domain) $domain -}}
{{- end -}}
{{- concat $searches $v.resolver.searches | uniq | toJson -}}
{{- end -}}

{{/*
pillion.yaml. Takes {root, listen, search, defaults}: the addresses to listen on, whether clients share this pod's search list, and
keys of the top level for where the values do not have them. What the values say goes before what follows from them.
*/}}
{{- define "pillion-sidecar.renderConfig" -}}
{{- $v := include "pillion-sidecar.values" .root | fromYaml -}}
{{- $given := $v.config | default dict -}}
{{- $upstreams := $given.upstreams | default (include "pillion-sidecar.publicUpstreams" . | fromYaml) | deepCopy -}}
{{- $routes := $given.routes | default list -}}
{{- $zones := list -}}
{{- range $routes -}}
{{- $zone := .zone | trimSuffix "." | lower | default "." -}}
{{- if has $zone $zones -}}{{- fail (printf "\n\nconfig.routes has the zone %s twice\n" $zone) -}}{{- end -}}
{{- $zones = append $zones $zone -}}
{{- end -}}
{{- $encrypted := keys $upstreams | sortAlpha -}}
{{- if $v.clusterDNS.enabled -}}
{{- if not (hasKey $upstreams "cluster") -}}
{{- $address := include "pillion-sidecar.clusterDNSAddress" .root -}}
{{- $server := dict "address" (printf "%s:53" (include "pillion-sidecar.bracketed" $address)) -}}
{{- $_ := set $upstreams "cluster" (dict "protocol" "udp" "servers" (list $server)) -}}
{{- end -}}
{{- $encrypted = without $encrypted "cluster" -}}
{{- range prepend $v.clusterDNS.reverseZones $v.clusterDNS.domain -}}
{{- if not (has . $zones) -}}
{{- $zones = append $zones . -}}
{{- $routes = append $routes (dict "zone" . "upstream" "cluster") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (has "." $zones) -}}
{{- $default := "public" -}}
{{- if not (has "public" $encrypted) -}}
{{- if ne (len $encrypted) 1 -}}
{{- fail (printf "\n\nconfig.routes needs a route for the zone \".\": there are the upstreams %s, and none is named public\n" (join ", " $encrypted)) -}}
{{- end -}}
{{- $default = first $encrypted -}}
{{- end -}}
{{- $routes = append $routes (dict "zone" "." "upstream" $default) -}}
{{- end -}}
{{- $used := list -}}
{{- range $routes -}}{{- $used = append $used (.upstream | default "") -}}{{- end -}}
{{- range without ($used | uniq) "" -}}
{{- if not (hasKey $upstreams .) -}}
{{- fail (printf "\n\nconfig.routes sends names to the upstream %s, which is not there: there are %s\n" . (keys $upstreams | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- if and (not $given.upstreams) (not (has "public" $used)) -}}{{- $_ := unset $upstreams "public" -}}{{- end -}}
{{- range keys $upstreams | sortAlpha -}}
{{- if not (has . $used) -}}
{{- fail (printf "\n\nconfig.upstreams has %s, which no route uses: config.routes needs one such as {zone: corp.example, upstream: %s}\n" . .) -}}
{{- end -}}
{{- end -}}
{{- $any := ternary "[::]" "0.0.0.0" (eq $v.ipFamily "IPv6") -}}
{{- $config := merge (omit $given "upstreams" "routes" "search" | deepCopy) (.defaults | default dict) -}}
{{- $_ := set $config "dns" (merge (dict "listen" .listen) ($given.dns | default dict)) -}}
{{- $_ := set $config "http" (dict "listen" (printf "%s:%v" $any $v.httpPort)) -}}
{{- $_ := set $config "upstreams" $upstreams -}}
{{- $_ := set $config "routes" $routes -}}
{{- $searches := include "pillion-sidecar.searches" .root | fromJsonArray -}}
{{- /* config.search can only be false. */ -}}
{{- if and .search $searches (not (hasKey $given "search")) -}}
{{- $_ := set $config "search" (dict "domains" $searches "ndots" $v.resolver.ndots) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "pillion-sidecar.publicUpstreams" -}}
public:
  servers:
    - {address: "1.1.1.1:853", tls_name: cloudflare-dns.com}
    - {address: "9.9.9.9:853", tls_name: dns.quad9.net}
{{- end -}}

{{- define "pillion-sidecar.loopback" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- ternary "::1" "127.0.0.1" (eq $v.ipFamily "IPv6") -}}
{{- end -}}

{{/* pillion.yaml of a sidecar. */}}
{{- define "pillion-sidecar.config" -}}
{{- $listen := printf "%s:53" (include "pillion-sidecar.bracketed" (include "pillion-sidecar.loopback" .)) -}}
{{- include "pillion-sidecar.renderConfig" (dict "root" . "listen" (list $listen) "search" true) -}}
{{- end -}}

{{/* The ConfigMap, unless it is one of the user's own. Takes the root, or {root, config, labels}. */}}
{{- define "pillion-sidecar.configMap" -}}
{{- $root := .root | default . -}}
{{- $v := include "pillion-sidecar.values" $root | fromYaml -}}
{{- if not $v.existingConfigMap -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "pillion-sidecar.configMapName" $root }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- if .root }}
    {{- .labels | nindent 4 }}
    {{- else }}
    app.kubernetes.io/name: {{ $root.Chart.Name }}
    app.kubernetes.io/instance: {{ $root.Release.Name }}
    app.kubernetes.io/component: pillion
    app.kubernetes.io/managed-by: {{ $root.Release.Service }}
    {{- end }}
data:
  pillion.yaml: |
    {{- if .root }}
    {{- .config | nindent 4 }}
    {{- else }}
    {{- include "pillion-sidecar.config" $root | nindent 4 }}
    {{- end }}
{{- end -}}
{{- end -}}
