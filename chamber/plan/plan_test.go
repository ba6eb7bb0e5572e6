package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut/chamber/plan"
)

func valid() plan.Plan {
	return plan.Plan{
		Image: "/image.erofs", Digest: "sha256:00", Profile: plan.Default,
		Args: []string{"/bin/true", ""}, Env: []string{"A=b"}, Dir: "/", Hostname: "box",
		User:    plan.User{UID: 1, GID: 2, Groups: []uint32{2, 3}},
		Network: plan.None, Detail: plan.Normal, Limits: plan.DefaultLimits(),
	}
}

// change makes another plan of a valid one.
type change struct {
	name   string
	change func(*plan.Plan)
	want   string // part of the error; empty for none
}

func validate(t *testing.T, cases []change) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := valid()
			c.change(&p)
			err := p.Validate()
			if c.want == "" && err != nil {
				t.Errorf("got %v, want a valid plan", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	cases := []change{
		{"as it is", func(*plan.Plan) {}, ""},
		{"full detail", func(p *plan.Plan) { p.Detail = plan.Full }, ""},
		{"untraced", func(p *plan.Plan) { p.Detail = plan.Untraced }, ""},
		{"longest hostname", func(p *plan.Plan) { p.Hostname = strings.Repeat("a", 63) }, ""},
		{"no environment", func(p *plan.Plan) { p.Env = nil }, ""},

		{"no command", func(p *plan.Plan) { p.Args = nil }, "args: empty"},
		{"empty command", func(p *plan.Plan) { p.Args[0] = "" }, "args: empty"},
		{"many arguments", func(p *plan.Plan) { p.Args = strings.Fields(strings.Repeat("a ", 4097)) }, "args: more than 4096"},
		{"many variables", func(p *plan.Plan) { p.Env = strings.Fields(strings.Repeat("a ", 4097)) }, "args: more than 4096"},
		{"long argument", func(p *plan.Plan) { p.Args[1] = strings.Repeat("a", 128<<10+1) }, "args: a string"},
		{"NUL in an argument", func(p *plan.Plan) { p.Args[1] = "a\x00" }, "NUL"},
		{"NUL in a variable", func(p *plan.Plan) { p.Env[0] = "A=\x00" }, "NUL"},
		{"NUL in the directory", func(p *plan.Plan) { p.Dir = "/\x00" }, "NUL"},
		{"too long for a line of the tape", func(p *plan.Plan) {
			p.Args = append(p.Args, strings.Repeat("\x01", 20<<10), strings.Repeat("\x01", 20<<10))
		}, "bytes of JSON"},
		{"relative directory", func(p *plan.Plan) { p.Dir = "tmp" }, "dir: "},
		{"no directory", func(p *plan.Plan) { p.Dir = "" }, "dir: "},
		{"no hostname", func(p *plan.Plan) { p.Hostname = "" }, "hostname: "},
		{"long hostname", func(p *plan.Plan) { p.Hostname = strings.Repeat("a", 64) }, "hostname: "},
		{"unknown profile", func(p *plan.Plan) { p.Profile = "nap" }, `profile: "nap"`},
		{"unknown network", func(p *plan.Plan) { p.Network = "wifi" }, `network: "wifi" is unknown`},
		{"unknown detail", func(p *plan.Plan) { p.Detail = "" }, `detail: ""`},
		{"no time", func(p *plan.Plan) { p.Limits.Duration = 0 }, "limits.duration_ns: "},
		{"no memory", func(p *plan.Plan) { p.Limits.Memory = 0 }, "limits.memory: "},
		{"no processes", func(p *plan.Plan) { p.Limits.Processes = -1 }, "limits.processes: "},
		{"no file size", func(p *plan.Plan) { p.Limits.FileSize = 0 }, "limits.file_size: "},
		{"no disk", func(p *plan.Plan) { p.Limits.Disk = -1 }, "limits.disk: "},
		{"no output", func(p *plan.Plan) { p.Limits.Output = 0 }, "limits.output: "},
		{"no events", func(p *plan.Plan) { p.Limits.Events = 0 }, "limits.events: "},
	}
	validate(t, cases)
}

// TestValidateInternet holds what a plan says of the network to its mode.
func TestValidateInternet(t *testing.T) {
	egress := func(change func(*plan.Egress)) func(*plan.Plan) {
		return func(p *plan.Plan) {
			e := plan.DefaultEgress()
			e.Allow = []string{"*.example.com"}
			change(&e)
			p.Network, p.Internet.Egress = plan.Live, &e
		}
	}
	simulated := func(n plan.Internet) func(*plan.Plan) {
		return func(p *plan.Plan) { p.Network, p.Internet = plan.Simulated, n }
	}
	store := func(path string, kind plan.StoreKind) plan.Internet {
		return plan.Internet{Trust: []plan.TrustStore{{Path: path, Kind: kind}}}
	}
	answer := func(a plan.Answer) plan.Internet { return plan.Internet{Answers: []plan.Answer{a}} }
	cases := []change{
		{"simulated", simulated(plan.Internet{}), ""},
		{"simulated with everything", simulated(plan.Internet{
			ResolveRandom: true, NoProbe: true, Replay: "/record",
			Answers: []plan.Answer{{Host: "*", Path: "/a*", Status: 404, Headers: map[string]string{"A": "b"}, Body: "x"}},
			Trust:   []plan.TrustStore{{Path: "/etc/ssl/cert.pem", Kind: plan.PEMBundle}, {Path: "/etc/ssl/certs", Kind: plan.HashedDir}},
		}), ""},
		{"live", egress(func(*plan.Egress) {}), ""},
		{"live, recorded", func(p *plan.Plan) { egress(func(*plan.Egress) {})(p); p.Internet.Record = true }, ""},
		{"other ports and refusals", egress(func(e *plan.Egress) { e.Ports, e.Refuse = []uint16{8443}, []string{"192.0.2.0/24", "2001:db8::/32"} }), ""},

		{"live without bounds", func(p *plan.Plan) { p.Network = plan.Live }, "internet.egress: belongs to a live network"},
		{"bounds of a live one, simulated", func(p *plan.Plan) { egress(func(*plan.Egress) {})(p); p.Network = plan.Simulated }, "internet.egress: belongs"},
		{"bounds of a live one, none", func(p *plan.Plan) { egress(func(*plan.Egress) {})(p); p.Network = plan.None }, "internet.egress: belongs"},
		{"live, nothing allowed", egress(func(e *plan.Egress) { e.Allow = nil }), "internet.egress.allow: allows nothing"},
		{"live, a refusal that is no prefix", egress(func(e *plan.Egress) { e.Refuse = []string{"192.0.2.1"} }), "internet.egress.refuse: "},
		{"live, no bytes", egress(func(e *plan.Egress) { e.Bytes = 0 }), "internet.egress: bytes"},
		{"live, no connections", egress(func(e *plan.Egress) { e.Connections = -1 }), "internet.egress: bytes"},
		{"live, no rate", egress(func(e *plan.Egress) { e.Rate = 0 }), "internet.egress: bytes"},
		{"a record of a simulation", simulated(plan.Internet{Record: true}), "internet.record: "},
		{"a replay, live", func(p *plan.Plan) { egress(func(*plan.Egress) {})(p); p.Internet.Replay = "/record" }, "internet.replay: "},
		{"a replay without a network", func(p *plan.Plan) { p.Internet.Replay = "/record" }, "internet.replay: "},
		{"an answer for nobody", simulated(answer(plan.Answer{Body: "x"})), "internet.answers[0]: "},
		{"an answer of no status", simulated(answer(plan.Answer{Host: "*", Status: 99})), "internet.answers[0]: "},
		{"an answer that is none", simulated(answer(plan.Answer{Host: "*", Status: 100})), "internet.answers[0]: "},
		{"too many answers", simulated(plan.Internet{Answers: make([]plan.Answer, 257)}), "internet: more than 256"},
		{"too many trust stores", simulated(plan.Internet{Trust: make([]plan.TrustStore, 257)}), "internet: more than 256"},
		{"a relative trust store", simulated(store("etc/cert.pem", plan.PEMFile)), "internet.trust: "},
		{"a trust store outside", simulated(store("/etc/../../cert.pem", plan.JKS)), "internet.trust: "},
		{"a trust store with a NUL", simulated(store("/etc/\x00", plan.PKCS12)), "internet.trust: "},
		{"a trust store of no kind", simulated(store("/etc/cert.pem", "")), "internet.trust: "},
	}
	validate(t, cases)
}

func TestValidateNamesEverything(t *testing.T) {
	p := plan.Plan{}
	err := p.Validate()
	if err == nil {
		t.Fatal("an empty plan is valid")
	}
	for _, field := range []string{
		"args", "dir", "hostname", "profile", "network", "detail", "limits.duration_ns", "limits.memory",
		"limits.processes", "limits.file_size", "limits.disk", "limits.output", "limits.events",
	} {
		if !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

// FuzzPlan: a plan that is read from any JSON either is refused or means the
// same after a trip through JSON. It is what the chamber reads.
func FuzzPlan(f *testing.F) {
	live := valid()
	egress := plan.DefaultEgress()
	egress.Allow, egress.Ports, egress.Refuse = []string{"*"}, []uint16{443}, []string{"192.0.2.0/24"}
	live.Network, live.Internet = plan.Live, plan.Internet{
		Record: true, Egress: &egress, Answers: []plan.Answer{{Host: "*", Body: "x"}},
		Trust: []plan.TrustStore{{Path: "/etc/ssl/cert.pem", Kind: plan.PEMBundle}},
	}
	for _, p := range []plan.Plan{valid(), live} {
		b, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p plan.Plan
		if json.Unmarshal(text, &p) != nil || p.Validate() != nil {
			return
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again plan.Plan
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the plan changed (-once +twice):\n%s", diff)
		}
		if err := again.Validate(); err != nil {
			t.Errorf("valid at first, then: %v", err)
		}
	})
}

func TestValidateBaits(t *testing.T) {
	with := func(f plan.BaitFile) func(*plan.Plan) {
		return func(p *plan.Plan) { p.Baits.Files = []plan.BaitFile{f} }
	}
	validate(t, []change{
		{"files and variables", func(p *plan.Plan) {
			p.Baits = plan.Baits{Files: []plan.BaitFile{{Kind: plan.BaitAWS, Path: "/root/.aws", Base: "/root"}}, Env: plan.BaitVariables()}
		}, ""},
		{"below the root", with(plan.BaitFile{Kind: plan.BaitAWS, Path: "/.aws", Base: "/"}), ""},
		{"an unknown kind", with(plan.BaitFile{Kind: "x", Path: "/root/.aws", Base: "/root"}), `"x" is no kind of bait`},
		{"a relative path", with(plan.BaitFile{Kind: plan.BaitAWS, Path: "root/.aws", Base: "/root"}), "is not a clean absolute path"},
		{"a path that is not clean", with(plan.BaitFile{Kind: plan.BaitAWS, Path: "/root/../.aws", Base: "/root"}), "is not a clean absolute path"},
		{"elsewhere", with(plan.BaitFile{Kind: plan.BaitAWS, Path: "/rooted/.aws", Base: "/root"}), `"/rooted/.aws" is not below "/root"`},
		{"the base itself", with(plan.BaitFile{Kind: plan.BaitAWS, Path: "/root", Base: "/root"}), `is not below`},
		{"many", func(p *plan.Plan) { p.Baits.Files = make([]plan.BaitFile, 129) }, "baits.files: more than 128"},
		{"an unknown variable", func(p *plan.Plan) { p.Baits.Env = []string{"PATH"} }, `"PATH" is no variable that is planted`},
		{"a variable that is set", func(p *plan.Plan) {
			p.Baits.Env, p.Env = plan.BaitVariables()[:1], []string{plan.BaitVariables()[0] + "="}
		}, "is set already"},
	})
}
