// Changer changes the file systems of the image that runs it, in every way that
// a difference can tell, and prints the hash of the code that it makes in memory.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: changer exit|stay|grow|mounts|code|codes")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "exit":
		err = change()
	case "stay":
		if err = change(); err == nil {
			time.Sleep(time.Hour)
		}
	case "grow":
		if err = change(); err == nil {
			grow()
		}
	case "mounts":
		err = inNamespace("mount")
	case "mount":
		err = mount()
	case "code":
		err = code()
	case "codes":
		err = codes()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "changer:", err)
		os.Exit(1)
	}
}

// step is one change. Its name tells which failed.
type step struct {
	name string
	do   func() error
}

func change() error {
	write := func(path, text string, mode os.FileMode) func() error {
		return func() error { return os.WriteFile(path, []byte(text), mode) }
	}
	for _, s := range []step{
		{"umask", func() error { unix.Umask(0); return nil }},
		{"add", write("/opt/added", "added\n", 0o640)},
		{"add an empty file", write("/opt/empty", "", 0o600)},
		{"add a directory", func() error { return os.MkdirAll("/opt/new/deep", 0o750) }},
		{"add deep", write("/opt/new/deep/file", "deep\n", 0o600)},
		{"add a symlink", func() error { return os.Symlink("/opt/added", "/opt/link") }},
		{"add a fifo", func() error { return unix.Mkfifo("/opt/pipe", 0o600) }},
		{"come and go", write("/opt/gone", "gone\n", 0o600)},
		{"go again", func() error { return os.Remove("/opt/gone") }},
		{"modify", write("/srv/text", "changed!\n", 0o644)},
		{"same size", write("/srv/same", "BBBB\n", 0o644)},
		{"setuid", func() error { return os.Chmod("/srv/program", 0o755|os.ModeSetuid) }},
		{"capabilities", func() error { return unix.Setxattr("/srv/capable", "security.capability", capability(), 0) }},
		{"attribute", func() error { return unix.Setxattr("/srv/noted", "user.note", []byte("x"), 0) }},
		{"owner", func() error { return os.Chown("/srv/owned", 12, 34) }},
		{"open without writing", func() error {
			f, err := os.OpenFile("/srv/untouched", os.O_RDWR, 0)
			if err != nil {
				return err
			}
			return f.Close()
		}},
		{"delete", func() error { return os.Remove("/srv/deleted") }},
		{"delete a directory", func() error { return os.RemoveAll("/srv/tree") }},
		{"replace a directory", func() error { return os.RemoveAll("/srv/replaced") }},
		{"with another", func() error { return os.Mkdir("/srv/replaced", 0o755) }},
		{"that has a file anew", write("/srv/replaced/new", "new\n", 0o644)},
		{"and one as it was", write("/srv/replaced/kept", "kept\n", 0o644)},
		{"and a directory", func() error { return os.Mkdir("/srv/replaced/sub", 0o755) }},
		{"rename", func() error { return os.Rename("/srv/from", "/srv/to") }},
		{"rename a directory", func() error { return os.Rename("/srv/dir", "/srv/moved") }},
		{"change a kind", func() error { return os.Remove("/srv/kind") }},
		{"to a directory", func() error { return os.Mkdir("/srv/kind", 0o700) }},
		{"point elsewhere", func() error { return os.Remove("/srv/pointer") }},
		{"to there", func() error { return os.Symlink("/there", "/srv/pointer") }},
		{"write /tmp", write("/tmp/t", "tmp\n", 0o600)},
		{"write /dev/shm", write("/dev/shm/s", "shm\n", 0o600)},
		{"write /dev", write("/dev/x", "dev\n", 0o600)},
	} {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// grow takes up to a gigabyte of memory.
func grow() {
	var taken [][]byte
	for range 1024 {
		taken = append(taken, bytes.Repeat([]byte{1}, 1<<20))
		time.Sleep(time.Millisecond)
	}
	fmt.Println(len(taken), "MiB taken")
}

// inNamespace runs another mode of this program with mounts of its own.
func inNamespace(mode string) error {
	c := exec.Command("/changer", mode)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	ids := []syscall.SysProcIDMap{{Size: 1}}
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids}
	return c.Run()
}

// mount writes to two file systems, of which it unmounts one.
func mount() error {
	for _, name := range []string{"unmounted", "left"} {
		if err := unix.Mount("tmpfs", "/opt", "tmpfs", 0, ""); err != nil {
			return err
		}
		if err := os.WriteFile("/opt/"+name, []byte(name+"\n"), 0o600); err != nil {
			return err
		}
		if name == "unmounted" {
			if err := unix.Unmount("/opt", 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// capability is CAP_NET_RAW, effective and permitted, as capabilities(7) has it.
func capability() []byte {
	b := make([]byte, 20)
	b[0], b[3] = 1, 2 // VFS_CAP_FLAGS_EFFECTIVE, VFS_CAP_REVISION_2
	b[5] = 1 << (unix.CAP_NET_RAW - 8)
	return b
}

// page is the unit of memory.
const page = 4096

// code makes memory of every kind that is code, and prints what it wrote.
func code() error {
	written, err := anonymous(2*page, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return err
	}
	fill("written", written)
	if err := unix.Mprotect(written, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return err
	}
	for _, name := range []string{"unmapped", "both"} {
		b, err := anonymous(8*page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC)
		if err != nil {
			return err
		}
		if fill(name, b); name == "unmapped" {
			if err := unix.Munmap(b); err != nil {
				return err
			}
		}
	}
	_, err = anonymous(page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC) // nothing is in it
	return err
}

// codes makes code a thousand times, as a program does that compiles while it
// runs.
func codes() error {
	b, err := anonymous(page, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return err
	}
	for i := range 1000 {
		copy(b, fmt.Sprintf("\xc3code %d", i))
		if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC); err != nil {
			return err
		}
		if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err != nil {
			return err
		}
	}
	return nil
}

func anonymous(size, protection int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, protection, unix.MAP_PRIVATE|unix.MAP_ANON)
}

// fill writes a return instruction and a marker to the start of memory and prints
// the hash of its first page.
func fill(name string, b []byte) {
	copy(b, "\xc3 detonaut "+name)
	sum := sha256.Sum256(b[:page])
	fmt.Println(name, hex.EncodeToString(sum[:]))
}
