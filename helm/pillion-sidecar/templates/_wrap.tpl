{{/*
A pod with Pillion. Takes (list $ TEXT): the root, and the template of a pod (metadata and spec) as YAML; and, for the chart pillion, values
that take precedence over those of the root. Renders the template with Pillion in it, or unchanged if the label pillion.dev/inject or the
value enabled is false. Fails with the reason if the pod cannot have Pillion. Everything in the pod stays; in lists, Pillion's items come first.
*/}}
{{- define "pillion-sidecar.wrap" -}}
{{- $root := index . 0 -}}
{{- $text := index . 1 -}}
{{- $pod := fromYaml $text -}}
{{- if or (hasKey $pod "Error") (not (kindIs "map" $pod.spec)) -}}
{{- fail (printf "\n\npillion-sidecar.wrap takes a pod's template, metadata and spec, as text. %s\n" ($pod.Error | default "There is no spec in it")) -}}
{{- end -}}
{{- $v := dict "enabled" false -}}
{{- if not (include "pillion-sidecar.isAbsent" $root) -}}{{- $v = include "pillion-sidecar.values" $root | fromYaml -}}{{- end -}}
{{- if gt (len .) 2 -}}
{{- range $key, $value := index . 2 -}}{{- $_ := set $v $key $value -}}{{- end -}}
{{- end -}}
{{- $metadata := $pod.metadata | default dict -}}
{{- if or (not $v.enabled) (eq (get ($metadata.labels | default dict) "pillion.dev/inject" | toString) "false") -}}
{{- $text -}}
{{- else -}}
{{- with include "pillion-sidecar.refusal" (dict "v" $v "metadata" $metadata "spec" $pod.spec) -}}
{{- fail (printf "\n\npillion-sidecar: %s\n" .) -}}
{{- end -}}
{{- include "pillion-sidecar.wrapped" (dict "root" $root "pod" $pod "v" (include "pillion-sidecar.podValues" (dict "v" $v "annotations" ($metadata.annotations | default dict)) | fromYaml)) -}}
{{- end -}}
{{- end -}}

{{/* The values, changed by the annotations of a pod. Takes {v, annotations}. */}}
{{- define "pillion-sidecar.podValues" -}}
{{- $v := .v -}}
{{- with get .annotations "pillion.dev/image" -}}{{- $_ := set $v.image "whole" . -}}{{- end -}}
{{- with get .annotations "pillion.dev/native" -}}{{- $_ := set $v "native" (eq . "true") -}}{{- end -}}
{{- range $key, $place := dict "cpu-request" "requests.cpu" "memory-request" "requests.memory" "memory-limit" "limits.memory" -}}
{{- with get $.annotations (printf "pillion.dev/%s" $key) -}}
{{- $parts := splitList "." $place -}}
{{- $_ := set $v.resources (first $parts) (merge (dict (last $parts) .) (index $v.resources (first $parts) | default dict)) -}}
{{- end -}}
{{- end -}}
{{- with get .annotations "pillion.dev/config-map" -}}{{- $_ := set $v "existingConfigMap" . -}}{{- end -}}
{{- with get .annotations "pillion.dev/config" -}}
{{- $config := fromYaml . -}}
{{- if hasKey $config "Error" -}}{{- fail (printf "\n\npillion-sidecar: the annotation pillion.dev/config is not YAML: %s\n" $config.Error) -}}{{- end -}}
{{- $_ := set $v "existingConfigMap" "" -}}
{{- $_ := set $v "config" $config -}}
{{- $_ := set $v "ownText" true -}}
{{- end -}}
{{- toYaml $v -}}
{{- end -}}

{{/* Ports of the encrypted upstreams, ascending, as a JSON list; 853 if a ConfigMap has the configuration, for which {config} is false. Takes {config}. */}}
{{- define "pillion-sidecar.encryptedPorts" -}}
{{- if kindIs "map" .config -}}
{{- $ports := list -}}
{{- range .config.upstreams -}}
{{- if eq (.protocol | default "tls") "tls" -}}
{{- range .servers -}}{{- $ports = append $ports (regexFind "[0-9]+$" (.address | default "") | int | printf "%05d") -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $found := list -}}
{{- range $ports | uniq | sortAlpha -}}{{- $found = append $found (regexReplaceAll "^0+" . "") -}}{{- end -}}
{{- toJson $found -}}
{{- else -}}
["853"]
{{- end -}}
{{- end -}}

