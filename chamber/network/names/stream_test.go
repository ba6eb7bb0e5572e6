package names

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/detonaut/detonaut/chamber/tape"
)

// wire is a stream of which both directions are in memory.
type wire struct {
	io.Reader
	bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error) { return w.Reader.Read(p) }

func framed(messages ...[]byte) (out []byte) {
	for _, m := range messages {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(m))), m...)
	}
	return out
}

func serve(t *testing.T, z *Zone, in []byte) (replies [][]byte, names []string, err error) {
	w := &wire{Reader: bytes.NewReader(in)}
	err = ServeStream(t.Context(), w, z, "tcp", func(list []tape.DNS) {
		for _, a := range list {
			names = append(names, a.Name)
			if a.Transport != "tcp" {
				t.Errorf("transport %q", a.Transport)
			}
		}
	})
	for b := w.Bytes(); len(b) > 0; {
		n := int(binary.BigEndian.Uint16(b))
		replies, b = append(replies, b[2:2+n]), b[2+n:]
	}
	return replies, names, err
}

func TestServeStream(t *testing.T) {
	a := ask(t, "a.example.com.", dnsmessage.TypeA, nil)
	b := ask(t, "b.example.com.", dnsmessage.TypeAAAA, nil)
	for _, tc := range []struct {
		name   string
		in     []byte
		names  []string
		failed bool
	}{
		{"nothing", nil, nil, false},
		{"two", framed(a, b), []string{"a.example.com", "b.example.com"}, false},
		{"no DNS", []byte("GET / HTTP/1.1\r\n\r\n"), nil, true},
		{"an empty message", framed(a, nil, b), []string{"a.example.com"}, false},
		{"cut", framed(a, b)[:len(a)+20], []string{"a.example.com"}, true},
		{"cut in the length", append(framed(a), 0), []string{"a.example.com"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			replies, names, err := serve(t, New(Options{}), tc.in)
			if diff := cmp.Diff(tc.names, names); diff != "" || (err != nil) != tc.failed || len(replies) != len(tc.names) {
				t.Errorf("%d replies, error %v, names (-want +got):\n%s", len(replies), err, diff)
			}
		})
	}
}

func TestServeStreamBound(t *testing.T) {
	z := New(Options{})
	in := bytes.Repeat(framed(ask(t, "a.example.com.", dnsmessage.TypeA, nil)), maxStream+5)
	replies, _, err := serve(t, z, in)
	if len(replies) != maxStream || err != nil {
		t.Errorf("%d replies, %v", len(replies), err)
	}
	if diff := cmp.Diff([]string{"questions"}, z.Bounds()); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
}

func TestServeStreamCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &wire{Reader: strings.NewReader(string(framed(ask(t, "a.example.com.", dnsmessage.TypeA, nil))))}
	if err := ServeStream(ctx, w, New(Options{}), "tls", func([]tape.DNS) {}); err == nil || w.Len() > 0 {
		t.Errorf("error %v, reply %x", err, w.Bytes())
	}
}

func FuzzServeStream(f *testing.F) {
	f.Add(framed(ask(f, "a.example.com.", dnsmessage.TypeA, nil), ask(f, "b.example.com.", dnsmessage.TypeMX, nil)))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		replies, names, _ := serve(t, New(Options{}), in)
		if len(replies) > len(in)/headerSize || len(names) > maxQuestions*len(replies) {
			t.Errorf("%d replies and %d names from %d bytes", len(replies), len(names), len(in))
		}
	})
}
