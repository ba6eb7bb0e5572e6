package sentry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

// received is an event of a content, and the content that came with it.
type received struct {
	how   tape.How
	sum   string
	size  int64
	kept  bool
	bytes int
}

// keepAll lets do keep contents and returns what arrived at the reader, which is
// held to it that every content is what its event says.
func keepAll(t *testing.T, wanted bool, do func(p *payloads)) (got []received, bounds []string) {
	t.Helper()
	e, stream := newPipe(t)
	p := newPayloads(e, wanted)
	go func() {
		do(p)
		e.flush()
	}()
	for {
		line, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		ev, err := line.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == tape.RunEnd {
			return got, ev.End.Bounds
		}
		b := stream.Attached()
		if sum := sha256.Sum256(b); len(b) > 0 && hex.EncodeToString(sum[:]) != ev.Payload.SHA256 {
			t.Errorf("%d bytes came with another hash than theirs", len(b))
		}
		got = append(got, received{ev.Payload.How, ev.Payload.SHA256, ev.Payload.Size, ev.Payload.Kept, len(b)})
	}
}

func payload(how tape.How) *tape.Event {
	return &tape.Event{Kind: tape.PayloadKeep, PID: 1, Payload: &tape.Payload{How: how, Path: "/x"}}
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestPayloadsComeOnce(t *testing.T) {
	small, large := []byte("small"), bytes.Repeat([]byte("large "), chunkSize)
	exact := large[:chunkSize]
	got, bounds := keepAll(t, true, func(p *payloads) {
		p.keepBytes(small, payload(tape.Deleted))
		p.keepBytes(large, payload(tape.Deleted))
		p.keepBytes(exact, payload(tape.Left))
		p.keepBytes(small, payload(tape.Executed))
		p.keepBytes(nil, payload(tape.Executed))
	})
	want := []received{
		{tape.Deleted, sumOf(small), int64(len(small)), true, len(small)},
		{tape.Deleted, sumOf(large), int64(len(large)), true, len(large)},
		{tape.Left, sumOf(exact), int64(len(exact)), true, len(exact)},
		{tape.Executed, sumOf(small), int64(len(small)), true, 0},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" || len(bounds) > 0 {
		t.Errorf("bounds %q (-want +got):\n%s", bounds, diff)
	}
}

func TestPayloadsNobodyWants(t *testing.T) {
	got, bounds := keepAll(t, false, func(p *payloads) { p.keepBytes([]byte("x"), payload(tape.Executed)) })
	want := []received{{tape.Executed, sumOf([]byte("x")), 1, false, 0}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" || len(bounds) > 0 {
		t.Errorf("bounds %q (-want +got):\n%s", bounds, diff)
	}
}

// A flood of files has bounds, and takes nothing from the programs that run.
func TestPayloadsAreBounded(t *testing.T) {
	got, bounds := keepAll(t, true, func(p *payloads) {
		p.files.count, p.files.bytes = 3, 6
		for _, s := range []string{"one", "two", "three", "four", "five"} {
			p.keepBytes([]byte(s), payload(tape.Deleted))
		}
		p.keepBytes([]byte("program"), payload(tape.Executed))
		for range 100 {
			p.keepBytes([]byte("program"), payload(tape.Executed))
		}
	})
	var kept int
	for _, r := range got {
		if r.bytes > 0 {
			kept++
		}
	}
	// Two files have room, the third is hashed only, and the others are not
	// looked at any more.
	if len(got) != 3+eventsOf || kept != 3 || got[3].sum != sumOf([]byte("program")) || !cmp.Equal(bounds, []string{"payloads"}) {
		t.Errorf("%d events, %d with content, bounds %q: %+v", len(got), kept, bounds, got[:min(len(got), 5)])
	}
}

// What changes while it is read is kept as what was sent; what cannot be read to
// its end is taken back.
func TestPayloadsThatChange(t *testing.T) {
	big := bytes.Repeat([]byte("a"), 3*chunkSize)
	changed := bytes.Repeat([]byte("b"), len(big))
	passes := 0
	source := func(b []byte, off int64) (int, error) {
		if off == 0 {
			passes++
		}
		from := big
		if passes > 1 {
			from = changed
		}
		if off >= int64(len(from)) {
			return 0, io.EOF
		}
		return copy(b, from[off:]), nil
	}
	other := bytes.Repeat([]byte("c"), len(big))
	reads := 0
	broken := func(b []byte, off int64) (int, error) {
		if reads++; reads == 6 { // in the middle of the second pass
			return 0, errors.New("gone")
		}
		if off >= int64(len(other)) {
			return 0, io.EOF
		}
		return copy(b, other[off:]), nil
	}
	got, bounds := keepAll(t, true, func(p *payloads) {
		p.keep(payload(tape.Deleted), source)
		p.keep(payload(tape.Replaced), broken)
		p.keepBytes([]byte("after"), payload(tape.Left))
	})
	if len(got) != 3 || got[0].sum != sumOf(changed) || !got[0].kept || got[0].bytes != len(changed) {
		t.Fatalf("got %+v", got)
	}
	if got[1].bytes != 0 || got[1].kept || got[2].bytes != len("after") || !cmp.Equal(bounds, []string{"payloads"}) {
		t.Errorf("what could not be read: %+v, bounds %q", got[1:], bounds)
	}
}
