package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o telemetry.Options) *telemetry.Telemetry {
	t.Helper()
	o.Version = "v1.2.3"
	x, err := telemetry.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return x
}

// scrape is what Prometheus would read.
func scrape(t *testing.T, x *telemetry.Telemetry) (text string, families map[string]*dto.MetricFamily) {
	t.Helper()
	w := httptest.NewRecorder()
	x.Handler(telemetry.Health{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("metrics: %d: %s", w.Code, w.Body)
	}
	text = w.Body.String()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, families
}

// value is that of one series; of a histogram how many it has counted. Labels are "name=value".
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	f := families[name]
	if f == nil {
		return 0
	}
next:
	for _, m := range f.GetMetric() {
		have := map[string]bool{}
		for _, l := range m.GetLabel() {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		if len(have) != len(labels) {
			t.Fatalf("%s has the labels %v", name, have)
		}
		for _, l := range labels {
			if !have[l] {
				continue next
			}
		}
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			return m.GetCounter().GetValue()
		case dto.MetricType_HISTOGRAM:
			return float64(m.GetHistogram().GetSampleCount())
		default:
			return m.GetGauge().GetValue()
		}
	}
	return 0
}

func wants(t *testing.T, x *telemetry.Telemetry, want map[string]float64) {
	t.Helper()
	_, families := scrape(t, x)
	for series, v := range want {
		parts := strings.Split(series, " ")
		if got := value(t, families, parts[0], parts[1:]...); got != v {
			t.Errorf("%s is %v, want %v", series, got, v)
		}
	}
}

// used makes telemetry in which everything was counted once.
func used(t *testing.T) *telemetry.Telemetry {
	t.Helper()
	x := open(t, telemetry.Options{
		Queue: func(context.Context) (*store.Queue, error) {
			return &store.Queue{Oldest: time.Now().Add(-time.Minute), Jobs: map[store.JobKind]map[store.JobState]int{
				store.JobImage: {store.JobWaiting: 7, store.JobRunning: 2}, "odd": {store.JobWaiting: 9},
			}, Workers: []store.WorkerState{{Name: "a"}, {Name: "b"}}}, nil
		},
		Room: func() telemetry.Room { return telemetry.Room{Slots: 2, Computing: 1, Shed: 3, Memory: 1 << 30} },
	})
	do := x.Do(func(ctx context.Context, j store.Job) store.Outcome {
		stage := telemetry.OnStage(ctx, nil)
		for _, s := range []string{"pull", "inventory", "image/secret", "image/malware", "detonate", "explain", "a stage of somebody's", telemetry.StageKeep} {
			stage(s)
		}
		return outcomes[string(j.Ref)]
	})
	for ref := range outcomes {
		do(t.Context(), store.Job{Kind: store.JobImage, Ref: detonaut.Ref(ref), Attempt: 1, MaxAttempts: 3})
	}
	do(t.Context(), store.Job{Kind: store.JobImage, Ref: "fails", Attempt: 3, MaxAttempts: 3})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	do(ended, store.Job{Kind: store.JobLook, Ref: "malicious"})
	x.Request("GET /api/v1/reports", 200, time.Second)
	x.Request("", 421, time.Second)
	x.Waited("index.docker.io", 3*time.Second)
	ask(t, x, answers{
		"registry-1.docker.io": 429, "registry.example": 200, "another.example:5000": 299, "AUTH.DOCKER.IO": 200, "docker.io.example": 777,
		"production.cloudfront.net": 0,
	})
	return x
}

var outcomes = map[string]store.Outcome{
	"malicious": entry(detonaut.Malicious),
	"clean":     entry(detonaut.Clean),
	"odd":       entry("a word of somebody's"),
	"known":     {Known: &store.Known{}},
	"fails":     {Failure: &store.Failure{Says: "the sandbox broke"}},
	"final":     {Failure: &store.Failure{Says: "its registry has no such image", Final: true}},
	"later":     {Later: time.Second, Why: "the registry is busy"},
	"nothing":   {},
}

func entry(w detonaut.Word) store.Outcome {
	return store.Outcome{Entry: &store.Entry{Report: &detonaut.Report{Verdict: detonaut.Verdict{Word: w}}}}
}

// answers are hosts, and the status that each answers with; 0 is none.
type answers map[string]int

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status := a[r.URL.Host]
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

