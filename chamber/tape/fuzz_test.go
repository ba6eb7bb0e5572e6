package tape_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut/chamber/tape"
)

// FuzzDecode: whatever the bytes, the decoder neither panics nor reads more
// than a bound ahead; and an event that it lets through is still the same
// when it was written and read once more.
func FuzzDecode(f *testing.F) {
	for _, ev := range samples(f) {
		ev.Seq = 2
		f.Add(append([]byte(start+"\n"), encode(f, ev)...))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := decode(bytes.NewReader(text))
		if !errors.Is(err, io.EOF) && !errors.Is(err, tape.ErrInvalid) {
			t.Fatalf("got %v, want the end or %v", err, tape.ErrInvalid)
		}
		for _, ev := range events {
			var b bytes.Buffer
			if err := tape.NewEncoder(&b).Record(ev); err != nil {
				if !errors.Is(err, tape.ErrInvalid) { // escaped, it may be too long
					t.Fatalf("encode event %d: %v", ev.Seq, err)
				}
				continue
			}
			again, err := tape.Unmarshal(b.Bytes())
			if err != nil {
				t.Fatalf("decode event %d again: %v", ev.Seq, err)
			}
			if diff := cmp.Diff(ev, again, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("event %d differs when decoded again (-once +twice):\n%s", ev.Seq, diff)
			}
		}
	})
}

// FuzzParseLine: a head that is let through is what a decoder reads in the
// line, and passing the line on changes nothing.
func FuzzParseLine(f *testing.F) {
	for _, ev := range samples(f) {
		f.Add(encode(f, ev))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := tape.ParseLine(bytes.Clone(text))
		if err != nil {
			if !errors.Is(err, tape.ErrInvalid) {
				t.Fatalf("got %v, want %v", err, tape.ErrInvalid)
			}
			return
		}
		passed := l.Append(nil)
		if bytes.Count(passed, []byte("\n")) != 1 {
			t.Fatalf("one line became several: %q", passed)
		}
		direct, directErr := tape.Unmarshal(text)
		if directErr != nil {
			return // how it is refused is for the next decoder to say
		}
		again, err := l.Decode()
		if err != nil {
			t.Fatalf("valid at first, then %v: %q", err, passed)
		}
		if diff := cmp.Diff(direct, again); diff != "" {
			t.Fatalf("the event changed (-before +after):\n%s", diff)
		}
	})
}
