//go:build linux

// Loser writes files and loses them in every way there is: each file holds its
// own name, so that the test knows what must have been kept of it. Errors end
// it. It refuses to run anywhere but in the image that the test makes for it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if err := lose(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "loser:", err)
		os.Exit(1)
	}
}

func lose(what string) error {
	switch {
	case what == "script": // whose interpreter it is
		return nil
	case os.Getenv("DETONAUT_LOSER") != "1":
		return fmt.Errorf("this is for a sandbox")
	case what == "nameless":
		return execNameless()
	case what == "large", what == "data":
		return large(what)
	case what == "flood":
		return flood()
	case what == "locks":
		return locks()
	}
	for _, w := range ways() {
		path := place(w.name)
		if _, err := os.Stat(path); err != nil { // the image has none
			if err := write(w.name, path); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		if err := w.lose(path); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// place is where the file of that name lies.
func place(name string) string {
	first, _, _ := strings.Cut(name, "-")
	dir, ok := map[string]string{"image": "/image", "tmp": "/tmp", "shm": "/dev/shm"}[first]
	if !ok {
		dir = "/work"
	}
	return filepath.Join(dir, name)
}

// content is what the file of that name holds.
func content(name string) []byte {
	if name == "data" {
		return []byte("data\n")
	}
	return []byte("#!/loser script\n# " + name + "\n")
}

func write(name, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content(name), 0o755)
}

func run(path string) error { return exec.Command(path).Run() }

// reopen opens the file, and does nothing with it.
func reopen(flags int) func(string) error {
	return func(path string) error {
		f, err := os.OpenFile(path, flags, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
}

// then does one thing after another.
func then(deeds ...func(string) error) func(string) error {
	return func(path string) error {
		for _, do := range deeds {
			if err := do(path); err != nil {
				return err
			}
		}
		return nil
	}
}

// over renames another file over the one at path.
func over(path string) error {
	other := path + ".new"
	if err := os.WriteFile(other, []byte("new"), 0o600); err != nil {
		return err
	}
	return os.Rename(other, path)
}

func descriptor(flags int, do func(fd int, path string) error) func(string) error {
	return func(path string) error {
		f, err := os.OpenFile(path, flags, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return do(int(f.Fd()), path)
	}
}

// mapped makes a private mapping of the file, as a loader does.
func mapped(protection int) func(string) error {
	return descriptor(os.O_RDONLY, func(fd int, _ string) error {
		b, err := unix.Mmap(fd, 0, unix.Getpagesize(), protection, unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		return unix.Munmap(b)
	})
}

// nameless fills a file when it has no name any more, and runs it by its
// descriptor.
func nameless(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		return err
	}
	if _, err := f.Write(content("nameless.")); err != nil {
		return err
	}
	// What is open for writing cannot be run.
	again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return err
	}
	defer again.Close()
	f.Close()
	cmd := exec.Command("/proc/self/exe", "nameless")
	cmd.ExtraFiles = []*os.File{again}
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func execNameless() error {
	argv, err := syscall.SlicePtrFromStrings([]string{"nameless"})
	if err != nil {
		return err
	}
	return execveat(3, argv)
}

// large loses a file that is larger than anything that is kept.
func large(name string) error {
	path := place(name)
	if err := write(name, path); err != nil {
		return err
	}
	if err := os.Truncate(path, 65<<20); err != nil {
		return err
	}
	return os.Remove(path)
}

// flood loses more files than are kept, and runs one afterwards.
func flood() error {
	for i := range 12_000 {
		name := fmt.Sprint("flood", i)
		if err := write(name, place(name)); err != nil {
			return err
		}
		if err := os.Remove(place(name)); err != nil {
			return err
		}
	}
	if err := write("after", place("after")); err != nil {
		return err
	}
	return run(place("after"))
}

// locks makes and loses the same file again and again.
func locks() error {
	for range 10_000 {
		if err := write("lock", place("lock")); err != nil {
			return err
		}
		if err := os.Remove(place("lock")); err != nil {
			return err
		}
	}
	return nil
}
