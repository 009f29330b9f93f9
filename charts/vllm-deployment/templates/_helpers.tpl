{{/* Names, labels and numbers that several objects share. Every object is called like the release. */}}

{{/* What the Service and the Deployment select by: never changes, since a Deployment's selector cannot. */}}
{{- define "vllm.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of pods: also what the model is, but nothing of the chart's version, which would restart them. */}}
{{- define "vllm.podLabels" -}}
{{ include "vllm.selectorLabels" . }}
inference.vllm/model: {{ include "vllm.labelValue" .Values.model.servedName | quote }}
inference.vllm/environment: {{ .Values.environment }}
{{- end }}

{{- define "vllm.labels" -}}
{{ include "vllm.podLabels" . }}
app.kubernetes.io/version: {{ include "vllm.labelValue" (.Values.image.tag | default (.Values.image.digest | default "" | trimPrefix "sha256:" | trunc 12)) | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Test pods have another name than the Service selects. */}}
{{- define "vllm.testLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Any text as a label's value: other characters become -, at most 63 of them. */}}
{{- define "vllm.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9._-]+" (. | default "" | toString) "-" | trunc 63 | trimAll "-._" -}}
{{- end }}

{{- define "vllm.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end -}}
{{- end -}}
{{- end }}

{{/* vLLM's version as far as it is known: said, read from the tag, or the one the chart was made for. */}}
{{- define "vllm.version" -}}
{{- $said := .Values.engine.version | default .Values.image.tag | default "" | toString -}}
{{- regexFind "[0-9]+\\.[0-9]+(\\.[0-9]+)?" (regexFind "^v?[0-9]+\\.[0-9]+(\\.[0-9]+)?" $said) | default .Chart.AppVersion -}}
{{- end }}

{{- define "vllm.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Release.Name }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{- define "vllm.host" -}}
{{ .Release.Name }}.{{ .Release.Namespace }}.svc.{{ .Values.service.clusterDomain }}
{{- end }}

{{/* GPUs of one pod. */}}
{{- define "vllm.gpus" -}}
{{- if kindIs "invalid" .Values.gpu.count -}}
{{- include "vllm.worldSize" . -}}
{{- else -}}
{{- .Values.gpu.count | int -}}
{{- end -}}
{{- end }}

{{/* Workers of the engine: tensor times pipeline parallel size. */}}
{{- define "vllm.worldSize" -}}
{{- mul (.Values.engine.tensorParallelSize | default 1 | int) (.Values.engine.pipelineParallelSize | default 1 | int) -}}
{{- end }}

{{/* Size of /dev/shm, empty when the container runtime's 64Mi will do. */}}
{{- define "vllm.shm" -}}
{{- $gpus := include "vllm.gpus" . | int -}}
{{- if ternary (ne $gpus 1) .Values.shm.enabled (kindIs "invalid" .Values.shm.enabled) -}}
{{- .Values.shm.sizeLimit | default (printf "%dGi" (mul 2 (max 1 $gpus))) -}}
{{- end -}}
{{- end }}

{{- define "vllm.startupFailureThreshold" -}}
{{- .Values.probes.startup.failureThreshold | default (ternary 40 20 (eq .Values.model.size "large")) -}}
{{- end }}

{{/* Seconds that a pod may take to start before it is restarted. */}}
{{- define "vllm.startupWindow" -}}
{{- mul (include "vllm.startupFailureThreshold" . | int) (.Values.probes.startup.periodSeconds | int) -}}
{{- end }}

{{/* Seconds without progress after which the rollout counts as failed: above the startup window, with time for the old pod and the image. */}}
{{- define "vllm.progressDeadline" -}}
{{- if .Values.rollout.progressDeadlineSeconds -}}
{{- .Values.rollout.progressDeadlineSeconds | int -}}
{{- else -}}
{{- add (include "vllm.startupWindow" . | int) (.Values.drain.terminationGracePeriodSeconds | int) (.Values.rollout.minReadySeconds | int) 300 -}}
{{- end -}}
{{- end }}

{{/* A null switch and what it means: "true" or "". Called with (list value meaning). */}}
{{- define "vllm.switch" -}}
{{- if ternary (last .) (first .) (kindIs "invalid" (first .)) }}true{{ end -}}
{{- end }}

{{- define "vllm.podSecurityContext" -}}
runAsNonRoot: true
{{- range $name := list "runAsUser" "runAsGroup" "fsGroup" }}
{{- $value := index $.Values.securityContext $name }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ $value | int64 }}
{{- end }}
{{- end }}
{{- if not (kindIs "invalid" .Values.securityContext.fsGroup) }}
# A volume with hundreds of GiB is not walked again on every start.
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "vllm.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ .Values.securityContext.readOnlyRootFilesystem }}
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where pods run: the same for the engine and for what must run beside it. */}}
{{- define "vllm.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
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
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}
