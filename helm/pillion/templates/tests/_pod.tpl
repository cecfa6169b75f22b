{{/*
A pod that asks for a name over TCP, then over UDP: by the Service, whose address the kubelet puts in place of the variable, or in mode
workload by a Pillion of its own. It is none of the release's pods to the Service and the policies, which select by two labels. It has the
labels and annotations of the pods, which may be what keeps a mesh's proxy away: one that never ends.
*/}}
{{- define "pillion.testPod" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $metadata := include "pillion.metadata" . | fromYaml -}}
{{- $_ := set $metadata "name" (printf "%s-test" $metadata.name) -}}
{{- $_ := set $metadata.labels "app.kubernetes.io/name" (printf "%s-test" (include "pillion.name" .)) -}}
{{- $_ := set $metadata "labels" (merge $metadata.labels .Values.podLabels) -}}
{{- $hook := dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- $hook = merge $hook .Values.podAnnotations -}}
{{- $server := include "pillion-sidecar.loopback" . -}}
{{- if ne .Values.mode "workload" -}}
{{- $server = printf "$(%s_SERVICE_HOST)" (include "pillion.fullname" . | upper | replace "-" "_") -}}
{{- end -}}
{{- if eq $v.ipFamily "IPv6" -}}{{- $server = printf "[%s]" $server -}}{{- end -}}
metadata:
  {{- include "pillion.annotated" (dict "metadata" (toYaml $metadata) "annotations" $hook) | nindent 2 }}
spec:
  # Nodes learn of a new Service a moment after its pods, and an earlier query finds no route. So it is sent again.
  restartPolicy: OnFailure
  activeDeadlineSeconds: 60
  automountServiceAccountToken: false
  enableServiceLinks: true
  {{- with concat .Values.imagePullSecrets $v.imagePullSecrets | uniq }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "pillion.restricted" .Values.podSecurityContext | nindent 4 }}
  {{- range $key, $transport := dict "initContainers" "tcp" "containers" "udp" }}
  {{ $key }}:
    - name: {{ $transport }}
      image: {{ include "pillion-sidecar.image" $v | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [query, {{ $.Values.test.name | quote }}, --{{ $transport }}, --require-answer, --server, {{ printf "%s:53" $server | quote }}]
      resources:
        {{- toYaml $v.resources | nindent 8 }}
      securityContext:
        {{- include "pillion-sidecar.securityContext" $v | nindent 8 }}
  {{- end }}
{{- end -}}
