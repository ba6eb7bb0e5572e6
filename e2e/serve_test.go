//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/server/hook"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/testenv"
)

// served is a server of its own, with a store that outlives it.
type served struct {
	t   *testing.T
	u   user
	key string
	cmd *exec.Cmd
	url string
}

// serve starts the server again, with variables of the environment.
func (s *served) serve(env ...string) {
	s.t.Helper()
	s.cmd = s.u.command(s.t, "detonaut", "serve", "--listen", "127.0.0.1:0", "--duration", "5s")
	s.cmd.Env = append(append(s.cmd.Env, "XDG_DATA_HOME="+s.u.dir), env...)
	s.cmd.Stderr = s.t.Output()
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	// It says where it is, and how to get in, and nothing more.
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("the server says %q and then: %v", line, err)
	}
	s.url = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "serving "), "/")
}

// end lets the server end by itself.
func (s *served) end() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // the code is that of an interruption, or none
}

// ask asks the API, and wants a status. The answer is read into v.
func (s *served) ask(method, path string, body any, status int, v any) {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		s.t.Fatalf("%s %s: %d, want %d: %s (%v)", method, path, resp.StatusCode, status, answer, err)
	}
	if err := json.Unmarshal(answer, v); err != nil {
		s.t.Fatalf("%s %s: %s: %v", method, path, answer, err)
	}
}

// submit asks for an analysis.
func (s *served) submit(ref string) store.Submission {
	s.t.Helper()
	var sub store.Submission
	s.ask(http.MethodPost, "/scans", map[string]any{"ref": ref}, http.StatusAccepted, &sub)
	return sub
}

// until waits until a submission is so.
func (s *served) until(id string, so func(store.Submission) bool) (sub store.Submission) {
	s.t.Helper()
	for range 1200 {
		s.ask(http.MethodGet, "/scans/"+id, nil, http.StatusOK, &sub)
		if so(sub) {
			return sub
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("it never comes to it: %+v", sub)
	return sub
}

// TestServeKilled: a registry on the server's own machine is not for who submits, unless the
// operator allows it; what is submitted is analysed once, also when the server is killed
// while it is; who has a hook is told of it; and nothing of it is left.
func TestServeKilled(t *testing.T) {
	stage := stageOf(t, func(string) error { return nil })
	left := testenv.NewLeftovers(t, []string{filepath.Join(stage, "detonaut"), filepath.Join(stage, "detonaut-chamber")})
	registry := imagetest.NewRegistry()
	defer registry.Close()
	img, err := imagetest.New(v1.Config{Entrypoint: []string{"/hostile", "deaf", "-"}, Env: []string{"DETONAUT_HOSTILE=1"}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err == nil {
		img, err = imagetest.AddFile(img, "/hostile", testenv.Program(t, "./e2e/hostile"))
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := registry.Push("app:v1", img)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, u: users(t, stage)[0]}
	key := s.u.command(t, "detonaut", "key", "create", "test", "--scopes", "admin", "-q")
	key.Env = append(key.Env, "XDG_DATA_HOME="+s.u.dir)
	secret, err := key.Output()
	if err != nil {
		t.Fatal(err)
	}
	s.key = strings.TrimSpace(string(secret))

	s.serve()
	refused := s.submit(ref)
	refused = s.until(refused.ID, func(sub store.Submission) bool { return sub.State.Ended() })
	if refused.State != store.Failed || refused.Attempts != 1 || !strings.Contains(refused.Failure, "has no address that this server connects to") {
		t.Errorf("got %+v, want it refused", refused)
	}
	if n := registry.Count("."); n > 0 {
		t.Errorf("%d requests arrived that were not allowed", n)
	}
	s.end()

	messages := make(chan hook.Message, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m hook.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		messages <- m
	}))
	defer receiver.Close()
	allowed := []string{"DETONAUT_GUESTS_REGISTRIES=" + registry.Host(), "DETONAUT_GUESTS_RECEIVERS=127.0.0.1"}
	s.serve(allowed...)
	var made store.Hook
	s.ask(http.MethodPost, "/hooks", map[string]any{"url": receiver.URL}, http.StatusCreated, &made)
	sub := s.submit(ref)
	s.until(sub.ID, func(sub store.Submission) bool { return sub.Stage == detonaut.StageDetonate })
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it says that it was killed

	s.serve(allowed...)
	sub = s.until(sub.ID, func(sub store.Submission) bool { return sub.State.Ended() })
	if sub.State != store.Done || sub.Attempts != 2 {
		t.Fatalf("got %+v, want it done by the second attempt", sub)
	}
	var report detonaut.Report
	s.ask(http.MethodGet, "/reports/"+string(sub.Digest), nil, http.StatusOK, &report)
	if report.Run == nil || report.Run.EndReason != "time-limit" || string(report.Image.Ref) != ref {
		t.Errorf("got a report of %s with the run %+v", report.Image.Ref, report.Run)
	}
	var all struct{ Items []store.Summary }
	s.ask(http.MethodGet, fmt.Sprintf("/reports/%s/analyses", sub.Digest), nil, http.StatusOK, &all)
	if len(all.Items) != 1 {
		t.Errorf("there are %d reports, want one", len(all.Items))
	}
	if m := <-messages; m.Report.Digest != sub.Digest || !strings.HasPrefix(m.URL, s.url+"/image/") {
		t.Errorf("the webhook says %+v", m)
	}
	s.end()
	if len(messages) > 0 {
		t.Errorf("the webhook was sent again, when it was answered")
	}
	if runs, err := filepath.Glob(filepath.Join(s.u.dir, "detonaut", "runs", "*")); err != nil || len(runs) > 0 {
		t.Errorf("runs are left: %v (%v)", runs, err)
	}
	left.Check(t)
}
