package static_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

// finds is an analyzer that does as its function does.
type finds struct {
	name    string
	analyze func(context.Context, static.File) ([]detonaut.Finding, error)
}

func (f finds) Name() string         { return f.name }
func (finds) Version() string        { return "2" }
func (finds) Wants(static.File) bool { return true }
func (f finds) Analyze(ctx context.Context, file static.File) ([]detonaut.Finding, error) {
	return f.analyze(ctx, file)
}

// words finds what the words of a file say, each at its offset.
var words = finds{"words", func(_ context.Context, f static.File) (found []detonaut.Finding, err error) {
	text, err := read(f)
	for _, w := range strings.Fields(text) {
		found = append(found, detonaut.Finding{
			ID: "words/" + w, Severity: detonaut.Low,
			Evidence: []detonaut.Evidence{{Summary: w, Offset: int64(strings.Index(text, w))}},
		})
	}
	return found, err
}}

func read(f static.File) (string, error) {
	c, err := f.Open()
	if err != nil {
		return "", err
	}
	defer c.Close()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, f.Size))
	return string(b), err
}

type opened struct{ io.ReaderAt }

func (opened) Close() error { return nil }

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func file(text string, places ...static.Place) static.File {
	return static.File{
		SHA256: hash(text), Size: int64(len(text)), Places: places,
		Open: func() (static.Content, error) { return opened{strings.NewReader(text)}, nil },
	}
}

