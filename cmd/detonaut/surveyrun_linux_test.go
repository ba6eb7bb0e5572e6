package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
	"github.com/detonaut/detonaut/internal/testenv"
)

// surveyor runs commands in a home of its own, with the binaries as users have them.
type surveyor struct {
	t        *testing.T
	bin, dir string
	registry *imagetest.Registry
}

func (s *surveyor) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, "detonaut"), args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "DETONAUT_CHAMBER=" + filepath.Join(s.bin, "detonaut-chamber"),
		"DETONAUT_WORKER_LEASE=2s", "DETONAUT_WORKER_GRACE=1s", "DETONAUT_POLITENESS_DEFAULT=1000/1000",
	}
	cmd.Stderr = s.t.Output()
	return cmd
}

// run runs a command to its end, and returns what it prints.
func (s *surveyor) run(args ...string) []byte {
	s.t.Helper()
	out, err := s.command(args...).Output()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return out
}

// stopped runs the survey until so many images are done, and then sends a signal. It returns how it
// ended, and what it said.
func (s *surveyor) stopped(done int, signal os.Signal) (said string, err error) {
	s.t.Helper()
	cmd, stderr := s.command("survey", "run", "ours", "--concurrency", "2"), new(bytes.Buffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for s.show().Items[store.ItemDone] < done {
		select {
		case err := <-ended:
			s.t.Fatalf("the survey ended before it was stopped: %v: %s", err, stderr)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	err = <-ended
	return stderr.String(), err
}

// show is how far the survey is.
func (s *surveyor) show() (shown shownSurvey) {
	s.t.Helper()
	if err := json.Unmarshal(s.run("survey", "show", "ours", "-o", "json"), &shown); err != nil {
		s.t.Fatal(err)
	}
	return shown
}

// begin begins the survey.
func (s *surveyor) begin() {
	s.t.Helper()
	s.run("survey", "new", "ours", "--source", "registry:"+s.registry.Host(), "--tags", "all", "--duration", "5s")
}

// study is what came of it, without what is of its time.
func (s *surveyor) study() (r study.Report) {
	s.t.Helper()
	if err := json.Unmarshal(s.run("survey", "report", "ours", "-o", "json"), &r); err != nil {
		s.t.Fatal(err)
	}
	r.Created, r.Ended, r.Now = time.Time{}, time.Time{}, time.Time{}
	return r
}

// street fills a registry: eight repositories with an image each, two of which have the same, one
// with two tags of another, one for another processor, and one of which the registry says nonsense.
// It returns the layer that only the last image has.
func street(t *testing.T, r *imagetest.Registry) string {
	t.Helper()
	hello := testenv.Program(t, "./actors/hello")
	push := func(name, head, text string) string {
		img, err := imagetest.FromTxtar(head + "ENV DETONAUT_ACTOR=1\nCMD [\"/bin/hello\"]\n-- /bin/ --\n-- /.detonaut-actor --\n-- /etc/name --\n" + text)
		if err == nil {
			img, err = imagetest.AddFile(img, "/bin/hello", hello)
		}
		if err == nil {
			_, err = r.Push(name, img)
		}
		if err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		d, err := layers[0].Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	for i := range 6 {
		push(fmt.Sprintf("team/app%d:1", i), "", fmt.Sprintf("app %d\n", i))
	}
	push("other/copy:latest", "", "app 0\n")
	push("team/app5:2", "", "app 5, version 2\n")
	push("team/arm:1", "PLATFORM linux/s390x\n", "arm\n")
	if _, err := r.PutManifest("team/odd:1", "application/vnd.oci.image.manifest.v1+json", []byte(`{"schemaVersion": 2, "layers": 7}`)); err != nil {
		t.Fatal(err)
	}
	return push("team/last:1", "", "the last\n")
}

// TestSurveyRun: a survey of a registry runs to its end on one machine, and one that is killed in
// the middle comes to the same numbers when it is run again.
func TestSurveyRun(t *testing.T) {
	bin := testenv.Binaries(t)
	registry := imagetest.NewRegistry()
	defer registry.Close()
	held := street(t, registry)

	straight := &surveyor{t, bin, t.TempDir(), registry}
	straight.begin()
	straight.run("survey", "run", "ours", "--concurrency", "2")
	s := straight.show()
	if s.State != store.SurveyDone || len(s.Lacks) > 0 {
		t.Errorf("the survey is %s, and lacks %v", s.State, s.Lacks)
	}
	if diff := cmp.Diff(map[store.CandidateState]int{store.CandidateLooked: 10}, s.Repositories); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[store.ItemState]int{store.ItemDone: 9, store.ItemSkipped: 2}, s.Items); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[store.Reason]int{store.ReasonPlatform: 1, store.ReasonBroken: 1}, s.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if out := straight.run("survey", "items", "ours", "--state", "done"); bytes.Count(out, []byte("\n")) != 9 || !strings.Contains(string(out), "team/app5:2  linux/") {
		t.Errorf("got %s", out)
	}

	// Another survey of the same images runs nothing, and pulls nothing.
	pulled := registry.Count("/blobs/" + held)
	straight.run("survey", "new", "again", "--source", "registry:"+registry.Host(), "--tags", "all", "--duration", "5s")
	straight.run("survey", "run", "again")
	seen := 0
	for line := range bytes.Lines(straight.run("survey", "items", "again", "-o", "jsonl")) {
		var i store.Item
		if err := json.Unmarshal(line, &i); err != nil {
			t.Fatal(err)
		}
		if i.State == store.ItemDone && i.Seen {
			seen++
		}
	}
	if seen != 9 || registry.Count("/blobs/"+held) != pulled {
		t.Errorf("%d images were seen before, and the last was pulled %d times, not %d", seen, registry.Count("/blobs/"+held), pulled)
	}

	killed := &surveyor{t, bin, t.TempDir(), registry}
	killed.begin()
	release := sync.OnceFunc(hold(registry, held))
	defer release()
	// Interrupted, it puts back what it had when the grace is over, and says how it goes on.
	if said, err := killed.stopped(1, os.Interrupt); err == nil || !strings.Contains(said, "survey ours is not done: detonaut survey run ours goes on with it") {
		t.Errorf("interrupted: %v: %s", err, said)
	}
	var queue store.Queue
	if err := json.Unmarshal(killed.run("queue", "-o", "json"), &queue); err != nil || queue.Jobs[store.JobImage][store.JobRunning] > 0 {
		t.Errorf("after it was interrupted: %+v, %v", queue, err)
	}
	_, _ = killed.stopped(2, os.Kill)
	if s := killed.show(); s.State == store.SurveyDone {
		t.Error("nothing was left to do when it was killed")
	}
	release()
	killed.run("survey", "run", "ours", "--concurrency", "2")
	again := killed.show()
	s.Created, s.Ended, again.Created, again.Ended = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Errorf("the survey (-straight +killed):\n%s", diff)
	}
	if diff := cmp.Diff(counted(straight.study()), counted(killed.study())); diff != "" {
		t.Errorf("the study (-straight +killed):\n%s", diff)
	}
}

// counted is a study without the tables of what a run took, which differs from one to the next.
func counted(r study.Report) study.Report {
	var tables []study.Table
	for _, t := range r.Tables {
		if !strings.Contains(t.ID, "use") && !strings.Contains(t.ID, "time") && !strings.Contains(t.ID, "ran") {
			tables = append(tables, t)
		}
	}
	r.Tables, r.Uses = tables, nil
	return r
}

// hold has a registry not send a layer until the function that it returns is called.
func hold(r *imagetest.Registry, layer string) (release func()) {
	released := make(chan struct{})
	r.Inject("/blobs/"+layer, -1, func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{}) {
		select {
		case <-released:
			next.ServeHTTP(w, req)
			return
		case <-req.Context().Done():
		case <-closed:
		}
		panic(http.ErrAbortHandler)
	})
	return func() { close(released) }
}
