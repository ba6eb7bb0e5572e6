package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/tape"
)

func TestStreamRefusesEndlessLines(t *testing.T) {
	e, stream := newPipe(t)
	stream.r = bufio.NewReaderSize(stream.f, 4096)
	if _, err := unix.Write(e.end.FD(), make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Next(); err == nil {
		t.Error("a line without end was accepted")
	}
}

// streamOf reads what a sandbox has written.
func streamOf(b []byte) *Stream {
	return &Stream{r: bufio.NewReaderSize(bytes.NewReader(b), tape.MaxLine)}
}

const oneEvent = `{"seq":1,"t":5,"kind":"file.write","pid":1,"file":{"path":"/log"}}` + "\n"

func TestStreamGivesWhatWasAttached(t *testing.T) {
	for _, tc := range []struct {
		name, in, attached string
		fails              bool
	}{
		{"nothing", oneEvent, "", false},
		{"two pieces", "\x00\x00\x00\x00\x02he\x00\x00\x00\x00\x03llo" + oneEvent, "hello", false},
		{"taken back", "\x00\x00\x00\x00\x02he\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x" + oneEvent, "x", false},
		{"nothing to take back", "\x00\x00\x00\x00\x00" + oneEvent, "", true},
		{"a piece that is too long", "\x00\x7f\x00\x00\x00x" + oneEvent, "", true},
		{"half a piece", "\x00\x00\x00\x00\x05he", "", true},
		{"half a head", "\x00\x00", "", true},
	} {
		s := streamOf([]byte(tc.in))
		_, err := s.Next()
		if (err != nil) != tc.fails || err != nil && !errors.Is(err, tape.ErrInvalid) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := string(s.Attached()); err == nil && got != tc.attached {
			t.Errorf("%s: %q was attached, want %q", tc.name, got, tc.attached)
		}
	}
}

// What the reader asks for arrives in its order.
func TestRequestsArrive(t *testing.T) {
	e, stream := newPipe(t)
	go func() {
		for _, r := range []Request{Look, Travel, Finish} {
			if err := stream.Ask(r); err != nil {
				t.Error(err)
			}
		}
	}()
	got := make(chan Request)
	go e.Serve(func(r Request) {
		if got <- r; r == Finish {
			select {} // who serves ends with the sentry
		}
	})
	for _, want := range []Request{Look, Travel, Finish} {
		if r := <-got; r != want {
			t.Errorf("request %d, want %d", r, want)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		s := streamOf(b)
		for {
			_, err := s.Next()
			if int64(s.attached.Len()) > artifact.DefaultLimits().Payload {
				t.Fatalf("%d bytes are attached", s.attached.Len())
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err == nil:
				s.Attached()
			case errors.Is(err, tape.ErrInvalid):
				return
			default:
				t.Fatalf("an error of nobody's: %v", err)
			}
		}
	})
}
