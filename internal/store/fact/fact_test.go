package fact_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

const (
	monero   = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
	ethereum = "0x52908400098527886E0F7030069857D2E4169EE7"
	bitcoin  = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
	segwit   = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
	taproot  = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
)

func hash(c string) string { return strings.Repeat(c, 64) }

func example() *detonaut.Report {
	return &detonaut.Report{
		Image: detonaut.Image{
			Layers: []detonaut.Layer{{Digest: detonaut.Digest("sha256:" + hash("a")), DiffID: detonaut.Digest("sha256:" + hash("b"))}},
			Config: detonaut.Config{Env: []string{"WALLET=" + segwit, "PATH=/bin"}, Cmd: []string{"-u", bitcoin + ".rig"}},
		},
		Verdict: detonaut.Verdict{Family: "XMRig"},
		Findings: []detonaut.Finding{
			{ID: "impact/mining-pool", Family: "xmrig", Techniques: []string{"T1496", "T1059.004"}, Evidence: []detonaut.Evidence{
				{SHA256: hash("c"), Summary: "pays " + ethereum + ", not 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"},
			}},
			{ID: "config/root-user", Suppressed: &detonaut.Suppression{Reason: "it is known"}, Techniques: []string{"T1611"}},
		},
		Inventory: &detonaut.Inventory{Packages: []detonaut.Package{{Name: "hydra", PURL: "pkg:deb/debian/hydra@9.4-1?arch=amd64#x"}}},
		Vulnerabilities: []detonaut.Vulnerability{
			{ID: "CVE-2026-33937", Aliases: []string{"GHSA-2w6w-674q-4c4q"}},
		},
		Suppressed: []detonaut.Vulnerability{{ID: "CVE-2026-1"}},
		Files: []detonaut.File{{SHA256: hash("d"), Likeness: detonaut.Likeness{
			TLSH: "T1AA", Imphash: strings.Repeat("1", 32), Symbols: hash("2"), Modules: hash("3"),
		}}},
		Stories: []detonaut.Story{{SHA256: []string{hash("e")}}},
		Run: &detonaut.Run{
			Processes: []detonaut.Process{{Executable: "/tmp/XMRig", SHA256: hash("f"), Args: []string{"/tmp/XMRig", "-u", taproot}}},
			Payloads:  []detonaut.Payload{{SHA256: hash("0")}, {SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}},
			Bodies:    []detonaut.Body{{SHA256: hash("9")}},
			Network:   "simulated",
			Listeners: []detonaut.Listener{{Network: "tcp", Address: "0.0.0.0:22"}, {Network: "udp", Address: "[::]:53"}},
			Connections: []detonaut.Connection{
				{Network: "tcp", Address: "45.32.1.2:3333", Name: "Pool.Evil.Example."},
				{Network: "tcp", Address: "185.10.68.1:443"},
				{Network: "tcp", Address: "[2001:db8::7]:443"},
				{Network: "tcp", Address: "93.184.216.34:80", Name: "live.example", Live: true},
				{Network: "tcp", Address: "127.0.0.1:6379"},
				{Network: "tcp", Address: "5.5.5.5:2375", Refused: "scan"},
				{Network: "icmp", Address: "9.9.9.9"},
				{Network: "tcp", Address: "169.254.169.254:80"},
				{Network: "tcp", Address: "10.0.0.7:22"},
				// The resolver that it was given, and a socket that chooses among addresses of ours.
				{Network: "udp", Address: "8.8.8.8:53", Name: "dns.google", Protocol: "dns", Sent: 40},
				{Network: "udp", Address: "34.99.13.144:123"},
			},
			Names: []string{"xn--bcher-kva.example", "localhost", "7.0.0.10.in-addr.arpa", "redis"},
			Requests: []detonaut.Request{
				{URL: "https://CDN.example/x"}, {URL: "http://45.32.1.2/x"}, {URL: "http://94.1.1.1:8080/"}, {URL: "/no"},
			},
			Rejections: []detonaut.Rejection{{Name: "pinned.example", JA4: "t13d1516h2_8daaf6152771_b186095e22b6"}},
			Messages: []detonaut.Message{
				{Protocol: "stratum", Fields: map[string]string{"user": monero + ".w", "wallet": monero, "worker": "w"}, Remote: "pool.evil.example:3333"},
				{Protocol: "stratum", Fields: map[string]string{"user": "bob"}},
				{Protocol: "ssh", Fields: map[string]string{"hassh": "ec7378c1a92f5a8dde7e8b7a1ddf33d1"}, Remote: "45.32.1.2:22"},
				{Protocol: "redis", Fields: map[string]string{"user": "nobody"}},
			},
			Baits: []detonaut.Bait{{Remote: "thief.example:443"}},
		},
	}
}

