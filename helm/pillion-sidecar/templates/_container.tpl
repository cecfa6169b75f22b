{{/*
The container. Takes {root, v, native, dnsPort, resources}: the root and the values, and if Pillion serves other pods, its port and its
resources. A sidecar has no readiness probe: while its resolvers are unreachable, the application should get errors that it can handle, and
keep its traffic. If Pillion serves other pods, readiness takes it out of the Service. Probes are commands, since a service mesh rewrites and
captures those by HTTP. The readiness probe is by HTTP: when a pod ends, the kubelet (1.36) cancels its exec probes, so that the pod would
stay ready while it drains.
*/}}
{{- define "pillion-sidecar.renderContainer" -}}
{{- $v := .v -}}
{{- $resources := .resources | default $v.resources -}}
{{- if and .native (semverCompare "<1.29.0-0" .root.Capabilities.KubeVersion.Version) -}}
{{- fail (printf "\n\nNative sidecars need Kubernetes 1.29 or later, and this is %s. Set native: false for an ordinary container\n" .root.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- include "pillion-sidecar.checkMemory" (dict "v" $v "resources" $resources) -}}
name: pillion
image: {{ include "pillion-sidecar.image" $v | quote }}
imagePullPolicy: {{ $v.image.pullPolicy }}
{{- if .native }}
restartPolicy: Always
{{- end }}
args: [run, --supervise, --config, /etc/pillion/pillion.yaml]
{{- with $v.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- with .dnsPort }}
  - {name: dns-udp, containerPort: {{ . }}, protocol: UDP}
  - {name: dns-tcp, containerPort: {{ . }}, protocol: TCP}
  {{- end }}
  - {name: pillion-http, containerPort: {{ $v.httpPort }}, protocol: TCP}
lifecycle:
  {{- /* Replaces a startup probe: the next container starts at the moment when Pillion is up. */}}
  postStart: {exec: {command: [/pillion, health, --startup, --wait, 60s]}}
  {{- with include "pillion-sidecar.preStopSeconds" . }}
  preStop: {sleep: {seconds: {{ . }}}}
  {{- end }}
livenessProbe:
  exec: {command: [/pillion, health, --live]}
  {{- toYaml $v.livenessProbe | nindent 2 }}
{{- if .dnsPort }}
readinessProbe:
  httpGet: {path: /readyz, port: pillion-http}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 1
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
resources:
  {{- toYaml $resources | nindent 2 }}
securityContext:
  {{- include "pillion-sidecar.securityContext" $v | nindent 2 }}
volumeMounts:
  - {name: pillion-config, mountPath: /etc/pillion, readOnly: true}
  {{- if $v.clientTLS.secretName }}
  - {name: pillion-client, mountPath: /etc/pillion-client, readOnly: true}
  {{- end }}
  {{- if or $v.ca.configMapName $v.ca.secretName }}
  - {name: pillion-ca, mountPath: /etc/pillion-ca, readOnly: true}
  {{- end }}
  {{- with $v.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/*
The lifecycle hook that delays SIGTERM at the end of the pod; nothing for a native sidecar, which is told to end after the application's
containers. Kubernetes can wait by itself since 1.30 (the image has no program that sleeps). Takes {root, v, native}.
*/}}
{{- define "pillion-sidecar.preStopSeconds" -}}
{{- if and (not .native) .v.preStopSeconds (semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version) -}}
{{- .v.preStopSeconds -}}
{{- end -}}
{{- end -}}

{{/* Bytes of a quantity of memory in the form of Kubernetes or of Pillion. */}}
{{- define "pillion-sidecar.bytes" -}}
{{- $factors := dict "" 1 "B" 1 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get $factors $unit) | int64 -}}
{{- end -}}

{{/* Fails if the cache alone could fill the memory limit, so that the container would be OOMKilled. Renders nothing. Takes {v, resources}. */}}
{{- define "pillion-sidecar.checkMemory" -}}
{{- /* toYaml, since toString turns a large number into 2e+07 */ -}}
{{- $cache := dig "cache" "size" "4MiB" (.v.config | default dict) | toYaml | trimAll "\"" -}}
{{- $threads := dig "threads" 1 (.v.config | default dict) | int64 -}}
{{- $limit := dig "limits" "memory" "" (.resources | default dict) | toYaml | trimAll "\"" -}}
{{- if and $limit (not .v.existingConfigMap) -}}
{{- $bytes := include "pillion-sidecar.bytes" $limit | int64 -}}
{{- $caches := mul $threads (include "pillion-sidecar.bytes" $cache | int64) -}}
{{- if gt (add $caches 16777216) $bytes -}}
{{- fail (printf "\n\nresources.limits.memory is %s: a cache of %s for each thread (%d) and 16 MiB for the rest need more\n" $limit $cache $threads) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes the values. */}}
{{- define "pillion-sidecar.image" -}}
{{- if .image.whole -}}
{{ .image.whole }}
{{- else -}}
{{- if not .image.repository -}}
{{- fail "\n\nimage.repository is empty: no image is published. Set it to the repository to which you have pushed your image (make image), such as registry.example/pillion; global.pillion.image.repository sets it for all charts of a release\n" -}}
{{- end -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default (include "pillion-sidecar.appVersion" .) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names of the volumes that Pillion may add, which the pod itself must not use. Takes the values. A JSON list. */}}
{{- define "pillion-sidecar.volumeNames" -}}
{{- $names := list "pillion-config" "pillion-client" "pillion-ca" -}}
{{- range .extraVolumes -}}{{- $names = append $names .name -}}{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Annotations by which Prometheus finds the metrics, for a pod without any of these. Takes the values. A JSON list of [key, value]. */}}
{{- define "pillion-sidecar.scrapeAnnotations" -}}
{{- $annotations := list -}}
{{- if .scrapeAnnotations -}}
{{- $annotations = list (list "prometheus.io/scrape" "true") (list "prometheus.io/port" (toString .httpPort)) (list "prometheus.io/path" "/metrics") -}}
{{- end -}}
{{- toJson $annotations -}}
{{- end -}}

{{/* Items of volumes. Takes {v, configMap}: the values, and the name of the ConfigMap if the configuration is not an annotation. */}}
{{- define "pillion-sidecar.volumes" -}}
- name: pillion-config
{{- if .configMap }}
  configMap: {name: {{ .configMap }}}
{{- else }}
  downwardAPI:
    items:
      - path: pillion.yaml
        fieldRef: {fieldPath: "metadata.annotations['pillion.dev/config']"}
{{- end }}
{{- with .v.clientTLS.secretName }}
- name: pillion-client
  secret: {secretName: {{ . }}}
{{- end }}
{{- if and .v.ca.configMapName .v.ca.secretName }}
{{- fail "\n\nca.configMapName and ca.secretName are both set: set only one of them\n" }}
{{- end }}
{{- with .v.ca.configMapName }}
- name: pillion-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- with .v.ca.secretName }}
- name: pillion-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- with .v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
