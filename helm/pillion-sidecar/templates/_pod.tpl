{{/* Everything that a pod's spec needs for a native sidecar, for pods without init containers, volumes and securityContext of their own. */}}
{{- define "pillion-sidecar.podSpec" -}}
{{ include "pillion-sidecar.dns" . }}
{{- with include "pillion-sidecar.podSecurityContext" . }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- with include "pillion-sidecar.initContainers" . }}
initContainers:
  {{- . | nindent 2 }}
{{- end }}
volumes:
  {{- include "pillion-sidecar.volumes" . | nindent 2 }}
{{- end -}}

{{/* dnsPolicy and dnsConfig: Pillion is the pod's only name server, so nothing goes around it. */}}
{{- define "pillion-sidecar.dns" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
dnsPolicy: None
dnsConfig:
  nameservers: [{{ include "pillion-sidecar.loopback" . | quote }}]
  {{- with include "pillion-sidecar.searches" . | fromJsonArray }}
  searches:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  options:
    - {name: ndots, value: {{ $v.resolver.ndots | toString | quote }}}
    {{- with $v.resolver.options }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The contents of a pod's securityContext: what the values say, and the sysctl for port 53. */}}
{{- define "pillion-sidecar.podSecurityContext" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $context := deepCopy ($v.podSecurityContext | default dict) -}}
{{- if $v.portSysctl -}}
{{- $sysctl := dict "name" "net.ipv4.ip_unprivileged_port_start" "value" "53" -}}
{{- $_ := set $context "sysctls" (append ($context.sysctls | default list) $sysctl) -}}
{{- end -}}
{{- if $context -}}{{- toYaml $context -}}{{- end -}}
{{- end -}}

{{/* Items of initContainers, to stand first there: the native sidecar, or nothing. */}}
{{- define "pillion-sidecar.initContainers" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- if $v.native -}}
- {{ include "pillion-sidecar.container" . | nindent 2 | trim }}
{{- end -}}
{{- end -}}

{{/* Items of containers, to stand first there: the ordinary sidecar, or nothing. */}}
{{- define "pillion-sidecar.containers" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- if not $v.native -}}
- {{ include "pillion-sidecar.container" . | nindent 2 | trim }}
{{- end -}}
{{- end -}}

{{/* The container, native or ordinary as the values say. */}}
{{- define "pillion-sidecar.container" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- include "pillion-sidecar.renderContainer" (dict "root" . "native" $v.native) -}}
{{- end -}}

{{/*
Takes {root, native, dnsPort, resources}. A sidecar has no readiness probe: while its resolvers are away the application is to get
errors that it can handle, not to lose its traffic. Where Pillion serves other pods, dnsPort is set, and readiness takes it out of the
Service; resources are then instead of the sidecar's.
*/}}
{{- define "pillion-sidecar.renderContainer" -}}
{{- $v := include "pillion-sidecar.values" .root | fromYaml -}}
{{- if and .native (semverCompare "<1.29.0-0" .root.Capabilities.KubeVersion.Version) -}}
{{- fail (printf "\n\nNative sidecars need Kubernetes 1.29 or later, and this is %s. Set native: false for an ordinary container\n" .root.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- include "pillion-sidecar.checkMemory" (dict "root" .root "resources" (.resources | default $v.resources)) -}}
name: pillion
image: {{ include "pillion-sidecar.image" .root | quote }}
imagePullPolicy: {{ $v.image.pullPolicy }}
{{- if .native }}
restartPolicy: Always
{{- end }}
args: [run, --supervise, --config, /etc/pillion/pillion.yaml]
ports:
  {{- with .dnsPort }}
  - {name: dns-udp, containerPort: {{ . }}, protocol: UDP}
  - {name: dns-tcp, containerPort: {{ . }}, protocol: TCP}
  {{- end }}
  - {name: pillion-http, containerPort: {{ $v.httpPort }}, protocol: TCP}
startupProbe:
  httpGet: {path: /startupz, port: pillion-http}
  {{- toYaml $v.startupProbe | nindent 2 }}
livenessProbe:
  httpGet: {path: /livez, port: pillion-http}
  {{- toYaml $v.livenessProbe | nindent 2 }}
{{- if .dnsPort }}
readinessProbe:
  httpGet: {path: /readyz, port: pillion-http}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 1
{{- end }}
{{- if include "pillion-sidecar.preStopSeconds" (dict "root" .root "native" .native) }}
lifecycle:
  preStop:
    sleep: {seconds: {{ $v.preStopSeconds }}}
{{- end }}
resources:
  {{- toYaml (.resources | default $v.resources) | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: pillion-config, mountPath: /etc/pillion, readOnly: true}
  {{- if $v.clientTLS.secretName }}
  - {name: pillion-client, mountPath: /etc/pillion-client, readOnly: true}
  {{- end }}
  {{- if $v.ca.configMapName }}
  - {name: pillion-ca, mountPath: /etc/pillion-ca, readOnly: true}
  {{- end }}
{{- end -}}

{{/*
Takes {root, native}. Seconds between the pod's end and SIGTERM, nothing where there are none: a native sidecar is told to end after
the application's containers, and Kubernetes can wait by itself since 1.30 (the image has no program that sleeps).
*/}}
{{- define "pillion-sidecar.preStopSeconds" -}}
{{- $v := include "pillion-sidecar.values" .root | fromYaml -}}
{{- if and (not .native) $v.preStopSeconds (semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version) -}}
{{- $v.preStopSeconds -}}
{{- end -}}
{{- end -}}

{{/* Takes {root, resources}. Nothing, or an error where the cache alone would fill the memory limit one day, and end as OOMKilled. */}}
{{- define "pillion-sidecar.checkMemory" -}}
{{- $v := include "pillion-sidecar.values" .root | fromYaml -}}
{{- /* toYaml, for toString makes 2e+07 of a large number */ -}}
{{- $cache := dig "cache" "size" "4MiB" ($v.config | default dict) | toYaml | trimAll "\"" -}}
{{- $threads := dig "threads" 1 ($v.config | default dict) | int64 -}}
{{- $limit := dig "limits" "memory" "" .resources | toYaml | trimAll "\"" -}}
{{- $factors := dict "" 1 "B" 1 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "k" 1000 "M" 1000000 "G" 1000000000 -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- if and (regexMatch "^[0-9]+[A-Za-z]*$" $limit) (hasKey $factors $unit) (not $v.existingConfigMap) -}}
{{- $bytes := mul (regexFind "^[0-9]+" $limit | int64) (get $factors $unit) -}}
{{- $caches := mul $threads (regexFind "^[0-9]+" $cache | int64) (get $factors (regexFind "[A-Za-z]*$" $cache)) -}}
{{- if gt (add $caches 16777216) $bytes -}}
{{- fail (printf "\n\nresources.limits.memory is %s, and too small for a cache of %s for each thread (%d) and 16 MiB for the rest\n" $limit $cache $threads) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pillion-sidecar.image" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- if $v.image.digest -}}
{{ $v.image.repository }}@{{ $v.image.digest }}
{{- else -}}
{{ $v.image.repository }}:{{ $v.image.tag | default (include "pillion-sidecar.appVersion" .) }}
{{- end -}}
{{- end -}}

{{/* Held equal to Chart.yaml's by a test: a library's templates see the application's Chart, not their own. */}}
{{- define "pillion-sidecar.appVersion" -}}0.1.0{{- end -}}

{{/* Items of volumes. */}}
{{- define "pillion-sidecar.volumes" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
- name: pillion-config
  configMap: {name: {{ include "pillion-sidecar.configMapName" . }}}
{{- with $v.clientTLS.secretName }}
- name: pillion-client
  secret: {secretName: {{ . }}}
{{- end }}
{{- with $v.ca.configMapName }}
- name: pillion-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}

{{/*
Annotations of the pod. A checksum of what a running Pillion does not take in makes a change of it roll the pods. Takes the root, or
{root, config}.
*/}}
{{- define "pillion-sidecar.annotations" -}}
{{- $root := .root | default . -}}
{{- $v := include "pillion-sidecar.values" $root | fromYaml -}}
{{- if not $v.existingConfigMap -}}
{{- $text := .config -}}
{{- if not .root -}}{{- $text = include "pillion-sidecar.config" . -}}{{- end -}}
{{- $config := $text | fromYaml -}}
{{- if or (eq $v.configChange "roll") (not (dig "reload" "watch" true $config)) -}}
checksum/pillion-config: {{ $text | sha256sum }}
{{- else -}}
checksum/pillion-restart: {{ include "pillion-sidecar.restartKeys" $config | sha256sum }}
{{- end -}}
{{- end }}
{{- if $v.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ $v.httpPort | toString | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- end -}}

{{/* What of the configuration takes a restart, as JSON. The keys are held equal to the program's by a test. Takes the configuration. */}}
{{- define "pillion-sidecar.restartKeys" -}}
{{- $keys := list "dns.max_connections" "dns.max_connections_per_client" "dns.max_in_flight_per_connection" "cache.size" "http.listen" "log.format" "memory" "threads" -}}
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

{{/* Label by which one PodMonitor finds every pod that has the sidecar. */}}
{{- define "pillion-sidecar.labels" -}}
pillion-sidecar: "true"
{{- end -}}
