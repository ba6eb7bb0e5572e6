package storetest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// asked is how many tokens of a host were taken, by the store.
func asked(t *testing.T, s store.Store, host string) (h store.HostState) {
	t.Helper()
	for _, h := range got(s.Hosts(t.Context()))(t) {
		if h.Host == host {
			return h
		}
	}
	return h
}

func testPolite(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	slow := store.HostRate{Second: 1.0 / 3600, Burst: 5} // what is filled while the test runs is nothing
	take := func(host string, r store.HostRate, n, want int) time.Duration {
		t.Helper()
		taken, wait, err := s.Take(t.Context(), host, r, n)
		must(t, err)
		if taken != want || (taken == 0) != (wait > 0) {
			t.Errorf("of %d tokens %d are taken, %d must be; the next is in %s", n, taken, want, wait)
		}
		return wait
	}
	take("h", slow, 3, 3)
	take("h", slow, 3, 2)
	if wait := take("h", slow, 1, 0); wait < 30*time.Minute || wait > time.Hour {
		t.Errorf("the next token is in %s", wait)
	}
	take("other", slow, 9, 5)
	same(t, "how many tokens were taken", store.HostState{Host: "h", Asked: 5, Second: slow.Second, Burst: 5}, asked(t, s, "h"))

	must(t, s.HoldHost(t.Context(), "held", time.Hour, "429 \x00"+strings.Repeat("x", 1000)))
	must(t, s.HoldHost(t.Context(), "held", time.Minute, "shorter"))
	if wait := take("held", store.HostRate{Second: 1000, Burst: 1000}, 1, 0); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("a host is held for %s", wait)
	}
	h := asked(t, s, "held")
	if h.Held.IsZero() || !strings.HasPrefix(h.Why, "429 \uFFFD") || len(h.Why) > 200 {
		t.Errorf("a host that is held is %+v", h)
	}
	must(t, s.HoldHost(t.Context(), "held", 0, ""))
	if h := asked(t, s, "held"); !h.Held.IsZero() || h.Why != "" {
		t.Errorf("a host that is held no more is %+v", h)
	}
	must(t, s.HoldHost(t.Context(), "held", 1e6*time.Hour, "for ever"))
	if wait := take("held", slow, 1, 0); wait > 8*24*time.Hour {
		t.Errorf("a host is held for %s", wait)
	}
	for _, r := range []store.HostRate{{}, {Second: -1}, {Second: math.NaN()}, {Second: math.Inf(1)}, {Second: 1e-30}} {
		_, _, err := s.Take(t.Context(), "h", r, 1)
		invalid(t, fmt.Sprint("take at the rate ", r), err)
	}
	_, _, err := s.Take(t.Context(), "", slow, 1)
	invalid(t, "take of no host", err)
	_, _, err = s.Take(t.Context(), "h", slow, 0)
	invalid(t, "take no token", err)
	invalid(t, "hold no host", s.HoldHost(t.Context(), "", time.Hour, ""))
	long := strings.Repeat("a", 10_000)
	take(long, slow, 1, 1)
	take(long+"b", slow, 9, 4) // it is cut: then it is the same
}

// testPoliteCrowd has many take all they can get, until a time by the clock of the database, which is
// that of holds. Never have they got more than the rate allows.
func testPoliteCrowd(t *testing.T, open Opener) {
	stores := []store.Store{open(t, store.Options{}), open(t, store.Options{})}
	rate := store.HostRate{Second: 200, Burst: 20}
	const host, holds = "h", 2
	// clock is the time of the database: when a hold of a known length ends, less that.
	clock := func(ctx context.Context) (time.Time, error) {
		if err := stores[0].HoldHost(ctx, "clock", 0, ""); err != nil {
			return time.Time{}, err
		}
		if err := stores[0].HoldHost(ctx, "clock", time.Hour, ""); err != nil {
			return time.Time{}, err
		}
		all, err := stores[0].Hosts(ctx)
		for _, h := range all {
			if h.Host == "clock" {
				return h.Held.Add(-time.Hour), err
			}
		}
		return time.Time{}, err
	}
	begin := got(clock(t.Context()))(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	total := 0
	var crowd sync.WaitGroup
	for w := range 8 {
		crowd.Go(func() {
			for ctx.Err() == nil {
				n, wait, err := stores[w%2].Take(ctx, host, rate, 1+w)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				total += n
				mu.Unlock()
				if n == 0 && wait <= 0 {
					t.Error("there is no token, and nobody says when there is one")
				}
				select {
				case <-ctx.Done():
				case <-time.After(min(wait, 10*time.Millisecond)):
				}
			}
		})
	}
	allowed := func(from, to time.Time) float64 { return float64(rate.Burst) + to.Sub(from).Seconds()*rate.Second + 1 }
	for now := begin; now.Sub(begin) < 1500*time.Millisecond; <-time.After(10 * time.Millisecond) {
		n := asked(t, stores[1], host).Asked // before the clock is read: what is taken since counts for later
		now = got(clock(t.Context()))(t)
		if float64(n) > allowed(begin, now) {
			t.Fatalf("%d tokens were taken in %s: more than %g", n, now.Sub(begin), allowed(begin, now))
		}
	}
	for range holds {
		must(t, stores[0].HoldHost(t.Context(), host, time.Hour, "enough"))
		before := asked(t, stores[0], host).Asked // a hold holds all
		<-time.After(50 * time.Millisecond)
		same(t, "how many tokens were taken while the host was held", before, asked(t, stores[1], host).Asked)
		must(t, stores[1].HoldHost(t.Context(), host, 0, ""))
	}
	cancel()
	crowd.Wait()
	mu.Lock()
	defer mu.Unlock()
	if is := int(asked(t, stores[0], host).Asked); is < total || total < 100 {
		t.Errorf("%d tokens were taken, of which the store knows %d", total, is)
	}
}

// testManyHosts has more hosts than are remembered.
func testManyHosts(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	must(t, s.HoldHost(t.Context(), "a held host", time.Hour, "it said so"))
	_, _, err := s.Take(t.Context(), "a slow host", store.HostRate{Second: 1.0 / 3600, Burst: 1}, 1)
	must(t, err)
	for n := range 1_100 {
		taken, _, err := s.Take(t.Context(), fmt.Sprint("host ", n), store.HostRate{Second: 1e6, Burst: 1}, 1)
		must(t, err)
		same(t, "how many tokens are taken", 1, taken)
	}
	all := got(s.Hosts(t.Context()))(t)
	if len(all) > 1_000 || len(all) < 900 {
		t.Errorf("%d hosts are remembered", len(all))
	}
	if all[0].Host != "a held host" || all[0].Held.IsZero() || all[1].Host != "a slow host" || all[1].Asked != 1 {
		t.Errorf("the first hosts are %+v and %+v", all[0], all[1])
	}
}
