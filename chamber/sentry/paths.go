package sentry

import (
	"path"
	"strings"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/sentry/meaning"
)

// resolved returns the path of vd from the sandbox's first root.
func resolved(t *kernel.Task, vd vfs.VirtualDentry) string {
	p, err := t.Kernel().VFS().PathnameWithDeleted(t, vfs.VirtualDentry{}, vd)
	if err != nil {
		return ""
	}
	if vd.Dentry().IsDead() {
		p = strings.TrimSuffix(p, " (deleted)")
	}
	return p
}

// pathOf returns the resolved path of an open descriptor; empty if there is
// none.
func pathOf(t *kernel.Task, fd int32) string {
	f := t.GetFile(fd)
	if f == nil {
		return ""
	}
	defer f.DecRef(t)
	return resolved(t, f.VirtualDentry())
}

// noDir is the index of a missing directory argument.
const noDir = -1

// name resolves the path argument i, relative to the directory argument dir,
// up to its last component, which need not exist and is not followed.
func (c *call) name(dir, i int) string {
	p := c.string(i)
	parent, last := splitName(p)
	if last == "" || last == "." || last == ".." {
		return c.object(dir, i)
	}
	vd, ok := c.lookup(dir, parent)
	if !ok {
		return c.lexical(dir, p)
	}
	defer vd.DecRef(c.t)
	return path.Join(resolved(c.t, vd), last)
}

// splitName splits a path before its last component. The rest is not cleaned:
// what ".." means depends on the symlinks before it.
func splitName(p string) (parent, last string) {
	p = strings.TrimRight(p, "/")
	i := strings.LastIndexByte(p, '/') + 1
	if parent, last = p[:i], p[i:]; parent == "" {
		parent = "."
	}
	return parent, last
}

// object resolves the path argument i entirely, final symlink included. An
// empty path is the directory argument itself.
func (c *call) object(dir, i int) string {
	p := c.string(i)
	if p == "" && dir != noDir {
		return pathOf(c.t, c.int(dir))
	}
	vd, ok := c.lookup(dir, p)
	if !ok {
		return c.lexical(dir, p)
	}
	defer vd.DecRef(c.t)
	return resolved(c.t, vd)
}

// exists tells whether the path argument names something.
func (c *call) exists(dir, i int) bool {
	vd, ok := c.lookup(dir, c.string(i))
	if ok {
		vd.DecRef(c.t)
	}
	return ok
}

// lookup finds the dentry that p names. The caller drops the reference.
func (c *call) lookup(dir int, p string) (vfs.VirtualDentry, bool) {
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return vfs.VirtualDentry{}, false
	}
	defer start.DecRef(c.t)
	k := c.t.Kernel()
	vd, err := k.VFS().GetDentryAt(c.t, auth.NewRootCredentials(k.RootUserNamespace()),
		&vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(p), FollowFinalSymlink: true}, &vfs.GetDentryOptions{})
	return vd, err == nil
}

// permissions are those of a file; 0 if it is not seen from the root of the process.
func (c *call) permissions(where string) uint32 {
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	k := c.t.Kernel()
	stat, err := k.VFS().StatAt(c.t, auth.NewRootCredentials(k.RootUserNamespace()),
		&vfs.PathOperation{Root: root, Start: root, Path: fspath.Parse(where), FollowFinalSymlink: true}, &vfs.StatOptions{Mask: linux.STATX_MODE})
	if err != nil {
		return 0
	}
	return uint32(stat.Mode) & 0o7777
}

// start returns where the resolution of p starts, with a reference.
func (c *call) start(dir int, p string, root vfs.VirtualDentry) (vfs.VirtualDentry, bool) {
	switch {
	case strings.HasPrefix(p, "/"):
		root.IncRef()
		return root, true
	case dir == noDir || c.int(dir) == linux.AT_FDCWD:
		return c.t.FSContext().WorkingDirectory(), true
	}
	f := c.t.GetFile(c.int(dir))
	if f == nil {
		return vfs.VirtualDentry{}, false
	}
	defer f.DecRef(c.t)
	vd := f.VirtualDentry()
	vd.IncRef()
	return vd, true
}

// lexical joins p to its start without looking: what is left for a path that
// does not resolve.
func (c *call) lexical(dir int, p string) string {
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return path.Clean(p)
	}
	defer start.DecRef(c.t)
	return path.Join(resolved(c.t, start), p)
}

// throughFirst returns the path argument i if it leads through the first process;
// else "". It is for every file that is opened, so it looks at the first bytes first.
func (c *call) throughFirst(i int) string {
	var head [len(meaning.First)]byte
	if n, err := c.t.CopyInBytes(c.addr(i), head[:]); err != nil || n < len(head) || string(head[:]) != meaning.First {
		return ""
	}
	if p := path.Clean(c.string(i)); meaning.ThroughFirst(p) {
		return p
	}
	return ""
}
