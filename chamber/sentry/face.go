package sentry

import (
	"bytes"
	"errors"
	"io"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/kernfs"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/proc"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/machine"
)

// maxShown is the most bytes of a file of /proc that are edited: maps has a line
// for each of up to 65530 mappings.
const maxShown = 16 << 20

// shown is an open file of /proc that shows another text than gVisor's.
type shown struct {
	kernfs.DynamicBytesFD
	original *vfs.FileDescription // what gVisor opened; owned
	edit     machine.Edit
	reader   int32
}

// Release implements vfs.FileDescriptionImpl.
func (s *shown) Release(ctx context.Context) { s.original.DecRef(ctx) }

// Generate implements vfs.DynamicBytesSource.
func (s *shown) Generate(ctx context.Context, buf *bytes.Buffer) error {
	var old bytes.Buffer
	part := make([]byte, 16<<10)
	for off := int64(0); off < maxShown; {
		n, err := s.original.PRead(ctx, usermem.BytesIOSequence(part), off, vfs.ReadOptions{})
		old.Write(part[:n])
		off += n
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			break
		}
		if err != nil {
			return err
		}
	}
	buf.WriteString(s.edit(old.String(), s.reader))
	return nil
}

// show replaces the file that a call has just opened, if it is one of /proc that
// tells of gVisor, by one that tells of the machine of the plan. It goes by what
// was opened, not by its name: there are many ways to a file, and any number of
// mounts of /proc. The descriptor is set anew, as dup2(2) does: another thread may
// hold the old file already, and cannot be given another under its hands.
func (c *call) show() {
	if c.err != nil || c.tr.face.Blank() {
		return
	}
	fd := int32(c.ret)
	f, flags := c.t.FDTable().Get(fd)
	if f == nil {
		return
	}
	defer f.DecRef(c.t)
	dentry, ok := f.Dentry().Impl().(*kernfs.Dentry)
	if !ok || f.StatusFlags()&linux.O_PATH != 0 || f.Mount().Filesystem().FilesystemType().Name() != proc.Name {
		return
	}
	edit := c.tr.face.Proc(dentry.FSLocalPath())
	if edit == nil {
		return
	}
	f.IncRef()
	s := &shown{original: f, edit: edit, reader: int32(c.t.PIDNamespace().IDOfThreadGroup(c.t.ThreadGroup()))}
	if err := s.InitWithImpl(s, f.Mount(), dentry, s, new(vfs.FileLocks), f.StatusFlags(), c.t.Credentials()); err != nil {
		f.DecRef(c.t)
		return
	}
	defer s.VFSFileDescription().DecRef(c.t)
	if old, err := c.t.NewFDAt(fd, s.VFSFileDescription(), flags); err == nil && old != nil {
		old.DecRef(c.t)
	}
}

// faceHooks are the calls that ask for the machine.
func faceHooks() map[string]hook {
	return map[string]hook{"uname": uname, "sysinfo": sysinfo, "syslog": syslog}
}

// uname shows the release and the version in struct new_utsname, six fields of 65
// bytes.
func uname(c *call) {
	c.run()
	for i, s := range []string{2: c.tr.face.Release, 3: c.tr.face.Version} {
		if s == "" || c.err != nil {
			continue
		}
		field := make([]byte, linux.UTSLen+1)
		copy(field[:linux.UTSLen], s)
		_, c.err = c.t.CopyOutBytes(c.addr(0)+hostarch.Addr(i*len(field)), field)
	}
}

// sysinfo shows the memory of the machine in struct sysinfo.
func sysinfo(c *call) {
	c.run()
	face := &c.tr.face
	if c.err != nil || face.Memory == 0 {
		return
	}
	var si linux.Sysinfo
	if _, c.err = si.CopyIn(c.t, c.addr(0)); c.err != nil {
		return
	}
	si.FreeRAM = face.Free(si.TotalRAM - min(si.FreeRAM, si.TotalRAM))
	si.TotalRAM, si.BufferRAM = face.RAM(), face.Buffers()
	_, c.err = si.CopyOut(c.t, c.addr(0))
}

// syslog gives the log of the machine's kernel instead of gVisor's, which jokes.
func syslog(c *call) {
	const (
		readAll    = 3
		sizeBuffer = 10
		bufferSize = 1 << 18
	)
	switch log := c.tr.face.Log(); {
	case log == "":
		c.run()
	case c.int(0) == sizeBuffer:
		c.ret = bufferSize
	case c.int(0) != readAll:
		c.err = linuxerr.EPERM // what else there is takes CAP_SYSLOG
	case c.int(2) < 0:
		c.err = linuxerr.EINVAL
	default:
		n := min(int(c.int(2)), len(log))
		n, c.err = c.t.CopyOutBytes(c.addr(1), []byte(log[len(log)-n:]))
		c.ret = uintptr(n)
	}
	c.emitCall(nil)
}
