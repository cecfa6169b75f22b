{{/*
The texts that say why a pod cannot have Pillion, for the chart's errors and for the policies of mode: injector of the chart pillion, whose
CEL `format` only supports %s.
*/}}
{{- define "pillion-sidecar.reasons" -}}
hostNetwork: 'the pod has hostNetwork: true: the kubelet refuses such a pod the sysctl for port 53, and port 53 of the node is not Pillion''s. Use mode: daemonset of the chart pillion, or exclude the pod with the label pillion.dev/inject: "false"'
windows: 'the pod runs on Windows, and Pillion only on Linux. Exclude the pod with the label pillion.dev/inject: "false"'
dnsPolicy: 'the pod has dnsPolicy: %s, and so asks other name servers than the cluster''s DNS. Remove dnsPolicy, or exclude the pod with the label pillion.dev/inject: "false"'
nameServers: the pod's dnsConfig names the servers %s, which the pod would ask instead of Pillion. Remove them, and make them an upstream of Pillion's configuration
container: the pod has a container named pillion that is not Pillion's. Give it another name
volume: the pod has a volume named %s, which is the name of a volume of Pillion. Give it another name
sysctl: the pod sets the sysctl net.ipv4.ip_unprivileged_port_start to %s, and Pillion listens on port 53. Set it to 53 or less, or remove it
dnsPort: 'the container %s has port 53, which is Pillion''s: all containers of a pod share the ports. Give it another port, or exclude the pod with the label pillion.dev/inject: "false"'
httpPort: 'the container %s has port %s, which is Pillion''s: all containers of a pod share the ports. Give one of them another port: Pillion''s is httpPort'
annotation: 'the pod has the annotation %s, which Pillion does not know: it knows pillion.dev/%s'
annotationValue: 'the annotation %s is "%s", and must be %s'
annotationType: 'the annotation %s is not a string: put it in quotes'
configurations: the pod has both of the annotations pillion.dev/config and pillion.dev/config-map. Remove one of them
meshPort: 'the pod has the annotation %s: "%s" without Pillion''s port %s. Add the port there'
{{- end -}}

{{/* The annotations by which a pod's owner changes its sidecar, without pillion.dev/: the pattern of each, and its description. */}}
{{- define "pillion-sidecar.ownerAnnotations" -}}
config: ['(?s)[^\s]', the text of a pillion.yaml]
config-map: ['^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', the name of a ConfigMap]
image: ['^[^\s]+$', the name of an image]
native: ['^(true|false)$', '"true" or "false"']
cpu-request: ['^[0-9]+([.][0-9]+)?(m)?$', a quantity of CPU such as 10m]
memory-request: &memory ['^[0-9]+([.][0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$', a quantity of memory such as 64Mi]
memory-limit: *memory
{{- end -}}

