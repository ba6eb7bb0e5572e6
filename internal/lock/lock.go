// Package lock lets one process at a time change what is in a directory.
package lock

import (
	"context"
	"errors"
	"os"
	"time"
)

// poll is how often a lock is tried.
const poll = 100 * time.Millisecond

// Wait makes a file if it is not there, and locks it against all others. While another
// has the lock it waits, and calls waiting once. The lock ends when the file is closed, by
// the caller or with the process.
func Wait(ctx context.Context, name string, waiting func()) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	told := false
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ok, err := Try(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if ok {
			return f, nil
		}
		if !told {
			waiting()
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-tick.C:
		}
	}
}
