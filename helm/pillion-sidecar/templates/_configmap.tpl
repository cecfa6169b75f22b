{{/*
Name of the ConfigMap with Pillion's configuration. Each chart of a release has its own, and no two releases in a namespace share one,
since the names that the dot separates contain none.
*/}}
{{- define "pillion-sidecar.configMapName" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $v.existingConfigMap | default (printf "%s.%s.pillion" .Release.Name .Chart.Name) -}}
{{- end -}}

{{/* True if the chart makes a ConfigMap. Takes the values. */}}
{{- define "pillion-sidecar.makesConfigMap" -}}
{{- if and .enabled (eq .configChange "reload") (not .existingConfigMap) -}}yes{{- end -}}
{{- end -}}

{{/* The ConfigMap of configChange: reload; nothing without it. Takes the root, or {root, config, metadata}, the latter two as YAML. */}}
{{- define "pillion-sidecar.configMap" -}}
{{- $root := .root | default . -}}
{{- $v := dict "enabled" false -}}
{{- if not (include "pillion-sidecar.isAbsent" $root) -}}{{- $v = include "pillion-sidecar.values" $root | fromYaml -}}{{- end -}}
{{- if include "pillion-sidecar.makesConfigMap" $v -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- if .root }}
  {{- .metadata | nindent 2 }}
  {{- else }}
  name: {{ include "pillion-sidecar.configMapName" $root }}
  namespace: {{ include "pillion-sidecar.namespace" $root }}
  labels:
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

{{/*
Annotations with a pod's configuration, or with a hash of those parts of the ConfigMap that a running Pillion does not apply.
Takes {v, config}: the values, and the text of pillion.yaml. YAML; {} if the ConfigMap is the user's.
*/}}
{{- define "pillion-sidecar.configAnnotations" -}}
{{- $annotations := dict -}}
{{- if not .v.existingConfigMap -}}
{{- $config := .config | fromYaml -}}
{{- if eq .v.configChange "roll" -}}
{{- /* All annotations of an object together may have at most 256 KiB. */ -}}
{{- if gt (len .config) 196608 -}}
{{- fail (printf "\n\nThe configuration has %d bytes, and an annotation of the pod can have 196608: set configChange: reload, which uses a ConfigMap\n" (len .config)) -}}
{{- end -}}
{{- $_ := set $annotations "pillion.dev/config" .config -}}
{{- else if dig "reload" "watch" true $config -}}
{{- $_ := set $annotations "checksum/pillion-restart" (include "pillion-sidecar.restartKeys" $config | sha256sum) -}}
{{- else -}}
{{- $_ := set $annotations "checksum/pillion-config" (.config | sha256sum) -}}
{{- end -}}
{{- end -}}
{{- toYaml $annotations -}}
{{- end -}}

{{/* The part of the configuration that needs a restart, as JSON. A test holds the keys equal to the program's. Takes the configuration. */}}
{{- define "pillion-sidecar.restartKeys" -}}
{{- $keys := list "dns.max_connections" "dns.max_connections_per_client" "dns.max_in_flight_per_connection" "cache.size" "clients.ipv6_prefix" "http.listen" "admin.listen" "log.format" "log.fields" "syslog.output" "syslog.ca_file" "query_log.output" "query_log.fields" "query_log.sample" "query_log.names" "query_log.key_file" "dnstap.output" "dnstap.client" "dnstap.forwarder" "dnstap.identity" "memory" "threads" -}}
{{- $config := . -}}
{{- $found := dict -}}
{{- range $key := $keys -}}
{{- $value := $config -}}
{{- range $part := splitList "." $key -}}
{{- $value = get ($value | default dict) $part -}}
{{- end -}}
{{- if ne (toString $value) "" -}}{{- $_ := set $found $key $value -}}{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}
