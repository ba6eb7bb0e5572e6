// Work does a known amount of work, in the sandbox and outside of it, so that
// what the sandbox and its tracing cost can be measured.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
		return fmt.Errorf("usage: work exit|sleep|files|calls|forks|fill|split|take|print|touch DIRECTORY")
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
	return overstep(args[0], args[1])
}

// overstep does too much of one thing, to run into a limit of the sandbox. It
// is bounded all the same.
func overstep(what, dir string) error {
	const most = 256 // MiB, or files
	block := bytes.Repeat([]byte{1}, 1<<20)
	switch what {
	case "fill", "split": // one file after another, so that no single one is too long
		blocks := map[string]int{"fill": 8, "split": most}[what]
		for i := range most / blocks {
			f, err := os.Create(filepath.Join(dir, fmt.Sprint("filler", i)))
			if err != nil {
				return err
			}
			for j := range blocks {
				if _, err := f.Write(block); err != nil {
					fmt.Printf("%d MiB written\n", i*blocks+j)
					return err
				}
			}
			f.Close()
		}
	case "take":
		var taken [][]byte
		for range most {
			taken = append(taken, bytes.Clone(block))
			time.Sleep(time.Millisecond)
		}
		fmt.Println(len(taken), "MiB taken")
	case "print":
		for range 4 {
			_, _ = os.Stdout.Write(block)
		}
	case "touch":
		for i := range 100 * most {
			_ = os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600)
		}
	default:
		return fmt.Errorf("unknown work %q", what)
	}
	return nil
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
