{{/*
The variables that both policies of mode: injector compute from a pod, in CEL, each as {name, expression}. Takes {root, v}. The expressions
are made from what the library's templates render, so that a pod gets the same in both ways.
*/}}
{{- define "pillion.injectorVariables" -}}
{{- $v := .v -}}
{{- $mesh := list -}}
{{- $meshOfOwn := list -}}
{{- if ne $v.mesh "none" -}}
{{- $takes := dict "v" $v "annotations" dict -}}
{{- $meshOfOwn = include "pillion-sidecar.meshAnnotations" (merge (dict "ports" (include "pillion-sidecar.encryptedPorts" (dict "config" false) | fromJsonArray)) $takes) | fromJsonArray -}}
{{- $config := false -}}
{{- if not $v.existingConfigMap -}}{{- $config = include "pillion-sidecar.config" .root | fromYaml -}}{{- end -}}
{{- $mesh = include "pillion-sidecar.meshAnnotations" (merge (dict "ports" (include "pillion-sidecar.encryptedPorts" (dict "config" $config) | fromJsonArray)) $takes) | fromJsonArray -}}
{{- end -}}
- name: annotations
  expression: object.metadata.?annotations.orValue({})
- name: containers
  expression: dyn(object.spec.?initContainers.orValue([])) + dyn(object.spec.containers)
- name: sysctls
  expression: object.spec.?securityContext.?sysctls.orValue([])
# Nothing is known here about a configuration that a pod brings itself, or that is in a ConfigMap.
- name: hasOwnConfiguration
  expression: '"pillion.dev/config" in variables.annotations || "pillion.dev/config-map" in variables.annotations'
- name: mesh
  expression: |-
    variables.hasOwnConfiguration ? {{ include "pillion.cel" $meshOfOwn }} : {{ include "pillion.cel" $mesh }}
- name: reason
  expression: |-
    {{- include "pillion.injectorReason" $v | nindent 4 }}
{{- end -}}

{{/* Why a pod cannot have Pillion, in the words of `pillion-sidecar.refusal`; "" if it can. Takes the values. */}}
{{- define "pillion.injectorReason" -}}
{{- $words := include "pillion-sidecar.reasons" . | fromYaml -}}
{{- $sysctl := "net.ipv4.ip_unprivileged_port_start" -}}
{{- $volumes := include "pillion-sidecar.volumeNames" . | fromJsonArray -}}
{{- $owner := include "pillion-sidecar.ownerAnnotations" . | fromYaml -}}
{{- $known := list -}}
{{- range keys $owner | sortAlpha -}}{{- $known = append $known (printf "pillion.dev/%s" .) -}}{{- end -}}
object.spec.?hostNetwork.orValue(false) ? {{ toJson $words.hostNetwork }} :
object.spec.?os.?name.orValue("") == "windows" || object.spec.?nodeSelector[?"kubernetes.io/os"].orValue("") == "windows" ? {{ toJson $words.windows }} :
object.spec.?dnsPolicy.orValue("ClusterFirst") != "ClusterFirst" ? {{ toJson $words.dnsPolicy }}.format([object.spec.dnsPolicy]) :
object.spec.?dnsConfig.?nameservers.orValue([]).size() > 0 ? {{ toJson $words.nameServers }}.format([object.spec.dnsConfig.nameservers.join(", ")]) :
variables.containers.exists(c, c.name == "pillion") ? {{ toJson $words.container }} :
object.spec.?volumes.orValue([]).exists(v, v.name in {{ toJson $volumes }}) ? {{ toJson $words.volume }}.format([object.spec.volumes.filter(v, v.name in {{ toJson $volumes }})[0].name]) :
variables.sysctls.exists(s, s.name == {{ toJson $sysctl }} && !s.value.matches("^([0-9]|[1-4][0-9]|5[0-3])$")) ? {{ toJson $words.sysctl }}.format([variables.sysctls.filter(s, s.name == {{ toJson $sysctl }})[0].value]) :
{{- $takes := "c.?ports.orValue([]).exists(p, p.containerPort == %s && p.?protocol.orValue(\"TCP\") in %s)" }}
{{- $dns := printf $takes "53" (list "TCP" "UDP" | toJson) }}
{{- $http := printf $takes (toString .httpPort) (list "TCP" | toJson) }}
variables.containers.exists(c, {{ $dns }}) ? {{ toJson $words.dnsPort }}.format([variables.containers.filter(c, {{ $dns }})[0].name]) :
variables.containers.exists(c, {{ $http }}) ? {{ toJson $words.httpPort }}.format([variables.containers.filter(c, {{ $http }})[0].name, "{{ .httpPort }}"]) :
variables.annotations.exists(k, k.startsWith("pillion.dev/") && !(k in {{ toJson $known }})) ? {{ toJson $words.annotation }}.format([variables.annotations.filter(k, k.startsWith("pillion.dev/") && !(k in {{ toJson $known }}))[0], {{ keys $owner | sortAlpha | join ", pillion.dev/" | toJson }}]) :
{{- range $name, $rule := $owner }}
{{- $key := printf "pillion.dev/%s" $name | toJson }}
{{ $key }} in variables.annotations && !variables.annotations[{{ $key }}].matches({{ first $rule | toJson }}) ? {{ toJson $words.annotationValue }}.format([{{ $key }}, variables.annotations[{{ $key }}], {{ last $rule | toJson }}]) :
{{- end }}
"pillion.dev/config" in variables.annotations && "pillion.dev/config-map" in variables.annotations ? {{ toJson $words.configurations }} :
(variables.mesh.map(m, m[0] in variables.annotations && m[0] != "proxy.istio.io/config", m[1].split(",").filter(port,
    !variables.annotations[m[0]].split(",").exists(e, e.matches("^ *[0-9]{1,9} *(- *[0-9]{1,9} *)?$") &&
      int(e.split("-")[0].trim()) <= int(port) && int(port) <= int(e.split("-")[e.contains("-") ? 1 : 0].trim())
    )).map(port, {{ toJson $words.meshPort }}.format([m[0], variables.annotations[m[0]], port]))
  ).filter(missing, missing.size() > 0).map(missing, missing[0]) + [""])[0]
{{- end -}}

