package config_test

import (
	"math"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/config"
)

func TestModelThreshold(t *testing.T) {
	for value, right := range map[float64]bool{0.9: true, 1: true, 1e-9: true, 0: false, -1: false, 1.1: false, math.Inf(1): false} {
		c := config.Default()
		c.Static.ModelThreshold = value
		if err := c.Validate(); (err == nil) != right || err != nil && !strings.Contains(err.Error(), "static.model_threshold") {
			t.Errorf("%v: got %v", value, err)
		}
	}
	c := config.Default()
	c.Static.ModelThreshold = math.NaN()
	if err := c.Validate(); err == nil {
		t.Error("no number is taken for one")
	}
}
