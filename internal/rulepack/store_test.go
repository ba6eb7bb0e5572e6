package rulepack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

// store is one that trusts key 1, and refuses packs with the word bad in a rule.
func store(tb testing.TB, dir string, change ...func(*Options)) *Store {
	tb.Helper()
	o := Options{Dir: dir, Trust: trust(1), Check: func(_ context.Context, p *Pack) (int, error) {
		for name, b := range p.Tree.files {
			if strings.Contains(string(b), "bad") {
				return 0, fmt.Errorf("%w: %s is bad", detonaut.ErrCorrupt, name)
			}
		}
		return len(p.Files), nil
	}}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

func force(o *Options) { o.Force = true }

// stored is an archive on the disk.
func stored(tb testing.TB, p *Pack) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "pack.tar.gz")
	if err := os.WriteFile(name, archived(tb, p), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

func text(s string) map[string]string { return map[string]string{"behavior/a/x.yaml": s} }

// used is the version that is used, with the content of its rule.
func used(tb testing.TB, s *Store) string {
	tb.Helper()
	all, err := s.List()
	if err != nil {
		tb.Fatal(err)
	}
	var told []string
	for _, one := range all {
		if one.Problem != "" {
			tb.Fatalf("%s: %s", one.Name, one.Problem)
		}
		told = append(told, fmt.Sprintf("%s %s %s", one.Name, one.Version, one.Pack.Tree.files["behavior/a/x.yaml"]))
	}
	return strings.Join(told, ", ")
}

// tidy holds a store to have no more than it needs.
func tidy(tb testing.TB, dir string, packs ...string) {
	tb.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			path, err = filepath.Rel(dir, path)
			got = append(got, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	want := []string{"lock"}
	for _, p := range packs {
		want = append(want, filepath.Join("mine", p))
	}
	if len(packs) > 0 {
		want = append(want, filepath.Join("mine", stateName))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "packs")
	s := store(t, dir)
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Fatalf("got %v, %v", all, err)
	}
	one, two, three := makePack(t, "1.0", text("one"), 1), makePack(t, "1.1", text("two"), 1), makePack(t, "1.2", text("three"), 1)
	for i, c := range []struct {
		source  string
		updated bool
		want    string
	}{
		{stored(t, one), true, "mine 1.0 one"},
		{unpacked(t, one), false, "mine 1.0 one"},
		{unpacked(t, two), true, "mine 1.1 two"},
		{stored(t, three), true, "mine 1.2 three"},
	} {
		e, updated, err := s.Update(t.Context(), c.source)
		if err != nil || updated != c.updated {
			t.Fatalf("%d: got %v, %v", i, updated, err)
		}
		if e.Source != c.source || e.Key != keyID(trust(1).Keys[0]) || e.Rules != 1 || e.Installed.IsZero() {
			t.Errorf("%d: got %+v", i, e)
		}
		if got := used(t, s); got != c.want {
			t.Errorf("%d: %s is used, want %s", i, got, c.want)
		}
	}
	archive := func(p *Pack) string { return (&Entry{Version: p.Version, Digest: p.Digest}).file() }
	tidy(t, dir, archive(two), archive(three))

	// One goes back, and forth.
	for _, want := range []string{"mine 1.1 two", "mine 1.2 three"} {
		if _, err := s.Rollback(t.Context(), "mine"); err != nil {
			t.Fatal(err)
		}
		if got := used(t, s); got != want {
			t.Errorf("%s is used, want %s", got, want)
		}
	}
	if err := s.Remove(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	tidy(t, dir)
	for name, err := range map[string]error{"remove": s.Remove(t.Context(), "mine"), "rollback": func() error { _, err := s.Rollback(t.Context(), "mine"); return err }()} {
		if !errors.Is(err, detonaut.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := s.Remove(t.Context(), "../mine"); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a path: got %v", err)
	}
}

// What fails leaves what is used.
func TestInstallThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "packs")
	s := store(t, dir)
	first := makePack(t, "1.1", text("one"), 1)
	if _, _, err := s.Update(t.Context(), stored(t, first)); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	pipe := filepath.Join(t.TempDir(), "gone")
	for name, c := range map[string]struct {
		source string
		s      *Store
		want   error
	}{
		"older":                 {stored(t, makePack(t, "1.0.9", text("old"), 1)), s, detonaut.ErrUsage},
		"the same with another": {stored(t, makePack(t, "1.1.0", text("other"), 1)), s, detonaut.ErrUsage},
		"of another key":        {stored(t, makePack(t, "2", text("two"), 2)), s, ErrUntrusted},
		"not signed":            {stored(t, makePack(t, "2", text("two"), 0)), s, ErrUntrusted},
		"a bad rule":            {stored(t, makePack(t, "2", text("bad"), 1)), s, detonaut.ErrCorrupt},
		"not there":             {pipe, s, detonaut.ErrNotFound},
		"a device":              {os.DevNull, s, detonaut.ErrUsage},
		"no directory":          {stored(t, first), store(t, ""), detonaut.ErrUsage},
	} {
		if _, updated, err := c.s.Update(t.Context(), c.source); !errors.Is(err, c.want) || updated {
			t.Errorf("%s: got %v, %v", name, updated, err)
		}
	}
	ended := store(t, dir, func(o *Options) {
		o.Check = func(context.Context, *Pack) (int, error) { stop(); return 1, nil }
	})
	if _, _, err := ended.Update(stopped, stored(t, makePack(t, "3", text("three"), 1))); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %v", err)
	}
	if got := used(t, s); got != "mine 1.1 one" {
		t.Errorf("%s is used", got)
	}
	// Who insists gets it.
	if _, updated, err := store(t, dir, force).Update(t.Context(), stored(t, makePack(t, "1.0.9", text("old"), 1))); err != nil || !updated {
		t.Errorf("by force: got %v, %v", updated, err)
	}
	if got := used(t, s); got != "mine 1.0.9 old" {
		t.Errorf("%s is used", got)
	}
}

