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

func TestValidate(t *testing.T) {
	cases := []struct {
		name   string
		change func(*plan.Plan)
		want   string // part of the error; empty for none
	}{
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
		{"unknown network", func(p *plan.Plan) { p.Network = "live" }, `network: "live"`},
		{"unknown detail", func(p *plan.Plan) { p.Detail = "" }, `detail: ""`},
		{"no time", func(p *plan.Plan) { p.Limits.Duration = 0 }, "limits.duration_ns: "},
		{"no memory", func(p *plan.Plan) { p.Limits.Memory = 0 }, "limits.memory: "},
		{"no processes", func(p *plan.Plan) { p.Limits.Processes = -1 }, "limits.processes: "},
		{"no file size", func(p *plan.Plan) { p.Limits.FileSize = 0 }, "limits.file_size: "},
		{"no disk", func(p *plan.Plan) { p.Limits.Disk = -1 }, "limits.disk: "},
		{"no output", func(p *plan.Plan) { p.Limits.Output = 0 }, "limits.output: "},
		{"no events", func(p *plan.Plan) { p.Limits.Events = 0 }, "limits.events: "},
	}
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
	b, err := json.Marshal(valid())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
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
