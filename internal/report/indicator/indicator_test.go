package indicator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/indicator"
)

const (
	monero  = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
	bitcoin = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
	ja4     = "t13d1516h2_8daaf6152771_b186095e22b6"
)

func sum(c string) string { return strings.Repeat(c, 64) }

func example() *detonaut.Report {
	return &detonaut.Report{
		Image: detonaut.Image{Config: detonaut.Config{Env: []string{"PAY=" + bitcoin}}},
		Findings: []detonaut.Finding{
			{ID: "impact/mining-pool", Evidence: []detonaut.Evidence{{Events: []uint64{4, 8}, Summary: "stratum login to Pool.Example.org:3333"}}},
			{ID: "program/packed", Evidence: []detonaut.Evidence{
				{SHA256: sum("a"), Path: "/usr/bin/x", Layer: "sha256:1", Summary: "UPX"}, {SHA256: sum("b"), Path: "/tmp/y", Use: detonaut.DroppedRan},
			}},
			{ID: "network/bare-address", Evidence: []detonaut.Evidence{{Summary: "connect [2606:4700::1]:443 and http://45.32.1.9/run.sh"}}},
			{ID: "secret/key", Weakness: true, Evidence: []detonaut.Evidence{{SHA256: sum("c"), Summary: "quiet.example"}}},
			{ID: "config/x", Suppressed: &detonaut.Suppression{}, Evidence: []detonaut.Evidence{{SHA256: sum("d"), Events: []uint64{1}}}},
		},
		Run: &detonaut.Run{
			Network: "simulated",
			Names:   []string{"quiet.example", "localhost", "1.0.0.127.in-addr.arpa"},
			Connections: []detonaut.Connection{
				{Network: "tcp", Address: "52.1.1.1:3333", Name: "pool.example.org", Protocol: "stratum", Event: 3},
				{Network: "tcp", Address: "52.1.1.1:443", Event: 5},
				{Network: "tcp", Address: "45.32.1.9:80", Protocol: "http", Event: 6},
				{Network: "tcp", Address: "[2606:4700::1]:443", TLS: true, Errno: "ECONNREFUSED"},
				{Network: "tcp", Address: "93.184.216.34:80", Name: "live.example", Live: true},
				{Network: "tcp", Address: "5.5.5.5:23", Refused: "scan"},
				{Network: "tcp", Address: "10.0.0.1:22"},
				{Network: "tcp", Address: "169.254.169.254:80"},
				{Network: "icmp", Address: "9.9.9.9"},
				{Network: "udp", Address: "8.8.8.8:53", Name: "dns.google", Protocol: "dns", Sent: 40, Event: 8},
				{Network: "udp", Address: "9.9.9.10:53", Protocol: "dns", Sent: 40, Event: 8},
				{Network: "udp", Address: "[2600:1f18::ce]:53"},
				{Network: "udp", Address: "9.9.9.11:123", Sent: 48},
				{Network: "tcp", Address: "169.254.169.254:80", Name: "metadata.example"},
			},
			Requests: []detonaut.Request{
				{Method: "GET", URL: "http://45.32.1.9/run.sh", Event: 7},
				{Method: "POST", URL: "https://pool.example.org:8443/x", Sent: 12, Event: 8},
				{Method: "GET", URL: "http://52.1.1.1/made-up"},
				{Method: "GET", URL: "http://169.254.169.254/latest/meta-data"},
				{Method: "GET", URL: "http://metadata.google.internal/"},
				{Method: "GET", URL: "ftp://quiet.example/x"},
				{Method: "GET", URL: "http://long.example/" + strings.Repeat("x", 2000)},
			},
			Rejections: []detonaut.Rejection{{Name: "pinned.example", JA4: ja4}},
			Messages: []detonaut.Message{
				{Protocol: "stratum", Verb: "login", Fields: map[string]string{"user": monero + ".rig", "wallet": monero}, Remote: "pool.example.org:3333", Event: 4},
			},
			Baits: []detonaut.Bait{{Name: "aws-secret-key", Remote: "thief.example:443", Sent: true}, {Name: "aws-secret-key", Remote: "unsent.example:443"}},
			Payloads: []detonaut.Payload{
				{SHA256: sum("b"), Hows: []string{"executed", "deleted"}, Paths: []string{"/tmp/y"}},
				{SHA256: sum("e"), Hows: []string{"left"}, Paths: []string{"/etc/app.conf"}},
				{SHA256: sum("f"), Type: "script-shell", Hows: []string{"left"}, Paths: []string{"/tmp/loot"}, Events: []uint64{8}},
				{SHA256: sum("9"), Type: "data", Hows: []string{"left"}, Paths: []string{"/home/letter.locked"}, Events: []uint64{8}},
				{SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Hows: []string{"executed"}},
			},
			Processes: []detonaut.Process{{Executable: "/bin/sh", SHA256: sum("1"), Origin: "image"}, {Executable: "memfd:x", SHA256: sum("2"), Origin: "memory"}},
		},
	}
}

