package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// What an actor says that must be kept is in its report, with the events of it,
// and in the artifacts.
func TestPayloadsOfActors(t *testing.T) {
	actors := slices.DeleteFunc(cast.All(), func(a cast.Actor) bool {
		return !slices.Contains([]string{
			"backdoor-program", "backdoor-rights", "cron", "datebomb", "deleted-payload", "mangled", "mapped", "memfd", "packed", "rename-over", "stdin-fetched", "stdin-script",
		}, a.Name)
	})
	dir := t.TempDir()
	if err := cast.Build(t.Context(), testenv.Root(t), dir, actors); err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(?m)^payload ([a-z]+) ([0-9a-f]{64})$`)
	for _, a := range actors {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			var flags []string
			if a.Waits {
				flags = []string{"--profile", "time", "--duration", "2m"}
			}
			k := scanKept(t, "oci-dir:"+filepath.Join(dir, a.Name), flags...)
			list := said.FindAllStringSubmatch(k.report.Run.Output, -1)
			if len(list) == 0 {
				t.Fatalf("it says nothing of payloads:\n%s", k.report.Run.Output)
			}
			for _, m := range list {
				p := k.payload(m[2])
				if p == nil || !slices.Contains(p.Hows, m[1]) {
					t.Errorf("%s of %s is not in the report: %+v", m[2], m[1], k.report.Run.Payloads)
					continue
				}
				k.check(t, p)
			}
		})
	}
}

// A payload that an analyzer finds something in is named by hash, path and
// events, also when nothing is kept; and the kept one is read again.
func TestPayloadsAreRead(t *testing.T) {
	actors := slices.DeleteFunc(cast.All(), func(a cast.Actor) bool { return a.Name != "mangled" })
	dir := t.TempDir()
	if err := cast.Build(t.Context(), testenv.Root(t), dir, actors); err != nil {
		t.Fatal(err)
	}
	ref := "oci-dir:" + filepath.Join(dir, "mangled")
	k := scanKept(t, ref)
	for name, r := range map[string]*detonaut.Report{"kept": k.report, "not kept": scan(t, ref), "replayed": replay(t, k.dir)} {
		said := regexp.MustCompile(`payload deleted ([0-9a-f]{64})`).FindStringSubmatch(r.Run.Output)
		if said == nil {
			t.Fatalf("%s: it says nothing of payloads:\n%s", name, r.Run.Output)
		}
		i := slices.IndexFunc(r.Findings, func(f detonaut.Finding) bool { return f.ID == "program/mangled-header" })
		if i < 0 {
			t.Errorf("%s: nothing is found; stages: %+v", name, r.Stages)
			continue
		}
		e := r.Findings[i].Evidence[0]
		if e.SHA256 != said[1] || e.Path != "/tmp/.mangled" || len(e.Events) == 0 {
			t.Errorf("%s: the evidence is %+v, want what was deleted: %s", name, e, said[1])
		}
		for _, seq := range e.Events {
			at := slices.IndexFunc(k.events, func(e *tape.Event) bool { return e.Seq == seq })
			if name != "not kept" && (at < 0 || !about(k.events[at], e.SHA256, []string{e.Path})) {
				t.Errorf("%s: event %d is not about it", name, seq)
			}
		}
	}
}

// replay judges what was kept of an image again.
func replay(t *testing.T, dir string) *detonaut.Report {
	t.Helper()
	cmd := scanCommand(t, nil, dir)
	cmd.Args[1] = "replay"
	return reported(t, dir, cmd)
}

// lost is what must have been kept of the files of the loser, by the names that
// they hold: how, besides that it was left. Of others nothing may have been.
var lost = map[string][]tape.How{
	"O_TRUNC": {tape.Truncated}, "creat": {tape.Truncated}, "truncate": {tape.Truncated}, "ftruncate": {tape.Truncated, tape.Rewritten},
	"grown": nil, "appended": nil, "mapped": nil, "alias": nil, "data": nil,
	"rewritten": {tape.Rewritten},
	"deleted":   {tape.Deleted}, "unlinkat": {tape.Deleted}, "linked": {tape.Deleted}, "open": {tape.Deleted, tape.Rewritten},
	"replaced": {tape.Replaced},
	"executed": {tape.Executed}, "executed-and-deleted": {tape.Executed, tape.Deleted}, "nameless": {tape.Truncated}, "nameless.": {tape.Executed},
	"loaded":      {tape.Loaded, tape.Deleted},
	"tmp-deleted": {tape.Deleted}, "tmp-executed": {tape.Executed}, "shm-deleted": {tape.Deleted},

	"image-executed": nil, "image-deleted": nil, "image-replaced": nil, "image-O_TRUNC": nil, "image-rewritten": nil,
	"image-touched": nil, "image-chmod": nil, "image-changed": nil, "image-changed.": {tape.Deleted},
}

// Every way to lose a file keeps what it held, and nothing else is kept.
func TestPayloads(t *testing.T) {
	ref := loserImage(t)
	for _, detail := range []string{"normal", "full"} {
		t.Run(detail, func(t *testing.T) {
			t.Parallel()
			k := scanKept(t, ref, "--detail", detail, "--cmd", "ways")
			k.ended(t)
			for name, want := range lost {
				sum := hash(content(name))
				p := k.payload(sum)
				var hows []tape.How
				if p != nil {
					for _, how := range p.Hows {
						hows = append(hows, tape.How(how))
					}
				}
				if hows = slices.DeleteFunc(hows, func(h tape.How) bool { return h == tape.Left }); !slices.Equal(hows, want) {
					t.Errorf("%s was kept as %v, want %v", name, hows, want)
				}
				if strings.HasPrefix(name, "image") && want == nil && p != nil {
					t.Errorf("%s: content of the image was kept: %+v", name, p)
				}
				if p != nil {
					k.check(t, p)
				}
			}
		})
	}
}

// grown is a content of the loser that is larger than what is kept.
func grown(name string) []byte {
	return append(content(name), make([]byte, 65<<20-len(content(name)))...)
}

// Files that are lost by the thousand, or too large, are told to be so; what
// runs afterwards is kept.
func TestPayloadBounds(t *testing.T) {
	ref := loserImage(t)
	for _, tc := range []struct {
		name   string
		bounds []string
		kept   []byte // what is kept
		how    tape.How
		other  []byte // what is hashed, and not kept
	}{
		{"large", []string{"payloads"}, nil, tape.Deleted, grown("large")},
		{"data", []string{"files"}, nil, tape.Deleted, grown("data")},
		{"flood", []string{"payloads"}, content("after"), tape.Executed, nil},
		{"locks", nil, content("lock"), tape.Deleted, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k := scanKept(t, ref, "--cmd", tc.name)
			k.ended(t)
			if got := k.report.Coverage.Bounds; !slices.Equal(got, tc.bounds) {
				t.Errorf("bounds = %q, want %q", got, tc.bounds)
			}
			if tc.kept != nil {
				p := k.payload(hash(tc.kept))
				if p == nil || !slices.Contains(p.Hows, string(tc.how)) {
					t.Fatalf("it is not in the report: %+v", p)
				}
				k.check(t, p)
			}
			if tc.other != nil {
				p := k.payload(hash(tc.other))
				if p == nil || p.Kept || p.Size != int64(len(tc.other)) || !slices.Contains(p.Hows, string(tc.how)) {
					t.Errorf("in the report it is %+v", p)
				}
			}
			told := make(map[string]int)
			for _, e := range k.events {
				if e.Kind == tape.PayloadKeep {
					told[e.Payload.SHA256]++
				}
			}
			if most := slices.Max(slices.Collect(maps.Values(told))); most > 20 {
				t.Errorf("%d events tell of the same content", most)
			}
			if len(told) > 10_000 {
				t.Errorf("the tape tells of %d contents", len(told))
			}
		})
	}
}

// loserImage makes an image of the loser, and of the files of its own that it
// loses.
func loserImage(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "PLATFORM linux/%s\nENTRYPOINT [\"/loser\"]\nENV DETONAUT_LOSER=1\n-- /image/ --\n-- /tmp/ 1777 --\n", runtime.GOARCH)
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		if strings.HasPrefix(name, "image-") && !strings.HasSuffix(name, ".") {
			fmt.Fprintf(&text, "-- /image/%s 0755 --\n%s", name, content(name))
		}
	}
	img, err := imagetest.FromTxtar(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return imageWith(t, img, "loser")
}

// content is what the loser writes into the file of that name.
func content(name string) []byte {
	if name == "data" {
		return []byte("data\n")
	}
	return []byte("#!/loser script\n# " + name + "\n")
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// keptRun is a report, its tape, and the folder with all that was kept.
type keptRun struct {
	report *detonaut.Report
	events []*tape.Event
	dir    string
}

// scanKept scans and keeps.
func scanKept(t *testing.T, ref string, args ...string) *keptRun {
	t.Helper()
	keep := t.TempDir()
	k := &keptRun{report: scan(t, ref, append(args, "--keep", keep)...)}
	k.events = kept(t, keep)
	found, err := filepath.Glob(filepath.Join(keep, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("kept: %v, %v", found, err)
	}
	k.dir = found[0]
	return k
}

// ended wants the subject to have ended by itself, with nothing to complain of.
func (k *keptRun) ended(t *testing.T) {
	t.Helper()
	if r := k.report.Run; r.EndReason != string(tape.Exited) || r.ExitCode != 0 {
		t.Fatalf("the run ended with %s (%s) and exit code %d; output:\n%s", r.EndReason, r.EndDetail, r.ExitCode, r.Output)
	}
}

// payload finds a content in the report; nil if it is not there.
func (k *keptRun) payload(sum string) *detonaut.Payload {
	for i, p := range k.report.Run.Payloads {
		if p.SHA256 == sum {
			return &k.report.Run.Payloads[i]
		}
	}
	return nil
}

// check wants p to be in the artifacts, and its events on the tape and about it.
func (k *keptRun) check(t *testing.T, p *detonaut.Payload) {
	t.Helper()
	b, err := fs.ReadFile(os.DirFS(k.dir), "payloads/"+p.SHA256)
	if err != nil || !p.Kept || hash(b) != p.SHA256 || int64(len(b)) != p.Size {
		t.Errorf("%v is not kept as it was: %v, %+v", p.Paths, err, p)
	}
	var keeps int
	paths := slices.Clone(p.Paths)
	for _, e := range slices.Backward(k.events) { // what it was called before
		if e.File != nil && slices.Contains(p.Events, e.Seq) && slices.Contains(paths, e.File.Target) {
			paths = append(paths, e.File.Path)
		}
	}
	for _, seq := range p.Events {
		i := slices.IndexFunc(k.events, func(e *tape.Event) bool { return e.Seq == seq })
		if i < 0 {
			t.Errorf("event %d of %v is not on the tape", seq, p.Paths)
			continue
		}
		if e := k.events[i]; !about(e, p.SHA256, paths) {
			t.Errorf("event %d is not about %v: %s", seq, p.Paths, lines(t, []tape.Event{*e}))
		} else if e.Payload != nil {
			keeps++
		}
	}
	if keeps == 0 {
		t.Errorf("no event keeps %v: %v", p.Paths, p.Events)
	}
}

// about tells whether an event is about the content of a file.
func about(e *tape.Event, sum string, paths []string) bool {
	switch {
	case e.Payload != nil:
		return e.Payload.SHA256 == sum && slices.Contains(paths, e.Payload.Path)
	case e.File != nil:
		return slices.Contains(paths, e.File.Path) || slices.Contains(paths, e.File.Target)
	case e.Process != nil:
		return e.Process.SHA256 == sum || slices.Contains(paths, e.Process.Executable)
	case e.Call != nil:
		return slices.Contains(paths, "/memfd:"+e.Call.Args["name"])
	default:
		return e.Change != nil && slices.Contains(paths, e.Change.Path)
	}
}
