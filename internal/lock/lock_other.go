//go:build !unix

package lock

import "os"

// Try always succeeds: on these systems a store is for one process.
func Try(*os.File) (ok bool, err error) { return true, nil }
