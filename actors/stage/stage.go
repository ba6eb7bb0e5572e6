// Package stage is what every actor stands on: it lets a deed happen only
// inside an image that was packed for it, and never for long.
//
// It does no deed itself.
package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Marker is the variable, and Prop the file, that an image must have for a
// deed to happen. Both are in every image of package cast; a host has neither.
const (
	Marker = "DETONAUT_ACTOR"
	Prop   = "/.detonaut-actor"
)

// limit ends a deed that does not end by itself.
const limit = 2 * time.Minute

// Play runs deed, and exits with 1 when it fails or is not in a sandbox.
func Play(deed func(ctx context.Context) error) {
	if err := play(deed); err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
		os.Exit(1)
	}
}

func play(deed func(ctx context.Context) error) error {
	if os.Getenv(Marker) != "1" {
		return errors.New("refusing to act: " + Marker + "=1 is not set, so this is no sandbox")
	}
	if _, err := os.Stat(Prop); err != nil {
		return fmt.Errorf("refusing to act: this is no sandbox: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return deed(ctx)
}
