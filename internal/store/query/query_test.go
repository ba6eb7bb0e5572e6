package query_test

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
	"github.com/detonaut/detonaut/internal/store/query"
)

var (
	hash = strings.Repeat("0a", 32)
	day  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestParse(t *testing.T) {
	for typed, want := range map[string]store.Query{
		"":    {},
		" \t": {},
		`verdict:malicious family:xmrig severity:critical host:evil.example port:3333 package:hydra technique:T1496 pulls:>1000 after:2026-01-01 sort:worst nginx`: {
			Verdicts: []detonaut.Word{detonaut.Malicious}, Families: []string{"xmrig"}, Severities: []detonaut.Severity{detonaut.Critical},
			Facts: []store.Fact{
				{Kind: store.Domain, Value: "evil.example"}, {Kind: store.PackageName, Value: "hydra"}, {Kind: store.Port, Value: "tcp/3333"}, {Kind: store.Technique, Value: "T1496"},
			},
			MinPulls: 1001, After: day, Order: store.Worst, Text: []string{"nginx"},
		},
		"verdict:malicious,Unwanted verdict:malicious VERDICT:clean": {Verdicts: []detonaut.Word{detonaut.Malicious, detonaut.Unwanted, detonaut.Clean}},
		`"crypto miner" family:"a b" "x\"y\\z\n"`:                    {Text: []string{"crypto miner", `x"y\z\n`}, Families: []string{"a b"}},
		`nginx:1.27 localhost:5000/x rust:1 "verdict:clean" ngi* *`:  {Text: []string{"nginx:1.27", "localhost:5000/x", "rust:1", "verdict:clean", "ngi*"}},
		"https://evil.example/x - 1:2 :x ::":                         {Text: []string{"https://evil.example/x", "-", "1:2", ":x", "::"}},
		"host:EVIL.example. domain:8.8.8.8 host:[2606:4700::1111]": {Facts: []store.Fact{
			{Kind: store.Domain, Value: "evil.example"}, {Kind: store.IP, Value: "2606:4700::1111"}, {Kind: store.IP, Value: "8.8.8.8"},
		}},
		"port:udp/53 listen:22 port:UDP/53":         {Facts: []store.Fact{{Kind: store.Listen, Value: "tcp/22"}, {Kind: store.Port, Value: "udp/53"}}},
		"package:PKG:deb/debian/hydra@9?arch=amd64": {Facts: []store.Fact{{Kind: store.Package, Value: "pkg:deb/debian/hydra@9"}}},
		"cve:cve-2026-33937 ja4:ABC found:XMRig rule:impact/mining-pool process:XMRig": {Facts: []store.Fact{
			{Kind: store.Certificate, Value: "abc"},
			{Kind: store.Family, Value: "xmrig"},
			{Kind: store.Process, Value: "XMRig"},
			{Kind: store.RuleID, Value: "impact/mining-pool"},
			{Kind: store.CVE, Value: "CVE-2026-33937"},
		}},
		"sha256:" + hash + " layer:sha256:" + hash:   {Facts: []store.Fact{{Kind: store.Layer, Value: "sha256:" + hash}, {Kind: store.SHA256, Value: hash}}},
		"pulls:1000 sort:newest":                     {MinPulls: 1000},
		"pulls:>=5M":                                 {MinPulls: 5_000_000},
		"pulls:>2k before:2026-01-01T12:30:00+02:00": {MinPulls: 2001, Before: time.Date(2026, 1, 1, 10, 30, 0, 0, time.UTC)},
		"category:miner,data-theft platform:Linux/amd64 registry:ghcr.io sort:pulls": {
			Categories: []detonaut.Category{detonaut.Miner, detonaut.DataTheft}, Platforms: []string{"Linux/amd64"}, Registries: []string{"ghcr.io"}, Order: store.Pulled,
		},
	} {
		got, err := query.Parse(typed)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q):\n got %+v, %v\nwant %+v", typed, got, err, want)
			continue
		}
		again, err := query.Parse(query.Format(got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("Format of %q is %q, which is %+v, %v", typed, query.Format(got), again, err)
		}
	}
}

func TestFormat(t *testing.T) {
	q := store.Query{
		Verdicts: []detonaut.Word{detonaut.Malicious, detonaut.Unwanted}, Families: []string{"a b"}, Order: store.Worst, MinPulls: 5,
		Facts: []store.Fact{{Kind: store.Port, Value: "tcp/3333"}, {Kind: store.Domain, Value: "evil.example"}, {Kind: store.Family, Value: `x"y`}},
		After: day, Before: day.Add(time.Second), Text: []string{"nginx:1", "-x", "a b", "*", ""}, Facets: true, Page: store.Page{Limit: 3},
	}
	want := `verdict:malicious verdict:unwanted family:"a b" host:evil.example port:tcp/3333 found:"x\"y" pulls:>=5 after:2026-01-01 before:2026-01-01T00:00:01Z sort:worst "nginx:1" "-x" "a b"`
	if got := query.Format(q); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := query.Format(store.Query{Order: store.Newest}); got != "" {
		t.Errorf("got %q", got)
	}
	// A fact of any kind can be looked for.
	for _, k := range fact.Kinds() {
		f := store.Fact{Kind: k, Value: example(k)}
		text := query.Format(store.Query{Facts: []store.Fact{f}})
		if q, err := query.Parse(text); err != nil || len(q.Facts) != 1 || q.Facts[0] != f {
			t.Errorf("%v is written %q, which is %+v, %v", f, text, q, err)
		}
	}
}

