package telemetry

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/detonaut/detonaut"
)

// StageKeep is when what came of an analysis is kept: artifacts become blobs. The others are
// those of a report.
const StageKeep = "keep"

// stageNames are those that are told apart.
var stageNames = []string{
	detonaut.StagePull, detonaut.StageInventory, detonaut.StagePackages, detonaut.StageVulnerabilities, detonaut.StageConfig,
	detonaut.StageDetonate, detonaut.StageRead, detonaut.StageExplain, StageKeep, stageImage,
}

// stageImage is all stages of reading an image's files: "image/secret" and others.
var stageImage = strings.TrimSuffix(detonaut.StageImage, "/")

type walkKey struct{}

// Stage tells that the analysis of a job begins with a stage, and has ended the one before. The
// ctx is that of [Telemetry.Do], or made of it; with another nothing is told. The ctx that it
// returns is that of the stage: what is traced below belongs to it.
func Stage(ctx context.Context, name string) context.Context {
	w, ok := ctx.Value(walkKey{}).(*walk)
	if !ok {
		return ctx
	}
	return trace.ContextWithSpan(ctx, w.begin(name))
}

// OnStage is next, which is told of the stages of an analysis, and tells [Stage] of them, too.
// Next may be nil.
func OnStage(ctx context.Context, next func(string)) func(string) {
	return func(name string) {
		Stage(ctx, name)
		if next != nil {
			next(name)
		}
	}
}

// walk is one job on its way through the stages.
type walk struct {
	t   *Telemetry
	ctx context.Context // with the span of the job

	mu    sync.Mutex
	label string // of the stage that it is in; empty if none
	began time.Time
	span  trace.Span
	ended bool
}

func (w *walk) begin(name string) trace.Span {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return trace.SpanFromContext(w.ctx)
	}
	label := stageLabel(name)
	if label == w.label {
		return w.span
	}
	w.leave(label)
	w.label, w.began = label, time.Now()
	w.t.m.stages.WithLabelValues(label).Inc()
	_, w.span = w.t.tracer.Start(w.ctx, label, trace.WithAttributes(attribute.String("detonaut.stage", label)))
	return w.span
}

// leave ends the stage that it is in, for the next one. The caller has w.mu.
func (w *walk) leave(next string) {
	w.t.cpu.move(w.label, next)
	if w.label == "" {
		return
	}
	w.t.m.stages.WithLabelValues(w.label).Dec()
	w.t.m.stageTime.WithLabelValues(w.label).Observe(time.Since(w.began).Seconds())
	w.span.End()
	w.label, w.span = "", nil
}

func (w *walk) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.ended = true
		w.leave("")
	}
}

// stageLabel is a stage as a label. The stages of one kind are one: "image/secret" is "image".
func stageLabel(name string) string {
	name, _, _ = strings.Cut(name, "/")
	if slices.Contains(stageNames, name) {
		return name
	}
	return outcomeOther
}

// Traced tells whether ctx is in a trace that is sent.
func Traced(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }
