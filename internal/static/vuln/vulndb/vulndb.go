// Package vulndb keeps the vulnerability databases of a machine: it downloads them,
// takes them from files, and says which of them is used.
//
// In the directory of a [Store] there are
//
//	6 -> NAME                  the database in use, as [vuln.Open] looks for it
//	NAME/vulnerability.db      one database; NAME is when it was built, and its digest
//	NAME/import.json           what grype's command notes of it
//	NAME/database.json         what is noted of it here
//	lock                       held by whoever changes something
//	tmp-*/                     one being made by whoever holds the lock
//	download-DIGEST.part       one being downloaded: the next to try goes on with it
//
// A database is there whole and checked before it has a name, and comes into use by one
// rename. The one that was used before it is kept. Scans go on with what they have
// opened. Whoever publishes a database is trusted as far as the digest goes that the
// same server tells; archives and what they hold are bounded.
package vulndb

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/fetch"
	"github.com/detonaut/detonaut/internal/lock"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// Options say where databases come from, and what they may cost. Zero fields take
// their defaults.
type Options struct {
	// Dir is where they are kept; empty is below the user's cache directory.
	Dir string
	// URL is where they are published: that of a latest.json, or what is before
	// /v6/latest.json. It is not needed for what needs no network. Mirrors are others, in the order in which they are tried.
	URL     string
	Mirrors []string
	// MaxCompressed bounds an archive, MaxUncompressed the database in it, in bytes.
	MaxCompressed, MaxUncompressed int64
	// Silence is how long a server may send nothing.
	Silence time.Duration
	// Agent is what servers are told of who asks.
	Agent string
	// Progress is called as things go on, from the goroutine of the call; nil for
	// nobody.
	Progress func(Progress)
}

// Progress is how far an update or an import is.
type Progress struct {
	// Doing is "waiting for another update", "looking for a newer database",
	// "downloading", "unpacking", "indexing" or "checking".
	Doing string
	// Done and Total are bytes; 0 if not known.
	Done, Total int64
}

// Defaults of [Options].
const (
	DefaultMaxCompressed   = 2 << 30
	DefaultMaxUncompressed = 16 << 30
	defaultSilence         = 30 * time.Second
)

// Store is a directory of databases. Its methods may be called from several goroutines
// and processes: those that change something wait for each other.
type Store struct {
	o      Options
	client *fetch.Client
}

// New makes no directory yet.
func New(o Options) (*Store, error) {
	if o.Dir == "" {
		dir, err := DefaultDir()
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	if o.MaxCompressed == 0 {
		o.MaxCompressed = DefaultMaxCompressed
	}
	if o.MaxUncompressed == 0 {
		o.MaxUncompressed = DefaultMaxUncompressed
	}
	if o.Silence == 0 {
		o.Silence = defaultSilence
	}
	if o.Agent == "" {
		o.Agent = "detonaut"
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return &Store{o: o, client: fetch.New(fetch.Options{Silence: o.Silence, Agent: o.Agent})}, nil
}

// DefaultDir is below the user's cache directory. It is an error when the environment
// has none.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	return filepath.Join(dir, "detonaut", "vulnerabilities"), nil
}

// Dir is what [vuln.Open] wants.
func (s *Store) Dir() string { return s.o.Dir }

// link is the name of the database in use.
func (s *Store) link() string { return filepath.Join(s.o.Dir, strconv.Itoa(vuln.Model)) }

// change calls do while nobody else changes anything, with what was left by those who
// died removed.
func (s *Store) change(ctx context.Context, do func() error) error {
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return err
	}
	if info, err := os.Lstat(s.link()); err == nil && info.Mode().Type() != fs.ModeSymlink {
		return fmt.Errorf("%w: %s was made by another program, which changes it: use another directory", detonaut.ErrUsage, s.link())
	}
	held, err := lock.Wait(ctx, filepath.Join(s.o.Dir, "lock"), func() { s.o.Progress(Progress{Doing: "waiting for another update"}) })
	if err != nil {
		return err
	}
	defer held.Close()
	if err := s.sweep(""); err != nil {
		return err
	}
	return do()
}

// sweep removes what is half-made, but for the download of a digest.
func (s *Store) sweep(digest detonaut.Digest) error {
	names, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		name := n.Name()
		stale := strings.HasPrefix(name, tmpPrefix) ||
			digest != "" && strings.HasPrefix(name, partPrefix) && name != partName(digest)
		if !stale {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.o.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}
