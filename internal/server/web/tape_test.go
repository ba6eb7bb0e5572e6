package web

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

func seqs(p *tapePart) (all []uint64) {
	for _, e := range p.Events {
		all = append(all, e.Seq)
	}
	return all
}

func TestReadTape(t *testing.T) {
	b := tapeOf(t, `a"b\c`)
	for _, test := range []struct {
		name string
		q    tapeQuery
		want string
		next uint64
	}{
		{"the first", tapeQuery{Limit: 3}, "[1 2 3]", 3},
		{"the last", tapeQuery{After: 250, Limit: 3}, "[251 252]", 0},
		{"to the end", tapeQuery{After: 249, Limit: 3}, "[250 251 252]", 252},
		{"behind the end", tapeQuery{After: 252, Limit: 3}, "[]", 0},
		{"far behind the end", tapeQuery{After: 1 << 60, Limit: 3}, "[]", 0},
		{"a kind", tapeQuery{Kind: "process.exec", Limit: 9}, "[2 52 102 152 202]", 0},
		{"a family", tapeQuery{Kind: "run", Limit: 9}, "[1 252]", 0},
		{"no kind", tapeQuery{Kind: "proc", Limit: 9}, "[]", 0},
		{"a process", tapeQuery{PID: 2, Kind: "process", Limit: 9}, "[102]", 0},
		{"a process from somewhere on", tapeQuery{PID: 2, After: 245, Limit: 9}, "[246 249]", 0},
		{"text", tapeQuery{Text: "/TMP/77 ", Limit: 9}, "[77]", 0},
		{"text that is escaped", tapeQuery{Text: `A"B\C`, Kind: "process", Limit: 2}, "[2 52]", 52},
		{"text that is the name of a field", tapeQuery{Text: "path", Limit: 9}, "[]", 0},
		{"text with what JSON of pages escapes", tapeQuery{Text: "<needle>", Limit: 9}, "[2 52 102 152 202]", 0},
	} {
		part, err := readTape(bytes.NewReader(b), test.q)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := fmt.Sprint(seqs(part)); got != test.want || part.Next != test.next {
			t.Errorf("%s: %s, then %d; want %s, then %d", test.name, got, part.Next, test.want, test.next)
		}
	}
}

// A tape that is not one is told, and a bound that is reached, too.
func TestReadTapeRefuses(t *testing.T) {
	whole := tapeOf(t, "x")
	long := packed(t, bytes.Repeat([]byte(strings.Repeat("x", tape.MaxLine)), 2))
	for name, b := range map[string][]byte{
		"no zstd": []byte("{}"), "cut off": whole[:len(whole)/2], "a long line": long, "no JSON": packed(t, []byte("x\n")),
		"no event": packed(t, []byte(`{"seq":1,"t":0,"kind":"no.such"}`+"\n")),
	} {
		if part, err := readTape(bytes.NewReader(b), tapeQuery{Limit: 500}); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%s: %v, %v", name, part, err)
		}
	}
	// Lines that are passed over are not looked at, but they are counted.
	line := append(bytes.Repeat([]byte("x"), 63<<10), '\n')
	huge := packed(t, bytes.Repeat(line, maxSkipped/len(line)+2))
	if _, err := readTape(bytes.NewReader(huge), tapeQuery{After: 1 << 40, Limit: 1}); !errors.Is(err, errFar) {
		t.Errorf("what is far behind: %v", err)
	}
}

// A search through much stops, and says where to go on.
func TestReadTapeSearchesInParts(t *testing.T) {
	var lines bytes.Buffer
	enc := tape.NewEncoder(&lines)
	text := strings.Repeat("y", 200<<10)
	for seq := range uint64(maxSearched * 5 / 4 / (200 << 10)) {
		e := &tape.Event{Seq: seq + 1, Kind: tape.OutputStdout, PID: 1, Output: &tape.Output{Text: text}}
		if err := enc.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	b := packed(t, lines.Bytes())
	part, err := readTape(bytes.NewReader(b), tapeQuery{Text: "z", Limit: 1})
	if err != nil || len(part.Events) != 0 || part.Next == 0 {
		t.Fatalf("%d events, then %d: %v", len(part.Events), part.Next, err)
	}
	for part.Next != 0 {
		before := part.Next
		if part, err = readTape(bytes.NewReader(b), tapeQuery{Text: "z", After: before, Limit: 1}); err != nil || part.Next != 0 && part.Next <= before {
			t.Fatalf("after %d: then %d: %v", before, part.Next, err)
		}
	}
}

func FuzzReadTape(f *testing.F) {
	f.Add([]byte(`{"seq":1,"t":0,"kind":"run.start","start":{"version":1}}`+"\n"), uint64(0), "", int32(0), "")
	f.Add([]byte(`{"seq":1,"t":5,"kind":"file.create","pid":3,"file":{"path":"/a\"b"}}`+"\n{"), uint64(0), "file", int32(3), `A"b`)
	f.Add([]byte("\n\n\n"), uint64(2), "x", int32(-1), "\xff<>&")
	f.Fuzz(func(t *testing.T, lines []byte, after uint64, kind string, pid int32, text string) {
		q := tapeQuery{After: after, Kind: kind, PID: pid, Text: text, Limit: 5}
		for _, b := range [][]byte{lines, packed(t, lines)} {
			part, err := readTape(bytes.NewReader(b), q)
			if err != nil {
				continue
			}
			if len(part.Events) > q.Limit {
				t.Errorf("%d events", len(part.Events))
			}
			if part.Next != 0 && part.Next < after {
				t.Errorf("after %d comes %d", after, part.Next)
			}
			for _, e := range part.Events {
				if pid != 0 && e.PID != pid {
					t.Errorf("an event of process %d, not of %d", e.PID, pid)
				}
			}
		}
	})
}
