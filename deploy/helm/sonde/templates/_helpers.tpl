{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- define "sonde.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sonde.account" -}}
{{- default (include "sonde.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "sonde.selector" -}}
app.kubernetes.io/name: sonde
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sonde.labels" -}}
{{ include "sonde.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "sonde.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "sonde.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
fsGroup: 65534
seccompProfile:
  {{- toYaml .Values.seccompProfile | nindent 2 }}
{{- end -}}

{{- define "sonde.containerSecurity" -}}
allowPrivilegeEscalation: {{ .Values.allowPrivilegeEscalation }}
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  add:
    {{- toYaml .Values.capabilities | nindent 4 }}
    {{- if .Values.hostPID }}
    - SYS_PTRACE
    - DAC_READ_SEARCH
    {{- end }}
{{- end -}}

{{- define "sonde.port" -}}
{{- regexReplaceAll "^.*:" .Values.config.listen "" -}}
{{- end -}}

{{- define "sonde.probe" -}}
httpGet:
  path: {{ index . 1 }}
  port: metrics
{{- end -}}
