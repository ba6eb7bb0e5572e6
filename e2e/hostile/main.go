//go:build linux

// Hostile does what a subject does that wants to exhaust its sandbox, or to
// break it: one thing, as much of it as it can, until it is ended. It refuses to
// run anywhere but in the image that the test makes for it.
package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// deeds are what it does, by name. The argument is a directory, or a number of
// seconds for those that end by themselves.
var deeds = map[string]func(string) error{
	"forks":        func(string) error { forkBomb(); return nil },
	"memory":       func(string) error { return memoryBomb() },
	"tables":       pageTables,
	"pipes":        func(string) error { return pipes() },
	"fill":         fill,
	"sparse":       sparse,
	"tiny":         tiny,
	"attributes":   attributes,
	"deep":         deep,
	"prints":       func(string) error { return prints() },
	"opens":        opens,
	"opens-memory": opensMemory,
	"arguments":    func(string) error { return arguments() },
	"processes":    processes,
	"signals":      func(string) error { return signals() },
	"ptrace":       func(string) error { return ptraces() },
	"traced":       func(string) error { return traced() },
	"tracer":       func(string) error { return tracer() },
	"large":        large,
	"kill-first":   func(string) error { return killFirst() },
	"deaf":         func(string) error { return deaf() },
	"write-calls":  writeCalls,
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "nothing" {
		return
	}
	self, err := os.Executable()
	if err != nil || self != "/hostile" || os.Getenv("DETONAUT_HOSTILE") != "1" || len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "hostile: this is for a sandbox")
		os.Exit(1)
	}
	deed, ok := deeds[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "hostile: unknown deed %q\n", os.Args[1])
		os.Exit(1)
	}
	if err := deed(os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "hostile: %v\n", err)
		os.Exit(1)
	}
}

// stay waits to be ended: in the kernel, for where nobody else can do anything any more
// Go's runtime ends a program that waits within it.
func stay() {
	for {
		_ = unix.Pause() // a signal that it takes is none to go on for
	}
}

// soon tells when as many seconds have passed.
func soon(seconds string) (over func() bool, err error) {
	var n int
	if _, err := fmt.Sscan(seconds, &n); err != nil {
		return nil, fmt.Errorf("read seconds: %w", err)
	}
	end := time.Now().Add(time.Duration(n) * time.Second)
	return func() bool { return time.Now().After(end) }, nil
}
