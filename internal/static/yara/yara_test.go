package yara_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/statictest"
	"github.com/detonaut/detonaut/internal/static/yara"
)

// rules are files of rules, as somebody may have them.
var rules = map[string]string{
	"miner/pools.yar": `
rule pool_address : mining network {
  meta:
    description = "an address of a \"pool\""
    author = "A. Author"
    license = "MIT"
    severity = 90
  strings:
    $a = "pool.example:3333"
  condition: $a
}
rule harmless { meta: score = 20 strings: $a = "nothing much" condition: $a }
private rule hidden { condition: filesize > 3 }
rule uses_hidden { strings: $a = "see hidden" condition: hidden and $a }`,
	"miner-pools.yara": `rule pool_address { strings: $a = "second opinion" condition: $a }`,
	"broken.yar":       `rule broken { condition: no_such_thing }`,
	"notes.txt":        `rule no_rule { condition: true }`,
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeTo(t, dir, files)
	return dir
}

func writeTo(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// open opens the real command, which testdata/needs.sh installs.
func open(t *testing.T, o yara.Options) *yara.Analyzer {
	t.Helper()
	if o.Command == "" {
		o.Command = "yara"
	}
	a, err := yara.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func file(text string) static.File {
	sum := sha256.Sum256([]byte(text))
	return static.File{
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text)), Type: "text",
		Open: func() (static.Content, error) { return opened{strings.NewReader(text)}, nil },
	}
}

type opened struct{ io.ReaderAt }

func (opened) Close() error { return nil }

func analyze(t *testing.T, a *yara.Analyzer, text string) []detonaut.Finding {
	t.Helper()
	found, err := a.Analyze(t.Context(), file(text))
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return found
}

