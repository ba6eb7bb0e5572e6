package detonate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// Bounds on the search through an image.
const (
	maxWalkEntries = 1_000_000
	maxWalkDepth   = 64
	maxWalkBytes   = 256 << 20 // read of files beyond the start of each
	maxWalkParts   = 4_000_000 // parts of all paths that are looked up
	walkBatch      = 1024      // entries of a directory read at once
)

// errCostly ends a search that would cost too much.
var errCostly = errors.New("the image is too large to be searched")

// meter is a file system that can be used only so much: looking a path up
// costs as much as it has parts.
type meter struct {
	fs.FS
	parts int
}

func (m *meter) take(name string) error {
	if m.parts -= 1 + strings.Count(name, "/"); m.parts < 0 {
		return errCostly
	}
	return nil
}

// Open implements [fs.FS].
func (m *meter) Open(name string) (fs.File, error) {
	if err := m.take(name); err != nil {
		return nil, err
	}
	return m.FS.Open(name)
}

// Lstat implements [fs.ReadLinkFS].
func (m *meter) Lstat(name string) (fs.FileInfo, error) {
	if err := m.take(name); err != nil {
		return nil, err
	}
	return fs.Lstat(m.FS, name)
}

// ReadLink implements [fs.ReadLinkFS].
func (m *meter) ReadLink(name string) (string, error) {
	if err := m.take(name); err != nil {
		return "", err
	}
	return fs.ReadLink(m.FS, name)
}

// read goes on to read file until it has n bytes of it, or all that there are.
// They are valid until another file is read. The caller empties f.content
// before the first call.
func (f *finder) read(file io.Reader, name string, n int64) ([]byte, error) {
	have := int64(len(f.content))
	if n <= have {
		return f.content, nil
	}
	if f.bytes += max(0, n-sniffed); f.bytes > maxWalkBytes {
		return nil, errCostly
	}
	f.content = slices.Grow(f.content, int(n-have))[:n]
	got, err := io.ReadFull(file, f.content[have:])
	f.content = f.content[:have+int64(got)]
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s in the image: %w", shown(name), err)
	}
	return f.content, nil
}

// A branch is a directory that waits to be walked through.
type branch struct {
	parent, name string
	depth        int
}

// walk looks at every file for what is no known place: the bundles of language
// runtimes and their packages, hashed directories, the key stores of Java.
func (f *finder) walk() error {
	seen := 0
	for waiting := []branch{{".", "", 0}}; len(waiting) > 0; {
		b := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		dir, hashed := path.Join(b.parent, b.name), 0
		err := f.eachEntry(dir, func(e fs.DirEntry) error {
			if seen++; seen > maxWalkEntries {
				return errCostly
			}
			if hashedName.MatchString(e.Name()) {
				hashed++
			}
			switch {
			case !e.IsDir():
				return f.visit(dir, e)
			case b.depth == maxWalkDepth:
				f.cut = true
			case b.depth > 0 || !slices.Contains(mountedOver, e.Name()):
				waiting = append(waiting, branch{dir, e.Name(), b.depth + 1})
			}
			return nil
		})
		if err != nil {
			return err
		}
		if hashed >= minHashed {
			f.add(dir, plan.HashedDir)
		}
	}
	return nil
}

// eachEntry visits the entries of a directory, some at a time: a hostile one
// may have a million.
func (f *finder) eachEntry(dir string, visit func(fs.DirEntry) error) error {
	file, err := f.root.Open(dir)
	if err != nil {
		return notThere(err)
	}
	defer file.Close() // it was only read
	list, ok := file.(fs.ReadDirFile)
	if !ok {
		return nil
	}
	for {
		entries, err := list.ReadDir(walkBatch)
		for _, e := range entries {
			if err := visit(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read directory %s in the image: %w", shown(dir), err)
		}
	}
}

// visit looks at what is no directory.
func (f *finder) visit(dir string, e fs.DirEntry) error {
	name := path.Join(dir, e.Name())
	switch e.Name() {
	case "node", "nodejs", "bun", "deno":
		_, info, err := f.root.resolve("/", name)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			f.deno = f.deno || e.Name() == "deno"
			f.node = f.node || e.Name() != "deno"
		}
		return notThere(err)
	}
	if !e.Type().IsRegular() {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return notThere(err)
	}
	java := mayBeJava(dir, e.Name())
	if !java && (info.Size() < minStoreFile || info.Size() > maxStoreFile) {
		return nil
	}
	if info.Size() > maxStoreFile {
		f.cut = true // of a name of Java's
		return nil
	}
	file, err := f.open(name, e)
	if err != nil {
		return notThere(err)
	}
	defer file.Close() // it was only read
	return f.look(file, name, info.Size(), java)
}

// open opens a regular file: e, if that can be opened by itself, which saves
// looking up its path.
func (f *finder) open(name string, e fs.DirEntry) (fs.File, error) {
	if self, ok := e.(interface{ Open() (fs.File, error) }); ok {
		return self.Open()
	}
	return f.root.Open(name)
}

// look adds a file that is a store by what is in it. It reads on only when the
// start is promising.
func (f *finder) look(file io.Reader, name string, size int64, java bool) error {
	f.content = f.content[:0]
	head, err := f.read(file, name, min(size, sniffed))
	if err != nil {
		return err
	}
	if kind, ok := javaKind(head); java && ok {
		f.add(name, kind)
		return nil
	}
	if size < minStoreFile || !mayBePEM(head) {
		return nil
	}
	b, err := f.read(file, name, size)
	if err != nil {
		return err
	}
	if p := readPEM(b); p.bundle() {
		f.add(name, p.kind())
	}
	return nil
}
