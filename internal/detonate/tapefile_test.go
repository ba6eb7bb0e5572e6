package detonate_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
)

// events returns a tape of n events; with whole, the last is run.end.
func events(n int, whole bool) []*tape.Event {
	list := []*tape.Event{{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Chamber: "test", Wall: 1}}}
	for i := 2; i <= n; i++ {
		list = append(list, &tape.Event{
			Seq: uint64(i), Time: int64(i), Kind: tape.FileCreate, PID: 1, TID: 1, File: &tape.File{Path: "/tmp/" + strings.Repeat("x", i%50)},
		})
	}
	if last := list[n-1]; whole {
		last.Kind, last.PID, last.TID, last.File = tape.RunEnd, 0, 0, nil
		last.End = &tape.End{Reason: tape.Exited, Events: uint64(n)}
	}
	return list
}

func writeTape(t *testing.T, path string, list []*tape.Event) {
	t.Helper()
	w, err := detonate.CreateTape(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range list {
		if err := w.Record(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// readTape returns the events of a tape and the error at its end, nil if it
// is whole.
func readTape(t *testing.T, path string) (list []*tape.Event, err error) {
	t.Helper()
	r, err := detonate.OpenTape(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, ev)
	}
}

// names lists a directory.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestTapeFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.tape")
	want := events(5000, true)
	writeTape(t, path, events(3, true)) // is replaced
	writeTape(t, path, want)
	got, err := readTape(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"run.tape"}, names(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(100_000); info.Size() > most {
		t.Errorf("5000 events alike take %d bytes, want at most %d: is it compressed?", info.Size(), most)
	}
}

func TestTapeFilePlain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	want := events(10, true)
	if err := os.WriteFile(path, plainTape(t, want), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readTape(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func plainTape(tb testing.TB, list []*tape.Event) []byte {
	tb.Helper()
	var b bytes.Buffer
	enc := tape.NewEncoder(&b)
	for _, ev := range list {
		if err := enc.Record(ev); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

func compress(tb testing.TB, b []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// TestTapeFileCutShort shows that a tape without an end never stands at its
// path, does not touch an older one there, and can still be looked at.
func TestTapeFileCutShort(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.tape")
	writeTape(t, path, events(3, true))
	writeTape(t, path, events(7, false))
	if got, err := readTape(t, path); err != nil || len(got) != 3 {
		t.Errorf("the older tape: got %d events and %v, want 3", len(got), err)
	}
	got, err := readTape(t, path+".partial")
	if len(got) != 7 || !errors.Is(err, tape.ErrTruncated) || !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("the partial tape: got %d events and %v, want 7 and %v", len(got), err, tape.ErrTruncated)
	}
	if diff := cmp.Diff([]string{"run.tape", "run.tape.partial"}, names(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestCreateTapeNowhere(t *testing.T) {
	if _, err := detonate.CreateTape(filepath.Join(t.TempDir(), "none", "run.tape")); err == nil {
		t.Error("a tape in a directory that does not exist was created")
	}
}

func TestOpenTapeRefuses(t *testing.T) {
	whole := plainTape(t, events(100, true))
	packed := compress(t, whole)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)/2] ^= 0xff
	cases := []struct {
		name string
		data []byte
		want error // beside ErrCorrupt
	}{
		{"empty", nil, tape.ErrTruncated},
		{"garbage", []byte("garbage\n"), tape.ErrInvalid},
		{"plain, cut off", whole[:len(whole)-1], tape.ErrTruncated},
		{"packed, cut off", packed[:len(packed)-5], tape.ErrTruncated},
		{"packed, cut off at once", packed[:5], tape.ErrTruncated},
		{"packed, contents cut off", compress(t, whole[:len(whole)/2]), tape.ErrTruncated},
		{"flipped", flipped, detonaut.ErrCorrupt},
		{"garbage behind", append(bytes.Clone(packed), "garbage"...), detonaut.ErrCorrupt},
		{"two tapes", append(bytes.Clone(packed), packed...), tape.ErrInvalid},
		{"twice packed", compress(t, packed), tape.ErrInvalid},
		{"bomb", compress(t, make([]byte, 64<<20)), tape.ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.tape")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readTape(t, path)
			if !errors.Is(err, detonaut.ErrCorrupt) || !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v and %v", err, detonaut.ErrCorrupt, c.want)
			}
		})
	}
}

func TestOpenTapeMissing(t *testing.T) {
	if _, err := detonate.OpenTape(filepath.Join(t.TempDir(), "none")); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("got %v, want %v", err, detonaut.ErrNotFound)
	}
	// A directory can be opened, but not read: that says nothing about a tape.
	if _, err := readTape(t, t.TempDir()); err == nil || errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("got %v, want an error about the file alone", err)
	}
}

// FuzzOpenTape: whatever a file holds, reading it ends with a whole tape or an
// error that callers know.
func FuzzOpenTape(f *testing.F) {
	whole := plainTape(f, events(3, true))
	f.Add(whole)
	f.Add(compress(f, whole))
	f.Add(compress(f, whole)[:20])
	path := filepath.Join(f.TempDir(), "x.tape")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readTape(t, path)
		if err != nil && !errors.Is(err, detonaut.ErrCorrupt) && !errors.Is(err, detonaut.ErrLimit) {
			t.Errorf("got %v, want %v or %v", err, detonaut.ErrCorrupt, detonaut.ErrLimit)
		}
	})
}
