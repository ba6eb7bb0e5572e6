package polite

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// bucket is a Politeness in memory, without a clock: a test fills it.
type bucket struct {
	mu     sync.Mutex
	tokens int
	wait   time.Duration // what it says when there are none
	err    error
	takes  []string
	wanted []int
	held   map[string]time.Duration
	asked  chan struct{} // gets one for each Take that got nothing
}

func (b *bucket) Take(_ context.Context, host string, r store.HostRate, n int) (int, time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takes, b.wanted = append(b.takes, host), append(b.wanted, n)
	got := min(n, b.tokens)
	b.tokens -= got
	if got > 0 || b.err != nil {
		return got, 0, b.err
	}
	if b.asked != nil {
		select {
		case b.asked <- struct{}{}:
		default:
		}
	}
	return 0, b.wait, nil
}

func (b *bucket) HoldHost(_ context.Context, host string, rest time.Duration, why string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = map[string]time.Duration{}
	}
	b.held[host] = rest
	return nil
}

func (b *bucket) Hosts(context.Context) ([]store.HostState, error) { return nil, nil }

func (b *bucket) fill(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens += n
}

// server counts what reaches it, and answers as it is told.
func server(t *testing.T, answer http.HandlerFunc) (base, host string, count func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		n++
		mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, s.Listener.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func get(ctx context.Context, t *testing.T, c *http.Client, url string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func client(b *bucket, o Options) *http.Client {
	return &http.Client{Transport: New(b, o).Wrap(http.DefaultTransport)}
}

// TestBatch: not every request is a transaction, and none goes without a token.
func TestBatch(t *testing.T) {
	base, host, count := server(t, nil)
	b := &bucket{tokens: 20, wait: time.Hour}
	c := client(b, Options{Default: store.HostRate{Second: 20, Burst: 50}})
	for range 20 {
		if _, err := get(t.Context(), t, c, base); err != nil {
			t.Fatal(err)
		}
	}
	_, err := get(t.Context(), t, c, base)
	var busy *Busy
	if !errors.As(err, &busy) || busy.Host != host || busy.Wait != time.Hour {
		t.Errorf("the 21st: %v, want that %s is busy for an hour", err, host)
	}
	if count() != 20 {
		t.Errorf("%d requests got through, of 20 tokens", count())
	}
	// The batches may grow old under load; each takes ten, so that there are few.
	if n := len(b.takes); n < 3 || n > 21 {
		t.Errorf("%d transactions", n)
	}
	for i, n := range b.wanted {
		if n != maxBatch || b.takes[i] != host {
			t.Errorf("take %d of %s", n, b.takes[i])
		}
	}
}

func TestBatchOfSlowHosts(t *testing.T) {
	for _, tc := range []struct {
		rate store.HostRate
		want int
	}{
		{store.HostRate{Second: 0.1, Burst: 100}, 1},
		{store.HostRate{Second: 10, Burst: 100}, 5},
		{store.HostRate{Second: 1000, Burst: 100}, maxBatch},
		{store.HostRate{Second: 1000, Burst: 3}, 3},
	} {
		if got := (&host{rate: tc.rate}).batch(); got != tc.want {
			t.Errorf("a batch of %+v is %d, want %d", tc.rate, got, tc.want)
		}
	}
}

// TestWait: a request waits for a token, and all that wait get through.
func TestWait(t *testing.T) {
	base, _, count := server(t, nil)
	b := &bucket{wait: time.Millisecond, asked: make(chan struct{}, 1)}
	c := client(b, Options{Patience: time.Minute, Default: store.HostRate{Second: 2, Burst: 2}})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := get(t.Context(), t, c, base); err != nil {
				t.Error(err)
			}
		})
	}
	for n := range 5 {
		<-b.asked // somebody asks, and there is none
		if count() > n {
			t.Errorf("%d requests with %d tokens", count(), n)
		}
		b.fill(1)
	}
	wg.Wait()
	if count() != 5 {
		t.Errorf("%d requests", count())
	}
}

