{{/*
A value as a literal of CEL, which writes text as JSON does. The members of a map have several types, so that the map is dyn. A map
{"cel()": TEXT} stands for an expression.
*/}}
{{- define "pillion.cel" -}}
{{- if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . -}}{{- $items = append $items (include "pillion.cel" .) -}}{{- end -}}
[{{- join ", " $items -}}]
{{- else if not (kindIs "map" .) -}}
{{- toJson . -}}
{{- else if hasKey . "cel()" -}}
{{- get . "cel()" -}}
{{- else -}}
{{- $members := list -}}
{{- range $key, $value := . -}}{{- $members = append $members (printf "%s: dyn(%s)" (toJson $key) (include "pillion.cel" $value)) -}}{{- end -}}
{ {{- join ", " $members -}} }
{{- end -}}
{{- end -}}

{{/* One operation of a patch. Takes (list PATH VALUE). */}}
{{- define "pillion.celAdd" -}}
[JSONPatch{op: "add", path: {{ index . 0 | toJson }}, value: {{ include "pillion.cel" (index . 1) }}}]
{{- end -}}

{{/* Operations that put items at the front of a list. Takes (list PATH ITEMS). */}}
{{- define "pillion.celPrepend" -}}
{{- $path := index . 0 -}}
{{- $operations := list -}}
{{- range $place, $item := index . 1 -}}{{- $operations = append $operations (include "pillion.celAdd" (list (printf "%s/%d" $path $place) $item)) -}}{{- end -}}
{{- join " +\n  " $operations -}}
{{- end -}}

{{/*
The container, changed by the pod's annotations as in `pillion-sidecar.podValues`. The quantities of resources are text, as in
annotations. Takes {root, v, native}.
*/}}
{{- define "pillion.celContainer" -}}
{{- $container := include "pillion-sidecar.renderContainer" . | fromYaml -}}
{{- $_ := set $container "image" (dict "cel()" (printf "variables.annotations[?\"pillion.dev/image\"].orValue(%s)" (toJson $container.image))) -}}
{{- $resources := $container.resources | default dict -}}
{{- range $kind, $named := dict "requests" (list "cpu" "memory") "limits" (list "memory") -}}
{{- $amounts := get $resources $kind | default dict -}}
{{- $members := list -}}
{{- range $name := concat $named (keys $amounts) | uniq | sortAlpha -}}
{{- $own := printf "variables.annotations[?\"pillion.dev/%s-%s\"]" $name (trimSuffix "s" $kind) -}}
{{- $default := "" -}}
{{- if hasKey $amounts $name -}}{{- $default = get $amounts $name | toJson | trimAll "\"" | toJson -}}{{- end -}}
{{- if not (has $name $named) -}}
{{- $members = append $members (printf "%s: %s" (toJson $name) $default) -}}
{{- else if $default -}}
{{- $members = append $members (printf "%s: string(%s.orValue(%s))" (toJson $name) $own $default) -}}
{{- else -}}
{{- $members = append $members (printf "?%s: %s" (toJson $name) $own) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $resources $kind (dict "cel()" (printf "{%s}" (join ", " $members))) -}}
{{- end -}}
{{- $_ := set $container "resources" $resources -}}
{{- include "pillion.cel" $container -}}
{{- end -}}
