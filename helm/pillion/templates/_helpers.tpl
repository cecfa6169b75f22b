{{- define "pillion.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters. A longer name ends with a hash, so that the names of two releases differ. */}}
{{- define "pillion.fullname" -}}
{{- $name := include "pillion.name" . -}}
{{- $full := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) -}}
{{- if gt (len $full) 50 -}}
{{- printf "%s-%s" (trunc 41 $full | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- trimSuffix "-" $full -}}
{{- end -}}
{{- end -}}

{{- define "pillion.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pillion.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
Fails if an upgrade would change the selector of the workload, which the API server refuses without naming the value. Renders nothing.
Looks only during an upgrade, for which Helm reads each of its objects too. Takes {root, kind}.
*/}}
{{- define "pillion.checkSelector" -}}
{{- if .root.Release.IsUpgrade -}}
{{- $name := include "pillion.fullname" .root -}}
{{- $there := lookup "apps/v1" .kind (include "pillion-sidecar.namespace" .root) $name | default dict -}}
{{- $old := dig "spec" "selector" "matchLabels" dict $there -}}
{{- $key := "app.kubernetes.io/name" -}}
{{- $new := include "pillion.name" .root -}}
{{- if and (hasKey $old $key) (ne (get $old $key) $new) -}}
{{- fail (printf "\n\nnameOverride makes %s of the selector's label %s, and the %s %s has %s, which no upgrade can change: set nameOverride=%s, or give the objects another name by fullnameOverride\n" $new $key .kind $name (get $old $key) (get $old $key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pillion.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "pillion.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.mode }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- include "pillion.checkLabels" (dict "root" . "key" "commonLabels") -}}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "pillion.metadata" -}}
name: {{ include "pillion.fullname" . }}
namespace: {{ include "pillion-sidecar.namespace" . }}
labels:
  {{- include "pillion.labels" . | nindent 2 }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The metadata as YAML, with `annotations` added to those of every object. Takes {metadata, annotations}. */}}
{{- define "pillion.annotated" -}}
{{- $metadata := .metadata | fromYaml -}}
{{- with merge (deepCopy .annotations) ($metadata.annotations | default dict) -}}{{- $_ := set $metadata "annotations" . -}}{{- end -}}
{{- toYaml $metadata -}}
{{- end -}}

{{/* Fails if the value of this key has a label that belongs to the chart. Renders nothing. Takes {root, key}. */}}
{{- define "pillion.checkLabels" -}}
{{- $key := .key -}}
{{- $ours := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "pillion.dev/sidecar" -}}
{{- /* These labels of an object name its chart. */ -}}
{{- if eq $key "commonLabels" -}}{{- $ours = concat $ours (list "helm.sh/chart" "app.kubernetes.io/version" "app.kubernetes.io/managed-by") -}}{{- end -}}
{{- range $label, $_ := get .root.Values $key -}}
{{- if has $label $ours -}}
{{- fail (printf "\n\n%s has %s, which the chart sets itself, for its selectors and its objects: use another name\n" $key $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ServiceAccount of the pods; empty for the namespace's default. */}}
{{- define "pillion.serviceAccountName" -}}
{{- with .Values.serviceAccount -}}
{{- .name | default (ternary (include "pillion.fullname" $) "" .create) -}}
{{- end -}}
{{- end -}}

{{/* Topology spread constraints. One without a selector selects the pods of this release. Takes {root, constraints}. */}}
{{- define "pillion.spread" -}}
{{- $selector := dict "matchLabels" (include "pillion.selectorLabels" .root | fromYaml) -}}
{{- $spread := list -}}
{{- range .constraints -}}
{{- $spread = append $spread (hasKey . "labelSelector" | ternary . (set (deepCopy .) "labelSelector" $selector)) -}}
{{- end -}}
{{- toYaml $spread -}}
{{- end -}}

{{/* The port of the modes daemonset and gateway. The Service has port 53, so that the pod needs no sysctl. */}}
{{- define "pillion.dnsPort" -}}8053{{- end -}}

{{/* pillion.yaml of the mode; nothing if the user provides it. */}}
{{- define "pillion.config" -}}
{{- if .Values.pillion.existingConfigMap -}}
{{- else if eq .Values.mode "workload" -}}
{{- include "pillion-sidecar.config" . -}}
{{- else -}}
{{- $any := ternary "[::]" "0.0.0.0" (eq .Values.pillion.ipFamily "IPv6") -}}
{{- $listen := printf "%s:%s" $any (include "pillion.dnsPort" .) -}}
{{- $defaults := dict "drain_min" (include "pillion.drainMin" .) -}}
{{- include "pillion-sidecar.renderConfig" (dict "root" . "listen" (list $listen) "search" false "defaults" $defaults) -}}
{{- end -}}
{{- end -}}

{{- define "pillion.drainTimeout" -}}
{{- (.Values.pillion.config).drain_timeout | default "25s" -}}
{{- end -}}

{{/*
The least duration of a drain. If Pillion serves other pods, nodes only learn of its end from /readyz, and until then send it the
datagrams of old UDP flows.
*/}}
{{- define "pillion.drainMin" -}}
{{- $timeout := include "pillion.drainTimeout" . -}}
{{- $default := ternary "0s" "5s" (eq .Values.mode "workload") -}}
{{- if lt (include "pillion.milliseconds" $timeout | int64) (include "pillion.milliseconds" $default | int64) -}}
{{- $default = $timeout -}}
{{- end -}}
{{- (.Values.pillion.config).drain_min | default $default -}}
{{- end -}}

{{/* A duration of the configuration. */}}
{{- define "pillion.milliseconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mul (trimSuffix $unit . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit) -}}
{{- end -}}

{{/* Labels of the pods, without Pillion's own. */}}
{{- define "pillion.podLabels" -}}
{{- $ours := merge (dict "app.kubernetes.io/component" .Values.mode) (include "pillion.selectorLabels" . | fromYaml) -}}
{{- range list "podLabels" "commonLabels" -}}{{- include "pillion.checkLabels" (dict "root" $ "key" .) -}}{{- end -}}
{{- toYaml (merge $ours .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{/* The library's values in place of `pillion`'s: with a PodMonitor and the annotations, a pod would be scraped and counted twice. */}}
{{- define "pillion.overrides" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
scrapeAnnotations: {{ and $v.scrapeAnnotations (not .Values.podMonitor.enabled) }}
configMapName: {{ include "pillion.fullname" . }}
{{- end -}}

{{/* The common part of the pod specs of all modes. */}}
{{- define "pillion.podCommon" -}}
{{- include "pillion.checkGracePeriod" . -}}
{{- with include "pillion.serviceAccountName" . }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- $secrets := .Values.imagePullSecrets }}
{{- if ne .Values.mode "workload" }}
{{- $secrets = concat $secrets (include "pillion-sidecar.values" . | fromYaml).imagePullSecrets | uniq }}
{{- end }}
{{- with $secrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations | default (ternary (list (dict "operator" "Exists")) list (eq .Values.mode "daemonset")) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- $spread := .Values.topologySpreadConstraints }}
{{- if and $spread (eq .Values.mode "daemonset") -}}
{{- fail "\n\ntopologySpreadConstraints is set, and mode: daemonset has one pod on each node: a constraint could only prevent some of them\n" -}}
{{- end }}
{{- if eq .Values.mode "gateway" }}
{{- $spread = $spread | default (include "pillion.gatewaySpread" . | fromYamlArray) }}
{{- end }}
{{- with $spread }}
topologySpreadConstraints:
  {{- include "pillion.spread" (dict "root" $ "constraints" .) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The default topology spread constraints of a gateway. */}}
{{- define "pillion.gatewaySpread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- {topologyKey: {{ . }}, maxSkew: 1, whenUnsatisfiable: {{ $.Values.gateway.whenUnsatisfiable }}}
{{- end }}
{{- end -}}

{{/*
Fails if Pillion would not start, or would be killed while it still answers. Renders nothing. A native sidecar is told to end when the
other containers have ended. drain_min is at most drain_timeout, and so within the grace period.
*/}}
{{- define "pillion.checkGracePeriod" -}}
{{- $native := and (eq .Values.mode "workload") .Values.pillion.native -}}
{{- $drain := include "pillion.drainTimeout" . -}}
{{- $milliseconds := include "pillion.milliseconds" $drain | int64 -}}
{{- $min := include "pillion.drainMin" . -}}
{{- if gt (include "pillion.milliseconds" $min | int64) $milliseconds -}}
{{- fail (printf "\n\npillion.config.drain_min is %s: it must be at most drain_timeout, which is %s\n" $min $drain) -}}
{{- end -}}
{{- if not (or $native .Values.pillion.existingConfigMap) -}}
{{- $wait := include "pillion-sidecar.preStopSeconds" (dict "root" . "v" .Values.pillion "native" false) | int64 -}}
{{- if ge (add $milliseconds (mul 1000 $wait)) (mul 1000 (int64 .Values.terminationGracePeriodSeconds)) -}}
{{- fail (printf "\n\nterminationGracePeriodSeconds is %v: it must be above the %v s of pillion.preStopSeconds and the %s of drain_timeout together\n" .Values.terminationGracePeriodSeconds $wait $drain) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A pod of mode workload without Pillion. */}}
{{- define "pillion.workloadPod" -}}
metadata:
  labels:
    {{- include "pillion.podLabels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "pillion.podCommon" . | nindent 2 }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.workload.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    {{- toYaml .Values.workload.containers | nindent 4 }}
  {{- with .Values.workload.volumes }}
  volumes:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* A pod of the modes daemonset and gateway, which only contains Pillion. It uses its node's resolver, since Pillion needs no names. */}}
{{- define "pillion.serverPod" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- include "pillion.checkServer" (dict "root" . "v" $v) -}}
{{- $overrides := include "pillion.overrides" . | fromYaml -}}
{{- $annotations := deepCopy .Values.podAnnotations -}}
{{- if and $overrides.scrapeAnnotations (not (regexMatch "prometheus[.]io/" (keys $annotations | join " "))) -}}
{{- $annotations = merge (dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString $v.httpPort) "prometheus.io/path" "/metrics") $annotations -}}
{{- end -}}
{{- $annotations = merge (include "pillion-sidecar.configAnnotations" (dict "v" $v "config" (include "pillion.config" .)) | fromYaml) $annotations -}}
metadata:
  labels:
    {{- include "pillion.podLabels" . | nindent 4 }}
    pillion.dev/sidecar: "true"
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "pillion.podCommon" . | nindent 2 }}
  dnsPolicy: Default
  securityContext:
    {{- include "pillion.restricted" .Values.podSecurityContext | nindent 4 }}
  containers:
    {{- $resources := ternary .Values.gateway.resources $v.resources (eq .Values.mode "gateway") }}
    - {{ include "pillion-sidecar.renderContainer" (dict "root" . "v" $v "native" false "dnsPort" (include "pillion.dnsPort" .) "resources" $resources) | nindent 6 | trim }}
  volumes:
    {{- $configMap := $v.existingConfigMap | default (ternary $overrides.configMapName "" (eq $v.configChange "reload")) }}
    {{- include "pillion-sidecar.volumes" (dict "v" $v "configMap" $configMap) | nindent 4 }}
{{- end -}}

{{/* Fails for values that are only for a sidecar, or with which Pillion would not start in this mode. Renders nothing. Takes {root, v}. */}}
{{- define "pillion.checkServer" -}}
{{- $mode := .root.Values.mode -}}
{{- if not .v.enabled -}}
{{- fail (printf "\n\npillion.enabled is false, and mode: %s is Pillion and nothing else: uninstall the release instead\n" $mode) -}}
{{- end -}}
{{- if eq (toString .v.httpPort) (include "pillion.dnsPort" .root) -}}
{{- fail (printf "\n\npillion.httpPort is %v, the port on which Pillion answers queries in mode: %s\n" .v.httpPort $mode) -}}
{{- end -}}
{{- if ne .v.mesh "none" -}}
{{- fail (printf "\n\npillion.mesh is %s, and only a sidecar uses it. In mode: %s exclude the pods from the mesh, by its podLabels or podAnnotations\n" .v.mesh $mode) -}}
{{- end -}}
{{- range $key, $_ := .root.Values.podAnnotations -}}
{{- if hasPrefix "pillion.dev/" $key -}}
{{- fail (printf "\n\npodAnnotations has %s, which only a pod with a sidecar uses: in mode: %s set the value under pillion\n" $key $mode) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A pod's securityContext, completed by the requirements of the Pod Security Standard "restricted". */}}
{{- define "pillion.restricted" -}}
{{- toYaml (merge (deepCopy .) (dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault"))) -}}
{{- end -}}
