//go:build linux

package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// said are the lines of a visitor by place; what a simulated host says is
// "simulated".
func said(r *detonaut.Report) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(r.Run.Output) {
		place, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if strings.HasPrefix(what, "200 \"") && !strings.Contains(what, "the real") {
			what = "simulated"
		}
		m[place] = what
	}
	return m
}

// configured is the flag for a configuration.
func configured(t *testing.T, text string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	write(t, file, text)
	return []string{"--config", file}
}

// reasons are those of the flows of a tape over TCP, by where they went; of live
// ones after "live ".
func reasons(events []*tape.Event) map[string]string {
	m := map[string]string{}
	for _, e := range events {
		if e.Kind != tape.FlowEnded || e.FlowEnd.Network != "tcp" {
			continue
		}
		f := e.FlowEnd
		to := f.Remote
		if strings.Contains(f.Name, ".example.") || f.Name == "example.com" {
			to = f.Name + f.Remote[strings.LastIndexByte(f.Remote, ':'):]
		}
		m[to] = f.Reason
		if f.Live {
			m[to] = "live " + f.Reason
		}
	}
	return m
}

// A subject reaches what was allowed, for real, and nothing else; what else it
// asks for is simulated.
func TestLive(t *testing.T) {
	w, ref := newWorld(t), programImage(t, "visitor")
	t.Run("allowed", func(t *testing.T) {
		dir := t.TempDir()
		keep, table := filepath.Join(dir, "keep"), filepath.Join(dir, "table")
		places := []string{
			"https://example.com/a", "http://example.com/b", "dns:example.com", // are live
			"https://other.example.org/", "http://93.184.216.35/", "http://www.example.com/", "dns:www.example.com", "dns:private.example.org",
		}
		r := w.scan(t, ref, append(visiting(places...), "--network", "live", "--allow", "example.com", "--keep", keep, "-o", "table="+table)...)
		want := map[string]string{
			"https://example.com/a": `200 "the real example.com at /a, visit 1"`, "http://example.com/b": `200 "the real example.com at /b, visit 2"`,
			"dns:example.com": "it exists", "https://other.example.org/": "simulated", "http://93.184.216.35/": "simulated",
			"http://www.example.com/": "simulated", "dns:www.example.com": "it exists", "dns:private.example.org": "it exists",
		}
		if diff := cmp.Diff(want, said(r)); diff != "" {
			t.Errorf("the subject heard (-want +got):\n%s", diff)
		}
		events := kept(t, keep)
		a := exchanges(events, "example.com/a")
		if len(a) != 1 || !a[0].HTTP.Live || a[0].HTTP.ResponseBody.Text != "the real example.com at /a, visit 1" || a[0].HTTP.Version != "HTTP/2.0" {
			t.Errorf("exchange = %+v", a)
		}
		for _, host := range []string{"other.example.org", "93.184.216.35", "www.example.com"} {
			if x := exchanges(events, host); len(x) != 1 || x[0].HTTP.Live {
				t.Errorf("exchange with %s = %+v", host, x)
			}
		}
		if diff := cmp.Diff(map[string]string{
			"example.com:443": "live ", "example.com:80": "live ", "other.example.org:443": "policy", "93.184.216.35:80": "policy", "www.example.com:80": "policy",
		}, reasons(events)); diff != "" {
			t.Errorf("flows (-want +got):\n%s", diff)
		}
		met := slices.DeleteFunc(w.saw(), func(line string) bool {
			return slices.Contains([]string{
				"query example.com", "request GET https://example.com/a", "request GET http://example.com/b", "tcp 93.184.216.34:80",
				"tcp 93.184.216.34:443", "tcp [2606:2800:220:1::34]:80", "tcp [2606:2800:220:1::34]:443",
			}, line)
		})
		if len(met) != 0 {
			t.Errorf("the world saw %q", met)
		}
		text, err := os.ReadFile(table)
		if err != nil || !bytes.Contains(text, []byte("LIVE: it could reach the real internet")) || r.Run.Network != "live" {
			t.Errorf("the report says %q (%v), and network %q", text, err, r.Run.Network)
		}
	})
	t.Run("refused", func(t *testing.T) { liveRefused(t, w, ref) })
	t.Run("names", func(t *testing.T) {
		places := []string{"dns:gone.example.com", "dns:six.example.com", "dns:gone.example.org", "dns:printer"}
		r := w.scan(t, ref, append(visiting(places...), "--network", "live", "--allow", "*.example.com")...)
		want := map[string]string{
			"dns:gone.example.com": "no such name", "dns:six.example.com": "it exists", "dns:gone.example.org": "it exists", "dns:printer": "no such name",
		}
		if diff := cmp.Diff(want, said(r)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"query gone.example.com", "query six.example.com"}, w.saw()); diff != "" {
			t.Errorf("the world saw (-want +got):\n%s", diff)
		}
	})
	t.Run("large", func(t *testing.T) {
		body := make([]byte, 50<<20)
		for i := range 50 {
			for j := i; j < 50; j++ {
				body[j<<20+i] = 1 // see e2e/world
			}
		}
		want := fmt.Sprintf("200 %d bytes %x", len(body), sha256.Sum256(body))
		r := w.scan(t, ref, append(visiting("https://example.com/large"), "--network", "live", "--allow", "example.com")...)
		if got := said(r)["https://example.com/large"]; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("bounds", func(t *testing.T) { liveBounds(t, w, ref) })
	t.Run("not configured", func(t *testing.T) {
		w.saw()
		args := append(configured(t, "run: {network: live, live: {allow: [example.com]}}\n"), visiting("http://example.com/")...)
		if out, err := w.command(t, ref, args...).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("use --network live")) {
			t.Errorf("%v: %s", err, out)
		}
		r := w.scan(t, ref, append(visiting("http://example.com/", "dns:gone.example.com"), configured(t, "run: {live: {allow: ['*']}}\n")...)...)
		if got := said(r); got["http://example.com/"] != "simulated" || len(w.saw()) != 0 || r.Run.Network != "simulated" {
			t.Errorf("without --network live: %v on %s", got, r.Run.Network)
		}
	})
}

