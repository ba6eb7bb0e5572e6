//go:build linux

package main

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/testenv"
)

// Some seconds of the real thing: see "make soak" for all of it.
func TestSoak(t *testing.T) {
	failure := filepath.Join(t.TempDir(), "failure.json")
	var out, progress strings.Builder
	t.Setenv("TMPDIR", t.TempDir())
	s, err := newSoak(t.Context(), options{
		time: 15 * time.Second, seed: 1, root: testenv.Root(t), chamber: filepath.Join(testenv.Binaries(t), "detonaut-chamber"),
		failure: failure, out: &out, progress: &progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.run(t.Context()); err != nil {
		text, _ := os.ReadFile(failure)
		t.Fatalf("%v\n%s%s%s", err, progress.String(), out.String(), text)
	}
	if s.runs == 0 || s.events == 0 || s.reasons[tape.Exited] == 0 || len(s.meter.seen) == 0 {
		t.Errorf("it saw too little:\n%s", out.String())
	}
	t.Logf("\n%s", out.String())
}

// What cannot be prepared leaves nothing.
func TestNoCheckout(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	if _, err := newSoak(t.Context(), options{root: "/nowhere"}); err == nil {
		t.Error("there is a soak without a checkout")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// The same seed makes the same runs.
func TestBatchIsRepeatable(t *testing.T) {
	subjects := fakeSubjects()
	draw := func(seed uint64) (all [][]trial) {
		random := rand.New(rand.NewPCG(seed, 0))
		for range 20 {
			trials, _ := batch(random, subjects)
			all = append(all, trials)
		}
		return all
	}
	if diff := cmp.Diff(draw(7), draw(7)); diff != "" {
		t.Errorf("the same seed makes other runs:\n%s", diff)
	}
	if cmp.Equal(draw(7), draw(8)) {
		t.Error("another seed makes the same runs")
	}
}

// Whatever is wrong with a run ends the soak, and is written down so that it can
// be done again.
func TestFailures(t *testing.T) {
	whole := []*tape.Event{{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{}}, {Seq: 2, Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited, Events: 2}}}
	end := func(e tape.End) []*tape.Event { return []*tape.Event{whole[0], {Seq: 2, Kind: tape.RunEnd, End: &e}} }
	for _, tt := range []struct {
		name string
		fake fake
		want string
	}{
		{"nothing", fake{events: whole}, ""},
		{"an error", fake{err: os.ErrPermission}, "permission denied"},
		{"a gap", fake{events: []*tape.Event{whole[0], {Seq: 3, Kind: tape.RunEnd, End: whole[1].End}}}, "event 2 has the number 3"},
		{"time that goes back", fake{events: []*tape.Event{{Seq: 1, Time: 5, Kind: tape.RunStart}, whole[1]}}, "the one before of 5"},
		{"no start", fake{events: []*tape.Event{{Seq: 1, Kind: tape.RunEnd, End: &tape.End{}}}}, "event 1 is run.end"},
		{"more than the end", fake{events: append(slices.Clone(whole), &tape.Event{Seq: 3, Kind: tape.FileOpen})}, "after the end"},
		{"no end", fake{events: whole[:1]}, "no end"},
		{"events that are lost", fake{events: end(tape.End{Reason: tape.Exited, Events: 2, Dropped: 9})}, "9 events were lost"},
		{"events that are not counted", fake{events: end(tape.End{Reason: tape.Exited, Events: 3})}, "says 3"},
		{"a sandbox that failed", fake{events: end(tape.End{Reason: tape.Broken, Events: 2, Detail: "it is ill"})}, "it is ill"},
		{"a file", fake{events: whole, leave: "forgotten"}, "left behind: file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tmp, file := t.TempDir(), filepath.Join(t.TempDir(), "failure.json")
			s := &soak{
				options: options{seed: 3, time: time.Hour, failure: file, out: &strings.Builder{}, progress: &strings.Builder{}},
				sandbox: &tt.fake, subjects: fakeSubjects(), reasons: map[tape.Reason]int{}, start: time.Now(),
				left: testenv.NewLeftovers(t, nil, tmp),
			}
			if tt.fake.leave != "" {
				tt.fake.leave = filepath.Join(tmp, tt.fake.leave)
			}
			err := s.round(t.Context(), rand.New(rand.NewPCG(3, 0)))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got the error %v, want %q in it", err, tt.want)
			}
			if tt.want == "" {
				return
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var f failure
			if err := json.Unmarshal(text, &f); err != nil || f.Seed != 3 || len(f.Batches) == 0 || !strings.Contains(f.Error, tt.want) {
				t.Errorf("the file has seed %d, %d batches, and %q (%v)", f.Seed, len(f.Batches), f.Error, err)
			}
			if err := s.replay(t.Context(), file); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("done again it says %v, want %q", err, tt.want)
			}
		})
	}
}

// What grows is found, and what others use is not held against the soak.
func TestMeter(t *testing.T) {
	var m meter
	for range warm + 2 {
		if err := m.sample(time.Duration(len(m.seen)) * time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range figures {
		if f.read() <= 0 {
			t.Errorf("%s cannot be read", f.name)
		}
		grown := meter{at: slices.Clone(m.at), seen: slices.Clone(m.seen)}
		for j := range grown.seen {
			grown.seen[j] = slices.Clone(grown.seen[j])
			grown.seen[j][i] = -1000 + 10*float64(j)
		}
		if err := grown.sample(time.Hour); (err != nil) == f.shared {
			t.Errorf("%s grows: got %v", f.name, err)
		}
		grown.at, grown.seen = grown.at[:warm+2], grown.seen[:warm+2]
		if got := grown.slope(i); got < 9.99 || got > 10.01 {
			t.Errorf("%s grows by 10 an hour, and %g is told", f.name, got)
		}
	}
}

// fake is a sandbox that plays a tape.
type fake struct {
	events []*tape.Event
	err    error
	leave  string // a file
}

func (f *fake) Run(_ context.Context, _ plan.Plan, sink tape.Sink, _ artifact.Sink) (detonate.Result, error) {
	if f.leave != "" {
		if err := os.WriteFile(f.leave, nil, 0o600); err != nil {
			return detonate.Result{}, err
		}
	}
	var r detonate.Result
	for _, e := range f.events {
		if err := sink.Record(e); err != nil {
			return r, err
		}
		if e.End != nil {
			r.End = *e.End
		}
	}
	return r, f.err
}

// fakeSubjects are two images that hold nothing but the head of a program.
func fakeSubjects() []*subject {
	program := make([]byte, 64)
	copy(program, elf.ELFMAG)
	program[elf.EI_CLASS], program[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	binary.LittleEndian.PutUint16(program[18:], uint16(elf.EM_X86_64))
	binary.LittleEndian.PutUint16(program[54:], 56) // bytes of a program header, of which there are none
	img := &image.Image{Image: detonaut.Image{Platform: "linux/amd64", Config: detonaut.Config{Entrypoint: []string{"/app"}}}}
	fsys := fstest.MapFS{"app": {Mode: 0o755, Data: program}}
	return []*subject{
		{"simple", img, fsys, [][]string{nil}},
		{"many", img, fsys, [][]string{nil, {"/app", "other"}}},
	}
}
