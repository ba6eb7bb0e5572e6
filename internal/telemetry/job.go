package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Outcomes of jobs that are no verdict.
const (
	outcomeKnown   = "known"    // there was a report already
	outcomeDone    = "done"     // of a job that makes no report
	outcomeFailed  = "failed"   // for good
	outcomeAgain   = "again"    // it failed, and is tried again
	outcomePutBack = "put_back" // it had no time now
	outcomeLost    = "lost"     // it was cancelled, or another's by then
	outcomeOther   = "other"
)

// Do is next, watched: each job is counted, and its stages are as long as it is in one. Stages are
// told by [Stage] with the ctx that next gets.
func (t *Telemetry) Do(next func(context.Context, store.Job) store.Outcome) func(context.Context, store.Job) store.Outcome {
	if t == nil {
		return next
	}
	return func(ctx context.Context, j store.Job) (o store.Outcome) {
		kind := kindLabel(j.Kind)
		t.m.running.WithLabelValues(kind).Inc()
		began := time.Now()
		ctx, span := t.tracer.Start(ctx, "job", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("detonaut.job.kind", kind),
			attribute.Int64("detonaut.job.id", j.ID),
			attribute.Int("detonaut.job.attempt", j.Attempt),
			text("detonaut.image.ref", string(j.Ref)),
			text("detonaut.survey", j.Survey),
			text("detonaut.submission", j.Submission),
		))
		w := &walk{t: t, ctx: ctx}
		outcome := outcomeLost // also of a panic
		defer func() {
			w.end()
			t.m.running.WithLabelValues(kind).Dec()
			t.m.jobs.WithLabelValues(kind, outcome).Inc()
			t.m.jobTime.WithLabelValues(kind).Observe(time.Since(began).Seconds())
			span.SetAttributes(attribute.String("detonaut.outcome", outcome))
			span.End()
		}()
		o = next(context.WithValue(ctx, walkKey{}, w), j)
		if outcome = outcomeOf(ctx, j, o); outcome == outcomeLost {
			return o
		}
		if o.Entry == nil && o.Known == nil && o.Failure != nil {
			t.m.failures.WithLabelValues(kind, t.reasons.label(o.Failure.Says)).Inc()
			span.SetStatus(codes.Error, bounded(o.Failure.Says))
		}
		if o.Entry != nil && o.Entry.Report != nil {
			span.SetAttributes(
				text("detonaut.image.digest", string(o.Entry.Report.Image.Digest)),
				text("detonaut.verdict.family", o.Entry.Report.Verdict.Family),
			)
		}
		return o
	}
}

// outcomeOf is what came of a job, as a label.
func outcomeOf(ctx context.Context, j store.Job, o store.Outcome) string {
	switch {
	case ctx.Err() != nil:
		return outcomeLost
	case o.Entry != nil && o.Entry.Report != nil:
		switch w := o.Entry.Report.Verdict.Word; w {
		case detonaut.Malicious, detonaut.Unwanted, detonaut.Suspicious, detonaut.Clean, detonaut.Inconclusive:
			return string(w)
		}
		return outcomeOther
	case o.Known != nil:
		return outcomeKnown
	case o.Failure != nil && (o.Failure.Final || j.MaxAttempts > 0 && j.Attempt >= j.MaxAttempts):
		return outcomeFailed
	case o.Failure != nil:
		return outcomeAgain
	case o.Later > 0:
		return outcomePutBack
	default:
		return outcomeDone
	}
}

func kindLabel(k store.JobKind) string {
	switch k {
	case store.JobImage, store.JobList, store.JobLook:
		return string(k)
	default:
		return outcomeOther
	}
}
