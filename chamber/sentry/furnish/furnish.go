// Package furnish makes an ordinary machine of gVisor's sandbox, with what the plan
// asks for: files, baits and a CA in the root file system, /proc and /sys without what only
// gVisor has and with what it has not, and files of /proc that speak of the machine.
//
// Package sentry calls it on the goroutine of a task: of the first thread before its
// first instruction, or of one that has just opened a file of /proc. What is put into
// the root file system comes before package difference looks at that, so that none of
// it is taken for the subject's.
package furnish

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/network/pki"
	"github.com/detonaut/detonaut/chamber/plan"
)

// maxStore is the most bytes of a trust store that is changed.
const maxStore = 16 << 20

// Setup is what is put into the root file system before the subject makes its
// first system call. It goes into the overlay, as if the image had it.
type Setup struct {
	// Certificate is the DER of the CA for the trust stores; empty for none.
	Certificate []byte            `json:"certificate,omitempty"`
	Trust       []plan.TrustStore `json:"trust,omitempty"`
	// Files are written, with their paths as keys.
	Files map[string]string `json:"files,omitempty"`
	// Plants are made, too, where nothing is.
	Plants []Plant `json:"plants,omitempty"`
}

// Install does what the setup asks for, before t has read anything. told hears of
// every trust store, in their order, with the error where the CA is not in it. Nothing
// fails for good: a subject that does not trust us is no reason not to run it.
func (s *Setup) Install(t *kernel.Task, told func(plan.TrustStore, error)) {
	files := newFurnisher(t)
	defer files.root.DecRef(t)
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		// An image whose /etc is no directory has no names to look up either.
		_ = files.replace(name, []byte(s.Files[name]))
	}
	if len(s.Certificate) == 0 {
		return
	}
	ca, err := pki.NewRoot(s.Certificate)
	for _, store := range s.Trust {
		storeErr := err
		if storeErr == nil {
			storeErr = files.trust(ca, store)
		}
		told(store, storeErr)
	}
}

// furnisher reads and writes files of the sandbox as its root, but as nobody
// whom the tape knows.
type furnisher struct {
	t     *kernel.Task
	root  vfs.VirtualDentry
	creds *auth.Credentials
}

// newFurnisher holds a reference to the root directory.
func newFurnisher(t *kernel.Task) furnisher {
	return furnisher{t, t.FSContext().RootDirectory(), auth.NewRootCredentials(t.Kernel().RootUserNamespace())}
}

func (f furnisher) at(name string) *vfs.PathOperation {
	return &vfs.PathOperation{Root: f.root, Start: f.root, Path: fspath.Parse(name), FollowFinalSymlink: true}
}

// trust adds ca to one store.
func (f furnisher) trust(ca pki.Root, store plan.TrustStore) error {
	switch store.Kind {
	case plan.PEMFile:
		return f.replace(store.Path, ca.PEM())
	case plan.HashedDir:
		return f.addHashed(ca, store.Path)
	}
	old, err := f.read(store.Path)
	if err != nil {
		return err
	}
	changed, err := ca.Edit(store.Kind, old)
	if err != nil {
		return err
	}
	return f.replace(store.Path, changed)
}

// addHashed adds ca to a directory in which OpenSSL looks for a file by the
// hash of its subject, and the first free number.
func (f furnisher) addHashed(ca pki.Root, dir string) error {
	const most = 16 // as many subjects of one hash as anybody has
	for i := range most {
		name := path.Join(dir, fmt.Sprintf("%s.%d", ca.SubjectHash(), i))
		if _, err := f.t.Kernel().VFS().StatAt(f.t, f.creds, f.at(name), &vfs.StatOptions{}); err == nil {
			continue
		}
		return f.replace(name, ca.PEM())
	}
	return errors.New("all names of its hash are taken")
}

// read returns the contents of a regular file.
func (f furnisher) read(name string) ([]byte, error) {
	file, err := f.open(name, linux.O_RDONLY|linux.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer file.DecRef(f.t)
	stat, err := file.Stat(f.t, vfs.StatOptions{Mask: linux.STATX_TYPE | linux.STATX_SIZE})
	if err != nil {
		return nil, fmt.Errorf("look at it: %w", err)
	}
	if linux.FileMode(stat.Mode).FileType() != linux.S_IFREG || stat.Size > maxStore {
		return nil, fmt.Errorf("it is no file of at most %d bytes", maxStore)
	}
	b := make([]byte, stat.Size)
	for n := 0; n < len(b); {
		m, err := file.PRead(f.t, usermem.BytesIOSequence(b[n:]), int64(n), vfs.ReadOptions{})
		n += int(m)
		if errors.Is(err, io.EOF) || err == nil && m == 0 {
			return b[:n], nil
		}
		if err != nil {
			return nil, fmt.Errorf("read it: %w", err)
		}
	}
	return b, nil
}

// replace writes a file, which may be new and keeps its times if it is not.
func (f furnisher) replace(name string, content []byte) error {
	system := f.t.Kernel().VFS()
	before, statErr := system.StatAt(f.t, f.creds, f.at(name), &vfs.StatOptions{Mask: linux.STATX_ATIME | linux.STATX_MTIME})
	if err := f.makeParents(name); err != nil {
		return err
	}
	file, err := f.open(name, linux.O_WRONLY|linux.O_CREAT|linux.O_TRUNC|linux.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer file.DecRef(f.t)
	for n := int64(0); n < int64(len(content)); {
		m, err := file.PWrite(f.t, usermem.BytesIOSequence(content[n:]), n, vfs.WriteOptions{})
		if err != nil {
			return fmt.Errorf("write it: %w", err)
		}
		n += m
	}
	if statErr == nil {
		before.Mask = linux.STATX_ATIME | linux.STATX_MTIME
		// A time that cannot be set back is no reason to be without a store.
		_ = f.set(name, before)
	}
	return nil
}

func (f furnisher) open(name string, flags uint32) (*vfs.FileDescription, error) {
	file, err := f.t.Kernel().VFS().OpenAt(f.t, f.creds, f.at(name), &vfs.OpenOptions{Flags: flags | linux.O_LARGEFILE, Mode: 0o644})
	if err != nil {
		return nil, fmt.Errorf("open it: %w", err)
	}
	return file, nil
}

// makeParents makes the directories that name needs.
func (f furnisher) makeParents(name string) error {
	for i := range name {
		if i == 0 || name[i] != '/' {
			continue
		}
		at := f.at(name[:i])
		at.FollowFinalSymlink = false // as gVisor wants it of whoever makes
		err := f.t.Kernel().VFS().MkdirAt(f.t, f.creds, at, &vfs.MkdirOptions{Mode: 0o755})
		if err != nil && !linuxerr.Equals(linuxerr.EEXIST, err) {
			return fmt.Errorf("make %s: %w", name[:i], err)
		}
	}
	return nil
}