// TestCancel: who waits stops with their context.
func TestCancel(t *testing.T) {
	base, _, count := server(t, nil)
	b := &bucket{wait: time.Minute, asked: make(chan struct{}, 1)}
	c := client(b, Options{Patience: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-b.asked; cancel() }()
	if _, err := get(ctx, t, c, base); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if count() != 0 {
		t.Error("it was asked")
	}
}

// TestStoreFails: without a store nobody is asked.
func TestStoreFails(t *testing.T) {
	base, _, count := server(t, nil)
	broken := errors.New("no database")
	if _, err := get(t.Context(), t, client(&bucket{err: broken}, Options{}), base); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	if count() != 0 {
		t.Error("it was asked")
	}
}

// TestHold: what a server asks for holds everybody, and who asked is told when it is long.
func TestHold(t *testing.T) {
	for _, tc := range []struct {
		name    string
		status  int
		header  string
		value   string
		busy    bool // the request itself
		holds   time.Duration
		atOnce  bool // the next request goes through
		expects int
	}{
		{name: "short", status: 429, header: "Retry-After", value: "1", holds: time.Second, expects: 429, atOnce: true},
		{name: "long", status: 429, header: "Retry-After", value: "3600", busy: true, holds: time.Hour},
		{name: "unavailable", status: 503, header: "Retry-After", value: "3600", busy: true, holds: time.Hour},
		{name: "used up", status: 200, header: "X-RateLimit-Remaining", value: "0", holds: 100 * time.Second, expects: 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first := true
			base, host, count := server(t, func(w http.ResponseWriter, _ *http.Request) {
				if !first {
					return
				}
				first = false
				w.Header().Set(tc.header, tc.value)
				w.Header().Set("X-RateLimit-Reset", "100")
				w.WriteHeader(tc.status)
			})
			b := &bucket{tokens: 1000}
			c := client(b, Options{})
			status, err := get(t.Context(), t, c, base)
			var busy *Busy
			if errors.As(err, &busy) != tc.busy || !tc.busy && status != tc.expects {
				t.Errorf("%d, %v", status, err)
			}
			if busy != nil && (busy.Host != host || busy.Wait != tc.holds) {
				t.Errorf("busy = %+v", busy)
			}
			if got := b.held[host]; got != tc.holds {
				t.Errorf("held for %v, want %v", got, tc.holds)
			}
			_, err = get(t.Context(), t, c, base)
			if tc.atOnce && (err != nil || count() != 2) {
				t.Errorf("the next: %v", err)
			}
			if !tc.atOnce && (!errors.As(err, &busy) || count() != 1) {
				t.Errorf("the next: %v, want that it is busy", err)
			}
		})
	}
}

// TestUntold: a server that does not say for how long is left alone for longer each time.
func TestUntold(t *testing.T) {
	h := &host{untold: shortRest}
	busy := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}}
	for _, want := range []time.Duration{shortRest, 2 * shortRest, 4 * shortRest} {
		if w := h.answered(busy); w.rest != want {
			t.Errorf("%+v, want %v", w, want)
		}
	}
	for range 10 {
		h.answered(busy)
	}
	if w := h.answered(busy); w.rest != longRest {
		t.Errorf("%+v at last", w)
	}
	h.answered(&http.Response{StatusCode: http.StatusOK, Header: http.Header{}})
	if w := h.answered(busy); w.rest != shortRest {
		t.Errorf("%+v after it was well", w)
	}
}

// TestRedirect: whoever is redirected to is asked on behalf of who redirects, as a blob of a registry is.
func TestRedirect(t *testing.T) {
	elsewhere, other, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	base, host, _ := server(t, func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, elsewhere, http.StatusTemporaryRedirect)
	})
	b := &bucket{tokens: 100}
	if _, err := get(t.Context(), t, client(b, Options{}), base); err != nil {
		t.Fatal(err)
	}
	for _, name := range b.takes {
		if name != host {
			t.Errorf("a token was taken of %s", name)
		}
	}
	if b.held[other] != 0 || b.held[host] == 0 {
		t.Errorf("held: %v", b.held)
	}
}

