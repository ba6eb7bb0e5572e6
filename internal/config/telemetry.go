package config

import "net"

// Telemetry says what those who operate servers and workers are told. Traces are configured by the
// variables of OpenTelemetry.
type Telemetry struct {
	// Listen is the address of /metrics, /healthz and /readyz, as HOST:PORT; empty is none.
	// Nobody is asked there who they are.
	Listen string `yaml:"listen"`
	// LogFormat is text or json; empty is text on a terminal and json elsewhere.
	LogFormat string `yaml:"log_format"`
}

// Formats of logs.
const (
	LogText = "text"
	LogJSON = "json"
)

func (t *Telemetry) validate(bad func(key, format string, args ...any)) {
	if t.Listen != "" {
		if _, _, err := net.SplitHostPort(t.Listen); err != nil {
			bad("telemetry.listen", "%q is not HOST:PORT", t.Listen)
		}
	}
	if f := t.LogFormat; f != "" && f != LogText && f != LogJSON {
		bad("telemetry.log_format", "%q is unknown: use %s or %s", f, LogText, LogJSON)
	}
}
