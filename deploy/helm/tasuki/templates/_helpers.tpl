{{- define "tasuki.name" -}}
{{- if contains "tasuki" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-tasuki{{ end -}}
{{- end }}

{{- define "tasuki.selector" -}}
app.kubernetes.io/name: tasuki
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "tasuki.labels" -}}
app.kubernetes.io/name: tasuki
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "tasuki.configMap" -}}
{{- .Values.existingConfigMap | default (printf "%s-config" (include "tasuki.name" .)) -}}
{{- end }}

{{- /* The port of a part's web server, as tasuki.toml must have it. */ -}}
{{- define "tasuki.port" -}}
{{- if eq . "sync" }}8080{{ else }}8081{{ end -}}
{{- end }}

{{- /* What a part needs so that requests may be sent to it; the rest of its health is for alerts. */ -}}
{{- define "tasuki.needs" -}}
{{- if eq . "sync" }}log{{ else }}store{{ end -}}
{{- end }}
