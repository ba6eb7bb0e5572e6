package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/telemetry"
)

// receiver takes traces over HTTP, as a collector does.
type receiver struct {
	mu    sync.Mutex
	spans []*otlp.Span
	about map[string]string // of the resource
	fails bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b, err := io.ReadAll(req.Body)
	var m collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(b, &m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || req.URL.Path != "/v1/traces" || r.fails {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	for _, rs := range m.GetResourceSpans() {
		r.about = map[string]string{}
		for _, a := range rs.GetResource().GetAttributes() {
			r.about[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, ss := range rs.GetScopeSpans() {
			r.spans = append(r.spans, ss.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	b, _ = proto.Marshal(&collector.ExportTraceServiceResponse{})
	_, _ = w.Write(b)
}

func attributes(s *otlp.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return all
}

// tracing makes telemetry that sends to a receiver, by the environment.
func tracing(t *testing.T, r *receiver) *telemetry.Telemetry {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test", "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
	for k, v := range env {
		t.Setenv(k, v)
	}
	x, err := telemetry.New(t.Context(), telemetry.Options{Version: "v1.2.3", Env: func(k string) string { return env[k] }})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTraces(t *testing.T) {
	r := &receiver{}
	x := tracing(t, r)
	hostile := "registry.example/\x1b[31mimage\xff:" + strings.Repeat("long", 1000)
	x.Do(func(ctx context.Context, _ store.Job) store.Outcome {
		tell := telemetry.OnStage(ctx, nil)
		tell("pull")
		tell("image/secret")
		tell("image/malware")
		tell("detonate")
		telemetry.Stage(ctx, telemetry.StageKeep)
		return store.Outcome{Entry: &store.Entry{Report: &detonaut.Report{Verdict: detonaut.Verdict{Word: detonaut.Unwanted, Family: hostile}}}}
	})(t.Context(), store.Job{ID: 7, Kind: store.JobImage, Ref: detonaut.Ref(hostile), Attempt: 2})
	x.Do(func(context.Context, store.Job) store.Outcome {
		return store.Outcome{Failure: &store.Failure{Says: "the sandbox broke"}}
	})(t.Context(), store.Job{Kind: store.JobImage, Ref: "fails"})
	if err := x.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.about["service.name"] != "detonaut" || r.about["service.version"] != "v1.2.3" || r.about["deployment.environment.name"] != "test" {
		t.Errorf("the resource is %v", r.about)
	}
	var names []string
	var job, failed *otlp.Span
	for _, s := range r.spans {
		names = append(names, s.GetName())
		switch a := attributes(s); {
		case s.GetName() == "job" && a["detonaut.image.ref"] == "fails":
			failed = s
		case s.GetName() == "job":
			job = s
		}
		for k, v := range attributes(s) {
			if len(v) > 2000 || strings.Contains(v, "\x1b") {
				t.Errorf("%s of %s is %q", k, s.GetName(), v)
			}
		}
	}
	if want := []string{"pull", "image", "detonate", "keep", "job", "job"}; !slices.Equal(names, want) {
		t.Fatalf("spans %v, want %v", names, want)
	}
	for _, s := range r.spans[:4] {
		if string(s.GetParentSpanId()) != string(job.GetSpanId()) || string(s.GetTraceId()) != string(job.GetTraceId()) {
			t.Errorf("%s is not of the job", s.GetName())
		}
		if s.GetStartTimeUnixNano() < job.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > job.GetEndTimeUnixNano() {
			t.Errorf("%s is not within the job", s.GetName())
		}
	}
	if a := attributes(job); a["detonaut.outcome"] != "unwanted" || !strings.HasPrefix(a["detonaut.image.ref"], `registry.example/\x1b[31mimage�:long`) {
		t.Errorf("the job has %q", a)
	}
	if failed.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR || failed.GetStatus().GetMessage() != "the sandbox broke" {
		t.Errorf("the status of what failed is %v", failed.GetStatus())
	}
}

// Where traces cannot be sent, work goes on.
func TestTracesAreLostQuietly(t *testing.T) {
	r := &receiver{fails: true}
	x := tracing(t, r)
	x.Do(func(context.Context, store.Job) store.Outcome { return store.Outcome{} })(t.Context(), store.Job{})
	if err := x.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTracesAreOff(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		x := open(t, telemetry.Options{Env: func(k string) string { return env[k] }})
		x.Do(func(ctx context.Context, _ store.Job) store.Outcome {
			if telemetry.Traced(ctx) {
				t.Errorf("%v: there is a trace", env)
			}
			return store.Outcome{}
		})(t.Context(), store.Job{})
	}
}
