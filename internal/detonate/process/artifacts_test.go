//go:build linux

package process_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate/process"
)

// collected is a sink of artifacts.
type collected struct {
	capture int
	record  string
	blobs   []string
	payload string
	err     error
}

func (c *collected) Capture(b []byte) error { c.capture += len(b); return c.err }
func (c *collected) Record(b []byte) error  { c.record += string(b); return c.err }
func (c *collected) Payload(b []byte) error { c.payload += string(b); return c.err }
func (c *collected) Blob(b []byte) error    { c.blobs = append(c.blobs, string(b)); return c.err }

// choosy is a sink that does not want everything.
type choosy struct {
	*collected
	kinds artifact.Kinds
}

func (c choosy) Wants() artifact.Kinds { return c.kinds }

// TestRunHandsOverSome asks for some kinds, and for none.
func TestRunHandsOverSome(t *testing.T) {
	sandbox := newSandbox(t, "well", process.Options{Grace: time.Minute})
	for _, c := range []struct {
		kinds artifact.Kinds
		want  collected
	}{
		{artifact.Payloads, collected{payload: "payload"}},
		{artifact.Records | artifact.Bodies, collected{record: "record", blobs: []string{"body"}}},
		{0, collected{}},
	} {
		got := choosy{&collected{}, c.kinds}
		if _, err := sandbox.Run(t.Context(), newPlan("exits"), discard, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, *got.collected, cmp.AllowUnexported(collected{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.kinds, diff)
		}
	}
	sandbox = newSandbox(t, "hands over everything", process.Options{Grace: soon})
	_, err := sandbox.Run(t.Context(), newPlan("exits"), discard, choosy{&collected{}, artifact.Payloads})
	if !errors.Is(err, artifact.ErrBroken) {
		t.Errorf("what was not asked for: got %v, want %v", err, artifact.ErrBroken)
	}
}

func TestRunHandsOver(t *testing.T) {
	sandbox := newSandbox(t, "well", process.Options{Grace: time.Minute})
	var got collected
	result, err := sandbox.Run(t.Context(), newPlan("exits"), discard, &got)
	if err != nil || result.End.Reason != tape.Exited {
		t.Fatalf("got %q and %v, want %q and no error", result.End.Reason, err, tape.Exited)
	}
	want := collected{capture: 100 * 8 << 10, record: "record", blobs: []string{"body"}, payload: "payload"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(collected{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunOfBadArtifacts(t *testing.T) {
	full := errors.New("the disk is full")
	cases := []struct {
		how   string
		sink  collected
		wants []error
		want  string // part of the error
	}{
		{"hands over nonsense", collected{}, []error{detonaut.ErrSandbox, artifact.ErrBroken}, "handed over nonsense: broken artifacts: unknown frame 'P'"},
		{"hands over without end", collected{}, []error{detonaut.ErrSandbox, artifact.ErrBroken}, "handed over nonsense"},
		{"hands over too little", collected{}, []error{detonaut.ErrSandbox, artifact.ErrTruncated}, "handed over too little"},
		{"keeps artifacts to itself", collected{}, []error{detonaut.ErrSandbox}, "stopped answering"},
		{"stops early", collected{}, []error{detonaut.ErrSandbox, tape.ErrTruncated}, "ended too early"},
		{"unavailable", collected{}, []error{detonaut.ErrSandbox}, "user namespaces are forbidden"},
		{"well", collected{err: full}, []error{full}, "the disk is full"},
	}
	for _, c := range cases {
		t.Run(c.how, func(t *testing.T) {
			sandbox := newSandbox(t, c.how, process.Options{Grace: soon})
			leaks := goleak.IgnoreCurrent()
			_, err := sandbox.Run(t.Context(), newPlan("exits"), discard, &c.sink)
			for _, want := range c.wants {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want an error that is %v", err, want)
				}
			}
			if err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error lacks %q: %v", c.want, err)
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

// TestRunTells looks at what the chamber is given: paths that do not depend on
// where it runs, and a descriptor for artifacts only if they are wanted.
func TestRunTells(t *testing.T) {
	sandbox := newSandbox(t, "tells its plan", process.Options{Grace: time.Minute})
	p := newPlan("exits")
	p.Internet.Replay = "records/x"
	absolute, err := filepath.Abs(p.Internet.Replay)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sink artifact.Sink
		want string
	}{
		{nil, "replay " + absolute + ", a pipe: false"},
		{&collected{}, "replay " + absolute + ", a pipe: true"},
	} {
		_, err := sandbox.Run(t.Context(), p, discard, c.sink)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
}