// liveRefused: what is private, this machine's, or for mail, is not reached,
// whoever allows it and whatever leads there.
func liveRefused(t *testing.T, w *world, ref string) {
	w.saw()
	keep := filepath.Join(t.TempDir(), "keep")
	places := []string{
		"http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]:8080/", "http://45.33.32.1/", "http://10.73.0.1/",
		"http://private.example.com/", "http://mapped.example.com/", "http://metadata.example.com/", "http://own.example.com/",
		"http://router.example.com/", "http://loopback.example.com/",
		"http://some.example.com/to?http://10.0.0.1/redirected", "http://some.example.com/to?http://169.254.169.254/latest/meta-data/",
		"tcp://some.example.com:25/EHLO me", "tcp://some.example.com:587/EHLO me", "tcp://some.example.com:9/hello", "tcp://some.example.com:7/hello",
	}
	args := append(visiting(places...), configured(t, "run: {live: {ports: [7, 25, 80, 443, 587, 8080]}}\n")...)
	r := w.scan(t, ref, append(args, "--network", "live", "--allow", "*,*.example.com,10.0.0.0/8,169.254.0.0/16,45.33.32.1", "--keep", keep)...)
	got := said(r)
	for _, place := range places {
		real := strings.Contains(got[place], "the real")
		if want := place == "tcp://some.example.com:7/hello"; real != want || got[place] == "" {
			t.Errorf("%s: %s", place, got[place])
		}
	}
	if got := got["tcp://some.example.com:7/hello"]; got != `"the real echo: hello"` {
		t.Errorf("the echo says %s", got)
	}
	for _, line := range w.saw() {
		switch {
		case strings.HasPrefix(line, "query "), line == "tcp 93.184.216.34:80", line == "tcp 93.184.216.34:7", strings.HasPrefix(line, "request GET http://some.example.com/to"):
		default:
			t.Errorf("the world saw %q", line)
		}
	}
	got = reasons(kept(t, keep))
	for to, reason := range map[string]string{
		"169.254.169.254:80": "policy", "10.0.0.1:80": "policy", "10.0.0.1:8080": "policy", "45.33.32.1:80": "policy", "10.73.0.1:80": "policy",
		"private.example.com:80": "policy", "mapped.example.com:80": "policy", "metadata.example.com:80": "policy", "own.example.com:80": "policy",
		"router.example.com:80": "policy", "loopback.example.com:80": "policy", "some.example.com:25": "policy", "some.example.com:587": "policy",
		"some.example.com:9": "policy", "some.example.com:7": "live ", "some.example.com:80": "live ",
	} {
		if got[to] != reason {
			t.Errorf("the flow to %s has reason %q, want %q", to, got[to], reason)
		}
	}
}