func example(k store.Kind) string {
	switch k {
	case store.SHA256:
		return hash
	case store.Layer:
		return "sha256:" + hash
	case store.IP:
		return "8.8.8.8"
	case store.Domain:
		return "evil.example"
	case store.Port, store.Listen:
		return "udp/53"
	case store.Technique:
		return "T1059.004"
	case store.Package:
		return "pkg:npm/%40a/b@1"
	case store.CVE:
		return "CVE-2026-33937"
	default:
		return `some "value": x`
	}
}

func TestParseRefuses(t *testing.T) {
	for typed, want := range map[string]struct {
		at      int
		part    string
		problem string
	}{
		"nginx verdict:bad":                   {7, "verdict:bad", `there is no verdict "bad": there are malicious, unwanted, suspicious, inconclusive, clean`},
		"é  verdct:clean":                     {4, "verdct:clean", `there is no field "verdct": "verdict" is meant?`},
		"tehcnique:T1496":                     {1, "tehcnique:T1496", `"technique" is meant?`},
		"verdict:":                            {1, "verdict:", "it has no value, such as malicious, unwanted"},
		`family:" "`:                          {1, `family:" "`, "no value"},
		"verdict: clean":                      {1, "verdict:", "no value"},
		"verdict:clean,":                      {1, "verdict:clean,", `no verdict ""`},
		`a "b c`:                              {3, `"b c`, "the second quote is missing"},
		`a"b"`:                                {1, "a", "a quote in it"},
		`"a"b`:                                {1, `"a"`, "a quote in it"},
		"-verdict:clean":                      {1, "-verdict:clean", "leaving out"},
		"x -nginx":                            {3, "-nginx", "leaving out"},
		"host:evil":                           {1, "host:evil", "no name of the internet"},
		"host:evil.example:80":                {1, "host:evil.example:80", "neither has a port"},
		"host:10.0.0.1":                       {1, "host:10.0.0.1", "no public address"},
		"port:0":                              {1, "port:0", "no port"},
		"sha256:12":                           {1, "sha256:12", "no SHA-256"},
		"layer:x":                             {1, "layer:x", "no digest"},
		"technique:1496":                      {1, "technique:1496", "no technique"},
		"pulls:many":                          {1, "pulls:many", "at least a number"},
		"pulls:<5":                            {1, "pulls:<5", "at least a number"},
		"pulls:9223372036854775807k":          {1, "pulls:9223372036854775807k", "at least a number"},
		"pulls:1 pulls:2":                     {9, "pulls:2", "pulls is there twice"},
		"sort:best":                           {1, "sort:best", `no order "best"`},
		"after:yesterday":                     {1, "after:yesterday", "no day"},
		"after:2026-02-30":                    {1, "after:2026-02-30", "no day"},
		"a\xff":                               {1, "a\uFFFD", "no text in UTF-8"},
		strings.Repeat("a ", 41):              {81, "a", "more than 40 words"},
		strings.Repeat("ä", 1001):             {1, strings.Repeat("ä", 60) + "…", "longer than 2000 bytes"},
		"process:" + strings.Repeat("a", 600): {1, "process:" + strings.Repeat("a", 52) + "…", "longer than 512 bytes"},
	} {
		q, err := query.Parse(typed)
		var e *query.Error
		if !errors.As(err, &e) || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("Parse(%q) = %+v, %v", typed, q, err)
			continue
		}
		if e.At != want.at || e.Part != want.part || !strings.Contains(e.Problem, want.problem) {
			t.Errorf("Parse(%q): at %d, %q: %s\nwant at %d, %q: %s", typed, e.At, e.Part, e.Problem, want.at, want.part, want.problem)
		}
	}
}

