package stage

import (
	"context"
	"strings"
	"testing"
)

// On a machine without the prop no deed happens, marker or not.
func TestPlayRefusesOnAHost(t *testing.T) {
	for _, marker := range []string{"", "1"} {
		t.Setenv(Marker, marker)
		err := play(func(context.Context) error {
			t.Errorf("%s=%q: the deed was done", Marker, marker)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "refusing to act") {
			t.Errorf("%s=%q: error = %v, want a refusal", Marker, marker, err)
		}
	}
}
