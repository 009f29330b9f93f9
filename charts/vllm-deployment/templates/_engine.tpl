{{/* The engine's command line, environment and volumes. */}}

{{/* Kubernetes expands $(NAME) in arguments: a dollar that is meant as one is doubled. */}}
{{- define "vllm.literal" -}}
{{- . | default "" | toString | replace "$" "$$" -}}
{{- end }}

{{/* A number as it was written: 131072, not 1.31072e+05. */}}
{{- define "vllm.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end }}

{{/* engine.* as flags, in the order of their names: one list of words. */}}
{{- define "vllm.engineArgs" -}}
{{- $args := list -}}
{{- $engine := .Values.engine -}}
{{- range $name, $flag := .Files.Get "files/engine-flags.yaml" | fromYaml -}}
  {{- $value := index $engine $name -}}
  {{- if kindIs "bool" $value -}}
    {{- $args = append $args (ternary $flag (replace "--" "--no-" $flag) $value) -}}
  {{- else if not (kindIs "invalid" $value) -}}
    {{- if eq $name "toolCallParser" -}}{{- $args = append $args "--enable-auto-tool-choice" -}}{{- end -}}
    {{- $args = concat $args (list $flag (include "vllm.text" $value)) -}}
  {{- end -}}
{{- end -}}
{{- $args | toJson -}}
{{- end }}

{{/* The model first, then flags: vLLM takes --served-model-name only behind the model. */}}
{{- define "vllm.args" -}}
{{- $version := include "vllm.version" . -}}
{{- $args := list (include "vllm.literal" .Values.model.source) "--served-model-name" (include "vllm.literal" .Values.model.servedName) -}}
{{- with .Values.model.revision -}}{{- $args = concat $args (list "--revision" (toString .)) -}}{{- end -}}
{{- $args = concat $args (include "vllm.engineArgs" . | fromJsonArray) -}}
{{- if and .Values.drain.shutdownTimeoutSeconds (semverCompare ">=0.18.0" $version) -}}
  {{- $args = concat $args (list "--shutdown-timeout" (.Values.drain.shutdownTimeoutSeconds | int | toString)) -}}
{{- end -}}
{{- if semverCompare ">=0.16.0" $version -}}
  {{- $args = concat $args (list "--disable-access-log-for-endpoints" "/health,/metrics,/ping") -}}
{{- end -}}
{{- concat $args .Values.engine.extraArgs | toYaml -}}
{{- end }}

{{/* Whatever writes at run time writes below /cache: an unknown user has no home, and the root file system is read-only. */}}
{{- define "vllm.ownEnv" -}}
- {name: HOME, value: /cache}
- {name: USER, value: vllm}
- {name: XDG_CACHE_HOME, value: /cache/.cache}
- {name: XDG_CONFIG_HOME, value: /cache/.config}
- {name: XDG_DATA_HOME, value: /cache/.local/share}
- {name: HF_HOME, value: /cache/huggingface}
- {name: VLLM_CACHE_ROOT, value: /cache/vllm}
- {name: VLLM_CONFIG_ROOT, value: /cache/.config/vllm}
- {name: TRITON_CACHE_DIR, value: /cache/triton}
- {name: TORCHINDUCTOR_CACHE_DIR, value: /cache/torchinductor}
- {name: VLLM_NO_USAGE_STATS, value: "1"}
{{- if .Values.offline }}
- {name: HF_HUB_OFFLINE, value: "1"}
- {name: TRANSFORMERS_OFFLINE, value: "1"}
{{- end }}
{{- with .Values.hfToken.existingSecret }}
- name: HF_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- include "vllm.apiKeyEnv" . }}
{{- end }}

{{- define "vllm.apiKeyEnv" -}}
{{- with .Values.apiKey.existingSecret }}
- name: VLLM_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}

{{- define "vllm.cacheVolume" -}}
{{- $cache := .Values.cache -}}
- name: cache
{{- if eq $cache.type "pvc" }}
  persistentVolumeClaim: {claimName: {{ .Release.Name }}}
{{- else if eq $cache.type "existing" }}
  persistentVolumeClaim: {claimName: {{ $cache.existingClaim }}}
{{- else if eq $cache.type "hostPath" }}
  hostPath: {path: {{ $cache.hostPath | quote }}, type: Directory}
{{- else if $cache.sizeLimit }}
  emptyDir: {sizeLimit: {{ $cache.sizeLimit }}}
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}

{{/* /health asks whether the engine's process lives; only a generation shows that it works. */}}
{{- define "vllm.startupProbe" -}}
{{- $probe := .Values.probes.startup -}}
{{- if $probe.generation }}
exec:
  command:
    - python3
    - -c
    - |
      {{- .Files.Get "files/startup-probe.py" | trim | nindent 6 }}
    - {{ include "vllm.literal" .Values.model.servedName | toJson }}
    - "8000"
    # The script ends before Kubernetes ends it, so that there is a sentence in the event.
    - {{ sub (int $probe.timeoutSeconds) 1 | quote }}
{{- else }}
httpGet: {path: {{ $probe.path }}, port: http}
{{- end }}
periodSeconds: {{ int $probe.periodSeconds }}
failureThreshold: {{ include "vllm.startupFailureThreshold" . }}
timeoutSeconds: {{ int $probe.timeoutSeconds }}
{{- end }}

{{- define "vllm.healthProbe" -}}
httpGet: {path: {{ .path }}, port: http}
periodSeconds: {{ int .periodSeconds }}
failureThreshold: {{ int .failureThreshold }}
timeoutSeconds: {{ int .timeoutSeconds }}
{{- end }}

{{- define "vllm.resources" -}}
{{- $gpus := include "vllm.gpus" . | int -}}
{{- $gpu := ternary (dict .Values.gpu.resourceName $gpus) dict (gt $gpus 0) -}}
{{- $resources := dict "requests" (merge dict $gpu .Values.resources.requests) "limits" (merge dict $gpu .Values.resources.limits) -}}
{{- toYaml $resources -}}
{{- end }}

{{/* A constraint without a labelSelector is about this release, and within it about one revision of its pods. */}}
{{- define "vllm.topologySpreadConstraints" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "vllm.selectorLabels" . | fromYaml)) "matchLabelKeys" (list "pod-template-hash") -}}
{{- $all := list -}}
{{- range .Values.topologySpreadConstraints -}}
  {{- if hasKey . "labelSelector" -}}
    {{- $all = append $all . -}}
  {{- else -}}
    {{- $all = append $all (merge (deepCopy .) $own) -}}
  {{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}
