package config_test

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/config"
)

func TestClamAV(t *testing.T) {
	for text, want := range map[string]string{
		"": " ", "unix:/run/clamd.sock": "unix /run/clamd.sock", "tcp:clamd.example:3310": "tcp clamd.example:3310", "tcp:[::1]:3310": "tcp [::1]:3310",
		config.DefaultClamd: "unix /run/clamav/clamd.ctl",
	} {
		c := config.Default()
		c.ClamAV.Address = text
		network, address := c.ClamAV.Socket()
		if err := c.Validate(); err != nil || network+" "+address != want {
			t.Errorf("%q: got %s %s, %v", text, network, address, err)
		}
	}
	for _, text := range []string{"/run/clamd.sock", "unix:", "tcp:clamd.example", "tcp:", "udp:x:1", "localhost:3310"} {
		c := config.Default()
		c.ClamAV.Address = text
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "clamav.address") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
