package memory_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/memory"
)

func open(tb testing.TB, o memory.Options) *memory.Memory {
	tb.Helper()
	m, err := memory.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func closeIt(tb testing.TB, m *memory.Memory) {
	tb.Helper()
	if err := m.Close(); err != nil {
		tb.Error(err)
	}
}

func content(n int) string {
	sum := sha256.Sum256(binary.NativeEndian.AppendUint64(nil, uint64(n)))
	return hex.EncodeToString(sum[:])
}

var finding = detonaut.Finding{
	ID: "secret/key", Title: "A key", Severity: detonaut.High, Confidence: detonaut.Certain, Weakness: true, Count: 2,
	Evidence: []detonaut.Evidence{{Summary: "a key\nof <one>", Offset: 7}},
}

func TestRecall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	m := open(t, memory.Options{Dir: dir})
	kept := map[string][]detonaut.Finding{content(0): {finding, finding}, content(1): nil}
	for i := 2; i < 3000; i++ {
		kept[content(i)] = nil
	}
	if err := m.Keep(t.Context(), "a@1", kept); err != nil {
		t.Fatal(err)
	}
	closeIt(t, m)
	m = open(t, memory.Options{Dir: dir})
	defer closeIt(t, m)
	asked := append(slices.Collect(maps.Keys(kept)), content(-1))
	got, err := m.Recall(t.Context(), "a@1", asked)
	if diff := cmp.Diff(kept, got); err != nil || diff != "" {
		t.Errorf("%v (-kept +recalled):\n%s", err, diff)
	}
	for _, other := range []string{"a@2", "b@1"} {
		if got, err := m.Recall(t.Context(), other, asked); err != nil || len(got) > 0 {
			t.Errorf("%s: got %d, %v, want nothing of what another found", other, len(got), err)
		}
	}
	if _, err := m.Recall(t.Context(), "a@1", []string{"no hash"}); err == nil {
		t.Error("it takes anything for a hash")
	}
	if got, err := m.Recall(t.Context(), "a@1", nil); err != nil || len(got) > 0 {
		t.Errorf("nothing asked: got %v, %v", got, err)
	}
}

func TestNote(t *testing.T) {
	m := open(t, memory.Options{Dir: t.TempDir()})
	defer closeIt(t, m)
	name := sha256.Sum256([]byte("name"))
	if got, err := m.Note(t.Context(), name); got != nil || err != nil {
		t.Errorf("before: got %q, %v", got, err)
	}
	for _, value := range []string{"first", "second"} {
		if err := m.SetNote(t.Context(), name, []byte(value)); err != nil {
			t.Fatal(err)
		}
		if got, err := m.Note(t.Context(), name); string(got) != value || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, value)
		}
	}
}

// TestForgets shows that what is not used goes first, and that its room is free again.
func TestForgets(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := memory.Options{Dir: dir, Bytes: 1 << 20, Now: func() time.Time { return day }}
	m := open(t, o)
	big := make([]byte, 100<<10)
	name := func(i int) memory.Name { return sha256.Sum256([]byte(fmt.Sprint(i))) }
	for i := range 14 {
		day = day.AddDate(0, 0, 1)
		if err := m.SetNote(t.Context(), name(i), big); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Note(t.Context(), name(0)); err != nil { // it is of use again
		t.Fatal(err)
	}
	closeIt(t, m)
	m = open(t, o)
	defer closeIt(t, m)
	var left []int
	for i := range 14 {
		if got, err := m.Note(t.Context(), name(i)); err != nil {
			t.Fatal(err)
		} else if got != nil {
			left = append(left, i)
		}
	}
	if len(left) < 5 || len(left) > 8 || left[0] != 0 || left[1] != 14-len(left)+1 {
		t.Errorf("left are %v, want the first, and the last", left)
	}
	if info, err := os.Stat(filepath.Join(dir, "memory-1.sqlite")); err != nil || info.Size() > 1<<20 {
		t.Errorf("it has %d bytes, %v", info.Size(), err)
	}
}

// TestBroken makes a new memory in the place of what is none.
func TestBroken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory-1.sqlite"), make([]byte, 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	m := open(t, memory.Options{Dir: dir})
	defer closeIt(t, m)
	if err := m.Keep(t.Context(), "a@1", map[string][]detonaut.Finding{content(1): nil}); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Open(t.Context(), memory.Options{Dir: filepath.Join(dir, "file")}); err == nil {
		t.Error("a file is no directory")
	}
}

// TestTogether uses it from several places at once, as processes do.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			m := open(t, memory.Options{Dir: dir})
			defer closeIt(t, m)
			for i := range 50 {
				if err := m.Keep(t.Context(), fmt.Sprint("a@", i%3), map[string][]detonaut.Finding{content(i): {finding}, content(worker): nil}); err != nil {
					t.Error(err)
				}
				if got, err := m.Recall(t.Context(), fmt.Sprint("a@", i%3), []string{content(i)}); err != nil || len(got) != 1 {
					t.Errorf("got %v, %v", got, err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkRecall asks for as many contents as a Debian has.
func BenchmarkRecall(b *testing.B) {
	m := open(b, memory.Options{Dir: b.TempDir()})
	defer closeIt(b, m)
	var asked []string
	kept := map[string][]detonaut.Finding{}
	for i := range 16000 {
		asked = append(asked, content(i))
		kept[content(i)] = nil
	}
	if err := m.Keep(b.Context(), "a@1", kept); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := m.Recall(b.Context(), "a@1", asked); err != nil || len(got) != len(asked) {
			b.Fatal(len(got), err)
		}
	}
}
