package behavior_test

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// programs are paths, and the contents of what they name.
type programs []struct{ path, content string }

func (p programs) Programs() iter.Seq2[string, [32]byte] {
	return func(yield func(string, [32]byte) bool) {
		for _, x := range p {
			if !yield(x.path, sha256.Sum256([]byte(x.content))) {
				return
			}
		}
	}
}

func (p programs) Resolve(path string) string {
	if path == "/bin/sh" {
		return "/usr/bin/dash"
	}
	return path
}

func TestProgramsThatNeverRan(t *testing.T) {
	ran := func(path, content, interpreter string, origin tape.Origin) *tape.Event {
		e := exec(1, 0, path)
		e.Process.SHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
		e.Process.Interpreter, e.Process.Origin = interpreter, origin
		return e
	}
	failed := ran("/z", "z", "", tape.FromImage)
	failed.Errno = "EACCES"
	large := ran("/large", "", "", tape.FromImage)
	large.Process.SHA256 = ""
	r := run(t, whole(tape.End{Reason: tape.Exited},
		ran("/usr/bin/gzip", "gzip", "", tape.FromImage), ran("/start", "#!/bin/sh -e", "/bin/sh -e", tape.FromImage), large,
		ran("/w", "w", "/usr/bin/awk -f", tape.FromWritten), failed))
	image := programs{
		{"/w", "other"},
		{"/z", "z"},
		{"/large", "large"},
		{"/start", "#!/bin/sh -e"},
		{"/usr/bin/awk", "awk"},
		{"/usr/bin/dash", "dash"},
		{"/usr/bin/gunzip", "gzip"},
		{"/usr/bin/gzip", "gzip"},
	}
	want := &detonaut.Unstarted{Programs: 8, Count: 2, Paths: []string{"/w", "/z"}}
	if diff := cmp.Diff(want, r.Unstarted(image)); diff != "" {
		t.Errorf("unstarted (-want +got):\n%s", diff)
	}
	for i := range 90 {
		image = append(image, struct{ path, content string }{fmt.Sprint("/more/", i), fmt.Sprint(i)})
	}
	if u := r.Unstarted(image); u.Programs != 98 || u.Count != 92 || len(u.Paths) != 50 {
		t.Errorf("%d of %d never ran, %d are listed", u.Count, u.Programs, len(u.Paths))
	}
	if u := r.Unstarted(programs{}); u.Programs != 0 || u.Count != 0 || u.Paths != nil {
		t.Errorf("of no program: %+v", u)
	}
}