{{/*
The variables of the policy that changes pods. Takes {root, v}. The API server has already set dnsPolicy, so that it is never an added
part.
*/}}
{{- define "pillion.injectedVariables" -}}
{{- $v := .v -}}
{{- $scrape := include "pillion-sidecar.scrapeAnnotations" $v | fromJsonArray -}}
{{- $secrets := list -}}
{{- range $v.imagePullSecrets -}}{{- $secrets = append $secrets .name -}}{{- end -}}
{{- $places := dict "labels" "/metadata/labels" "annotations" "/metadata/annotations" "dnsConfig" "/spec/dnsConfig" "searches" "/spec/dnsConfig/searches" "options" "/spec/dnsConfig/options" "securityContext" "/spec/securityContext" "sysctls" "/spec/securityContext/sysctls" "initContainers" "/spec/initContainers" "volumes" "/spec/volumes" "imagePullSecrets" "/spec/imagePullSecrets" -}}
- name: native
  expression: variables.annotations[?"pillion.dev/native"].orValue({{ $v.native | toString | toJson }}) == "true"
- name: configMap
  expression: |-
    variables.annotations[?"pillion.dev/config-map"].orValue("pillion.dev/config" in variables.annotations ? "" : {{ toJson $v.existingConfigMap }})
- name: bringsConfiguration
  expression: variables.configMap == "" && !("pillion.dev/config" in variables.annotations)
- name: setsSysctl
  expression: {{ toJson $v.portSysctl }} && !variables.sysctls.exists(s, s.name == "net.ipv4.ip_unprivileged_port_start")
- name: pullSecrets
  expression: '{{ include "pillion.cel" $secrets }}.filter(n, !object.spec.?imagePullSecrets.orValue([]).exists(s, s.?name.orValue("") == n))'
- name: otherAnnotations
  expression: |-
    (variables.annotations.exists(k, k.startsWith("prometheus.io/")) ? [] : {{ include "pillion.cel" $scrape }}) +
    variables.mesh.filter(m, !(m[0] in variables.annotations))
- name: places
  expression: '{{ toJson $places }}'
