package furnish

import (
	"bytes"
	"errors"
	"io"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/kernfs"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/proc"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
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

// Show replaces the file that t has just opened as fd, if it is one of /proc that
// tells of gVisor, by one that tells of the machine of the plan. It goes by what
// was opened, not by its name: there are many ways to a file, and any number of
// mounts of /proc. The descriptor is set anew, as dup2(2) does: another thread may
// hold the old file already, and cannot be given another under its hands.
func Show(t *kernel.Task, fd int32, face *machine.Face) {
	if face.Blank() {
		return
	}
	f, flags := t.FDTable().Get(fd)
	if f == nil {
		return
	}
	defer f.DecRef(t)
	dentry, ok := f.Dentry().Impl().(*kernfs.Dentry)
	if !ok || f.StatusFlags()&linux.O_PATH != 0 || f.Mount().Filesystem().FilesystemType().Name() != proc.Name {
		return
	}
	edit := face.Proc(dentry.FSLocalPath())
	if edit == nil {
		return
	}
	f.IncRef()
	s := &shown{original: f, edit: edit, reader: int32(t.PIDNamespace().IDOfThreadGroup(t.ThreadGroup()))}
	if err := s.InitWithImpl(s, f.Mount(), dentry, s, new(vfs.FileLocks), f.StatusFlags(), t.Credentials()); err != nil {
		f.DecRef(t)
		return
	}
	defer s.VFSFileDescription().DecRef(t)
	if old, err := t.NewFDAt(fd, s.VFSFileDescription(), flags); err == nil && old != nil {
		old.DecRef(t)
	}
}
