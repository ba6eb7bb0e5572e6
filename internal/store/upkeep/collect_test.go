package upkeep_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/store/upkeep"
)

// age has files as old as if they had been put so long ago.
func (p *place) age(t *testing.T, by time.Duration) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(p.dir, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			at := began.Add(-by)
			err = os.Chtimes(path, at, at)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCollect(t *testing.T) {
	p := filled(t)
	old := []string{p.blob(t, "nobody's"), p.blob(t, "nobody's either")}
	if err := os.WriteFile(p.file(old[0])+".17a.tmp", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.age(t, 25*time.Hour)
	fresh := p.blob(t, "named soon")
	now := began
	if err := os.Chtimes(p.file(fresh), now, now); err != nil {
		t.Fatal(err)
	}
	r := upkeep.Retention{Keep: time.Hour, Dry: true, Now: func() time.Time { return now }}
	before := p.sums(t)
	want := upkeep.Collected{Blobs: 2, Bytes: int64(len("nobody's" + "nobody's either"))}
	if c, err := p.Collect(t.Context(), r); err != nil || c != want || !slices.Equal(p.sums(t), before) {
		t.Errorf("dry: got %+v, %v, want %+v", c, err, want)
	}
	r.Dry, want.Leftovers = false, 1
	if c, err := p.Collect(t.Context(), r); err != nil || c != want {
		t.Errorf("got %+v, %v, want %+v", c, err, want)
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(sum string) bool { return slices.Contains(old, sum) })
	if diff := cmp.Diff(gone, p.sums(t)); diff != "" {
		t.Errorf("blobs (-want +got):\n%s", diff)
	}
	p.sound(t, 5)
	if c, err := p.Collect(t.Context(), r); err != nil || c != (upkeep.Collected{}) {
		t.Errorf("the second time: got %+v, %v", c, err)
	}
}

// Reports that are too old go, with their blobs but for those that another report names.
func TestCollectReports(t *testing.T) {
	p := filled(t)
	p.age(t, 0)
	now := began.Add(26 * time.Hour)
	r := upkeep.Retention{Keep: time.Hour, Reports: 24 * time.Hour, Now: func() time.Time { return now }, Dry: true}
	if c, err := p.Collect(t.Context(), r); err != nil || c.Reports != 2 || len(p.reports(t)) != 5 {
		t.Errorf("dry: got %+v, %v", c, err)
	}
	r.Dry = false
	if c, err := p.Collect(t.Context(), r); err != nil || c.Reports != 2 || c.Blobs != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
	p.sound(t, 3)
}

// A blob that is put again while garbage is collected stays, however old it was.
func TestCollectWhileOneIsPut(t *testing.T) {
	p := filled(t)
	sum := p.blob(t, "an old one")
	p.age(t, 48*time.Hour)
	h := p.Home
	h.Blobs = meanwhile{p.Blobs, func() { p.blob(t, "an old one") }}
	if c, err := h.Collect(t.Context(), upkeep.Retention{Keep: time.Hour, Now: func() time.Time { return began }}); err != nil || c.Blobs != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
	if has, err := p.Blobs.Has(t.Context(), sum); err != nil || !has {
		t.Errorf("got %v, %v", has, err)
	}
}

type meanwhile struct {
	upkeep.Blobs
	do func()
}

func (m meanwhile) Delete(ctx context.Context, sum string, before time.Time) (bool, error) {
	m.do()
	return m.Blobs.Delete(ctx, sum, before)
}
