package sentry

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
	"github.com/detonaut/detonaut/chamber/sentry/meaning"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// openHooks see files being opened and made.
func openHooks() map[string]hook {
	open := func(dir, path int, how func(c *call) (flags uint64, mode uint32)) hook {
		return func(c *call) {
			flags, mode := how(c)
			made := flags&linux.O_CREAT != 0 && !c.exists(dir, path)
			if !made {
				c.keepOpened(dir, path, flags)
			}
			c.run()
			if c.err == nil {
				furnish.Show(c.t, int32(c.ret), &c.tr.face)
			}
			c.opened(dir, path, flags, mode, made)
		}
	}
	return map[string]hook{
		"open":   open(noDir, 0, func(c *call) (uint64, uint32) { return c.args[1].Uint64(), c.args[2].Uint() }),
		"openat": open(0, 1, func(c *call) (uint64, uint32) { return c.args[2].Uint64(), c.args[3].Uint() }),
		"creat": open(noDir, 0, func(c *call) (uint64, uint32) {
			return linux.O_CREAT | linux.O_WRONLY | linux.O_TRUNC, c.args[1].Uint()
		}),
		"openat2": open(0, 1, func(c *call) (uint64, uint32) {
			how := c.bytes(c.addr(2), 16) // struct open_how: flags, mode
			if len(how) < 16 {
				return 0, 0
			}
			return binary.NativeEndian.Uint64(how), uint32(binary.NativeEndian.Uint64(how[8:]))
		}),
	}
}

func (c *call) opened(dir, path int, flags uint64, mode uint32, made bool) {
	writes := flags&linux.O_ACCMODE != linux.O_RDONLY || flags&(linux.O_TRUNC|linux.O_CREAT) != 0
	var where string
	if c.err == nil {
		where = pathOf(c.t, int32(c.ret))
	}
	switch { // for what failed, or another thread has closed by now
	case where == "" && writes:
		where = c.name(dir, path)
	case where == "":
		where = c.object(dir, path)
	case where == "/dev/null":
		return
	}
	bait := c.tr.planted.At(where)
	if first := c.throughFirst(path); first != "" {
		where = first
	}
	secret, tell := meaning.Sensitive(where), ""
	if secret && !writes && c.err == nil && meaning.InFiles(where) && isDirectory(c.t, int32(c.ret)) {
		secret = false // a list of names is none: whoever goes through a whole machine reads it
	}
	if !writes {
		tell = meaning.Reveals(where, func() string { return c.string(path) })
	}
	if !writes {
		defer c.readAsCode(where)
	}
	if !writes && !secret && tell == "" && bait == "" && c.tr.detail != plan.Full {
		return
	}
	kind := tape.FileOpen
	if made && c.err == nil {
		kind = tape.FileCreate
	}
	ev := c.event(kind)
	ev.File = &tape.File{Path: wire.Text(ev, where), Flags: meaning.OpenFlags(flags), Sensitive: secret, Reveals: tell, Bait: bait}
	if c.err == nil {
		ev.File.FD = int32(c.ret)
	}
	if made {
		ev.File.Mode = mode & 0o7777
	}
	c.emit(ev)
}

// isDirectory tells whether a descriptor is of a directory.
func isDirectory(t *kernel.Task, fd int32) bool {
	f := t.GetFile(fd)
	if f == nil {
		return false
	}
	defer f.DecRef(t)
	stat, err := f.Stat(t, vfs.StatOptions{Mask: linux.STATX_TYPE})
	return err == nil && linux.FileMode(stat.Mode).IsDir()
}

// change reports one deed on one path, found before the call runs: after
// it, the path may be gone.
func change(kind tape.Kind, find func(c *call) string, fill func(c *call, ev *tape.Event)) hook {
	return func(c *call) {
		where := find(c)
		c.run()
		ev := c.event(kind)
		ev.File = &tape.File{Path: wire.Text(ev, where), Sensitive: meaning.Sensitive(where)}
		if fill != nil {
			fill(c, ev)
		}
		c.emit(ev)
	}
}

// chmod reports new permissions, which the argument has, and those that there were:
// installers set what is set already.
func chmod(find func(c *call) string, arg int) hook {
	return func(c *call) {
		was := c.permissions(find(c))
		change(tape.FileChmod, find, func(c *call, ev *tape.Event) {
			ev.File.Mode, ev.File.Was = c.args[arg].Uint()&0o7777, was
		})(c)
	}
}

// makeDir reports a directory that is made.
func makeDir(find func(*call) string, mode int) hook {
	return func(c *call) {
		where := find(c)
		c.run()
		if c.tr.planted.Made(c.t, where, linux.FileMode(c.args[mode].Uint()&0o7777), c.err) {
			c.err, c.ret = nil, 0
		}
		ev := c.event(tape.FileMkdir)
		ev.File = &tape.File{Path: wire.Text(ev, where), Mode: c.args[mode].Uint() & 0o7777, Sensitive: meaning.Sensitive(where)}
		c.emit(ev)
	}
}

