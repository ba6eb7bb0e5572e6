package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/telemetry"
)

// reader is tools/deploy, built once: it reads what is here as those programs do that take it.
var reader string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "detonaut-deploy-")
	if err == nil {
		reader = filepath.Join(dir, "deploy")
		build := exec.Command("go", "build", "-o", reader, ".")
		build.Dir = "../tools/deploy"
		build.Stderr = os.Stderr
		err = build.Run()
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "build tools/deploy:", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// try reads something; what it says is an error's text.
func try(into any, args ...string) error {
	var said strings.Builder
	cmd := exec.Command(reader, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return json.Unmarshal(out, into)
}

func read(t *testing.T, into any, args ...string) {
	t.Helper()
	if err := try(into, args...); err != nil {
		t.Fatal(err)
	}
}

// at follows keys and numbers into what was read; nil if there is nothing.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func list(v any) []any { l, _ := v.([]any); return l }

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}

// known are the series that there are, by name, with their labels, and those of whoever scrapes.
func known(t *testing.T) map[string][]string {
	t.Helper()
	x, err := telemetry.New(t.Context(), telemetry.Options{
		Version: "v1",
		Queue:   func(context.Context) (*store.Queue, error) { return &store.Queue{}, nil },
		Room:    func() telemetry.Room { return telemetry.Room{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	x.Do(func(ctx context.Context, _ store.Job) store.Outcome {
		telemetry.Stage(ctx, "pull")
		return store.Outcome{Failure: &store.Failure{Says: "the sandbox broke"}}
	})(t.Context(), store.Job{Kind: store.JobImage})
	x.Request("GET /", 200, 1)
	x.Waited("docker.io", time.Second)
	c := http.Client{Transport: x.Transport(silent{})}
	for _, host := range []string{"docker.io", "away.example"} {
		if resp, err := c.Get("https://" + host); err == nil {
			resp.Body.Close()
		}
	}
	w := httptest.NewRecorder()
	x.Handler(telemetry.Health{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for name, f := range families {
		labels := []string{"instance", "job", "le"}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		all[name] = labels
		if f.GetType() == dto.MetricType_HISTOGRAM {
			all[name+"_bucket"], all[name+"_sum"], all[name+"_count"] = labels, labels, labels
		}
	}
	return all
}

// silent is a registry that says nothing.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "away.example" {
		return nil, errors.New("away")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// hold wants what is asked for to be told by Detonaut.
func hold(t *testing.T, asked map[string][]string) {
	t.Helper()
	told := known(t)
	if len(asked) < 5 {
		t.Errorf("only %d series are asked for: is that all of them?", len(asked))
	}
	for name, labels := range asked {
		have, ok := told[name]
		if !ok {
			t.Errorf("there are no series %s", name)
			continue
		}
		for _, l := range labels {
			if !slices.Contains(have, l) {
				t.Errorf("%s has no label %s", name, l)
			}
		}
	}
}

// What the dashboard asks for is told.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("grafana/detonaut.json")
	if err != nil {
		t.Fatal(err)
	}
	var d any
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	var exprs []string
	ids := map[any]bool{}
	for _, p := range list(at(d, "panels")) {
		if id := at(p, "id"); ids[id] {
			t.Errorf("two panels are %v", id)
		} else {
			ids[id] = true
		}
		targets := list(at(p, "targets"))
		if at(p, "type") != "row" && len(targets) == 0 {
			t.Errorf("%v shows nothing", at(p, "title"))
		}
		for _, q := range targets {
			expr, _ := at(q, "expr").(string)
			// What Grafana puts in.
			expr = strings.NewReplacer("$__rate_interval", "5m", "$job", ".*").Replace(expr)
			exprs = append(exprs, expr)
		}
	}
	file := filepath.Join(t.TempDir(), "queries.json")
	b, _ = json.Marshal(exprs)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var asked map[string][]string
	read(t, &asked, "queries", file)
	hold(t, asked)
	// And what Detonaut tells of itself is shown, most of it.
	shown := 0
	told := known(t)
	for name := range told {
		if _, ok := asked[name]; ok && strings.HasPrefix(name, "detonaut_") {
			shown++
		}
	}
	if shown < 20 {
		t.Errorf("%d of our series are shown", shown)
	}
}

// Alerts are of what is told, and say what is the matter.
func TestRules(t *testing.T) {
	var r struct {
		Series map[string][]string
		Alerts []struct {
			Alert       string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
	read(t, &r, "rules", "prometheus/rules.yaml")
	hold(t, r.Series)
	for _, a := range r.Alerts {
		if a.Annotations["summary"] == "" || a.Labels["severity"] == "" {
			t.Errorf("%s says neither what is the matter nor how bad that is", a.Alert)
		}
	}
	doc, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Alerts {
		if !strings.Contains(string(doc), "`"+a.Alert+"`") {
			t.Errorf("docs/operating.md does not say what to do about %s", a.Alert)
		}
	}
	// The chart has a copy, as Helm reads nothing outside of it.
	one, err := os.ReadFile("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile("helm/detonaut/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(two) {
		t.Error("deploy/helm/detonaut/rules.yaml is not a copy of deploy/prometheus/rules.yaml")
	}
}

func TestRulesRefusesNonsense(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte("groups: [{name: a, rules: [{alert: A, expr: 'sum by ('}]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	var r any
	if err := try(&r, "rules", file); err == nil {
		t.Error("a query that is none is taken")
	}
}