# In the order and with the words of the annotation pillion.dev/injected.
- name: added
  expression: |-
    (object.metadata.?labels.hasValue() ? [] : ["labels"]) +
    (object.metadata.?annotations.hasValue() ? [] : ["annotations"]) +
    ("pillion.dev/sidecar" in object.metadata.?labels.orValue({}) ? ["had:sidecar=" + object.metadata.labels["pillion.dev/sidecar"]] : []) +
    (object.spec.?dnsConfig.hasValue() ? [] : ["dnsConfig"]) +
    (object.spec.?dnsConfig.?nameservers.hasValue() ? ["had:nameservers"] : []) +
    {{- if .searches }}
    (object.spec.?dnsConfig.?searches.hasValue() ? [] : ["searches"]) +
    {{- end }}
    (object.spec.?dnsConfig.?options.hasValue() ? [] : ["options"]) +
    (variables.setsSysctl ?
      (object.spec.?securityContext.hasValue() ? [] : ["securityContext"]) +
      (object.spec.?securityContext.?sysctls.hasValue() ? [] : ["sysctls"]) + ["sysctl"] : []) +
    (!variables.native || object.spec.?initContainers.hasValue() ? [] : ["initContainers"]) +
    (object.spec.?volumes.hasValue() ? [] : ["volumes"]) +
    (variables.pullSecrets.size() == 0 || object.spec.?imagePullSecrets.hasValue() ? [] : ["imagePullSecrets"]) +
    variables.pullSecrets.map(n, "pullSecret:" + n) +
    (variables.bringsConfiguration ? ["config"] : []) +
    variables.otherAnnotations.map(a, a[0])
{{- end -}}

{{/* The patch. Takes {root, v, searches}. */}}
{{- define "pillion.injectedPatch" -}}
{{- $v := .v -}}
{{- $root := .root -}}
{{- $searches := list -}}
{{- range .searches -}}
{{- /* The first domain is that of the pod's namespace. */ -}}
{{- $searches = append $searches (ternary (dict "cel()" (printf "request.namespace + %s" (toJson .))) . (hasPrefix "." .)) -}}
{{- end -}}
{{- $options := concat (list (dict "name" "ndots" "value" (toString $v.resolver.ndots))) $v.resolver.options -}}
{{- $config := "" -}}
{{- if not $v.existingConfigMap -}}
{{- $config = get (include "pillion-sidecar.configAnnotations" (dict "v" $v "config" (include "pillion-sidecar.config" $root)) | fromYaml) "pillion.dev/config" -}}
{{- end -}}
{{- $volumes := include "pillion-sidecar.volumes" (dict "v" $v "configMap" "") | fromYamlArray -}}
{{- $ofConfigMap := include "pillion-sidecar.volumes" (dict "v" $v "configMap" "x") | fromYamlArray | first -}}
{{- $_ := set $ofConfigMap.configMap "name" (dict "cel()" "variables.configMap") -}}
{{- $first := dict "cel()" (printf "variables.configMap == \"\" ? %s : %s" (include "pillion.cel" (first $volumes)) (include "pillion.cel" $ofConfigMap)) -}}
{{- $marker := printf "{\"added\":[%%s],\"options\":%d,\"searches\":%d,\"version\":%s}" (len $options) (len $searches) (include "pillion-sidecar.appVersion" $root | toJson) -}}
variables.reason != "" && !("pillion.dev/injected" in variables.annotations) ? [] :
"pillion.dev/injected" in variables.annotations ?
  // It is there: to the front, where a mesh's webhook has put its own proxy before it.
  (object.spec.?initContainers.orValue([]).map(c, c.name).indexOf("pillion") > 0 ?
    [JSONPatch{op: "move", from: "/spec/initContainers/" + string(object.spec.initContainers.map(c, c.name).indexOf("pillion")), path: "/spec/initContainers/0"}] : []) +
  (object.spec.containers.map(c, c.name).indexOf("pillion") > 0 ?
    [JSONPatch{op: "move", from: "/spec/containers/" + string(object.spec.containers.map(c, c.name).indexOf("pillion")), path: "/spec/containers/0"}] : []) :
  // What the rest goes into.
  variables.added.filter(n, n in variables.places).map(n, JSONPatch{op: "add", path: variables.places[n],
    value: n in ["labels", "annotations", "dnsConfig", "securityContext"] ? dyn({}) : dyn([])}) +
  {{ include "pillion.celAdd" (list "/metadata/labels/pillion.dev~1sidecar" "true") }} +
  {{ include "pillion.celAdd" (list "/spec/dnsPolicy" "None") }} +
  {{ include "pillion.celAdd" (list "/spec/dnsConfig/nameservers" (list (include "pillion-sidecar.loopback" $root))) }} +
  {{- with $searches }}
  {{ include "pillion.celPrepend" (list "/spec/dnsConfig/searches" .) }} +
  {{- end }}
  {{ include "pillion.celPrepend" (list "/spec/dnsConfig/options" $options) }} +
  (variables.setsSysctl ? {{ include "pillion.celAdd" (list "/spec/securityContext/sysctls/-" (dict "name" "net.ipv4.ip_unprivileged_port_start" "value" "53")) }} : []) +
  (variables.native ?
    {{ include "pillion.celAdd" (list "/spec/initContainers/0" (dict "cel()" (include "pillion.celContainer" (dict "root" $root "v" $v "native" true)))) }} :
    {{ include "pillion.celAdd" (list "/spec/containers/0" (dict "cel()" (include "pillion.celContainer" (dict "root" $root "v" $v "native" false)))) }}) +
  {{ include "pillion.celPrepend" (list "/spec/volumes" (prepend (rest $volumes) $first)) }} +
  variables.pullSecrets.map(n, JSONPatch{op: "add", path: "/spec/imagePullSecrets/-", value: {"name": n}}) +
  (variables.bringsConfiguration ? {{ include "pillion.celAdd" (list "/metadata/annotations/pillion.dev~1config" $config) }} : []) +
  variables.otherAnnotations.map(a, JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey(a[0]), value: a[1]}) +
  [JSONPatch{op: "add", path: "/metadata/annotations/pillion.dev~1injected",
    value: {{ toJson $marker }}.format([variables.added.map(n, "\"" + n + "\"").join(",")])}]
{{- end -}}

