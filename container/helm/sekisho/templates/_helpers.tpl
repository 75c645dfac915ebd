{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "sekisho.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "sekisho.fullname" -}}
{{- $name := include "sekisho.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that choose pods: (dict "root" $ "component" "gateway"). */}}
{{- define "sekisho.selector" -}}
app.kubernetes.io/name: {{ include "sekisho.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "sekisho.labels" -}}
{{ include "sekisho.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "sekisho.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "sekisho.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sekisho.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Where clients in the cluster find it. */}}
{{- define "sekisho.url" -}}
http://{{ include "sekisho.fullname" . }}.{{ .Release.Namespace }}.svc.cluster.local:{{ .Values.service.port }}
{{- end -}}

{{/* Without a privilege, a writable root or a token. */}}
{{- define "sekisho.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "sekisho.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "sekisho.scheduling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "sekisho.hasExtra" -}}
{{- if or .Values.allowlist.extra .Values.allowlist.existingConfigMap }}yes{{ end -}}
{{- end -}}

{{/* A value as sekisho.conf has it: YAML reads on and off as booleans, and big
     numbers as floating ones. */}}
{{- define "sekisho.value" -}}
{{- if kindIs "bool" . -}}{{ ternary "on" "off" . }}
{{- else if kindIs "float64" . -}}{{ int64 . }}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . -}}{{- $items = append $items (include "sekisho.value" .) -}}{{- end -}}
{{ join ", " $items }}
{{- else -}}{{ . }}
{{- end -}}
{{- end -}}

{{/* Names of the admin port's Service: browsers ask for the status page by them. */}}
{{- define "sekisho.adminNames" -}}
{{- $name := printf "%s-admin" (include "sekisho.fullname" .) -}}
{{- $long := printf "%s.%s" $name .Release.Namespace -}}
{{- list $name $long (printf "%s.svc" $long) (printf "%s.svc.cluster.local" $long) | toJson -}}
{{- end -}}

{{/* What the chart decides itself, by section. */}}
{{- define "sekisho.ownConfig" -}}
gateway:
  regions: {{ toJson .Values.regions }}
  {{- with .Values.allowlist.features }}
  features: {{ toJson . }}
  {{- end }}
  {{- with .Values.allowlist.sets }}
  sets: {{ toJson . }}
  {{- end }}
  {{- if include "sekisho.hasExtra" . }}
  extra: /run/sekisho/extra/extra.ini
  {{- end }}
  watch_files: "on"
listener cluster:
  address: {{ printf "%s:3128" .Values.listener.address | quote }}
  {{- with .Values.listener.clients }}
  clients: {{ toJson . }}
  {{- end }}
  {{- with .Values.listener.protocols }}
  protocols: {{ toJson . }}
  {{- end }}
  {{- if .Values.listener.proxyProtocol }}
  proxy_protocol: "on"
  {{- end }}
  {{- if .Values.auth.enabled }}
  auth: basic
  credentials: /run/sekisho/credentials/users
  {{- end }}
{{- if .Values.tls.existingSecret }}
listener tls:
  address: {{ printf "%s:3443" .Values.listener.address | quote }}
  tls_certificate: /run/sekisho/tls/tls.crt
  tls_key: /run/sekisho/tls/tls.key
  {{- if .Values.tls.clientCA }}
  tls_client_ca: /run/sekisho/tls/ca.crt
  {{- end }}
  {{- with .Values.listener.clients }}
  clients: {{ toJson . }}
  {{- end }}
  {{- if .Values.auth.enabled }}
  auth: basic
  credentials: /run/sekisho/credentials/users
  {{- end }}
{{- end }}
{{- with .Values.parent.url }}
upstream:
  parent: {{ quote . }}
  {{- if $.Values.parent.existingSecret }}
  parent_password_file: /run/sekisho/parent/password
  {{- end }}
{{- end }}
admin:
  address: {{ printf "%s:3129" .Values.listener.address | quote }}
  names: {{ toJson (concat (include "sekisho.adminNames" . | fromJsonArray) .Values.admin.names) }}
shutdown:
  drain: {{ int .Values.drainSeconds }}s
{{- end -}}

{{/* sekisho.conf */}}
{{- define "sekisho.conf" -}}
{{- $own := include "sekisho.ownConfig" . | fromYaml -}}
{{- $all := deepCopy $own -}}
{{- range $section, $keys := .Values.config -}}
{{- $there := get $all $section | default dict -}}
{{- range $key, $value := $keys -}}
{{- if hasKey $there $key -}}
{{- fail (printf "config: %q.%s is made from other values of this chart: set those" $section $key) -}}
{{- end -}}
{{- $_ := set $there $key $value -}}
{{- end -}}
{{- $_ := set $all $section $there -}}
{{- end -}}
{{- range $section, $keys := $all }}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{ $key }} = {{ include "sekisho.value" $value }}
{{- end }}
{{ end -}}
{{- end -}}

{{/* Values that go together, or not. */}}
{{- define "sekisho.check" -}}
{{- if not .Values.regions -}}
{{- fail "regions: must be set, for example --set regions={us-1}" -}}
{{- end -}}
{{- if ge (int .Values.drainSeconds) (int .Values.terminationGracePeriodSeconds) -}}
{{- fail (printf "drainSeconds (%d) must be less than terminationGracePeriodSeconds (%d): the kubelet would kill tunnels that are ending" (int .Values.drainSeconds) (int .Values.terminationGracePeriodSeconds)) -}}
{{- end -}}
{{- if and .Values.auth.enabled (not .Values.auth.existingSecret) -}}
{{- fail "auth.existingSecret: must name a Secret with the key users (lines of sekisho-proxy --hash-password=USER)" -}}
{{- end -}}
{{- if and .Values.auth.enabled (or .Values.preflight.enabled .Values.watch.enabled) (not .Values.preflight.proxySecret) -}}
{{- fail "preflight.proxySecret: with auth it must name a Secret with the key url, http://USER:PASSWORD@SERVICE:3128; or set preflight.enabled=false and watch.enabled=false" -}}
{{- end -}}
{{- if and .Values.tls.clientCA (not .Values.tls.existingSecret) -}}
{{- fail "tls.clientCA: tls.existingSecret is not set" -}}
{{- end -}}
{{- if and .Values.parent.existingSecret (not .Values.parent.url) -}}
{{- fail "parent.existingSecret: parent.url is not set" -}}
{{- end -}}
{{- if and .Values.allowlist.extra .Values.allowlist.existingConfigMap -}}
{{- fail "allowlist: extra and existingConfigMap exclude each other" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enforce.enabled (not .Values.networkPolicy.enforce.apiServerCIDRs) -}}
{{- fail "networkPolicy.enforce.apiServerCIDRs: must be set, or the controllers lose the API server: kubectl get service,endpoints kubernetes" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling: minReplicas is more than maxReplicas" -}}
{{- end -}}
{{- end -}}

{{/* The diagnosis through the gateway: command, and environment with auth. */}}
{{- define "sekisho.diagCommand" -}}
{{- $values := .root.Values -}}
command: [/usr/bin/sekisho-diag, {{ .command }}]
args:
  - --region={{ join "," $values.regions }}
  {{- range $values.allowlist.features }}
  - --feature={{ . }}
  {{- end }}
  {{- if not $values.auth.enabled }}
  - --proxy={{ include "sekisho.url" .root }}
  {{- end }}
  {{- range .args }}
  - {{ quote . }}
  {{- end }}
{{- if $values.auth.enabled }}
env:
  - name: HTTPS_PROXY
    valueFrom:
      secretKeyRef:
        name: {{ $values.preflight.proxySecret }}
        key: url
{{- end }}
{{- end -}}
