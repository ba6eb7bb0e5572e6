package tape_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

// decode returns the events of a tape up to its end or its first error.
func decode(r io.Reader) (events []*tape.Event, err error) {
	dec := tape.NewDecoder(r)
	for {
		ev, err := dec.Next()
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
}

func TestRoundTrip(t *testing.T) {
	want := samples(t)
	text := encode(t, want...)
	if got := bytes.Count(text, []byte("\n")); got != len(want) {
		t.Fatalf("%d lines for %d events", got, len(want))
	}
	for name, r := range map[string]io.Reader{
		"at once":      bytes.NewReader(text),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(text)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(r)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decoded events (-want +got):\n%s", diff)
			}
		})
	}
}

const (
	start = `{"seq":1,"t":0,"kind":"run.start","start":{"version":1,"chamber":"x","wall":1,"plan":{}}}`
	end   = `{"seq":%d,"t":9,"kind":"run.end","end":{"reason":"exited"}}`
	fork  = `{"seq":%d,"t":%d,"kind":"process.fork","process":{"child":2}}`
)

func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func TestDecoderStrictness(t *testing.T) {
	end2, end3 := fmt.Sprintf(end, 2), fmt.Sprintf(end, 3)
	cases := []struct {
		name, tape string
		want       string // part of the error; empty for none
	}{
		{"shortest tape", lines(start, end2), ""},
		{"equal times", lines(start, fmt.Sprintf(fork, 2, 0), end3), ""},
		{"any system call", lines(start, `{"seq":2,"t":1,"kind":"call.io_uring_setup","call":{}}`, end3), ""},
		{"carriage returns", strings.ReplaceAll(lines(start, end2), "\n", "\r\n"), ""},

		{"empty", "", "without run.end"},
		{"no end", lines(start), "without run.end"},
		{"cut in a line", lines(start) + end2[:20], "without run.end"},
		{"cut before the newline", lines(start) + end2, "without run.end"},
		{"empty line", lines(start, "", end2), "event 2"},
		{"no JSON", lines(start, "hello", end2), "event 2"},
		{"no object", lines(start, "[]", end2), "event 2"},
		{"null", lines(start, "null", end2), "unknown kind"},
		{"two events on a line", lines(start, end2+end3), "more than one value"},
		{"number out of range", lines(start, `{"seq":99999999999999999999}`), "event 2"},
		{"unknown field", lines(start, `{"seq":2,"t":1,"kind":"process.fork","process":{"child":2},"x":1}`), `unknown field "x"`},
		{"unknown field of a payload", lines(start, `{"seq":2,"t":1,"kind":"process.fork","process":{"x":2}}`), `unknown field "x"`},
		{"unknown kind", lines(start, `{"seq":2,"t":1,"kind":"process.spawn","process":{}}`), `unknown kind "process.spawn"`},
		{"call without a name", lines(start, `{"seq":2,"t":1,"kind":"call.","call":{}}`), `unknown kind "call."`},
		{"call with a strange name", lines(start, `{"seq":2,"t":1,"kind":"call.a b","call":{}}`), `unknown kind "call.a b"`},
		{"no payload", lines(start, `{"seq":2,"t":1,"kind":"process.fork"}`), "wrong payload"},
		{"payload of another kind", lines(start, `{"seq":2,"t":1,"kind":"process.fork","file":{"path":"/"}}`), "wrong payload"},
		{"two payloads", lines(start, `{"seq":2,"t":1,"kind":"process.fork","process":{},"file":{"path":"/"}}`), "wrong payload"},
		{"an event of a flow", lines(start, `{"seq":2,"t":1,"kind":"dns.answer","flow":1,"dns":{"name":"a","type":"A","transport":"udp","code":"NOERROR"}}`, end3), ""},
		{"a payload of another name", lines(start, `{"seq":2,"t":1,"kind":"flow.end","dns":{"name":"a","type":"A","transport":"udp","code":"NOERROR"}}`), "wrong payload"},
		{"a flow before the first", lines(start, `{"seq":2,"t":1,"kind":"bait.sent","flow":-1,"bait":{}}`), "event 2"},
		{"no sequence number", lines(start, `{"t":1,"kind":"process.fork","process":{}}`), "no sequence number"},
		{"negative time", lines(start, `{"seq":2,"t":-1,"kind":"process.fork","process":{}}`), "negative time"},
		{"gap", lines(start, end3), "sequence number 3 after 1"},
		{"repetition", lines(start, fmt.Sprintf(fork, 2, 1), fmt.Sprintf(fork, 2, 1)), "sequence number 2 after 2"},
		{"time goes back", lines(start, fmt.Sprintf(fork, 2, 10), end3), "event 3 is earlier"},
		{"begins in the middle", lines(fmt.Sprintf(fork, 1, 0), end2), "event 1 is process.fork"},
		{"second start", lines(start, strings.Replace(start, `"seq":1`, `"seq":2`, 1)), "event 2 is run.start"},
		{"goes on after the end", lines(start, end2, fmt.Sprintf(fork, 3, 9)), "event 3 after run.end"},
		{"another version of the format", lines(strings.Replace(start, `"version":1`, `"version":2`, 1), end2), "version 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(strings.NewReader(c.tape))
			if c.want == "" {
				if !errors.Is(err, io.EOF) {
					t.Errorf("got %v, want a whole tape", err)
				}
				return
			}
			if !errors.Is(err, tape.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %v with %q", err, tape.ErrInvalid, c.want)
			}
			if wantCut := strings.Contains(c.want, "without run.end"); errors.Is(err, tape.ErrTruncated) != wantCut {
				t.Errorf("%v: is it ErrTruncated? want %v", err, wantCut)
			}
		})
	}
}

