package polite

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		status int
		header map[string]string
		want   time.Duration
	}{
		{name: "nothing", status: 200},
		{name: "busy without a time", status: 429, want: shortRest},
		{name: "seconds", status: 429, header: map[string]string{"Retry-After": "7"}, want: 7 * time.Second},
		{name: "none", status: 429, header: map[string]string{"Retry-After": "0"}},
		{name: "date", status: 429, header: map[string]string{"Retry-After": "Mon, 30 Nov 2026 12:03:00 GMT"}, want: 3 * time.Minute},
		{name: "date by its own clock", status: 429, header: map[string]string{"Date": "Mon, 30 Nov 2026 13:00:00 GMT", "Retry-After": "Mon, 30 Nov 2026 13:01:00 GMT"}, want: time.Minute},
		{name: "a day that is over", status: 429, header: map[string]string{"Retry-After": "Mon, 30 Nov 2020 12:03:00 GMT"}},
		{name: "no number", status: 429, header: map[string]string{"Retry-After": "soon"}, want: shortRest},
		{name: "negative", status: 429, header: map[string]string{"Retry-After": "-5"}, want: shortRest},
		{name: "for ever", status: 429, header: map[string]string{"Retry-After": "99999999999999999999999"}, want: maxRest},
		{name: "unavailable", status: 503, header: map[string]string{"Retry-After": "120"}, want: 2 * time.Minute},
		{name: "unavailable without a time is a failure", status: 503},
		{name: "an error is no wish", status: 500, header: map[string]string{"Retry-After": "120"}},
		{name: "GitHub's second limit", status: 403, header: map[string]string{"Retry-After": "60"}, want: time.Minute},
		{name: "forbidden", status: 403},
		{name: "created", status: 200, header: map[string]string{"Retry-After": "60"}},
		{name: "used up", status: 200, header: map[string]string{"X-RateLimit-Limit": "180", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1796040042"}, want: 42 * time.Second},
		{name: "used up, in milliseconds", status: 200, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1796040042000"}, want: 42 * time.Second},
		{name: "used up, from now", status: 200, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "33"}, want: 33 * time.Second},
		{name: "used up, long ago", status: 200, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1500000000"}},
		{name: "some are left", status: 200, header: map[string]string{"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1796040042"}},
		{name: "a reset rather than a guess", status: 429, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1796040005"}, want: 5 * time.Second},
		{name: "pulls are used up", status: 200, header: map[string]string{"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"}, want: 216 * time.Second},
		{name: "pulls are left", status: 200, header: map[string]string{"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "1;w=21600"}},
		{name: "pulls without a window", status: 200, header: map[string]string{"ratelimit-limit": "100", "ratelimit-remaining": "0"}},
		{name: "no pulls at all", status: 429, header: map[string]string{"ratelimit-limit": "0;w=21600", "ratelimit-remaining": "0;w=21600"}, want: 6 * time.Hour},
		{name: "pulls, and a time", status: 429, header: map[string]string{"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600", "Retry-After": "10"}, want: 10 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tc.header {
				h.Set(k, v)
			}
			got := read(tc.status, h, now, shortRest)
			if got.rest != tc.want || got.rest > 0 && got.why == "" {
				t.Errorf("%+v, want %v", got, tc.want)
			}
			if left := h.Get("Ratelimit-Remaining"); got.rest > 0 && got.pulls != strings.HasPrefix(left, "0") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(429, "7", "0", "1796040042", "100;w=21600", "0;w=21600", "Mon, 30 Nov 2026 12:03:00 GMT")
	f.Add(503, "Mon, 30 Nov 2026 12:03:00 GMT", "", "", ";w=;w=-1", "9223372036854775808;w=9223372036854775808", "")
	f.Fuzz(func(t *testing.T, status int, after, left, reset, limit, remaining, date string) {
		h := http.Header{}
		for k, v := range map[string]string{
			"Retry-After": after, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": reset,
			"Ratelimit-Limit": limit, "Ratelimit-Remaining": remaining, "Date": date,
		} {
			h.Set(k, v)
		}
		if w := read(status, h, time.Unix(1796040000, 0), shortRest); w.rest < 0 || w.rest > maxRest || w.rest > 0 && w.why == "" {
			t.Errorf("%+v", w)
		}
	})
}
