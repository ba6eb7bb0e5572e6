package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/config"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// env looks variables up in m.
func env(m map[string]string) config.Env { return func(name string) string { return m[name] } }

func TestDefaultIsValid(t *testing.T) {
	c := config.Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestPrecedence sets values in the file, the environment and a flag.
func TestPrecedence(t *testing.T) {
	name := file(t, `
chamber: /opt/chamber
run:
  duration: 1m
  memory: 512MiB
  processes: 10
image:
  plain_http: [a:5000, b:5000]
`)
	l, err := config.Load(name, env(map[string]string{
		"DETONAUT_RUN_MEMORY": "2GiB", "DETONAUT_RUN_PROCESSES": "20", "DETONAUT_IMAGE_INSECURE": "c,d", "UNRELATED": "x",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Set("run.processes", "30", "--processes"); err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Chamber = "/opt/chamber"
	want.Run.Duration, want.Run.Memory, want.Run.Processes = time.Minute, 2<<30, 30
	want.Image.PlainHTTP, want.Image.Insecure = []string{"a:5000", "b:5000"}, []string{"c", "d"}
	if diff := cmp.Diff(want, l.Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{
		"chamber": name + ":2", "run.duration": name + ":4", "run.memory": "DETONAUT_RUN_MEMORY",
		"run.processes": "--processes", "run.disk": "default", "image.plain_http": name + ":8",
	} {
		if got := l.Source(key); got != want {
			t.Errorf("Source(%s) = %q, want %q", key, got, want)
		}
	}
}

func TestBadFile(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", "run:\n  duraton: 1m\n", `config.yaml:2: unknown key "run.duraton"`},
		{"unknown section", "\nnet: {}\n", `config.yaml:2: unknown key "net"`},
		{"bad duration", "run:\n  duration: soon\n", `config.yaml:2: run.duration: "soon" is no duration`},
		{"bad size", "run: {memory: 1XB}", `config.yaml:1: run.memory: "1XB" is no size`},
		{"bad number", "run: {processes: many}", `run.processes: "many" is no whole number`},
		{"set twice", "chamber: a\nchamber: b\n", "chamber"},
		{"a list for a value", "chamber: [a]\n", "config.yaml:1: chamber: want one value"},
		{"a value for a section", "run: 3\n", "config.yaml:1: run: want a section"},
		{"a list", "- a\n", "want a section"},
		{"no YAML", "run: [", "config.yaml"},
		{"a live network", "run:\n  network: live\n", "config.yaml:2: run.network: a live network is typed for the run that needs it: use --network live"},
		{"neither true nor false", "run: {no_probe: maybe}", `config.yaml:1: run.no_probe: "maybe" is neither true nor false`},
		{"no port", "run:\n  live:\n    ports: 70000\n", `config.yaml:3: run.live.ports: "70000" is no number`},
		{"no ports", "run:\n  live:\n    ports: [80, 70000]\n", "config.yaml:3: run.live.ports"},
		{"a file too long", strings.Repeat("#\n", 1<<20), "more than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Load(file(t, test.text), env(nil))
			if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrUsage with %q", err, test.want)
			}
		})
	}
}

func TestWhichFile(t *testing.T) {
	home := t.TempDir()
	e := map[string]string{"HOME": home}
	if _, err := config.Load("", env(e)); err != nil {
		t.Errorf("no file anywhere: %v", err)
	}
	if _, err := config.Load("", env(nil)); err != nil {
		t.Errorf("no home: %v", err)
	}
	if _, err := config.Load(filepath.Join(home, "gone.yaml"), env(e)); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("a named file that is not there: got %v, want ErrUsage", err)
	}
	if got, want := config.Path(env(e)), filepath.Join(home, ".config/detonaut/config.yaml"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	e["XDG_CONFIG_HOME"] = filepath.Join(home, "xdg")
	if err := os.MkdirAll(filepath.Join(home, "xdg/detonaut"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config.Path(env(e)), []byte("scan: {jobs: 7}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := config.Load("", env(e))
	if err != nil {
		t.Fatal(err)
	}
	if l.Scan.Jobs != 7 {
		t.Errorf("got %d jobs, want the 7 of the file", l.Scan.Jobs)
	}
	if _, err := config.Load(file(t, ""), env(nil)); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func TestBadVariable(t *testing.T) {
	_, err := config.Load("", env(map[string]string{"DETONAUT_SCAN_JOBS": "x"}))
	if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), "DETONAUT_SCAN_JOBS: scan.jobs") {
		t.Errorf("got %v, want ErrUsage with the variable and the key", err)
	}
}

// TestLive is refused wherever it is not typed for one run.
func TestLive(t *testing.T) {
	_, err := config.Load("", env(map[string]string{"DETONAUT_RUN_NETWORK": "live"}))
	if want := "DETONAUT_RUN_NETWORK: run.network: a live network"; !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ErrUsage with %q", err, want)
	}
	l, err := config.Load(file(t, "run:\n  no_probe: true\n  live: {ports: [80, 8080], refuse: [192.0.2.0/24], bytes: 1MiB}\n"), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Set("run.network", "live", "--network"); err != nil {
		t.Fatal(err)
	}
	if err := l.Validate(); err == nil || !strings.Contains(err.Error(), "--allow '*' means any public host") {
		t.Errorf("a live network that allows nothing: got %v", err)
	}
	if err := l.Set("run.live.allow", "example.com,*.Example.org,192.0.2.1,2001:db8::/32,*", "--allow"); err != nil {
		t.Fatal(err)
	}
	if err := l.Validate(); err != nil {
		t.Error(err)
	}
	got, err := l.Run.Internet()
	if err != nil {
		t.Fatal(err)
	}
	egress := plan.DefaultEgress()
	egress.Allow = []string{"example.com", "*.Example.org", "192.0.2.1", "2001:db8::/32", "*"}
	egress.Ports, egress.Refuse, egress.Bytes = []uint16{80, 8080}, []string{"192.0.2.0/24"}, 1<<20
	if diff := cmp.Diff(plan.Internet{NoProbe: true, Egress: &egress}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := l.Text("run.live.ports"); text != "80,8080" {
		t.Errorf("got %q, want the ports with a comma", text)
	}
	l.Run.Network = string(plan.None)
	if got, err := l.Run.Internet(); err != nil || !cmp.Equal(got, plan.Internet{}) {
		t.Errorf("without a network: got %+v and %v, want no internet", got, err)
	}
}

func TestAllow(t *testing.T) {
	for _, s := range []string{
		"", "a..b", "*.*.com", "ex*mple.com", "example.com:443", "https://example.com", "exa mple", "*.", "fe80::1%eth0", "10.0.0.0/33",
		strings.Repeat("a", 64), strings.Repeat("a.", 200) + "a",
	} {
		c := config.Default()
		c.Run.Live.Allow = []string{s}
		if err := c.Validate(); !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), "run.live.allow: ") {
			t.Errorf("%q: got %v, want an error", s, err)
		}
	}
}

// TestValidate expects each bad value in the error, by its key.
func TestValidate(t *testing.T) {
	l := config.Defaults()
	bad := map[string]string{
		"run.profile": "x", "run.detail": "untraced", "run.duration": "-1s", "run.memory": "0", "run.processes": "-1",
		"run.file_size": "0", "run.disk": "0", "run.output": "0", "run.events": "0", "scan.jobs": "0",
		"image.cache_size": "0", "image.silence": "0s", "image.max_compressed": "0", "image.max_uncompressed": "0",
		"image.max_entries": "0", "image.max_ratio": "0", "image.max_metadata": "0", "image.max_devices": "0",
		"image.max_path": "0", "image.max_symlinks": "0", "run.network": "party", "run.live.allow": "https://example.com",
		"machine.release": "6.1\n", "machine.mac": "ff:ff:ff:ff:ff:ff", "run.travel.days": "0", "run.travel.jumps": "-1", "run.live.ports": "0", "run.live.refuse": "10.0.0.1", "run.live.bytes": "0", "run.live.connections": "0", "run.live.rate": "-1",
		"vulnerabilities.url": "example.com", "vulnerabilities.mirrors": "https://example.com,ftp://example.com", "vulnerabilities.max_age": "0s",
		"vulnerabilities.max_compressed": "0", "vulnerabilities.max_uncompressed": "0",
	}
	for key, text := range bad {
		if err := l.Set(key, text, "a test"); err != nil {
			t.Fatal(err)
		}
	}
	err := l.Validate()
	if !errors.Is(err, detonaut.ErrUsage) {
		t.Fatalf("got %v, want ErrUsage", err)
	}
	for key := range bad {
		if !strings.Contains(err.Error(), key+": ") {
			t.Errorf("%s is not in the error:\n%v", key, err)
		}
	}
}

// TestValidateEntries refuses more files than there are positions for in the index.
func TestValidateEntries(t *testing.T) {
	for text, good := range map[string]bool{"1073741823": true, "1073741824": false} {
		l := config.Defaults()
		if err := l.Set("image.max_entries", text, "a test"); err != nil {
			t.Fatal(err)
		}
		if err := l.Validate(); (err == nil) != good {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// TestYAML reads back what is printed.
func TestYAML(t *testing.T) {
	l := config.Defaults()
	for key, text := range map[string]string{
		"run.duration": "90s", "run.memory": "1500MB", "image.insecure": "a,b", "run.file_size": "1KiB", "rules.dirs": "# not a comment,b",
	} {
		if err := l.Set(key, text, "a flag"); err != nil {
			t.Fatal(err)
		}
	}
	b, err := l.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"duration: 1m30s # a flag\n", "  memory: 1500MB # a flag\n", "insecure: [a, b] # a flag\n", "file_size: 1KiB # a flag\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	back, err := config.Load(file(t, string(b)), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	// An empty list that is written down is read as one.
	if diff := cmp.Diff(l.Config, back.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, b)
	}
}

func TestBytes(t *testing.T) {
	for in, want := range map[string]config.Bytes{
		"0": 0, "1": 1, "10B": 10, "1kB": 1000, "1KB": 1000, "1KiB": 1024, "1.5GiB": 3 << 29, "2 MB": 2_000_000, "1TiB": 1 << 40,
	} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", in, got, err, want)
		}
		var back config.Bytes
		if err := back.UnmarshalText([]byte(got.String())); err != nil || back != got {
			t.Errorf("%q: its text %q gives %d, %v", in, got, back, err)
		}
	}
	for _, in := range []string{"", "B", "-1", "1XB", "NaN", "Inf", "1e30", "one"} {
		var b config.Bytes
		if err := b.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q: got %d, want an error", in, b)
		}
	}
}