func TestOf(t *testing.T) {
	r := example()
	before, _ := json.Marshal(r)
	got := fact.Of(r)
	if after, _ := json.Marshal(r); string(after) != string(before) {
		t.Error("Of changed the report")
	}
	of := map[store.Kind][]string{}
	for _, f := range got {
		of[f.Kind] = append(of[f.Kind], f.Value)
	}
	want := map[store.Kind][]string{
		store.SHA256:      {hash("0"), hash("9"), hash("c"), hash("d"), hash("e"), hash("f")},
		store.Likeness:    {"imphash:" + strings.Repeat("1", 32), "modules:" + hash("3"), "symbols:" + hash("2")},
		store.Domain:      {"cdn.example", "live.example", "pinned.example", "pool.evil.example", "thief.example", "xn--bcher-kva.example"},
		store.IP:          {"169.254.169.254", "185.10.68.1", "2001:db8::7", "9.9.9.9", "93.184.216.34", "94.1.1.1"},
		store.Port:        {"tcp/22", "tcp/2375", "tcp/3333", "tcp/443", "tcp/80", "udp/53"},
		store.Listen:      {"tcp/22", "udp/53"},
		store.Wallet:      {strings.ToLower(ethereum), bitcoin, monero, segwit, taproot, "bob"},
		store.Certificate: {"ec7378c1a92f5a8dde7e8b7a1ddf33d1", "t13d1516h2_8daaf6152771_b186095e22b6"},
		store.Technique:   {"T1059", "T1059.004", "T1496"},
		store.RuleID:      {"impact/mining-pool"},
		store.Family:      {"xmrig"},
		store.Layer:       {"sha256:" + hash("a"), "sha256:" + hash("b")},
		store.Package:     {"pkg:deb/debian/hydra@9.4-1"},
		store.PackageName: {"hydra"},
		store.CVE:         {"CVE-2026-33937", "GHSA-2w6w-674q-4c4q"},
		store.Process:     {"XMRig"},
	}
	for _, kind := range fact.Kinds() {
		slices.Sort(want[kind])
		if !reflect.DeepEqual(of[kind], want[kind]) {
			t.Errorf("%s:\n got %q\nwant %q", kind, of[kind], want[kind])
		}
	}
	if len(of) != len(want) || len(want) != len(fact.Kinds()) {
		t.Errorf("%d kinds of facts, want %d of %d", len(of), len(want), len(fact.Kinds()))
	}
	if !slices.IsSortedFunc(got, fact.Compare) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Error("the facts are not sorted, or not unique")
	}
	if again := fact.Of(example()); !slices.Equal(again, got) {
		t.Error("the same report has other facts")
	}
	for _, f := range got {
		if v, ok := fact.Clean(f.Kind, f.Value); !ok || v != f.Value {
			t.Errorf("Clean(%s, %q) = %q, %t", f.Kind, f.Value, v, ok)
		}
	}
}

func TestOfNothing(t *testing.T) {
	for _, r := range []*detonaut.Report{nil, {}, {Run: &detonaut.Run{}}} {
		if got := fact.Of(r); len(got) != 0 {
			t.Errorf("Of(%+v) = %v", r, got)
		}
	}
}

