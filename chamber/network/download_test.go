package network_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// zeros is a body of n bytes, and its hash.
func zeros(n int64) (io.Reader, string) {
	h := sha256.New()
	_, _ = io.CopyN(h, zero{}, n)
	return io.LimitReader(zero{}, n), hex.EncodeToString(h.Sum(nil))
}

type zero struct{}

func (zero) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A body that is too large to be held arrives whole all the same.
func TestLiveLarge(t *testing.T) {
	const size = 20 << 20
	body, sum := zeros(size)
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, body) }, nil)
	to, done := keep(t)
	s := w.subject(network.Options{Artifacts: to, Plan: plan.Internet{Record: true}})
	_, got := get(t, s.client(), "https://real.example.com/large")
	if sum := sha256.Sum256([]byte(got)); len(got) != size || hex.EncodeToString(sum[:]) != s.exchange("https://real.example.com/large").ResponseBody.SHA256 {
		t.Errorf("%d bytes arrived", len(got))
	}
	if b := s.exchange("https://real.example.com/large").ResponseBody; b.Size != size || b.SHA256 != sum || b.Kept {
		t.Errorf("body = %+v", b)
	}
	if bounds := s.close(); !slices.Contains(bounds, "bodies") || !slices.Contains(bounds, "record") {
		t.Errorf("bounds = %v", bounds)
	}
	if r := done().record.String(); !strings.Contains(r, `"cut":true`) {
		t.Errorf("the record does not say that the body is cut: %.200q", r)
	}
}

// Many large bodies at once are held only as far as there is room, and all
// arrive.
func TestLiveManyLarge(t *testing.T) {
	const size = 9 << 20
	const all = 10
	internet := make(chan *subject, all)
	var begun sync.WaitGroup // all of them have sent more than is held
	begun.Add(all)
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zero{}, size-1)
		begun.Done()
		begun.Wait()
		if held := (<-internet).Held(); held > 64<<20 || held < 32<<20 {
			t.Errorf("%d bytes are held", held)
		}
		_, _ = io.CopyN(w, zero{}, 1)
	}, nil)
	w.plan.Bytes = 1 << 30
	s := w.subject(network.Options{})
	for range all {
		internet <- s
	}
	results := make(chan error, all)
	for i := range all {
		go func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://real.example.com/%d", i), http.NoBody)
			if err != nil {
				results <- err
				return
			}
			response, err := s.client().Do(r)
			if err != nil {
				results <- err
				return
			}
			defer response.Body.Close()
			n, err := io.Copy(io.Discard, response.Body)
			if err == nil && n != size {
				err = fmt.Errorf("%d bytes", n)
			}
			results <- err
		}()
	}
	for range all {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if held := s.Held(); held != 0 {
		t.Errorf("%d bytes are held at the end", held)
	}
}

// An answer that takes its time is passed on as it comes.
func TestLiveSlow(t *testing.T) {
	heard := make(chan struct{})
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first ")
		http.NewResponseController(w).Flush()
		<-heard
		io.WriteString(w, "second")
	}, nil)
	s := w.subject(network.Options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://real.example.com/slow", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 6)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "first " {
		t.Fatalf("%q, %v", first, err)
	}
	close(heard)
	if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != "second" {
		t.Errorf("%q, %v", rest, err)
	}
	wait(t, func() bool { return len(s.seen(tape.HTTPExchange)) == 1 })
	if b := s.exchange("https://real.example.com/slow").ResponseBody; b.Text != "first second" || b.Size != 12 {
		t.Errorf("body = %+v", b)
	}
}

// A body that breaks off does so for the subject too.
func TestLiveBroken(t *testing.T) {
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "ten bytes!")
	}, nil)
	for _, scheme := range []string{"http", "https"} {
		s := w.subject(network.Options{})
		url := scheme + "://real.example.com/"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if b, err := io.ReadAll(response.Body); err == nil || string(b) != "ten bytes!" {
			t.Errorf("%s: %q, %v", scheme, b, err)
		}
		s.close()
		if b := s.exchange(url).ResponseBody; b.Size != 10 {
			t.Errorf("body = %+v", b)
		}
	}
}
