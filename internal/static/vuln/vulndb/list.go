package vulndb

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// Entry is one database of a store.
type Entry struct {
	detonaut.Database
	// Path is the folder that it is in, Size that of the file in bytes.
	Path string `json:"path"`
	Size int64  `json:"size"`
	// Source and Imported are where it came from, and when; Client the version of the
	// format that it was indexed for. They are empty for what another program put there.
	Source   string    `json:"source,omitempty"`
	Imported time.Time `json:"imported,omitzero"`
	Client   string    `json:"client,omitempty"`
	// Used is set for the one that scans use.
	Used bool `json:"used"`
	// Problem is why it cannot be used; empty if it can.
	Problem string `json:"problem,omitempty"`
}

var nameRE = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}$`)

// List is what there is, the newest first. It does not read the databases whole.
func (s *Store) List() ([]Entry, error) {
	names, err := os.ReadDir(s.o.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	used, _ := filepath.EvalSymlinks(s.link()) // without one none is used
	real, err := filepath.EvalSymlinks(s.o.Dir)
	if err != nil {
		real = s.o.Dir
	}
	all := []Entry{}
	for _, n := range names {
		if !n.IsDir() || !nameRE.MatchString(n.Name()) && filepath.Join(s.o.Dir, n.Name()) != s.link() {
			continue
		}
		e := inspect(filepath.Join(s.o.Dir, n.Name()))
		e.Used = filepath.Join(real, n.Name()) == used
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Or(b.Built.Compare(a.Built), cmp.Compare(b.Path, a.Path)) })
	return all, nil
}

// Status is the database that scans use, read whole to find out whether it is sound. It
// is [vuln.ErrNone] if there is none.
func (s *Store) Status(ctx context.Context) (Entry, error) {
	d, err := vuln.Open(s.o.Dir, vuln.Options{})
	if errors.Is(err, vuln.ErrNone) {
		return Entry{}, err
	}
	folder := s.link()
	if to, err := filepath.EvalSymlinks(folder); err == nil {
		folder = to
	}
	e := inspect(folder)
	e.Used = true
	if err != nil {
		return e, nil //nolint:nilerr // inspect has met it, too
	}
	if err := errors.Join(d.Verify(ctx), d.Close()); err != nil {
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		e.Problem = err.Error()
	}
	return e, nil
}

// inspect tells what is in a folder.
func inspect(folder string) Entry {
	e := Entry{Path: folder}
	if info, err := os.Stat(filepath.Join(folder, vuln.FileName)); err == nil {
		e.Size = info.Size()
	}
	d, err := vuln.OpenFolder(folder, vuln.Options{})
	if err != nil {
		e.Problem = err.Error()
		return e
	}
	defer d.Close() //nolint:errcheck // it was only read
	e.Database = d.Info()
	if r := d.Record(); r != nil {
		e.Source, e.Imported, e.Client = r.Source, r.Imported, r.Client
	}
	return e
}
