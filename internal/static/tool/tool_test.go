package tool

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static/malware/facts"
	"github.com/detonaut/detonaut/internal/static/pattern"
)

const hydra = `
- name: hydra
  kind: a password brute forcer
  category: hacktool
  use: attack
  what: Guesses passwords of network services.
  home: https://github.com/vanhauser-thc/thc-hydra
  packages: {os: [hydra], pypi: [Some_Hydra]}
  go: [github.com/Some/hydra]
  dotnet: [SharpHydra]
  marks:
    - {types: [elf, script], all: ['Hydra v', 'hydra.restore']}
`

const netcat = `
- name: netcat
  kind: a tool for connections
  use: both
  what: Connects to anything.
  home: https://example.org/
  packages: {deb: [netcat-openbsd]}
  marks:
    - {types: [elf], all: ['netcat usage']}
    - {types: [text], all: ['netcat for scripts']}
`

const clamav = `
- name: clamav
  kind: a virus scanner
  use: defence
  what: Looks for malware.
  home: https://example.org/
  packages: {os: [clamav]}
`

func file(entries ...string) string { return "tools:" + strings.Join(entries, "") }

// load makes a catalogue of files, by their names.
func load(t *testing.T, files map[string]string) *Catalogue {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// three is a catalogue of three tools.
func three(t *testing.T) *Catalogue {
	t.Helper()
	c := load(t, map[string]string{"a.yaml": file(hydra, netcat), "b.yaml": file(clamav), "README": "no tools"})
	if len(c.Problems()) > 0 {
		t.Fatal(c.Problems())
	}
	return c
}

func TestFinding(t *testing.T) {
	c := three(t)
	var got []string
	for _, tool := range c.Tools() {
		f := tool.Finding(detonaut.Certain)
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s", f.ID, f.Title, f.Meaning, f.Severity, f.Confidence, f.Category, f.Family))
	}
	want := []string{
		"tool/clamav|Has clamav, a virus scanner|Looks for malware. It serves defence, and is no threat.|negligible|certain||clamav",
		"tool/hydra|Has hydra, a password brute forcer|Guesses passwords of network services. Attackers use it, and testers of security; a service has no need of it.|medium|certain|hacktool|hydra",
		"tool/netcat|Has netcat, a tool for connections|Connects to anything. Administrators and programmers use it, and attackers, too.|low|certain||netcat",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhy(t *testing.T) {
	for category, want := range map[detonaut.Category]string{
		detonaut.Miner: "paid for", detonaut.Proxy: "Strangers", detonaut.Exploit: "Attackers", "": "Attackers",
	} {
		if got := (&Tool{Use: Attack, Category: category}).why(); !strings.Contains(got, want) {
			t.Errorf("%s: %s", category, got)
		}
	}
}

func TestDigest(t *testing.T) {
	one := load(t, map[string]string{"a.yaml": file(hydra), "b.yaml": file(netcat)}).Digest()
	if again := load(t, map[string]string{"b.yaml": file(netcat), "a.yaml": file(hydra)}).Digest(); again != one || one == "" {
		t.Errorf("%s, %s", one, again)
	}
	if other := load(t, map[string]string{"a.yaml": file(hydra), "b.yaml": file(clamav)}).Digest(); other == one {
		t.Error("other tools, the same digest")
	}
}

func TestProblems(t *testing.T) {
	with := func(old, to string) string { return file(strings.Replace(hydra, old, to, 1)) }
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":             {"tools: [", "did not find expected node content"},
		"another field":       {with("home:", "house:"), "field house not found"},
		"an alias":            {"a: &a x\nb: *a", "anchors and aliases"},
		"two documents":       {file(hydra) + "\n---\n" + file(clamav), "more than one document"},
		"no name":             {with("name: hydra", "name: ''"), "a tool without a name"},
		"a long name":         {with("name: hydra", "name: Hydra The Guesser"), "is no short name"},
		"no article":          {with("a password", "password"), "kind: want a noun"},
		"no sentence":         {with("services.", "services"), "what: want one sentence"},
		"two lines":           {with("what: Guesses", `what: "Guesses\nwell."#`), "what: want one sentence"},
		"long":                {with("Guesses", strings.Repeat("Guesses ", 99)), "too long"},
		"no home":             {with("https://", "ftp://"), "home: want a URL"},
		"no use":              {with("use: attack", "use: fun"), "use \"fun\" is none of"},
		"no category":         {with("category: hacktool", "category: fun"), "category \"fun\" is unknown"},
		"a defence":           {with("use: attack", "use: defence"), "has no category"},
		"kind of packages":    {with("pypi:", "pip:"), "\"pip\" is no kind of packages"},
		"an empty package":    {with("[hydra]", "['']"), "a name that is empty"},
		"an empty name":       {with("Some_Hydra", "'-'"), "a name is empty"},
		"an empty module":     {with("github.com/Some/hydra", "v2"), "\"v2\" is no path of a module"},
		"a mark without type": {with("[elf, script]", "[]"), "a mark has"},
		"an empty type":       {with("[elf, script]", "['']"), "an empty type"},
		"a short mark":        {with("'Hydra v'", "'Hy'"), "has no 3 bytes"},
		"nothing to find":     {"tools:\n- {name: a, kind: a tool, use: both, what: Does., home: 'https://a.example'}", "nothing by which it could be found"},
		"the same name":       {file(hydra, strings.NewReplacer("[hydra]", "[h]", "Some_Hydra", "h", "Some/", "h/", "SharpHydra", "h").Replace(hydra)), "another tool has this name"},
		"the same package":    {file(hydra, strings.NewReplacer("name: hydra", "name: other", "[hydra]", "[h]").Replace(hydra)), "hydra, too, has the package some-hydra of python"},
		"the same module":     {file(hydra, strings.NewReplacer("name: hydra", "name: other", "[hydra]", "[h]", "Some_Hydra", "h").Replace(hydra)), "hydra, too, has the module"},
		"the same assembly":   {file(hydra, strings.NewReplacer("name: hydra", "name: other", "[hydra]", "[h]", "Some_Hydra", "h", "Some/", "h/").Replace(hydra)), "hydra, too, has the assembly"},
		"too much":            {file(hydra) + strings.Repeat("# more\n", rulebook.MaxDocument/7), "limit"},
	} {
		t.Run(name, func(t *testing.T) {
			made := load(t, map[string]string{"a.yaml": c.text, "z.yaml": file(clamav)})
			if len(made.Problems()) != 1 || !strings.Contains(made.Problems()[0].Error(), c.want) || !strings.HasPrefix(made.Problems()[0].Error(), "a.yaml") {
				t.Errorf("problems %v, want %s", made.Problems(), c.want)
			}
			if made.Tools()[0].Name != "clamav" {
				t.Error("the other file is not used")
			}
		})
	}
}

func TestProblemLine(t *testing.T) {
	c := load(t, map[string]string{"a.yaml": file(hydra, strings.Replace(netcat, "both", "fun", 1))})
	if p := c.Problems(); len(p) != 1 || p[0].Line != 14 {
		t.Errorf("%v", p)
	}
}

func TestCheck(t *testing.T) {
	at := []detonaut.Location{{Path: "/var/lib/dpkg/status", Layer: "sha256:1"}, {Path: "/other"}}
	c := three(t)
	found := c.Check(&detonaut.Inventory{Packages: []detonaut.Package{
		{Name: "netcat-openbsd", Version: "1.2", Type: "apk"}, // of another distribution
		{Name: "netcat-openbsd", Version: "1.2", Type: "deb", Hidden: true, Locations: at},
		{Name: "some.hydra", Version: "3", Type: "python"},
		{Name: "hydra", Version: "9.4-1", Type: "deb", Locations: at},
		{Name: "hydra", Type: "npm"},
		{Name: "github.com/some/hydra", Type: "go-module"},
		{Name: "clamav", Version: strings.Repeat("1", 1000), Type: "apk"},
	}})
	var got []string
	for _, f := range found {
		for _, e := range f.Evidence {
			got = append(got, fmt.Sprintf("%s %s %d: %s, %s %s %t", f.ID, f.Confidence, f.Count, e.Summary, e.Path, e.Layer, e.Hidden))
		}
	}
	want := []string{
		"tool/clamav certain 1: Alpine package clamav " + strings.Repeat("1", 178) + "…,   false",
		"tool/hydra certain 2: Python package some.hydra 3,   false",
		"tool/hydra certain 2: Debian package hydra 9.4-1, /var/lib/dpkg/status sha256:1 false",
		"tool/netcat probable 1: Debian package netcat-openbsd 1.2 (an upper layer removed or replaced it), /var/lib/dpkg/status sha256:1 true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c.Check(nil) != nil {
		t.Error("found something in nothing")
	}
}

func TestCheckIsBounded(t *testing.T) {
	inv := &detonaut.Inventory{Packages: make([]detonaut.Package, 100)}
	for i := range inv.Packages {
		inv.Packages[i] = detonaut.Package{Name: "hydra", Type: "deb"}
	}
	f := three(t).Check(inv)[0]
	if f.Count != 100 || len(f.Evidence) != maxEvidence {
		t.Errorf("%d, %d", f.Count, len(f.Evidence))
	}
}

// match is what c says of a file with a content and facts.
func match(t *testing.T, c *Catalogue, content string, f facts.Facts) (got []string) {
	t.Helper()
	set, err := pattern.Compile(c.Patterns())
	if err != nil {
		t.Fatal(err)
	}
	hits, err := set.Scan(t.Context(), bytes.NewReader([]byte(content)), int64(len(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Match(&f, hits) {
		got = append(got, fmt.Sprintf("%s %s: %s @%d", m.Finding.ID, m.Finding.Confidence, m.Summary, m.Offset))
	}
	return got
}

func TestMatch(t *testing.T) {
	c := three(t)
	inGo := func(g facts.Go) facts.Facts { return facts.Facts{Type: "elf", Go: &g} }
	for name, x := range map[string]struct {
		content string
		facts   facts.Facts
		want    string
	}{
		"nothing":       {"", facts.Facts{Type: "elf"}, ""},
		"a mark":        {"..hydra.restore Hydra v9", facts.Facts{Type: "elf-library"}, `tool/hydra probable: "Hydra v" at 0x10, "hydra.restore" at 0x2 @2`},
		"another type":  {"Hydra v hydra.restore", facts.Facts{Type: "text"}, ""},
		"a like type":   {"Hydra v hydra.restore", facts.Facts{Type: "elfin"}, ""},
		"half a mark":   {"Hydra v", facts.Facts{Type: "elf"}, ""},
		"a second mark": {"netcat usage netcat for scripts", facts.Facts{Type: "text"}, `tool/netcat probable: "netcat for scripts" at 0xd @13`},
		"two tools": {
			"netcat usage Hydra v hydra.restore",
			facts.Facts{Type: "elf"},
			`tool/hydra probable: "Hydra v" at 0xd, "hydra.restore" at 0x15 @13;tool/netcat probable: "netcat usage" at 0x0 @0`,
		},
		"a module":         {"", inGo(facts.Go{Module: "github.com/some/Hydra/v3", Path: "github.com/some/hydra/v3/cli"}), "tool/hydra probable: github.com/some/Hydra/v3, which is written in Go @0"},
		"a main package":   {"", inGo(facts.Go{Path: "github.com/Some/hydra/cmd/x"}), "tool/hydra probable: github.com/Some/hydra/cmd/x, which is written in Go @0"},
		"a like module":    {"", inGo(facts.Go{Module: "github.com/some/hydra-client"}), ""},
		"a dependency":     {"", inGo(facts.Go{Module: "example.org/x", Dependencies: []string{"github.com/some/hydra@v3.0.0"}, Packages: []string{"github.com/some/hydra/lib"}}), ""},
		"built of files":   {"", inGo(facts.Go{Path: "command-line-arguments", Packages: []string{"fmt", "github.com/some/hydra/lib"}}), "tool/hydra probable: github.com/some/hydra/lib, which is written in Go @0"},
		"an assembly":      {"", facts.Facts{Type: "pe", DotNet: &facts.DotNet{Name: "SharpHydra", Types: []string{"<Module>", "SharpHydra.Program"}}}, "tool/hydra probable: the assembly SharpHydra for .NET @0"},
		"only its name":    {"", facts.Facts{Type: "pe", DotNet: &facts.DotNet{Name: "SharpHydra", Types: []string{"SharpHydraClient.Program"}}}, ""},
		"a module, marked": {"Hydra v hydra.restore", inGo(facts.Go{Module: "github.com/some/hydra"}), "tool/hydra probable: github.com/some/hydra, which is written in Go @0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(match(t, c, x.content, x.facts), ";"); got != x.want {
				t.Errorf("got  %s\nwant %s", got, x.want)
			}
		})
	}
}
