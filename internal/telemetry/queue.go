package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detonaut/detonaut/internal/store"
)

const (
	// queueFresh is how long an answer of the store counts: several may look.
	queueFresh = 5 * time.Second
	// queueTime is how long the store may take to answer.
	queueTime = 5 * time.Second
)

// queueCollector tells of the queue that all processes share: each tells the same.
type queueCollector struct {
	ask func(context.Context) (*store.Queue, error)
	now func() time.Time
	log *slog.Logger

	jobs, oldest, paused, workers, up *prometheus.Desc

	mu    sync.Mutex
	asked time.Time
	last  *store.Queue // nil if the store did not answer
}

func newQueueCollector(ask func(context.Context) (*store.Queue, error), now func() time.Time, log *slog.Logger) *queueCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("detonaut_queue_"+name, help, labels, nil)
	}
	return &queueCollector{
		ask: ask, now: now, log: log,
		jobs:    desc("jobs", "Jobs in the queue of all processes that have not ended, by kind and state.", "kind", "state"),
		oldest:  desc("oldest_wait_seconds", "How long the job has waited that waits longest; 0 if none does."),
		paused:  desc("paused", "Whether nobody takes jobs."),
		workers: desc("workers", "Workers that live."),
		up:      desc("up", "Whether the store told of the queue."),
	}
}

// Describe implements [prometheus.Collector].
func (c *queueCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.jobs, c.oldest, c.paused, c.workers, c.up} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *queueCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	q := c.queue()
	gauge(c.up, number(q != nil))
	if q == nil {
		return
	}
	// Those that are zero are told, too: a gauge that is gone says nothing.
	for _, kind := range []store.JobKind{store.JobImage, store.JobList, store.JobLook} {
		for _, state := range []store.JobState{store.JobWaiting, store.JobLater, store.JobRunning} {
			gauge(c.jobs, float64(q.Jobs[kind][state]), string(kind), string(state))
		}
	}
	oldest := 0.0
	if !q.Oldest.IsZero() {
		oldest = max(0, c.now().Sub(q.Oldest).Seconds())
	}
	gauge(c.oldest, oldest)
	gauge(c.paused, number(q.Paused))
	gauge(c.workers, float64(len(q.Workers)))
}

// queue asks the store, unless it has done so just now.
func (c *queueCollector) queue() *store.Queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if since := now.Sub(c.asked); !c.asked.IsZero() && since >= 0 && since < queueFresh {
		return c.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), queueTime)
	defer cancel()
	q, err := c.ask(ctx)
	if err != nil {
		c.log.Warn("the store does not tell of the queue", "error", err)
		q = nil
	}
	c.asked, c.last = now, q
	return q
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
