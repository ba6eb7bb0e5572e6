package yara_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/yara"
)

// A yara that does as a script says for the files of a list, which are LIST. It has one
// rule.
const classic = `#!/bin/sh
case "$*" in
--version) echo 4.9.9; exit;;
*-n*) echo "r0:one [] [] empty"; exit;;
*-m*) echo "detonaut:seen [] [] empty"; exit;;
esac
for LIST; do :; done
`

// compiler is a yarac that makes a file.
const compiler = "#!/bin/sh\nfor OUT; do :; done\necho compiled > $OUT\n"

// fake opens a yara that runs script to scan.
func fake(t *testing.T, script string) *yara.Analyzer {
	t.Helper()
	dir := write(t, map[string]string{"yara": classic + script, "yarac": compiler, "one.yar": "rule one {}"})
	return open(t, yara.Options{Command: filepath.Join(dir, "yara"), Rules: []string{dir}, PerFile: time.Second})
}

func texts(texts ...string) (files []static.File) {
	for _, text := range texts {
		files = append(files, file(text))
	}
	return files
}

// TestCrash shows that a file on which the command dies costs that file alone, also if
// nothing is left of what the command said of the others.
func TestCrash(t *testing.T) {
	a := fake(t, `
grep -l crash $(cat $LIST) >/dev/null && kill -SEGV $$
for f in $(cat $LIST); do echo "r0:one $f"; echo "detonaut:seen $f"; done`)
	for i, o := range a.AnalyzeAll(t.Context(), texts("a", "b", "c", "crash", "d")) {
		if i == 3 {
			if o.Err == nil || errors.Is(o.Err, context.DeadlineExceeded) || !strings.Contains(o.Err.Error(), "segmentation fault") {
				t.Errorf("the file on which it dies: got %+v", o)
			}
		} else if o.Err != nil || len(o.Found) != 1 || o.Found[0].ID != "yara/one/one" {
			t.Errorf("file %d: got %+v", i, o)
		}
	}
}

// TestHang shows that a command that does not end is killed with all that it started.
func TestHang(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	a := fake(t, `
sleep 1000 &
echo $! $$ >> `+pids+`
wait`)
	if _, err := a.Analyze(t.Context(), file("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		for alive(pid) { // the test's own time limit is one for this as well
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// alive tells whether a process runs: it may be dead, and nobody have asked yet.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// TestNonsense shows that what is not understood is an error, and never nothing.
func TestNonsense(t *testing.T) {
	for show, script := range map[string]string{
		"no result":      ``,
		"not to the end": `echo r0:one 0`,
		"half a line":    `printf 'detonaut:seen 0'`,
		"other text":     `echo hello`,
		"another file":   `echo detonaut:seen 7`,
		"no file":        `echo detonaut:seen /etc/passwd`,
		"another rule":   `echo r0:two 0; echo detonaut:seen 0`,
		"an error alone": `echo "error scanning 0: could not open file" >&2`,
	} {
		found, err := fake(t, script).Analyze(t.Context(), file("a"))
		if err == nil || len(found) > 0 || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, %v, want an error", show, found, err)
		}
	}
}

// TestFlood bounds what is read of a command.
func TestFlood(t *testing.T) {
	if _, err := fake(t, `yes r0:one 0`).Analyze(t.Context(), file("a")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "more than is read") {
		t.Errorf("got %v", err)
	}
}

// extended stands in for yr, of which no package is at hand. It shows how it is called, as
// its documentation says (https://virustotal.github.io/yara-x/docs/cli/commands), and
// answers in the form of its ndjson.
const extended = `#!/bin/sh
here=$(dirname "$0")
echo "$@" | sed "s#$here#HERE#g; s#/[^ ]*detonaut-yara-[0-9]*#TEMP#g" >> "$here/calls"
case "$*" in
--version) echo yara-x-cli 1.9.0;;
compile*) echo compiled > "$4"; [ "$4" ];;
*--negate*) echo '{"path":"empty","rules":[{"identifier":"pool","namespace":"r0","meta":[["author","A. Author"],["licence","MIT"],["score",20]],"tags":["net"]}]}';;
*--print-meta*) echo '{"path":"empty","rules":[{"identifier":"seen","namespace":"detonaut","meta":[],"tags":[]}]}';;
*--print-strings*) echo '{"path":"0","rules":[{"identifier":"pool","namespace":"r0","strings":[{"identifier":"$p","offset":2,"match":"p"}]},{"identifier":"seen","namespace":"detonaut"}]}';;
*)
  for list; do :; done
  while read f; do
    if grep -q pool $f; then
      echo "{\"path\":\"$f\",\"rules\":[{\"identifier\":\"pool\",\"namespace\":\"r0\"},{\"identifier\":\"seen\",\"namespace\":\"detonaut\"}]}"
    else
      echo "{\"path\":\"$f\",\"rules\":[{\"identifier\":\"seen\",\"namespace\":\"detonaut\"}]}"
    fi
  done < $list;;
esac
`

func TestExtended(t *testing.T) {
	dir := write(t, map[string]string{"yr": extended, "net.yar": "rule pool {}"})
	a := open(t, yara.Options{Command: filepath.Join(dir, "yr"), Rules: []string{dir}})
	got := a.AnalyzeAll(t.Context(), texts("a pool", "nothing"))
	if got[0].Err != nil || got[1].Err != nil || len(got[1].Found) != 0 {
		t.Fatalf("got %+v", got)
	}
	want := []detonaut.Finding{{
		ID: "yara/net/pool", Title: "Matches the YARA rule pool", Meaning: "A rule that was brought along by whoever reads this image matches it.",
		Severity: detonaut.Low, Confidence: detonaut.Tentative, Count: 1,
		Evidence: []detonaut.Evidence{{Summary: "rule pool of net, by A. Author, licence MIT, tags net, $p at 0x2", Offset: 2}},
	}}
	if diff := cmp.Diff(want, got[0].Found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(a.Version(), "1+yara-x-1.9.0+") {
		t.Errorf("its version is %s", a.Version())
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	wantCalls := `--version
compile --disable-warnings --output TEMP/rules r0:HERE/net.yar detonaut:TEMP/own.yar
scan --compiled-rules --output-format ndjson --print-namespace --print-tags --print-meta TEMP/rules TEMP/empty
scan --compiled-rules --output-format ndjson --print-namespace --print-tags --print-meta --negate TEMP/rules TEMP/empty
scan --compiled-rules --output-format ndjson --print-namespace --threads 1 --timeout 10 --scan-list TEMP/rules list
scan --print-strings=1 --compiled-rules --output-format ndjson --print-namespace --threads 1 --timeout 10 --scan-list TEMP/rules list
`
	if diff := cmp.Diff(wantCalls, string(calls)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