// Two packs cannot have one rule.
func TestClash(t *testing.T) {
	s := store(t, t.TempDir())
	if _, _, err := s.Update(t.Context(), stored(t, makePack(t, "1", text("one"), 1))); err != nil {
		t.Fatal(err)
	}
	other, err := Make(written(t, text("two")), Making{"other", "1", made, keyOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Update(t.Context(), stored(t, other)); err == nil || !strings.Contains(err.Error(), "the installed pack mine has behavior/a/x.yaml, too") {
		t.Errorf("got %v", err)
	}
}

// A damaged pack is told, and repaired by the same version.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s, p := store(t, dir), makePack(t, "1", text("one"), 1)
	archive, state := filepath.Join("mine", (&Entry{Version: p.Version, Digest: p.Digest}).file()), filepath.Join("mine", stateName)
	for name, spoil := range map[string]func() error{
		"cut off": func() error { return os.Truncate(filepath.Join(dir, archive), 100) },
		"gone":    func() error { return os.Remove(filepath.Join(dir, archive)) },
		"another": func() error {
			return os.WriteFile(filepath.Join(dir, archive), archived(t, makePack(t, "1", text("x"), 2)), 0o600)
		},
		"no state": func() error { return os.WriteFile(filepath.Join(dir, state), []byte("{}"), 0o600) },
		"a state of it": func() error {
			return os.WriteFile(filepath.Join(dir, state), []byte(`{"current": {"name": "../x"}}`), 0o600)
		},
	} {
		for range 2 {
			if _, _, err := s.Update(t.Context(), stored(t, p)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		all, err := s.List()
		if err != nil || len(all) != 1 || all[0].Problem == "" || all[0].Pack != nil || all[0].Name != "mine" {
			t.Errorf("%s: got %+v, %v", name, all, err)
		}
	}
	if _, updated, err := s.Update(t.Context(), stored(t, p)); err != nil || !updated {
		t.Errorf("got %v, %v", updated, err)
	}
	if got := used(t, s); got != "mine 1 one" {
		t.Errorf("%s is used", got)
	}
}

// Of many at once each finds the store whole, and the newest is used in the end.
func TestAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "packs")
	var all sync.WaitGroup
	for i := range 8 {
		source := stored(t, makePack(t, fmt.Sprintf("1.%d", i), text(fmt.Sprint(i)), 1))
		all.Go(func() {
			if _, _, err := store(t, dir).Update(t.Context(), source); err != nil && !errors.Is(err, detonaut.ErrUsage) {
				t.Error(err) // an older one that came late is refused
			}
		})
		all.Go(func() {
			if got := used(t, store(t, dir)); got != "" && !strings.HasPrefix(got, "mine 1.") {
				t.Errorf("%s is used", got)
			}
		})
	}
	all.Wait()
	if got := used(t, store(t, dir)); got != "mine 1.7 7" {
		t.Errorf("%s is used", got)
	}
}

// Unsigned packs are for who asks for them, and for local ones.
func TestUnsigned(t *testing.T) {
	s := store(t, t.TempDir(), func(o *Options) { o.Trust = Trust{Unsigned: true} })
	if e, updated, err := s.Update(t.Context(), stored(t, makePack(t, "1", text("one"), 0))); err != nil || !updated || e.Key != "" {
		t.Errorf("got %+v, %v, %v", e, updated, err)
	}
	if _, _, err := s.Update(t.Context(), "https://192.0.2.1/pack.tar.gz"); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a server: got %v", err)
	}
}