func TestAnalyze(t *testing.T) {
	a := open(t, yara.Options{Rules: []string{write(t, rules)}})
	pool := detonaut.Finding{
		ID: "yara/miner-pools/pool-address-2", Title: "Matches the YARA rule pool_address",
		Meaning:  `The rule says: an address of a "pool"`,
		Severity: detonaut.Medium, Confidence: detonaut.Tentative, Count: 1,
		Evidence: []detonaut.Evidence{{Summary: "rule pool_address of miner/pools, by A. Author, licence MIT, tags mining network, $a at 0x8", Offset: 8}},
	}
	second := detonaut.Finding{
		ID: "yara/miner-pools/pool-address", Title: "Matches the YARA rule pool_address",
		Meaning:  "A rule that was brought along by whoever reads this image matches it.",
		Severity: detonaut.Medium, Confidence: detonaut.Tentative, Count: 1,
		Evidence: []detonaut.Evidence{{Summary: "rule pool_address of miner-pools, $a at 0x2", Offset: 2}},
	}
	harmless := second
	harmless.ID, harmless.Title, harmless.Severity = "yara/miner-pools/harmless", "Matches the YARA rule harmless", detonaut.Low
	harmless.Evidence = []detonaut.Evidence{{Summary: "rule harmless of miner/pools, $a at 0x0"}}
	uses := harmless
	uses.ID, uses.Title, uses.Severity = "yara/miner-pools/uses-hidden", "Matches the YARA rule uses_hidden", detonaut.Medium
	uses.Evidence = []detonaut.Evidence{{Summary: "rule uses_hidden of miner/pools, $a at 0x0"}}
	for _, test := range []struct {
		text string
		want []detonaut.Finding
	}{
		{"mine at pool.example:3333 now", []detonaut.Finding{pool}},
		{"a second opinion", []detonaut.Finding{second}},
		{"nothing much", []detonaut.Finding{harmless}},
		{"see hidden", []detonaut.Finding{uses}},
		{"pool.example", nil},
		{"nothing much", []detonaut.Finding{harmless}},
	} {
		got := analyze(t, a, test.text)
		if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
}

// TestProblems shows that rules which do not compile are named and left out.
func TestProblems(t *testing.T) {
	files := map[string]string{"a.yar": "rule unclosed { condition: }", "deep/b.YAR": `include "nowhere.yar"`}
	for i := range 20 {
		files[fmt.Sprintf("good%d.yar", i)] = fmt.Sprintf("rule same { strings: $a = \"number %d;\" condition: $a }", i)
	}
	dir := write(t, files)
	a := open(t, yara.Options{Rules: []string{dir, dir}})
	var got []string
	for _, p := range a.Problems() {
		name, err := filepath.Rel(dir, p.File)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, name+": "+p.Reason)
	}
	want := []string{
		"a.yar: error: rule \"unclosed\" in a.yar(1): syntax error",
		"deep/b.YAR: error: b.YAR(1): can't open include file: nowhere.yar",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if state, why := a.Lack(); state != detonaut.Partial || !strings.Contains(why, "compile: 2 (") || !strings.Contains(why, "can't open include file") {
		t.Errorf("it lacks %s, %q", state, why)
	}
	if a.Rules() != 20 {
		t.Errorf("it has %d rules, want 20", a.Rules())
	}
	if found := analyze(t, a, "number 7;"); len(found) != 1 || found[0].ID != "yara/good7/same" {
		t.Errorf("got %+v, want the rule of good7", found)
	}
}

func TestContract(t *testing.T) {
	a := open(t, yara.Options{Rules: []string{write(t, rules)}})
	statictest.Run(t, a, []static.File{file("mine at pool.example:3333"), file("nothing"), file("a second opinion, see hidden")})
}

// TestVersion shows that a version follows from the rules.
func TestVersion(t *testing.T) {
	first, again := open(t, yara.Options{Rules: []string{write(t, rules)}}), open(t, yara.Options{Rules: []string{write(t, rules)}})
	if first.Version() != again.Version() || !strings.HasPrefix(first.Version(), "1+yara-") {
		t.Errorf("of the same rules: %s and %s", first.Version(), again.Version())
	}
	one := open(t, yara.Options{Rules: []string{filepath.Join(write(t, rules), "miner-pools.yara")}})
	if state, why := one.Lack(); state != detonaut.Complete || why != "" || one.Rules() != 1 {
		t.Errorf("of one file: %s, %q, %d rules", state, why, one.Rules())
	}
	if one.Version() == first.Version() {
		t.Errorf("of other rules: %s", one.Version())
	}
}

// TestSlow shows that a file on which a rule takes too long costs that file alone.
func TestSlow(t *testing.T) {
	dir := write(t, map[string]string{"slow.yar": `
rule slow { strings: $a = "slow" condition: $a and for all i in (0..2000000000) : ( uint8(i % 4) != 0 ) }
rule quick { strings: $a = "quick" condition: $a }`})
	a := open(t, yara.Options{Rules: []string{dir}, PerFile: time.Second})
	var files []static.File
	for _, text := range []string{"quick 1", "quick 2", "slow and quick", "quick 3", "other"} {
		files = append(files, file(text))
	}
	got := a.AnalyzeAll(t.Context(), files)
	for i, o := range got {
		late, found := i == 2, i < 2 || i == 3
		if errors.Is(o.Err, context.DeadlineExceeded) != late || !late && o.Err != nil || (len(o.Found) == 1) != found {
			t.Errorf("file %d: got %+v", i, o)
		}
	}
}

// TestMany reads more files than rules.
func TestMany(t *testing.T) {
	a := open(t, yara.Options{Rules: []string{write(t, rules)}})
	var files []static.File
	for i := range 500 {
		files = append(files, file(fmt.Sprintf("%d pool.example:3333", i)))
	}
	for i, o := range a.AnalyzeAll(t.Context(), files) {
		if o.Err != nil || len(o.Found) != 1 {
			t.Fatalf("file %d: got %+v", i, o)
		}
	}
}

// TestUnreadable shows that a content that cannot be read is no innocent one, and costs
// itself alone.
func TestUnreadable(t *testing.T) {
	a := open(t, yara.Options{Rules: []string{write(t, rules)}})
	broken := errors.New("broken")
	bad := file("pool.example:3333")
	bad.Open = func() (static.Content, error) { return nil, broken }
	got := a.AnalyzeAll(t.Context(), []static.File{bad, file("pool.example:3333")})
	if !errors.Is(got[0].Err, broken) || got[1].Err != nil || len(got[1].Found) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestPlaces reads files in which a pattern is a million times: that is a match, and no
// trouble for the others.
func TestPlaces(t *testing.T) {
	a := open(t, yara.Options{Rules: []string{write(t, map[string]string{
		"a.yar": `rule much { strings: $a = "abcd" $b = "dabc" condition: any of them } rule quick { strings: $q = "quick" condition: $q }`,
	})}})
	got := a.AnalyzeAll(t.Context(), []static.File{file("a quick one"), file(strings.Repeat("abcd", 1<<20) + "quick")})
	for i, want := range [][]string{{"quick"}, {"much", "quick"}} {
		var ids []string
		for _, f := range got[i].Found {
			ids = append(ids, strings.TrimPrefix(f.ID, "yara/a/"))
		}
		if diff := cmp.Diff(want, ids); diff != "" || got[i].Err != nil {
			t.Errorf("file %d: %v (-want +got):\n%s", i, got[i].Err, diff)
		}
	}
	if e := got[0].Found[0].Evidence[0]; e.Offset != 2 || e.Summary != "rule quick of a, $q at 0x2" {
		t.Errorf("got %+v", e)
	}
}

func TestMatchesTooMuch(t *testing.T) {
	var b bytes.Buffer
	for i := range 300 {
		fmt.Fprintf(&b, "rule r%d { condition: filesize > 0 }\n", i)
	}
	a := open(t, yara.Options{Rules: []string{write(t, map[string]string{"all.yar": b.String()})}})
	found, err := a.Analyze(t.Context(), file("x"))
	if !errors.Is(err, context.DeadlineExceeded) || len(found) != 256 {
		t.Errorf("got %d findings, %v", len(found), err)
	}
}

// TestOpen tells what is missing, and leaves nothing behind.
func TestOpen(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	good := write(t, rules)
	for _, test := range []struct {
		show string
		o    yara.Options
		want string
	}{
		{"no command", yara.Options{Command: "/no/such/yara", Rules: []string{good}}, "install yr (YARA-X) or yara"},
		{"another command", yara.Options{Command: "true", Rules: []string{good}}, "when asked for its version"},
		{"no directory", yara.Options{Command: "yara", Rules: []string{"/no/such/dir"}}, "name directories that are there with yara.rules"},
		{"no rules", yara.Options{Command: "yara", Rules: []string{t.TempDir()}}, "ends in .yar or .yara"},
		{"bad rules", yara.Options{Command: "yara", Rules: []string{filepath.Join(good, "broken.yar")}}, `none can be used: files of rules left out, because they do not compile: 1`},
	} {
		if _, err := yara.Open(t.Context(), test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.show, err, test.want)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInstalled(t *testing.T) {
	got, err := yara.Installed(t.Context(), "yara")
	if err != nil || !strings.HasPrefix(got, "yara ") {
		t.Errorf("got %q, %v", got, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := yara.Installed(t.Context(), ""); !errors.Is(err, yara.ErrNone) {
		t.Errorf("got %v, want %v", err, yara.ErrNone)
	}
}