// liveBounds: a run has no more of the real internet than its bounds, and its
// report says that they were reached.
func liveBounds(t *testing.T, w *world, ref string) {
	for _, tc := range []struct {
		name, bound string
		places      []string
		want        string // how often the real internet answered
		met         int
	}{
		{"bytes", "bytes: 1MiB", []string{"http://example.com/large", "http://example.com/after"}, "error: ", 1},
		{"connections", "connections: 2", []string{"http://example.com/1", "https://example.com/2", "tcp://example.com:7/3"}, "", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.saw()
			args := append(visiting(tc.places...), configured(t, "run: {live: {ports: [7, 80, 443], "+tc.bound+"}}\n")...)
			r := w.scan(t, ref, append(args, "--network", "live", "--allow", "example.com")...)
			met := slices.DeleteFunc(w.saw(), func(line string) bool { return !strings.HasPrefix(line, "tcp ") })
			if len(met) != tc.met {
				t.Errorf("the world saw %q, want %d connections", met, tc.met)
			}
			got := said(r)
			if first := got[tc.places[0]]; !strings.HasPrefix(first, tc.want) {
				t.Errorf("at first: %s", first)
			}
			if last := got[tc.places[len(tc.places)-1]]; strings.Contains(last, "the real") || last == "" {
				t.Errorf("in the end: %s", last)
			}
			if !slices.ContainsFunc(r.Coverage.Gaps, func(g string) bool { return strings.Contains(g, "live network") }) {
				t.Errorf("gaps = %q", r.Coverage.Gaps)
			}
		})
	}
}

// What a live run was answered can be played to later ones, when the real
// internet is gone.
func TestRecordAndReplay(t *testing.T) {
	w, ref := newWorld(t), programImage(t, "visitor")
	dir := t.TempDir()
	record := filepath.Join(dir, "record.jsonl")
	places := []string{
		"https://example.com/a", "http://six.example.com/b", "https://example.com/a", "http://example.com/to?https://six.example.com/c",
		"dns:gone.example.com", "tcp://some.example.com:7/hello", "https://elsewhere.example.org/",
	}
	args := append(visiting(places...), configured(t, "run: {live: {ports: [7, 80, 443]}}\n")...)
	live := w.scan(t, ref, append(args, "--network", "record="+record, "--allow", "example.com,*.example.com")...)
	want := said(live)
	if got := want["https://example.com/a"]; got != `200 "the real example.com at /a, visit 3"` || want["tcp://some.example.com:7/hello"] != `"the real echo: hello"` {
		t.Errorf("live: %v", want)
	}
	w.close()
	keep := filepath.Join(dir, "keep")
	replayed := scan(t, ref, append(args, "--network", "replay="+record, "--keep", keep)...)
	if diff := cmp.Diff(live.Run.Output, replayed.Run.Output); diff != "" {
		t.Errorf("output (-live +replayed):\n%s", diff)
	}
	if replayed.Run.Network != "simulated" {
		t.Errorf("network = %s", replayed.Run.Network)
	}
	for _, e := range kept(t, keep) {
		if h := e.HTTP; e.Kind == tape.HTTPExchange && (h.Live || h.Replayed == strings.Contains(h.URL, "elsewhere")) {
			t.Errorf("exchange = %+v", h)
		}
	}
	other := said(scan(t, ref, append(visiting("https://example.com/a", "https://example.com/new", "tcp://other.example.org:7/x"), "--network", "replay="+record)...))
	if other["https://example.com/a"] != `200 "the real example.com at /a, visit 1"` || other["https://example.com/new"] != "simulated" || strings.Contains(other["tcp://other.example.org:7/x"], "real") {
		t.Errorf("of a subject that goes elsewhere: %v", other)
	}
	whole, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"cut": whole[:len(whole)*2/3], "corrupt": bytes.Replace(whole, []byte(`{"http"`), []byte(`{"hppt"`), 1)} {
		file := filepath.Join(dir, name)
		write(t, file, string(text))
		out, err := scanCommand(t, nil, ref, "--network", "replay="+file).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("make it again with --network record=FILE")) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}
