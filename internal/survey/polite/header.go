package polite

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxRest is the longest that a server has us leave it alone for one answer: what is wrong by a
	// slip, or in bad faith, is over in a day.
	maxRest = 24 * time.Hour
	// shortRest is for a server that says it is busy, and not for how long; it doubles up to longRest.
	shortRest = 30 * time.Second
	longRest  = 30 * time.Minute
)

// wish is that a server is left alone for a while, and why. With pulls it is of pulls only: what
// begins a pull is not asked for, and those that have begun may go on.
type wish struct {
	rest  time.Duration // none is no wish
	why   string
	pulls bool
}

// read is what the answer of a server asks of us. now is our clock, which counts only where the server
// does not tell its own. untold is for how long if it is busy and does not say.
func read(status int, h http.Header, now time.Time, untold time.Duration) (w wish) {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		now = t // that of who has written the other times
	}
	after, told := retryAfter(h.Get("Retry-After"), now)
	busy := refused(status, h)
	switch {
	case busy && told:
		w = wish{rest: after, why: "it says when to try again"}
	case busy:
		w = wish{rest: untold, why: "it says that it is busy"}
	}
	if r, ok := reset(h, now); ok && (r > w.rest || busy && !told) {
		w = wish{rest: r, why: "what it allows for now is used up"}
	}
	if r, ok := window(h); ok {
		if busy && told {
			r = after
		}
		w = wish{rest: r, why: "what it allows of pulls for now is used up", pulls: true}
	}
	w.rest = min(max(w.rest, 0), maxRest)
	return w
}

// retryAfter reads seconds or a date.
func retryAfter(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, false
	}
	if n, ok := digits(s); ok {
		return seconds(n), true
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxRest), true
	}
	return 0, false
}

// reset is how long it is until X-RateLimit-Reset, if X-RateLimit-Remaining is none.
func reset(h http.Header, now time.Time) (time.Duration, bool) {
	left, ok := digits(h.Get("X-RateLimit-Remaining"))
	if !ok || left > 0 {
		return 0, false
	}
	n, ok := digits(h.Get("X-RateLimit-Reset"))
	switch {
	case !ok:
		return 0, false
	case n < 1e9: // seconds from now: as an hour of the day that was in 2001
		return seconds(n), true
	case n > 1e12: // milliseconds
		n /= 1000
	}
	return min(max(time.Unix(n, 0).Sub(now), 0), maxRest), true
}

// window reads what registries say of pulls: "ratelimit-limit: 100;w=21600" with
// "ratelimit-remaining: 0;w=21600". The window slides: there is room for one more after its
// part of it.
func window(h http.Header) (time.Duration, bool) {
	left, _, ok := quota(h.Get("Ratelimit-Remaining"))
	if !ok || left > 0 {
		return 0, false
	}
	limit, w, ok := quota(h.Get("Ratelimit-Limit"))
	if !ok || w <= 0 {
		return 0, false
	}
	return max(seconds(w)/time.Duration(max(limit, 1)), time.Second), true
}

// quota reads "100;w=21600".
func quota(s string) (n, w int64, ok bool) {
	first, params, _ := strings.Cut(s, ";")
	if n, ok = digits(first); !ok {
		return 0, 0, false
	}
	for part := range strings.SplitSeq(params, ";") {
		if v, found := strings.CutPrefix(strings.TrimSpace(part), "w="); found {
			w, _ = digits(v)
		}
	}
	return n, w, true
}

// digits reads a number that is not negative. One that is too large is the largest.
func digits(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(s, 10, 64) // or the largest
	return n, true
}

func seconds(n int64) time.Duration {
	return time.Duration(min(n, int64(maxRest/time.Second))) * time.Second
}

// refused tells whether a request was not served because there were too many. One that failed for
// another reason is for who asked: only with a time it is a wish.
func refused(status int, h http.Header) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable, http.StatusForbidden: // the latter is GitHub's way of saying so
		return h.Get("Retry-After") != ""
	}
	return false
}

// Refused is the error of an answer that says that there were too many requests; nil if it says
// something else. It is for who asks without a [Transport] of this package, or waits for less.
func Refused(resp *http.Response) *Busy {
	if !refused(resp.StatusCode, resp.Header) {
		return nil
	}
	w := read(resp.StatusCode, resp.Header, time.Now(), shortRest)
	b := &Busy{Wait: max(w.rest, time.Second), Why: w.why}
	if resp.Request != nil {
		b.Host = asked(resp.Request)
	}
	return b
}
