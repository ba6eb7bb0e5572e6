package hook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/store"
)

// ending is what came of a delivery.
type ending struct {
	id      int64
	failure string
	again   time.Time
}

// outbox is a store of deliveries, each of which is due once, and again after a failure
// without a wait.
type outbox struct {
	store.Hooks
	mu    sync.Mutex
	due   []store.Delivery
	ended chan ending
	keep  func(ending) error // nil keeps everything
}

func (o *outbox) Due(context.Context, string, time.Duration, int) ([]store.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	due := o.due
	o.due = nil
	return due, nil
}

func (o *outbox) Delivered(_ context.Context, id int64, failure string, again time.Time) error {
	e := ending{id, failure, again}
	if o.keep != nil {
		if err := o.keep(e); err != nil {
			return err
		}
	}
	o.ended <- e
	return nil
}

func (o *outbox) add(d ...store.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.due = append(o.due, d...)
}

func newOutbox() *outbox { return &outbox{ended: make(chan ending, 1000)} }

// sender runs until the test ends.
func sender(t *testing.T, box *outbox, allow ...string) {
	t.Helper()
	policy, err := reach.New(reach.Options{Allow: allow, Lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
		if strings.HasPrefix(name, "inner.") {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return nil, errors.New("no such name")
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	s := New(Options{Store: box, Reach: policy, Poll: time.Millisecond, Permalink: func(r store.Summary) string { return "https://detonaut.example/r/" + string(r.Digest) }})
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

func delivery(id int64, url string) store.Delivery {
	return store.Delivery{ID: id, Attempts: 1, Hook: store.Hook{ID: "h1", URL: url, Secret: "secret"}, Report: store.Summary{
		Digest: "sha256:abc", Verdict: detonaut.Malicious, Sentence: "it mines </script>\n\u202e",
	}}
}

// request is what a receiver got.
type request struct {
	header http.Header
	body   []byte
}

// receiver answers what next says, and passes on what it got.
func receiver(t *testing.T, next func(w http.ResponseWriter)) (url string, got chan request) {
	t.Helper()
	got = make(chan request, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- request{r.Header, b}
		next(w)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestDelivered(t *testing.T) {
	url, got := receiver(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
	box := newOutbox()
	box.add(delivery(7, url+"/hook?x=1"))
	sender(t, box, "127.0.0.1")
	r := <-got
	if e := <-box.ended; e != (ending{id: 7}) {
		t.Errorf("got %+v, want an end without a failure", e)
	}
	if got := r.header.Get(DeliveryHeader); got != "7" {
		t.Errorf("got delivery %q", got)
	}
	if err := verify(r.header.Get(SignatureHeader), r.body, "secret", time.Now()); err != nil {
		t.Errorf("the signature: %v", err)
	}
	var m Message
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Event != "report" || m.Delivery != 7 || m.URL != "https://detonaut.example/r/sha256:abc" || m.Report.Verdict != detonaut.Malicious || m.Report.Sentence != delivery(7, "").Report.Sentence {
		t.Errorf("got %+v", m)
	}
	if strings.Contains(string(r.body), "<") {
		t.Errorf("the body is fit to be taken for a page: %s", r.body)
	}
}

// TestFails: what a receiver does wrong puts a message off, and nothing of it is followed
// or shown.
func TestFails(t *testing.T) {
	inner, reached := receiver(t, func(http.ResponseWriter) {})
	for _, tc := range []struct {
		name  string
		reply func(w http.ResponseWriter)
		want  string
		last  bool
	}{
		{"an error", func(w http.ResponseWriter) { http.Error(w, "internal secret", http.StatusInternalServerError) }, "the receiver answers 500", false},
		{"a redirect", func(w http.ResponseWriter) {
			w.Header().Set("Location", inner)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "the receiver answers 307", false},
		{"gone", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) }, "the receiver answers 410", true},
		{"no HTTP", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "the receiver cannot be reached", false},
		{"a large header", func(w http.ResponseWriter) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "the receiver cannot be reached", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, _ := receiver(t, tc.reply)
			box := newOutbox()
			box.add(delivery(1, url))
			sender(t, box, "127.0.0.1")
			e := <-box.ended
			if e.failure != tc.want || e.again.IsZero() != tc.last {
				t.Errorf("got %+v, want %q, the last %v", e, tc.want, tc.last)
			}
			if !tc.last && !e.again.After(time.Now()) {
				t.Errorf("it is sent again at once: %v", e.again)
			}
		})
	}
	if len(reached) > 0 {
		t.Error("a redirect was followed")
	}
}

// TestTimeout: a receiver that does not answer is given up.
func TestTimeout(t *testing.T) {
	wait := make(chan struct{})
	url, _ := receiver(t, func(http.ResponseWriter) { <-wait })
	t.Cleanup(func() { close(wait) }) // before the receiver is closed
	policy, err := reach.New(reach.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Store: newOutbox(), Reach: policy, Timeout: 20 * time.Millisecond, Permalink: func(store.Summary) string { return "" }})
	defer s.client.CloseIdleConnections()
	if err := s.send(t.Context(), delivery(1, url)); err == nil || plainly(err) != "the receiver does not answer in time" {
		t.Errorf("got %v", err)
	}
}

// TestRefuses: a receiver is reached as a stranger's is.
func TestRefuses(t *testing.T) {
	url, got := receiver(t, func(http.ResponseWriter) {})
	port := url[strings.LastIndexByte(url, ':'):]
	box := newOutbox()
	urls := []string{url, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port, "http://inner.example" + port, "http://169.254.169.254/latest/meta-data", "ftp://127.0.0.1" + port, "http://u:p@127.0.0.1" + port, "::"}
	for i, u := range urls {
		box.add(delivery(int64(i), u))
	}
	sender(t, box)
	for range urls {
		if e := <-box.ended; e.failure == "" {
			t.Errorf("%s was delivered", urls[e.id])
		}
	}
	if len(got) > 0 {
		t.Error("a request arrived where none may")
	}
}

// TestAway: of many messages to a host that is away one is sent, and those to others are not
// held up.
func TestAway(t *testing.T) {
	away, asked := receiver(t, func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
	there, got := receiver(t, func(http.ResponseWriter) {})
	box := newOutbox()
	for i := range int64(20) {
		box.add(delivery(i, away), delivery(100+i, there))
	}
	sender(t, box, "127.0.0.1")
	for range 40 {
		if e := <-box.ended; (e.failure != "") != (e.id < 100) {
			t.Errorf("got %+v", e)
		}
	}
	if len(asked) != 1 || len(got) != 20 {
		t.Errorf("sent %d and %d, want 1 and 20", len(asked), len(got))
	}
}

// TestDatabaseAway: what came of a message is told again until it is kept.
func TestDatabaseAway(t *testing.T) {
	url, got := receiver(t, func(http.ResponseWriter) {})
	box := newOutbox()
	refused := 0
	box.keep = func(ending) error {
		if refused++; refused < 3 {
			return errors.New("database is away")
		}
		return nil
	}
	box.add(delivery(1, url))
	sender(t, box, "127.0.0.1")
	if e := <-box.ended; e.failure != "" || len(got) != 1 {
		t.Errorf("got %+v after %d requests", e, len(got))
	}
}

func TestPause(t *testing.T) {
	total := time.Duration(0)
	for attempt := 1; ; attempt++ {
		d, more := pause(attempt)
		if !more {
			break
		}
		if j := jitter(d); j < d || j > d+d/5+1 {
			t.Errorf("%v becomes %v", d, j)
		}
		total += d
	}
	if total < 24*time.Hour || total > 25*time.Hour {
		t.Errorf("a message is sent again for %v, want a day", total)
	}
}

func TestCheckURL(t *testing.T) {
	for _, u := range []string{"https://hooks.example/x?y=z", "http://192.0.2.1:8080"} {
		if err := CheckURL(u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{"", "hooks.example", "file:///etc/passwd", "https://", "https://u:p@hooks.example", "https://hooks.example/" + strings.Repeat("x", 8000), "https://a b/", "gopher://x"} {
		if err := CheckURL(u); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%s: got %v, want ErrUsage", u, err)
		}
	}
}
