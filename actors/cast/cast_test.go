package cast_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/actors/cast"
)

// Every folder of a program is in the list, and the list is sorted, each name once.
func TestAll(t *testing.T) {
	var names, programs []string
	for _, a := range cast.All() {
		names = append(names, a.Name)
		program := a.Program
		if program == "" {
			program = a.Name
		}
		programs = append(programs, program)
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted, or two have one name: %v", names)
	}
	mains, err := filepath.Glob("../*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, main := range mains {
		text, err := os.ReadFile(main)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "stage.Play(") {
			folders = append(folders, filepath.Base(filepath.Dir(main)))
		}
	}
	slices.Sort(programs)
	if diff := cmp.Diff(folders, slices.Compact(programs)); diff != "" {
		t.Errorf("programs of the list (+) and folders (-):\n%s", diff)
	}
}

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	one := slices.DeleteFunc(cast.All(), func(a cast.Actor) bool { return !a.Shell })
	if err := cast.Build(t.Context(), "../..", dir, one); err != nil {
		t.Fatal(err)
	}
	for _, a := range one {
		if _, err := os.Stat(filepath.Join(dir, a.Name, "index.json")); err != nil {
			t.Error(err)
		}
	}
}