func list(files ...static.File) iter.Seq2[static.File, error] {
	return func(yield func(static.File, error) bool) {
		for _, f := range files {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// TestWithin tells what may count in a verdict by the content that it was found in, and
// what of the run a content is.
func TestWithin(t *testing.T) {
	grave := finds{"grave", func(_ context.Context, f static.File) ([]detonaut.Finding, error) {
		return []detonaut.Finding{
			{ID: "low", Severity: detonaut.Low}, {ID: "weak", Severity: detonaut.High, Weakness: true}, {ID: "grave", Severity: detonaut.Medium},
		}, nil
	}}
	left := file("left")
	left.Use, left.From = detonaut.Dropped, "sent by POST http://x/"
	got, err := static.Run(t.Context(), list(file("a"), left), []static.Analyzer{grave}, static.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{hash("a"): {"grave"}, hash("left"): {"grave"}}, got.Within); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := got.Findings[0].Evidence; e[0].Use != "" || e[1].Use != detonaut.Dropped || e[1].Summary != "sent by POST http://x/: " {
		t.Errorf("got %+v", e)
	}
}

func TestRun(t *testing.T) {
	payload := file("b a", static.Place{Path: "/tmp/x"})
	payload.Events, payload.Use = []uint64{7, 9}, detonaut.DroppedRan
	got, err := static.Run(t.Context(), list(
		file("a", static.Place{Path: "/a", Layer: "sha256:1"}, static.Place{Path: "/b", Layer: "sha256:2"}), payload, file("a c"),
	), []static.Analyzer{words}, static.Options{})
	if err != nil {
		t.Fatal(err)
	}
	of := func(text, word string, e detonaut.Evidence) detonaut.Evidence {
		e.SHA256, e.Summary = hash(text), word
		return e
	}
	want := static.Result{
		Findings: []detonaut.Finding{
			{ID: "words/a", Severity: detonaut.Low, Count: 3, Evidence: []detonaut.Evidence{
				of("a", "a", detonaut.Evidence{Path: "/a", Layer: "sha256:1"}), of("a", "a", detonaut.Evidence{Path: "/b", Layer: "sha256:2"}),
				of("b a", "a", detonaut.Evidence{Path: "/tmp/x", Events: []uint64{7, 9}, Offset: 2, Use: detonaut.DroppedRan}), of("a c", "a", detonaut.Evidence{}),
			}},
			{ID: "words/b", Severity: detonaut.Low, Count: 1, Evidence: []detonaut.Evidence{
				of("b a", "b", detonaut.Evidence{Path: "/tmp/x", Events: []uint64{7, 9}, Use: detonaut.DroppedRan}),
			}},
			{ID: "words/c", Severity: detonaut.Low, Count: 1, Evidence: []detonaut.Evidence{of("a c", "c", detonaut.Evidence{Offset: 2})}},
		},
		Stages: []detonaut.Stage{{Name: "words", State: detonaut.Complete}},
		Within: map[string][]string{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRunEvidence shows that evidence is bounded, and that all is counted.
func TestRunEvidence(t *testing.T) {
	var files []static.File
	for range 20 {
		files = append(files, file("a"))
	}
	got, err := static.Run(t.Context(), list(files...), []static.Analyzer{words}, static.Options{})
	if err != nil || len(got.Findings) != 1 || got.Findings[0].Count != 20 || len(got.Findings[0].Evidence) != 8 {
		t.Errorf("got %+v, %v, want one finding of 20, with 8 pieces of evidence", got, err)
	}
}

// TestRunBounds shows that what a bound left out is told, and no failure.
func TestRunBounds(t *testing.T) {
	slow := finds{"slow", func(ctx context.Context, f static.File) ([]detonaut.Finding, error) {
		<-ctx.Done()
		_, err := read(f) // fails now, whatever the analyzer thinks of time
		return []detonaut.Finding{{ID: "slow/until-then"}}, errors.Join(errors.New("analysis failed"), err)
	}}
	for _, test := range []struct {
		show     string
		limits   func(*static.Limits)
		analyzer static.Analyzer
		text     string
		reason   string
		found    int
	}{
		{"large", func(l *static.Limits) { l.File = 2 }, words, "a c", "files too large to be read: 1", 1},
		{"much", func(l *static.Limits) { l.Total = 2 }, words, "a c", "files not read, because there was too much: 1", 1},
		{"many findings", func(l *static.Limits) { l.Findings = 1 }, words, "a b c", "findings left out, because there were too many: 2", 1},
		{"slow", func(l *static.Limits) { l.PerFile = time.Millisecond }, slow, "a", "files not read to their end, for lack of time: 2", 1},
		{"late", func(l *static.Limits) { l.All = time.Nanosecond }, words, "a", "files not read, because its time was over: 2", 0},
	} {
		limits := static.DefaultLimits()
		test.limits(&limits)
		got, err := static.Run(t.Context(), list(file("a"), file(test.text)), []static.Analyzer{test.analyzer}, static.Options{Limits: limits})
		want := detonaut.Stage{Name: test.analyzer.Name(), State: detonaut.Partial, Reason: test.reason}
		if err != nil || got.Stages[0] != want || len(got.Findings) != test.found {
			t.Errorf("%s: got %+v, %v, want %+v and %d findings", test.show, got, err, want, test.found)
		}
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancels := finds{"cancels", func(ctx context.Context, f static.File) ([]detonaut.Finding, error) {
		cancel()
		_, err := read(f)
		return nil, err
	}}
	got, err := static.Run(ctx, list(file("a"), file("b")), []static.Analyzer{cancels}, static.Options{Workers: 1})
	want := "files not read to their end, for lack of time: 1; files not read, because it was interrupted: 1"
	if err != nil || got.Stages[0].State != detonaut.Partial || got.Stages[0].Reason != want {
		t.Errorf("got %+v, %v, want %q", got.Stages, err, want)
	}
}

// TestRunFails shows that what fails is told and does not stop the others.
func TestRunFails(t *testing.T) {
	broken := errors.New("broken")
	panics := finds{"panics", func(context.Context, static.File) ([]detonaut.Finding, error) {
		return nil, errors.New(strings.Repeat("x", -len("x")))
	}}
	fails := finds{"fails", func(context.Context, static.File) ([]detonaut.Finding, error) { return nil, broken }}
	got, err := static.Run(t.Context(), list(file("a")), []static.Analyzer{panics, fails, words}, static.Options{})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "analyzer panics: file "+hash("a")+": panic: strings: negative Repeat count") {
		t.Errorf("got %v, want both failures", err)
	}
	want := []detonaut.Stage{
		{Name: "panics", State: detonaut.Failed, Reason: "file " + hash("a") + ": panic: strings: negative Repeat count"},
		{Name: "fails", State: detonaut.Failed, Reason: "file " + hash("a") + ": broken"},
		{Name: "words", State: detonaut.Complete},
	}
	if diff := cmp.Diff(want, got.Stages); diff != "" || len(got.Findings) != 1 {
		t.Errorf("%d findings, want that of the third; stages (-want +got):\n%s", len(got.Findings), diff)
	}
	one := detonaut.Stage{Name: "read", State: detonaut.Failed, Reason: "panics: " + want[0].Reason + "; fails: " + want[1].Reason}
	if s := got.Stage("read"); s != one {
		t.Errorf("all as one: got %+v, want %+v", s, one)
	}
	got, err = static.Run(t.Context(), func(yield func(static.File, error) bool) { yield(static.File{}, broken) },
		[]static.Analyzer{words}, static.Options{})
	if !errors.Is(err, broken) || got.Stages[0].State != detonaut.Failed {
		t.Errorf("files that cannot be listed: got %+v, %v", got, err)
	}
}

// picky wants files of one size, and must not be told where they are.
type picky struct {
	finds
	size int64
}

func (p picky) Wants(f static.File) bool { return f.Size == p.size }

func TestRunWants(t *testing.T) {
	var mu sync.Mutex
	var read []string
	a := picky{finds{"picky", func(_ context.Context, f static.File) ([]detonaut.Finding, error) {
		mu.Lock()
		defer mu.Unlock()
		read = append(read, fmt.Sprint(f.Size, f.Places, f.Events))
		return nil, nil
	}}, 3}
	limits := static.DefaultLimits()
	limits.File = 4
	got, err := static.Run(t.Context(), list(file("ab", static.Place{Path: "/ab"}), file("abc", static.Place{Path: "/abc"}), file("abcde")),
		[]static.Analyzer{a}, static.Options{Limits: limits})
	if diff := cmp.Diff([]string{"3 [] []"}, read); diff != "" || err != nil || got.Stages[0].State != detonaut.Complete {
		t.Errorf("%+v, %v, read (-want +got):\n%s", got.Stages, err, diff)
	}
}

// notes is a memory that can be looked into.
type notes struct {
	sync.Mutex
	kept map[string]map[string][]detonaut.Finding
	err  error
}

func (n *notes) Recall(_ context.Context, analyzer string, contents []string) (map[string][]detonaut.Finding, error) {
	n.Lock()
	defer n.Unlock()
	known := map[string][]detonaut.Finding{}
	for _, c := range contents {
		if found, ok := n.kept[analyzer][c]; ok {
			known[c] = found
		}
	}
	return known, n.err
}

func (n *notes) Keep(_ context.Context, analyzer string, found map[string][]detonaut.Finding) error {
	n.Lock()
	defer n.Unlock()
	if n.kept[analyzer] == nil {
		n.kept[analyzer] = map[string][]detonaut.Finding{}
	}
	maps.Copy(n.kept[analyzer], found)
	return n.err
}

// TestRunRemembers shows that a content is read once, wherever it is, that what could
// not be read is not remembered, and that a broken memory changes nothing.
func TestRunRemembers(t *testing.T) {
	var reads atomic.Int64
	broken := errors.New("broken")
	a := finds{"counts", func(ctx context.Context, f static.File) ([]detonaut.Finding, error) {
		if reads.Add(1); f.Size == 1 {
			return nil, broken
		}
		return words.analyze(ctx, f)
	}}
	run := func(place string, m static.Memory) static.Result {
		t.Helper()
		got, err := static.Run(t.Context(), list(file("ab", static.Place{Path: place}), file(" \n"), file("x")), []static.Analyzer{a}, static.Options{Memory: m})
		if !errors.Is(err, broken) || len(got.Findings) != 1 || got.Findings[0].Evidence[0].Path != place {
			t.Fatalf("got %+v, %v", got, err)
		}
		return got
	}
	memory := &notes{kept: map[string]map[string][]detonaut.Finding{}}
	run("/first", memory)
	run("/second", memory)
	if n := reads.Load(); n != 4 || len(memory.kept["counts@2"]) != 2 {
		t.Errorf("read %d times, remembers %v: want 3 and 1 for what failed, and 2", n, memory.kept)
	}
	memory.err = errors.New("forgotten")
	run("/third", memory)
	if n := reads.Load(); n != 7 {
		t.Errorf("read %d times, want 3 more", n)
	}
}

// TestRunInOrder shows that the result does not depend on who is the fastest.
func TestRunInOrder(t *testing.T) {
	var files []static.File
	for i := range 2000 {
		files = append(files, file(fmt.Sprintf("w%d w%d", i%7, i), static.Place{Path: fmt.Sprint("/", i)}))
	}
	want, err := static.Run(t.Context(), list(files...), []static.Analyzer{words}, static.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := static.Run(t.Context(), list(files...), []static.Analyzer{words}, static.Options{Workers: 16})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, one worker and many (-one +many):\n%s", err, diff)
	}
}

func TestVersions(t *testing.T) {
	got := static.Versions([]static.Analyzer{words, finds{name: "first"}})
	if diff := cmp.Diff([]string{"first@2", "words@2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSpool puts contents in, and reads them again.
func TestSpool(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var s static.Spool
	if got := s.Files(); len(got) != 0 {
		t.Errorf("an empty spool has %v", got)
	}
	texts := []string{"#!/bin/sh\n", "second", "#!/bin/sh\n", strings.Repeat("third", 1000)}
	for _, text := range texts {
		b := []byte(text)
		if err := s.Put(b); err != nil {
			t.Fatal(err)
		}
		clear(b) // it was the spool's only during the call
	}
	files := s.Files()
	if len(files) != 3 {
		t.Errorf("got %d files, want 3: equal ones once", len(files))
	}
	kinds := ""
	for i, f := range files {
		text, err := read(f)
		if err != nil || hash(text) != f.SHA256 || int64(len(text)) != f.Size {
			t.Errorf("file %s of %d bytes: got %.20q, %v", f.SHA256, f.Size, text, err)
		}
		if i > 0 && f.SHA256 < files[i-1].SHA256 {
			t.Error("the files are not sorted")
		}
		kinds += f.Type + " "
	}
	if !strings.Contains(kinds, "script-shell") {
		t.Errorf("got types %s, want a script among them", kinds)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the spool is to be seen: %v, %v", left, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := read(files[0]); err == nil {
		t.Error("a closed spool can be read")
	}
}

func TestSpoolFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/none")
	var s static.Spool
	if err := s.Put([]byte("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want an error", err)
	}
}

func TestFolder(t *testing.T) {
	long := strings.Repeat("long", 1000)
	dir := fstest.MapFS{
		hash("#!/bin/sh"): {Data: []byte("#!/bin/sh")}, hash(long): {Data: []byte(long)},
		"README": {Data: []byte("not a payload")}, hash("dir") + "/x": {Data: []byte("nor this")},
	}
	files, err := static.Folder(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("got %v, %v, want 2 files", files, err)
	}
	for _, f := range files {
		if f.SHA256 == hash(long) && (f.Size != int64(len(long)) || f.Type != "text") || f.SHA256 != hash(long) && f.Type != "script-shell" {
			t.Errorf("got %+v", f)
		}
		if text, err := read(f); err != nil || hash(text) != f.SHA256 {
			t.Errorf("file %s: got %.20q, %v", f.SHA256, text, err)
		}
	}
	dir[hash("honest")] = &fstest.MapFile{Data: []byte("dishonest")}
	if _, err := static.Folder(dir); !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("a file under the name of another: got %v, want ErrCorrupt", err)
	}
	if _, err := static.Folder(os.DirFS(t.TempDir() + "/none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
}

// TestFolderOfFiles reads from a real folder, too.
func TestFolderOfFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/"+hash("x"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := static.Folder(os.DirFS(dir))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v, %v", files, err)
	}
	if text, err := read(files[0]); err != nil || !bytes.Equal([]byte(text), []byte("x")) {
		t.Errorf("got %q, %v", text, err)
	}
}
