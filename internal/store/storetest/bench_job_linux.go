package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// BenchmarkJobs has jobs done of which nothing comes, and others of which a small report does, by so many
// stores, each of which stands for a process, with so many jobs at once. open opens another store of
// the same database.
func BenchmarkJobs(b *testing.B, open func() store.Store) {
	var number atomic.Int64
	var stores []store.Store
	for _, processes := range []int{1, 2, 4} {
		for len(stores) < processes {
			stores = append(stores, open())
		}
		for _, places := range []int{1, 16, 100} {
			b.Run(fmt.Sprintf("nothing/%d processes of %d", processes, places), func(b *testing.B) {
				benchJobs(b, stores[:processes], places, &number, func(store.Job) store.Outcome { return store.Outcome{} })
			})
		}
		b.Run(fmt.Sprintf("a report/%d processes of 16", processes), func(b *testing.B) {
			benchJobs(b, stores[:processes], 16, &number, func(j store.Job) store.Outcome {
				return store.Outcome{Entry: &store.Entry{Report: &detonaut.Report{Image: detonaut.Image{Digest: j.Digest, Ref: j.Ref}}, Aim: j.Aim}}
			})
		})
	}
}

// benchJobs does b.N jobs, which are in the queue before. What takes time is to take and to end them.
func benchJobs(b *testing.B, stores []store.Store, places int, number *atomic.Int64, do func(store.Job) store.Outcome) {
	b.Helper()
	const some = 1000
	for left := b.N; left > 0; left -= some {
		var jobs []store.Job
		for range min(left, some) {
			jobs = append(jobs, image(int(number.Add(1)), 0))
		}
		putJobs(b, stores[0], jobs...)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var done atomic.Int64
	n := int64(b.N)
	before := cpu(b)
	b.ResetTimer()
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() {
			err := s.Work(ctx, store.WorkOptions{
				Name: fmt.Sprint("bench ", i), Images: places, Poll: 10 * time.Millisecond, Grace: time.Minute,
				Do: func(_ context.Context, j store.Job) store.Outcome {
					if done.Add(1) == n {
						cancel()
					}
					return do(j)
				},
			})
			if err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait() // for what runs to be ended, too
	b.StopTimer()
	cancel()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N)*1e6, "cpu-us/job")
}

// cpu is the time that this process has computed: that of a server is not in it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
