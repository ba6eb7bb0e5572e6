package pipeline_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/detonate/fake"
	"github.com/detonaut/detonaut/internal/static"
)

// TestFiles tells of what ran, what the run left and what the image has that is worth
// knowing again, each content once, sorted by path.
func TestFiles(t *testing.T) {
	like := func(_ context.Context, f static.File) (detonaut.Likeness, error) {
		return detonaut.Likeness{TLSH: "T1 of " + f.SHA256[:2]}, nil
	}
	reading := aReading()
	worth := func(sum, path string) static.File {
		return static.File{SHA256: sum, Size: 3, Type: "elf", Places: []static.Place{{Path: path, Layer: "sha256:l"}}}
	}
	reading.Worth = []static.File{worth("cc", "/usr/local/bin/own"), worth("bb", "/app")}
	w := &world{
		sandbox: &fake.Sandbox{Events: keeps(), Artifacts: hands("second", "first")}, analyzers: []static.Analyzer{reads{}}, likeness: like,
		read: func(context.Context, func(string)) (static.Reading, error) { return reading, nil },
	}
	r, err := w.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := func(f detonaut.File) detonaut.File {
		f.Likeness.TLSH = "T1 of " + f.SHA256[:2]
		return f
	}
	want := []detonaut.File{
		of(detonaut.File{SHA256: "bb", Size: 2, Path: "/app", Layer: "sha256:l", Use: detonaut.Ran}),
		of(detonaut.File{SHA256: hash("first"), Size: 5, Type: "text", Path: "/tmp/x", Use: detonaut.DroppedRan}),
		of(detonaut.File{SHA256: hash("second"), Size: 6, Type: "text", Path: "/tmp/z", Use: detonaut.Dropped}),
		of(detonaut.File{SHA256: "cc", Size: 3, Type: "elf", Path: "/usr/local/bin/own", Layer: "sha256:l"}),
	}
	if diff := cmp.Diff(want, r.Files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	broken := errors.New("broken")
	w.likeness = func(context.Context, static.File) (detonaut.Likeness, error) { return detonaut.Likeness{}, broken }
	w.sandbox = &fake.Sandbox{Events: keeps(), Artifacts: hands("second", "first")}
	if r, err := w.run(t.Context()); !errors.Is(err, broken) || r == nil || len(r.Files) != 4 {
		t.Errorf("broken: got %v, %+v", err, r)
	}
}
