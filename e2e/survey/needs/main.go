// Needs is a program that has not been told what it has to know, says so, and ends.
package main

import (
	"fmt"
	"os"
)

func main() {
	if os.Getenv("DATABASE_URL") == "" {
		fmt.Fprintln(os.Stderr, "error: environment variable DATABASE_URL is not set")
		os.Exit(1)
	}
}