// TestManyHosts: nobody fills the database with names of hosts.
func TestManyHosts(t *testing.T) {
	rates := map[string]store.HostRate{"known.example": {Second: 1, Burst: 1}}
	tr := New(&bucket{}, Options{Rates: rates})
	for i := range 2 * maxHosts {
		tr.host("h" + strconv.Itoa(i) + ".example")
	}
	if n := len(tr.hosts); n > maxHosts+1 {
		t.Errorf("%d hosts", n)
	}
	if h := tr.host("new.example"); h.name != others {
		t.Errorf("a new one has a bucket of its own: %s", h.name)
	}
	if h := tr.host("h1.example"); h.name != "h1.example" {
		t.Errorf("one of the first is %s", h.name)
	}
	if h := tr.host("known.example"); h.name != "known.example" || h.rate.Burst != 1 {
		t.Errorf("one with a rate is %s", h.name)
	}
	if h := New(&bucket{}, Options{}).host(strings.Repeat("x", maxHost+1)); h.name != others {
		t.Errorf("a long name is kept")
	}
}

func TestRates(t *testing.T) {
	tr := New(&bucket{}, Options{Rates: map[string]store.HostRate{"quay.io": {Second: 7, Burst: 8}}})
	if r := tr.host("quay.io").rate; r.Second != 7 {
		t.Errorf("configured: %+v", r)
	}
	if r := tr.host("hub.docker.com").rate; r != Rates()["hub.docker.com"] {
		t.Errorf("known: %+v", r)
	}
	if r := tr.host("elsewhere.example").rate; r != DefaultRate {
		t.Errorf("unknown: %+v", r)
	}
}

// TestPullsUsedUp: when no more pulls are allowed none begins, and those that have begun go on.
func TestPullsUsedUp(t *testing.T) {
	left := 1
	base, host, _ := server(t, func(w http.ResponseWriter, req *http.Request) {
		if !strings.Contains(req.URL.Path, "/manifests/") {
			return
		}
		w.Header().Set("Ratelimit-Limit", "100;w=21600")
		if req.Method == http.MethodGet {
			left--
		}
		w.Header().Set("Ratelimit-Remaining", strconv.Itoa(max(left, 0))+";w=21600")
		if left < 0 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	b := &bucket{tokens: 1000}
	c := client(b, Options{})
	do := func(method, path string) error {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for _, ok := range []struct{ method, path string }{
		{"HEAD", "/v2/a/manifests/1"}, {"GET", "/v2/a/manifests/1"}, {"GET", "/v2/a/blobs/x"}, {"HEAD", "/v2/b/manifests/1"}, {"GET", "/v2/b/tags/list"},
	} {
		if err := do(ok.method, ok.path); err != nil {
			t.Errorf("%s %s: %v", ok.method, ok.path, err)
		}
	}
	var busy *Busy
	if err := do("GET", "/v2/b/manifests/1"); !errors.As(err, &busy) || busy.Wait <= time.Minute || busy.Host != host+pulls {
		t.Errorf("another pull: %v", err)
	}
	if left != 0 {
		t.Error("it was asked for")
	}
	if b.held[host] != 0 || b.held[host+pulls] != 216*time.Second {
		t.Errorf("held: %v", b.held)
	}
	// Another process knows nothing of it but what the server says.
	c = client(b, Options{})
	if err := do("GET", "/v2/b/manifests/1"); !errors.As(err, &busy) || left != -1 || b.held[host] != 0 {
		t.Errorf("in another process: %v, held: %v", err, b.held)
	}
}

// How long requests wait is told, by host, also of those that give up.
func TestWaited(t *testing.T) {
	base, host, _ := server(t, nil)
	var mu sync.Mutex
	told := map[string]int{}
	b := &bucket{tokens: 1, wait: time.Hour}
	c := client(b, Options{Patience: time.Minute, Waited: func(host string, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if told[host]++; d < 0 {
			t.Errorf("a request has waited for %v", d)
		}
	}})
	if _, err := get(t.Context(), t, c, base); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), t, c, base); err == nil {
		t.Error("there was no token, and no error")
	}
	mu.Lock()
	defer mu.Unlock()
	if told[host] != 2 || len(told) != 1 {
		t.Errorf("told %v", told)
	}
}
