package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/doctor"
)

// options are those of a machine on which a scan works.
func options(t *testing.T) doctor.Options {
	t.Helper()
	return doctor.Options{
		Config:   config.Default(),
		CacheDir: filepath.Join(t.TempDir(), "cache"),
		Probe:    []string{"/proc/self/exe", "-test.run=^$"},
		Chamber:  func(context.Context) (string, error) { return "devel", nil },
	}
}

// statuses are the outcomes by the names of the checks.
func statuses(checks []doctor.Check) map[string]doctor.Status {
	m := map[string]doctor.Status{}
	for _, c := range checks {
		m[c.Name] = c.Status
	}
	return m
}

// TestRun expects what every machine needs that runs the tests.
func TestRun(t *testing.T) {
	o := options(t)
	checks := doctor.Run(t.Context(), o)
	got := statuses(checks)
	for _, name := range []string{"platform", "namespaces", "seccomp", "chamber"} {
		if got[name] != doctor.OK {
			t.Errorf("%s is %s", name, got[name])
		}
	}
	for _, c := range checks {
		if c.Detail == "" || (c.Remedy == "") != (c.Status == doctor.OK) {
			t.Errorf("a check needs a detail, and a remedy unless it is ok: %+v", c)
		}
	}
	left, err := os.ReadDir(o.CacheDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s is left in the cache", left[0].Name())
	}
	if !doctor.Works(checks) {
		t.Errorf("a scan cannot work here: %+v", checks)
	}
}

// TestTrouble breaks one thing at a time.
func TestTrouble(t *testing.T) {
	for _, test := range []struct {
		check   string
		want    doctor.Status
		trouble func(t *testing.T, o *doctor.Options)
	}{
		{"chamber", doctor.Fail, func(_ *testing.T, o *doctor.Options) {
			o.Chamber = func(context.Context) (string, error) { return "", errors.New("none") }
		}},
		{"namespaces", doctor.Fail, func(_ *testing.T, o *doctor.Options) { o.Probe = []string{"/proc/self/exe", "-no-such-flag"} }},
		{"namespaces", doctor.Fail, func(_ *testing.T, o *doctor.Options) { o.Probe = []string{"/does/not/exist"} }},
		{"memory", doctor.Warn, func(_ *testing.T, o *doctor.Options) { o.Config.Run.Memory = 1 << 60 }},
		{"cache", doctor.Fail, func(t *testing.T, o *doctor.Options) {
			t.Helper()
			if err := os.WriteFile(o.CacheDir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.check, func(t *testing.T) {
			o := options(t)
			test.trouble(t, &o)
			checks := doctor.Run(t.Context(), o)
			if got := statuses(checks)[test.check]; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if got, want := doctor.Works(checks), test.want != doctor.Fail; got != want {
				t.Errorf("a scan works: got %t, want %t", got, want)
			}
		})
	}
}

// TestEngines shows what becomes of programs that are optional, and of those asked for.
func TestEngines(t *testing.T) {
	missing := errors.New("install it")
	for _, test := range []struct {
		show    string
		asked   bool
		warning string
		err     error
		want    doctor.Check
	}{
		{"there", false, "", nil, doctor.Check{Name: "thing", Status: doctor.OK, Detail: "thing 1"}},
		{"old", true, "renew it", nil, doctor.Check{Name: "thing", Status: doctor.Warn, Detail: "thing 1", Remedy: "renew it"}},
		{"missing", false, "", missing, doctor.Check{Name: "thing", Status: doctor.OK, Detail: "none; it is optional"}},
		{"missing and asked for", true, "", missing, doctor.Check{
			Name: "thing", Status: doctor.Fail, Detail: "install it", Remedy: "see to it, or take it out of the configuration",
		}},
	} {
		o := options(t)
		o.Engines = []doctor.Engine{{Name: "thing", Asked: test.asked, Find: func(context.Context) (string, string, error) {
			return "thing 1", test.warning, test.err
		}}}
		checks := doctor.Run(t.Context(), o)
		if diff := cmp.Diff(test.want, checks[len(checks)-1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.show, diff)
		}
	}
}

// TestOrder holds the checks to an order that does not change.
func TestOrder(t *testing.T) {
	var got []string
	for _, c := range doctor.Run(t.Context(), options(t)) {
		got = append(got, c.Name)
	}
	want := []string{"platform", "namespaces", "seccomp", "chamber", "cache", "memory", "cgroups"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
