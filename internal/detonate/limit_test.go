package detonate

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// TestTapeLimit shows that a tape that is too large is refused for that, with
// a smaller limit than that of OpenTape.
func TestTapeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	w, err := CreateTape(path)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(1000) {
		ev := &tape.Event{Seq: seq + 1, Kind: tape.OutputStdout, Output: &tape.Output{}}
		if seq == 0 {
			ev.Kind, ev.Output, ev.Start = tape.RunStart, nil, &tape.Start{Version: tape.Version}
		}
		if err := w.Record(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := openTape(path+partial, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	n := 0
	for err == nil {
		_, err = r.Next()
		n++
	}
	if !errors.Is(err, detonaut.ErrLimit) || errors.Is(err, io.EOF) || n < 100 {
		t.Errorf("after %d events: got %v, want %v", n, err, detonaut.ErrLimit)
	}
}
