package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// maxText bounds a string in a trace, in bytes before it is escaped.
const maxText = 256

// newTracer makes what traces, and what ends it. It sends by OTLP over HTTP, as the variables of
// OpenTelemetry's specification say.
func newTracer(ctx context.Context, o Options) (trace.Tracer, func(context.Context) error, error) {
	if !Traces(o.Env) {
		return noop.NewTracerProvider().Tracer(""), func(context.Context) error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx) // it reads the environment itself, and connects later
	if err != nil {
		return nil, nil, fmt.Errorf("send traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "detonaut"), attribute.String("service.version", o.Version)),
		resource.WithFromEnv()) // which is stronger
	if err != nil {
		return nil, nil, fmt.Errorf("send traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(quietExporter{exporter, o.Log}), sdktrace.WithResource(about))
	return provider.Tracer("github.com/detonaut/detonaut"), provider.Shutdown, nil
}

// Traces tells whether the environment says where to send traces, and does not forbid it.
func Traces(env func(string) string) bool {
	if env == nil || env("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return false
	}
	return !strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") && env("OTEL_TRACES_EXPORTER") != "none"
}

// quietExporter has what cannot be sent be told of in our log, and lost: work does not wait for it.
type quietExporter struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e quietExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.Warn("traces were not sent", "spans", len(spans), "error", err)
	}
	return nil
}

// text is an attribute with a string that may be hostile.
func text(key, value string) attribute.KeyValue { return attribute.String(key, bounded(value)) }

// bounded is a string of anybody's, cut, with control characters shown.
func bounded(s string) string {
	cut := ""
	if len(s) > maxText {
		s, cut = s[:maxText], "…"
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	quoted := strconv.Quote(s)
	s = quoted[1 : len(quoted)-1]
	return strings.ReplaceAll(s, `\"`, `"`) + cut
}
