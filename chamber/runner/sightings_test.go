package runner

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// baited is a plan with baits of every kind.
func baited() *plan.Plan {
	p := testPlan()
	for _, kind := range plan.BaitKinds() {
		p.Baits.Files = append(p.Baits.Files, plan.BaitFile{Kind: kind, Path: "/root/" + string(kind), Base: "/root", UID: 3, GID: 4})
	}
	p.Baits.Env = plan.BaitVariables()
	return p
}

func TestBaitsOfThePlan(t *testing.T) {
	p := baited()
	b := newBaits(p)
	kinds := map[string]bool{}
	for _, f := range b.plants {
		kinds[f.Bait] = true
		if f.UID != 3 || f.GID != 4 || f.Base != "/root" || !strings.HasPrefix(f.Path, "/root/"+f.Bait) || len(f.Content) == 0 {
			t.Errorf("planted %+v", f)
		}
	}
	if len(kinds) != len(plan.BaitKinds()) {
		t.Errorf("kinds %v are planted, want all of %v", kinds, plan.BaitKinds())
	}
	for i, name := range plan.BaitVariables() {
		if value, ok := strings.CutPrefix(b.variables[i], name+"="); !ok || len(value) < 16 {
			t.Errorf("variable %q, want a value of %s", b.variables[i], name)
		}
	}
	if other := newBaits(p); other.variables[0] == b.variables[0] || bytes.Equal(other.plants[0].Content, b.plants[0].Content) {
		t.Error("two runs have the same baits")
	}
}

// A deed is an event of the sandbox, and the content that comes with it.
type deed struct {
	event   tape.Event
	content []byte
}

