package fake_test

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/detonate/fake"
	"github.com/detonaut/detonaut/internal/detonate/sandboxtest"
)

func newPlan() plan.Plan {
	return plan.Plan{
		Image: "/image.erofs", Profile: plan.Default, Args: []string{"/bin/true"}, Dir: "/", Hostname: "box",
		Network: plan.None, Detail: plan.Normal, Limits: plan.DefaultLimits(),
	}
}

// events returns a tape that ends with reason; one that never ends if that is
// empty.
func events(reason tape.Reason) []*tape.Event {
	list := []*tape.Event{
		{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Chamber: "fake", Wall: 1}},
		{Seq: 2, Time: 10, Kind: tape.ProcessExec, PID: 1, TID: 1, Process: &tape.Process{Executable: "/bin/true"}},
	}
	if reason != "" {
		list = append(list, &tape.Event{Seq: 3, Time: 20, Kind: tape.RunEnd, End: &tape.End{Reason: reason, Events: 3}})
	}
	return list
}

var reasons = map[sandboxtest.Subject]tape.Reason{
	sandboxtest.Exits:   tape.Exited,
	sandboxtest.Missing: tape.NotStarted,
	sandboxtest.Endless: "",
}

func TestSandboxOfEvents(t *testing.T) {
	sandboxtest.Test(t, func(t *testing.T, s sandboxtest.Subject) (detonate.Sandbox, plan.Plan) {
		t.Helper()
		reason, ok := reasons[s]
		if !ok {
			t.Fatalf("the suite has a new subject %q", s)
		}
		return &fake.Sandbox{Events: events(reason)}, newPlan()
	})
}

func TestSandboxOfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	w, err := detonate.CreateTape(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events(tape.Signalled) {
		if err := w.Record(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []*tape.Event
	sandbox := &fake.Sandbox{Path: path}
	result, err := sandbox.Run(t.Context(), newPlan(), tape.SinkFunc(func(ev *tape.Event) error {
		got = append(got, ev)
		return nil
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := events(tape.Signalled)
	want[0].Start.Plan = newPlan()
	want[0].Start.Plan.Image = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replayed tape (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(*want[2].End, result.End); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestSandboxErrors(t *testing.T) {
	broken := errors.New("no user namespaces")
	for _, c := range []struct {
		name    string
		sandbox fake.Sandbox
		want    error
	}{
		{"its own", fake.Sandbox{Err: broken}, broken},
		{"no file", fake.Sandbox{Path: filepath.Join(t.TempDir(), "none")}, detonaut.ErrNotFound},
		{"no events", fake.Sandbox{}, fake.ErrEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.sandbox.Run(t.Context(), newPlan(), tape.NewEncoder(io.Discard), nil)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