// pair reports a deed with a new name.
func pair(kind tape.Kind, from, to func(*call) string) hook {
	return func(c *call) {
		path, target := from(c), to(c)
		c.run()
		ev := c.event(kind)
		ev.File = &tape.File{
			Path: wire.Text(ev, path), Target: wire.Text(ev, target), Bait: c.tr.planted.Below(path),
			Sensitive: meaning.Sensitive(path) || meaning.Sensitive(target),
		}
		c.emit(ev)
	}
}

// fileHooks see everything else that changes the file system.
func fileHooks() map[string]hook {
	name := func(dir, path int) func(*call) string { return func(c *call) string { return c.name(dir, path) } }
	object := func(dir, path int) func(*call) string { return func(c *call) string { return c.object(dir, path) } }
	// unless and only follow a final symlink by a bit of the argument flags.
	unless := func(dir, path, flags int, nofollow int32) func(*call) string {
		return func(c *call) string {
			if c.int(flags)&nofollow != 0 {
				return c.name(dir, path)
			}
			return c.object(dir, path)
		}
	}
	only := func(dir, path, flags int, follow int32) func(*call) string {
		return func(c *call) string {
			if c.int(flags)&follow != 0 {
				return c.object(dir, path)
			}
			return c.name(dir, path)
		}
	}
	open := func(c *call) string { return pathOf(c.t, c.int(0)) }
	owner := func(arg int) func(*call, *tape.Event) {
		return func(c *call, ev *tape.Event) {
			uid, gid := int64(c.int(arg)), int64(c.int(arg+1))
			ev.File.UID, ev.File.GID = &uid, &gid
		}
	}
	size := func(c *call, ev *tape.Event) { ev.File.Size = c.args[1].Int64() }
	attr := func(removed bool) func(*call, *tape.Event) {
		return func(c *call, ev *tape.Event) { ev.File.Attr, ev.File.Removed = wire.Text(ev, c.string(1)), removed }
	}
	content := func(arg int) func(*call) string { return func(c *call) string { return c.string(arg) } }
	unlinkat := func(c *call) {
		kind := tape.FileDelete
		if c.int(2)&linux.AT_REMOVEDIR != 0 {
			kind = tape.FileRmdir
		}
		change(kind, name(0, 1), nil)(c)
	}
	node := func(arg int) func(*call, *tape.Event) {
		return func(c *call, ev *tape.Event) { ev.File.Mode = c.args[arg].Uint() & 0o177777 }
	}
	return map[string]hook{
		"unlink": change(tape.FileDelete, name(noDir, 0), nil), "unlinkat": unlinkat,
		"rmdir": change(tape.FileRmdir, name(noDir, 0), nil),
		"mkdir": makeDir(name(noDir, 0), 1), "mkdirat": makeDir(name(0, 1), 2),
		"mknod": change(tape.FileMknod, name(noDir, 0), node(1)), "mknodat": change(tape.FileMknod, name(0, 1), node(2)),
		"rename":    pair(tape.FileRename, name(noDir, 0), name(noDir, 1)),
		"renameat":  pair(tape.FileRename, name(0, 1), name(2, 3)),
		"renameat2": pair(tape.FileRename, name(0, 1), name(2, 3)),
		"link":      pair(tape.FileLink, name(noDir, 0), name(noDir, 1)), "linkat": pair(tape.FileLink, only(0, 1, 4, linux.AT_SYMLINK_FOLLOW), name(2, 3)),
		"symlink":   pair(tape.FileSymlink, name(noDir, 1), content(0)),
		"symlinkat": pair(tape.FileSymlink, name(1, 2), content(0)),
		"chmod":     chmod(object(noDir, 0), 1), "fchmod": chmod(open, 1), "fchmodat": chmod(object(0, 1), 2),
		"chown": change(tape.FileChown, object(noDir, 0), owner(1)), "lchown": change(tape.FileChown, name(noDir, 0), owner(1)),
		"fchown": change(tape.FileChown, open, owner(1)), "fchownat": change(tape.FileChown, unless(0, 1, 4, linux.AT_SYMLINK_NOFOLLOW), owner(2)),
		"truncate": change(tape.FileTruncate, object(noDir, 0), size), "ftruncate": change(tape.FileTruncate, open, size),
		"setxattr": change(tape.FileXattr, object(noDir, 0), attr(false)), "lsetxattr": change(tape.FileXattr, name(noDir, 0), attr(false)),
		"fsetxattr": change(tape.FileXattr, open, attr(false)), "removexattr": change(tape.FileXattr, object(noDir, 0), attr(true)),
		"lremovexattr": change(tape.FileXattr, name(noDir, 0), attr(true)), "fremovexattr": change(tape.FileXattr, open, attr(true)),
		"utime": change(tape.FileUtime, object(noDir, 0), nil), "utimes": change(tape.FileUtime, object(noDir, 0), nil),
		"futimesat": change(tape.FileUtime, object(0, 1), nil), "utimensat": change(tape.FileUtime, unless(0, 1, 3, linux.AT_SYMLINK_NOFOLLOW), nil),
	}
}