// sightingsOf records deeds and returns what is told of baits, in short.
func sightingsOf(t *testing.T, b *baits, deeds ...deed) (told []string, end *tape.End) {
	t.Helper()
	var out bytes.Buffer
	r := newRecorder(&out, baited())
	r.baits = newSightings(b)
	if err := r.start(1); err != nil {
		t.Fatal(err)
	}
	for i, d := range deeds {
		e := d.event
		e.Seq, e.Time = uint64(i+1), wire.Monotonic()
		if err := r.event(line(t, &e), d.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(tape.End{Reason: tape.Exited}); err != nil {
		t.Fatal(err)
	}
	events := readTape(t, &out)
	for _, e := range events {
		if e.Kind != tape.BaitSeen {
			continue
		}
		of := events[e.Bait.Event-1]
		if of.PID != e.PID || of.TID != e.TID {
			t.Errorf("%+v is by %d, and its deed by %d", e.Bait, e.PID, of.PID)
		}
		told = append(told, fmt.Sprintf("%s %s %s in %s %s of %s", e.Bait.Source, e.Bait.Name, e.Bait.Encoding, e.Bait.Place, e.Bait.Path, of.Kind))
	}
	return told, events[len(events)-1].End
}

func executes(args, env []string) deed {
	return deed{event: tape.Event{Kind: tape.ProcessExec, PID: 7, TID: 8, Process: &tape.Process{Executable: "/bin/x", Args: args, Env: env}}}
}

func onFile(kind tape.Kind, f tape.File) deed {
	return deed{event: tape.Event{Kind: kind, PID: 7, TID: 8, File: &f}}
}

func keeps(how tape.How, path string, content []byte) deed {
	return deed{tape.Event{Kind: tape.PayloadKeep, PID: 7, TID: 8, Payload: &tape.Payload{How: how, Path: path}}, content}
}

func TestSightings(t *testing.T) {
	b := newBaits(baited())
	key, variable := b.set.Value("github-token"), b.variables[3]
	_, password, _ := strings.Cut(variable, "=")
	opened := onFile(tape.FileOpen, tape.File{Path: "/root/git", Flags: "O_RDONLY", Bait: "git"})
	encoded := base64.StdEncoding.EncodeToString([]byte("token " + key))
	archive := append(bytes.Repeat([]byte("x"), 5000), "\nhttps://deploy:"+key+"@git\n"...)
	for _, c := range []struct {
		name  string
		deeds []deed
		want  []string
	}{
		{"nothing was opened", []deed{executes([]string{"x", key}, nil), keeps(tape.Left, "/tmp/a", archive)}, nil},
		{"an argument", []deed{opened, executes([]string{"x", "-u", "me:" + key}, nil)}, []string{"file github-token plain in argv /bin/x of process.exec"}},
		{"an encoded argument", []deed{opened, executes([]string{"sh", "-c", "echo " + encoded}, nil)}, []string{"file github-token base64 in argv /bin/x of process.exec"}},
		{"a variable of another name", []deed{opened, executes([]string{"x"}, []string{"T=" + key})}, []string{"file github-token plain in environment /bin/x of process.exec"}},
		{"a planted variable in an argument", []deed{executes([]string{"x", password}, nil)}, []string{"environment env-database-password plain in argv /bin/x of process.exec"}},
		{"a planted variable under another name", []deed{executes([]string{"x"}, []string{"PGPASSWORD=" + password})}, []string{"environment env-database-password plain in environment /bin/x of process.exec"}},
		{"a file", []deed{opened, keeps(tape.Left, "/tmp/a", archive)}, []string{"file github-token plain in file /tmp/a of payload.keep"}},
		{"the planted file itself", []deed{opened, keeps(tape.Replaced, "/root/git", archive)}, nil},
		{"memory", []deed{opened, keeps(tape.Code, "/bin/x", archive)}, nil},
		{"a new name", []deed{opened, onFile(tape.FileRename, tape.File{Path: "/tmp/a", Target: "/tmp/" + key})}, []string{"file github-token plain in file-name /tmp/" + key + " of file.rename"}},
		{"what a link points to", []deed{opened, onFile(tape.FileSymlink, tape.File{Path: "/tmp/a", Target: key})}, []string{"file github-token plain in file-name /tmp/a of file.symlink"}},
		{"a name that is not made", []deed{opened, onFile(tape.FileDelete, tape.File{Path: "/tmp/" + key})}, nil},
		{"moved away", []deed{onFile(tape.FileRename, tape.File{Path: "/root", Target: "/x", Bait: "aws"}), keeps(tape.Left, "/x/git", archive)}, []string{"file github-token plain in file /x/git of payload.keep"}},
		{"mounted elsewhere", []deed{{event: tape.Event{Kind: "call.mount", PID: 7, Call: &tape.Call{}}}, keeps(tape.Left, "/x/git", archive)}, []string{"file github-token plain in file /x/git of payload.keep"}},
		{"a path that looks like the mark of a bait", []deed{onFile(tape.FileOpen, tape.File{Path: `/a,"bait":"x`}), keeps(tape.Left, "/tmp/a", archive)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, end := sightingsOf(t, b, c.deeds...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("sightings (-want +got):\n%s", diff)
			}
			if len(end.Bounds) > 0 {
				t.Errorf("bounds %q", end.Bounds)
			}
		})
	}
}

// What was handed out may be found from then on.
func TestSightingsOfWhatIsHandedOut(t *testing.T) {
	for answer, want := range map[string]int{"metadata/aws": 1, "kubernetes": 1, "docker": 1, "default": 0, "package/npm": 0} {
		var out bytes.Buffer
		b := newBaits(baited())
		r := newRecorder(&out, baited())
		r.baits = newSightings(b)
		if err := r.start(1); err != nil {
			t.Fatal(err)
		}
		r.seen(&tape.Event{Kind: tape.HTTPExchange, HTTP: &tape.HTTP{Answer: answer}}, network.Origin{Network: "tcp", Port: 1})
		d := executes([]string{"x", b.set.Value("aws-session-token")}, nil)
		d.event.Seq, d.event.Time = 1, wire.Monotonic()
		if err := r.event(line(t, &d.event), nil); err != nil {
			t.Fatal(err)
		}
		if err := r.end(tape.End{Reason: tape.Exited}); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, e := range readTape(t, &out) {
			if e.Kind == tape.BaitSeen {
				got++
			}
		}
		if got != want {
			t.Errorf("after an answer of %s there are %d sightings, want %d", answer, got, want)
		}
	}
}

// Output is looked at as it is written down.
func TestSightingsInOutput(t *testing.T) {
	var out bytes.Buffer
	b := newBaits(baited())
	r := newRecorder(&out, baited())
	r.baits = newSightings(b)
	if err := r.start(1); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"before\n" + b.variables[0][:40], b.variables[0][40:] + "\nafter"} { // one write in two
		if err := r.printed(tape.OutputStdout, text, len(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(tape.End{Reason: tape.Exited}); err != nil {
		t.Fatal(err)
	}
	events := readTape(t, &out)
	if len(events) != 4 || events[1].Kind != tape.OutputStdout || events[2].Kind != tape.BaitSeen {
		t.Fatalf("events %+v", events)
	}
	want := &tape.Bait{Name: "env-aws-secret", Source: "environment", Encoding: "plain", Place: "output", Event: 2}
	if diff := cmp.Diff(want, events[2].Bait); diff != "" {
		t.Errorf("bait (-want +got):\n%s", diff)
	}
}

// A flood of sightings is told of a few times, and costs a bounded search.
func TestSightingsAreBounded(t *testing.T) {
	b := newBaits(baited())
	opened := onFile(tape.FileOpen, tape.File{Path: "/root/git", Bait: "git"})
	many := []deed{opened}
	for range 50 {
		many = append(many, executes([]string{"x", b.set.Value("github-token")}, nil))
	}
	if got, _ := sightingsOf(t, b, many...); len(got) != maxSame {
		t.Errorf("%d sightings of one deed again and again, want %d", len(got), maxSame)
	}
	many = many[:1]
	for pid := range int32(2 * maxSightings) {
		d := executes([]string{"x", b.set.Value("github-token")}, nil)
		d.event.PID = pid + 1
		many = append(many, d)
	}
	if got, _ := sightingsOf(t, b, many...); len(got) != maxSightings {
		t.Errorf("%d sightings by many, want %d", len(got), maxSightings)
	}
	noise := make([]byte, 60<<20)
	_, _ = rand.Read(noise[:1<<20])
	for at := 1 << 20; at < len(noise); at += 1 << 20 {
		copy(noise[at:], noise[:1<<20])
	}
	many = many[:1]
	for range maxSearched/len(noise) + 1 {
		many = append(many, keeps(tape.Left, "/tmp/a", noise))
	}
	many = append(many, executes([]string{"x", b.set.Value("github-token")}, nil))
	got, end := sightingsOf(t, b, many...)
	if len(got) != 0 || !cmp.Equal(end.Bounds, []string{"baits"}) {
		t.Errorf("after too much was searched: %q, bounds %q", got, end.Bounds)
	}
}
