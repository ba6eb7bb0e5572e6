//go:build !unix

package vuln

import "os"

// lockShared does nothing: on these systems a database is for one process.
func lockShared(*os.File) error { return nil }
