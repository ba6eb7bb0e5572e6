package study_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// What a survey of many repositories takes: of each result the time, and the memory that is in use
// at the end. Each digest is another.
func BenchmarkAdd(b *testing.B) {
	all := grow(1, 20_000).results()
	s := study.New(study.Options{Survey: grow(1, 1).survey})
	number := int64(0)
	last := int64(-1)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		r := all[i%len(all)]
		if r.Candidate.Number != last {
			last = r.Candidate.Number
			number++
		}
		r.Candidate.Number = number
		if r.Item != nil {
			item := *r.Item
			if !item.Seen {
				item.Digest = item.Digest[:len("sha256:")] + detonaut.Digest(fmt.Sprintf("%016x", i)) + item.Digest[len("sha256:")+16:]
			}
			r.Item = &item
		}
		s.Add(r)
	}
	report := s.Report()
	b.StopTimer()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB")
	b.ReportMetric(float64(report.Counts.Images), "images")
	runtime.KeepAlive(s)
}

// BenchmarkReport makes the report of a sample.
func BenchmarkReport(b *testing.B) {
	s := grow(1, 20_000).draw(store.SampleStratified, 5000, 1).store()
	for b.Loop() {
		if _, err := study.Of(b.Context(), s, "truth"); err != nil {
			b.Fatal(err)
		}
	}
}
