package rule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

func TestSplitRef(t *testing.T) {
	for ref, want := range map[string][3]string{
		"nginx":                                    {"docker.io", "library/nginx", ""},
		"nginx:1.27":                               {"docker.io", "library/nginx", "1.27"},
		"instrumentisto/nmap:latest":               {"docker.io", "instrumentisto/nmap", "latest"},
		"docker.io/nginx@sha256:ab":                {"docker.io", "library/nginx", ""},
		"index.docker.io/a/b:c@sha256:ab":          {"docker.io", "a/b", "c"},
		"ghcr.io/a/b/c:v1":                         {"ghcr.io", "a/b/c", "v1"},
		"localhost/a":                              {"localhost", "a", ""},
		"registry:5000/a/b:c":                      {"registry:5000", "a/b", "c"},
		"host:5000/a":                              {"host:5000", "a", ""},
		"registry:nginx:1":                         {"docker.io", "library/nginx", "1"},
		"registry:5000":                            {"docker.io", "library/5000", ""},
		"docker:nginx":                             {"docker.io", "library/nginx", ""},
		"docker:ghcr.io/a/b:c":                     {"ghcr.io", "a/b", "c"},
		"docker:0123456789ab":                      {"", "", ""},
		"docker:sha256:" + strings.Repeat("0", 64): {"", "", ""},
		"oci-dir:./out:tag":                        {"", "", ""},
		"oci-archive:a/b.tar":                      {"", "", ""},
		"docker-archive:app.tar":                   {"", "", ""},
		"-":                                        {"", "", ""},
		"":                                         {"", "", ""},
		":":                                        {"", "", ""},
		"registry":                                 {"docker.io", "library/registry", ""},
		"docker:2":                                 {"docker.io", "library/2", ""},
		"@":                                        {"", "", ""},
		"registry:":                                {"", "", ""},
		"a.example/":                               {"", "", ""},
	} {
		registry, name, tag := splitRef(ref)
		if got := [3]string{registry, name, tag}; got != want {
			t.Errorf("%s: got %q, want %q", ref, got, want)
		}
	}
}

func TestFactsOfAnImage(t *testing.T) {
	got := factsOf(detonaut.Image{
		Ref: "ghcr.io/a/b:1", Platform: "linux/amd64",
		Config: detonaut.Config{
			Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"PATH=/bin", "KEY=secret=1", "X"}, User: "app", WorkingDir: "/w",
			ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"}, Labels: map[string]string{"maintainer": "m"},
		},
	})
	want := &facts{
		Name: "a/b", Registry: "ghcr.io", Tag: "1", Platform: "linux/amd64", Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"PATH", "KEY", "X"},
		User: "app", Dir: "/w", ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"}, Labels: map[string]string{"maintainer": "m"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(facts{})); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// TestAnImageThatSaysTooMuch is a gap, where a rule looks at it.
func TestAnImageThatSaysTooMuch(t *testing.T) {
	many := make(map[string]string)
	var list []string
	for i := range 100_000 {
		many[fmt.Sprint(i)] = "x"
		list = append(list, "x")
	}
	long := strings.Repeat("x", 1<<20)
	reads, doesNot := ruleOf(t, "on: [file.open]\nwhen: image.name == 'x'\n"), ruleOf(t, "on: [file.open]\n")
	for name, c := range map[string]detonaut.Config{
		"labels": {Labels: many}, "a label": {Labels: map[string]string{"a": long}}, "a command": {Cmd: list}, "a word": {Entrypoint: []string{long}},
		"a variable": {Env: []string{long}}, "a user": {User: long},
	} {
		img := detonaut.Image{Config: c}
		if _, gaps := reads.Detector(img).Conclude(); len(gaps) != 1 || !strings.Contains(gaps[0], "the image says more") {
			t.Errorf("%s: gaps %q", name, gaps)
		}
		if _, gaps := doesNot.Detector(img).Conclude(); len(gaps) != 0 {
			t.Errorf("%s, which no rule reads: gaps %q", name, gaps)
		}
		f := factsOf(img)
		if len(f.Labels) > maxFacts || len(f.Cmd) > maxFacts || len(f.Labels["a"]) > maxFact || len(f.User) > maxFact {
			t.Errorf("%s: %d labels, %d words of a command", name, len(f.Labels), len(f.Cmd))
		}
	}
}

// TestConditionsSeeTheImage asks for each fact, of an image and of none.
func TestConditionsSeeTheImage(t *testing.T) {
	img := detonaut.Image{Ref: "a/nmap:7", Platform: "linux/arm64", Config: detonaut.Config{
		Entrypoint: []string{"/usr/bin/nmap"}, Cmd: []string{"-h"}, Env: []string{"A=b"}, User: "root", WorkingDir: "/w", ExposedPorts: []string{"80/tcp"},
		Volumes: []string{"/v"}, Labels: map[string]string{"org.opencontainers.image.title": "Nmap", "x": "y"},
	}}
	for condition, ofNone := range map[string]bool{
		"image.name.base() == 'nmap' && image.registry == 'docker.io' && image.tag == '7'": false,
		"image.labels['org.opencontainers.image.title'].lower() == 'nmap'":                 false,
		"image.labels.x == 'y'":                                                                      false,
		"image.labels.none == '' && !('none' in image.labels)":                                       true,
		"image.entrypoint.exists(e, e.base() == 'nmap') && image.cmd[0] == '-h'":                     false,
		"image.env == ['A'] && image.user == 'root' && image.dir == '/w'":                            false,
		"'80/tcp' in image.exposed_ports && '/v' in image.volumes && image.platform.contains('arm')": false,
		"image.cmd.size() < 2": true,
	} {
		set := ruleOf(t, "on: [file.open]\nwhen: |-\n  "+condition+"\n")
		for _, of := range []struct {
			img  detonaut.Image
			want bool
		}{{img, true}, {detonaut.Image{}, ofNone}} {
			d := set.Detector(of.img)
			var all moments
			all.record(t, deeds(t, "1 open /a"))
			d.Observe(all[0])
			found, gaps := d.Conclude()
			// Of none, it may be an error to ask for the first word of its command.
			if (len(found) == 1) != of.want || of.want && len(gaps) > 0 {
				t.Errorf("%s of %q: found %v, gaps %q", condition, of.img.Ref, found, gaps)
			}
		}
	}
}

// TestExamplesMayNameAnImage tries a rule that goes by the image.
func TestExamplesMayNameAnImage(t *testing.T) {
	const event = "events: [{kind: file.open, pid: 1, file: {path: /a}}]}"
	text := with("when:", "when: image.name != 'nmap' && image.labels.x == 'y'")
	text = text[:strings.Index(text, "yes:")] + "yes: [{name: a, image: {name: x, labels: {x: y}, cmd: [a], exposed_ports: [80/tcp]}, " + event + "]\n" +
		"no: [{name: b, image: {name: nmap, labels: {x: y}}, " + event + ", {name: c, " + event + "]\n"
	set := loadText(t, text)
	if failures := set.Test(); len(failures) > 0 || len(set.Problems()) > 0 {
		t.Errorf("failures %v, problems %v", failures, set.Problems())
	}
	bad := loadText(t, strings.Replace(text, "image: {name: x,", "image: {nome: x,", 1))
	if len(bad.Problems()) != 1 || !strings.Contains(bad.Problems()[0].Reason, "nome") {
		t.Errorf("problems %v", bad.Problems())
	}
}

// record gives m the moments of events.
func (m *moments) record(t *testing.T, events []*tape.Event) {
	t.Helper()
	a := behavior.NewAnalysis(m)
	for _, e := range events {
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
}
