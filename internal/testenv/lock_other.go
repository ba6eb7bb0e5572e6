//go:build !linux

package testenv

import (
	"testing"
	"time"
)

// lock fails: what it guards is made on Linux only.
func lock(tb testing.TB, dir string) (unlock func()) {
	tb.Helper()
	tb.Fatalf("lock %s: the sandbox runs on Linux only", dir)
	return nil
}

func use(testing.TB, string) {}

func sweep(string, string, time.Time) error { return nil }
