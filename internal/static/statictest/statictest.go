// Package statictest is the suite that every analyzer of files passes.
package statictest

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

var (
	word = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	id   = regexp.MustCompile(`^[a-z][a-z0-9-]*(/[a-z0-9][a-z0-9-]*){1,2}$`)
)

// Run holds a to the contract, on files of which at least one has a finding.
func Run(t *testing.T, a static.Analyzer, files []static.File) {
	t.Helper()
	if !word.MatchString(a.Name()) || a.Version() == "" {
		t.Errorf("its name is %q and its version %q", a.Name(), a.Version())
	}
	heads := map[string]detonaut.Finding{}
	for _, f := range files {
		first := analyze(t, a, f)
		for _, found := range first {
			check(t, found)
			found.Count, found.Evidence = 0, nil
			if have, ok := heads[found.ID]; ok {
				if diff := cmp.Diff(have, found); diff != "" {
					t.Errorf("%s says different things of files:\n%s", found.ID, diff)
				}
			}
			heads[found.ID] = found
		}
		if diff := cmp.Diff(first, analyze(t, a, f)); diff != "" {
			t.Errorf("file %s, read twice:\n%s", f.SHA256, diff)
		}
	}
	if len(heads) == 0 {
		t.Error("no file has a finding")
	}
	ends(t, a, files)
	together(t, a, files)
	if j, ok := a.(static.Joint); ok {
		joint(t, j, files)
	}
}

// analyze reads a file, and sees to it that it is closed.
func analyze(t *testing.T, a static.Analyzer, f static.File) []detonaut.Finding {
	t.Helper()
	open, opened := f.Open, 0
	f.Open = func() (static.Content, error) {
		c, err := open()
		if err == nil {
			opened++
			c = closing{c, func() { opened-- }}
		}
		return c, err
	}
	found, err := a.Analyze(t.Context(), f)
	if err != nil {
		t.Errorf("file %s: %v", f.SHA256, err)
	}
	if opened != 0 {
		t.Errorf("file %s: %d contents are left open", f.SHA256, opened)
	}
	return found
}

func check(t *testing.T, f detonaut.Finding) {
	t.Helper()
	if !id.MatchString(f.ID) || f.Title == "" || f.Meaning == "" {
		t.Errorf("finding %+v: want an id of two or three words, a title and a meaning", f)
	}
	if !slices.Contains(detonaut.Severities()[:5], f.Severity) || !slices.Contains(detonaut.Confidences(), f.Confidence) {
		t.Errorf("finding %s: severity %q, confidence %q", f.ID, f.Severity, f.Confidence)
	}
	if f.Category != "" && !slices.Contains(detonaut.Categories(), f.Category) {
		t.Errorf("finding %s: category %q", f.ID, f.Category)
	}
	for _, e := range f.Evidence {
		if e.Path != "" || e.Layer != "" || e.SHA256 != "" || e.Events != nil {
			t.Errorf("finding %s tells where the file is, which is not its to tell: %+v", f.ID, e)
		}
	}
}

// ends shows that reading what can no longer be read is an error.
func ends(t *testing.T, a static.Analyzer, files []static.File) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range files {
		reads := false
		f.Open = func() (static.Content, error) { return unreadable{&reads, ctx.Err()}, nil }
		if _, err := a.Analyze(ctx, f); reads && !errors.Is(err, context.Canceled) {
			t.Errorf("file %s, when there is no time left: got %v, want that", f.SHA256, err)
		}
	}
}

// together reads the files from several goroutines, for the race detector.
func together(t *testing.T, a static.Analyzer, files []static.File) {
	t.Helper()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for _, f := range files {
				if _, err := a.Analyze(t.Context(), f); err != nil {
					t.Errorf("file %s: %v", f.SHA256, err)
				}
			}
		})
	}
	all.Wait()
}

// joint shows that files which are read at once yield what each yields alone.
func joint(t *testing.T, a static.Joint, files []static.File) {
	t.Helper()
	outcomes := a.AnalyzeAll(t.Context(), files)
	if len(outcomes) != len(files) {
		t.Fatalf("got %d outcomes of %d files", len(outcomes), len(files))
	}
	for i, f := range files {
		found, err := a.Analyze(t.Context(), f)
		if err != nil || outcomes[i].Err != nil {
			t.Errorf("file %s: alone %v, with others %v", f.SHA256, err, outcomes[i].Err)
		}
		if diff := cmp.Diff(found, outcomes[i].Found); diff != "" {
			t.Errorf("file %s (-alone +with others):\n%s", f.SHA256, diff)
		}
	}
}

type closing struct {
	static.Content
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return c.Content.Close()
}

type unreadable struct {
	reads *bool
	err   error
}

var _ io.ReaderAt = unreadable{}

func (u unreadable) ReadAt([]byte, int64) (int, error) { *u.reads = true; return 0, u.err }
func (unreadable) Close() error                        { return nil }
