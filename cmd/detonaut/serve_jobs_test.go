package main

import (
	"testing"

	"github.com/detonaut/detonaut/internal/config"
)

// TestServedAtOnce: what is typed comes first, then what is said of workers, then what is said of scans.
func TestServedAtOnce(t *testing.T) {
	for _, tc := range []struct {
		jobs, source, concurrency string
		want                      int
	}{
		{"", "", "", 0},
		{"1", "--jobs", "", 1},
		{"3", "--jobs", "5", 3},
		{"3", "config.yaml:1", "", 3},
		{"3", "config.yaml:1", "5", 5},
		{"3", "config.yaml:1", "auto", 0},
		{"", "", "5", 5},
	} {
		cfg := config.Defaults()
		for _, set := range []struct{ key, text, source string }{{"scan.jobs", tc.jobs, tc.source}, {"worker.concurrency", tc.concurrency, "config.yaml:2"}} {
			if set.text == "" {
				continue
			}
			if err := cfg.Set(set.key, set.text, set.source); err != nil {
				t.Fatal(err)
			}
		}
		if got := servedAtOnce(cfg); got != tc.want {
			t.Errorf("%+v: got %d", tc, got)
		}
	}
}
