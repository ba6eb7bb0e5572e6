package verdict

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
)

// TestDoc holds docs/verdict.md to the table. With -update its table is written
// anew.
func TestDoc(t *testing.T) {
	const file, from, to = "../../docs/verdict.md", "| | word | when there is |\n|---|---|---|\n", "\n\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), from)
	_, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no table that begins with %q", file, from)
	}
	var rows []string
	for i, r := range judgement().Rows {
		rows = append(rows, fmt.Sprintf("| %d | `%s` | %s |", i+1, r.Word, words(&r)))
	}
	want := before + from + strings.Join(rows, "\n") + to + after
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s and table.yaml differ (-table +doc):\n%s", file, diff)
	}
}

// words says what a row asks for.
func words(r *row) string {
	switch {
	case r.Missed:
		return "anything that was missed"
	case len(r.Has) == 0:
		return "nothing of the above"
	}
	var parts []string
	for _, q := range r.Has {
		s := "a finding"
		if q.Findings > 1 {
			s = fmt.Sprintf("%d findings", q.Findings)
		}
		s += fmt.Sprintf(" of **%s** severity or worse", q.Severity)
		if len(q.Confidence) < len(detonaut.Confidences()) {
			s += ", **" + list(q.Confidence, "or") + "**"
		}
		switch c := q.Category; {
		case c.none:
			s += ", without a category"
		case c.except:
			s += ", of a **category** other than " + list(c.list, "and")
		case len(c.list) > 0:
			s += ", of the category **" + list(c.list, "or") + "**"
		}
		switch d := fmt.Sprint(q.Declared); d {
		case "[]":
		case "[no]":
			s += ", that the image does not declare"
		case "[label no]":
			s += ", that the image does not declare by its name"
		case "[name label]":
			s += ", that the image declares"
		default:
			s += ", declared by " + d
		}
		switch u := fmt.Sprint(q.Use); u {
		case "[]":
		case "[deed ran dropped-ran]":
			s += ", that is a deed, or of a file that **ran**"
		case "[dropped-ran]":
			s += ", of a file that was **dropped and ran**"
		default:
			s += ", of a file of use " + u
		}
		parts = append(parts, s)
	}
	s := strings.Join(parts, "; and ")
	if r.Apart > 0 {
		s += fmt.Sprintf("; **%d** of them independent", r.Apart)
	}
	return s
}

