{{/* Chart.yaml's version and appVersion, held equal by a test: a library's templates see the application's Chart, not their own. */}}
{{- define "pillion-sidecar.version" -}}0.1.0{{- end -}}
{{- define "pillion-sidecar.appVersion" -}}0.1.0{{- end -}}

{{/* The key of .Values beneath which the values of this chart are: the dependency's name or its alias. */}}
{{- define "pillion-sidecar.key" -}}
{{- $found := list -}}
{{- range list "pillion-sidecar" "pillion" -}}
{{- $values := index $.Values . -}}
{{- /* An application may have a value of its own by the name of pillion. */ -}}
{{- if kindIs "map" $values -}}{{- if hasKey $values "libraryVersion" -}}{{- $found = append $found . -}}{{- end -}}{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail "\n\npillion-sidecar: no values found. The dependency is to be named pillion-sidecar, with no alias or with alias: pillion\n" -}}
{{- end -}}
{{- first $found -}}
{{- end -}}

{{/*
Whether the dependency is not there, by its condition: then these templates are another chart's of the release, and of the values there is
nothing but what turned them off.
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

{{/* The values of this chart as an application chart holds them, and what is global for those that are at their default. YAML. */}}
{{- define "pillion-sidecar.values" -}}
{{- $v := index .Values (include "pillion-sidecar.key" .) | deepCopy -}}
{{- include "pillion-sidecar.checkVersion" $v -}}
{{- $global := .Values.global | default dict | deepCopy -}}
{{- $shared := $global.pillion | default dict -}}
{{- $_ := set $shared "clusterDNS" (merge ($shared.clusterDNS | default dict) ($global.clusterDNS | default dict)) -}}
{{- if not $shared.imagePullSecrets -}}{{- $_ := set $shared "imagePullSecrets" ($global.imagePullSecrets | default list) -}}{{- end -}}
{{- /* A tag of one's own is not to be passed over for a digest that is global. */ -}}
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

{{/* What of global.pillion and global.clusterDNS is heard besides config, each with the default that it takes the place of. */}}
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

{{/* Whether the first part of an image's name is a registry, as container engines tell it. Takes the name. */}}
{{- define "pillion-sidecar.namesRegistry" -}}
{{- $first := splitList "/" . | first -}}
{{- if and (contains "/" .) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}yes{{- end -}}
{{- end -}}

{{/*
Nothing, or an error where the templates are another version's than the values. Helm has one template of a name in a release, whichever
chart brought it: in an umbrella over two versions of the library, one would render for both.
*/}}
{{- define "pillion-sidecar.checkVersion" -}}
{{- $ours := include "pillion-sidecar.version" . -}}
{{- if ne (toString .libraryVersion) $ours -}}
{{- fail (printf "\n\npillion-sidecar: the values are of version %v of the library, and the templates of %s. Helm keeps one set of templates for a release: all of its charts need the same version of pillion-sidecar in Chart.yaml. Where an upgrade is the reason, use --reset-then-reuse-values instead of --reuse-values\n" .libraryVersion $ours) -}}
{{- end -}}
{{- end -}}

{{/* An IP address as it stands before a port. */}}
{{- define "pillion-sidecar.bracketed" -}}
{{- if contains ":" . }}[{{ . }}]{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- define "pillion-sidecar.loopback" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- ternary "::1" "127.0.0.1" (eq $v.ipFamily "IPv6") -}}
{{- end -}}

{{/* Namespace of the pods: the release's, or the one that the application chart puts its objects into, by the value that is the custom for it. */}}
{{- define "pillion-sidecar.namespace" -}}
{{- $own := .Values.namespaceOverride -}}
{{- if kindIs "string" $own -}}{{- $own | default .Release.Namespace -}}{{- else -}}{{- .Release.Namespace -}}{{- end -}}
{{- end -}}

{{/* Search domains of a pod, as the kubelet writes them for dnsPolicy ClusterFirst, and those of the values. A JSON list. */}}
{{- define "pillion-sidecar.searches" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $domain := $v.clusterDNS.domain -}}
{{- $searches := list -}}
{{- if $v.clusterDNS.enabled -}}
{{- $searches = list (printf "%s.svc.%s" (include "pillion-sidecar.namespace" .) $domain) (printf "svc.%s" $domain) $domain -}}
{{- end -}}
{{- concat $searches $v.resolver.searches | toJson -}}
{{- end -}}