{{/*
The first reason why a pod cannot have Pillion, with the remedy; nothing if it can. Takes {v, metadata, spec}: the values and the parts of
the pod.
*/}}
{{- define "pillion-sidecar.refusal" -}}
{{- $v := .v -}}
{{- $spec := .spec -}}
{{- $words := include "pillion-sidecar.reasons" . | fromYaml -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{- $why := list -}}
{{- if hasKey $annotations "pillion.dev/injected" -}}
{{- $why = append $why "the annotation pillion.dev/injected says that the pod already has Pillion. Add it only once: by this chart, by pillion inject or by the component of kustomize" -}}
{{- end -}}
{{- if $spec.hostNetwork -}}
{{- $why = append $why $words.hostNetwork -}}
{{- end -}}
{{- if or (eq (($spec.os | default dict).name | default "") "windows") (eq (get ($spec.nodeSelector | default dict) "kubernetes.io/os" | toString) "windows") -}}
{{- $why = append $why $words.windows -}}
{{- end -}}
{{- $policy := $spec.dnsPolicy | default "ClusterFirst" -}}
{{- if ne $policy "ClusterFirst" -}}
{{- $why = append $why (printf $words.dnsPolicy $policy) -}}
{{- end -}}
{{- with ($spec.dnsConfig | default dict).nameservers -}}
{{- $why = append $why (printf $words.nameServers (join ", " .)) -}}
{{- end -}}
{{- $ours := include "pillion-sidecar.volumeNames" $v | fromJsonArray -}}
{{- range list "initContainers" "containers" "ephemeralContainers" -}}
{{- range index $spec . -}}
{{- if eq .name "pillion" -}}{{- $why = append $why $words.container -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $spec.volumes -}}
{{- if has .name $ours -}}{{- $why = append $why (printf $words.volume .name) -}}{{- end -}}
{{- end -}}
{{- range ($spec.securityContext | default dict).sysctls -}}
{{- if and (eq .name "net.ipv4.ip_unprivileged_port_start") (not (regexMatch "^([0-9]|[1-4][0-9]|5[0-3])$" (toString .value))) -}}
{{- $why = append $why (printf $words.sysctl (toString .value)) -}}
{{- end -}}
{{- end -}}
{{- range concat ($spec.initContainers | default list) ($spec.containers | default list) -}}
{{- $name := .name -}}
{{- range .ports -}}
{{- /* Pillion listens on port 53 of UDP and TCP, and on httpPort of TCP. The same number of another protocol is another port. */ -}}
{{- $protocol := .protocol | default "TCP" -}}
{{- if and (eq (int .containerPort) 53) (has $protocol (list "TCP" "UDP")) -}}
{{- $why = append $why (printf $words.dnsPort $name) -}}
{{- else if and (eq (int .containerPort) (int $v.httpPort)) (eq $protocol "TCP") -}}
{{- $why = append $why (printf $words.httpPort $name (toString $v.httpPort)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $why = concat $why (include "pillion-sidecar.wrongAnnotations" $annotations | fromJsonArray) -}}
{{- with $why -}}{{- first . -}}{{- end -}}
{{- end -}}

{{/* The faults of the annotations by which a pod's owner changes its sidecar. Takes the annotations. A JSON list. */}}
{{- define "pillion-sidecar.wrongAnnotations" -}}
{{- $words := include "pillion-sidecar.reasons" . | fromYaml -}}
{{- $known := include "pillion-sidecar.ownerAnnotations" . | fromYaml -}}
{{- $wrong := list -}}
{{- range $key, $value := . -}}
{{- if hasPrefix "pillion.dev/" $key -}}
{{- $name := trimPrefix "pillion.dev/" $key -}}
{{- if not (hasKey $known $name) -}}
{{- $wrong = append $wrong (printf $words.annotation $key (keys $known | sortAlpha | join ", pillion.dev/")) -}}
{{- else if not (kindIs "string" $value) -}}
{{- $wrong = append $wrong (printf $words.annotationType $key) -}}
{{- else if not (regexMatch (index $known $name | first) $value) -}}
{{- $wrong = append $wrong (printf $words.annotationValue $key $value (index $known $name | last)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (hasKey . "pillion.dev/config") (hasKey . "pillion.dev/config-map") -}}
{{- $wrong = append $wrong $words.configurations -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{/*
The annotations that exclude Pillion's ports from a service mesh, as a JSON list of [key, value]. Fails if the pod has one of them that does
not exclude these ports. Takes {v, annotations, ports}; `ports` are those of the encrypted upstreams.
*/}}
{{- define "pillion-sidecar.meshAnnotations" -}}
{{- $out := .ports | join "," -}}
{{- $in := toString .v.httpPort -}}
{{- $wanted := list -}}
{{- if eq .v.mesh "istio" -}}
{{- $wanted = list (list "traffic.sidecar.istio.io/excludeOutboundPorts" $out) (list "traffic.sidecar.istio.io/excludeInboundPorts" $in) (list "proxy.istio.io/config" "{\"proxyMetadata\":{\"ISTIO_META_DNS_CAPTURE\":\"false\"}}") -}}
{{- else if eq .v.mesh "linkerd" -}}
{{- $wanted = list (list "config.linkerd.io/skip-outbound-ports" $out) (list "config.linkerd.io/skip-inbound-ports" $in) -}}
{{- end -}}
{{- $annotations := .annotations -}}
{{- $added := list -}}
{{- range $wanted -}}
{{- $key := first . -}}
{{- if not (last .) -}}
{{- else if not (hasKey $annotations $key) -}}
{{- $added = append $added . -}}
{{- else if ne $key "proxy.istio.io/config" -}}
{{- $there := get $annotations $key | toString -}}
{{- range splitList "," (last .) -}}
{{- $port := int . -}}
{{- $has := false -}}
{{- range splitList "," $there -}}
{{- $ends := trim . | splitList "-" -}}
{{- if and (le (first $ends | int) $port) (le $port (last $ends | int)) -}}{{- $has = true -}}{{- end -}}
{{- end -}}
{{- if not $has -}}
{{- fail (printf "\n\npillion-sidecar: %s\n" (printf (include "pillion-sidecar.reasons" . | fromYaml).meshPort $key (get $annotations $key | toString) .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $added -}}
{{- end -}}
