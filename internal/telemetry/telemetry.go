// Package telemetry tells those who operate Detonaut how it is doing: metrics for Prometheus,
// traces for OpenTelemetry, and whether a process lives and can work.
//
// It watches and decides nothing. A nil [*Telemetry] does nothing, at no cost: what is watched
// calls it without asking whether somebody looks. No string of a subject or of a registry is a
// label: there are as many series as there are words in the program. In traces they are
// attributes, cut and escaped.
//
// It is the only package that knows Prometheus and OpenTelemetry.
package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"

	"github.com/detonaut/detonaut/internal/store"
)

// Options say what is watched. What is nil is not.
type Options struct {
	// Version is that of the program.
	Version string
	// Queue is asked when somebody looks, every [queueFresh] at most.
	Queue func(context.Context) (*store.Queue, error)
	// Room is how full this process is.
	Room func() Room
	// Env is the environment, which says whether traces are wanted and where they go.
	Env func(string) string
	// Log is told what goes wrong with traces.
	Log *slog.Logger
}

// Telemetry counts and traces. Its methods may be called from any goroutine, and on nil.
type Telemetry struct {
	registry *prometheus.Registry
	m        metrics
	cpu      *processor
	reasons  *words
	tracer   trace.Tracer
	endTrace func(context.Context) error
	log      *slog.Logger
}

// New makes one. Whoever made it calls Close. Without a variable of the environment that says where
// to, there are no traces: OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Telemetry{registry: prometheus.NewRegistry(), m: newMetrics(), cpu: newProcessor(), reasons: newWords(maxReasons), log: o.Log}
	t.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(o.Version), t.cpu,
	)
	t.registry.MustRegister(t.m.all()...)
	if o.Queue != nil {
		t.registry.MustRegister(newQueueCollector(o.Queue, time.Now, o.Log))
	}
	if o.Room != nil {
		t.registry.MustRegister(roomCollector{o.Room})
	}
	var err error
	t.tracer, t.endTrace, err = newTracer(ctx, o)
	return t, err
}

// Close sends what was not sent of traces; ctx bounds how long it may take.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.endTrace(ctx)
}
