package malicious

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// Bounds of one import.
const (
	maxEntries   = 4_000_000 // of a directory
	maxDirectory = 64 << 20  // bytes of the directory of a zip
	maxTotal     = 16 << 30  // bytes of all records, unpacked
	maxKept      = 1 << 30   // bytes of what is kept of them
	maxProblems  = 10
)

// Imported tells what an import did.
type Imported struct {
	// Records is how many the file has now, New how many of them came with this
	// import; Ecosystems are those whose records were replaced, sorted.
	Records    int         `json:"records"`
	New        int         `json:"new"`
	Ecosystems []Ecosystem `json:"ecosystems"`
	// Skipped are files that are no record that could be read, and Problems the first
	// of them, with the reason.
	Skipped  int      `json:"skipped,omitempty"`
	Problems []string `json:"problems,omitempty"`
	// Newest is when the last record was changed.
	Newest time.Time `json:"newest"`
}

// IsRecords tells whether a file or directory has records of malicious packages: a record
// of OSV (MAL-*.json), or a zip or directory that has one somewhere.
func IsRecords(name string) bool {
	files, closer, err := openSource(name)
	if err != nil {
		return false
	}
	defer closer.Close() // it was only read
	found := false
	_ = eachName(files, func(string) error { // what cannot be read has none
		found = true
		return fs.SkipAll
	})
	return found
}

// isRecord tells whether a file is a record, by its name: that is how OSV and the
// repository of OpenSSF name them. Those of the directory withdrawn are not.
func isRecord(name string) bool {
	base := path.Base(name)
	id, isJSON := strings.CutSuffix(base, ".json")
	return isJSON && recordID.MatchString(id) && !strings.Contains("/"+name, "/withdrawn/")
}

// Import reads records of OSV from a file, a zip (all.zip of an ecosystem of osv.dev, or
// the repository ossf/malicious-packages) or a directory, and writes those that are in
// force to the file of imported records of a directory, which is made if needed. Of
// every ecosystem that the source has the earlier records are replaced; those of others
// stay. The file is replaced at once, or not at all.
func Import(ctx context.Context, source, dir string) (*Imported, error) {
	in := &importer{ctx: ctx, fresh: map[Ecosystem]bool{}}
	if err := in.readSource(source); err != nil {
		return nil, fmt.Errorf("import malicious packages: %w", err)
	}
	if len(in.records) == 0 {
		return nil, fmt.Errorf("import malicious packages: %w: %s has no record (MAL-*.json) that is in force", detonaut.ErrUsage, source)
	}
	in.done.New = len(in.records)
	in.done.Ecosystems = slices.Sorted(maps.Keys(in.fresh))
	if err := in.keepOthers(dir); err != nil {
		return nil, fmt.Errorf("import malicious packages: %w", err)
	}
	in.done.Records = len(in.records)
	if err := in.replace(dir); err != nil {
		return nil, fmt.Errorf("import malicious packages: %w", err)
	}
	return &in.done, nil
}

// importer is one import.
type importer struct {
	ctx     context.Context
	records []Record
	fresh   map[Ecosystem]bool
	done    Imported
	total   int64 // bytes that were read
	kept    int64 // bytes that are kept, about
}

// openSource opens what has records as a file system.
func openSource(name string) (fs.FS, io.Closer, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name) // nothing above it, whatever its links say
		if err != nil {
			return nil, nil, err
		}
		return root.FS(), root, nil
	}
	if strings.HasSuffix(name, ".json") {
		root, err := os.OpenRoot(filepath.Dir(name))
		if err != nil {
			return nil, nil, err
		}
		return oneFile{root.FS(), filepath.Base(name)}, root, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	limited := &directoryReader{file: f, left: maxDirectory}
	z, err := zip.NewReader(limited, info.Size())
	if err != nil {
		f.Close() // it was only read
		return nil, nil, err
	}
	limited.left = -1
	return zipFiles{z}, f, nil
}

// directoryReader bounds what is read of a zip before its files are: its directory is
// kept in memory, several times as large.
type directoryReader struct {
	file io.ReaderAt
	left int64 // -1 is no bound
}

func (d *directoryReader) ReadAt(p []byte, at int64) (int, error) {
	if d.left >= 0 {
		if d.left -= int64(len(p)); d.left < 0 {
			return 0, fmt.Errorf("%w: the directory of the zip has more than %d bytes", detonaut.ErrLimit, maxDirectory)
		}
	}
	return d.file.ReadAt(p, at)
}

