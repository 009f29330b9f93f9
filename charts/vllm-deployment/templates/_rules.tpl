{{/* What one value alone cannot tell (values.schema.json tells that): values that contradict each other. Each rule is a line. */}}

{{- define "vllm.check" -}}
{{- $problems := "" -}}
{{- range list "name" "model" "image" "extraArgs" "env" "gpu" "memory" "rollout" "probes" "drain" "cache" "labels" "metrics" -}}
  {{- $problems = cat $problems (include (printf "vllm.rules.%s" .) $) -}}
{{- end -}}
{{- with trim $problems -}}
  {{- fail (printf "these values cannot be deployed:\n%s" (regexReplaceAll "\\s*\n\\s*" . "\n")) -}}
{{- end -}}
{{- end }}

{{- define "vllm.rules.name" -}}
{{- $name := .Release.Name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
- release {{ $name }}: the Service takes this name, so it must begin with a letter and hold only lower-case letters, digits and "-"
{{- end }}
{{- if gt (len $name) 53 }}
- release {{ $name }} has {{ len $name }} characters: take at most 53
{{- end }}
{{- if or (eq $name "vllm") (hasPrefix "vllm-" $name) }}
- release {{ $name }}: Kubernetes would give {{ $name | upper | replace "-" "_" }}_PORT and the like to other pods of the namespace, and vLLM reads VLLM_*: take another name, e.g. that of the model
{{- end }}
{{- end }}

{{- define "vllm.rules.model" -}}
{{- $model := .Values.model -}}
{{- if not $model.source }}
- model.source is not set: give the hub id or the path of the model
{{- end }}
{{- if not $model.servedName }}
- model.servedName is not set: give the name that clients send
{{- end }}
{{- if and (eq .Values.environment "production") (not $model.revision) (not (hasPrefix "/" (default "" $model.source))) }}
- model.revision is not set: production needs a commit or tag of the model, since its main branch moves
{{- end }}
{{- end }}

{{- define "vllm.rules.image" -}}
{{- $image := .Values.image -}}
{{- if and $image.tag $image.digest }}
- image.tag and image.digest are both set: a digest alone says what runs; set image.tag to null
{{- else if not (or $image.tag $image.digest) }}
- neither image.tag nor image.digest is set: give one of them
{{- end }}
{{- if and (eq .Values.environment "production") (eq (toString $image.tag) "latest") }}
- image.tag latest is another image tomorrow: production needs a version or a digest
{{- end }}
{{- end }}

{{/* Flag names as vLLM reads them: cut at =, underscores are dashes, --no-x is about --x, and a beginning that fits one flag is that flag. */}}
{{- define "vllm.rules.extraArgs" -}}
{{- $args := .Values.engine.extraArgs -}}
{{- $advice := .Files.Get "files/refused-flags.yaml" | fromYaml -}}
{{- range $name, $flag := .Files.Get "files/engine-flags.yaml" | fromYaml -}}
  {{- $advice = set $advice $flag (printf "set engine.%s" $name) -}}
{{- end -}}
{{- if and $args (not (hasPrefix "-" (first $args))) }}
- engine.extraArgs begins with {{ first $args | quote }}, which vLLM would take for a second model: the first word must be a flag
{{- end }}
{{- range $arg := $args }}
  {{- $flag := regexFind "^--?[A-Za-z][A-Za-z0-9_.-]*" $arg | replace "_" "-" | replace "--no-" "--" }}
  {{- if and $flag (regexMatch "^[^=]*\\s" $arg) }}
- engine.extraArgs holds {{ quote $arg }} as one word: write the flag and its value as two, or with =
  {{- end }}
  {{- range $refused, $instead := $advice }}
    {{- if and $flag (or (eq $flag $refused) (and (hasPrefix "--" $flag) (hasPrefix $flag $refused))) }}
- engine.extraArgs holds {{ $arg }} ({{ $refused }}): {{ $instead }}
    {{- end }}
  {{- end }}
  {{- if and (has $flag (list "--data-parallel-size" "-dp" "--prefill-context-parallel-size" "-pcp")) (kindIs "invalid" $.Values.gpu.count) }}
- engine.extraArgs holds {{ $arg }}, which multiplies the GPUs of a pod: set gpu.count to the product
  {{- end }}
{{- end }}
{{- if and $.Values.probes.startup.generation (regexMatch "--runner[ =]pooling" (join " " $args)) }}
- engine.extraArgs makes a pooling server, which does not generate: set probes.startup.generation to false
{{- end }}
{{- end }}

{{- define "vllm.rules.env" -}}
{{- $known := concat (splitList "\n" (.Files.Get "files/vllm-environment.txt")) .Values.engine.extraEnvNames -}}
{{- $own := dict "VLLM_API_KEY" "apiKey.existingSecret" "HF_TOKEN" "hfToken.existingSecret" "HUGGING_FACE_HUB_TOKEN" "hfToken.existingSecret" "HF_HUB_OFFLINE" "offline" "TRANSFORMERS_OFFLINE" "offline" -}}
{{- $set := list -}}
{{- range include "vllm.ownEnv" . | fromYamlArray -}}{{- $set = append $set .name -}}{{- end -}}
{{- range .Values.env }}
  {{- if hasKey $own .name }}
- env sets {{ .name }}: set {{ index $own .name }} instead
  {{- else if has .name $set }}
- env sets {{ .name }}, which is already set: each name may be set once
  {{- end }}
  {{- $set = append $set .name }}
  {{- if eq .name "VLLM_SERVER_DEV_MODE" }}
- env sets VLLM_SERVER_DEV_MODE: it opens routes that stop and change the server to anyone, without a key; it is not deployed
  {{- else if and (hasPrefix "VLLM_" .name) (not (has .name $known)) }}
- env sets {{ .name }}, which vLLM does not read: {{ include "vllm.envAdvice" . }}
  {{- end }}
  {{- if and .value (regexMatch "(TOKEN|PASSWORD|SECRET|API_KEY|CREDENTIALS)$" .name) }}
- env holds the value of {{ .name }}: a secret belongs in a Secret, given by valueFrom.secretKeyRef
  {{- end }}
{{- end }}
{{- end }}

{{/* VLLM_TENSOR_PARALLEL_SIZE was meant as engine.tensorParallelSize. */}}
{{- define "vllm.envAdvice" -}}
{{- $value := .name | trimPrefix "VLLM_" | lower | camelcase | untitle -}}
{{- printf "its settings are flags; set engine.%s if there is such a value, else engine.extraArgs (a name that your image does read goes into engine.extraEnvNames)" $value -}}
{{- end }}

{{- define "vllm.rules.gpu" -}}
{{- $gpus := include "vllm.gpus" . | int -}}
{{- $world := include "vllm.worldSize" . | int -}}
{{- if and (gt $gpus 0) (lt $gpus $world) }}
- gpu.count is {{ $gpus }}, but tensorParallelSize x pipelineParallelSize needs {{ $world }}
{{- end }}
{{- if and (ne $gpus 1) (eq (toString .Values.shm.enabled) "false") }}
- shm.enabled is false, but {{ ternary "a CPU engine" (printf "%d GPUs" $gpus) (eq $gpus 0) }} cannot share 64Mi at /dev/shm: leave it null
{{- end }}
{{- end }}

{{/* A quantity of memory in MiB, rounded down; empty when it is not set. */}}
{{- define "vllm.mebibytes" -}}
{{- $text := . | default "" | toString -}}
{{- $units := dict "" 0.00000095367431640625 "k" 0.00095367431640625 "Ki" 0.0009765625 "M" 0.95367431640625 "Mi" 1.0 "G" 953.67431640625 "Gi" 1024.0 "T" 953674.31640625 "Ti" 1048576.0 -}}
{{- if $text -}}
{{- mulf (regexFind "^[0-9.]+([eE][+][0-9]+)?" $text | float64) (index $units (regexFind "[kKMGT]i?$" $text)) | floor | int64 -}}
{{- end -}}
{{- end }}

{{- define "vllm.rules.memory" -}}
{{- $limit := include "vllm.mebibytes" .Values.resources.limits.memory -}}
{{- $request := include "vllm.mebibytes" .Values.resources.requests.memory -}}
{{- $shm := include "vllm.shm" . -}}
{{- if and $limit $request (gt (int64 $request) (int64 $limit)) }}
- resources.requests.memory {{ .Values.resources.requests.memory }} is above resources.limits.memory {{ .Values.resources.limits.memory }}
{{- end }}
{{- if and $limit $shm (ge (include "vllm.mebibytes" $shm | int64) (int64 $limit)) }}
- resources.limits.memory {{ .Values.resources.limits.memory }} leaves nothing beside /dev/shm ({{ $shm }}), which counts against it: raise it, or set shm.sizeLimit
{{- end }}
{{- end }}

{{- define "vllm.rules.rollout" -}}
{{- $rollout := .Values.rollout -}}
{{- $window := include "vllm.startupWindow" . | int -}}
{{- $floor := max $window (int $rollout.minReadySeconds) -}}
{{- if le (include "vllm.progressDeadline" . | int) $floor }}
- rollout.progressDeadlineSeconds is {{ $rollout.progressDeadlineSeconds }}, but a pod may take {{ $window }} s to start and must then be ready for {{ $rollout.minReadySeconds }} s: give more than {{ $floor }}, or null
{{- end }}
{{- $zero := list "0" "0%" -}}
{{- if and (eq $rollout.strategy "RollingUpdate") (has (toString $rollout.maxSurge) $zero) (has (toString $rollout.maxUnavailable) $zero) }}
- rollout.maxSurge and rollout.maxUnavailable are both 0, so no pod could ever be replaced: set one of them to 1
{{- end }}
{{- end }}

{{- define "vllm.rules.probes" -}}
{{- range $name, $probe := .Values.probes }}
  {{- if gt (int $probe.timeoutSeconds) (int $probe.periodSeconds) }}
- probes.{{ $name }}.timeoutSeconds is {{ $probe.timeoutSeconds }}, longer than its period of {{ $probe.periodSeconds }} s
  {{- end }}
{{- end }}
{{- end }}

{{- define "vllm.rules.drain" -}}
{{- $drain := .Values.drain -}}
{{- $needed := add (int $drain.preStopSeconds) (int $drain.shutdownTimeoutSeconds) -}}
{{- if le (int64 $drain.terminationGracePeriodSeconds) $needed }}
- drain.terminationGracePeriodSeconds is {{ $drain.terminationGracePeriodSeconds }}, but preStopSeconds and shutdownTimeoutSeconds take {{ $needed }} s together: give more (10 s more is good)
{{- end }}
{{- end }}

{{- define "vllm.rules.cache" -}}
{{- $cache := .Values.cache -}}
{{- $rollout := .Values.rollout -}}
{{- if and (eq $cache.type "existing") (not $cache.existingClaim) }}
- cache.type is existing, but cache.existingClaim is not set: name the claim
{{- end }}
{{- if and (eq $cache.type "hostPath") (not $cache.hostPath) }}
- cache.type is hostPath, but cache.hostPath is not set: name the folder of the node
{{- end }}
{{- if and (has $cache.type (list "pvc" "existing")) (hasPrefix "ReadWriteOnce" $cache.accessMode) }}
  {{- if gt (int .Values.replicas) 1 }}
- cache.accessMode {{ $cache.accessMode }} serves one pod, but replicas is {{ .Values.replicas }}: use ReadWriteMany, or one replica
  {{- else if and (eq $rollout.strategy "RollingUpdate") (not (has (toString $rollout.maxSurge) (list "0" "0%"))) }}
- cache.accessMode {{ $cache.accessMode }} serves one pod, but a rolling update runs two for a while: set rollout.strategy to Recreate, or use ReadWriteMany
  {{- end }}
{{- end }}
{{- if and .Values.offline (eq $cache.type "none") (not (hasPrefix "/" (default "" .Values.model.source))) }}
- offline is true, but nothing holds the model: set cache.type to a volume that has it, or model.source to a path of the image
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
- serviceAccount.create is false and serviceAccount.name is not set: name the account
{{- end }}
{{- end }}

{{- define "vllm.rules.labels" -}}
{{- $own := include "vllm.podLabels" . | fromYaml -}}
{{- range $name, $value := .Values.podLabels }}
  {{- if hasKey $own $name }}
- podLabels sets {{ $name }}, which the chart sets: Service and Deployment find their pods by such labels
  {{- end }}
{{- end }}
{{- end }}

{{- define "vllm.rules.metrics" -}}
{{- if .Values.serviceMonitor.enabled -}}
  {{- $timeout := trimSuffix "s" .Values.serviceMonitor.scrapeTimeout | int -}}
  {{- if gt $timeout (trimSuffix "s" .Values.serviceMonitor.interval | int) }}
- serviceMonitor.scrapeTimeout {{ .Values.serviceMonitor.scrapeTimeout }} is longer than its interval {{ .Values.serviceMonitor.interval }}
  {{- end }}
  {{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.from.namespaces) (not .Values.networkPolicy.from.cidrs) }}
- serviceMonitor is enabled, but the NetworkPolicy lets nobody in to scrape: add the namespace of Prometheus to networkPolicy.from.namespaces
  {{- end }}
  {{- if has "--disable-log-stats" .Values.engine.extraArgs }}
- serviceMonitor is enabled, but --disable-log-stats in engine.extraArgs removes every metric of vLLM: leave it out
  {{- end }}
{{- end -}}
{{- end }}
