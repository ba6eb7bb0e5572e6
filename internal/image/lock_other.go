//go:build !unix

package image

import (
	"io/fs"
	"os"
)

// owner is not known on these systems.
func owner(fs.FileInfo) int { return os.Geteuid() }

// tryLock always succeeds: on these systems a cache is for one process.
func tryLock(*os.File, bool) (ok bool, err error) { return true, nil }
