package difference

import (
	"bytes"
	"testing"

	"github.com/detonaut/detonaut/chamber/sentry/payload"
)

func TestEqual(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 20_000)
	other := bytes.Clone(long)
	other[len(other)-1]++
	slow := func(b []byte) payload.Reader { // a few bytes at a time
		return func(to []byte, off int64) (int, error) {
			if off >= int64(len(b)) {
				return 0, nil
			}
			return copy(to[:min(len(to), 1000)], b[off:]), nil
		}
	}
	late := func([]byte, int64) (int, error) { return 0, errLate }
	for _, tc := range []struct {
		name string
		a, b payload.Reader
		want bool
	}{
		{"the same", slow(long), slow(long), true},
		{"another last byte", slow(long), slow(other), false},
		{"one is shorter", slow(long), slow(long[:100]), false},
		{"no time", late, slow(long), false},
	} {
		if got := equal(tc.a, tc.b, int64(len(long))); got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}
