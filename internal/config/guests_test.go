package config_test

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/config"
)

func TestGuests(t *testing.T) {
	c := config.Default()
	c.Guests = config.Guests{Registries: []string{"registry.internal:5000", "10.0.0.0/8"}, Receivers: []string{"*.example.com"}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Guests = config.Guests{Registries: []string{"https://registry.internal"}, Receivers: []string{"*"}}
	err := c.Validate()
	for _, want := range []string{`guests.registries: "https://registry.internal"`, `guests.receivers: "*"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
