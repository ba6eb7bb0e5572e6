package guard

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds how many clients are counted at once. The one that was not heard of for
// the longest time is forgotten first.
const maxBuckets = 65_536

// buckets count what clients ask for: each has a bucket of tokens, which fills again.
type buckets struct {
	rate Rate
	now  func() time.Time

	mu    sync.Mutex
	byID  map[string]*list.Element
	order *list.List // of *bucket, the latest first
}

type bucket struct {
	id     string
	tokens *rate.Limiter
}

func newBuckets(r Rate, now func() time.Time) *buckets {
	return &buckets{rate: r, now: now, byID: map[string]*list.Element{}, order: list.New()}
}

// balance is what is left to a client.
type balance struct {
	ok        bool
	remaining int
	wait      time.Duration // until it is enough
	full      time.Duration // until all is there again
}

// take takes n tokens from the bucket of a client, all or none.
func (b *buckets) take(id string, n int) balance {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	e, ok := b.byID[id]
	if ok {
		b.order.MoveToFront(e)
	} else {
		if len(b.byID) >= maxBuckets {
			last := b.order.Back()
			delete(b.byID, b.order.Remove(last).(*bucket).id)
		}
		e = b.order.PushFront(&bucket{id: id, tokens: rate.NewLimiter(rate.Limit(float64(b.rate.Minute)/60), b.rate.Burst)})
		b.byID[id] = e
	}
	n = min(n, b.rate.Burst)
	tokens := e.Value.(*bucket).tokens
	granted := tokens.AllowN(now, n)
	left := tokens.TokensAt(now)
	return balance{
		ok: granted, remaining: max(0, int(left)),
		wait: b.time(float64(n) - left), full: b.time(float64(b.rate.Burst) - left),
	}
}

// time is how long it takes until so many tokens have come.
func (b *buckets) time(tokens float64) time.Duration {
	return time.Duration(max(0, tokens) / float64(b.rate.Minute) * float64(time.Minute))
}
