package e2e_test

import (
	"archive/tar"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// Ordinary servers and tools, as Debian ships them, are clean, both when nobody
// asks anything of them and under load. testdata/subjects has a script for each.
func TestOrdinary(t *testing.T) {
	image := newOrdinaryImage(t)
	all := make([]*ordinary, len(image.names))
	t.Run("subjects", func(t *testing.T) {
		scans := turns{ahead: 4}
		defer scans.end()
		for _, name := range image.names {
			scans.add(func() *exec.Cmd { return image.scan(t, name, "8s") })
			scans.add(func() *exec.Cmd { return image.scan(t, name+" load", "2m") })
		}
		for i, name := range image.names {
			all[i] = &ordinary{name: name}
			t.Run(name, func(t *testing.T) {
				r, err := scans.wait(2 * i)
				all[i].idle = judge(t, whole(t, name, r, err), tape.Exited, tape.Quiescent, tape.TimeLimit)
			})
			t.Run(name+"-load", func(t *testing.T) {
				r, err := scans.wait(2*i + 1)
				// It comes to its end when its clients have been served.
				all[i].busy = judge(t, whole(t, name, r, err), tape.Exited)
			})
		}
	})
	publishOrdinary(t, all)
}

// ordinary is what was said of one subject.
type ordinary struct {
	name       string
	idle, busy *detonaut.Report
}

// ordinaryImage is one image of many servers and tools.
type ordinaryImage struct {
	ref   string
	cache string
	names []string
}

func newOrdinaryImage(t *testing.T) *ordinaryImage {
	t.Helper()
	c := &ordinaryImage{cache: t.TempDir()}
	layer, err := imagetest.TarLayer(testenv.DebianCrowd(t))
	if err != nil {
		t.Fatal(err)
	}
	own, err := imagetest.Layer(c.files(t), imagetest.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	img, err := imagetest.New(v1.Config{Env: []string{path, "HOME=/root", "DETONAUT_ACTOR=1"}, Entrypoint: []string{"/subjects/run.sh"}},
		v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, layer, own)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "crowd")
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	c.ref = "oci-dir:" + dir
	return c
}

// files are what the image has beside Debian's, and notes the names of the
// subjects.
func (c *ordinaryImage) files(t *testing.T) (files []imagetest.File) {
	t.Helper()
	add := func(name, host string, mode int64) {
		body, err := os.ReadFile(host)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, imagetest.File{Header: tar.Header{Name: name, Mode: mode}, Body: body})
	}
	found, err := filepath.Glob("testdata/subjects/*")
	if err != nil || len(found) == 0 {
		t.Fatalf("subjects: %v, %v", found, err)
	}
	for _, file := range found {
		add("subjects/"+filepath.Base(file), file, 0o755)
		if name, ok := strings.CutSuffix(filepath.Base(file), ".sh"); ok && name != "run" {
			c.names = append(c.names, name)
		}
	}
	dir := t.TempDir()
	for _, command := range [][]string{
		{"javac", "-d", dir, "testdata/subjects/Server.java"},
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tester", "-f", filepath.Join(dir, "key")},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v; run testdata/needs.sh test\n%s", command[0], err, out)
		}
	}
	add("subjects/Server.class", filepath.Join(dir, "Server.class"), 0o644)
	add("subjects/service", testenv.Program(t, "./actors/web"), 0o755)
	files = append(files,
		imagetest.File{Header: tar.Header{Name: ".detonaut-actor", Mode: 0o644}}, // without it the service refuses
		imagetest.File{Header: tar.Header{Name: "etc/cron.d/clock", Mode: 0o644}, Body: []byte("* * * * * root date >>/var/log/clock\n")})
	files = append(files, imagetest.File{Header: tar.Header{Name: "root/.ssh/", Typeflag: tar.TypeDir, Mode: 0o700}})
	add("root/.ssh/id_ed25519", filepath.Join(dir, "key"), 0o600)
	add("root/.ssh/authorized_keys", filepath.Join(dir, "key.pub"), 0o600)
	return files
}

// scan is the command that runs a subject.
func (c *ordinaryImage) scan(t *testing.T, args, duration string) *exec.Cmd {
	t.Helper()
	cmd := scanCommand(t, nil, c.ref, "--cmd", args, "--duration", duration, "--memory", "4GiB", "--processes", "2000", "--disk", "2GiB", "--file-size", "1GiB")
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+c.cache)
	return cmd
}

// judge fails t unless a subject did its work and is clean.
func judge(t *testing.T, r *detonaut.Report, ends ...tape.Reason) *detonaut.Report {
	t.Helper()
	if !slices.Contains(ends, tape.Reason(r.Run.EndReason)) || r.Run.ExitCode != 0 {
		t.Errorf("the run ended with %s (%s) and exit code %d; output:\n%s", r.Run.EndReason, r.Run.EndDetail, r.Run.ExitCode, r.Run.Output)
	}
	if r.Verdict.Word != detonaut.Clean {
		t.Errorf("verdict = %s (%+v); findings:\n%s", r.Verdict.Word, r.Verdict.Reasons, proofs(r))
	}
	return r
}

// proofs tells of findings with their evidence.
func proofs(r *detonaut.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Weakness {
			continue
		}
		fmt.Fprintf(&b, "%s (%s, %s):", f.ID, f.Severity, f.Confidence)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "\n\t%s", e.Summary)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// publishOrdinary holds the document's table of subjects to what was found;
// -update writes it.
func publishOrdinary(t *testing.T, all []*ordinary) {
	t.Helper()
	if slices.ContainsFunc(all, func(o *ordinary) bool { return o == nil || o.idle == nil || o.busy == nil }) {
		return // some were left out
	}
	var b strings.Builder
	b.WriteString("| subject | by itself | under load |\n|---|---|---|\n")
	wrong := 0
	for _, o := range all {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", o.name, inShort(o.idle), inShort(o.busy))
		for _, r := range []*detonaut.Report{o.idle, o.busy} {
			if r.Verdict.Word != detonaut.Clean {
				wrong++
			}
		}
	}
	fmt.Fprintf(&b, "\n%d subjects, %d runs, of which %d are not clean: false positives.\n", len(all), 2*len(all), wrong)
	detection(t, "ordinary", b.String())
}

// inShort is the word of a verdict, and the findings.
func inShort(r *detonaut.Report) string {
	if len(findings(r)) == 0 {
		return string(r.Verdict.Word)
	}
	return string(r.Verdict.Word) + ": " + strings.Join(findings(r), ", ")
}

// detection compares a part of docs/detection.md, between two comments, with
// what it should say.
func detection(t *testing.T, name, want string) {
	t.Helper()
	got, err := replaceSection(filepath.Join(testenv.Root(t), "docs", "detection.md"), name, want)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", want)
	if got != want && !golden.Updating() && !t.Failed() {
		t.Errorf("docs/detection.md is stale: make bench-detection writes it anew; it should say\n%s", want)
	}
}
