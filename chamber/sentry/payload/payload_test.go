package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/sentry/wire"
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

// socket is the sandbox's end, as an Endpoint.
type socket struct{ *os.File }

func (s socket) FD() int { return int(s.Fd()) }

// keepAll lets do keep contents and returns what arrived at the reader, which is
// held to it that every content is what its event says.
func keepAll(t *testing.T, wanted bool, do func(s *Store)) (got []received, bounds []string) {
	t.Helper()
	stream, end, err := wire.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stream.Close()
		end.Close()
	})
	e := wire.NewEmitter(socket{end})
	s := NewStore(e, wanted)
	go func() {
		do(s)
		e.Flush()
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
	small, large := []byte("small"), bytes.Repeat([]byte("large "), pieceSize)
	exact := large[:pieceSize]
	got, bounds := keepAll(t, true, func(s *Store) {
		s.KeepBytes(payload(tape.Deleted), small)
		s.KeepBytes(payload(tape.Deleted), large)
		s.KeepBytes(payload(tape.Left), exact)
		s.KeepBytes(payload(tape.Executed), small)
		s.KeepBytes(payload(tape.Executed), nil)
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
	got, bounds := keepAll(t, false, func(s *Store) { s.KeepBytes(payload(tape.Executed), []byte("x")) })
	want := []received{{tape.Executed, sumOf([]byte("x")), 1, false, 0}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" || len(bounds) > 0 {
		t.Errorf("bounds %q (-want +got):\n%s", bounds, diff)
	}
}

// A flood of files has bounds, and takes nothing from the programs that run.
func TestPayloadsAreBounded(t *testing.T) {
	got, bounds := keepAll(t, true, func(s *Store) {
		s.files.count, s.files.bytes = 3, 6
		for _, text := range []string{"one", "two", "three", "four", "five"} {
			s.KeepBytes(payload(tape.Deleted), []byte(text))
		}
		s.KeepBytes(payload(tape.Executed), []byte("program"))
		for range 100 {
			s.KeepBytes(payload(tape.Executed), []byte("program"))
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
	big := bytes.Repeat([]byte("a"), 3*pieceSize)
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
	got, bounds := keepAll(t, true, func(s *Store) {
		s.Keep(payload(tape.Deleted), source)
		s.Keep(payload(tape.Replaced), broken)
		s.KeepBytes(payload(tape.Left), []byte("after"))
	})
	if len(got) != 3 || got[0].sum != sumOf(changed) || !got[0].kept || got[0].bytes != len(changed) {
		t.Fatalf("got %+v", got)
	}
	if got[1].bytes != 0 || got[1].kept || got[2].bytes != len("after") || !cmp.Equal(bounds, []string{"payloads"}) {
		t.Errorf("what could not be read: %+v, bounds %q", got[1:], bounds)
	}
}