func TestDirect(t *testing.T) {
	const monero = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
	for typed, want := range map[string]store.Fact{
		" " + strings.ToUpper(hash) + "\n":         {Kind: store.SHA256, Value: hash},
		"sha256:" + hash:                           {Kind: store.Layer, Value: "sha256:" + hash},
		"8.8.8.8":                                  {Kind: store.IP, Value: "8.8.8.8"},
		"8.8.8[.]8:53":                             {Kind: store.IP, Value: "8.8.8.8"},
		"2606:4700::1111":                          {Kind: store.IP, Value: "2606:4700::1111"},
		"http://[2606:4700::1111]:80/":             {Kind: store.IP, Value: "2606:4700::1111"},
		"https://[2606:4700::1111]":                {Kind: store.IP, Value: "2606:4700::1111"},
		"Evil.Example.":                            {Kind: store.Domain, Value: "evil.example"},
		"pool.evil[.]example:3333":                 {Kind: store.Domain, Value: "pool.evil.example"},
		"hxxps://user@evil[.]example:8443/a?b#c":   {Kind: store.Domain, Value: "evil.example"},
		"stratum+tcp://pool.example:3333":          {Kind: store.Domain, Value: "pool.example"},
		"xn--bcher-kva.example":                    {Kind: store.Domain, Value: "xn--bcher-kva.example"},
		"cve-2026-33937":                           {Kind: store.CVE, Value: "CVE-2026-33937"},
		"GHSA-2w6w-674q-4c4q":                      {Kind: store.CVE, Value: "GHSA-2w6w-674q-4c4q"},
		"t1059.004":                                {Kind: store.Technique, Value: "T1059.004"},
		monero:                                     {Kind: store.Wallet, Value: monero},
		"pkg:deb/debian/hydra@9.4-1?arch=amd64":    {Kind: store.Package, Value: "pkg:deb/debian/hydra@9.4-1"},
		"t13d1516h2_8daaf6152771_b186095e22b6":     {Kind: store.Certificate, Value: "t13d1516h2_8daaf6152771_b186095e22b6"},
		"imphash:f34d5f2d4577ed6d9ceec516c1f5a744": {Kind: store.Likeness, Value: "imphash:f34d5f2d4577ed6d9ceec516c1f5a744"},
	} {
		if got, ok := query.Direct(typed); !ok || got != want {
			t.Errorf("Direct(%q) = %v, %t, want %v", typed, got, ok, want)
		}
	}
	for _, typed := range []string{
		"", " ", "nginx", "nginx:1.27", "1.27", "library/nginx", "ghcr.io/a/b", "evil.example nginx", "10.0.0.1", "host:evil.example", ":", ":80", "]:80",
		"verdict:malicious", "T149", "CVE-2026", "sha256:12", hash[1:], "http://", "http:///x", "localhost:5000", strings.Repeat("a.", 3000) + "example",
	} {
		if got, ok := query.Direct(typed); ok {
			t.Errorf("Direct(%q) = %v", typed, got)
		}
	}
}

// What docs/search.md says of fields is what there is.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/search.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range query.Fields() {
		name := "`" + f.Name + "`"
		if f.Also != "" {
			name += ", `" + f.Also + "`"
		}
		want = append(want, "| "+name+" | "+f.Meaning+" | `"+f.Example+"` |")
	}
	got := regexp.MustCompile("(?m)^\\| `.*$").FindAllString(string(text), -1)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("docs/search.md has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, m := range regexp.MustCompile("(?m)^    (.+)$").FindAllStringSubmatch(string(text), -1) {
		if _, err := query.Parse(m[1]); err != nil {
			t.Errorf("docs/search.md has an example that is none: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`verdict:malicious,clean family:"a \"b" host:evil.example pulls:>1k after:2026-01-01 sort:worst nginx:1.27 ngi*`,
		"port:udp/53 package:pkg:a/b@1 \"x", "before:2026-01-01T00:00:00.5+01:00", "-a", "verdct:x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := query.Parse(s)
		if err != nil {
			var e *query.Error
			if !errors.As(err, &e) || e.At < 1 || e.At > len(s)+1 || e.Problem == "" || len(e.Part) > 300 || len(err.Error()) > 4*query.MaxLength+2000 {
				t.Errorf("Parse(%q): %v", s, err)
			}
			return
		}
		text := query.Format(q)
		again, err := query.Parse(text)
		if len(text) > query.MaxLength {
			return // with quotes it may become too long
		}
		if err != nil || !reflect.DeepEqual(again, q) {
			t.Errorf("Parse(%q) = %+v\nis written %q\nwhich is %+v, %v", s, q, text, again, err)
		}
	})
}

func FuzzDirect(f *testing.F) {
	for _, s := range []string{"hxxps://u@evil[.]example:1/x", "[2606:4700::1111]:80", "t1059.004", hash, "pkg:a/b@1?x", "]:1", ":1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := query.Direct(s)
		if !ok {
			return
		}
		if v, ok := fact.Clean(got.Kind, got.Value); !ok || v != got.Value {
			t.Errorf("Direct(%q) = %v, of which is left %q, %t", s, got, v, ok)
		}
		if again, ok := query.Direct(got.Value); !ok || again != got {
			t.Errorf("Direct(%q) = %v, and of that %v, %t", s, got, again, ok)
		}
	})
}
