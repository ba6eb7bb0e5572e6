package cassette

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzPlayer: whatever the text, it is refused or played, and what is played
// can be sent as HTTP.
func FuzzPlayer(f *testing.F) {
	f.Add([]byte(waiting))
	f.Add([]byte(`{"cassette":1}` + "\n" + `{"http":{"method":"GET","url":"http://a/","request":"","status":200,"header":{"A":["b"]},"body":"YQ=="}}` + "\n" + `{"end":{"full":true}}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := NewPlayer(bytes.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v, want %v", err, ErrInvalid)
			}
			return
		}
		for key, q := range p.http.byURL {
			method, url, _ := strings.Cut(key, " ")
			for range len(q.all) + 1 {
				a, ok := p.HTTP(method, url, nil)
				if !ok || a.Status < 200 || a.Status > 999 || len(a.Body) > MaxBody {
					t.Fatalf("%s: %v %+v", key, ok, a)
				}
				if err := a.Header.Write(&bytes.Buffer{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, lines := range p.streams.all {
			last := int64(0)
			for _, c := range lines.chunks {
				if c.after < last || len(c.data) == 0 || len(c.data) > maxChunk {
					t.Fatalf("a chunk of %d bytes after %d, %d", len(c.data), c.after, last)
				}
				last = c.after
			}
		}
	})
}

// FuzzRecord: what is recorded without an error is played as it was.
func FuzzRecord(f *testing.F) {
	f.Add("GET", "http://host.example/?q=1", []byte("request"), 200, "Content-Type", "text/plain", []byte("response"))
	f.Add("POST", "http://host.example/\xff", []byte(nil), 404, "X", "<&>", []byte{0, 0xff})
	f.Fuzz(func(t *testing.T, method, url string, request []byte, status int, name, value string, body []byte) {
		var b bytes.Buffer
		r := NewRecorder(&b)
		want := Response{Status: status, Header: http.Header{name: {value}}, Body: body}
		recorded := r.HTTP(method, url, request, want) == nil
		s := r.Stream(url, 80)
		var heard bytes.Buffer
		if n, err := s.Server(&heard).Write(body); n != len(body) || err != nil {
			t.Fatalf("wrote %d of %d bytes, %v", n, len(body), err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		p := play(t, b.Bytes())
		got, ok := p.HTTP(method, url, request)
		if ok != recorded {
			t.Fatalf("recorded %v, played %v", recorded, ok)
		}
		if recorded {
			want.Header = http.Header{name: {text(value)}}
			if text(value) != value { // JSON has one mark for each byte
				want.Header, got.Header = nil, nil
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("(-recorded +played):\n%s", diff)
			}
		}
		script, ok := p.Stream(url, 80)
		var said []byte
		if ok {
			for _, c := range script.lines.chunks {
				said = append(said, c.data...)
			}
		}
		if !ok || !bytes.Equal(said, body) || !bytes.Equal(heard.Bytes(), body) {
			t.Fatalf("played %v: %d bytes, heard %d, want %d", ok, len(said), heard.Len(), len(body))
		}
	})
}
