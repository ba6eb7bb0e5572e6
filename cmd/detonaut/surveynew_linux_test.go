package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/testenv"
)

// refused runs a command that is to fail, and returns what it says.
func (s *surveyor) refused(args ...string) string {
	s.t.Helper()
	cmd, said := s.command(args...), new(bytes.Buffer)
	cmd.Stderr = said
	if err := cmd.Run(); err == nil {
		s.t.Errorf("%v: there is no error", args)
	}
	return said.String()
}

// TestSurveyNewKilled: who is killed while a list is read gives the same command again, and no other.
func TestSurveyNewKilled(t *testing.T) {
	s := &surveyor{t: t, bin: testenv.Binaries(t), dir: t.TempDir()}
	var lines []string
	for i := range 1500 {
		lines = append(lines, fmt.Sprintf("127.0.0.1:1/r%d\n", i))
	}
	list := filepath.Join(s.dir, "list")
	if err := os.WriteFile(list, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := []string{"survey", "new", "ours", "--source", "-", "--source", "file:" + list, "--sample", "random", "--size", "100", "--tags", "all"}

	cmd := s.command(begin...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, strings.Join(lines[:1200], ""), "no ref\n") // a page and a bit
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for listed := false; !listed; {
		out, err := s.command("survey", "show", "ours").Output() // which fails before there is one
		listed = err == nil && bytes.Contains(out, []byte(" listed\n"))
		select {
		case err := <-ended:
			t.Fatalf("it has ended before it was killed: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Fatal("it has ended before it was killed")
	}
	is := s.show()
	if is.State != store.SurveyListing || is.Reading != "-" {
		t.Errorf("the survey is %s, and reads %q", is.State, is.Reading)
	}
	if said := string(s.run("survey", "show", "ours")); !strings.Contains(said, "the same detonaut survey new goes on") {
		t.Errorf("got %s", said)
	}
	if said := s.refused("survey", "run", "ours"); !strings.Contains(said, "detonaut survey new reads -; if that was interrupted, the same command goes on") {
		t.Errorf("got %s", said)
	}
	for _, tc := range []struct{ change, says string }{
		{"--tags=3", `but --tags was "all", and is "the newest 3"`},
		{"--size=99", "but --sample was"},
		{"--seed=1", "but --sample was"},
		{"--watch", "but --watch was"},
		{"--all-platforms", "but --platforms was"},
		{"--duration=7s", "but --duration was"},
		{"--source=registry:127.0.0.1:1", "but --source was"},
	} {
		if said := s.refused(append(begin, tc.change)...); !strings.Contains(said, tc.says) {
			t.Errorf("%s: got %s", tc.change, said)
		}
	}

	cmd = s.command(begin...)
	said := new(bytes.Buffer)
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(lines, "")), said
	if err := cmd.Run(); err != nil || !strings.Contains(said.String(), "survey ours goes on: 100 repositories, random, seed ") {
		t.Fatalf("%v: %s", err, said)
	}
	want := map[store.CandidateState]int{store.CandidateChosen: 100, store.CandidateLeftOut: 1400}
	if diff := cmp.Diff(want, s.show().Repositories); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	if now := s.show(); now.State != store.SurveyRunning || now.Reading != "" || now.Choice.Seed != is.Choice.Seed {
		t.Errorf("got %+v", now)
	}
	if said := s.refused(begin...); !strings.Contains(said, `there is a survey "ours" already`) {
		t.Errorf("got %s", said)
	}
}
