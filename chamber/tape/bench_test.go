package tape_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/detonaut/detonaut/chamber/tape"
)

// ordinary is a tape of what subjects mostly do, of n events.
func ordinary(n int) []*tape.Event {
	events := []*tape.Event{{Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version}}}
	for i := len(events); i < n-1; i++ {
		ev := &tape.Event{PID: 12, TID: 12}
		switch i % 8 {
		case 0:
			ev.Kind, ev.Process = tape.ProcessFork, &tape.Process{Child: 13}
		case 1:
			ev.Kind, ev.Process = tape.ProcessExec, &tape.Process{
				Parent: 1, Executable: "/usr/sbin/nginx", Origin: tape.FromImage,
				SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
				Args:   []string{"nginx", "-g", "daemon off;"}, Dir: "/", UID: 33, GID: 33,
				Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
			}
		case 2:
			ev.Kind, ev.Socket = tape.SocketConnect, &tape.Socket{FD: 4, Family: "inet", Type: "stream", Address: "203.0.113.7:443"}
		default:
			ev.Kind, ev.File = tape.FileOpen, &tape.File{Path: "/var/lib/nginx/body/0000000001", FD: 5, Flags: "O_WRONLY|O_CLOEXEC"}
		}
		events = append(events, ev)
	}
	events = append(events, &tape.Event{Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited}})
	for i, ev := range events {
		ev.Seq, ev.Time = uint64(i)+1, int64(i)*20_000
	}
	return events
}

const benchEvents = 8192

func BenchmarkEncode(b *testing.B) {
	events := ordinary(benchEvents)
	enc := tape.NewEncoder(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		for _, ev := range events {
			if err := enc.Record(ev); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkDecode(b *testing.B) {
	text := encode(b, ordinary(benchEvents)...)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dec := tape.NewDecoder(bytes.NewReader(text))
		_, err := dec.Next()
		for err == nil {
			_, err = dec.Next()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLine is what passing an event on costs without decoding it.
func BenchmarkLine(b *testing.B) {
	lines := bytes.SplitAfter(encode(b, ordinary(benchEvents)...), []byte("\n"))
	lines = lines[:len(lines)-1]
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range lines {
			l, err := tape.ParseLine(line)
			if err != nil {
				b.Fatal(err)
			}
			l.Seq++
			out = l.Append(out[:0])
		}
	}
	b.ReportMetric(float64(b.N*len(lines))/b.Elapsed().Seconds(), "events/s")
}
