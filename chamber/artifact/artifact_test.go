package artifact_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/artifact"
)

// received is a sink that keeps all it gets.
type received struct {
	capture, record []byte
	blobs, payloads []string
	err             error
}

func (r *received) Capture(b []byte) error { r.capture = append(r.capture, b...); return r.err }
func (r *received) Record(b []byte) error  { r.record = append(r.record, b...); return r.err }
func (r *received) Blob(b []byte) error    { r.blobs = append(r.blobs, string(b)); return r.err }
func (r *received) Payload(b []byte) error { r.payloads = append(r.payloads, string(b)); return r.err }

// small are limits that a test runs into.
var small = artifact.Limits{Capture: 200_000, Record: 10, Blob: 8, Blobs: 12, Count: 3, Payload: 9, Payloads: 12, Files: 2}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); err != nil || n != len(text) {
		t.Fatalf("wrote %d bytes of %d: %v", n, len(text), err)
	}
}

func TestStream(t *testing.T) {
	var stream bytes.Buffer
	w := artifact.NewWriter(&stream, small)
	long := strings.Repeat("packets ", 20_000)
	write(t, w.Capture(), "head ")
	write(t, w.Record(), "one")
	for _, blob := range []string{"first", "first", "", "second"} {
		if err := w.Blob([]byte(blob)); err != nil {
			t.Fatal(err)
		}
	}
	for _, payload := range []string{"first", "first", "program"} { // the body of that name is another thing
		if err := w.Payload(sha256.Sum256([]byte(payload)), []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, w.Capture(), long)
	write(t, w.Capture(), "")
	write(t, w.Record(), "two")
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got := w.Bounds(); len(got) > 0 {
		t.Errorf("bounds %v were hit", got)
	}
	if _, err := w.Capture().Write([]byte("late")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after the end: got %v, want %v", err, io.ErrClosedPipe)
	}
	var got received
	if err := artifact.Read(iotest.OneByteReader(&stream), &got, small); err != nil {
		t.Fatal(err)
	}
	want := received{capture: []byte("head " + long), record: []byte("onetwo"), blobs: []string{"first", "second"}, payloads: []string{"first", "program"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// TestBounds fills a stream; what still fits is taken, and can be read.
func TestBounds(t *testing.T) {
	var stream bytes.Buffer
	w := artifact.NewWriter(&stream, small)
	write(t, w.Record(), "1234567")
	full := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, artifact.ErrFull) {
			t.Errorf("%s: got %v, want %v", name, err, artifact.ErrFull)
		}
	}
	_, err := w.Record().Write([]byte("89ab"))
	full("record", err)
	write(t, w.Record(), "89a")
	_, err = w.Capture().Write(make([]byte, 200_001))
	full("capture", err)
	full("blob", w.Blob([]byte("123456789")))
	for _, blob := range []string{"12345678", "abc"} {
		if err := w.Blob([]byte(blob)); err != nil {
			t.Fatal(err)
		}
	}
	full("blobs", w.Blob([]byte("de")))
	if err := w.Blob([]byte("d")); err != nil {
		t.Fatal(err)
	}
	if err := w.Blob([]byte("abc")); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	full("count", w.Blob([]byte("e")))
	if diff := cmp.Diff([]string{"bodies", "capture", "record"}, w.Bounds()); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got received
	if err := artifact.Read(&stream, &got, small); err != nil {
		t.Fatal(err)
	}
	want := received{record: []byte("123456789a"), blobs: []string{"12345678", "abc", "d"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestConcurrent writes from several goroutines at once.
func TestConcurrent(t *testing.T) {
	var stream bytes.Buffer
	w := artifact.NewWriter(&stream, artifact.DefaultLimits())
	var all sync.WaitGroup
	var want []string
	for i := range 8 {
		blob := strings.Repeat(fmt.Sprint(i), 100_000)
		want = append(want, blob)
		all.Go(func() {
			for range 10 {
				w.Capture().Write(bytes.Repeat([]byte{'c'}, 70_000))
				w.Blob([]byte(blob))
			}
		})
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got received
	if err := artifact.Read(&stream, &got, artifact.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got.blobs)
	if diff := cmp.Diff(want, got.blobs); diff != "" {
		t.Errorf("blobs (-want +got):\n%s", diff)
	}
	if n := bytes.Count(got.capture, []byte("c")); n != 8*10*70_000 || n != len(got.capture) {
		t.Errorf("the capture has %d bytes, %d of them its own", len(got.capture), n)
	}
}

func TestReadBroken(t *testing.T) {
	cases := []struct {
		name, stream, want string
	}{
		{"empty", "", "too early"},
		{"half a head", "C\x00\x00", "too early"},
		{"half a frame", "C\x00\x00\x00\x02c", "too early"},
		{"no end", "C\x00\x00\x00\x01c", "too early"},
		{"unknown", "X\x00\x00\x00\x01x", "unknown frame 'X'"},
		{"empty frame", "R\x00\x00\x00\x00", "empty frame"},
		{"frame too long", "C\x00\x01\x00\x01c", "a frame of 65537 bytes"},
		{"record too long", "R\x00\x00\x00\x0b12345678901", "more than the record"},
		{"blob too long", "B\x7f\xff\xff\xff", "more than the bodies"},
		{"end with payload", "E\x00\x00\x00\x01e", "after their end"},
		{"after the end", "E\x00\x00\x00\x00C", "after their end"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := artifact.Read(strings.NewReader(c.stream), &received{}, small)
			if !errors.Is(err, artifact.ErrBroken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %v with %q", err, artifact.ErrBroken, c.want)
			}
			if got, want := errors.Is(err, artifact.ErrTruncated), c.want == "too early"; got != want {
				t.Errorf("truncated: got %t, want %t", got, want)
			}
		})
	}
}

// TestErrors tells the errors of the stream from those of the sink.
func TestErrors(t *testing.T) {
	broken := errors.New("the disk is full")
	for _, stream := range []string{"C\x00\x00\x00\x01c", "R\x00\x00\x00\x01r", "B\x00\x00\x00\x01b"} {
		err := artifact.Read(strings.NewReader(stream), &received{err: broken}, small)
		if !errors.Is(err, broken) || errors.Is(err, artifact.ErrBroken) {
			t.Errorf("sink, %q: got %v, want %v alone", stream[0], err, broken)
		}
	}
	err := artifact.Read(iotest.ErrReader(broken), &received{}, small)
	if !errors.Is(err, broken) || !errors.Is(err, artifact.ErrBroken) || errors.Is(err, artifact.ErrTruncated) {
		t.Errorf("reader: got %v, want %v and %v", err, broken, artifact.ErrBroken)
	}
	r, pipe := io.Pipe()
	r.CloseWithError(broken)
	w := artifact.NewWriter(pipe, small)
	_, writeErr := w.Capture().Write([]byte("c"))
	for i, err := range []error{writeErr, w.Blob([]byte("b")), w.Close()} {
		if !errors.Is(err, broken) {
			t.Errorf("writer, call %d: got %v, want %v", i, err, broken)
		}
	}
}

// FuzzRead: whatever the bytes, reading ends, within the bounds; and what was
// read is the same when it was written and read once more.
func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		var got received
		err := artifact.Read(bytes.NewReader(stream), &got, small)
		if err != nil && !errors.Is(err, artifact.ErrBroken) {
			t.Fatalf("got %v, want %v", err, artifact.ErrBroken)
		}
		if len(got.capture) > 200_000 || len(got.record) > 10 || len(strings.Join(got.blobs, "")) > 12 || len(got.blobs) > 3 {
			t.Fatalf("over the bounds: %d, %d, %q", len(got.capture), len(got.record), got.blobs)
		}
		var again bytes.Buffer
		w := artifact.NewWriter(&again, small)
		write(t, w.Capture(), string(got.capture))
		write(t, w.Record(), string(got.record))
		want := received{capture: got.capture, record: got.record}
		for _, b := range got.blobs {
			if err := w.Blob([]byte(b)); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(want.blobs, b) {
				want.blobs = append(want.blobs, b)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var twice received
		if err := artifact.Read(&again, &twice, small); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, twice, cmp.AllowUnexported(received{})); diff != "" {
			t.Fatalf("(-once +twice):\n%s", diff)
		}
	})
}
