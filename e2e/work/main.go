// Work does a known amount of work, in the sandbox and outside of it, so that
// what the sandbox and its tracing cost can be measured.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	if err := work(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "work:", err)
		os.Exit(1)
	}
}

func work(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: work exit|sleep|files|calls|forks DIRECTORY")
	}
	switch args[0] {
	case "exit":
		return nil
	case "sleep":
		time.Sleep(time.Minute)
		return nil
	case "files":
		return files(args[1])
	case "calls":
		return calls()
	case "forks":
		return forks(args[1])
	}
	return fmt.Errorf("unknown work %q", args[0])
}

// files reads every file of a directory three times.
func files(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("no files in %s", dir)
	}
	for range 3 {
		for _, n := range names {
			if _, err := os.ReadFile(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// calls makes 60,000 system calls that do next to nothing.
func calls() error {
	in, err := os.Open("/dev/zero")
	if err != nil {
		return err
	}
	out, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	for range 30_000 {
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// forks executes itself a hundred times.
func forks(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for range 100 {
		if err := exec.Command(self, "exit", dir).Run(); err != nil {
			return err
		}
	}
	return nil
}
