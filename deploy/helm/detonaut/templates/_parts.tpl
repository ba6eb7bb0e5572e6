{{- define "detonaut.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "detonaut.secret" -}}
{{ .Values.secret | default (printf "%s-secret" (include "detonaut.name" .)) }}
{{- end }}

{{- define "detonaut.labels" -}}
app.kubernetes.io/name: detonaut
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "detonaut.selector" -}}
app.kubernetes.io/name: detonaut
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "detonaut.image" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* The store, in variables: passwords are not in the configuration. */}}
{{- define "detonaut.env" -}}
- name: DETONAUT_STORE_DATABASE
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.secret }}
      key: {{ .Values.database.key }}
- name: DETONAUT_STORE_BLOBS
  value: {{ .Values.blobs.url | quote }}
{{- if .Values.blobs.secret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.blobs.secret }}
      key: {{ . }}
{{- end }}
{{- end }}
- name: DETONAUT_STATIC_SALT
  value: /etc/detonaut-secret/salt
- name: DETONAUT_TELEMETRY_LISTEN
  value: ":9090"
- name: DETONAUT_TELEMETRY_LOG_FORMAT
  value: json
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "detonaut.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 8
{{- end }}

{{- define "detonaut.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