// zipFiles opens files of a zip by the names that it has for them.
type zipFiles struct{ *zip.Reader }

// oneFile is a directory of which one file counts.
type oneFile struct {
	fs.FS
	name string
}

// eachName visits the names of records, sorted where the source is.
func eachName(files fs.FS, visit func(name string) error) error {
	switch files := files.(type) {
	case oneFile:
		if !isRecord(files.name) {
			return nil
		}
		return visit(files.name)
	case zipFiles:
		for _, f := range files.File {
			if isRecord(f.Name) {
				if err := visit(f.Name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	seen := 0
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > maxEntries {
			return fmt.Errorf("%w: more than %d files", detonaut.ErrLimit, maxEntries)
		}
		if d.Type().IsRegular() && isRecord(name) {
			return visit(name)
		}
		return nil
	})
}

func (in *importer) readSource(source string) error {
	files, closer, err := openSource(source)
	if err != nil {
		return err
	}
	defer closer.Close() // it was only read
	if z, ok := files.(zipFiles); ok {
		for _, f := range z.File {
			if !isRecord(f.Name) {
				continue
			}
			if err := in.read(f.Name, f.Open); err != nil {
				return err
			}
		}
		return nil
	}
	return eachName(files, func(name string) error {
		return in.read(name, func() (io.ReadCloser, error) { return files.Open(name) })
	})
}

// read takes over one file. One that is no record, or too large, is skipped and told.
func (in *importer) read(name string, open func() (io.ReadCloser, error)) error {
	if err := in.ctx.Err(); err != nil {
		return err
	}
	b, err := readRecord(open)
	in.total += int64(len(b))
	if in.total > maxTotal {
		return fmt.Errorf("%w: more than %d bytes of records", detonaut.ErrLimit, int64(maxTotal))
	}
	var made []Record
	var changed time.Time
	if err == nil {
		made, changed, err = parseOSV(b)
	}
	if err != nil {
		if in.done.Skipped++; len(in.done.Problems) < maxProblems {
			in.done.Problems = append(in.done.Problems, fmt.Sprintf("%q: %v", name, err))
		}
		return nil
	}
	if changed.After(in.done.Newest) {
		in.done.Newest = changed
	}
	for i := range made {
		if err := in.keep(&made[i]); err != nil {
			return err
		}
		in.fresh[made[i].Key.Ecosystem] = true
	}
	return nil
}

func readRecord(open func() (io.ReadCloser, error)) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	return io.ReadAll(io.LimitReader(f, maxOSV+1))
}

func (in *importer) keep(r *Record) error {
	in.kept += int64(200 + len(r.What) + 32*len(r.Sums))
	for _, list := range [][]string{r.Versions, r.References} {
		for _, s := range list {
			in.kept += int64(16 + len(s))
		}
	}
	if in.kept > maxKept || len(in.records) >= maxRecords {
		return fmt.Errorf("%w: more than %d records, or %d bytes of them", detonaut.ErrLimit, maxRecords, maxKept)
	}
	in.records = append(in.records, *r)
	return nil
}

// keepOthers takes over the records of ecosystems that were not imported now. A file that
// is broken has none that are worth keeping.
func (in *importer) keepOthers(dir string) error {
	old, err := Open(dir)
	if errors.Is(err, detonaut.ErrNotFound) || errors.Is(err, detonaut.ErrCorrupt) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }() // it was only read
	all := make([]uint32, len(old.head.Blocks))
	for i := range all {
		all[i] = uint32(i) //nolint:gosec // at most maxBlocks
	}
	var full error
	err = old.read(all, func(r *Record) {
		if !in.fresh[r.Key.Ecosystem] && full == nil {
			full = in.keep(r)
		}
	})
	if errors.Is(err, detonaut.ErrCorrupt) {
		err = nil
	}
	if in.done.Records = len(in.records); in.done.Records > in.done.New && old.Newest().After(in.done.Newest) {
		in.done.Newest = old.Newest()
	}
	return errors.Join(full, err)
}

// replace writes the file beside the old one, and puts it in its place.
func (in *importer) replace(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, FileName+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone when all went well
	err = write(f, in.records, in.done.Newest)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, FileName))
}
