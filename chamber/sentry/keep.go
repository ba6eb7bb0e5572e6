package sentry

import (
	"strings"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/chamber/sentry/difference"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// keep keeps what f holds, if the subject wrote it.
func (c *call) keep(how tape.How, f *vfs.FileDescription) {
	if !written(f) || c.tr.unchanged(c.t, f) {
		return
	}
	ev := newEvent(c.t, tape.PayloadKeep)
	ev.Payload = &tape.Payload{How: how, Path: wire.Text(ev, strings.TrimSuffix(resolved(c.t, f.VirtualDentry()), " (deleted)"))}
	c.keepFile(f, ev)
}

// keepFile keeps what f holds and reports it as ev, whose payload says how and where.
func (c *call) keepFile(f *vfs.FileDescription, ev *tape.Event) {
	stat, err := f.Stat(c.t, vfs.StatOptions{Mask: linux.STATX_MODE | linux.STATX_SIZE})
	if err != nil || stat.Size == 0 {
		return
	}
	ev.Payload.Mode = uint32(stat.Mode) & 0o7777
	c.tr.payloads.Keep(ev, func(b []byte, off int64) (int, error) {
		n, err := f.PRead(c.t, usermem.BytesIOSequence(b), off, vfs.ReadOptions{})
		return int(n), err
	})
}

// written tells whether f holds what was written at run time, on a file system
// of memory: all others hold devices, and what the kernel says.
func written(f *vfs.FileDescription) bool {
	fs := f.Mount().Filesystem()
	return (difference.InMemory(fs) || fs.FilesystemType().Name() == overlay.Name) && originOf(f) == tape.FromWritten
}

// keepDescriptor keeps what an open descriptor is of, which may not be readable
// through it.
func (c *call) keepDescriptor(how tape.How, fd int32) {
	f := c.t.GetFile(fd)
	if f == nil {
		return
	}
	defer f.DecRef(c.t)
	if !written(f) {
		return
	}
	if f.IsReadable() && how != tape.Truncated {
		c.keep(how, f)
		return
	}
	vd := f.VirtualDentry()
	c.keepAt(how, &vfs.PathOperation{Root: vd, Start: vd})
}

// keepName keeps the file that the path argument names, which is not followed
// if it is a link itself. Only regular files are opened: opening others has
// effects.
func (c *call) keepName(how tape.How, dir, path int, follow bool) {
	p := c.string(path)
	if p == "" {
		return
	}
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return
	}
	defer start.DecRef(c.t)
	c.keepAt(how, &vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(p), FollowFinalSymlink: follow})
}

func (c *call) keepAt(how tape.How, at *vfs.PathOperation) {
	k := c.t.Kernel()
	creds := auth.NewRootCredentials(k.RootUserNamespace())
	stat, err := k.VFS().StatAt(c.t, creds, at, &vfs.StatOptions{Mask: linux.STATX_TYPE | linux.STATX_SIZE})
	if err != nil || linux.FileMode(stat.Mode).FileType() != linux.S_IFREG || stat.Size == 0 || !c.shortens(stat.Size) {
		return
	}
	f, err := k.VFS().OpenAt(c.t, creds, at, &vfs.OpenOptions{Flags: linux.O_RDONLY | linux.O_NONBLOCK | linux.O_LARGEFILE})
	if err != nil {
		return
	}
	defer f.DecRef(c.t)
	if how == tape.Rewritten && !(written(f) && c.isProgram(f)) {
		return
	}
	c.keep(how, f)
}

// shortens tells whether a call that sets a length takes anything away.
func (c *call) shortens(size uint64) bool {
	return c.syscall != "truncate" && c.syscall != "ftruncate" || c.args[1].Uint64() < size
}

// isProgram tells what is worth keeping before it is written over in place:
// data files are written over all the time.
func (c *call) isProgram(f *vfs.FileDescription) bool {
	var head [content.HeadSize]byte
	n, _ := f.PRead(c.t, usermem.BytesIOSequence(head[:]), 0, vfs.ReadOptions{})
	return content.IsProgram(head[:n])
}

// keepOpened keeps what the open of a path is about to take away or change.
func (c *call) keepOpened(dir, path int, flags uint64) {
	switch follow := flags&linux.O_NOFOLLOW == 0; {
	case flags&linux.O_PATH != 0 || flags&(linux.O_CREAT|linux.O_EXCL) == linux.O_CREAT|linux.O_EXCL:
	case flags&linux.O_TRUNC != 0:
		c.keepName(tape.Truncated, dir, path, follow)
	case flags&linux.O_ACCMODE != linux.O_RDONLY && flags&linux.O_APPEND == 0:
		c.keepName(tape.Rewritten, dir, path, follow)
	}
}

// keepExecuted keeps the program that is about to be executed.
func (c *call) keepExecuted(dir, path, flags int) {
	if flags >= 0 && c.string(path) == "" && c.int(flags)&linux.AT_EMPTY_PATH != 0 {
		c.keepDescriptor(tape.Executed, c.int(dir))
		return
	}
	c.keepName(tape.Executed, dir, path, true)
}

// keeping surrounds a hook with the keeping of what the call takes away.
func keeping(keep func(c *call), h hook) hook {
	return func(c *call) {
		keep(c)
		h(c)
	}
}

// keepHooks adds to the hooks of calls that take content away, or use it as code.
func keepHooks(all map[string]hook) {
	name := func(how tape.How, dir, path int) func(*call) {
		return func(c *call) { c.keepName(how, dir, path, false) }
	}
	for call, keep := range map[string]func(*call){
		"unlink": name(tape.Deleted, noDir, 0),
		"unlinkat": func(c *call) {
			if c.int(2)&linux.AT_REMOVEDIR == 0 {
				c.keepName(tape.Deleted, 0, 1, false)
			}
		},
		"rename":   name(tape.Replaced, noDir, 1),
		"renameat": name(tape.Replaced, 2, 3),
		"renameat2": func(c *call) {
			if c.args[4].Uint()&(linux.RENAME_NOREPLACE|linux.RENAME_EXCHANGE) == 0 {
				c.keepName(tape.Replaced, 2, 3, false)
			}
		},
		"truncate":  func(c *call) { c.keepName(tape.Truncated, noDir, 0, true) },
		"ftruncate": func(c *call) { c.keepDescriptor(tape.Truncated, c.int(0)) },
		"execve":    func(c *call) { c.keepExecuted(noDir, 0, -1) },
		"execveat":  func(c *call) { c.keepExecuted(0, 1, 4) },
		"mmap": func(c *call) {
			if c.args[2].Int()&linux.PROT_EXEC != 0 && c.args[3].Int()&linux.MAP_ANONYMOUS == 0 {
				c.keepDescriptor(tape.Loaded, c.int(4))
			}
		},
	} {
		all[call] = keeping(keep, all[call])
	}
}
