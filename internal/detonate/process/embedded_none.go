//go:build !embedchamber || !linux

package process

// embedded returns no path: this build carries no chamber.
func embedded() (string, error) { return "", nil }
