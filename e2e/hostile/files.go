//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// fill writes into new files of a directory, over and over.
func fill(dir string) error {
	block := bytes.Repeat([]byte("filler! "), 1<<17)
	for i := 0; ; i++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint("filler", i%1000)))
		if err != nil {
			continue // there is no room: perhaps later
		}
		for err == nil {
			_, err = f.Write(block)
		}
		f.Close()
	}
}

// sparse makes a file of a terabyte, and one without a name, writes to their
// ends, and reads one of them from its start to its end.
func sparse(dir string) error {
	const terabyte = 1 << 40
	named, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("sparse", 0)
	if err != nil {
		return err
	}
	for _, f := range []*os.File{named, os.NewFile(uintptr(fd), "memfd")} {
		fmt.Println("a terabyte:", f.Truncate(terabyte))
		_, err := f.WriteAt([]byte("end"), terabyte-3)
		fmt.Println("its end:", err)
	}
	buf := make([]byte, 1<<20)
	for at := int64(0); ; at = (at + int64(len(buf))) % terabyte {
		_, _ = named.ReadAt(buf, at) // there may be nothing to read
	}
}

// tiny makes a million files with as many threads as are of use.
func tiny(dir string) error {
	const threads, all = 4, 1_000_000
	var busy sync.WaitGroup
	for i := range threads {
		busy.Go(func() {
			for n := i; n < all; n += threads {
				fd, err := unix.Open(filepath.Join(dir, strconv.Itoa(n)), unix.O_CREAT|unix.O_WRONLY, 0o600)
				if err == nil {
					_, _ = unix.Write(fd, []byte{1})
					_ = unix.Close(fd)
				}
			}
		})
	}
	busy.Wait()
	return nil
}

// attributes hangs as much as it can on files, where no one looks for it.
func attributes(dir string) error {
	value := bytes.Repeat([]byte("v"), 60<<10)
	for i := 0; ; i++ {
		name := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
		for j := range 16 {
			_ = unix.Setxattr(name, fmt.Sprint("user.", j), value, 0)
		}
	}
}

// deep makes directories in each other.
func deep(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	const name = "a-directory-with-a-name-that-is-not-short"
	for {
		if err := unix.Mkdir(name, 0o700); err != nil {
			return err
		}
		if err := unix.Chdir(name); err != nil {
			return err
		}
	}
}

// prints writes to stdout and stderr without end.
func prints() error {
	block := bytes.Repeat([]byte("flood\n"), 1<<16)
	go func() {
		for {
			_, _ = os.Stderr.Write(block)
		}
	}()
	for {
		if _, err := os.Stdout.Write(block); err != nil {
			return err
		}
	}
}

// opens opens files as fast as it can, each of another name.
func opens(dir string) error {
	openAll(dir)
	stay()
	return nil
}

// opensMemory does so, and takes memory after some seconds.
func opensMemory(dir string) error {
	openAll(dir)
	time.Sleep(3 * time.Second)
	return memoryBomb()
}

func openAll(dir string) {
	for i := range 4 {
		go func() {
			for n := i; ; n += 4 {
				name := filepath.Join(dir, "none", strconv.Itoa(n))
				if i == 0 {
					name = filepath.Join(dir, "none") // always the same
				}
				if fd, err := unix.Open(name, unix.O_WRONLY, 0); err == nil {
					_ = unix.Close(fd)
				}
			}
		}()
	}
}

// writeCalls makes files for some seconds, counts them, and ends.
func writeCalls(seconds string) error {
	over, err := soon(seconds)
	if err != nil {
		return err
	}
	n := 0
	for ; !over(); n++ {
		fd, err := unix.Open("/tmp/file"+strconv.Itoa(n), unix.O_CREAT|unix.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_ = unix.Close(fd)
		_ = unix.Unlink("/tmp/file" + strconv.Itoa(n))
	}
	fmt.Println(n, "files made and deleted")
	return nil
}

// large executes a program of a gigabyte, most of which is a hole.
func large(dir string) error {
	const gigabyte = 1 << 30
	name := filepath.Join(dir, "large")
	if err := copyFile("/hostile", name); err != nil {
		return err
	}
	if err := os.Truncate(name, gigabyte); err != nil {
		return err
	}
	cmd := exec.Command(name, "nothing", "/")
	out, err := cmd.CombinedOutput()
	fmt.Printf("a program of a gigabyte: %v %q\n", err, out)
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}
