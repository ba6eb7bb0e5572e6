//go:build linux

package main

import (
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A way to lose the file at a path, which is called as the way is. Those of
// the image are there before.
type way struct {
	name string
	lose func(path string) error
}

// ways lists them.
func ways() []way {
	shorten := func(fd int, _ string) error { return unix.Ftruncate(fd, 3) }
	grow := func(path string) error { return unix.Truncate(path, 4096) }
	rewrite := descriptor(os.O_RDWR, func(fd int, _ string) error {
		_, err := unix.Pwrite(fd, []byte("other"), 0)
		return err
	})
	return []way{
		{"O_TRUNC", reopen(os.O_WRONLY | os.O_TRUNC)},
		{"creat", func(path string) error {
			fd, err := unix.Creat(path, 0)
			if err != nil {
				return err
			}
			return unix.Close(fd)
		}},
		{"truncate", func(path string) error { return unix.Truncate(path, 3) }},
		{"ftruncate", descriptor(os.O_WRONLY, shorten)},
		{"grown", then(grow, os.Remove)},
		{"rewritten", rewrite},
		{"data", rewrite},
		{"appended", then(descriptor(os.O_WRONLY|os.O_APPEND, func(fd int, _ string) error {
			_, err := unix.Write(fd, []byte("more"))
			return err
		}), os.Remove)},
		{"deleted", os.Remove},
		{"unlinkat", func(path string) error {
			return descriptor(os.O_RDONLY, func(dir int, _ string) error { return unix.Unlinkat(dir, filepath.Base(path), 0) })(filepath.Dir(path))
		}},
		{"linked", func(path string) error {
			if err := os.Link(path, path+".link"); err != nil {
				return err
			}
			return os.Remove(path)
		}},
		{"alias", func(path string) error { // only a link to it is deleted
			if err := os.Symlink(path, path+".alias"); err != nil {
				return err
			}
			return os.Remove(path + ".alias")
		}},
		{"open", descriptor(os.O_RDWR, func(_ int, path string) error { return os.Remove(path) })},
		{"replaced", over},
		{"executed", run},
		{"executed-and-deleted", then(run, os.Remove)},
		{"loaded", then(mapped(unix.PROT_READ|unix.PROT_EXEC), os.Remove)},
		{"mapped", mapped(unix.PROT_READ)},
		{"nameless", nameless},
		{"tmp-deleted", os.Remove},
		{"tmp-executed", run},
		{"shm-deleted", os.Remove},

		{"image-executed", run},
		{"image-deleted", os.Remove},
		{"image-replaced", over},
		{"image-O_TRUNC", reopen(os.O_WRONLY | os.O_TRUNC)},
		{"image-rewritten", rewrite},
		{"image-touched", then(reopen(os.O_RDWR), os.Remove)},
		{"image-chmod", then(func(path string) error { return os.Chmod(path, 0o700) }, run, over)},
		{"image-changed", then(func(path string) error { return os.WriteFile(path, content("image-changed."), 0) }, os.Remove)},
	}
}

// execveat runs the program of an open file.
func execveat(fd int, argv []*byte) error {
	var empty byte
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)), uintptr(unsafe.Pointer(&argv[0])), 0, unix.AT_EMPTY_PATH, 0)
	return errno
}
