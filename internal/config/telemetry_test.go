package config_test

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/config"
)

func TestTelemetry(t *testing.T) {
	c := config.Default()
	c.Telemetry = config.Telemetry{Listen: "127.0.0.1:9090", LogFormat: "json"}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		c    config.Telemetry
		want string
	}{
		{config.Telemetry{Listen: "9090"}, "telemetry.listen"},
		{config.Telemetry{LogFormat: "xml"}, "telemetry.log_format"},
	} {
		c.Telemetry = test.c
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}
