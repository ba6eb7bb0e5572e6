//go:build unix

package vuln

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockShared locks f until it is closed, together with others.
func lockShared(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_SH)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}
