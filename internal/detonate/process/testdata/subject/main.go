// subject is what a sandbox runs in a test: it ends at once, or never.
package main

import (
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "endless" {
		time.Sleep(time.Hour)
	}
}