{{/*
Takes {root, v, pod}. The marker pillion.dev/injected lists what was added, so that `pillion uninject` can restore the pod.
*/}}
{{- define "pillion-sidecar.wrapped" -}}
{{- $v := .v -}}
{{- $metadata := .pod.metadata | default dict -}}
{{- $spec := .pod.spec -}}
{{- $added := list -}}
{{- if not (kindIs "map" .pod.metadata) -}}{{- $added = list "metadata" -}}{{- end -}}
{{- range list "labels" "annotations" -}}
{{- if not (kindIs "map" (get $metadata .)) -}}
{{- $added = append $added . -}}
{{- $_ := set $metadata . dict -}}
{{- end -}}
{{- end -}}
{{- if hasKey $metadata.labels "pillion.dev/sidecar" -}}{{- $added = append $added (printf "had:sidecar=%v" (get $metadata.labels "pillion.dev/sidecar")) -}}{{- end -}}
{{- if not $spec.dnsPolicy -}}{{- $added = append $added "dnsPolicy" -}}{{- end -}}
{{- $_ := set $spec "dnsPolicy" "None" -}}
{{- if not (kindIs "map" $spec.dnsConfig) -}}
{{- $added = append $added "dnsConfig" -}}
{{- $_ := set $spec "dnsConfig" dict -}}
{{- end -}}
{{- $dns := $spec.dnsConfig -}}
{{- if kindIs "slice" $dns.nameservers -}}{{- $added = append $added "had:nameservers" -}}{{- end -}}
{{- $searches := include "pillion-sidecar.searches" .root | fromJsonArray -}}
{{- $options := concat (list (dict "name" "ndots" "value" (toString $v.resolver.ndots))) $v.resolver.options -}}
{{- if and $searches (not (kindIs "slice" $dns.searches)) -}}{{- $added = append $added "searches" -}}{{- end -}}
{{- if not (kindIs "slice" $dns.options) -}}{{- $added = append $added "options" -}}{{- end -}}
{{- $_ := set $dns "nameservers" (list (include "pillion-sidecar.loopback" .root)) -}}
{{- if $searches -}}{{- $_ := set $dns "searches" (concat $searches ($dns.searches | default list)) -}}{{- end -}}
{{- $_ := set $dns "options" (concat $options ($dns.options | default list)) -}}
{{- if $v.portSysctl -}}
{{- $name := "net.ipv4.ip_unprivileged_port_start" -}}
{{- $there := false -}}
{{- range ($spec.securityContext | default dict).sysctls -}}
{{- if eq .name $name -}}{{- $there = true -}}{{- end -}}
{{- end -}}
{{- if not $there -}}
{{- if not (kindIs "map" $spec.securityContext) -}}
{{- $added = append $added "securityContext" -}}
{{- $_ := set $spec "securityContext" dict -}}
{{- end -}}
{{- if not (kindIs "slice" $spec.securityContext.sysctls) -}}{{- $added = append $added "sysctls" -}}{{- end -}}
{{- $added = append $added "sysctl" -}}
{{- $_ := set $spec.securityContext "sysctls" (append ($spec.securityContext.sysctls | default list) (dict "name" $name "value" "53")) -}}
{{- end -}}
{{- end -}}
{{- $container := include "pillion-sidecar.renderContainer" (dict "root" .root "v" $v "native" $v.native) | fromYaml -}}
{{- $place := ternary "initContainers" "containers" $v.native -}}
{{- if and $v.native (not (kindIs "slice" $spec.initContainers)) -}}{{- $added = append $added "initContainers" -}}{{- end -}}
{{- $_ := set $spec $place (prepend (get $spec $place | default list) $container) -}}
{{- if not (kindIs "slice" $spec.volumes) -}}{{- $added = append $added "volumes" -}}{{- end -}}
{{- with $v.imagePullSecrets -}}
{{- if not (kindIs "slice" $spec.imagePullSecrets) -}}{{- $added = append $added "imagePullSecrets" -}}{{- end -}}
{{- $secrets := $spec.imagePullSecrets | default list -}}
{{- range . -}}
{{- if not (has . $secrets) -}}
{{- $secrets = append $secrets . -}}
{{- $added = append $added (printf "pullSecret:%s" .name) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $spec "imagePullSecrets" $secrets -}}
{{- end -}}
{{- $config := false -}}
{{- $set := list -}}
{{- $configMap := $v.existingConfigMap -}}
{{- if $v.ownText -}}
{{- $config = $v.config -}}
{{- else if not $configMap -}}
{{- $text := include "pillion-sidecar.config" .root -}}
{{- $config = fromYaml $text -}}
{{- /* A checksum rolls pods. A Job cannot be changed, and so the upgrade would fail. */ -}}
{{- $rolls := eq ($spec.restartPolicy | default "Always") "Always" -}}
{{- range $key, $value := include "pillion-sidecar.configAnnotations" (dict "v" $v "config" $text) | fromYaml -}}
{{- if or $rolls (not (hasPrefix "checksum/" $key)) -}}{{- $set = append $set (list $key $value) -}}{{- end -}}
{{- end -}}
{{- if eq $v.configChange "reload" -}}{{- $configMap = $v.configMapName | default (include "pillion-sidecar.configMapName" .root) -}}{{- end -}}
{{- end -}}
{{- $_ := set $spec "volumes" (concat (include "pillion-sidecar.volumes" (dict "v" $v "configMap" $configMap) | fromYamlArray) ($spec.volumes | default list)) -}}
{{- $scraped := false -}}
{{- range $key, $_ := $metadata.annotations -}}{{- if hasPrefix "prometheus.io/" $key -}}{{- $scraped = true -}}{{- end -}}{{- end -}}
{{- $others := list -}}
{{- if not $scraped -}}{{- $others = include "pillion-sidecar.scrapeAnnotations" $v | fromJsonArray -}}{{- end -}}
{{- $mesh := dict "v" $v "annotations" $metadata.annotations "ports" (include "pillion-sidecar.encryptedPorts" (dict "config" $config) | fromJsonArray) -}}
{{- $others = concat $others (include "pillion-sidecar.meshAnnotations" $mesh | fromJsonArray) -}}
{{- range $set -}}
{{- if eq (first .) "pillion.dev/config" -}}
{{- $added = append $added "config" -}}
{{- $_ := set $metadata.annotations "pillion.dev/config" (last .) -}}
{{- else -}}
{{- $others = append $others . -}}
{{- end -}}
{{- end -}}
{{- range $others -}}
{{- $added = append $added (first .) -}}
{{- $_ := set $metadata.annotations (first .) (last .) -}}
{{- end -}}
{{- $marker := dict "added" $added "options" (len $options) "searches" (len $searches) "version" (include "pillion-sidecar.appVersion" .root) -}}
{{- $_ := set $metadata.annotations "pillion.dev/injected" (toJson $marker) -}}
{{- $_ := set $metadata.labels "pillion.dev/sidecar" "true" -}}
{{- $_ := set .pod "metadata" $metadata -}}
{{- toYaml .pod -}}
{{- end -}}