func list[T ~string](of []T, and string) string {
	var words []string
	for _, w := range of {
		words = append(words, string(w))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + and + " " + words[last]
}

// TestTableRefuses breaks the table in one place at a time.
func TestTableRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"a field of another name":      {"apart: 2", "aparts: 2"},
		"a word that is none":          {"word: suspicious", "word: odd"},
		"a severity that is none":      {"severity: medium", "severity: large"},
		"a confidence that is none":    {"certain, probable]", "certain, sure]"},
		"no confidence":                {"[certain, probable]", "[]"},
		"a category that is none":      {"{except: [miner", "{except: [minor"},
		"categories in another form":   {"category: none", "category: all"},
		"no categories":                {"category: [miner, proxy]", "category: []"},
		"another way to declare":       {"declared: [no]", "declared: [env]"},
		"fewer findings than none":     {"findings: 3", "findings: -3"},
		"more apart than there are":    {"apart: 3", "apart: 4"},
		"rows out of order":            {"word: malicious", "word: suspicious"},
		"an end that is not clean":     {"  - word: clean\n", ""},
		"clean without looking":        {"    missed: true\n", ""},
		"a threat that is tentative":   {"confidence: [certain, probable], category: {except", "confidence: [certain, tentative], category: {except"},
		"two documents":                {"labels:", "---\nlabels:"},
		"a category without a phrase":  {"does: steals data,", "does: '',"},
		"a declaration of two words":   {"[xmrig, ", "[xm rig, "},
		"what is declared in capitals": {"[xmrig, ", "[XMRig, "},
	} {
		if !strings.Contains(string(tableYAML), change[0]) {
			t.Errorf("%s: the table has no %q", name, change[0])
			continue
		}
		if _, err := parseTable([]byte(strings.Replace(string(tableYAML), change[0], change[1], 1))); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestCombinations looks at what several findings make together.
func TestCombinations(t *testing.T) {
	at := func(id string, s detonaut.Severity, k detonaut.Category, event uint64) detonaut.Finding {
		f := finding(id, s, detonaut.Probable, k)
		f.Evidence = []detonaut.Evidence{{Events: []uint64{1, event}}, {Events: []uint64{99}}}
		return f
	}
	miner := at("impact/pool", detonaut.High, detonaut.Miner, 2)
	tool := at("discovery/nmap", detonaut.Medium, detonaut.Hacktool, 2)
	fetch, stay, hide := at("execution/fetch", detonaut.High, "", 3), at("persistence/stay", detonaut.High, "", 4), at("defense-evasion/hide", detonaut.Critical, "", 5)
	again := at("execution/again", detonaut.High, "", 6)
	named := detonaut.Image{Ref: "metal3d/xmrig:latest", Platform: "linux/amd64"}
	labelled := detonaut.Image{Ref: "metal3d/web", Platform: "linux/amd64", Config: detonaut.Config{Labels: map[string]string{"name": "xmrig"}}}
	same := func(f detonaut.Finding, event uint64) detonaut.Finding {
		return at(f.ID, f.Severity, f.Category, event)
	}
	doubtful := hide
	doubtful.Confidence = detonaut.Tentative
	for name, tt := range map[string]struct {
		img      detonaut.Image
		findings []detonaut.Finding
		want     detonaut.Word
	}{
		"a hidden miner that fetches what it runs":     {detonaut.Image{}, []detonaut.Finding{miner, fetch}, detonaut.Malicious},
		"the same with a name that says it":            {named, []detonaut.Finding{miner, fetch}, detonaut.Unwanted},
		"the same with a label that says it":           {labelled, []detonaut.Finding{miner, fetch}, detonaut.Malicious},
		"a hidden miner and a deed of the same tactic": {detonaut.Image{}, []detonaut.Finding{miner, at("impact/bomb", detonaut.High, "", 9)}, detonaut.Unwanted},
		"a hidden miner and the same deed":             {detonaut.Image{}, []detonaut.Finding{miner, same(fetch, 2)}, detonaut.Unwanted},
		"a hidden hacking tool that fetches":           {detonaut.Image{}, []detonaut.Finding{tool, fetch}, detonaut.Unwanted},
		"a hidden hacking tool, and two deeds":         {detonaut.Image{}, []detonaut.Finding{same(tool, 2), fetch, stay}, detonaut.Unwanted},
		"a grave hidden hacking tool, and two deeds":   {detonaut.Image{}, []detonaut.Finding{at("discovery/nmap", detonaut.High, detonaut.Hacktool, 2), fetch, stay}, detonaut.Malicious},
		"two deeds that are no threat":                 {detonaut.Image{}, []detonaut.Finding{fetch, stay}, detonaut.Suspicious},
		"three of them":                                {detonaut.Image{}, []detonaut.Finding{fetch, stay, hide}, detonaut.Malicious},
		"three of two tactics":                         {detonaut.Image{}, []detonaut.Finding{fetch, again, hide}, detonaut.Suspicious},
		"three that are one":                           {detonaut.Image{}, []detonaut.Finding{fetch, same(stay, 3), same(hide, 3)}, detonaut.Suspicious},
		"three that are two":                           {detonaut.Image{}, []detonaut.Finding{fetch, same(stay, 3), hide}, detonaut.Suspicious},
		"three that are two, and a way to tell them":   {detonaut.Image{}, []detonaut.Finding{fetch, again, same(stay, 3), hide}, detonaut.Malicious},
		"three, one of them doubtful":                  {detonaut.Image{}, []detonaut.Finding{fetch, stay, doubtful}, detonaut.Suspicious},
		"a declared miner does not excuse three":       {named, []detonaut.Finding{miner, fetch, stay, hide}, detonaut.Malicious},
		"a declared miner is not one of three":         {named, []detonaut.Finding{miner, fetch, stay}, detonaut.Unwanted},
	} {
		if got := Decide(tt.img, tt.findings, full, stages); got.Word != tt.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Word, got.Sentence, tt.want)
		}
	}
}

