{{/* Version and appVersion of Chart.yaml, which a test holds equal: the templates of a library see the application's Chart, not their own. */}}
{{- define "pillion-sidecar.version" -}}0.1.0{{- end -}}
{{- define "pillion-sidecar.appVersion" -}}0.1.0{{- end -}}

{{/* The key of .Values that has the values of this chart: the dependency's name or its alias. */}}
{{- define "pillion-sidecar.key" -}}
{{- $found := list -}}
{{- range list "pillion-sidecar" "pillion" -}}
{{- $values := index $.Values . -}}
{{- /* An application may have its own value with the name pillion. */ -}}
{{- if kindIs "map" $values -}}{{- if hasKey $values "libraryVersion" -}}{{- $found = append $found . -}}{{- end -}}{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail "\n\npillion-sidecar: no values found. The name of the dependency must be pillion-sidecar, without an alias or with alias: pillion\n" -}}
{{- end -}}
{{- first $found -}}
{{- end -}}

{{/*
True if the condition of the dependency is false. These templates then come from another chart of the release, and the values only contain
the condition.
*/}}
{{- define "pillion-sidecar.isAbsent" -}}
{{- $there := false -}}
{{- $off := false -}}
{{- range list "pillion-sidecar" "pillion" -}}
{{- $values := index $.Values . -}}
{{- if kindIs "map" $values -}}
{{- if hasKey $values "libraryVersion" -}}{{- $there = true -}}{{- end -}}
{{- if eq (toString $values.enabled) "false" -}}{{- $off = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $off (not $there) -}}yes{{- end -}}
{{- end -}}

{{/* The values of this chart in an application chart, with global values in place of those that have their default. YAML. */}}
{{- define "pillion-sidecar.values" -}}
{{- $v := index .Values (include "pillion-sidecar.key" .) | deepCopy -}}
{{- include "pillion-sidecar.checkVersion" $v -}}
{{- $global := .Values.global | default dict | deepCopy -}}
{{- $shared := $global.pillion | default dict -}}
{{- $_ := set $shared "clusterDNS" (merge ($shared.clusterDNS | default dict) ($global.clusterDNS | default dict)) -}}
{{- if not $shared.imagePullSecrets -}}{{- $_ := set $shared "imagePullSecrets" ($global.imagePullSecrets | default list) -}}{{- end -}}
{{- /* The chart's own tag takes precedence over a global digest. */ -}}
{{- if or $v.image.tag $v.image.digest -}}
{{- $_ := set $shared "image" (omit ($shared.image | default dict) "tag" "digest") -}}
{{- end -}}
{{- range $path, $default := include "pillion-sidecar.sharedDefaults" . | fromYaml -}}
{{- $own := $v -}}
{{- $theirs := $shared -}}
{{- $parts := splitList "." $path -}}
{{- range initial $parts -}}
{{- $own = index $own . -}}
{{- $theirs = index $theirs . | default dict -}}
{{- end -}}
{{- $name := last $parts -}}
{{- if and (hasKey $theirs $name) (eq (index $own $name | toJson) ($default | toJson)) -}}
{{- $_ := set $own $name (index $theirs $name) -}}
{{- end -}}
{{- end -}}
{{- $config := $v.config | default dict -}}
{{- range $name, $value := $shared.config -}}
{{- if not (hasKey $config $name) -}}{{- $_ := set $config $name $value -}}{{- end -}}
{{- end -}}
{{- $_ := set $v "config" $config -}}
{{- if and $global.imageRegistry $v.image.repository (not (include "pillion-sidecar.namesRegistry" $v.image.repository)) -}}
{{- $_ := set $v.image "repository" (printf "%s/%s" (trimSuffix "/" $global.imageRegistry) $v.image.repository) -}}
{{- end -}}
{{- toYaml $v -}}
{{- end -}}

{{/* The keys of global.pillion and global.clusterDNS that are used besides config, each with the default that it replaces. */}}
{{- define "pillion-sidecar.sharedDefaults" -}}
image.repository: ""
image.tag: ""
image.digest: ""
imagePullSecrets: []
clusterDNS.address: ""
clusterDNS.domain: cluster.local
clusterDNS.networks: []
clusterDNS.lookup: false
mesh: none
platform: none
{{- end -}}

{{/* True if the first part of an image's name is a registry by the rule of container engines. Takes the name. */}}
{{- define "pillion-sidecar.namesRegistry" -}}
{{- $first := splitList "/" . | first -}}
{{- if and (contains "/" .) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}yes{{- end -}}
{{- end -}}

{{/*
Fails if the templates and the values have different versions. Renders nothing. Helm has only one template of a name in a release: in an
umbrella with two versions of the library, one of them would render for both.
*/}}
{{- define "pillion-sidecar.checkVersion" -}}
{{- $ours := include "pillion-sidecar.version" . -}}
{{- if ne (toString .libraryVersion) $ours -}}
{{- fail (printf "\n\npillion-sidecar: the values are of version %v of the library, and the templates of %s. Helm keeps one set of templates for a release: all of its charts need the same version of pillion-sidecar in Chart.yaml. After an upgrade, use --reset-then-reuse-values instead of --reuse-values\n" .libraryVersion $ours) -}}
{{- end -}}
{{- end -}}

{{/* An IP address in the form that precedes a port. */}}
{{- define "pillion-sidecar.bracketed" -}}
{{- if contains ":" . }}[{{ . }}]{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- define "pillion-sidecar.loopback" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- ternary "::1" "127.0.0.1" (eq $v.ipFamily "IPv6") -}}
{{- end -}}

{{/* Namespace of the pods: the application chart's, by the usual value namespaceOverride, or else the release's. */}}
{{- define "pillion-sidecar.namespace" -}}
{{- $own := .Values.namespaceOverride -}}
{{- if kindIs "string" $own -}}{{- $own | default .Release.Namespace -}}{{- else -}}{{- .Release.Namespace -}}{{- end -}}
{{- end -}}

{{/* Search domains of a pod: those that the kubelet writes for dnsPolicy ClusterFirst, then those of the values. A JSON list. */}}
{{- define "pillion-sidecar.searches" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $domain := $v.clusterDNS.domain -}}
{{- $searches := list -}}
{{- if $v.clusterDNS.enabled -}}
{{- $searches = list (printf "%s.svc.%s" (include "pillion-sidecar.namespace" .) $domain) (printf "svc.%s" $domain) $domain -}}
{{- end -}}
{{- concat $searches $v.resolver.searches | toJson -}}
{{- end -}}
