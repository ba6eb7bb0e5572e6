package rulepack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/fetch"
	"github.com/detonaut/detonaut/internal/lock"
)

// Options say what a [Store] takes. Zero fields take their defaults.
type Options struct {
	// Dir is where packs are kept.
	Dir string
	// Trust says whose packs are taken. [Trust.Unsigned] is for local ones only.
	Trust Trust
	// Force takes a pack that is older than the one installed.
	Force bool
	// Check refuses a pack whose rules cannot be used, and counts them. A nil one refuses
	// none.
	Check func(context.Context, *Pack) (rules int, err error)
	// PlainHTTP allows http to others than this machine.
	PlainHTTP bool
	// Silence is how long a server may send nothing, Most how long a download may take.
	Silence, Most time.Duration
	// Agent is what servers are told of who asks.
	Agent string
	// Progress is called as things go on; nil for nobody.
	Progress func(doing string)
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Defaults of [Options].
const (
	defaultSilence = 30 * time.Second
	defaultMost    = 10 * time.Minute
)

// Store is a directory of installed packs. In it are
//
//	NAME/state.json               which version is used, and which was before
//	NAME/VERSION-DIGEST.tar.gz    these two, as [Pack.Write] writes them
//	lock                          held by whoever changes something
//	tmp-*                         what is made by whoever holds the lock
//	download-*.part, .etag        a download: the next to try goes on with it
//
// What is used changes by one rename, of state.json, and what that names is there whole
// before it. Its methods may be called from several goroutines and processes: those that
// change something wait for each other.
type Store struct {
	o      Options
	client *fetch.Client
}

// New makes no directory yet.
func New(o Options) *Store {
	if o.Silence == 0 {
		o.Silence = defaultSilence
	}
	if o.Most == 0 {
		o.Most = defaultMost
	}
	if o.Agent == "" {
		o.Agent = "detonaut"
	}
	if o.Check == nil {
		o.Check = func(context.Context, *Pack) (int, error) { return 0, nil }
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{o: o}
	s.client = fetch.New(fetch.Options{Silence: o.Silence, Agent: o.Agent, Allow: s.allow})
	return s
}

// Entry is what is noted of a pack that was installed.
type Entry struct {
	Name    string          `json:"name"`
	Version Version         `json:"version"`
	Digest  detonaut.Digest `json:"digest"`
	// Key is the id of the key that signed it; empty if that was not asked for.
	Key   string `json:"key,omitempty"`
	Rules int    `json:"rules"`
	// Source is where it came from, Created when it was made, Installed when it came here.
	Source    string    `json:"source"`
	Created   time.Time `json:"created"`
	Installed time.Time `json:"installed"`
	// ETag and Modified are what the server said of the file.
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// file is the name of its archive.
func (e *Entry) file() string {
	return fmt.Sprintf("%s-%.12s.tar.gz", e.Version, strings.TrimPrefix(string(e.Digest), "sha256:"))
}

// state is a state.json.
type state struct {
	// Current is the one that is used, Previous the one before; nil if there is none.
	Current  *Entry `json:"current"`
	Previous *Entry `json:"previous,omitempty"`
}

const (
	stateName  = "state.json"
	tmpPrefix  = "tmp-"
	partPrefix = "download-"
	maxState   = 64 << 10
)

// state is that of a pack. It is [detonaut.ErrNotFound] if there is none.
func (s *Store) state(name string) (*state, error) {
	root, err := os.OpenRoot(filepath.Join(s.o.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no pack %s is installed", detonaut.ErrNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // it was only read
	b, err := readFile(root, stateName, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no pack %s is installed", detonaut.ErrNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	st := new(state)
	if err := json.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("%w: %s of pack %s: %w", detonaut.ErrCorrupt, stateName, name, err)
	}
	for _, e := range []*Entry{st.Current, st.Previous} {
		if e != nil && (e.Name != name || !e.Version.valid() || len(e.Digest) != len("sha256:")+64) || st.Current == nil {
			return nil, fmt.Errorf("%w: %s of pack %s makes no sense", detonaut.ErrCorrupt, stateName, name)
		}
	}
	return st, nil
}

// open reads the archive of an entry.
func (s *Store) open(e *Entry) (*Pack, error) {
	f, err := os.Open(filepath.Join(s.o.Dir, e.Name, e.file()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := Read(f, Trust{Unsigned: true}) // it was verified when it was installed
	switch {
	case err != nil:
		return nil, err
	case p.Digest != e.Digest || p.Name != e.Name:
		return nil, fmt.Errorf("%w: it is another than was installed", detonaut.ErrCorrupt)
	}
	p.Key = e.Key
	return p, nil
}

// Installed is one pack of a store.
type Installed struct {
	Entry
	// Previous is the one to which [Store.Rollback] goes back; nil if there is none.
	Previous *Entry `json:"previous,omitempty"`
	// Problem says why it cannot be used; empty if it can.
	Problem string `json:"problem,omitempty"`
	// Pack is nil if it cannot be used.
	Pack *Pack `json:"-"`
}

// List is what is installed, by name. Each is read whole.
func (s *Store) List() ([]Installed, error) {
	folders, err := os.ReadDir(s.o.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	all := []Installed{}
	for _, f := range folders {
		if !f.IsDir() || !nameRE.MatchString(f.Name()) {
			continue
		}
		one, err := s.look(f.Name())
		if errors.Is(err, fs.ErrNotExist) { // another has just been installed
			one, err = s.look(f.Name())
		}
		switch {
		case errors.Is(err, detonaut.ErrNotFound):
			continue // what an update left that was killed
		case err != nil:
			one.Problem = err.Error()
		}
		all = append(all, one)
	}
	return all, nil
}

// look tells what is known of a pack. Beside an error the name is.
func (s *Store) look(name string) (Installed, error) {
	one := Installed{Entry: Entry{Name: name}}
	st, err := s.state(name)
	if err != nil {
		return one, err
	}
	one.Entry, one.Previous = *st.Current, st.Previous
	one.Pack, err = s.open(st.Current)
	return one, err
}

// change calls do while nobody else changes anything, with what was left by those who died
// removed.
func (s *Store) change(ctx context.Context, do func() error) error {
	if s.o.Dir == "" {
		return fmt.Errorf("%w: there is no directory for packs: set rules.packs, XDG_DATA_HOME or HOME", detonaut.ErrUsage)
	}
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return err
	}
	held, err := lock.Wait(ctx, filepath.Join(s.o.Dir, "lock"), func() { s.o.Progress("waiting for another update") })
	if err != nil {
		return err
	}
	defer held.Close()
	if err := s.sweep(); err != nil {
		return err
	}
	return do()
}

// maxIdle is how long a download waits for somebody who goes on with it.
const maxIdle = 7 * 24 * time.Hour

// sweep removes what is half-made, and downloads that nobody goes on with.
func (s *Store) sweep() error {
	names, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		info, err := n.Info()
		if err != nil {
			return err
		}
		idle := strings.HasPrefix(n.Name(), partPrefix) && s.o.Now().Sub(info.ModTime()) > maxIdle
		if !idle && !strings.HasPrefix(n.Name(), tmpPrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.o.Dir, n.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Rollback has the version used that was used before, and returns it. A second one goes
// back to where it was.
func (s *Store) Rollback(ctx context.Context, name string) (e Entry, err error) {
	if err := CheckName(name); err != nil {
		return e, err
	}
	err = s.change(ctx, func() error {
		st, err := s.state(name)
		if err != nil {
			return err
		}
		if st.Previous == nil {
			return fmt.Errorf("%w: nothing is kept from before version %s", detonaut.ErrNotFound, st.Current.Version)
		}
		if _, err := s.open(st.Previous); err != nil {
			return fmt.Errorf("version %s: %w", st.Previous.Version, err)
		}
		e = *st.Previous
		return s.write(name, state{Current: st.Previous, Previous: st.Current})
	})
	if err != nil {
		return e, fmt.Errorf("roll back pack %s: %w", name, err)
	}
	return e, nil
}

// Remove takes a pack away, with what was used before.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := s.change(ctx, func() error {
		dir := filepath.Join(s.o.Dir, name)
		err := os.Remove(filepath.Join(dir, stateName))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: no pack %s is installed", detonaut.ErrNotFound, name)
		}
		return errors.Join(err, os.RemoveAll(dir))
	})
	if err != nil {
		return fmt.Errorf("remove pack %s: %w", name, err)
	}
	return nil
}