func TestOf(t *testing.T) {
	r := example()
	before, _ := json.Marshal(r)
	got := indicator.Of(r)
	if after, _ := json.Marshal(r); string(before) != string(after) {
		t.Error("it changed the report")
	}
	want := []indicator.Indicator{
		{Kind: "domain", Value: "pool.example.org", Ports: []string{"tcp/3333", "tcp/8443"}, Findings: []string{"impact/mining-pool"}, Seen: []string{"spoken to in stratum", "sent requests of HTTP", "was told stratum login"}},
		{Kind: "domain", Value: "live.example", Ports: []string{"tcp/80"}, Seen: []string{"connected to"}},
		{Kind: "domain", Value: "long.example", Ports: []string{"tcp/80"}, Seen: []string{"sent requests of HTTP"}},
		{Kind: "domain", Value: "pinned.example", Seen: []string{"asked for in TLS with a certificate of its own"}},
		{Kind: "domain", Value: "quiet.example", Seen: []string{"name that was looked up"}},
		{Kind: "domain", Value: "thief.example", Ports: []string{"tcp/443"}, Seen: []string{"was sent the planted aws-secret-key"}},
		{Kind: "url", Value: "http://45.32.1.9/run.sh", Findings: []string{"network/bare-address"}, Seen: []string{"asked for with GET"}},
		{Kind: "url", Value: "https://pool.example.org:8443/x", Findings: []string{"impact/mining-pool"}, Seen: []string{"asked for with POST, with 12 bytes"}},
		{Kind: "ip", Value: "2606:4700::1", Ports: []string{"tcp/443"}, Findings: []string{"network/bare-address"}, Seen: []string{"connection that failed"}},
		{Kind: "ip", Value: "45.32.1.9", Ports: []string{"tcp/80"}, Findings: []string{"network/bare-address"}, Seen: []string{"spoken to in http", "sent requests of HTTP"}},
		{Kind: "ip", Value: "9.9.9.10", Ports: []string{"udp/53"}, Findings: []string{"impact/mining-pool"}, Seen: []string{"spoken to in dns"}},
		{Kind: "ip", Value: "9.9.9.11", Ports: []string{"udp/123"}, Seen: []string{"connected to"}},
		{Kind: "ip", Value: "9.9.9.9", Seen: []string{"pinged"}},
		{Kind: "ip", Value: "93.184.216.34", Ports: []string{"tcp/80"}, Seen: []string{"connected to"}},
		{Kind: "sha256", Value: sum("a"), Findings: []string{"program/packed"}, Seen: []string{"in the image: /usr/bin/x"}},
		{Kind: "sha256", Value: sum("b"), Findings: []string{"program/packed"}, Seen: []string{"made by the run, executed and deleted: /tmp/y", "made by the run, executed: /tmp/y"}},
		{Kind: "sha256", Value: sum("f"), Findings: []string{"impact/mining-pool"}, Seen: []string{"made by the run, left behind: /tmp/loot"}},
		{Kind: "sha256", Value: sum("2"), Seen: []string{"made by the run, executed: memfd:x"}},
		{Kind: "wallet", Value: monero, Findings: []string{"impact/mining-pool"}, Seen: []string{"account that pools were told"}},
		{Kind: "wallet", Value: bitcoin, Seen: []string{"in the configuration of the image"}},
		{Kind: "ja4", Value: ja4, Seen: []string{"client of TLS that took no certificate but its own"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 5 {
		if diff := cmp.Diff(got, indicator.Of(example())); diff != "" {
			t.Errorf("the second time is different:\n%s", diff)
		}
	}
}

func TestOfNothing(t *testing.T) {
	for _, r := range []*detonaut.Report{{}, {Run: &detonaut.Run{}}} {
		if got := indicator.Of(r); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	}
}

// However much the subject did, what is told is bounded, and what was found comes first.
func TestBounds(t *testing.T) {
	r := &detonaut.Report{Run: &detonaut.Run{}}
	for i := range 3000 {
		n := uint64(i)
		r.Run.Connections = append(r.Run.Connections, detonaut.Connection{Network: "tcp", Address: fmt.Sprintf("52.0.%d.%d:%d", i/256, i%256, i+1), Name: fmt.Sprintf("n%d.example", i), Event: n})
		r.Run.Connections = append(r.Run.Connections, detonaut.Connection{Network: "tcp", Address: "45.1.1.1:80", Name: "", Protocol: fmt.Sprint(i), Event: n})
	}
	r.Findings = []detonaut.Finding{{ID: "a/b", Evidence: []detonaut.Evidence{{Events: []uint64{2999}}}}}
	got, left := indicator.Collect(r)
	if len(got) != indicator.Max+1 || left != 2000 || got[0].Value != "n2999.example" {
		t.Errorf("got %d, %d left out, the first %q", len(got), left, got[0].Value)
	}
	if last := got[len(got)-1]; last.Kind != indicator.IP || len(last.Seen) != indicator.MaxSeen {
		t.Errorf("got %+v", last)
	}
}

func TestDefanged(t *testing.T) {
	for _, test := range []struct {
		kind        indicator.Kind
		value, want string
	}{
		{"domain", "a.example.org", "a[.]example[.]org"},
		{"ip", "45.32.1.9", "45[.]32[.]1[.]9"},
		{"ip", "2606:4700::1", "2606[:]4700[:][:]1"},
		{"url", "https://a.example/x.sh?u=http://b.example/", "hxxps://a[.]example/x.sh?u=http[:]//b.example/"},
		{"url", "HTTP://1.2.3.4?a.b", "HxxP://1[.]2[.]3[.]4?a.b"},
		{"url", "no", "no"},
		{"sha256", "ab", "ab"},
		{"wallet", "http://x", "http[:]//x"},
	} {
		if got := (indicator.Indicator{Kind: test.kind, Value: test.value}).Defanged(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.value, got, test.want)
		}
	}
}