// TestDecoderAtEveryCut shows that no beginning of a tape passes for a tape,
// and that what it has of whole events is still there.
func TestDecoderAtEveryCut(t *testing.T) {
	all := samples(t)
	text := encode(t, all[0], all[1])
	for n := range len(text) + 1 {
		events, err := decode(bytes.NewReader(text[:n]))
		if !errors.Is(err, tape.ErrTruncated) {
			t.Fatalf("the first %d of %d bytes: got %v, want %v", n, len(text), err, tape.ErrTruncated)
		}
		if got, want := len(events), bytes.Count(text[:n], []byte("\n")); got != want {
			t.Fatalf("the first %d bytes: %d events, want %d", n, got, want)
		}
	}
}

func TestDecoderReadError(t *testing.T) {
	broken := errors.New("broken disk")
	_, err := decode(io.MultiReader(strings.NewReader(lines(start)), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || errors.Is(err, tape.ErrInvalid) {
		t.Errorf("got %v, want %v, which says nothing about the tape", err, broken)
	}
}

// longEvent returns an event whose line has n bytes.
func longEvent(t *testing.T, seq uint64, n int) *tape.Event {
	t.Helper()
	ev := &tape.Event{Seq: seq, Kind: tape.OutputStdout, Output: &tape.Output{}}
	ev.Output.Text = strings.Repeat("x", n-len(encode(t, ev)))
	return ev
}

func TestLongestLine(t *testing.T) {
	head := samples(t)[0]
	longest := encode(t, head, longEvent(t, 2, tape.MaxLine))
	events, err := decode(bytes.NewReader(longest))
	if len(events) != 2 || !errors.Is(err, tape.ErrTruncated) {
		t.Errorf("a line of exactly MaxLine bytes: got %d events and %v, want 2 and %v", len(events), err, tape.ErrTruncated)
	}
	longer := bytes.Replace(longest, []byte("xxx"), []byte("xxxx"), 1)
	if _, err := decode(bytes.NewReader(longer)); !errors.Is(err, tape.ErrInvalid) || errors.Is(err, tape.ErrTruncated) {
		t.Errorf("a longer line: got %v, want %v", err, tape.ErrInvalid)
	}
	ev := longEvent(t, 2, tape.MaxLine)
	ev.Output.Text += "x"
	var b bytes.Buffer
	if err := tape.NewEncoder(&b).Record(ev); !errors.Is(err, tape.ErrInvalid) || b.Len() > 0 {
		t.Errorf("encoding a longer line: got %v and %d bytes, want %v and nothing written", err, b.Len(), tape.ErrInvalid)
	}
}

// zeros never ends and has no newline.
type zeros struct{ read int }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += len(p)
	return len(p), nil
}

func TestDecoderIsBounded(t *testing.T) {
	z := new(zeros)
	if _, err := decode(z); !errors.Is(err, tape.ErrInvalid) {
		t.Errorf("got %v, want %v", err, tape.ErrInvalid)
	}
	if most := 2 * tape.MaxLine; z.read > most {
		t.Errorf("it read %d bytes of a line without end, want no more than %d", z.read, most)
	}
}

func TestEncoderWriteError(t *testing.T) {
	full := errors.New("disk full")
	r, w := io.Pipe()
	r.CloseWithError(full)
	if err := tape.NewEncoder(w).Record(samples(t)[0]); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

func TestN(t *testing.T) {
	for count, want := range map[uint64]uint64{0: 1, 1: 1, 7: 7} {
		if got := (&tape.Event{Count: count}).N(); got != want {
			t.Errorf("Count %d: N is %d, want %d", count, got, want)
		}
	}
}
