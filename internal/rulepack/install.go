package rulepack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// origin is where a pack came from, and what is known of that.
type origin struct{ source, etag, modified string }

// Update gets a pack from a URL of https, a file or a folder, and has it used. It is false
// when the one that is used is the same. Whatever fails leaves what is used as it is.
func (s *Store) Update(ctx context.Context, source string) (e Entry, updated bool, err error) {
	err = s.change(ctx, func() error {
		if isURL(source) {
			e, updated, err = s.fromServer(ctx, source)
		} else {
			e, updated, err = s.fromDisk(ctx, source)
		}
		return err
	})
	if err != nil {
		return e, false, fmt.Errorf("update rules: %w", err)
	}
	return e, updated, nil
}

func isURL(source string) bool {
	scheme, _, ok := strings.Cut(source, "://")
	return ok && !strings.ContainsAny(scheme, `/\.`)
}

func (s *Store) fromDisk(ctx context.Context, source string) (Entry, bool, error) {
	whole, err := filepath.Abs(source)
	if err != nil {
		return Entry{}, false, err
	}
	info, err := os.Stat(whole)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, fmt.Errorf("%w: %w", detonaut.ErrNotFound, err)
	}
	if err != nil {
		return Entry{}, false, err
	}
	var p *Pack
	switch {
	case info.IsDir():
		p, err = ReadFolder(whole, s.o.Trust)
	case info.Mode().IsRegular():
		p, err = readArchive(whole, s.o.Trust)
	default:
		err = fmt.Errorf("%w: it is neither a file nor a folder", detonaut.ErrUsage)
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("%s: %w", source, err)
	}
	return s.install(ctx, p, origin{source: whole})
}

func readArchive(name string, trust Trust) (*Pack, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, trust)
}

// install checks a pack and has it used.
func (s *Store) install(ctx context.Context, p *Pack, from origin) (Entry, bool, error) {
	e, updated, err := s.take(ctx, p, from)
	if err != nil {
		err = fmt.Errorf("pack %s %s of %s: %w", p.Name, p.Version, from.source, err)
	}
	return e, updated, err
}

func (s *Store) take(ctx context.Context, p *Pack, from origin) (e Entry, updated bool, err error) {
	next := state{}
	st, err := s.state(p.Name)
	switch {
	case errors.Is(err, detonaut.ErrNotFound):
	case errors.Is(err, detonaut.ErrCorrupt): // it is what is to be repaired
	case err != nil:
		return e, false, err
	default:
		next.Previous = st.Current
		if st.Current.Digest == p.Digest {
			next.Previous = st.Previous
			if _, err := s.open(st.Current); err == nil {
				e = *st.Current
				e.Key = cmp.Or(p.Key, e.Key)
				e.Source, e.ETag, e.Modified = from.source, from.etag, from.modified
				next.Current = &e
				return e, false, s.write(p.Name, next)
			}
		} else if err := s.newer(p, st.Current); err != nil {
			return e, false, err
		}
	}
	if err := s.clash(p); err != nil {
		return e, false, err
	}
	s.o.Progress("checking the rules")
	rules, err := s.o.Check(ctx, p)
	if err != nil {
		return e, false, err
	}
	e = Entry{
		Name: p.Name, Version: p.Version, Digest: p.Digest, Key: p.Key, Rules: rules, Created: p.Created,
		Source: from.source, ETag: from.etag, Modified: from.modified, Installed: s.o.Now().UTC().Truncate(time.Second),
	}
	next.Current = &e
	if err := os.MkdirAll(filepath.Join(s.o.Dir, p.Name), 0o700); err != nil {
		return e, false, err
	}
	if err := s.place(filepath.Join(p.Name, e.file()), p.Write); err != nil {
		return e, false, err
	}
	if err := ctx.Err(); err != nil {
		return e, false, err
	}
	return e, true, s.write(p.Name, next)
}

// newer refuses a pack that is no newer than the one that is used.
func (s *Store) newer(p *Pack, used *Entry) error {
	c := p.Version.Compare(used.Version)
	switch {
	case s.o.Force || c > 0:
		return nil
	case c == 0:
		return fmt.Errorf("%w: version %s with another content is installed: the publisher should have counted on (--force installs it all the same)", detonaut.ErrUsage, used.Version)
	}
	return fmt.Errorf("%w: it is older than version %s, which is installed (--force installs it all the same)", detonaut.ErrUsage, used.Version)
}

// clash refuses a pack with a rule that another pack has.
func (s *Store) clash(p *Pack) error {
	all, err := s.List()
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Name == p.Name || other.Pack == nil {
			continue
		}
		for _, f := range p.Files {
			if other.Pack.Tree.Has(f.Path) && (strings.HasPrefix(f.Path, "behavior/") || strings.HasPrefix(f.Path, "files/")) {
				return fmt.Errorf("%w: the installed pack %s has %s, too (detonaut rules remove %s takes it away)", detonaut.ErrUsage, other.Name, f.Path, other.Name)
			}
		}
	}
	return nil
}

// write has a state used, and removes archives that it does not name.
func (s *Store) write(name string, st state) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", stateName, err)
	}
	err = s.place(filepath.Join(name, stateName), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	files, err := os.ReadDir(filepath.Join(s.o.Dir, name))
	if err != nil {
		return err
	}
	for _, f := range files {
		kept := f.Name() == stateName || f.Name() == st.Current.file() || st.Previous != nil && f.Name() == st.Previous.file()
		if !kept {
			if err := os.RemoveAll(filepath.Join(s.o.Dir, name, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// place makes a file that appears whole, and is on the disk then.
func (s *Store) place(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(s.o.Dir, tmpPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	to := filepath.Join(s.o.Dir, name)
	if err := os.Rename(f.Name(), to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
