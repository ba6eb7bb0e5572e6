//go:build linux

package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/detonate/sandboxtest"
)

// parentOf is the variable that makes this test binary a program that runs a
// subject, whose plan is on stdin, in the chamber that it names.
const parentOf = "DETONAUT_TEST_PARENT_OF"

// parent says when the subject runs, and then waits for its end.
func parent(chamber string) int {
	var p plan.Plan
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		return 1
	}
	sandbox, err := process.New(context.Background(), process.Options{Path: chamber})
	if err != nil {
		return 1
	}
	_, err = sandbox.Run(context.Background(), p, tape.SinkFunc(func(ev *tape.Event) error {
		if ev.Kind == tape.ProcessExec {
			fmt.Fprintln(os.Stdout, "it runs")
		}
		return nil
	}), nil)
	if err != nil {
		return 1
	}
	return 0
}

// testKilled kills one of the processes of a run while the subject
// runs. Whichever it is, all the others end.
func testKilled(t *testing.T, chamber string, p plan.Plan) {
	t.Helper()
	cases := []struct {
		name       string
		generation int // of the victim, counted from this process
		wantErrs   []error
		wantReason tape.Reason
	}{
		{"the chamber", 1, []error{detonaut.ErrSandbox, tape.ErrTruncated}, ""},
		{"the process inside", 2, []error{detonaut.ErrSandbox, tape.ErrTruncated}, ""},
		{"the sentry", 3, nil, tape.Broken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			check := sandboxtest.NothingLeft(t)
			sandbox, err := process.New(t.Context(), process.Options{Path: chamber})
			if err != nil {
				t.Fatal(err)
			}
			r, err := sandbox.Run(t.Context(), p, tape.SinkFunc(func(ev *tape.Event) error {
				if ev.Kind != tape.ProcessExec {
					return nil
				}
				return unix.Kill(descendant(t, c.generation), unix.SIGKILL)
			}), nil)
			if (err != nil) != (c.wantErrs != nil) || r.End.Reason != c.wantReason {
				t.Errorf("got reason %q and %v, want %q and an error that is all of %v", r.End.Reason, err, c.wantReason, c.wantErrs)
			}
			for _, want := range c.wantErrs {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want an error that is %v", err, want)
				}
			}
			reap(t)
			check()
		})
	}
}

// testParentKilled kills the process that started the chamber.
func testParentKilled(t *testing.T, chamber string, p plan.Plan) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	check := sandboxtest.NothingLeft(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), parentOf+"="+chamber)
	cmd.Stdin = bytes.NewReader(text)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the subject does not run: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the parent ended by itself")
	}
	reap(t)
	check()
}

// descendant returns the process that is so many generations below this one,
// when each has one child.
func descendant(t *testing.T, generation int) int {
	t.Helper()
	pid := os.Getpid()
	for range generation {
		// Children are listed by the thread that made them.
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		if err != nil {
			t.Fatal(err)
		}
		var children []string
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil { // that thread has ended
				continue
			}
			children = append(children, strings.Fields(string(text))...)
		}
		if len(children) != 1 {
			t.Fatalf("process %d has the children %v, want one", pid, children)
		}
		if pid, err = strconv.Atoi(children[0]); err != nil {
			t.Fatal(err)
		}
	}
	return pid
}

// reap waits until every process that became this one's child has ended. It
// waits for good if one does not.
func reap(t *testing.T) {
	t.Helper()
	for {
		_, err := unix.Wait4(-1, nil, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
}
