//go:build !linux

package sqlite_test

import (
	"context"
	"errors"
)

// fill needs a small disk, which is a test of Linux.
func fill(context.Context, string) error { return errors.ErrUnsupported }