func ask(t *testing.T, x *telemetry.Telemetry, a answers) {
	t.Helper()
	c := http.Client{Transport: x.Transport(a)}
	for host := range a {
		resp, err := c.Get("https://" + host + "/v2/a/path/of/a/subject")
		if err != nil {
			continue
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
	}
}

func TestCounts(t *testing.T) {
	wants(t, used(t), map[string]float64{
		"detonaut_jobs_total kind=image outcome=malicious":                1,
		"detonaut_jobs_total kind=image outcome=clean":                    1,
		"detonaut_jobs_total kind=image outcome=other":                    1,
		"detonaut_jobs_total kind=image outcome=known":                    1,
		"detonaut_jobs_total kind=image outcome=again":                    1,
		"detonaut_jobs_total kind=image outcome=failed":                   2,
		"detonaut_jobs_total kind=image outcome=put_back":                 1,
		"detonaut_jobs_total kind=image outcome=done":                     1,
		"detonaut_jobs_total kind=look outcome=lost":                      1,
		"detonaut_job_duration_seconds kind=image":                        9,
		"detonaut_jobs_running kind=image":                                0,
		"detonaut_stage_duration_seconds stage=pull":                      10,
		"detonaut_stage_duration_seconds stage=image":                     10, // all of its readers together
		"detonaut_stage_duration_seconds stage=keep":                      10,
		"detonaut_stage_duration_seconds stage=other":                     10,
		"detonaut_stage_running stage=keep":                               0,
		"detonaut_queue_jobs kind=image state=waiting":                    7,
		"detonaut_queue_jobs kind=image state=running":                    2,
		"detonaut_queue_jobs kind=list state=later":                       0,
		"detonaut_queue_up":                                               1,
		"detonaut_queue_workers":                                          2,
		"detonaut_room_compute_slots":                                     2,
		"detonaut_room_shed_total":                                        3,
		"detonaut_registry_requests_total host=docker.io code=429":        1,
		"detonaut_registry_requests_total host=docker.io code=200":        1,
		"detonaut_registry_requests_total host=other code=200":            1,
		"detonaut_registry_requests_total host=other code=2xx":            1,
		"detonaut_registry_requests_total host=other code=other":          1,
		"detonaut_registry_requests_total host=cloudfront.net code=error": 1,
		"detonaut_registry_received_bytes_total host=docker.io":           12,
		"detonaut_registry_wait_seconds_total host=docker.io":             3,
		"detonaut_http_request_duration_seconds route=none":               1,
		"detonaut_http_requests_total route=none code=421":                1,
	})
}

// Reasons have spaces, so that they are not asked for in the table above.
func TestFailures(t *testing.T) {
	_, families := scrape(t, used(t))
	if n := value(t, families, "detonaut_job_failures_total", "kind=image", "reason=the sandbox broke"); n != 2 {
		t.Errorf("the sandbox broke %v times, want 2", n)
	}
	if age := value(t, families, "detonaut_queue_oldest_wait_seconds"); age < 60 {
		t.Errorf("the oldest waits for %v s, want 60 or more", age)
	}
}

func TestNamesFollowConventions(t *testing.T) {
	text, families := scrape(t, used(t))
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{"detonaut_build_info", "go_goroutines", "process_cpu_seconds_total", "detonaut_stage_cpu_seconds_total"} {
		if families[want] == nil {
			t.Errorf("there is no %s", want)
		}
	}
}

// Whatever registries and subjects say, there are not more series.
func TestSeriesAreBounded(t *testing.T) {
	x := open(t, telemetry.Options{})
	a := answers{}
	for i := range 3000 {
		a[fmt.Sprintf("host-%d.example", i)] = i // every status there could be
	}
	ask(t, x, a)
	do := x.Do(func(ctx context.Context, j store.Job) store.Outcome {
		telemetry.Stage(ctx, string(j.Ref))
		return store.Outcome{Failure: &store.Failure{Says: "reason " + string(j.Ref)}}
	})
	for i := range 1000 {
		do(t.Context(), store.Job{Kind: store.JobKind(fmt.Sprint("kind ", i)), Ref: detonaut.Ref(fmt.Sprint(i)), Survey: fmt.Sprint(i)})
	}
	_, families := scrape(t, x)
	for name, f := range families {
		if n := len(f.GetMetric()); strings.HasPrefix(name, "detonaut_") && n > 100 {
			t.Errorf("%s has %d series", name, n)
		}
	}
	if n := value(t, families, "detonaut_job_failures_total", "kind=other", "reason=other"); n < 900 {
		t.Errorf("%v failures are of another reason, want all but the first", n)
	}
}

func TestNilDoesNothing(t *testing.T) {
	var x *telemetry.Telemetry
	called := 0
	o := x.Do(func(ctx context.Context, _ store.Job) store.Outcome {
		telemetry.OnStage(ctx, func(string) { called++ })("pull")
		return store.Outcome{Later: 1}
	})(t.Context(), store.Job{})
	if o.Later != 1 || called != 1 {
		t.Errorf("outcome %v, %d stages told", o, called)
	}
	if rt := http.RoundTripper(answers{}); fmt.Sprintf("%T", x.Transport(rt)) != fmt.Sprintf("%T", rt) {
		t.Error("a transport is wrapped")
	}
	x.Request("route", 200, 1)
	x.Waited("host", 1)
	if err := x.Close(t.Context()); err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	x.Handler(telemetry.Health{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("there are metrics: %d", w.Code)
	}
}

// The store is asked once for several scrapes, and what it does not tell is not made up.
func TestQueueIsAskedSeldom(t *testing.T) {
	var asked atomic.Int32
	x := open(t, telemetry.Options{Queue: func(context.Context) (*store.Queue, error) {
		asked.Add(1)
		return nil, errors.New("the database is away")
	}})
	began := time.Now()
	for range 3 {
		_, families := scrape(t, x)
		if families["detonaut_queue_jobs"] != nil || value(t, families, "detonaut_queue_up") != 0 {
			t.Error("there is a queue without a store")
		}
	}
	if n := asked.Load(); n > 1+int32(time.Since(began)/(5*time.Second)) {
		t.Errorf("the store was asked %d times", n)
	}
}

func TestHealth(t *testing.T) {
	draining := make(chan struct{})
	var broken error
	h := telemetry.Health{Draining: draining, Ready: []telemetry.Check{
		{Name: "database", Ask: func(context.Context) error { return nil }},
		{Name: "blobs", Ask: func(context.Context) error { return broken }},
	}}
	x := open(t, telemetry.Options{})
	at, done, err := x.Listen(t.Context(), "127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	wants := func(path string, status int, text string) {
		t.Helper()
		resp, err := http.Get("http://" + at + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || !strings.HasPrefix(string(b), text) {
			t.Errorf("%s: %d %q, want %d %q", path, resp.StatusCode, b, status, text)
		}
	}
	wants("/readyz", 200, "ready\n")
	wants("/metrics", 200, "# HELP")
	wants("/", 404, "")
	broken = errors.New("a host of the operator's does not answer")
	wants("/readyz", 503, "not ready: blobs\n")
	wants("/healthz", 200, "ok\n")
	broken = nil
	close(draining)
	wants("/readyz", 503, "draining\n")
	wants("/healthz", 200, "ok\n")
	http.DefaultClient.CloseIdleConnections()
	if err := done(); err != nil {
		t.Error(err)
	}
	if _, _, err := x.Listen(t.Context(), "no address", h); err == nil {
		t.Error("it listens at no address")
	}
}

// BenchmarkDo is a job with all its stages, watched: without traces, and not at all.
func BenchmarkDo(b *testing.B) {
	job := func(ctx context.Context, _ store.Job) store.Outcome {
		tell := telemetry.OnStage(ctx, nil)
		for _, s := range []string{"pull", "inventory", "vulnerabilities", "image/secret", "detonate", "read", "explain", "keep"} {
			tell(s)
		}
		return outcomes["clean"]
	}
	for name, watched := range map[string]bool{"watched": true, "unwatched": false} {
		b.Run(name, func(b *testing.B) {
			var x *telemetry.Telemetry
			if watched {
				var err error
				if x, err = telemetry.New(b.Context(), telemetry.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			do := x.Do(job)
			b.ReportAllocs()
			for b.Loop() {
				do(b.Context(), store.Job{Kind: store.JobImage})
			}
		})
	}
}