{{/* The pods that the policies match. The bindings have the label that opts a namespace in. Takes the namespaces that are never opted in. */}}
{{- define "pillion.injectorPods" -}}
resourceRules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE]
    resources: [pods]
namespaceSelector:
  matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: NotIn, values: {{ toJson . }}}
{{- end -}}

{{/* Mirror pods of a node's static pods cannot be changed here. */}}
{{- define "pillion.injectorConditions" -}}
- name: is-not-of-a-file
  expression: '!("kubernetes.io/config.mirror" in object.metadata.?annotations.orValue({}))'
{{- end -}}

{{/* The values of the sidecar. Fails for values that are not for this mode. */}}
{{- define "pillion.injectorValues" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- range $key, $value := include "pillion.overrides" . | fromYaml -}}{{- $_ := set $v $key $value -}}{{- end -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if not $v.enabled -}}
{{- fail "\n\npillion.enabled is false, and mode: injector puts Pillion into pods: uninstall the release instead\n" -}}
{{- end -}}
{{- if and .Values.injector.mutate (semverCompare "<1.36.0-0" $version) -}}
{{- fail (printf "\n\nmode: injector needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which Kubernetes has since 1.36, and this is %s (helm template: --kube-version 1.36.0).\nWith an older version, set injector.mutate=false, which keeps the ValidatingAdmissionPolicy (1.30), and add the sidecar by pillion inject before deployment\n" $version) -}}
{{- end -}}
{{- if semverCompare "<1.30.0-0" $version -}}
{{- fail (printf "\n\nmode: injector needs ValidatingAdmissionPolicy of admissionregistration.k8s.io/v1, which Kubernetes has since 1.30, and this is %s. Add the sidecar by pillion inject before deployment\n" $version) -}}
{{- end -}}
{{- if and (not .Values.injector.mutate) (eq .Values.injector.enforce "Off") -}}
{{- fail "\n\nmode: injector with injector.mutate: false and injector.enforce: Off does nothing: set one of them\n" -}}
{{- end -}}
{{- if and (eq $v.configChange "reload") (not $v.existingConfigMap) -}}
{{- fail "\n\npillion.configChange is reload, and mode: injector cannot put a ConfigMap into each namespace: set configChange: roll, or existingConfigMap to the name of one that each namespace has\n" -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
{{- fail "\n\nnetworkPolicy.enabled makes a NetworkPolicy for the release's own namespace, in which mode: injector has no pods: write one for each namespace\n" -}}
{{- end -}}
{{- toYaml $v -}}
{{- end -}}
