package index_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/crowdtest"
	"github.com/detonaut/detonaut/internal/store/index"
	"github.com/detonaut/detonaut/internal/store/query"
)

// crowd is a database of a million reports, and no disk.
type crowd struct{}

func (crowd) Changes(_ context.Context, after int64, tell func(index.Change) error) (int64, error) {
	c := crowdtest.New()
	for seq := after + 1; seq <= crowdtest.Million; seq++ {
		s := c.Summary(seq)
		if err := tell(index.Change{Report: &s}); err != nil {
			return 0, err
		}
	}
	return crowdtest.Million, nil
}

func (crowd) Having(_ context.Context, f store.Fact, after, upTo int64) (seqs []int64, _ error) {
	_, number, _ := strings.Cut(f.Value, "-")
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	share := int64(crowdtest.Share(n))
	for seq := after + 1; seq <= upTo; seq++ {
		if seq%share == int64(n)%share {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

// heap is what is on it, in bytes.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// processor is how much of its time this process had.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMillion searches a million reports with facets, each time in another way. Its
// p95-ms is the 95th percentile of a search, and p95-cpu-ms that of the processor time (the collection
// of garbage included), for a machine that does something else, too. B/report is what the index holds when all were made,
// load-s the time to load it, of which making up what is loaded is make-s.
func BenchmarkMillion(b *testing.B) {
	before, began := heap(), time.Now()
	c := crowdtest.New()
	for seq := range int64(crowdtest.Million) {
		c.Summary(seq)
	}
	made := time.Since(began)
	began, cpu := time.Now(), processor(b)
	x := index.New(crowd{})
	if err := x.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	loaded, loading := time.Since(began), processor(b)-cpu
	queries := crowdtest.Queries()
	var times, used []time.Duration
	first, most := make([]time.Duration, len(queries)), make([]time.Duration, len(queries))
	b.ResetTimer()
	for i := range b.N {
		k := i % len(queries)
		began, cpu := time.Now(), processor(b)
		r, err := x.Find(b.Context(), queries[k])
		t := time.Since(began)
		used = append(used, processor(b)-cpu)
		if err != nil || r.Total == 0 && len(queries[k].Text) == 0 {
			b.Fatalf("find %q: %v", query.Format(queries[k]), err)
		}
		if first[k] == 0 {
			first[k] = t
		}
		most[k] = max(most[k], t)
		times = append(times, t)
	}
	b.StopTimer()
	if b.N >= len(queries) {
		var table strings.Builder
		for k := range queries {
			fmt.Fprintf(&table, "\n%6.1f ms at first, %6.1f ms at most: %s", ms(first[k]), ms(most[k]), query.Format(queries[k]))
		}
		b.Log(table.String())
	}
	began = time.Now()
	if _, err := x.Numbers(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(ms(time.Since(began)), "numbers-ms")
	slices.Sort(times)
	b.ReportMetric(ms(times[len(times)/2]), "p50-ms")
	b.ReportMetric(ms(times[len(times)*95/100]), "p95-ms")
	b.ReportMetric(ms(times[len(times)-1]), "max-ms")
	slices.Sort(used)
	b.ReportMetric(ms(used[len(used)/2]), "p50-cpu-ms")
	b.ReportMetric(ms(used[len(used)*95/100]), "p95-cpu-ms")
	b.ReportMetric((heap()-before)/crowdtest.Million, "B/report")
	b.ReportMetric(loaded.Seconds(), "load-s")
	b.ReportMetric(loading.Seconds(), "load-cpu-s")
	b.ReportMetric(made.Seconds(), "make-s")
	runtime.KeepAlive(x)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
