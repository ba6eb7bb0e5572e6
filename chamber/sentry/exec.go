package sentry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/sentry/payload"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// execHooks see what seccheck does not: executions that fail.
func execHooks() map[string]hook {
	exec := func(dir, path int) hook {
		return func(c *call) {
			name := c.string(path)
			failed := c.tryExec(dir, path)
			if failed != nil {
				c.err = failed
				ev := c.event(tape.ProcessExec)
				c.err = nil
				ev.Process = &tape.Process{Executable: wire.Text(ev, name)}
				c.tr.out.Emit(ev)
			}
			c.tr.memory.Keep(c.t)
			c.run()
		}
	}
	return map[string]hook{"execve": exec(noDir, 0), "execveat": exec(0, 1)}
}

// candidates lists the paths at which program may lie, as execvp(3) would try
// them.
func candidates(program string, env []string) []string {
	if strings.Contains(program, "/") {
		return []string{program}
	}
	var out []string
	for _, v := range env {
		if dirs, ok := strings.CutPrefix(v, "PATH="); ok {
			for _, d := range strings.Split(dirs, ":") {
				out = append(out, d+"/"+program)
			}
		}
	}
	return out
}

// openAs opens a program of the subject for reading, with the sandbox's own
// rights, as seen by t. What cannot be executed is none.
func openAs(t *kernel.Task, path string) (*vfs.FileDescription, error) {
	root := t.FSContext().RootDirectory()
	defer root.DecRef(t)
	start := t.FSContext().WorkingDirectory()
	defer func() { start.DecRef(t) }()
	if strings.HasPrefix(path, "/") { // gVisor starts where it is told to
		start.DecRef(t)
		start = root
		start.IncRef()
	}
	k := t.Kernel()
	return k.VFS().OpenAt(t, auth.NewRootCredentials(k.RootUserNamespace()),
		&vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(path), FollowFinalSymlink: true}, programOptions())
}

// programOptions open regular files that may be executed, and never wait.
func programOptions() *vfs.OpenOptions {
	return &vfs.OpenOptions{Flags: linux.O_RDONLY | linux.O_NONBLOCK, FileExec: true}
}

func originOf(f *vfs.FileDescription) tape.Origin {
	if overlay.IsOnLower(f.Dentry()) && !overlay.IsCopiedUp(f.Dentry()) {
		return tape.FromImage
	}
	return tape.FromWritten
}

// digest hashes a file from its start. It returns no hash for one that is too
// long or cannot be read.
func digest(t *kernel.Task, f *vfs.FileDescription) (sum, interpreter string) {
	interpreter = shebang(t, f)
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for off := int64(0); off < payload.MaxHash; {
		n, err := f.PRead(t, usermem.BytesIOSequence(buf), off, vfs.ReadOptions{})
		h.Write(buf[:n])
		off += n
		if errors.Is(err, io.EOF) || (err == nil && n == 0) {
			return hex.EncodeToString(h.Sum(nil)), interpreter
		}
		if err != nil {
			return "", interpreter
		}
	}
	return "", interpreter
}

// shebang returns what the #! line of a script names; empty for what is none.
func shebang(t *kernel.Task, f *vfs.FileDescription) string {
	var b [256]byte // as much as Linux reads of it
	n, _ := f.PRead(t, usermem.BytesIOSequence(b[:]), 0, vfs.ReadOptions{})
	line, ok := strings.CutPrefix(string(b[:n]), "#!")
	if !ok {
		return ""
	}
	line, _, _ = strings.Cut(line, "\n")
	return strings.TrimSpace(line)
}

// tryExec tells with which error an execution is going to fail because of its
// file; nil if it is not. gVisor reports only those that succeed.
func (c *call) tryExec(dir, path int) error {
	p := c.string(path)
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return unix.EBADF
	}
	defer start.DecRef(c.t)
	f, err := c.t.Kernel().VFS().OpenAt(c.t, c.t.Credentials(),
		&vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(p), FollowFinalSymlink: true}, programOptions())
	if err != nil {
		return err
	}
	f.DecRef(c.t)
	return nil
}
