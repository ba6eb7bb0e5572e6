package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// passed are the variables that a server of a script gets.
var passed = []string{"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DETONAUT_CHAMBER", "DETONAUT_GUESTS_REGISTRIES", "TMPDIR"}

// startServer is the command "server ARG...": it runs detonaut serve with the arguments, at
// an address of its own, until the script ends or says "server-ends". The address is $SERVER,
// the link that lets somebody in is $LINK, and with --metrics that address is $METRICS, $METRICS_AT without its scheme; what it says on stderr is in served.txt.
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: server ARG...")
	}
	program := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if name := filepath.Join(dir, "detonaut"); program == "" && isProgram(name) {
			program = name
		}
	}
	cmd := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range passed {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	said, err := os.Create(ts.MkAbs("served.txt"))
	ts.Check(err)
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		ts.Check(cmd.Process.Signal(os.Interrupt))
		_, err := io.Copy(io.Discard, out)
		ts.Check(err)
		ts.Check(cmd.Wait())
		ts.Check(said.Close())
	}
	ts.Defer(end)
	ts.SetCmd("server-ends", func(*testscript.TestScript, bool, []string) { end() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "metrics at "); ok {
			address = strings.TrimSuffix(address, "/metrics")
			ts.Setenv("METRICS", address)
			ts.Setenv("METRICS_AT", strings.TrimPrefix(address, "http://"))
		}
		if address, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
			ts.Setenv("SERVER", strings.TrimSuffix(address, "/"))
			if slices.Contains(args, "--public") {
				return
			}
		}
		if link, ok := strings.CutPrefix(lines.Text(), "sign in once with "); ok {
			ts.Setenv("LINK", link)
			return
		}
	}
	ended = true
	err = cmd.Wait()
	ts.Fatalf("the server ended: %v: %s", err, ts.ReadFile("served.txt"))
}

func isProgram(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// digestText is what answers call an image.
var digestText = regexp.MustCompile(`"digest":"(sha256:[0-9a-f]{64})"`)

// ask is the command "ask STATUS METHOD URL [NAME:VALUE...]": a request with headers, whose
// answer must have the status and is stdout, headers first. The header Key has the file of a
// key, the header Body the body. Where the answer says that something is is $LOCATION, and the
// first digest in it is $DIGEST.
func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: ask STATUS METHOD URL [NAME:VALUE...]")
	}
	headers, body := http.Header{}, ""
	for _, arg := range args[3:] {
		name, value, _ := strings.Cut(arg, ":")
		switch name {
		case "Key":
			headers.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(value)))
		case "Body":
			body = value
			headers.Set("Content-Type", "application/json")
		default:
			headers.Set(name, value)
		}
	}
	r, err := http.NewRequest(args[1], args[2], strings.NewReader(body))
	ts.Check(err)
	r.Header = headers
	if host := headers.Get("Host"); host != "" {
		r.Host = host
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	ts.Setenv("LOCATION", res.Header.Get("Location"))
	if m := digestText.FindSubmatch(b); m != nil {
		ts.Setenv("DIGEST", string(m[1]))
	}
	for name, values := range res.Header {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, strings.Join(values, ", "))
	}
	fmt.Fprintf(ts.Stdout(), "\n%s", b)
	if got := strconv.Itoa(res.StatusCode); got != args[0] {
		ts.Fatalf("got %s, want %s: %s", got, args[0], b)
	}
}

// revoke is the command "revoke NAME": it revokes the key of that name.
func revoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: revoke NAME")
	}
	ts.Check(ts.Exec("detonaut", "key", "list"))
	for line := range strings.SplitSeq(ts.ReadFile("stdout"), "\n") {
		if id, _, _ := strings.Cut(line, " "); strings.HasSuffix(line, "  "+args[0]) {
			ts.Check(ts.Exec("detonaut", "key", "revoke", id))
			return
		}
	}
	ts.Fatalf("there is no key %s", args[0])
}

// startRegistry is the command "registry DIR NAME": it serves the image that is alone in a
// layout as NAME, at $REGISTRY, for as long as the script runs.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: registry DIR NAME")
	}
	img, err := imagetest.ReadOCIDir(ts.MkAbs(args[0]))
	ts.Check(err)
	r := imagetest.NewRegistry()
	ts.Defer(r.Close)
	_, err = r.Push(args[1], img)
	ts.Check(err)
	ts.Setenv("REGISTRY", r.Host())
}
