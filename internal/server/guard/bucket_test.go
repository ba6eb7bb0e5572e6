package guard

import (
	"strconv"
	"testing"
	"time"
)

// However many clients come, only so many are counted, and the busy ones are not forgotten
// for them.
func TestBucketsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	b := newBuckets(Rate{Minute: 1, Burst: 100_000}, func() time.Time { return now })
	taken := 0
	for n := range maxBuckets + 1000 {
		b.take("stranger "+strconv.Itoa(n), 1)
		if n%1000 == 0 {
			b.take("busy", 1)
			taken++
		}
	}
	if len(b.byID) != maxBuckets || b.order.Len() != maxBuckets {
		t.Errorf("%d and %d are counted, want %d", len(b.byID), b.order.Len(), maxBuckets)
	}
	if left := b.take("busy", 1); left.remaining != 100_000-taken-1 {
		t.Errorf("%d are left to a busy one that took %d", left.remaining, taken)
	}
	if left := b.take("stranger 0", 1); left.remaining != 99_999 {
		t.Errorf("got %d, want one that begins anew", left.remaining)
	}
}
