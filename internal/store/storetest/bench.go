package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// BenchmarkPut puts realistic reports of digests that are new, as one and as several at once do, and
// looks at how long it takes to find what they have in common.
func BenchmarkPut(b *testing.B, s store.Store) {
	var next atomic.Uint64
	one := func(b *testing.B) {
		n := next.Add(1)
		e := store.Entry{Report: reporttest.Realistic(n), Name: store.Name{Registry: "docker.io", Repository: fmt.Sprint("some/image-", n/4), Tag: "1"}}
		if _, err := s.Put(b.Context(), e); err != nil {
			b.Error(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			one(b)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
	b.Run("eight", func(b *testing.B) {
		b.SetParallelism(4) // for each of two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				one(b)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
}
