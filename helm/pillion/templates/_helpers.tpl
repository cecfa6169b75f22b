{{- define "pillion.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "pillion.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "pillion.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pillion.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pillion.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pillion.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "pillion.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.mode }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "pillion.metadata" -}}
name: {{ include "pillion.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "pillion.labels" . | nindent 2 }}
{{- end -}}

{{/* Port on which the modes daemonset and gateway listen; the Service has 53, so the pod needs no sysctl. */}}
{{- define "pillion.dnsPort" -}}8053{{- end -}}

{{/* pillion.yaml of the mode; nothing where the user keeps it. */}}
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
How long a drain lasts at least. Where Pillion serves other pods, nodes hear of its end by /readyz alone, and send what belongs to old
flows of UDP until then.
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

{{/* metadata of the pods. */}}
{{- define "pillion.podMetadata" -}}
labels:
  {{- include "pillion.selectorLabels" . | nindent 2 }}
  app.kubernetes.io/component: {{ .Values.mode }}
  {{- include "pillion-sidecar.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := include "pillion-sidecar.annotations" (dict "root" . "config" (include "pillion.config" .)) | fromYaml }}
{{- if .Values.podMonitor.enabled }}{{/* Else the pod would be scraped twice, and counted twice in every sum. */}}
{{- $annotations = omit $annotations "prometheus.io/scrape" "prometheus.io/port" "prometheus.io/path" }}
{{- end }}
{{- with merge $annotations .Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the pods' specs of all modes have in common. */}}
{{- define "pillion.podCommon" -}}
{{- include "pillion.checkGracePeriod" . -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.imagePullSecrets }}
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
{{- end -}}

{{/*
Nothing, or an error where Pillion would not start, or would be killed while it still answers. A native sidecar is told to end when
nobody is left to ask. drain_min is within drain_timeout, and so within the grace period.
*/}}
{{- define "pillion.checkGracePeriod" -}}
{{- $native := and (eq .Values.mode "workload") .Values.pillion.native -}}
{{- $drain := include "pillion.drainTimeout" . -}}
{{- $milliseconds := include "pillion.milliseconds" $drain | int64 -}}
{{- $min := include "pillion.drainMin" . -}}
{{- if gt (include "pillion.milliseconds" $min | int64) $milliseconds -}}
{{- fail (printf "\n\npillion.config.drain_min is %s: it has to be at most drain_timeout, which is %s\n" $min $drain) -}}
{{- end -}}
{{- if not (or $native .Values.pillion.existingConfigMap) -}}
{{- $wait := include "pillion-sidecar.preStopSeconds" (dict "root" . "native" false) | int64 -}}
{{- if ge (add $milliseconds (mul 1000 $wait)) (mul 1000 (int64 .Values.terminationGracePeriodSeconds)) -}}
{{- fail (printf "\n\nterminationGracePeriodSeconds is %v: it has to be above the %v s of pillion.preStopSeconds and the %s of drain_timeout together\n" .Values.terminationGracePeriodSeconds $wait $drain) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* spec of the pods of the modes daemonset and gateway: Pillion alone. */}}
{{- define "pillion.serverPodSpec" -}}
{{ include "pillion.podCommon" . }}
dnsPolicy: Default
securityContext:
  {{- include "pillion.restricted" .Values.pillion.podSecurityContext | nindent 2 }}
containers:
  {{- $resources := ternary .Values.gateway.resources .Values.pillion.resources (eq .Values.mode "gateway") }}
  - {{ include "pillion-sidecar.renderContainer" (dict "root" . "native" false "dnsPort" (include "pillion.dnsPort" .) "resources" $resources) | nindent 4 | trim }}
volumes:
  {{- include "pillion-sidecar.volumes" . | nindent 2 }}
{{- end -}}

{{/* A pod's securityContext, with what the Pod Security Standard "restricted" asks for where it says nothing else. */}}
{{- define "pillion.restricted" -}}
{{- toYaml (merge (deepCopy .) (dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault"))) -}}
{{- end -}}