// However much the subject made, what is kept is bounded, and what was found comes first.
func TestOfBounds(t *testing.T) {
	const many = 12_000
	r := &detonaut.Report{Run: &detonaut.Run{}, Inventory: &detonaut.Inventory{}}
	for i := range many {
		name := fmt.Sprintf("name-%05d", i)
		id := fmt.Sprintf("%064x", i)
		r.Findings = append(r.Findings, detonaut.Finding{
			ID: name, Family: name, Techniques: []string{fmt.Sprintf("T%04d.%03d", i%1000, i%7)}, Evidence: []detonaut.Evidence{{SHA256: id, Summary: "0x" + id[:40]}},
		})
		r.Image.Layers = append(r.Image.Layers, detonaut.Layer{Digest: detonaut.Digest("sha256:" + id)})
		r.Inventory.Packages = append(r.Inventory.Packages, detonaut.Package{Name: name, PURL: "pkg:deb/" + name + "@1"})
		r.Vulnerabilities = append(r.Vulnerabilities, detonaut.Vulnerability{ID: name, Aliases: []string{"a" + name}})
		r.Files = append(r.Files, detonaut.File{SHA256: "f" + id[1:], Likeness: detonaut.Likeness{Symbols: id}})
		run := r.Run
		run.Processes = append(run.Processes, detonaut.Process{Executable: "/" + name})
		run.Listeners = append(run.Listeners, detonaut.Listener{Network: "tcp", Address: fmt.Sprintf("0.0.0.0:%d", i+1)})
		run.Connections = append(run.Connections, detonaut.Connection{Network: "udp", Address: fmt.Sprintf("1.1.%d.%d:%d", i/256, i%256, i+1)})
		run.Names = append(run.Names, name+".example")
		run.Rejections = append(run.Rejections, detonaut.Rejection{JA4: name})
		run.Messages = append(run.Messages, detonaut.Message{Protocol: "stratum", Fields: map[string]string{"user": name}})
	}
	counts := map[store.Kind]int{}
	for _, f := range fact.Of(r) {
		counts[f.Kind]++
		if f.Kind == store.SHA256 && f.Value[0] == 'f' {
			t.Fatalf("a file is kept in place of one of a finding: %s", f.Value)
		}
	}
	for _, k := range fact.Kinds() {
		if counts[k] != fact.Max(k) {
			t.Errorf("%s: %d facts, want %d", k, counts[k], fact.Max(k))
		}
	}
	long := &detonaut.Report{Run: &detonaut.Run{Processes: []detonaut.Process{{Executable: "/" + strings.Repeat("x", fact.MaxValue+1)}}}}
	if got := fact.Of(long); len(got) != 0 {
		t.Errorf("what is too long is kept: %d", len(got))
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct {
		kind     store.Kind
		in, want string // no want: it is none
	}{
		{store.SHA256, "SHA256:" + strings.ToUpper(hash("a")), hash("a")},
		{store.SHA256, hash("a")[1:], ""},
		{store.Domain, " EVIL.Example. ", "evil.example"},
		{store.Domain, "evil", ""},
		{store.Domain, "a..b", ""},
		{store.Domain, "1.2.3.4", ""},
		{store.Domain, "*.evil.example", ""},
		{store.Domain, strings.Repeat("a.", 127) + "example", ""},
		{store.Domain, "printer.local", ""},
		{store.IP, "[2606:4700::1111]", "2606:4700::1111"},
		{store.IP, "::ffff:8.8.8.8", "8.8.8.8"},
		{store.IP, "10.0.0.1", ""},
		{store.IP, "0.0.0.0", ""},
		{store.IP, "fe80::1%eth0", ""},
		{store.IP, "8.8.8.8:53", ""},
		{store.Port, "3333", "tcp/3333"},
		{store.Port, "UDP/053", "udp/53"},
		{store.Port, "tcp/0", ""},
		{store.Port, "tcp/65536", ""},
		{store.Port, "sctp/1", ""},
		{store.Technique, "t1059.004", "T1059.004"},
		{store.Technique, "T1059.4", ""},
		{store.Technique, "T10590", ""},
		{store.CVE, "cve-2026-1", "CVE-2026-1"},
		{store.CVE, "ghsa-2W6W-674q-4c4q", "GHSA-2w6w-674q-4c4q"},
		{store.Package, "pkg:npm/%40babel/core@7?x=1#y", "pkg:npm/%40babel/core@7"},
		{store.Package, "hydra", ""},
		{store.PackageName, "github.com/Azure/X", "github.com/azure/x"},
		{store.Layer, "sha256:" + hash("a"), "sha256:" + hash("a")},
		{store.Layer, hash("a"), ""},
		{store.Wallet, ethereum, strings.ToLower(ethereum)},
		{store.Process, "a\x00b\xff", "a\uFFFDb\uFFFD"},
		{store.Process, "", ""},
		{"colour", "red", ""},
	} {
		got, ok := fact.Clean(test.kind, test.in)
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("Clean(%s, %q) = %q, %t, want %q", test.kind, test.in, got, ok, test.want)
		}
	}
}

func TestIsWallet(t *testing.T) {
	for _, s := range []string{monero, ethereum, bitcoin, segwit, taproot, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"} {
		if !fact.IsWallet(s) {
			t.Errorf("%s is one", s)
		}
	}
	for _, s := range []string{
		"", "bob", bitcoin[1:], bitcoin + "1", monero[:94], monero + "0", ethereum[:41], strings.Replace(segwit, "q", "p", 1), "bc1qqqqqqqqqqqq",
		"11111111111111111111111111111111111", "0x" + hash("a"),
	} {
		if fact.IsWallet(s) {
			t.Errorf("%s is none", s)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, k := range fact.Kinds() {
		f.Add(string(k), "Evil.example. ")
	}
	f.Add("ip", "[::ffff:8.8.8.8]")
	f.Add("port", "udp/053")
	f.Add("package", "pkg:a ?b#c")
	f.Add("wallet", segwit)
	f.Fuzz(func(t *testing.T, kind, value string) {
		once, ok := fact.Clean(store.Kind(kind), value)
		if !ok {
			return
		}
		if once == "" || len(once) > fact.MaxValue || strings.Contains(once, "\x00") || strings.ToValidUTF8(once, "") != once {
			t.Errorf("Clean(%s, %q) = %q", kind, value, once)
		}
		if twice, ok := fact.Clean(store.Kind(kind), once); !ok || twice != once {
			t.Errorf("Clean(%s, %q) = %q, and of that %q, %t", kind, value, once, twice, ok)
		}
	})
}

func FuzzWallet(f *testing.F) {
	for _, s := range []string{monero, ethereum, bitcoin, segwit, taproot} {
		f.Add("-u " + s + ".x")
	}
	f.Fuzz(func(t *testing.T, s string) {
		fact.IsWallet(s)
		r := &detonaut.Report{Image: detonaut.Image{Config: detonaut.Config{Cmd: []string{s}}}}
		for _, w := range fact.Of(r) {
			if w.Kind != store.Wallet || !strings.Contains(strings.ToLower(s), strings.ToLower(w.Value)) {
				t.Errorf("Of a command %q: %v", s, w)
			}
		}
	})
}