func TestDeclared(t *testing.T) {
	nmap := finding("x/nmap", detonaut.High, detonaut.Certain, detonaut.Hacktool)
	nmap.Family = "nmap"
	john := nmap
	john.Family = "John the Ripper"
	scanner := finding("x/scan", detonaut.High, detonaut.Certain, detonaut.Hacktool)
	thief := finding("x/thief", detonaut.High, detonaut.Certain, detonaut.DataTheft)
	thief.Family = "nmap"
	image := func(ref detonaut.Ref, labels ...string) detonaut.Image {
		img := detonaut.Image{Ref: ref, Platform: "linux/amd64", Config: detonaut.Config{
			Entrypoint: []string{"/usr/bin/nmap"}, Env: []string{"NAME=nmap"}, Labels: map[string]string{},
		}}
		for i := 0; i < len(labels); i += 2 {
			img.Config.Labels[labels[i]] = labels[i+1]
		}
		return img
	}
	const title = "org.opencontainers.image.title"
	for _, tt := range []struct {
		name string
		img  detonaut.Image
		f    detonaut.Finding
		want declaration
	}{
		{"the name of the image", image("nmap"), nmap, byName},
		{"its last part", image("library/nmap"), nmap, byName},
		{"with a tag", image("instrumentisto/nmap:7"), nmap, byName},
		{"with a registry, a digest and capitals", image("registry.example:5000/a/My_Nmap@sha256:0123"), nmap, byName},
		{"of a daemon", image("docker:nmap:7"), nmap, byName},
		{"a part of a word", image("foo/nmapper"), nmap, undeclared},
		{"who made it", image("nmap/web"), nmap, undeclared},
		{"a tag", image("foo/web:nmap"), nmap, undeclared},
		{"a registry", image("nmap:5000/web"), nmap, undeclared},
		{"a folder", image("oci-dir:/images/nmap"), nmap, undeclared},
		{"a file", image("docker-archive:nmap.tar"), nmap, undeclared},
		{"standard input", image("-"), nmap, undeclared},
		{"a tape of an unknown image", detonaut.Image{Ref: "nmap"}, nmap, undeclared},
		{"command and environment say nothing", image("foo/web"), nmap, undeclared},
		{"a title", image("foo/web", title, "Nmap, in a box"), nmap, byLabel},
		{"a description", image("foo/web", "org.opencontainers.image.description", "nmap"), nmap, undeclared},
		{"a title that is a list of all tools", image("foo/web", title, "a b c d e f g h nmap"), nmap, undeclared},
		{"several words", image("foo/john-the-ripper"), john, byName},
		{"not all of them", image("foo/john"), john, undeclared},
		{"another tool", image("nmap"), john, undeclared},
		{"a kind of tools", image("foo/pentest-box"), john, byName},
		{"a tool, for what has no family", image("nmap"), scanner, byName},
		{"a miner, for what has no family", image("xmrig"), scanner, undeclared},
		{"a threat is not declared", image("nmap", title, "nmap"), thief, undeclared},
	} {
		if got := judgement().declared(tt.img, &tt.f); got != tt.want {
			t.Errorf("%s: declared by %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestSentence(t *testing.T) {
	pool := finding("impact/pool", detonaut.High, detonaut.Certain, detonaut.Miner)
	program := finding("impact/program", detonaut.Medium, detonaut.Probable, detonaut.Miner)
	program.Family = "xmrig"
	hides := finding("defense-evasion/hides", detonaut.Medium, detonaut.Probable, "")
	hides.Title = "Hides its program"
	runs := finding("execution/runs", detonaut.High, detonaut.Tentative, detonaut.Backdoor)
	runs.Title = "Connects out and starts a shell"
	server := finding("execution/server", detonaut.Medium, detonaut.Probable, "")
	server.Title = "A server starts a shell"
	steals := finding("exfiltration/steals", detonaut.High, detonaut.Probable, detonaut.DataTheft)
	file := finding("malware/x", detonaut.Critical, detonaut.Certain, detonaut.Rootkit)
	file.Evidence, file.Family = []detonaut.Evidence{{Layer: "sha256:ab", Path: "/lib/x.so", SHA256: "cd"}}, "Diamorphine"
	odd := finding("odd/threat", detonaut.High, detonaut.Certain, "odd")
	injection, dns := finding("a/b", detonaut.Medium, detonaut.Certain, ""), finding("a/c", detonaut.Medium, detonaut.Certain, "")
	injection.Title, dns.Title = "Process injection", "DNS tunnels"
	named := detonaut.Image{Ref: "xmrig", Platform: "linux/amd64"}
	at := func(f detonaut.Finding, event uint64) detonaut.Finding {
		f.Evidence = []detonaut.Evidence{{Events: []uint64{event}}}
		return f
	}
	for _, tt := range []struct {
		name     string
		img      detonaut.Image
		findings []detonaut.Finding
		gaps     []string
		category detonaut.Category
		family   string
		want     string
	}{
		{"clean", named, nil, nil, "", "", "Nothing bad was seen, and nothing was missed."},
		{
			"one gap", named, nil,
			[]string{"the subject gave up with exit code 1: what it does when it works was not seen"},
			"", "",
			"Nothing bad was seen, and not everything was: the subject gave up with exit code 1.",
		},
		{"more gaps", named, nil, []string{"3 events were lost", "x"}, "", "", "Nothing bad was seen, and not everything was: 3 events were lost (and 1 more)."},
		{
			"hidden",
			detonaut.Image{},
			[]detonaut.Finding{program, pool},
			nil, detonaut.Miner, "xmrig",
			"It mines cryptocurrency (xmrig, which the image does not say).",
		},
		{
			"declared", named,
			[]detonaut.Finding{program, pool, hides},
			nil, detonaut.Miner, "xmrig",
			"It mines cryptocurrency (xmrig, as the image says), and hides its program.",
		},
		{
			"a threat and what else it does", named,
			[]detonaut.Finding{hides, server, steals, program},
			nil, detonaut.DataTheft, "",
			"It steals data, mines cryptocurrency (xmrig, as the image says), and hides its program.",
		},
		{"a file that did not run", named, []detonaut.Finding{file}, nil, detonaut.Rootkit, "Diamorphine", "It holds a rootkit (Diamorphine)."},
		{"a category of others", named, []detonaut.Finding{odd}, nil, "odd", "", "It is a threat."},
		{
			"what is tentative is told as it was seen", named,
			[]detonaut.Finding{runs, hides},
			[]string{"x"},
			detonaut.Backdoor, "",
			"It connects out and starts a shell, and hides its program.",
		},
		{
			"two rules that know one deed", named,
			[]detonaut.Finding{at(hides, 7), at(runs, 7), at(injection, 8)},
			nil, detonaut.Backdoor, "",
			"It connects out and starts a shell, and shows signs of process injection.",
		},
		{"two clauses", named, []detonaut.Finding{injection, hides}, nil, "", "", "It shows signs of process injection and hides its program."},
		{"a clause with its own subject", named, []detonaut.Finding{server}, nil, "", "", "A server starts a shell."},
		{
			"and one after it", named,
			[]detonaut.Finding{server, injection, dns},
			nil, "", "",
			"It shows signs of process injection, shows signs of DNS tunnels, and a server starts a shell.",
		},
	} {
		c := full
		if tt.gaps != nil {
			c = detonaut.Coverage{Gaps: tt.gaps}
		}
		got := Decide(tt.img, tt.findings, c, stages)
		if got.Sentence != tt.want || got.Category != tt.category || got.Family != tt.family {
			t.Errorf("%s: %q (%s, %s)\nwant %q (%s, %s)", tt.name, got.Sentence, got.Category, got.Family, tt.want, tt.category, tt.family)
		}
	}
}

// TestWordsInOrder holds the rows to being those of docs, worst first, with every
// word among them.
func TestWordsInOrder(t *testing.T) {
	var words []detonaut.Word
	for _, r := range judgement().Rows {
		words = append(words, r.Word)
	}
	if diff := cmp.Diff(detonaut.Words(), slices.Compact(words)); diff != "" {
		t.Errorf("(-all +rows):\n%s", diff)
	}
}
