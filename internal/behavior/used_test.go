package behavior_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// TestUsed tells of what came from the image alone, each once.
func TestUsed(t *testing.T) {
	a := behavior.NewAnalysis()
	exec := func(seq uint64, path, interpreter string, o tape.Origin, errno string) *tape.Event {
		return &tape.Event{Seq: seq, Kind: tape.ProcessExec, PID: 1, TID: 1, Errno: errno, Process: &tape.Process{
			Executable: path, Args: []string{path}, Interpreter: interpreter, Origin: o,
		}}
	}
	load := func(seq uint64, path string) *tape.Event {
		return &tape.Event{Seq: seq, Kind: tape.FileLoad, PID: 1, TID: 1, File: &tape.File{Path: path}}
	}
	for _, e := range []*tape.Event{
		exec(2, "/app", "", tape.FromImage, ""), exec(3, "/none", "", tape.FromImage, "ENOENT"), exec(4, "/tmp/x", "", tape.FromWritten, ""),
		load(5, "/lib/libc.so.6"), exec(6, "/app", "", tape.FromImage, ""), load(7, "/lib/libc.so.6"),
		exec(8, "/tmp/y", "/bin/sh -e", tape.FromWritten, ""), load(9, ""),
	} {
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	want := []behavior.Use{{"executed", "/app", 2}, {"loaded", "/lib/libc.so.6", 5}, {"executed", "/bin/sh", 8}}
	if diff := cmp.Diff(want, a.Result().Used); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
